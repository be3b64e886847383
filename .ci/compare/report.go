package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
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
	b.printGrowth(w)
}

// printGrowth is a table of what each target costs as more streams are open, with the exponents: what grows with the number of
// streams has 1, and what does not has 0.
func (b *bench) printGrowth(w io.Writer) {
	var measured []scenario
	for _, s := range scenarios() {
		if s.streams && len(b.results[key{s.name, b.targets[0].name}]) > 0 {
			measured = append(measured, s)
		}
	}
	if len(measured) < 2 {
		return
	}
	fmt.Fprint(w, "\n### By open streams\n\n| proxy | CPU us a piece | exponent | resident MiB | exponent |\n|---|---|---|---|---|\n")
	for _, t := range b.targets {
		var streams, times, memories []float64
		var timeText, memoryText []string
		for _, s := range measured {
			cpu, memory := b.medians(s.name, t.name)
			streams, times, memories = append(streams, float64(s.clients)), append(times, cpu), append(memories, memory)
			timeText = append(timeText, fmt.Sprintf("%d: %.1f", s.clients, cpu))
			memoryText = append(memoryText, fmt.Sprintf("%d: %.0f", s.clients, memory))
		}
		fmt.Fprintf(w, "| %s | %s | %.2f | %s | %.2f |\n", t.name, strings.Join(timeText, ", "), exponent(streams, times), strings.Join(memoryText, ", "), exponent(streams, memories))
	}
}

// medians are the CPU time, in microseconds, and what was resident, in MiB.
func (b *bench) medians(scenario, target string) (cpu, memory float64) {
	var times, memories []float64
	for _, x := range b.results[key{scenario, target}] {
		times, memories = append(times, micros(x.cpu)), append(memories, float64(x.memory)/(1<<20))
	}
	slices.Sort(times)
	slices.Sort(memories)
	return median(times), median(memories)
}

// exponent is the slope of the straight line that fits best where both scales are logarithmic.
func exponent(xs, ys []float64) float64 {
	var sx, sy, sxx, sxy float64
	n := float64(len(xs))
	for i := range xs {
		x, y := math.Log(xs[i]), math.Log(ys[i])
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
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
