package price

import (
	"windhover/config"
	"windhover/gateway/usage"
)

// Unit is one thing that a row has a rate for. Every token of an answer is in exactly one of them.
type Unit uint8

// The units. The order is that of the lines of a bill.
const (
	Input          Unit = iota // of text, or of whatever has no rate of its own; neither read from a cache nor written to one
	CacheRead                  // likewise
	CacheReadAudio             //
	CacheReadImage             //
	cacheReadVideo             // has no rate of its own in any row
	CacheWrite                 // for 5 minutes, or a time not told
	CacheWrite1h               //
	InputAudio                 //
	InputImage                 //
	InputVideo                 //
	Output                     // of text, and no reasoning
	Reasoning                  //
	OutputAudio                //
	OutputImage                //
	OutputVideo                //
	Image
	Second
	Character
	Page
	Search
	Request

	units // how many there are
)

// String is the unit's key in a row.
func (u Unit) String() string {
	if u >= units {
		return "unknown"
	}
	return [units]string{
		Input: "input", CacheRead: "cache_read", CacheReadAudio: "cache_read_audio", CacheReadImage: "cache_read_image",
		CacheWrite: "cache_write", CacheWrite1h: "cache_write_1h",
		InputAudio: "input_audio", InputImage: "input_image", InputVideo: "input_video",
		Output: "output", Reasoning: "reasoning", OutputAudio: "output_audio", OutputImage: "output_image", OutputVideo: "output_video",
		cacheReadVideo: "cache_read_video",
		Image:          "image", Second: "second", Character: "character", Page: "page", Search: "search", Request: "request",
	}[u]
}

// MarshalText is the unit's key.
func (u Unit) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// tokens reports whether the unit counts tokens: rates are for a million of them then.
func (u Unit) tokens() bool { return u < Image }

// discounted reports whether a mode's factor concerns the unit: searches and requests cost the same in every mode.
func (u Unit) discounted() bool { return u != Search && u != Request }

// instead is the unit whose rate counts where a row gives none for u.
func (u Unit) instead() (Unit, bool) {
	switch u {
	case CacheRead, CacheWrite, InputAudio, InputImage, InputVideo:
		return Input, true
	case CacheWrite1h:
		return CacheWrite, true
	case CacheReadAudio, CacheReadImage, cacheReadVideo:
		return CacheRead, true
	case Reasoning, OutputAudio, OutputImage, OutputVideo:
		return Output, true
	}
	return 0, false
}

// uncached is the unit that the same tokens would be in without a cache.
func (u Unit) uncached() (Unit, bool) {
	switch u {
	case CacheRead:
		return Input, true
	case CacheReadAudio:
		return InputAudio, true
	case CacheReadImage:
		return InputImage, true
	case cacheReadVideo:
		return InputVideo, true
	}
	return 0, false
}

// field is the field of the usage that a unit other than tokens is counted by.
func (u Unit) field() (usage.Field, bool) {
	switch u {
	case Image:
		return usage.Images, true
	case Second:
		return usage.Seconds, true
	case Character:
		return usage.Characters, true
	case Page:
		return usage.Pages, true
	case Search:
		return usage.Searches, true
	}
	return 0, false
}

// rateOf is the unit's rate as the file gives it.
func rateOf(r *config.PriceRates, u Unit) config.Decimal {
	switch u {
	case Input:
		return r.Input
	case CacheRead:
		return r.CacheRead
	case CacheReadAudio:
		return r.CacheReadAudio
	case CacheReadImage:
		return r.CacheReadImage
	case CacheWrite:
		return r.CacheWrite
	case CacheWrite1h:
		return r.CacheWrite1h
	case InputAudio:
		return r.InputAudio
	case InputImage:
		return r.InputImage
	case InputVideo:
		return r.InputVideo
	case Output:
		return r.Output
	case Reasoning:
		return r.Reasoning
	case OutputAudio:
		return r.OutputAudio
	case OutputImage:
		return r.OutputImage
	case OutputVideo:
		return r.OutputVideo
	case Image:
		return r.Image
	case Second:
		return r.Second
	case Character:
		return r.Character
	case Page:
		return r.Page
	case Search:
		return r.Search
	case Request:
		return r.Request
	}
	return config.Decimal{}
}

// unitSet is a set of units.
type unitSet uint32

func (s unitSet) has(u Unit) bool { return s&(1<<u) != 0 }
func (s *unitSet) add(u Unit)     { *s |= 1 << u }
