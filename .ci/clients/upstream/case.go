package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Case is a recorded exchange. A client chooses it by its name, which it sends as the name of the model or as the id in
// the path.
type Case struct {
	Name   string `json:"name"` // `replay.` or `recorded.`, and the folder's name
	Method string `json:"method"`
	Target string `json:"target"` // path and query, as recorded
	Stream bool   `json:"stream"` // the answer is made of events
	// AsksUsage says that the request has to ask for usage in its stream to get this answer.
	AsksUsage bool `json:"asks_usage"`
	// UsageApart says that an OpenAI-style stream reports its usage in an event of its own, which a provider sends only to
	// those who ask for it, and goes on behind it.
	UsageApart bool `json:"usage_apart"`

	Usage map[string]any `json:"-"` // what the answer used; numbers are float64

	status int
	header http.Header
	body   []byte
	broken bool // the recorded answer breaks off inside an event
}

// LoadCases reads the cases of one provider from a folder that has a folder for each provider; none if it has none for
// this one. Sessions that are upgraded to WebSocket are left out.
func LoadCases(folder, prefix, provider string) ([]Case, error) {
	entries, err := os.ReadDir(filepath.Join(folder, provider))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load cases: %w", err)
	}
	var cases []Case
	for _, entry := range entries {
		c, err := loadCase(filepath.Join(folder, provider, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("load case %s/%s: %w", provider, entry.Name(), err)
		}
		c.Name = prefix + "." + entry.Name()
		if c.status != http.StatusSwitchingProtocols {
			cases = append(cases, c)
		}
	}
	return cases, nil
}

func loadCase(dir string) (Case, error) {
	request, err := readMessage(filepath.Join(dir, "request.http"))
	if err != nil {
		return Case{}, err
	}
	response, err := readMessage(filepath.Join(dir, "response.http"))
	if err != nil {
		return Case{}, err
	}
	status, err := response.status()
	if err != nil {
		return Case{}, err
	}
	c := Case{Method: request.start[0], Target: request.start[1], status: status, header: response.header, body: response.body}
	c.Stream = framingOf(c.header.Get("Content-Type")) != wholeBody
	c.UsageApart = reportsUsageApart(c.pieces())
	c.AsksUsage = c.UsageApart || asksForUsage(request.body)
	c.broken = c.Stream && endsInsideEvent(c.pieces())
	data, err := os.ReadFile(filepath.Join(dir, "usage.json"))
	if err != nil {
		return Case{}, err
	}
	return c, json.Unmarshal(data, &c.Usage)
}

// pieces are what the body is sent in.
func (c Case) pieces() [][]byte { return events(c.body, framingOf(c.header.Get("Content-Type"))) }

func readMessage(path string) (message, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return message{}, err
	}
	m, err := parseMessage(data)
	if err != nil {
		return message{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return m, nil
}

func asksForUsage(body []byte) bool {
	var request struct {
		StreamOptions struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
	}
	return json.Unmarshal(body, &request) == nil && request.StreamOptions.IncludeUsage
}

// framing is how the events of a body are told apart.
type framing int

const (
	wholeBody    framing = iota
	blankLine            // server-sent events
	line                 // JSON lines
	lengthPrefix         // application/vnd.amazon.eventstream
)

func framingOf(contentType string) framing {
	switch {
	case strings.HasPrefix(contentType, "text/event-stream"):
		return blankLine
	case strings.HasPrefix(contentType, "application/stream+json"):
		return line
	case strings.HasPrefix(contentType, "application/vnd.amazon.eventstream"):
		return lengthPrefix
	}
	return wholeBody
}
