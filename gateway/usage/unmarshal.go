package usage

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/tidwall/gjson"
)

// line is what MarshalJSON writes of a record, but for the fields of Usage, which stand beside these keys.
type line struct {
	ID           string            `json:"id"`
	RequestID    string            `json:"request_id"`
	Attempt      int               `json:"attempt"`
	Final        bool              `json:"final"`
	Checkpoint   bool              `json:"checkpoint"`
	Time         time.Time         `json:"time"`
	Client       string            `json:"client"`
	Provider     string            `json:"provider"`
	Method       string            `json:"method"`
	Path         string            `json:"path"`
	RequestModel string            `json:"request_model"`
	Status       int               `json:"status"`
	Stream       bool              `json:"stream"`
	Resent       int               `json:"resent"`
	End          End               `json:"end"`
	Error        string            `json:"error"`
	UsageState   State             `json:"usage_state"`
	StreamUsage  StreamUsage       `json:"stream_usage"`
	Parts        []Part            `json:"parts"`
	Doubts       []string          `json:"doubts"`
	CostNanoUSD  int64             `json:"cost_nano_usd"`
	CostState    CostState         `json:"cost_state"`
	PriceID      string            `json:"price_id"`
	FirstByte    float64           `json:"first_byte"`
	Duration     float64           `json:"duration"`
	BytesIn      int64             `json:"bytes_in"`
	BytesOut     int64             `json:"bytes_out"`
	Events       int64             `json:"events"`
	Key          string            `json:"key"`
	Labels       map[string]string `json:"labels"`
	Revision     string            `json:"revision"`
	RawUsage     json.RawMessage   `json:"raw_usage"`
}

// UnmarshalJSON reads what MarshalJSON wrote. Keys that are not known are passed over: a newer version may have written them.
func (r *Record) UnmarshalJSON(data []byte) error {
	var l line
	if err := json.Unmarshal(data, &l); err != nil {
		return fmt.Errorf("decode record: %w", err)
	}
	if l.ID == "" {
		return errors.New("decode record: it has no id")
	}
	*r = Record{
		ID: l.ID, RequestID: l.RequestID, Attempt: l.Attempt, Final: l.Final, Checkpoint: l.Checkpoint, Time: l.Time,
		Client: l.Client, Provider: l.Provider, Method: l.Method, Path: l.Path, RequestModel: l.RequestModel,
		Status: l.Status, Stream: l.Stream, Resent: l.Resent, End: l.End, Error: l.Error, UsageState: l.UsageState,
		StreamUsage: l.StreamUsage, Parts: l.Parts, Doubts: l.Doubts, CostNanoUSD: l.CostNanoUSD, CostState: l.CostState,
		FirstByte: duration(l.FirstByte), Duration: duration(l.Duration), BytesIn: l.BytesIn, BytesOut: l.BytesOut,
		Events: l.Events, Key: l.Key, Labels: l.Labels, Revision: l.Revision, RawUsage: l.RawUsage,
	}
	if l.PriceID != "" {
		r.Price = &Price{ID: l.PriceID}
	}
	return r.Usage.UnmarshalJSON(data)
}

// UnmarshalJSON reads the fields of a usage among the keys of an object.
func (u *Usage) UnmarshalJSON(data []byte) error {
	if !gjson.ValidBytes(data) {
		return errors.New("decode usage: this is no JSON")
	}
	*u = Usage{}
	gjson.ParseBytes(data).ForEach(func(key, value gjson.Result) bool {
		f, ok := ParseField(key.String())
		switch {
		case !ok:
		case !f.Number() && value.Type == gjson.String:
			u.SetText(f, value.String())
		case f.Number() && value.Type == gjson.Number:
			u.SetNumber(f, numberOf(value.Raw))
		}
		return true
	})
	return nil
}

// numberOf is a JSON number, exactly if it is whole and fits.
func numberOf(text string) Number {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Whole(n)
	}
	f, _ := strconv.ParseFloat(text, 64)
	return Decimal(f)
}

// duration is a number of seconds, to the microsecond.
func duration(seconds float64) time.Duration {
	return time.Duration(math.Round(seconds*1e6)) * time.Microsecond
}
