package main

import (
	"fmt"
	"testing"

	"windhover/gateway/usage"
)

func TestCompareUsage(t *testing.T) {
	t.Parallel()
	var u usage.Usage
	u.SetText(usage.Model, "gpt-5")
	u.SetNumber(usage.InputTokens, usage.Whole(12))
	u.SetNumber(usage.OutputTokens, usage.Whole(9007199254740993))
	u.SetNumber(usage.ReasoningTokens, usage.Whole(0))
	u.SetNumber(usage.Seconds, usage.Decimal(3.5))
	u.SetNumber(usage.Searches, usage.Whole(2))

	for _, c := range []struct{ name, want, differences string }{
		{"all as listed", `{"model":"gpt-5","input_tokens":12,"output_tokens":9007199254740993,"seconds":3.50}`, "[]"},
		{"a listed 0 may be absent", `{"input_tokens":12,"output_tokens":9007199254740993,"cache_read_tokens":0}`, "[]"},
		{"whole numbers are exact", `{"input_tokens":12,"output_tokens":9007199254740992}`, "[output_tokens: got 9007199254740993, want 9007199254740992]"},
		{"counts must be listed", `{}`, "[input_tokens: got 12, want nothing output_tokens: got 9007199254740993, want nothing]"},
		{"null is nothing", `{"input_tokens":12,"output_tokens":9007199254740993,"searches":null}`, "[searches: got 2, want nothing]"},
		{"each difference is named", `{"model":"gpt-4","input_tokens":13,"output_tokens":9007199254740993,"cache_write_tokens":1,"pages":1}`,
			`[input_tokens: got 12, want 13 cache_write_tokens: got nothing, want 1 pages: got nothing, want 1 model: got "gpt-5", want "gpt-4"]`},
	} {
		want, err := parseExpected([]byte(c.want))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(compareUsage(&u, want)); got != c.differences {
			t.Errorf("%s: compareUsage() = %s, want %s", c.name, got, c.differences)
		}
	}
}

func TestParseExpectedRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"input_token":1}`:       "unknown field input_token; did you mean input_tokens?",
		`{"colour":1}`:            "unknown field colour",
		`{"input_tokens":"many"}`: "input_tokens cannot be many",
		`{"model":5}`:             "model cannot be 5",
		`{} {}`:                   "more follows after the object",
		`[]`:                      "decode: json: cannot unmarshal array into Go value of type map[string]interface {}",
	} {
		if _, err := parseExpected([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("parseExpected(%s) = %v, want %s", text, err, want)
		}
	}
}
