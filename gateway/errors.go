package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"windhover/gateway/usage"
)

// failure is an answer that the gateway makes itself.
type failure struct {
	status     int
	kind       string        // the JSON's type, without gateway_
	code       string        // the JSON's code and the value of X-Windhover-Error
	message    string        // one sentence for a person: what, why, remedy
	scheme     string        // that WWW-Authenticate asks for; empty: none
	retryAfter time.Duration // when to come again, rounded up to seconds; 0: nothing is known of that
	providers  []string      // the known ones, where the client named none of them
}

func (f *failure) Error() string { return f.message }

// The header names that the gateway adds to answers.
const (
	headerRequestID = "X-Windhover-Request-Id"
	headerError     = "X-Windhover-Error"
	headerAttempt   = "X-Windhover-Attempt"  // which attempt the answer is of, if not the first
	headerProvider  = "X-Windhover-Provider" // whose answer it is then
)

// write sends the failure as JSON in the shape that the official SDKs read.
func (f *failure) write(w http.ResponseWriter) {
	type object struct {
		Message   string   `json:"message"`
		Type      string   `json:"type"`
		Code      string   `json:"code"`
		Providers []string `json:"providers,omitempty"`
	}
	body, err := json.Marshal(map[string]object{"error": {f.message, "gateway_" + f.kind, f.code, f.providers}})
	if err != nil {
		panic(err) // strings always encode
	}
	body = append(body, '\n')
	h := w.Header()
	if h.Get(headerRequestID) == "" {
		h.Set(headerRequestID, newID()) // of no exchange, but a client can still quote it
	}
	h.Set(headerError, f.code)
	if f.scheme != "" {
		h.Set("Www-Authenticate", f.scheme)
	}
	if f.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(f.retryAfter/time.Second)))
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.status)
	_, _ = w.Write(body)
}

func badRequest(code, message string) *failure {
	return &failure{status: http.StatusBadRequest, kind: "bad_request", code: code, message: message}
}

func notFound(code, message string) *failure {
	return &failure{status: http.StatusNotFound, kind: "not_found", code: code, message: message}
}

// upstreamFailure is an attempt that got no answer.
func upstreamFailure(code, message string) *failure {
	return &failure{status: http.StatusBadGateway, kind: "upstream_error", code: code, message: message}
}

func timeoutFailure(code, message string) *failure {
	return &failure{status: http.StatusGatewayTimeout, kind: "timeout", code: code, message: message}
}

func internalFailure() *failure {
	return &failure{status: http.StatusInternalServerError, kind: "internal", code: "internal", message: "the gateway failed on this request; its log says why"}
}

// statusClientClosed is what access logs show for a client that left (a convention that nginx began); nobody receives it.
const statusClientClosed = 499

// interruption is the answer to an attempt that the client or the gateway ended before there was one.
func (x *exchange) interruption(end usage.End) *failure {
	switch end {
	case usage.EndShutdown:
		return &failure{status: http.StatusServiceUnavailable, kind: "shutdown", code: "shutdown", message: "the gateway is shutting down"}
	case usage.EndTimeoutUpload:
		return &failure{status: http.StatusRequestTimeout, kind: "timeout", code: "timeout_upload", message: "the rest of the request's body did not come in time (timeouts.upload)"}
	case usage.EndTimeoutTotal:
		return timeoutFailure("timeout_total", x.totalBy+" did not finish in time (timeouts.total)")
	}
	return &failure{status: statusClientClosed, kind: "client_closed", code: "client_closed", message: "the client left"}
}
