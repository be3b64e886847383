package config

import (
	"strconv"
	"strings"
)

// The modes of `breaker` and `throttle`.
const (
	ModeWatch   = "watch"   // default: the state is shown and measured, and nothing is refused
	ModeEnforce = "enforce" // requests that would most likely fail are refused
	ModeOff     = "off"
)

// Breaker says what becomes of requests to an upstream that fails: one host of a provider, and one model of it. A text alone is
// its mode.
type Breaker struct {
	Mode     Text     `yaml:"mode" short:"true" jsonschema:"enum=watch,enum=enforce,enum=off"` // `watch` (default) shows and measures; `enforce` refuses with 503 while it is open; `off`
	Failures Count    `yaml:"failures" jsonschema:"minimum=1,maximum=10000"`                   // how many failures within the window open it; default 5
	Ratio    Ratio    `yaml:"ratio"`                                                           // which share of the requests must have failed, too; default 0.5
	Window   Duration `yaml:"window" form:"period"`                                            // how long a failure counts; default 60s
	Open     Duration `yaml:"open" form:"period"`                                              // how long it stays open before one request may try; default 30s
}

// Throttle says what becomes of requests to an upstream that has asked for patience. A text alone is its mode.
type Throttle struct {
	Mode Text     `yaml:"mode" short:"true" jsonschema:"enum=watch,enum=enforce,enum=off"` // `watch` (default) shows and measures; `enforce` refuses with 429 until the provider's time has come; `off`
	Max  Duration `yaml:"max" form:"period"`                                               // the longest time that Retry-After can ask for; default 1m
}

// Retry says when a request is sent once more, before the client got a byte of an answer. That no connection came about is
// always a reason: nothing was sent.
type Retry struct {
	Attempts Count    `yaml:"attempts" jsonschema:"required,minimum=2,maximum=10"` // in all, the first one included
	On       Text     `yaml:"on" form:"expression"`                                // expression: further reasons, as in `status == 429 or status == 503`; the provider may have seen, and charge for, a request that it names
	Backoff  Duration `yaml:"backoff" form:"time"`                                 // bounds the random wait before the second attempt; it doubles with each; default 500ms
	MaxWait  Duration `yaml:"max_wait" form:"time"`                                // the longest wait; an answer whose Retry-After asks for more goes to the client; default 10s
}

// Fallback says which providers answer when this one does not. A list alone is To.
type Fallback struct {
	To TextList `yaml:"to" short:"true" jsonschema:"required"` // providers in order, each with or without the beginning of a path, as in azure/eu-1/gpt-4o, before what followed this provider's name
	On Text     `yaml:"on" form:"expression"`                  // expression: further reasons beside that no connection came about and that the breaker is open
}

// Health looks now and then whether the provider can be reached. It costs nothing, and decides nothing: `/api/providers` shows it.
// A text alone is Check.
type Health struct {
	Check    Text     `yaml:"check" short:"true" jsonschema:"required" form:"check"` // `tcp`, `tls`, or `GET /PATH`: a path of the provider that is free of charge, and must answer with 2xx
	Interval Duration `yaml:"interval" form:"period"`                                // between two checks, give or take a tenth; default 30s
	Timeout  Duration `yaml:"timeout" form:"period"`                                 // of one check; default 5s
}

// Count is a whole number above 0; 0 where the file gives none.
type Count int

// Or is the count, or what counts where the file gives none.
func (c Count) Or(other int) int {
	if c > 0 {
		return int(c)
	}
	return other
}

// Ratio is a share, above 0 and up to 1; 0 where the file gives none.
type Ratio float64

// Or is the ratio, or what counts where the file gives none.
func (r Ratio) Or(other float64) float64 {
	if r > 0 {
		return float64(r)
	}
	return other
}

func (d *decoder) count(n *node, f field) Count {
	x, err := strconv.Atoi(n.text)
	switch {
	case n.kind != numberKind:
		d.wrongKind(n, "a whole number from "+strconv.Itoa(f.minimum)+" to "+strconv.Itoa(f.maximum))
	case err != nil || x < f.minimum || x > f.maximum:
		d.reject(n, "%s %s is no whole number from %d to %d", f.key, quoted(n.text), f.minimum, f.maximum)
	default:
		return Count(x)
	}
	return 0
}

func (d *decoder) ratio(n *node, f field) Ratio {
	x, err := strconv.ParseFloat(n.text, 64)
	switch {
	case n.kind != numberKind:
		d.wrongKind(n, "a share such as 0.5")
	case err != nil || !(x > 0 && x <= 1):
		d.reject(n, "%s %s is no share; write a number above 0 and up to 1, as in 0.5", f.key, quoted(n.text))
	default:
		return Ratio(x)
	}
	return 0
}

// isCheck checks what a health check does. Nothing but GET is free of side effects for certain.
func (d *decoder) isCheck(n *node) bool {
	path, isGet := strings.CutPrefix(n.text, "GET ")
	switch {
	case n.text == "tcp" || n.text == "tls":
		return true
	case !isGet || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " #\\"):
		d.reject(n, "unknown check %s; write tcp, tls or GET /PATH", quoted(n.text))
		return false
	}
	return true
}

// layBreaker lays single values over each other.
func layBreaker(base, over Breaker) Breaker {
	return Breaker{
		Mode:     layText(base.Mode, over.Mode),
		Failures: Count(over.Failures.Or(int(base.Failures))),
		Ratio:    Ratio(over.Ratio.Or(float64(base.Ratio))),
		Window:   layDuration(base.Window, over.Window),
		Open:     layDuration(base.Open, over.Open),
	}
}

func layThrottle(base, over Throttle) Throttle {
	return Throttle{Mode: layText(base.Mode, over.Mode), Max: layDuration(base.Max, over.Max)}
}

func layText(base, over Text) Text {
	if over.Empty() {
		return base
	}
	return over
}
