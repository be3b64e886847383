// Command compare measures what a gateway costs beside httputil.ReverseProxy and, where it is installed, nginx: all in front
// of the same upstream, one after the other in every round, on one machine. What it prints is CPU time of the proxy's process for each
// request, or each piece of a stream, and its ratio to the others': rates and latencies would hold what upstream and
// clients cost on the same cores.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 3 && args[0] == "upstream" {
		return serveUpstream(args[1], args[2])
	}
	if len(args) == 3 && args[0] == "reverse-proxy" {
		return serveReverseProxy(args[1], args[2])
	}
	flags := flag.NewFlagSet("compare", flag.ExitOnError)
	gateway := flags.String("gateway", "", "the gateway's program")
	rounds := flags.Int("rounds", 3, "how often everything is measured")
	seconds := flags.Duration("time", 2*time.Second, "how long each measurement takes")
	only := flags.String("only", "", "names of scenarios, with commas; all by default but those of more than 1,000 streams")
	secure := flags.Bool("tls", false, "towards an upstream with TLS, as providers are: HTTP/2, but for nginx, which speaks HTTP/1.1 to upstreams")
	_ = flags.Parse(args)
	if *gateway == "" {
		return fmt.Errorf("say with -gateway which program to measure")
	}
	work, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := bench{work: work, time: *seconds, secure: *secure, results: map[key][]sample{}}
	defer b.stop()
	if err := b.start(*gateway); err != nil {
		return err
	}
	for round := range *rounds {
		for _, s := range scenarios() {
			if !strings.Contains(","+*only+",", ","+s.name+",") && (*only != "" || s.apart) {
				continue
			}
			if err := b.measure(s, round); err != nil {
				return err
			}
		}
	}
	b.print(os.Stdout)
	return nil
}
