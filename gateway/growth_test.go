package gateway

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"windhover/gateway/usage"
)

// growing is a cost that is measured at several sizes, and how it may grow: with the size to that power.
type growing struct {
	what  string
	unit  string
	sizes []int
	most  float64
	cost  func(t *testing.T, size int) float64
}

// What an exchange costs must not grow with how much the file holds, and what a file or a stream costs only in proportion. In a
// test run the sizes are few; with WINDHOVER_LONG all are measured, and the table is what docs/performance.md shows.
func TestCostsGrowNoFasterThanTheySay(t *testing.T) {
	long := os.Getenv("WINDHOVER_LONG") != ""
	for _, g := range []growing{
		{"route a request, by providers in the file", "ns", []int{10, 100, 1000}, .3, costOfRoute},
		{"load and compile the file, by providers", "ms", []int{10, 100, 1000}, 1.3, costOfLoad},
		{"read an answer of 1 KB, by rules of its provider", "ns", []int{10, 50, 250}, 1.3, costOfRules},
		{"read a stream, by its events", "us", []int{100, 1000, 10000}, 1.2, costOfEvents},
		{"read a JSON answer, by its bytes", "us", []int{16 << 10, 160 << 10, 1600 << 10}, 1.2, costOfBytes},
	} {
		t.Run(g.what, func(t *testing.T) {
			sizes := g.sizes
			if !long {
				sizes = []int{g.sizes[0], g.sizes[1]}
			}
			exponent, row := g.measure(t, sizes)
			t.Logf("| %s | %s | %.2f |", g.what, row, exponent)
			if exponent > g.most {
				t.Errorf("it grows with the power %.2f: %s, want %.2f at most", exponent, row, g.most)
			}
		})
	}
}

// measure is the exponent between the smallest and the largest size.
func (g growing) measure(t *testing.T, sizes []int) (exponent float64, row string) {
	var costs []float64
	var cells []string
	for _, size := range sizes {
		cost := g.cost(t, size)
		costs = append(costs, cost)
		cells = append(cells, fmt.Sprintf("%d: %.3g %s", size, cost, g.unit))
	}
	last := len(sizes) - 1
	return math.Log(costs[last]/costs[0]) / math.Log(float64(sizes[last])/float64(sizes[0])), strings.Join(cells, ", ")
}

// least is the shortest of several runs of f, so many times each: what else the machine does only makes it longer.
func least(times int, f func()) time.Duration {
	var runs []time.Duration
	for range 7 {
		began := time.Now()
		for range times {
			f()
		}
		runs = append(runs, time.Since(began)/time.Duration(times))
	}
	return slices.Min(runs)
}

// fileOfProviders is a file of n providers.
func fileOfProviders(n int) string {
	var b strings.Builder
	b.WriteString("version: 1\nextends: builtin\nproviders:\n")
	for i := range n {
		fmt.Fprintf(&b, "  p%d: {upstream: 'https://p%d.example', usage: [openai, anthropic]}\n", i, i)
	}
	return b.String()
}

func costOfRoute(t *testing.T, n int) float64 {
	s, err := Compile(load(t, fileOfProviders(n)), CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("p%d", n/2)
	return float64(least(10000, func() {
		if _, _, refused := s.match(name, "/v1/chat/completions"); refused != nil {
			t.Fatal(refused.message)
		}
	}).Nanoseconds())
}

func costOfLoad(t *testing.T, n int) float64 {
	file := fileOfProviders(n)
	return float64(least(1, func() {
		if _, err := Compile(load(t, file), CompileOptions{}); err != nil {
			t.Fatal(err)
		}
	}).Microseconds()) / 1000
}

func costOfRules(t *testing.T, n int) float64 {
	var b strings.Builder
	b.WriteString("version: 1\nproviders:\n  p: {upstream: 'https://p.example', usage: u}\nusage:\n  u:\n")
	for i := range n {
		fmt.Fprintf(&b, "    - fields: {input_tokens: 'first(\"usage.prompt_tokens\", \"usage.field_%d\")'}\n", i)
	}
	s, err := Compile(load(t, b.String()), CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return float64(costOfReading(t, s.Rules("p"), "application/json", []byte(answers["JSON of 1 KB"].body), 200).Nanoseconds())
}

func costOfEvents(t *testing.T, n int) float64 {
	body := strings.Repeat(string(chatChunk()), n) + `data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":99,"total_tokens":111}}` + "\n\ndata: [DONE]\n\n"
	return float64(costOfReading(t, shipped(t).Rules("openai"), "text/event-stream", []byte(body), 1+1000/n).Nanoseconds()) / 1000
}

func costOfBytes(t *testing.T, n int) float64 {
	body := strings.Replace(answers["JSON of 1 KB"].body, "xxx", strings.Repeat("some words of it. ", n/18), 1)
	return float64(costOfReading(t, shipped(t).Rules("openai"), "application/json", []byte(body), 1+1_000_000/n).Nanoseconds()) / 1000
}

func costOfReading(t *testing.T, rules *usage.Rules, kind string, body []byte, times int) time.Duration {
	x := usage.Exchange{Method: http.MethodPost, Path: "/v1/chat/completions", Status: http.StatusOK, Header: http.Header{"Content-Type": {kind}}}
	return least(times, func() {
		o := rules.Observe(x)
		for rest := body; len(rest) > 0; {
			n := min(len(rest), bufferSizes[len(bufferSizes)-1])
			o.Write(rest[:n])
			rest = rest[n:]
		}
		if got := o.Close(true); got.State != usage.Reported {
			t.Fatalf("the answer is %s", got.State)
		}
		o.Release()
	})
}
