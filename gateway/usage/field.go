package usage

// Field is one thing a rule can report. The names are those of the file, the records and the metrics; the meaning is
// fixed, and a rule's job is to translate a provider's numbers into it.
type Field uint8

// The fields. Counts are whole numbers of tokens unless said otherwise.
const (
	InputTokens        Field = iota // ALL prompt tokens, cache reads and writes included
	OutputTokens                    // ALL generated tokens, reasoning included
	CacheReadTokens                 // part of InputTokens
	CacheWriteTokens                // part of InputTokens
	CacheWrite5mTokens              // part of CacheWriteTokens
	CacheWrite1hTokens              // part of CacheWriteTokens
	ReasoningTokens                 // part of OutputTokens
	InputAudioTokens                // part of InputTokens
	OutputAudioTokens               // part of OutputTokens
	InputImageTokens                // part of InputTokens
	OutputImageTokens               // part of OutputTokens
	TotalTokens                     // only compared with InputTokens + OutputTokens
	Images
	Seconds // a decimal
	Characters
	Searches
	Pages
	ReportedCostUSD // a decimal, what the provider says it charged

	numberFields // how many fields hold numbers; those below hold text

	Model = iota - 1
	ServiceTier
	ResponseID

	allFields = iota - 1
)
