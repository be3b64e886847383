// Command soak loads a gateway for a while, and then asks whether it is as it was: memory, goroutines, records.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

func main() {
	binary := flag.String("gateway", "", "the program")
	duration := flag.Duration("time", time.Minute, "how long the load lasts")
	streams := flag.Int("streams", 2000, "streams that are open at a time")
	uploads := flag.Int("uploads", 4, "uploads of 50 MiB at a time")
	flag.Parse()
	if err := soak(*binary, *duration, *streams, *uploads); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// soak loads, waits until all is over, and judges.
func soak(binary string, duration time.Duration, streams, uploads int) error {
	upstream := newUpstream()
	defer upstream.Close()
	g, err := startGateway(binary, upstream.URL)
	if err != nil {
		return err
	}
	defer g.kill()
	warm(g.url)
	baseline, err := g.goroutines()
	if err != nil {
		return err
	}

	var clients load
	ctx, stop := context.WithTimeout(context.Background(), duration)
	defer stop()
	var running sync.WaitGroup
	transport := &http.Transport{MaxIdleConnsPerHost: streams + uploads, DisableCompression: true}
	client := &http.Client{Transport: transport}
	for i := range streams {
		running.Go(func() {
			time.Sleep(time.Duration(i) * 5 * time.Second / time.Duration(streams)) // not all at one moment
			clients.stream(ctx, client, g.url)
		})
	}
	for range uploads {
		running.Go(func() { clients.upload(ctx, client, g.url) })
	}
	running.Go(func() { g.reloadEachSecond(ctx) })
	memory := g.watchMemory(ctx)
	running.Wait()
	transport.CloseIdleConnections()
	return judge(g, &clients, memory, baseline)
}

// judge says what is not as it was.
func judge(g *gateway, clients *load, memory []sample, baseline int) error {
	left, err := g.settle(baseline)
	if err != nil {
		return err
	}
	records, checked, err := g.stop()
	if err != nil {
		return err
	}
	first, last, slope := trend(memory)
	fmt.Printf("requests: %d (%d streams, %d uploads; %d left by their client, %d failed by the upstream); records: %d; reloads: %d; goroutines: %d before, %d after; "+
		"RSS: %.0f MiB in the second third, %.0f MiB in the last, %+.2f MiB a minute; %d checked\n",
		clients.asked.Load(), clients.streams.Load(), clients.uploads.Load(), clients.left.Load(), clients.failed.Load(), records, g.reloads, baseline, left, first, last, slope, checked)
	switch {
	case clients.broken.Load() > 0:
		return fmt.Errorf("%d requests ended in ways that nobody brought about; the first: %v", clients.broken.Load(), clients.first.Load())
	case int64(records) != clients.asked.Load():
		return fmt.Errorf("%d records of %d requests", records, clients.asked.Load())
	case left > baseline+slack:
		return fmt.Errorf("%d goroutines are left of %d", left, baseline)
	case last > first*1.2+16:
		return fmt.Errorf("memory grows from %.0f to %.0f MiB", first, last)
	}
	return nil
}

// slack is how many goroutines more than before the load may be left: connections that have not been closed yet.
const slack = 10
