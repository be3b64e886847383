package main

import (
	"strings"
	"testing"
)

func TestDashboardsThatGrafanaWouldNotShowWell(t *testing.T) {
	t.Parallel()
	source := `"templating":{"list":[{"name":"datasource","type":"datasource"}]}`
	panel := `{"id":1,"type":"stat","title":"A","gridPos":{"x":0,"y":0,"w":4,"h":4},"targets":[{"expr":"up"}]}`
	for content, want := range map[string]string{
		`{"panels":[` + panel + `],` + source + `}`:                                             "",
		`{"panels":[` + panel + `,` + panel + `],` + source + `}`:                               "d: two panels have the id 1",
		`{"panels":[` + panel + `,` + strings.Replace(panel, "1", "2", 1) + `],` + source + `}`: `d: panel "A" lies on "A", or beyond the 24 columns`,
		`{"panels":[` + strings.Replace(panel, `"x":0`, `"x":22`, 1) + `],` + source + `}`:      `d: panel "A" lies on "", or beyond the 24 columns`,
		`{"panels":[` + strings.Replace(panel, `{"expr":"up"}`, "", 1) + `],` + source + `}`:    `d: panel "A" asks nothing`,
		`{"panels":[` + panel + `]}`:                                                            "d: no variable chooses the data source",
	} {
		_, err := collect("d", []byte(content))
		if got := errorText(err); got != want {
			t.Errorf("collect(%s): %s, want %s", content, got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestVariablesAreQueriesToo(t *testing.T) {
	t.Parallel()
	b, err := collect("d", []byte(`{"templating":{"list":[{"name":"datasource","type":"datasource"},{"name":"provider","definition":"label_values(m, provider)"}]}}`))
	if err != nil || len(b.queries) != 1 || b.queries[0] != (query{"variable provider", "count by (provider) (m)", "{{provider}}"}) {
		t.Errorf("queries = %v, %v, want that of the variable", b.queries, err)
	}
}

func TestMetricsThatAreMissingAreNotAsked(t *testing.T) {
	t.Parallel()
	asked, left := split([]query{{expr: "sum(a_total)"}, {expr: "sum(b_total)"}}, "b_,c")
	if len(asked) != 1 || asked[0].expr != "sum(a_total)" || len(left) != 1 {
		t.Errorf("asked %v, left %v, want a_total asked", asked, left)
	}
}
