package gateway

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"windhover/gateway/usage"
)

// streamUsageOpenAI is the one way of asking for usage in streams that there is.
const streamUsageOpenAI = "openai-chat"

// mayAskForUsage reports whether the request is one in which usage can be asked for, as far as its header tells.
func (x *exchange) mayAskForUsage() bool {
	r := x.r
	return x.provider.asksUsage && !x.gateway.options.KeepStreams && r.Method == http.MethodPost && asksForUsage(x.path) &&
		r.ContentLength > 0 && r.ContentLength <= maxAskedBody && len(r.Trailer) == 0 &&
		r.Header["Expect"] == nil && r.Header["Content-Encoding"] == nil
}

// attachAsked reads the whole body and asks for usage in it, where the client has said nothing about it.
func (x *exchange) attachAsked(out *http.Request) *failure {
	if refused := x.attachWhole(out); refused != nil {
		return refused
	}
	asked, ok := askForUsage(x.body.all)
	if !ok || x.gateway.decliners.have(x.decliner()) {
		return nil
	}
	x.added, x.record.StreamUsage = true, usage.StreamUsageAdded
	out.Header["Accept-Encoding"] = []string{"identity"} // the added event can be taken out of plain text only
	setBody(out, asked)
	return nil
}

// unask sees to it that the client gets no event that it did not ask for. An answer that is encoded all the same keeps it.
func (x *exchange) unask(res *http.Response) {
	if !x.added {
		return
	}
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch {
	case media != "text/event-stream":
	case res.Header["Content-Encoding"] != nil:
		x.record.StreamUsage = usage.StreamUsageLeft
	default:
		x.remover = new(usageRemover)
		res.Header.Del("Content-Length") // of a stream that is about to get shorter
	}
}

// maxDeclined bounds how much of an error answer is read to find out whether it declines what was added, in bytes.
const maxDeclined = 64 << 10

// declined reports whether the upstream refuses the request because of what was added to it. It reads the answer, which
// is whole again afterwards.
func (x *exchange) declined(res *http.Response) bool {
	if !x.added || (res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusUnprocessableEntity) {
		return false
	}
	x.startWatch(x.idle.limit)
	x.idle.start()
	head, err := io.ReadAll(io.LimitReader(res.Body, maxDeclined))
	x.idle.stop()
	rest := res.Body
	res.Body = readCloser{io.MultiReader(bytes.NewReader(head), errorReader{err}, rest), rest}
	return err == nil && bytes.Contains(head, []byte("stream_options"))
}

// readCloser reads from one and closes another.
type readCloser struct {
	io.Reader
	io.Closer
}

// errorReader gives an error that came in place of more bytes; nil is their end.
type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	return 0, io.EOF
}

// sendPlain sends the client's own request after the upstream has declined the one that asks for usage: a further
// attempt, with a record of its own. For a while nobody asks that model again.
func (x *exchange) sendPlain(out *http.Request, declined *http.Response) (*http.Response, error) {
	_ = declined.Body.Close()
	x.gateway.decliners.add(x.decliner())
	x.endAttempt(attemptEnd{end: usage.EndComplete, status: declined.StatusCode, took: time.Since(x.record.Time)})
	x.added = false
	if accepts, ok := x.r.Header["Accept-Encoding"]; ok {
		out.Header["Accept-Encoding"] = accepts
	} else {
		delete(out.Header, "Accept-Encoding")
	}
	setBody(out, x.body.all)
	return x.send(out)
}

// attemptEnd is how an attempt ended whose answer the client does not get.
type attemptEnd struct {
	end    usage.End
	status int    // of the answer; 0: there was none
	code   string // why there was none
	took   time.Duration
}

// endAttempt closes the account of such an attempt, and begins the next one's.
func (x *exchange) endAttempt(how attemptEnd) {
	ended := *x.record
	ended.Final, ended.Status, ended.End, ended.Error, ended.UsageState = false, how.status, how.end, how.code, usage.None
	x.note(&ended)
	ended.Duration = how.took
	x.deliver(&ended)
	x.record.ID, x.record.Attempt, x.record.StreamUsage = newID(), x.record.Attempt+1, ""
	x.record.Time, x.record.FirstByte = time.Now(), 0
	x.tries = 0
}

// decliner is who is not to be asked for usage.
type decliner struct{ provider, model string }

func (x *exchange) decliner() decliner { return decliner{x.provider.name, x.body.model()} }

const (
	declineTime  = 10 * time.Minute // a provider may learn
	maxDecliners = 1000             // model names come from clients
)

// decliners remember which models of which providers do not know the option.
type decliners struct {
	mu    sync.Mutex
	until map[decliner]time.Time
}

func (d *decliners) have(who decliner) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Before(d.until[who])
}

func (d *decliners) add(who decliner) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.until == nil || len(d.until) >= maxDecliners {
		d.until = make(map[decliner]time.Time)
	}
	d.until[decliner{strings.Clone(who.provider), strings.Clone(who.model)}] = time.Now().Add(declineTime)
}
