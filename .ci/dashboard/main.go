// Dashboard checks Grafana dashboards against a gateway that serves: each is what Grafana's own types take, and every query
// in it has an answer from a Prometheus that scrapes the gateway.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		stop()
		os.Exit(1)
	}
}

// patience is how long every query has to find an answer.
const patience = 60 * time.Second

func run(ctx context.Context) error {
	program := flag.String("gateway", "", "the gateway's `program`")
	server := flag.String("prometheus", "prometheus", "Prometheus' `program`")
	path := flag.String("dashboard", "../../deploy/grafana/windhover.json", "the dashboard's `file`")
	without := flag.String("without", "", "`metrics`, separated by commas, that this gateway does not have: queries that name one are left out")
	flag.Parse()

	board, err := readDashboard(*path)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "windhover-dashboard-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	upstream := newUpstream()
	defer upstream.Close()
	g, err := startGateway(ctx, *program, work, upstream.URL)
	if err != nil {
		return err
	}
	defer g.stop()
	// With native histograms on, this Prometheus keeps those alone. So there are two.
	classic, err := startPrometheus(ctx, *server, work+"/classic", g.metrics)
	if err != nil {
		return err
	}
	defer classic.stop()
	native, err := startPrometheus(ctx, *server, work+"/native", g.metrics, "--enable-feature=native-histograms")
	if err != nil {
		return err
	}
	defer native.stop()
	ctx, end := context.WithCancel(ctx)
	defer end()
	go traffic(ctx, g.url)

	queries, left := split(board.queries, *without)
	problems := errors.Join(classic.check(ctx, queries), native.check(ctx, nativeQueries()))
	for _, q := range left {
		fmt.Printf("NOT RUN: %s: %s\n", q.panel, q.expr)
	}
	fmt.Printf("dashboard: %d panels, %d queries and %d on native histograms asked, %d not run\n", board.panels, len(queries), len(nativeQueries()), len(left))
	return problems
}

// split takes out the queries that name a metric of the list.
func split(all []query, without string) (asked, left []query) {
	for _, q := range all {
		named := false
		for name := range strings.SplitSeq(without, ",") {
			named = named || (name != "" && strings.Contains(q.expr, name))
		}
		if named {
			left = append(left, q)
		} else {
			asked = append(asked, q)
		}
	}
	return asked, left
}

// nativeQueries are those of somebody who scrapes native histograms.
func nativeQueries() []query {
	var queries []query
	for _, name := range []string{"windhover_request_duration_seconds", "windhover_first_byte_seconds", "windhover_overhead_seconds", "windhover_chunk_gap_seconds"} {
		queries = append(queries, query{panel: "native", expr: "histogram_quantile(0.9, sum by (provider) (rate(" + name + "[10s])))", legend: "{{provider}}"})
	}
	return queries
}
