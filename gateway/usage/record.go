package usage

import "time"

// End says how an attempt ended.
type End string

// The ends. The order is from good to bad.
const (
	EndComplete          End = "complete"
	EndClientClosedAfter End = "client_closed_after_end" // the client left when the terminal event had passed
	EndClientClosed      End = "client_closed"
	EndUpstreamTruncated End = "upstream_truncated" // the answer broke off, or ended without its terminal event
	EndUpstreamError     End = "upstream_error"     // the upstream broke the protocol before it answered
	EndConnectError      End = "connect_error"
	EndTimeoutConnect    End = "timeout_connect"
	EndTimeoutHeader     End = "timeout_header"
	EndTimeoutIdle       End = "timeout_idle"
	EndTimeoutTotal      End = "timeout_total"
	EndTimeoutWrite      End = "timeout_write"
	EndTimeoutUpload     End = "timeout_upload" // the client stopped in the middle of its request
	EndRejected          End = "rejected"       // by the gateway: before any attempt, or in the middle of a body that is too large
	EndShutdown          End = "shutdown"
)

// State says what the numbers of a record are worth.
type State string

// The states.
const (
	Reported   State = "reported"
	Partial    State = "partial"    // some numbers, but the end was not seen or one is doubtful
	Missing    State = "missing"    // a rule applied to a good answer that ended without any number
	Unreadable State = "unreadable" // the answer's coding or framing could not be read
	None       State = "none"       // no rule, `consumes: false`, or an error answer without usage
)

// StreamUsage says what `stream_usage` did to an exchange.
type StreamUsage string

// What it can have done.
const (
	StreamUsageAdded StreamUsage = "added" // asked for usage, and took the added event out of the answer
	StreamUsageLeft  StreamUsage = "left"  // asked for usage, but the answer came encoded, so the added event is in it
)

// CostState says where a record's cost comes from.
type CostState string

// The cost states. A record without usage that could cost anything has none.
const (
	Priced       CostState = "priced"   // by the price table
	CostReported CostState = "reported" // it is what the provider says it charged
	Unpriced     CostState = "unpriced" // the table has no price for it; the cost is unknown, not 0
)

// Price is the row of the price table that a record was charged by. It is never written after it is made.
type Price struct {
	ID  string // name and digest of the row: the same ID means the same rates, in every gateway
	Row []byte // the row as JSON, to be kept beside the records; nil in a record that was read back
}

// Record is the only account of an attempt to reach an upstream; access log, metrics, cost and store all read it.
// A request that is refused before any attempt has one, with Attempt 0.
type Record struct {
	ID           string    // UUIDv7, one a record
	RequestID    string    // UUIDv7, one an exchange; sent to the client as X-Windhover-Request-Id
	Attempt      int       // from 1; 0 for a request refused before any
	Final        bool      // the client got this attempt's answer
	Checkpoint   bool      // the attempt goes on: this is its account so far, without an End, and a later record with the same ID replaces it
	Time         time.Time // when the attempt began: the first one, when the request arrived
	Client       string    // IP address, without port; empty: it came through a unix socket
	Provider     string
	Method       string
	Path         string // without query, up to 2 KiB
	RequestModel string // what the client asked for
	Status       int    // what the client got; 0: nothing
	Stream       bool   // the answer was a stream of events
	Resent       int    // how often the same attempt took another connection, as when a kept one had ended
	End          End
	UsageState   State
	StreamUsage  StreamUsage // whether the gateway asked for usage in the client's name; empty: no
	Usage        Usage
	Parts        []Part        // of an answer that is priced in parts; see Part
	Doubts       []string      // what cannot be in what the provider reported; see Result
	FirstByte    time.Duration // from Time to the answer's header; 0: there was none
	Duration     time.Duration
	BytesIn      int64  // of the request's body
	BytesOut     int64  // of the answer's body
	Events       int64  // of the answer
	Revision     string // of the file that the exchange was served with
	Error        string // the gateway's own error code, when it answered itself
	RawUsage     []byte // the provider's own usage JSON, up to 8 KiB; it holds no prompt

	CostState   CostState
	CostNanoUSD int64  // billionths of a dollar; it says something only where CostState is Priced or CostReported
	Price       *Price // nil: no row was asked, or none was found
	// Key is a salted hash of the client's credential, 16 hex digits; empty: there was none, or nobody wants to know.
	// Beyond the bound on keys it is Other.
	Key string
	// Labels are what the client said of itself in X-Windhover-Label-* headers, by lower-case name; nil: nothing.
	Labels map[string]string

	// What follows is for metrics, and not part of the JSON.

	// Overhead is the time in which the whole exchange waited for neither of its sides, as far as the gateway's own handler
	// sees it; 0 for one that was refused, for an attempt that was not the last, and for a WebSocket session.
	Overhead time.Duration
	Gaps     *Gaps // between the pieces of the answer; nil: there were none, or it is a WebSocket session
	Fault    bool  // usage could not be read, by a bug of the gateway's; UsageState is Unreadable
	// ModelLabel is the model as metrics may name it: a name from a closed set that no client can add to, or Other.
	ModelLabel string
}

// Other stands for what is beyond a bound: of keys, of a label's values, of the models that metrics name.
const Other = "other"

// CostKnown is the record's cost in billionths of a dollar, and whether it is known.
func (r *Record) CostKnown() (nanoUSD int64, known bool) {
	return r.CostNanoUSD, r.CostState == Priced || r.CostState == CostReported
}

// maxRequestPath is how much of a request's path is kept, in bytes.
const maxRequestPath = 2 << 10

// MarshalJSON is the record as one flat object, keys always in the same order: the line of the record log. Durations are
// seconds, what is absent is left out.
func (r *Record) MarshalJSON() ([]byte, error) {
	o := newObject()
	o.text("id", r.ID)
	o.text("request_id", r.RequestID)
	o.integer("attempt", int64(r.Attempt))
	o.truth("final", r.Final)
	if r.Checkpoint {
		o.truth("checkpoint", true)
	}
	o.text("time", r.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	o.text("client", r.Client)
	o.text("provider", r.Provider)
	o.text("method", Clean(r.Method, maxText))
	o.text("path", Clean(r.Path, maxRequestPath))
	o.text("request_model", Clean(r.RequestModel, maxText))
	o.text("model", r.Usage.Text(Model))
	o.positive("status", r.Status)
	o.truth("stream", r.Stream)
	o.positive("resent", r.Resent)
	o.text("end", string(r.End))
	o.text("error", r.Error)
	o.text("usage_state", string(r.UsageState))
	o.text("stream_usage", string(r.StreamUsage))
	r.Usage.write(o)
	list(o, "parts", r.Parts)
	list(o, "doubts", r.Doubts)
	if cost, known := r.CostKnown(); known {
		o.integer("cost_nano_usd", cost)
	} else if r.CostState == Unpriced {
		o.raw("cost_nano_usd", "null")
	}
	o.text("cost_state", string(r.CostState))
	if r.Price != nil {
		o.text("price_id", r.Price.ID)
	}
	o.seconds("first_byte", r.FirstByte)
	o.seconds("duration", r.Duration)
	o.integer("bytes_in", r.BytesIn)
	o.integer("bytes_out", r.BytesOut)
	o.integer("events", r.Events)
	o.text("key", r.Key)
	if len(r.Labels) > 0 {
		o.value("labels", r.Labels)
	}
	o.text("revision", r.Revision)
	o.embed("raw_usage", r.RawUsage)
	return o.end(), nil
}
