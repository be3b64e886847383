package usage

import "iter"

// Field is one thing a rule can report. The names are those of the file, the records and the metrics; the meaning is
// fixed, and a rule's job is to translate a provider's numbers into it.
type Field uint8

// The fields that hold numbers: whole ones, and of tokens, unless said otherwise.
const (
	InputTokens          Field = iota // ALL prompt tokens, cache reads and writes included
	OutputTokens                      // ALL generated tokens, reasoning included
	CacheReadTokens                   // part of InputTokens
	CacheReadAudioTokens              // part of CacheReadTokens and of InputAudioTokens
	CacheReadImageTokens              // part of CacheReadTokens and of InputImageTokens
	CacheWriteTokens                  // part of InputTokens
	CacheWrite5mTokens                // part of CacheWriteTokens
	CacheWrite1hTokens                // part of CacheWriteTokens
	ReasoningTokens                   // part of OutputTokens
	InputAudioTokens                  // part of InputTokens
	OutputAudioTokens                 // part of OutputTokens
	InputImageTokens                  // part of InputTokens
	OutputImageTokens                 // part of OutputTokens
	InputVideoTokens                  // part of InputTokens
	OutputVideoTokens                 // part of OutputTokens
	TotalTokens                       // only compared with InputTokens + OutputTokens
	Images                            // pictures made
	Seconds                           // of audio, video or computing; a decimal
	Characters
	Searches // web searches made for the answer
	Pages
	ReportedCostUSD // what the provider says it charged; a decimal

	numberFields // how many fields hold numbers
)

// The fields that hold text.
const (
	Model       = numberFields + iota // the model that answered
	ServiceTier                       // what the provider calls the class it served and charged the request in
	ResponseID
	Region // where the answer was made, if the price depends on it

	allFields // how many fields there are
)

// String is the field's name in the file and in records.
func (f Field) String() string {
	if f >= allFields {
		return "unknown"
	}
	return [allFields]string{
		InputTokens:          "input_tokens",
		OutputTokens:         "output_tokens",
		CacheReadTokens:      "cache_read_tokens",
		CacheReadAudioTokens: "cache_read_audio_tokens",
		CacheReadImageTokens: "cache_read_image_tokens",
		CacheWriteTokens:     "cache_write_tokens",
		CacheWrite5mTokens:   "cache_write_5m_tokens",
		CacheWrite1hTokens:   "cache_write_1h_tokens",
		ReasoningTokens:      "reasoning_tokens",
		InputAudioTokens:     "input_audio_tokens",
		OutputAudioTokens:    "output_audio_tokens",
		InputImageTokens:     "input_image_tokens",
		OutputImageTokens:    "output_image_tokens",
		InputVideoTokens:     "input_video_tokens",
		OutputVideoTokens:    "output_video_tokens",
		TotalTokens:          "total_tokens",
		Images:               "images",
		Seconds:              "seconds",
		Characters:           "characters",
		Searches:             "searches",
		Pages:                "pages",
		ReportedCostUSD:      "reported_cost_usd",
		Model:                "model",
		ServiceTier:          "service_tier",
		ResponseID:           "response_id",
		Region:               "region",
	}[f]
}

// MarshalText is the field's name.
func (f Field) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// ParseField is the field of that name.
func ParseField(name string) (Field, bool) {
	for f := range allFields {
		if f.String() == name {
			return f, true
		}
	}
	return 0, false
}

// Fields are all fields, numbers first.
func Fields() iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for f := range allFields {
			if !yield(f) {
				return
			}
		}
	}
}

// Number reports whether the field holds a number; it holds text otherwise.
func (f Field) Number() bool { return f < numberFields }

// whole reports whether the field counts things, so that a fraction in it cannot be.
func (f Field) whole() bool { return f.Number() && f != Seconds && f != ReportedCostUSD }

// total is the field that f is a part of. A part above its total cannot be.
func (f Field) total() (Field, bool) {
	switch f {
	case CacheReadTokens, CacheWriteTokens, InputAudioTokens, InputImageTokens, InputVideoTokens:
		return InputTokens, true
	case CacheReadAudioTokens, CacheReadImageTokens:
		return CacheReadTokens, true
	case CacheWrite5mTokens, CacheWrite1hTokens:
		return CacheWriteTokens, true
	case ReasoningTokens, OutputAudioTokens, OutputImageTokens, OutputVideoTokens:
		return OutputTokens, true
	}
	return 0, false
}

// fieldNames are the names of all fields.
func fieldNames() []string {
	names := make([]string, 0, allFields)
	for f := range allFields {
		names = append(names, f.String())
	}
	return names
}
