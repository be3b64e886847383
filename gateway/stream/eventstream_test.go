package stream

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
)

// frame is an event-stream frame. headers are name, value, name, value, …, separated by spaces.
func frame(payload, headers string) string {
	var h []byte
	names := strings.Fields(headers)
	for i := 0; i+1 < len(names); i += 2 {
		h = append(h, byte(len(names[i])))
		h = append(h, names[i]...)
		h = append(h, textHeader)
		h = binary.BigEndian.AppendUint16(h, uint16(len(names[i+1])))
		h = append(h, names[i+1]...)
	}
	return rawFrame(payload, h)
}

func rawFrame(payload string, headers []byte) string {
	b := prelude(uint32(preludeSize+len(headers)+len(payload)+checksumSize), uint32(len(headers)))
	b = append(b, headers...)
	b = append(b, payload...)
	return string(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
}

func prelude(total, headers uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, total)
	b = binary.BigEndian.AppendUint32(b, headers)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func wrapped(s string) string {
	return `{"bytes":"` + base64.StdEncoding.EncodeToString([]byte(s)) + `","p":"abc"}`
}

func TestEventStreamFrames(t *testing.T) {
	t.Parallel()
	good := frame(`{"a":1}`, ":event-type metadata :message-type event :content-type application/json")
	event := seen{Name: "metadata", Data: `{"a":1}`}
	for name, c := range map[string]struct {
		body    string
		want    []seen
		dropped int
	}{
		"frames":                   {good + good, []seen{event, event}, 0},
		"without headers":          {frame(`{"a":1}`, ""), data(`{"a":1}`), 0},
		"without payload":          {frame("", ":event-type ping"), []seen{{Name: "ping"}}, 0},
		"wrapped":                  {frame(wrapped(`{"b":22}`), ":event-type chunk"), []seen{{Name: "chunk", Data: `{"b":22}`}}, 0},
		"wrapped nothing":          {frame(`{"bytes":""}`, ""), data(""), 0},
		"nearly wrapped":           {frame(`{"bytes":7}`, ""), data(`{"bytes":7}`), 0},
		"ends like a wrapper":      {frame(`{"by`, ""), data(`{"by`), 0},
		"wrapped without end":      {frame(`{"bytes":"QUJD`, ""), nil, 1},
		"wrapped badly":            {frame(`{"bytes":"QUJ?"}`, "") + good, []seen{event}, 1},
		"wrapped with short group": {frame(`{"bytes":"QUJDQ"}`, ""), nil, 1},
		"wrapped behind padding":   {frame(`{"bytes":"QQ==QUJD"}`, ""), nil, 1},
		"wrapped with line ends":   {frame("{\"bytes\":\"QU\nJ\nD\"}", ""), nil, 1},
		"exception": {frame(`{"message":"slow down"}`, ":exception-type throttlingException :message-type exception"),
			[]seen{{Name: "throttlingException", Data: `{"message":"slow down"}`, Exception: true}}, 0},
		"error": {frame("", ":error-code InternalError :message-type error"),
			[]seen{{Name: "InternalError", Exception: true}}, 0},
		"wrong checksum":            {good[:len(good)-1] + "\x00" + good, []seen{event}, 1},
		"wrong payload":             {strings.Replace(good, `"a"`, `"b"`, 1) + good, []seen{event}, 1},
		"wrong prelude":             {good + "\x01" + good[1:] + good, []seen{event}, 1},
		"length below the least":    {good + string(prelude(8, 0)) + good, []seen{event}, 1},
		"length above the limit":    {string(prelude(1<<30, 0)) + good, nil, 1},
		"headers longer than frame": {string(prelude(20, 5)) + good, nil, 1},
		"headers above the limit":   {string(prelude(1<<20, 200<<10)) + good, nil, 1},
		"headers that make no pair": {rawFrame("{}", []byte("\x05:name")) + good, nil, 1},
		"header of unknown type":    {rawFrame("{}", []byte("\x01n\x63")), nil, 1},
		"header cut off":            {rawFrame("{}", []byte("\x01n\x07\x00")), nil, 1},
		"cut off":                   {good + good[:30], []seen{event}, 1},
		"cut off in the prelude":    {good + good[:3], []seen{event}, 1},
		"nothing":                   {"", nil, 0},
		"no frames":                 {"data: {\"a\":1}\n\n", nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, dropped := decode(EventStream, Options{}, c.body)
			if !slices.Equal(got, c.want) || dropped != c.dropped {
				t.Errorf("events = %q, %d dropped, want %q, %d dropped", got, dropped, c.want, c.dropped)
			}
			eachCut(t, EventStream, Options{}, c.body, 100)
		})
	}
}

func TestEventStreamSkipsHeadersOfEveryType(t *testing.T) {
	t.Parallel()
	headers := []byte("\x01a\x00" + "\x01b\x01" + "\x01c\x02x" + "\x01d\x03xx" + "\x01e\x04xxxx" + "\x01f\x05xxxxxxxx" +
		"\x01g\x06\x00\x03xxx" + "\x01h\x08xxxxxxxx" + "\x01i\x09xxxxxxxxxxxxxxxx" + "\x0b:event-type\x07\x00\x01n")
	got, dropped := decode(EventStream, Options{}, rawFrame("{}", headers))
	if want := []seen{{Name: "n", Data: "{}"}}; !slices.Equal(got, want) || dropped != 0 {
		t.Errorf("events = %q, %d dropped, want %q, 0 dropped", got, dropped, want)
	}
}

func TestEventStreamWrappedEventAboveTheLimitIsProjected(t *testing.T) {
	t.Parallel()
	body := frame(wrapped(`{"text":"`+strings.Repeat("x", 1000)+`","usage":{"n":7}}`), ":event-type chunk")
	o := Options{Limit: 100, Project: projection(t, "usage")}
	got, dropped := decode(EventStream, o, body)
	if want := []seen{{Name: "chunk", Data: `{"usage":{"n":7}}`, Cut: true}}; !slices.Equal(got, want) || dropped != 0 {
		t.Errorf("events = %q, %d dropped, want %q, 0 dropped", got, dropped, want)
	}
	eachCut(t, EventStream, o, body, 20)
}

func FuzzEventStream(f *testing.F) {
	f.Add(frame(`{"a":1}`, ":event-type x")+frame(wrapped("{}"), ""), uint64(1))
	f.Add(string(prelude(8, 0)), uint64(1))
	f.Fuzz(func(t *testing.T, body string, seed uint64) {
		sameCut(t, EventStream, Options{Limit: 8}, body, seed)
		sameCut(t, EventStream, Options{}, frame(body, ":event-type x"), seed)
		sameCut(t, EventStream, Options{}, frame(`{"bytes":"`+body, ""), seed)
		sameCut(t, EventStream, Options{}, rawFrame("{}", []byte(body)), seed)
	})
}
