package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"windhover/gateway/usage"
)

// What a body is cut into and coded by must not change what is read from it: networks cut as they like, and any client may
// ask for a coding.

// whole reads the case's body as one piece.
func (c *recordedCase) whole() (usage.Usage, *usage.Tracer) {
	tracer := c.rules.Trace(c.exchange)
	tracer.Write(c.body)
	return tracer.Close(true).Usage, tracer
}

// unequal reads the case's body in every other way, and says what is not as in the whole.
func (c *recordedCase) unequal(whole *usage.Usage, turn int, seed uint64) []string {
	random := rand.New(rand.NewPCG(seed, uint64(turn)))
	found := changes("one byte at a time", c.inPieces(func() int { return 1 }), whole)
	found = append(found, changes(fmt.Sprintf("in random pieces, --seed %d", seed), c.inPieces(func() int { return 1 + random.IntN(maxPiece) }), whole)...)
	if coding, coded, ok := c.compressed(turn); ok {
		found = append(found, changes("compressed by "+coding, coded.inPieces(func() int { return maxPiece }), whole)...)
	}
	return found
}

// maxPiece is the size in bytes of the largest piece of a body that is cut: below it lie the sizes that matter to framings.
const maxPiece = 1500

// inPieces reads the body in pieces of these sizes.
func (c *recordedCase) inPieces(size func() int) usage.Usage {
	observer := c.rules.Observe(c.exchange)
	for rest := c.body; len(rest) > 0; {
		n := min(size(), len(rest))
		observer.Write(rest[:n])
		rest = rest[n:]
	}
	return observer.Close(true).Usage
}

// changes lists the fields that reading in another way gives another value.
func changes(way string, got usage.Usage, whole *usage.Usage) []string {
	if got == *whole {
		return nil
	}
	var found []string
	for field := range usage.Fields() {
		if g, w := reported(&got, field), reported(whole, field); g != w {
			found = append(found, fmt.Sprintf("%s: %s: got %s, as a whole %s", way, field, show(g), show(w)))
		}
	}
	return found
}

// compressed is the case with another coding upon its body, by turns. A WebSocket session has none, and more than two
// are not read.
func (c *recordedCase) compressed(turn int) (coding string, coded *recordedCase, ok bool) {
	encodings := c.exchange.Header["Content-Encoding"]
	if c.exchange.Status == http.StatusSwitchingProtocols || len(encodings) > 1 {
		return "", nil, false
	}
	codings := [...]string{"gzip", "br", "zstd"}
	coding = codings[turn%len(codings)]
	x := *c
	x.exchange.Header = c.exchange.Header.Clone()
	x.exchange.Header["Content-Encoding"] = append(x.exchange.Header["Content-Encoding"], coding)
	x.body = compress(coding, c.body)
	return coding, &x, true
}

// compress applies a content coding.
func compress(coding string, body []byte) []byte {
	var out bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "br":
		w = brotli.NewWriterLevel(&out, brotli.BestSpeed)
	default:
		w, _ = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1)) // only wrong options make an error
	}
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}
