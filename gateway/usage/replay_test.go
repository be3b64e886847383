package usage

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"windhover"
	"windhover/config"
)

// replayed is a case folder: a recorded exchange and what a careful reader takes from its answer.
type replayed struct {
	name     string // provider/case
	provider string
	exchange Exchange
	body     []byte
	want     map[string]any
}

// cases reads all case folders below dir.
func cases(t testing.TB, dir string) []replayed {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "usage.json"))
	if err != nil {
		t.Fatal(err)
	}
	var found []replayed
	for _, file := range files {
		found = append(found, readCase(t, filepath.Dir(file)))
	}
	return found
}

func readCase(t testing.TB, dir string) replayed {
	t.Helper()
	provider := filepath.Base(filepath.Dir(dir))
	c := replayed{name: provider + "/" + filepath.Base(dir), provider: provider}
	line, _, request := readMessage(t, filepath.Join(dir, "request.http"))
	method, target, _ := strings.Cut(line, " ")
	target, _, _ = strings.Cut(target, " ")
	path, _, _ := strings.Cut(target, "?")
	line, header, body := readMessage(t, filepath.Join(dir, "response.http"))
	var protocol string
	var status int
	if _, err := fmt.Sscan(line, &protocol, &status); err != nil {
		t.Fatalf("%s: status line %q: %v", c.name, line, err)
	}
	c.exchange = Exchange{
		Method: method, Path: path, Status: status, Header: header,
		Request: func() []byte { return request[:min(len(request), 64<<10)] },
	}
	c.body = body
	content, err := os.ReadFile(filepath.Join(dir, "usage.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &c.want); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return c
}

// readMessage reads a raw HTTP message: its first line, its header, and everything behind the blank line.
func readMessage(t testing.TB, file string) (string, http.Header, []byte) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(bytes.NewReader(content))
	r := textproto.NewReader(reader)
	line, err := r.ReadLine()
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	header, err := r.ReadMIMEHeader()
	if err != nil && len(header) == 0 {
		t.Fatalf("%s: %v", file, err)
	}
	rest := new(bytes.Buffer)
	_, _ = rest.ReadFrom(reader)
	return line, http.Header(header), rest.Bytes()
}

// shipped binds the rules of each provider of the shipped file; self-hosted servers, which have no entry, are bound here.
func shipped(t testing.TB) func(provider string) *Rules {
	t.Helper()
	file, err := config.Load("", config.Options{Builtin: windhover.Providers})
	if err != nil {
		t.Fatal(err)
	}
	sets, problems := Compile(file)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return func(provider string) *Rules {
		names := file.Providers[provider].Usage
		switch provider {
		case "ollama", "llama-cpp":
			names = setNames("openai", provider)
		}
		if len(names) == 0 {
			names = setNames("openai")
		}
		rules, problems := sets.Bind(names)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return rules
	}
}

func setNames(names ...string) config.TextList {
	var list config.TextList
	for _, name := range names {
		list = append(list, config.Text{Value: name})
	}
	return list
}

// replay feeds the answer to the rules in pieces of the given size; 0 is the whole at once.
func replay(rules *Rules, c replayed, size int) Result {
	o := rules.Observe(c.exchange)
	if size == 0 {
		o.Write(c.body)
		return o.Close(true)
	}
	for rest := c.body; len(rest) > 0; {
		n := min(size, len(rest))
		o.Write(bytes.Clone(rest[:n])) // the observer must not keep what was written
		rest = rest[n:]
	}
	return o.Close(true)
}

// differences compares as `windhover test` does: what is listed must match, a listed 0 may be absent, and of the main
// token fields one that is not listed must be absent or 0.
func differences(u *Usage, want map[string]any) []string {
	var found []string
	for name, value := range want {
		field, ok := ParseField(name)
		switch expected := value.(type) {
		case string:
			if got := u.Text(field); got != expected {
				found = append(found, fmt.Sprintf("%s = %q, want %q", name, got, expected))
			}
		case float64:
			n, there := u.Number(field)
			if !ok || there && math.Abs(n.Float()-expected) > 1e-12 || !there && expected != 0 {
				found = append(found, fmt.Sprintf("%s = %v (there: %v), want %v", name, n, there, expected))
			}
		}
	}
	for _, field := range []Field{
		InputTokens, OutputTokens, CacheReadTokens, CacheWriteTokens,
		ReasoningTokens, InputAudioTokens, OutputAudioTokens,
	} {
		if _, listed := want[field.String()]; listed {
			continue
		}
		if n, there := u.Number(field); there && n.Float() != 0 {
			found = append(found, fmt.Sprintf("%s = %v, want none", field, n))
		}
	}
	return found
}

// recordings is the folder of real recordings, if there is one on this machine.
func recordings() string { return os.Getenv("WINDHOVER_RECORDINGS") }

func TestShippedRulesReadEveryCaseOfTestdata(t *testing.T) {
	t.Parallel()
	passed, all := replayAll(t, filepath.Join("..", "..", "testdata", "replay"))
	if all < 25 {
		t.Errorf("cases = %d, want at least 25", all)
	}
	t.Logf("%d of %d cases", passed, all)
}

func TestShippedRulesReadEveryRecording(t *testing.T) {
	t.Parallel()
	if recordings() == "" {
		t.Skip("WINDHOVER_RECORDINGS is not set")
	}
	passed, all := replayAll(t, recordings())
	t.Logf("%d of %d recordings", passed, all)
}

func replayAll(t *testing.T, dir string) (passed, all int) {
	rulesOf := shipped(t)
	for _, c := range cases(t, dir) {
		all++
		rules := rulesOf(c.provider)
		good := true
		for _, size := range []int{0, 1, 7, 1000} {
			res := replay(rules, c, size)
			if res.Fault != nil {
				t.Errorf("%s: in pieces of %d: %v", c.name, size, res.Fault)
			}
			for _, difference := range differences(&res.Usage, c.want) {
				good = false
				t.Errorf("%s: in pieces of %d: %s", c.name, size, difference)
			}
		}
		if good {
			passed++
		}
	}
	return passed, all
}

func TestGateAndProjectionChangeNothing(t *testing.T) {
	t.Parallel()
	rulesOf := shipped(t)
	all := cases(t, filepath.Join("..", "..", "testdata", "replay"))
	if recordings() != "" {
		all = append(all, cases(t, recordings())...)
	}
	for _, c := range all {
		rules := rulesOf(c.provider)
		plan := rules.plan(&scope{exchange: &c.exchange})
		if plan == nil {
			continue
		}
		open := *plan
		open.gate = gate{open: true}
		plain := readWhole(observeBy(&open, c.exchange, 1<<30), c.body)
		for name, o := range map[string]*Observer{
			"with the gate":            observeBy(plan, c.exchange, 1<<30),
			"with the projection":      observeBy(&open, c.exchange, 1),
			"with gate and projection": observeBy(plan, c.exchange, 1),
		} {
			if res := readWhole(o, c.body); res.Usage != plain.Usage {
				t.Errorf("%s: Usage %s = %+v, want %+v", c.name, name, res.Usage, plain.Usage)
			}
		}
	}
}

func observeBy(p *plan, x Exchange, limit int) *Observer {
	o := newObserver(x)
	o.begin(p, limit)
	return o
}

func readWhole(o *Observer, body []byte) Result {
	o.Write(body)
	return o.Close(true)
}
