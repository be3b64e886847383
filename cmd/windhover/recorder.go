package main

import (
	"fmt"
	"io"
	"net/http"
	"sync"

	"windhover/gateway"
	"windhover/gateway/usage"
)

// maxRecorded bounds what is kept of a body while it passes, in bytes. What is longer is no case.
const maxRecorded = 32 << 20

// recorder stands before the gateway, notes what passes, and writes each exchange with one provider as a case.
type recorder struct {
	next     http.Handler
	snapshot *gateway.Snapshot
	options  recordOptions
	program  program

	mu      sync.Mutex
	records map[string]*usage.Record // of exchanges that have just ended, by request
}

func newRecorder(snapshot *gateway.Snapshot, o recordOptions, p program) *recorder {
	return &recorder{snapshot: snapshot, options: o, program: p, records: map[string]*usage.Record{}}
}

// take is the gateway's sink. It is called while the exchange is still served, so that serve finds the record behind it.
func (r *recorder) take(record *usage.Record) {
	if !record.Final || record.Provider != r.options.provider {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records[record.RequestID] = record
}

// record is what take has got of a request; nil: nothing that is a case.
func (r *recorder) record(id string) *usage.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	record := r.records[id]
	delete(r.records, id)
	return record
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	asked := *request
	x := &recordedExchange{method: request.Method, target: request.RequestURI, requestHeader: request.Header.Clone()}
	if request.Body != http.NoBody {
		asked.Body = &notedBody{request.Body, &x.requestBody}
	}
	noted := &notedAnswer{ResponseWriter: w, exchange: x}
	defer func() { r.keep(x) }() // also of an answer that broke off, which ends in a panic
	r.next.ServeHTTP(noted, &asked)
}

// keep writes the case, and says so.
func (r *recorder) keep(x *recordedExchange) {
	record := r.record(x.header.Get("X-Windhover-Request-Id"))
	switch {
	case record == nil || record.Error != "":
		return // of another provider, or the gateway's own
	case x.requestBody.tooLong() || x.body.tooLong():
		r.say("not written: %s is longer than %d bytes", x.target, maxRecorded)
		return
	}
	dir, err := r.write(x, record)
	if err != nil {
		r.say("not written: %s: %v", record.Path, err)
		return
	}
	r.say("%s: status %d, usage %s", dir, x.status, record.UsageState)
}

func (r *recorder) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.program.stdout, format+"\n", args...)
}

// recordedExchange is what passed of an exchange.
type recordedExchange struct {
	method, target string // as the client sent them
	requestHeader  http.Header
	requestBody    note
	status         int // of the answer; 0: there was none
	header         http.Header
	body           note
}

// note keeps what passes, up to a bound. A request's body may be read while its answer is written.
type note struct {
	mu   sync.Mutex
	data []byte
	over bool // there was more
}

func (n *note) add(p []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over || len(n.data)+len(p) > maxRecorded {
		n.data, n.over = nil, true
		return
	}
	n.data = append(n.data, p...)
}

func (n *note) tooLong() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.over
}

func (n *note) bytes() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.data
}

// notedBody is a request's body of which a note is made.
type notedBody struct {
	io.ReadCloser
	note *note
}

func (b *notedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.note.add(p[:n])
	return n, err
}

// notedAnswer is an answer of which a note is made. Unwrap lets the gateway flush and take over the connection as before.
type notedAnswer struct {
	http.ResponseWriter
	exchange *recordedExchange
}

func (w *notedAnswer) WriteHeader(status int) {
	if status >= http.StatusOK && w.exchange.status == 0 {
		w.exchange.status, w.exchange.header = status, w.Header().Clone()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *notedAnswer) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.exchange.body.add(p[:n])
	return n, err
}

func (w *notedAnswer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
