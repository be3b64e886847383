// Package upstream plays an AI provider: it answers with recorded cases, with errors, with streams that break off, and
// keeps every request as it came.
package upstream

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Request is what came, and what was answered.
type Request struct {
	Method, Target, Host string
	Header               http.Header
	Body                 []byte
	Asked                string // what chose the answer
	Status               int
	// Usage is what the answer reported; nil where it must not matter, because the answer was not sent whole.
	Usage map[string]any
	Cut   bool // the answer broke off
	// Broken says that the recorded answer did.
	Broken bool
	Slow   bool // the answer takes longer than the client waits
}

// Upstream is one provider, at an address of its own.
type Upstream struct {
	URL string

	provider string
	cases    []Case
	server   *httptest.Server

	mu       sync.Mutex
	requests []Request
}

// New serves the cases of a provider until Close, over TLS if there is a certificate.
func New(provider string, cases []Case, certificates ...tls.Certificate) *Upstream {
	u := &Upstream{provider: provider, cases: cases}
	u.server = httptest.NewUnstartedServer(u)
	if len(certificates) > 0 {
		u.server.TLS = &tls.Config{Certificates: certificates}
		u.server.StartTLS()
	} else {
		u.server.Start()
	}
	u.URL = u.server.URL
	return u
}

func (u *Upstream) Close() {
	u.server.CloseClientConnections()
	u.server.Close()
}

// TakeRequests returns the requests since the last call, in the order in which they came.
func (u *Upstream) TakeRequests() []Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.requests
	u.requests = nil
	return taken
}

func (u *Upstream) keep(r Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.requests = append(u.requests, r)
}

// What a client asks for by the name of a model, an id, or a file name: a case, whole, broken off (`.cut`) or slow
// (`.slow`); or an error.
var (
	askedCase  = regexp.MustCompile(`(replay|recorded)\.[a-zA-Z0-9._-]+`)
	askedError = regexp.MustCompile(`status-([0-9]{3})`)
)

func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	w.Header()["Date"] = nil // only where a case has one
	request := Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header.Clone(), Body: body}
	r.Body = io.NopCloser(bytes.NewReader(body))
	text := askedText(r, body)
	if status := askedError.FindStringSubmatch(text); status != nil {
		request.Asked = status[0]
		request.Status, _ = strconv.Atoi(status[1])
		request.Usage = map[string]any{}
		u.keep(request)
		u.fail(w, request.Status)
		return
	}
	if c, ok := u.caseFor(&request, text); ok {
		u.replay(w, r, c, request)
		return
	}
	if r.MultipartForm != nil && len(r.MultipartForm.File["file"]) > 0 {
		request.Asked, request.Status = "upload", http.StatusOK
		request.Usage = map[string]any{}
		u.keep(request)
		receiveFile(w, r)
		return
	}
	request.Asked, request.Status = text, http.StatusTeapot
	u.keep(request)
	http.Error(w, fmt.Sprintf("no case for %s %s %q", r.Method, r.RequestURI, text), http.StatusTeapot)
}

// askedText is the model of the request's JSON or form, and the path.
func askedText(r *http.Request, body []byte) string {
	path, err := url.PathUnescape(r.URL.EscapedPath())
	if err != nil {
		path = r.URL.Path
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		_ = r.ParseMultipartForm(64 << 20)
		return r.FormValue("model") + " " + path
	}
	var request struct {
		Model string `json:"model"`
	}
	_ = json.Unmarshal(body, &request)
	return request.Model + " " + path
}

// caseFor is the case that is asked for by name, or else by method and path.
func (u *Upstream) caseFor(request *Request, text string) (Case, bool) {
	asked := askedCase.FindString(text)
	name, cut := strings.CutSuffix(asked, ".cut")
	name, slow := strings.CutSuffix(name, ".slow")
	request.Asked, request.Cut, request.Slow = asked, cut, slow
	i := slices.IndexFunc(u.cases, func(c Case) bool {
		if asked != "" {
			return c.Name == name
		}
		return c.Method == request.Method && c.Target == request.Target
	})
	if i < 0 {
		return Case{}, false
	}
	if asked == "" {
		request.Asked = u.cases[i].Name
	}
	return u.cases[i], true
}

// replay answers as recorded, event by event. Like a provider, it keeps the usage of a stream to itself if it is not asked
// for it.
func (u *Upstream) replay(w http.ResponseWriter, r *http.Request, c Case, request Request) {
	pieces, usage := c.pieces(), c.Usage
	if c.UsageApart && !asksForUsage(request.Body) {
		pieces = slices.DeleteFunc(pieces, isUsageOnly)
		usage = map[string]any{"model": c.Usage["model"]}
	}
	if !request.Cut && !request.Slow {
		request.Usage = usage
	}
	request.Status, request.Broken = c.status, c.broken
	u.keep(request)

	maps.Copy(w.Header(), c.header)
	for _, name := range []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length"} {
		w.Header().Del(name)
	}
	if !c.Stream {
		w.Header().Set("Content-Length", strconv.Itoa(len(c.body)))
	}
	w.WriteHeader(c.status)
	send(w, r, pieces, request)
	if request.Cut {
		panic(http.ErrAbortHandler) // the connection is closed without the last chunk, or before all bytes came
	}
}

// send writes the pieces with a gap between them: a short one, that of a stream which a client will not wait for, or,
// where the answer is to break off, half of them.
func send(w http.ResponseWriter, r *http.Request, pieces [][]byte, request Request) {
	gap := min(2*time.Millisecond, 60*time.Millisecond/time.Duration(len(pieces)+1))
	if request.Slow {
		gap = 400 * time.Millisecond
	}
	if request.Cut && len(pieces) == 1 {
		pieces = [][]byte{pieces[0][:len(pieces[0])/2]}
	} else if request.Cut {
		pieces = pieces[:len(pieces)/2]
	}
	flusher := http.NewResponseController(w)
	for i, piece := range pieces {
		if i > 0 {
			select {
			case <-time.After(gap):
			case <-r.Context().Done():
				return
			}
		}
		_, _ = w.Write(piece)
		_ = flusher.Flush()
	}
}

// receiveFile takes an upload, and says what came.
func receiveFile(w http.ResponseWriter, r *http.Request) {
	header := r.MultipartForm.File["file"][0]
	file, err := header.Open()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer file.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, file)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"id": "file-" + hex.EncodeToString(hash.Sum(nil)), "object": "file", "bytes": size, "created_at": 1760000000,
		"filename": header.Filename, "purpose": r.FormValue("purpose"), "sample_type": "batch_request", "source": "upload",
	})
}
