package usage

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const tracedRules = `
usage:
  a:
    - fields:
        model: first("model", request("model"))
      end: data == "[DONE]"
    - from: usage
      fields:
        input_tokens: first("in")
        output_tokens: first("out")
    - where: event == "extra"
      from: usage
      merge: sum
      fields:
        output_tokens: first("out")
    - fields:
        searches: header("X-Searches")
    - fields:
        pages: first("pages")
    - consumes: true
`

func tracedExchange() Exchange {
	x := answer("text/event-stream")
	x.Header["X-Searches"] = []string{"2"}
	x.Request = func() []byte { return []byte(`{"model":"asked"}`) }
	return x
}

const tracedBody = "data: {\"secret words\":1,\"usage\":{\"in\":5,\"out\":1}}\n\n" +
	"data: {\"text\":\"a secret\"}\n\n" +
	"event: extra\ndata: {\"usage\":{\"out\":7}}\n\n" +
	"event: extra\ndata: {\"usage\":{\"out\":2}}\n\n" +
	"data: [DONE]\n\n"

// traced reads tracedBody and checks that the tracing changes nothing.
func traced(t *testing.T) (*Tracer, Result) {
	t.Helper()
	rules := compileYAML(t, tracedRules)
	tracer, plain := rules.Trace(tracedExchange()), rules.Observe(tracedExchange())
	tracer.Write([]byte(tracedBody))
	plain.Write([]byte(tracedBody))
	got, want := tracer.Close(true), plain.Close(true)
	if got.Usage != want.Usage || got.State != want.State || got.Events != want.Events {
		t.Errorf("Result = %+v, want as without tracing %+v", got, want)
	}
	return tracer, got
}

func TestTraceTellsEventByEventWhatRulesSet(t *testing.T) {
	t.Parallel()
	tracer, _ := traced(t)
	var got strings.Builder
	for _, e := range tracer.Events {
		fmt.Fprintf(&got, "%d %q %d %q %v\n", e.Number, e.Name, e.Size, e.Outline, e.Set)
	}
	want := `1 "" 43 "secret words usage" [{usage.a[1] input_tokens 5} {usage.a[1] output_tokens 1}]
2 "" 19 "text" []
3 "extra" 19 "usage" [{usage.a[1] output_tokens 7} {usage.a[2] output_tokens 7}]
4 "extra" 19 "usage" [{usage.a[1] output_tokens 2} {usage.a[2] output_tokens 9}]
5 "" 6 "[DONE]" []
`
	if got.String() != want {
		t.Errorf("Events =\n%swant\n%s", got.String(), want)
	}
	if got, want := fmt.Sprint(tracer.Base), "[{usage.a[0] model asked} {usage.a[3] searches 2}]"; got != want {
		t.Errorf("Base = %s, want %s", got, want)
	}
}

func TestTraceTellsWhatDecidedAField(t *testing.T) {
	t.Parallel()
	tracer, _ := traced(t)
	for field, want := range map[Field]string{
		InputTokens:  "event 1, usage.a[1]",
		OutputTokens: "event 4, usage.a[2]",
		Searches:     "no event, usage.a[3]",
		Model:        "no event, usage.a[0]",
	} {
		if got, ok := tracer.Origin(field); !ok || got.String() != want {
			t.Errorf("Origin(%s) = %s, %v, want %s", field, got, ok, want)
		}
	}
	if got, ok := tracer.Origin(Pages); ok {
		t.Errorf("Origin(pages) = %s, want none", got)
	}
}

func TestTraceTellsWhichRulesHadAPart(t *testing.T) {
	t.Parallel()
	tracer, _ := traced(t)
	for rule, want := range map[string]bool{
		"usage.a[0]": true, "usage.a[1]": true, "usage.a[2]": true, "usage.a[3]": true, "usage.a[4]": false, "usage.a[5]": true,
	} {
		if got := tracer.Used(rule); got != want {
			t.Errorf("Used(%s) = %v, want %v", rule, got, want)
		}
	}
}

func TestTraceWithoutAnyRuleFindsNothing(t *testing.T) {
	t.Parallel()
	rules := compileYAML(t, `usage: {a: [{when: status == 404, fields: {model: first("model")}}]}`)
	tracer := rules.Trace(answer("application/json"))
	tracer.Write([]byte(`{"model":"m"}`))
	if res := tracer.Close(true); res.State != None || len(tracer.Events) != 0 || tracer.Used("usage.a[0]") {
		t.Errorf("Close() = %+v after %v, want nothing", res, tracer.Events)
	}
}

func TestOutlineHoldsNoContent(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		`{"a":"secret","b":[1]}`:                 "a b",
		` {"type":"x"} `:                         "type",
		"[DONE]":                                 "[DONE]",
		"[SECRET WORDS]":                         "",
		`["secret"]`:                             "",
		"secret":                                 "",
		"":                                       "",
		"[":                                      "",
		`{"` + strings.Repeat("k", 100) + `":1}`: strings.Repeat("k", 60),
	} {
		if got := outline([]byte(data)); got != want {
			t.Errorf("outline(%s) = %q, want %q", data, got, want)
		}
	}
}

func TestARuleNamesItsPlaceInTheFile(t *testing.T) {
	t.Parallel()
	rules := compileYAML(t, `usage: {a: [{when: status == 404, fields: {model: first("model")}}, {consumes: false}]}`)
	if got, want := fmt.Sprint(rules.Names()), "[usage.a[0] usage.a[1]]"; got != want {
		t.Errorf("Names() = %s, want %s", got, want)
	}
	x := Exchange{Status: 404, Header: http.Header{}}
	if got, want := fmt.Sprint(rules.Applying(x)), "[usage.a[0] usage.a[1]]"; got != want {
		t.Errorf("Applying() = %s, want %s", got, want)
	}
}
