package main

import (
	"fmt"
	"slices"
	"strings"

	"clients/upstream"
)

// checkRecords checks that the gateway made one record of each request, and that it is true. What
// the gateway got had prefix before the path that the upstream got.
func checkRecords(r *report, through side, records []record, prefix string) {
	if len(records) != len(through.requests) {
		r.fail(general, "%d records of %d requests", len(records), len(through.requests))
	}
	for i := range min(len(records), len(through.requests), len(through.calls)) {
		request := through.requests[i]
		problems := untrueHead(records[i], request, prefix)
		problems = append(problems, untrueEnd(records[i], request, through.calls[i])...)
		problems = append(problems, untrueUsage(records[i], request)...)
		for _, problem := range problems {
			r.fail(i, "%s: the record says %s", request.Asked, problem)
		}
	}
}

// expect says what a field holds if that is none of the values it may have.
func (rec record) expect(field string, want ...any) []string {
	if slices.Contains(want, rec[field]) {
		return nil
	}
	return []string{fmt.Sprintf("%s %v, want %v", field, rec[field], want)}
}

func untrueHead(rec record, request upstream.Request, prefix string) []string {
	path, _, _ := strings.Cut(request.Target, "?")
	return slices.Concat(
		rec.expect("method", request.Method),
		rec.expect("path", prefix+path),
		rec.expect("status", float64(request.Status)),
		rec.expect("attempt", float64(1)),
		rec.expect("final", true),
	)
}

func untrueEnd(rec record, request upstream.Request, by call) []string {
	switch {
	case request.Cut, request.Broken:
		return rec.expect("end", "upstream_truncated")
	case request.Slow:
		return rec.expect("end", "client_closed")
	case by.raised():
		// What a client cannot read, such as an error among the events, it does not read to its end, if it has one.
		return rec.expect("end", "complete", "client_closed_after_end", "client_closed", "upstream_truncated")
	}
	// When it has seen the terminal event, a client may hang up before the last chunk came.
	return rec.expect("end", "complete", "client_closed_after_end")
}

// counted fields must be absent, or 0, where a case does not list them.
var counted = []string{
	"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
	"input_audio_tokens", "output_audio_tokens",
}

func untrueUsage(rec record, request upstream.Request) []string {
	if request.Usage == nil || rec["end"] == "client_closed" {
		return nil // of an answer that came in part, as many of the numbers
	}
	var problems []string
	for field, want := range request.Usage {
		got := rec[field]
		switch {
		case field == "model" && got != nil && strings.Contains(fmt.Sprint(got), request.Asked):
			// An answer that does not name its model is by the model asked for.
		case got == nil && want == float64(0):
		case got != want:
			problems = append(problems, fmt.Sprintf("%s %v, want %v", field, got, want))
		}
	}
	for _, field := range counted {
		_, listed := request.Usage[field]
		if got := rec[field]; !listed && got != nil && got != float64(0) {
			problems = append(problems, fmt.Sprintf("%s %v, want none", field, got))
		}
	}
	return problems
}
