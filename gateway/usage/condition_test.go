package usage

import (
	"net/http"
	"testing"
	"time"

	"windhover/config"
)

func compiled(t *testing.T, source string, compile func(config.Text, []string) (*Condition, config.Problems)) *Condition {
	t.Helper()
	c, problems := compile(config.Text{Value: source}, []string{"region"})
	if problems != nil {
		t.Fatalf("compile %s: %v", source, problems)
	}
	return c
}

func TestFaultReadsTheBodyOfAnError(t *testing.T) {
	t.Parallel()
	c := compiled(t, `status >= 500 or status == 400 and first("error.type") == "overloaded_error" or header("X-Fault") == "yes"`, CompileFault)
	if !c.ReadsBody() {
		t.Error("ReadsBody() = false, want true")
	}
	for _, test := range []struct {
		status int
		header http.Header
		body   string
		want   bool
	}{
		{503, nil, "", true},
		{400, nil, `{"error":{"type":"overloaded_error"}}`, true},
		{400, nil, `{"error":{"type":"invalid_request_error"}}`, false},
		{400, nil, `{"error":{"type":"overloaded_error"}`, false}, // no JSON
		{400, nil, "", false},
		{429, http.Header{"X-Fault": {"yes"}}, "", true},
		{200, nil, "", false},
	} {
		if got := c.Holds(Exchange{Status: test.status, Header: test.header}, []byte(test.body)); got != test.want {
			t.Errorf("%d %v %s: Holds() = %v, want %v", test.status, test.header, test.body, got, test.want)
		}
	}
}

func TestOnAsksAttempts(t *testing.T) {
	t.Parallel()
	c := compiled(t, `(status == 429 or status >= 500 or end == "timeout_header") and attempt < 3 and elapsed < 10`, CompileOn)
	for _, test := range []struct {
		x    Exchange
		want bool
	}{
		{Exchange{Status: 429, Attempt: 1}, true},
		{Exchange{Status: 400, Attempt: 1}, false},
		{Exchange{End: EndTimeoutHeader, Attempt: 2, Elapsed: 9 * time.Second}, true},
		{Exchange{End: EndUpstreamError, Attempt: 2}, false},
		{Exchange{Status: 503, Attempt: 3}, false},
		{Exchange{Status: 503, Attempt: 1, Elapsed: 10 * time.Second}, false},
	} {
		if got := c.Holds(test.x, nil); got != test.want {
			t.Errorf("%+v: Holds() = %v, want %v", test.x, got, test.want)
		}
	}
}

// Without an answer there is no status, so that neither `status < 500` nor `status != 200` is meant.
func TestAttemptWithoutAnAnswerHasNoStatus(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{`status < 500`: false, `status >= 0`: false, `status == nil`: true} {
		if got := compiled(t, source, CompileOn).Holds(Exchange{End: EndConnectError}, nil); got != want {
			t.Errorf("%s = %v, want %v", source, got, want)
		}
	}
}

func TestMistakesInConditionsAreExplained(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		compile func(config.Text, []string) (*Condition, config.Problems)
		source  string
		want    string
	}{
		{CompileFault, `status`, "the expression gives a number; this place needs true or false"},
		{CompileFault, `event == "error"`, "`fault` is asked of a whole answer: it cannot use event"},
		{CompileFault, `attempt > 1`, "unknown name attempt; the names are path, method and status; text stands in quotes"},
		{CompileFault, `param("zone") == "eu"`, "the provider's path has no variable zone; known are region"},
		{CompileOn, `first("error.type") == "x"`, "`on` is asked before the body is read: it cannot use the event's JSON"},
		{CompileOn, `elapsd > 1`, "unknown name elapsd; did you mean elapsed?"},
		{CompileOn, `429`, "the expression gives a number; this place needs true or false"},
	} {
		c, problems := test.compile(config.Text{Value: test.source, Path: "p"}, []string{"region"})
		if c != nil || len(problems) != 1 || problems[0].Message != test.want {
			t.Errorf("%s: %v, %v, want %s", test.source, c, problems, test.want)
		}
	}
}
