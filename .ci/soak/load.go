package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// leavers is the share of clients that leave in the middle of an answer, in hundredths.
const leavers = 30

// uploadSize is what one upload sends, in bytes.
const uploadSize = 50 << 20

// load counts what clients have asked for, and what came of it.
type load struct {
	asked, streams, uploads, left, failed, broken atomic.Int64
	first                                         atomic.Pointer[string] // what broke first
}

// warm makes the gateway do once what it will do often, so that what it keeps for that is there before the load.
func warm(url string) {
	for range 20 {
		r, _ := http.NewRequest(http.MethodGet, url+"/-/ready", nil)
		if res, err := http.DefaultClient.Do(r); err == nil {
			res.Body.Close()
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// stream asks for one stream after the other.
func (l *load) stream(ctx context.Context, client *http.Client, url string) {
	for ctx.Err() == nil {
		l.asked.Add(1)
		l.streams.Add(1)
		own, leave := context.WithCancel(context.Background())
		r, _ := http.NewRequestWithContext(own, http.MethodPost, url+"/soak/v1/chat/completions", strings.NewReader(`{"model":"m","stream":true}`))
		r.Header.Set("Content-Type", "application/json")
		res, err := client.Do(r)
		if err != nil {
			l.breaks(err)
			leave()
			continue
		}
		l.read(res, leave)
		leave()
	}
}

// read takes an answer to its end, or leaves before.
func (l *load) read(res *http.Response, leave func()) {
	defer res.Body.Close()
	lines, leaves := 0, 0
	if rand.IntN(100) < leavers {
		leaves = 1 + rand.IntN(4) // every stream has as many lines
	}
	body := bufio.NewScanner(res.Body)
	done := false
	for body.Scan() {
		lines++
		done = done || body.Text() == "data: [DONE]"
		if lines == leaves {
			l.left.Add(1)
			leave()
			return
		}
	}
	switch {
	case res.StatusCode >= 500, body.Err() != nil:
		l.failed.Add(1)
	case !done:
		l.breaks(fmt.Errorf("a stream of status %d ends well without its end, after %d lines", res.StatusCode, lines))
	}
}

// upload sends one large body after the other, of known length and in chunks by turns.
func (l *load) upload(ctx context.Context, client *http.Client, url string) {
	for chunked := false; ctx.Err() == nil; chunked = !chunked {
		l.asked.Add(1)
		l.uploads.Add(1)
		r, _ := http.NewRequest(http.MethodPost, url+"/soak/v1/audio", io.LimitReader(zeros{}, uploadSize))
		r.Header.Set("X-Upload", "1")
		r.ContentLength = uploadSize
		if chunked {
			r.ContentLength = -1
		}
		res, err := client.Do(r)
		if err != nil {
			l.breaks(err)
			continue
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode >= 500 {
			l.failed.Add(1)
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func (l *load) breaks(err error) {
	l.broken.Add(1)
	text := err.Error()
	l.first.CompareAndSwap(nil, &text)
}

// zeros reads as zero bytes without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
