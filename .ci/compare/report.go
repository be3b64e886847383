package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// print is a table for each scenario: medians, how far the rounds lie apart, and the ratios to the others.
func (b *bench) print(w io.Writer) {
	for _, s := range scenarios() {
		if len(b.results[key{s.name, b.targets[0].name}]) == 0 {
			continue
		}
		unit := "request"
		if s.pieces {
			unit = "piece"
		}
		fmt.Fprintf(w, "\n### %s\n\n| proxy | CPU us a %s | from - to | x ReverseProxy | x nginx | resident MiB | KiB a client | errors |\n|---|---|---|---|---|---|---|---|\n", s.name, unit)
		for _, t := range b.targets {
			samples := b.results[key{s.name, t.name}]
			times := make([]time.Duration, len(samples))
			var errors, memory, growth int64
			for i, x := range samples {
				times[i] = x.cpu
				errors += x.errors
				memory = max(memory, x.memory)
				growth = max(growth, x.growth)
			}
			slices.Sort(times)
			fmt.Fprintf(w, "| %s | %.1f | %.1f - %.1f | %s | %s | %.0f | %.0f | %d |\n", t.name, micros(median(times)), micros(times[0]), micros(times[len(times)-1]),
				b.ratio(s.name, t.name, "ReverseProxy"), b.ratio(s.name, t.name, "nginx"), float64(memory)/(1<<20), float64(growth)/float64(s.clients)/1024, errors)
		}
	}
}

// ratio compares two targets round by round, as neighbours in time: the median of the ratios says more than the ratio of
// the medians on a machine whose speed changes.
func (b *bench) ratio(scenario, target, base string) string {
	these, those := b.results[key{scenario, target}], b.results[key{scenario, base}]
	if len(those) != len(these) || target == base {
		return ""
	}
	ratios := make([]float64, len(these))
	for i := range these {
		ratios[i] = float64(these[i].cpu) / float64(those[i].cpu)
	}
	slices.Sort(ratios)
	return fmt.Sprintf("%.2f", median(ratios))
}

func median[T any](sorted []T) T { return sorted[len(sorted)/2] }

func micros(d time.Duration) float64 { return float64(d) / 1e3 }
