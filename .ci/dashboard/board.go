package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// board is what is asked of a dashboard.
type board struct {
	panels  int
	queries []query
}

// query is one of a panel's.
type query struct{ panel, expr, legend string }

// readDashboard reads a dashboard as strictly as Grafana's types can: an unknown key or a wrong form is an error.
func readDashboard(path string) (board, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return board{}, err
	}
	plugins.RegisterDefaultPlugins()
	var d dashboard.Dashboard
	if err := d.UnmarshalJSONStrict(content); err != nil && err.Error() != "" { // a list of problems, and never nil
		return board{}, fmt.Errorf("%s: %w", path, err)
	}
	if err := d.Validate(); err != nil {
		return board{}, fmt.Errorf("%s: %w", path, err)
	}
	return collect(path, content)
}

// collect takes the queries out. A dashboard that two people have merged may hold one id twice, and overlapping panels.
func collect(path string, content []byte) (board, error) {
	var d struct {
		Panels []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, LegendFormat string }
		}
		Templating struct {
			List []struct{ Name, Type, Definition string }
		}
	}
	if err := json.Unmarshal(content, &d); err != nil {
		return board{}, err
	}
	b, ids, cells := board{}, map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			return board{}, fmt.Errorf("%s: two panels have the id %d", path, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken || x >= 24 {
					return board{}, fmt.Errorf("%s: panel %q lies on %q, or beyond the 24 columns", path, p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		b.panels++
		if len(p.Targets) == 0 {
			return board{}, fmt.Errorf("%s: panel %q asks nothing", path, p.Title)
		}
		for _, t := range p.Targets {
			b.queries = append(b.queries, query{p.Title, expand(t.Expr), t.LegendFormat})
		}
	}
	source := false
	for _, v := range d.Templating.List {
		source = source || (v.Name == "datasource" && v.Type == "datasource")
		if inside, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			metric, label, _ := strings.Cut(strings.TrimSuffix(inside, ")"), ",")
			label = strings.TrimSpace(label)
			b.queries = append(b.queries, query{"variable " + v.Name, "count by (" + label + ") (" + metric + ")", "{{" + label + "}}"})
		}
	}
	if !source {
		return board{}, fmt.Errorf("%s: no variable chooses the data source", path)
	}
	return b, nil
}

// expand puts in what Grafana would for a short time range.
func expand(expr string) string {
	return strings.NewReplacer("$__rate_interval", "10s", "$__range", "30s", "$provider", ".*").Replace(expr)
}
