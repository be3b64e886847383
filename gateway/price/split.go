package price

import (
	"math"

	"windhover/gateway/usage"
)

// counts are how much of each unit an answer used. Those of tokens are disjoint: together they are never more than the
// totals that the answer reported. Seconds are counted in millionths.
type counts struct {
	n     [units]uint64
	told  unitSet // what the answer said something about, 0 included
	input uint64  // all input tokens, which tiers are chosen by
	vast  bool    // more seconds than can be counted
}

// split takes an answer's numbers apart into units. Providers report totals with their parts; what cannot be counts as
// usage.Countable says. Writes are what of cache writes the row has rates for: the rest is input like any other.
func split(u *usage.Usage, writes unitSet) counts {
	var c counts
	c.splitInput(u, writes)
	c.splitOutput(u)
	for unit := Image; unit <= Search; unit++ {
		field, _ := unit.field()
		if _, told := u.Number(field); told {
			c.told.add(unit)
			c.n[unit] = count(u, field)
		}
	}
	if c.told.has(Second) {
		c.n[Second], c.vast = micros(u.Countable(usage.Seconds))
	}
	return c
}

// splitInput takes what was read from a cache off the text first, then off audio, images and video; then what was written to
// one. Where the answer says how much of the audio or the images was cached, no more is taken off them.
func (c *counts) splitInput(u *usage.Usage, writes unitSet) {
	read, readAudio, readImage := count(u, usage.CacheReadTokens), count(u, usage.CacheReadAudioTokens), count(u, usage.CacheReadImageTokens)
	written, written1h := count(u, usage.CacheWriteTokens), count(u, usage.CacheWrite1hTokens)
	audio, image, video := count(u, usage.InputAudioTokens), count(u, usage.InputImageTokens), count(u, usage.InputVideoTokens)
	if !told(u, usage.CacheReadTokens) {
		read = readAudio + readImage
	}
	if !told(u, usage.CacheWriteTokens) {
		written = count(u, usage.CacheWrite5mTokens) + written1h
	}
	total := count(u, usage.InputTokens)
	if !told(u, usage.InputTokens) {
		total = max(read+written, audio+image+video)
	}
	if told(u, usage.InputTokens) || told(u, usage.CacheReadTokens) || total > 0 {
		c.told |= 1<<Input | 1<<CacheRead | 1<<CacheReadAudio | 1<<CacheReadImage | 1<<CacheWrite | 1<<CacheWrite1h |
			1<<InputAudio | 1<<InputImage | 1<<InputVideo
	}
	c.input = total

	text := total
	audio = take(&text, audio)
	image = take(&text, image)
	video = take(&text, video)

	read = min(read, total)
	c.n[CacheReadAudio] = take(&read, min(readAudio, audio))
	c.n[CacheReadImage] = take(&read, min(readImage, image))
	audio -= c.n[CacheReadAudio]
	image -= c.n[CacheReadImage]
	c.n[CacheRead] = move(&text, &read)
	if !told(u, usage.CacheReadAudioTokens) {
		c.n[CacheReadAudio] += move(&audio, &read)
	}
	if !told(u, usage.CacheReadImageTokens) {
		c.n[CacheReadImage] += move(&image, &read)
	}
	c.n[cacheReadVideo] = move(&video, &read)
	c.n[CacheReadAudio] += move(&audio, &read) // more was cached than all that is said to be of
	c.n[CacheReadImage] += move(&image, &read)

	hour := min(written1h, written)
	minutes := written - hour
	for _, from := range []*uint64{&text, &audio, &image, &video} {
		if writes.has(CacheWrite1h) {
			c.n[CacheWrite1h] += move(from, &hour)
		}
		if writes.has(CacheWrite) {
			c.n[CacheWrite] += move(from, &minutes)
		}
	}
	c.n[Input], c.n[InputAudio], c.n[InputImage], c.n[InputVideo] = text, audio, image, video
}

func (c *counts) splitOutput(u *usage.Usage) {
	audio, image, video := count(u, usage.OutputAudioTokens), count(u, usage.OutputImageTokens), count(u, usage.OutputVideoTokens)
	reasoning := count(u, usage.ReasoningTokens)
	text := count(u, usage.OutputTokens)
	if !told(u, usage.OutputTokens) {
		text = audio + image + video + reasoning
	}
	if told(u, usage.OutputTokens) || text > 0 {
		c.told |= 1<<Output | 1<<Reasoning | 1<<OutputAudio | 1<<OutputImage | 1<<OutputVideo
	}
	c.n[OutputAudio] = take(&text, audio)
	c.n[OutputImage] = take(&text, image)
	c.n[OutputVideo] = take(&text, video)
	c.n[Reasoning] = take(&text, reasoning)
	c.n[Output] = text
}

// take takes up to n out of from, and returns how much it was.
func take(from *uint64, n uint64) uint64 {
	n = min(n, *from)
	*from -= n
	return n
}

// move takes as much out of both as both have.
func move(from, n *uint64) uint64 {
	moved := take(from, *n)
	*n -= moved
	return moved
}

func told(u *usage.Usage, f usage.Field) bool {
	_, is := u.Number(f)
	return is
}

// maxCount is where usage.Countable stops to believe a number.
const maxCount = 1 << 53

// count is a field's whole number; what cannot be is 0. A part may be above its total: that is seen to where they are split.
func count(u *usage.Usage, f usage.Field) uint64 {
	x, _ := u.Number(f)
	n, whole := x.Int()
	if !whole || n < 0 || n > maxCount {
		return 0
	}
	return uint64(n)
}

// micros is a number of seconds in millionths.
func micros(seconds usage.Number) (n uint64, vast bool) {
	const most = math.MaxInt64 / million
	if s := seconds.Float(); s > most {
		return 0, true
	}
	if s, ok := seconds.Int(); ok {
		return uint64(s) * million, false
	}
	return uint64(math.RoundToEven(seconds.Float() * million)), false
}
