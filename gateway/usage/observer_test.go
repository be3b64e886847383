package usage

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"windhover/config"
	"windhover/gateway/stream"
)

// compileYAML binds all sets of a file's `fields` and `usage`, in the order of their names.
func compileYAML(t testing.TB, yaml string) *Rules {
	t.Helper()
	file := loadYAML(t, yaml)
	sets, problems := Compile(file)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var names []string
	for name := range file.Usage {
		names = append(names, name)
	}
	slices.Sort(names)
	rules, problems := sets.Bind(setNames(names...))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return rules
}

func loadYAML(t testing.TB, yaml string) *config.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "providers.yaml")
	if err := os.WriteFile(path, []byte("version: 1\n"+yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := config.Load(path, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// answer is an exchange with a good answer of that content type.
func answer(contentType string) Exchange {
	return Exchange{Method: "POST", Path: "/v1/chat", Status: 200, Header: http.Header{"Content-Type": {contentType}}}
}

// sse frames events as server-sent events.
func sse(events ...string) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString("data: " + e + "\n\n")
	}
	return b.String()
}

// observe reads a whole body.
func observe(t testing.TB, yaml string, x Exchange, body string) Result {
	t.Helper()
	o := compileYAML(t, yaml).Observe(x)
	o.Write([]byte(body))
	return o.Close(true)
}

// numbers is a result's usage as JSON.
func numbers(t testing.TB, res Result) string {
	t.Helper()
	b, err := json.Marshal(res.Usage)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRulesOverAnswers(t *testing.T) {
	t.Parallel()
	const eventStream, plain = "text/event-stream", "application/json"
	for name, test := range map[string]struct {
		yaml, contentType, body, want string
	}{
		"overlay keeps the last value that is there, 0 included": {
			`usage: {a: [{from: u, fields: {input_tokens: first("i"), output_tokens: first("o")}}]}`,
			eventStream, sse(`{"u":{"i":5,"o":1}}`, `{"u":{"o":9}}`, `{"u":{"i":null,"o":0}}`), `{"input_tokens":5,"output_tokens":0}`,
		},
		"sum adds the events up": {
			`usage: {a: [{from: u, merge: sum, fields: {input_tokens: first("i")}}]}`,
			eventStream, sse(`{"u":{"i":5}}`, `{"u":{"i":7}}`, `{"u":null}`), `{"input_tokens":12}`,
		},
		"max keeps the largest": {
			`usage: {a: [{from: u, merge: max, fields: {input_tokens: first("i")}}]}`,
			eventStream, sse(`{"u":{"i":5}}`, `{"u":{"i":7}}`, `{"u":{"i":2}}`), `{"input_tokens":7}`,
		},
		"the first text that is not empty stays": {
			`usage: {a: [{fields: {model: first("model")}}]}`,
			eventStream, sse(`{"model":""}`, `{"model":"one"}`, `{"model":"two"}`), `{"model":"one"}`,
		},
		"the later rule that has a value wins, field by field": {
			`usage: {a: [{fields: {input_tokens: first("i"), output_tokens: first("o")}}], b: [{fields: {input_tokens: first("j"), output_tokens: first("missing")}}]}`,
			plain, `{"i":1,"o":2,"j":3}`, `{"input_tokens":3,"output_tokens":2}`,
		},
		"a rule's own fields replace those of its group": {
			"fields: {g: {input_tokens: first('i'), output_tokens: first('o')}}\nusage: {a: [{with: g, fields: {output_tokens: first('o') + 1}}]}",
			plain, `{"i":1,"o":2}`, `{"input_tokens":1,"output_tokens":3}`,
		},
		"from takes the first path that holds an object with something in it": {
			`usage: {a: [{from: [x, y, z], fields: {input_tokens: first("i")}}]}`,
			plain, `{"x":null,"y":{},"z":{"i":4}}`, `{"input_tokens":4}`,
		},
		"from an array adds its elements up": {
			`usage: {a: [{from: "r.#.u", fields: {input_tokens: first("i"), model: first("m")}}]}`,
			plain, `{"r":[{"u":{"i":1}},{"u":{"i":2,"m":"x"}},{"other":1},{"u":{"i":3,"m":"y"}}]}`, `{"model":"x","input_tokens":6}`,
		},
		"where chooses events": {
			`usage: {a: [{where: 'event == "done"', from: u, merge: sum, fields: {input_tokens: first("i")}}]}`,
			eventStream, sse(`{"type":"done","u":{"i":1}}`, `{"type":"other","u":{"i":10}}`, `{"type":"done","u":{"i":2}}`), `{"input_tokens":3}`,
		},
		"format overrules the content type": {
			`usage: {a: [{format: ndjson, merge: sum, fields: {input_tokens: first("i")}}]}`,
			"application/octet-stream", "{\"i\":1}\n{\"i\":2}\n", `{"input_tokens":3}`,
		},
		"a header counts without any JSON": {
			`usage: {a: [{fields: {characters: 'header("Content-Type") == nil ? 1 : 7'}}]}`,
			"audio/mpeg", "\x00\x01", `{"characters":7}`,
		},
		"an event replaces the base, even by 0": {
			`usage: {a: [{fields: {input_tokens: 'first("i", 9)'}}]}`,
			plain, `{"i":0}`, `{"input_tokens":0}`,
		},
		"the base stays where no event has the path": {
			`usage: {a: [{fields: {input_tokens: 'first("i", 9)'}}]}`,
			plain, `{"j":0}`, `{"input_tokens":9}`,
		},
		"a usage object inside a text does not count": {
			`usage: {a: [{from: usage, fields: {input_tokens: first("i")}}]}`,
			plain, `{"text":"\"usage\":{\"i\":5}","usage":null}`, `{}`,
		},
		"an escaped key is found": {
			`usage: {a: [{from: usage, fields: {input_tokens: first("i")}}]}`,
			plain, `{"us\u0061ge":{"i":5}}`, `{"input_tokens":5}`,
		},
		"an array of events without SSE is read element by element": {
			`usage: {a: [{from: u, fields: {input_tokens: first("i")}}]}`,
			plain, `[{"u":{"i":5}},` + "\n" + `{"u":{"i":8}}]`, `{"input_tokens":8}`,
		},
		"white space before the JSON is survived": {
			`usage: {a: [{from: u, fields: {input_tokens: first("i")}}]}`,
			plain, "\n\n   \n{\"u\":{\"i\":5}}", `{"input_tokens":5}`,
		},
		"a whole number written as a decimal is whole": {
			`usage: {a: [{fields: {input_tokens: first("i"), seconds: first("s"), reported_cost_usd: first("c")}}]}`,
			plain, `{"i":12.0,"s":1.25,"c":0.0001}`, `{"input_tokens":12,"seconds":1.25,"reported_cost_usd":0.0001}`,
		},
		"truth and text are no numbers, digits are": {
			`usage: {a: [{fields: {input_tokens: first("i"), output_tokens: first("o"), characters: first("c")}}]}`,
			plain, `{"i":true,"o":"many","c":"12"}`, `{"characters":12}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := observe(t, test.yaml, answer(test.contentType), test.body)
			if got := numbers(t, res); got != test.want {
				t.Errorf("Usage = %s, want %s", got, test.want)
			}
		})
	}
}

func TestStateSaysWhatTheNumbersAreWorth(t *testing.T) {
	t.Parallel()
	const ends = `usage: {a: [{from: u, end: 'data == "[DONE]"', fields: {input_tokens: first("i"), output_tokens: first("o")}}]}`
	const free = `usage: {a: [{consumes: false, fields: {input_tokens: first("i")}}]}`
	const text = `usage: {a: [{fields: {model: first("m")}}]}`
	const never = `usage: {a: [{when: status == 1, fields: {model: first("m")}}]}`
	stream, whole := answer("text/event-stream"), answer("application/json")
	failed := whole
	failed.Status = 429
	failedStream := stream
	failedStream.Status = 503
	encoded := answer("application/json")
	encoded.Header.Set("Content-Encoding", "snappy")
	for name, test := range map[string]struct {
		yaml  string
		x     Exchange
		body  string
		clean bool
		state State
		ended bool
	}{
		"numbers and the terminal event":             {ends, stream, sse(`{"u":{"i":1}}`, `[DONE]`), true, Reported, true},
		"the client left after the terminal event":   {ends, stream, sse(`{"u":{"i":1}}`, `[DONE]`), false, Reported, true},
		"numbers without the terminal event":         {ends, stream, sse(`{"u":{"i":1}}`), true, Partial, false},
		"no numbers":                                 {ends, stream, sse(`{"u":null}`, `[DONE]`), true, Missing, true},
		"no numbers, broken off":                     {ends, stream, sse(`{"u":null}`), false, Missing, false},
		"a whole body needs no terminal event":       {ends, whole, `{"u":{"i":1}}`, true, Reported, true},
		"half a body":                                {ends, whole, `{"u":{"i":1`, false, Missing, false},
		"half a body that claims to be whole":        {ends, whole, `{"u":{"i":1`, true, Unreadable, true},
		"a doubtful number":                          {ends, whole, `{"u":{"i":-1}}`, true, Partial, true},
		"an error without usage":                     {ends, failed, `{"error":{}}`, true, None, true},
		"an error in a stream's form":                {ends, failedStream, sse(`{"error":{}}`), true, None, true},
		"an error with usage":                        {ends, failed, `{"u":{"i":3}}`, true, Reported, true},
		"an unknown coding":                          {ends, encoded, `xxxx`, true, Unreadable, false},
		"an answer that counts nothing":              {free, whole, `{"i":14}`, true, None, true},
		"rules that report no number":                {text, whole, `{"m":"x"}`, true, None, true},
		"no rule that applies":                       {never, whole, `{"m":"x"}`, true, None, true},
		"binary data where numbers were to be found": {ends, answer("audio/mpeg"), "\x00", true, Missing, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := compileYAML(t, test.yaml).Observe(test.x)
			o.Write([]byte(test.body))
			res := o.Close(test.clean)
			if res.State != test.state || res.Ended != test.ended {
				t.Errorf("State, Ended = %s, %v, want %s, %v", res.State, res.Ended, test.state, test.ended)
			}
		})
	}
}

func TestAnEncodedStreamThatTheClientLeftAfterItsEndIsReported(t *testing.T) {
	t.Parallel()
	const yaml = `usage: {a: [{from: u, end: 'data == "[DONE]"', fields: {input_tokens: first("i")}}]}`
	x := answer("text/event-stream")
	x.Header.Set("Content-Encoding", "gzip")
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	for _, event := range []string{sse(`{"u":{"i":1}}`), sse(`[DONE]`)} {
		if _, err := w.Write([]byte(event)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	o := compileYAML(t, yaml).Observe(x)
	o.Write(body.Bytes()) // without the trailer, which comes behind the end
	res := o.Close(false)
	if got, want := numbers(t, res), `{"input_tokens":1}`; got != want || !res.Ended || res.State != Reported {
		t.Errorf("Usage, Ended, State = %s, %v, %s, want %s, true, reported", got, res.Ended, res.State, want)
	}
}

func TestTheLastRuleWithAnEndDecides(t *testing.T) {
	t.Parallel()
	res := observe(t, `usage: {a: [{end: "false", fields: {input_tokens: first("i")}}, {end: 'event == "stop"'}]}`,
		answer("text/event-stream"), sse(`{"i":1}`, `{"type":"stop"}`))
	if !res.Ended || res.State != Reported || res.Events != 2 || !res.Stream {
		t.Errorf("Result = %+v, want a stream of 2 events that ended", res)
	}
}

func TestRawUsageIsWhatTheMostGeneralRuleChoseLast(t *testing.T) {
	t.Parallel()
	res := observe(t, `usage: {a: [{from: u, fields: {input_tokens: first("i")}}], b: [{from: timings, fields: {cache_read_tokens: first("n")}}]}`,
		answer("text/event-stream"), sse(`{"u":{"i":1}}`, `{"u":{"i":2},"timings":{"n":1}}`, `{"timings":{"n":2}}`))
	if got, want := string(res.RawUsage), `{"i":2}`; got != want {
		t.Errorf("RawUsage = %s, want %s", got, want)
	}
}

func TestRawUsageAboveItsBoundIsLeftOut(t *testing.T) {
	t.Parallel()
	res := observe(t, `usage: {a: [{from: u, fields: {input_tokens: first("i")}}]}`,
		answer("application/json"), `{"u":{"i":1,"x":[0`+strings.Repeat(",0", maxRaw)+`]}}`)
	if n, _ := res.Usage.Number(InputTokens); res.RawUsage != nil || n != Whole(1) {
		t.Errorf("RawUsage, input_tokens = %d bytes, %v, want none, 1", len(res.RawUsage), n)
	}
}

func TestPartsAreReadByTheRulesOwnFields(t *testing.T) {
	t.Parallel()
	const yaml = `usage: {a: [{from: u, parts: list, fields: {model: first("m"), input_tokens: 'sum("i", "c")'}}]}`
	res := observe(t, yaml, answer("text/event-stream"), sse(
		`{"u":{"i":1,"list":[{"i":9}]}}`, `{"u":{"i":2,"list":[{"i":1,"c":2},{"m":"x","i":4}]}}`, `{"u":{"i":3,"list":[]}}`))
	got, _ := json.Marshal(res.Parts)
	if want := `[{"input_tokens":3},{"model":"x","input_tokens":4}]`; string(got) != want {
		t.Errorf("Parts = %s, want %s", got, want)
	}
	if got, want := numbers(t, res), `{"input_tokens":3}`; got != want {
		t.Errorf("Usage = %s, want %s", got, want)
	}
}

func TestDoubtsNameWhatCannotBe(t *testing.T) {
	t.Parallel()
	const yaml = `usage: {a: [{fields: {
		input_tokens: first("i"), output_tokens: first("o"), cache_read_tokens: first("r"), cache_write_tokens: first("w"),
		cache_write_1h_tokens: first("h"), reasoning_tokens: first("t"), total_tokens: first("sum"), images: first("p")}}]}`
	for body, want := range map[string]string{
		`{"i":5,"o":3,"r":5,"w":0,"t":3,"sum":8}`: ``,
		`{"i":5,"sum":5}`:                         ``,
		`{"o":-9}`:                                `output_tokens is negative`,
		`{"i":9007199254740993}`:                  `input_tokens is above 2^53`,
		`{"i":9007199254740992}`:                  ``,
		`{"p":1.5}`:                               `images is not a whole number`,
		`{"i":5,"r":6}`:                           `cache_read_tokens is above input_tokens`,
		`{"r":6}`:                                 ``,
		`{"w":5,"h":6}`:                           `cache_write_1h_tokens is above cache_write_tokens`,
		`{"o":5,"t":6}`:                           `reasoning_tokens is above output_tokens`,
		`{"i":5,"o":3,"sum":9}`:                   `total_tokens is not input_tokens + output_tokens`,
		`{"i":-1,"o":-1,"sum":-2}`:                `input_tokens is negative; output_tokens is negative; total_tokens is negative`,
	} {
		res := observe(t, yaml, answer("application/json"), body)
		if got := strings.Join(res.Doubts, "; "); got != want {
			t.Errorf("Doubts of %s = %q, want %q", body, got, want)
		}
		if want := State(Partial); (res.State == want) != (len(res.Doubts) > 0 && res.Doubts[0] != totalDoubt) {
			t.Errorf("State of %s = %s", body, res.State)
		}
	}
}

func TestModelFallsBackFromTheAnswerToTheRequest(t *testing.T) {
	t.Parallel()
	const yaml = `usage: {a: [{fields: {model: 'first("model", request("model"))'}}]}`
	form := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\n\x00\x01\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b--\r\n"
	for name, test := range map[string]struct{ request, body, want string }{
		"said by the answer":        {`{"model":"asked"}`, `{"model":"served"}`, "served"},
		"empty in the answer":       {`{"model":"asked"}`, `{"model":""}`, "asked"},
		"of a multipart form":       {form, `{"text":"hi"}`, "whisper-1"},
		"of a form cut behind it":   {form[:len(form)-4], `{}`, "whisper-1"},
		"of a request cut in it":    {`{"model":"ask`, `{}`, ""},
		"of a request cut after it": {`{"model":"asked","messages":[{"con`, `{}`, "asked"},
		"of a message in a list":    {`[{"model":"asked"}]`, `{}`, "asked"},
		"no request":                {``, `{}`, ""},
	} {
		x := answer("application/json")
		x.Request = func() []byte { return []byte(test.request) }
		res := observe(t, yaml, x, test.body)
		if got := res.Usage.Text(Model); got != test.want {
			t.Errorf("model %s = %q, want %q", name, got, test.want)
		}
	}
}

func TestTextFromOutsideIsCutAndMadeValid(t *testing.T) {
	t.Parallel()
	const yaml = `usage: {a: [{fields: {model: first("model")}}]}`
	res := observe(t, yaml, answer("application/json"), `{"model":"a`+strings.Repeat("é", 200)+`"}`)
	if got, want := res.Usage.Text(Model), "a"+strings.Repeat("é", 127); got != want {
		t.Errorf("model = %q (%d bytes), want %d bytes", got, len(got), len(want))
	}
	res = observe(t, yaml, answer("application/json"), "{\"model\":\"a\xffb\"}")
	if got, want := res.Usage.Text(Model), "a\ufffdb"; got != want {
		t.Errorf("model = %q, want %q", got, want)
	}
}

func TestABugOfOursDoesNotReachTheCopy(t *testing.T) {
	t.Parallel()
	o := compileYAML(t, `usage: {a: [{fields: {input_tokens: first("i")}}]}`).Observe(answer("application/json"))
	o.decoder = brokenDecoder{o.decoder}
	o.Write([]byte("x"))
	o.Write([]byte("y"))
	res := o.Close(true)
	if res.State != Unreadable || res.Fault == nil || res.Fault.Error() != "observe answer: bug" {
		t.Errorf("State, Fault = %s, %v, want unreadable, observe answer: bug", res.State, res.Fault)
	}
}

// brokenDecoder is a bug of ours.
type brokenDecoder struct{ stream.Decoder }

func (brokenDecoder) Write([]byte) { panic("bug") }

func TestWhatIsWrittenAfterTheEndChangesNothing(t *testing.T) {
	t.Parallel()
	rules := compileYAML(t, `usage: {a: [{from: u, fields: {input_tokens: first("i")}}]}`)
	for body, contentType := range map[string]string{sse(`{"u":{"i":1}}`): "text/event-stream", `{"u":{"i":1}}`: "application/json"} {
		o := rules.Observe(answer(contentType))
		o.Write([]byte(body))
		res := o.Close(true)
		o.Write([]byte(strings.ReplaceAll(body, "1", "2")))
		if got, want := string(res.RawUsage), `{"i":1}`; got != want {
			t.Errorf("RawUsage of %s = %s, want %s", contentType, got, want)
		}
		if res.Events != o.events {
			t.Errorf("Events of %s = %d, want %d", contentType, o.events, res.Events)
		}
	}
}

func TestAnEventWithoutUsageAllocatesNothing(t *testing.T) {
	for provider, path := range map[string]string{"openai": "/v1/chat/completions", "anthropic": "/v1/messages"} {
		x := answer("text/event-stream")
		x.Path = path
		o := shipped(t)(provider).Observe(x)
		p := chunk()
		o.Write(p) // its name and model are kept
		if n := testing.AllocsPerRun(100, func() { o.Write(p) }); n != 0 {
			t.Errorf("allocations for an event of %s = %v, want 0", provider, n)
		}
	}
}

func TestAnEventWithUsageAllocatesNothing(t *testing.T) {
	x := answer("text/event-stream")
	x.Path = "/v1/chat/completions"
	o := shipped(t)("openai").Observe(x)
	p := []byte(sse(`{"id":"1","model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":1}}}`))
	o.Write(p)
	if n := testing.AllocsPerRun(100, func() { o.Write(p) }); n != 0 {
		t.Errorf("allocations for an event with usage = %v, want 0", n)
	}
}

func TestAnAnswerCostsFewAllocations(t *testing.T) {
	x := answer("application/json")
	x.Path = "/v1/chat/completions"
	rules := shipped(t)("openai")
	body := chatAnswer(1 << 10)
	const most = 4 // its usage object and its ID; the race detector's pools lose some of what they are given
	n := testing.AllocsPerRun(100, func() {
		o := rules.Observe(x)
		o.Write(body)
		o.Close(true)
		o.Release()
	})
	if n > most {
		t.Errorf("allocations for an answer = %v, want at most %d", n, most)
	}
}

func TestAReleasedObserverLeavesNothingToTheNextAnswer(t *testing.T) {
	t.Parallel()
	rules := shipped(t)("openai")
	read := func(contentType, body string) Result {
		x := answer(contentType)
		x.Path = "/v1/chat/completions"
		o := rules.Observe(x)
		for p := []byte(body); len(p) > 0; p = p[min(7, len(p)):] {
			o.Write(p[:min(7, len(p))])
		}
		res := o.Close(true)
		o.Release()
		return res
	}
	whole := sse(`{"id":"1","model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}`, "[DONE]")
	for _, c := range []struct{ contentType, body string }{
		{"application/json", string(chatAnswer(16 << 10))},
		{"application/json", `{"id":"2","choices":[]}`},
		{"text/event-stream", whole + "event: cut\ndata: {\"a\""},
		{"text/event-stream", whole},
		{"text/event-stream", sse(`{"choices":[]}`)},
		{"application/json", "{"},
		{"application/json", `{"model":"m","service_tier":"default","usage":{"total_tokens":1}}`},
	} {
		want := read(c.contentType, c.body)
		for range 3 {
			read("application/json", string(chatAnswer(8<<10)))
			read("text/event-stream", whole+"data: {")
			if got := read(c.contentType, c.body); !reflect.DeepEqual(got, want) {
				t.Errorf("the result of %.60s behind others = %+v, want %+v", c.body, got, want)
			}
		}
	}
}

func TestAnAnswerThatAppliesNoRuleCostsNoObserver(t *testing.T) {
	t.Parallel()
	var none *Rules
	if o := none.Observe(answer("")); o != nil {
		t.Errorf("Observe without rules = %v, want nil", o)
	}
	var o *Observer
	o.Write([]byte("x"))
	if res := o.Close(true); res.State != None || !res.Ended {
		t.Errorf("Result = %+v, want none, ended", res)
	}
}

func TestLargeAnswersAreProjected(t *testing.T) {
	t.Parallel()
	image := strings.Repeat("A", 1<<20)
	body := `{"data":[{"b64_json":"` + image + `"},{"b64_json":"` + image + `"}],"usage":{"input_tokens":3,"output_tokens":4}}`
	res := observe(t, `usage: {a: [{fields: {images: count("data")}}, {from: usage, fields: {input_tokens: first("input_tokens")}}]}`,
		answer("application/json"), body)
	if got, want := numbers(t, res), `{"input_tokens":3,"images":2}`; got != want {
		t.Errorf("Usage = %s, want %s", got, want)
	}
}

func TestAppliedRulesAreNamed(t *testing.T) {
	t.Parallel()
	rules := compileYAML(t, `usage: {a: [{when: status == 500, consumes: false}, {when: method == "POST", consumes: false}], b: [{consumes: false}]}`)
	got := rules.Applying(answer(""))
	if want := []string{"usage.a[1]", "usage.b[0]"}; !slices.Equal(got, want) {
		t.Errorf("Applying = %q, want %q", got, want)
	}
}

// TestPartsOfRecordedAnswersAreTheirIterations compares with what a careful reader took from Anthropic's answers in several parts.
func TestPartsOfRecordedAnswersAreTheirIterations(t *testing.T) {
	t.Parallel()
	if recordings() == "" {
		t.Skip("WINDHOVER_RECORDINGS is not set")
	}
	rules := shipped(t)("anthropic")
	files, err := filepath.Glob(filepath.Join(recordings(), "anthropic", "*", "iterations.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("iterations.json: %d files, %v", len(files), err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want struct{ Iterations []map[string]any }
		if err := json.Unmarshal(content, &want); err != nil {
			t.Fatal(err)
		}
		c := readCase(t, filepath.Dir(file))
		res := replay(rules, c, 0)
		if len(res.Parts) != len(want.Iterations) {
			t.Errorf("%s: parts = %d, want %d", c.name, len(res.Parts), len(want.Iterations))
			continue
		}
		for i, part := range res.Parts {
			delete(want.Iterations[i], "type")
			for _, difference := range differences(&part.Usage, want.Iterations[i]) {
				t.Errorf("%s: part %d: %s", c.name, i, difference)
			}
		}
	}
}

func FuzzObserver(f *testing.F) {
	f.Add(sse(`{"model":"m","usage":{"prompt_tokens":1}}`, `[DONE]`), "text/event-stream", uint64(1))
	f.Add(`{"usage":{"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":-1}},"data":[1,2]}`, "application/json", uint64(2))
	f.Add("{\"prompt_eval_count\":1}\n{\"usage\":{\"input_tokens\":1e400}}\n", "application/x-ndjson", uint64(3))
	f.Add(sse(`{"type":"message_start","message":{"model":"m","usage":{"input_tokens":1}}}`, `{"usage":{"iterations":[{"input_tokens":4}]}}`), "text/event-stream", uint64(4))
	f.Add(`[{"usageMetadata":{"promptTokenCount":1,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":1}]}}]`, "", uint64(5))
	var rules []*Rules
	for _, provider := range []string{"openai", "anthropic", "google-ai-studio", "aws-bedrock", "mistral", "ollama"} {
		rules = append(rules, shipped(f)(provider))
	}
	f.Fuzz(func(t *testing.T, body, contentType string, seed uint64) {
		x := answer(contentType)
		x.Path = []string{"/v1/chat/completions", "/v1/messages", "/v1beta/models/x:generateContent", "/v1/images/generations"}[seed%4]
		for _, r := range rules {
			whole := r.Observe(x)
			whole.Write([]byte(body))
			want := whole.Close(true)
			pieces := r.Observe(x)
			random := rand.New(rand.NewPCG(seed, seed))
			for rest := []byte(body); len(rest) > 0; {
				n := 1 + random.IntN(len(rest))
				pieces.Write(bytes.Clone(rest[:n]))
				rest = rest[n:]
			}
			got := pieces.Close(true)
			if want.Fault != nil || got.Fault != nil {
				t.Fatalf("Fault = %v, %v", want.Fault, got.Fault)
			}
			if got.Usage != want.Usage || got.State != want.State || got.Ended != want.Ended {
				t.Errorf("in pieces: %+v, whole: %+v", got, want)
			}
			if record, err := json.Marshal(&Record{Usage: got.Usage, Parts: got.Parts, Doubts: got.Doubts, RawUsage: got.RawUsage}); err != nil || !json.Valid(record) {
				t.Errorf("record of %+v = %s, %v", got, record, err)
			}
		}
	})
}
