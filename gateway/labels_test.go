package gateway

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"windhover/config"
	"windhover/gateway/usage"
)

func TestLabelsAreReadFromHeaders(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("v", maxLabelValue)
	name := strings.Repeat("n", config.MaxLabelName)
	for _, c := range []struct {
		header string
		want   map[string]string
	}{
		{"X-Windhover-Label-Team: a", map[string]string{"team": "a"}},
		{"x-windhover-label-TEAM_2-b:  a b ", map[string]string{"team_2-b": "a b"}},
		{"X-Windhover-Label-Team: " + long + "v", map[string]string{"team": long}},
		{"X-Windhover-Label-Team: é\xff", map[string]string{"team": "é\ufffd"}},
		{"X-Windhover-Label-Team:", nil},
		{"X-Windhover-Label-: a", nil},
		{"X-Windhover-Label-a.b: a", nil},
		{"X-Windhover-Label-" + name + ": a", map[string]string{name: "a"}},
		{"X-Windhover-Label-" + name + "n: a", nil},
		{"X-Windhover-Label-Other: a", map[string]string{"other": "other"}}, // it is what stands for the rest
		{"X-Windhover-Label-A: 1\r\nX-Windhover-Label-B: 2\r\nX-Windhover-Label-A: 3", map[string]string{"a": "1", "b": "2"}},
		{"Connection: X-Windhover-Label-A\r\nX-Windhover-Label-A: 1", map[string]string{"a": "1"}},
		{"X-Label-Team: a", nil},
	} {
		g := start(t, leadingTo(answering(t, okAnswer).addr))
		if rec := g.send(t, "POST", "/up/v1", c.header); !maps.Equal(rec.Labels, c.want) {
			t.Errorf("labels of %q = %q, want %q", c.header, rec.Labels, c.want)
		}
	}
}

func TestLabelsAreThoseOfTheList(t *testing.T) {
	t.Parallel()
	up := answering(t, okAnswer)
	for _, c := range []struct{ list, want string }{
		{"", "map[app:x team:a]"},
		{"*", "map[app:x team:a]"},
		{"off", "map[]"},
		{"Team,other-one", "map[team:a]"},
	} {
		g := startWith(t, leadingTo(up.addr), Options{Labels: strings.FieldsFunc(c.list, func(r rune) bool { return r == ',' })})
		rec := g.send(t, "POST", "/up/v1", "X-Windhover-Label-Team: a", "X-Windhover-Label-App: x")
		if got := fmt.Sprint(rec.Labels); got != c.want {
			t.Errorf("labels with %q = %s, want %s", c.list, got, c.want)
		}
	}
}

func TestLabelsBeyondTheBoundsAreOther(t *testing.T) {
	t.Parallel()
	l := newLabels(nil)
	for i := range maxLabelValues + 10 {
		l.admit([]label{{"team", fmt.Sprint(i)}}, true)
	}
	for i := range config.MaxLabelNames + 10 {
		l.admit([]label{{fmt.Sprint("name-", i), "x"}}, true)
	}
	got := l.admit([]label{{"name-0", "x"}, {"name-25", "x"}, {"team", "999"}}, true)
	if want := map[string]string{"name-0": "x", "team": "999", "other": "other"}; !maps.Equal(got, want) {
		t.Errorf("labels = %v, want %v", got, want)
	}
	if got := l.admit([]label{{"team", "1000"}}, true)["team"]; got != usage.Other {
		t.Errorf("a value beyond the bound = %q, want %s", got, usage.Other)
	}
	if got := l.admit([]label{{"name-0", "new"}}, true)["name-0"]; got != "new" {
		t.Errorf("a value of another label = %q, want it kept", got)
	}
}

func TestOwnHeadersNeverGoUpstream(t *testing.T) {
	t.Parallel()
	own := []string{
		"X-Windhover-Key: k", "x-windhover-label-team: a", "X-WINDHOVER-LABEL-b.c: a", "X-Windhover-Label-" + strings.Repeat("n", 99) + ": a",
		"X-Windhover-Label-Team: twice", "X-Windhover-Request-Id: mine", "X-Windhover-Anything: x",
	}
	eachWay(t, func(t *testing.T, client, upstream string) {
		for _, labels := range [][]string{nil, {config.LabelsOff}, {"team"}} {
			arrived := make(chan http.Header, 1)
			g := startBefore(t, upstream, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				all := r.Header.Clone()
				maps.Copy(all, r.Trailer)
				arrived <- all
			})
			g.labels = newLabels(labels)
			body, write := io.Pipe()
			r, err := http.NewRequest("POST", g.url+"/up/v1", body)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range own {
				name, value, _ := strings.Cut(line, ": ")
				r.Header.Add(name, value)
			}
			if client == http1 {
				r.Header.Set("Connection", "X-Windhover-Label-Team, X-Windhover-Anything")
			}
			r.Header.Set("X-Kept", "1")
			r.Trailer = http.Header{"X-Windhover-Label-Late": {"a"}, "X-Kept-Trailer": {"1"}}
			go func() {
				_, _ = io.WriteString(write, strings.Repeat("x", 100<<10))
				_ = write.Close()
			}()
			res, err := newClient(t, client).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			got := <-arrived
			for name := range got {
				if isOwn(name) {
					t.Errorf("with labels %v, %s went upstream", labels, name)
				}
			}
			if got.Get("X-Kept") != "1" || got.Get("X-Kept-Trailer") != "1" {
				t.Errorf("upstream got %v, want what is not the gateway's own", got)
			}
		}
	})
}

func TestFileMaySetALabelForAGatewayBehind(t *testing.T) {
	t.Parallel()
	up := answering(t, okAnswer)
	g := start(t, leadingTo(up.addr, "    request: {headers: {set: {X-Windhover-Label-Team: '{header(\"X-Windhover-Label-Team\")}'}}}\n"))
	g.send(t, "GET", "/up/v1", "X-Windhover-Label-Team: a", "X-Windhover-Label-App: b")
	if got := strings.Join(up.lastRequest(t).endToEndFields(), "; "); got != "x-windhover-label-team: a" {
		t.Errorf("upstream got %s, want the label that the file sets", got)
	}
}
