package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"windhover/config"
	"windhover/gateway"
	"windhover/gateway/price"
	"windhover/gateway/usage"
)

// readingOptions say whose answers are explained.
type readingOptions struct {
	response string // the first answer; empty: a request is explained
	request  string // the file of the request; empty: it stands beside the answer
	provider string // empty: the name of the folder above the case
	json     bool
}

// reading is how a recorded answer is read.
type reading struct {
	File     string                        `json:"file"`
	Provider string                        `json:"provider"`
	Method   string                        `json:"method"`
	Path     string                        `json:"path"`
	Status   int                           `json:"status"`
	Rules    []string                      `json:"rules"`          // that apply, in order
	Base     []usage.Setting               `json:"base,omitempty"` // what they say without any event
	Events   []usage.TracedEvent           `json:"events"`
	Usage    usage.Usage                   `json:"usage"`
	Origins  map[usage.Field]*usage.Origin `json:"origins"` // what decided each field of Usage
	State    usage.State                   `json:"usage_state"`
	Ended    bool                          `json:"ended"`
	Doubts   []string                      `json:"doubts,omitempty"`
	Parts    []usage.Part                  `json:"parts,omitempty"`
	Price    price.Quote                   `json:"price"` // what it would cost now
}

// explainResponses prints how each of the answers is read.
func (p program) explainResponses(s config.Settings, o readingOptions, names []string) error {
	file, snapshot, err := compile(p.providersPath(s.Providers), p.loadOptions(s.Prices), servingNobody())
	if err != nil {
		return err
	}
	if o.provider != "" {
		if err := checkProvider(file, o.provider); err != nil {
			return err
		}
	}
	for i, name := range names {
		r, err := readResponse(snapshot, o, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if o.json {
			if err := p.printJSON(r); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(p.stdout)
		}
		p.printReading(r)
	}
	return nil
}

func readResponse(snapshot *gateway.Snapshot, o readingOptions, name string) (*reading, error) {
	f, err := filesNamed(name, o.request)
	if err != nil {
		return nil, err
	}
	provider := o.provider
	if provider == "" {
		provider = providerOf(filepath.Dir(f.response))
	}
	c, err := readCase(snapshot, provider, f)
	if err != nil {
		return nil, err
	}
	tracer := c.rules.Trace(c.exchange)
	tracer.Write(c.body)
	result := tracer.Close(true)
	r := &reading{
		File: name, Provider: provider, Method: c.exchange.Method, Path: c.exchange.Path, Status: c.exchange.Status,
		Rules: c.rules.Applying(c.exchange), Base: tracer.Base, Events: tracer.Events, Origins: map[usage.Field]*usage.Origin{},
		Usage: result.Usage, State: result.State, Ended: result.Ended, Doubts: result.Doubts, Parts: result.Parts,
	}
	r.Price = snapshot.Prices().Quote(&usage.Record{
		Time: time.Now(), Provider: provider, RequestModel: requestModel(c.exchange), Status: c.exchange.Status,
		UsageState: result.State, Usage: result.Usage, Parts: result.Parts,
	}, snapshot.Pricing(provider))
	for field := range usage.Fields() {
		if origin, ok := tracer.Origin(field); ok {
			r.Origins[field] = &origin
		}
	}
	return r, result.Fault
}

func requestModel(x usage.Exchange) string {
	if x.Request == nil {
		return ""
	}
	return usage.RequestText(x.Request(), "model")
}

// filesNamed are the messages of a case's folder, or of an answer's file and its request.
func filesNamed(name, request string) (files, error) {
	info, err := os.Stat(name)
	if err != nil {
		return files{}, fmt.Errorf("find the answer: %w", err)
	}
	f := files{response: name}
	if info.IsDir() {
		f = filesOf(name)
	}
	switch {
	case request != "":
		f.request = request
	case f.request == "":
		f.request = filepath.Join(filepath.Dir(name), requestFile)
	}
	if _, err := os.Stat(f.request); err != nil {
		return files{}, fmt.Errorf("find the request, which --request can name: %w", err)
	}
	return f, nil
}

// printReading tells the story of an answer in the order in which it was read.
func (p program) printReading(r *reading) {
	fmt.Fprintf(p.stdout, "%s: %s %s of %s, status %d\n", r.File, r.Method, r.Path, r.Provider, r.Status)
	if len(r.Rules) == 0 {
		fmt.Fprintln(p.stdout, "no rule applies")
		return
	}
	fmt.Fprintf(p.stdout, "rules that apply: %s\n", strings.Join(r.Rules, " "))
	if len(r.Base) > 0 {
		fmt.Fprintln(p.stdout, "without any event")
		p.printSettings(r.Base)
	}
	p.printEvents(r.Events)
	p.printResult(r)
}

// printEvents shows events one by one, but those in a row of which no rule took anything as one line.
func (p program) printEvents(events []usage.TracedEvent) {
	for i := 0; i < len(events); {
		first := events[i]
		silent := 0
		for i+silent < len(events) && len(events[i+silent].Set) == 0 {
			silent++
		}
		if silent > 2 {
			fmt.Fprintf(p.stdout, "events %d to %d: nothing\n", first.Number, first.Number+int64(silent)-1)
			i += silent
			continue
		}
		p.printEvent(first)
		i++
	}
}

func (p program) printEvent(e usage.TracedEvent) {
	fmt.Fprintf(p.stdout, "event %d", e.Number)
	if e.Name != "" {
		fmt.Fprintf(p.stdout, " %q", e.Name)
	}
	fmt.Fprintf(p.stdout, ", %d bytes", e.Size)
	if e.Outline != "" {
		fmt.Fprintf(p.stdout, ": %q", e.Outline)
	}
	fmt.Fprintln(p.stdout)
	p.printSettings(e.Set)
}

func (p program) printSettings(settings []usage.Setting) {
	for _, s := range settings {
		fmt.Fprintf(p.stdout, "  %s = %s (%s)\n", s.Field, p.green(show(s.Value)), s.Rule)
	}
}

func (p program) printResult(r *reading) {
	ended := "the end was seen"
	if !r.Ended {
		ended = p.red("the end was not seen")
	}
	fmt.Fprintf(p.stdout, "result: %s, %s\n", r.State, ended)
	for field := range usage.Fields() {
		if origin := r.Origins[field]; origin != nil {
			fmt.Fprintf(p.stdout, "  %s = %s (%s)\n", field, p.green(show(reported(&r.Usage, field))), origin)
		}
	}
	for _, part := range r.Parts {
		text, err := part.MarshalJSON()
		if err == nil {
			fmt.Fprintf(p.stdout, "  part %s\n", text)
		}
	}
	for _, doubt := range r.Doubts {
		fmt.Fprintf(p.stdout, "  %s\n", p.red("doubt: "+doubt))
	}
	p.printQuote(r.Price)
}
