package stream

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// The first byte of a frame: its last one of the message, or not, and the opcode.
const (
	text, textOpen     = "\x81", "\x01"
	bin                = "\x82"
	more, moreOpen     = "\x80", "\x00"
	closing, ping      = "\x88", "\x89"
	deflated1          = "\xc1" // text, compressed
	deflatedOpen       = "\x41"
	permessageDeflate  = "permessage-deflate"
	deflateTail        = "\x00\x00\xff\xff"
	finalDeflateOfNone = "\x03\x00" // a deflate stream that is empty and ends
)

// ws is an unmasked frame.
func ws(first, payload string) string {
	b := []byte(first)
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return string(b) + payload
}

// masked is a frame as a client sends it.
func masked(first, payload string) string {
	b := []byte(ws(first, payload))
	b[1] |= 0x80
	key, at := "\x0f\xa5\x00\x5a", len(b)-len(payload)
	for i := range len(payload) {
		b[at+i] ^= key[i%4]
	}
	return string(b[:at]) + key + string(b[at:])
}

// readWS is what a connection's direction holds: its messages, and the decoder behind them.
func readWS(o WebSocketOptions, pieces ...string) ([]seen, *WebSocket) {
	var events []seen
	d := NewWebSocket(func(e Event) { events = append(events, seen{Data: string(e.Data), Cut: e.Cut}) }, o)
	for _, p := range pieces {
		b := []byte(p)
		d.Write(b)
		clear(b) // a decoder that kept p would now hold nothing
	}
	d.Close()
	return events, d
}

// deflater compresses messages as a peer does that takes its context over.
type deflater struct {
	w *flate.Writer
	b bytes.Buffer
}

func newDeflater(t testing.TB) *deflater {
	t.Helper()
	d := new(deflater)
	var err error
	if d.w, err = flate.NewWriter(&d.b, flate.BestCompression); err != nil {
		t.Fatal(err)
	}
	return d
}

// message is a message without its tail (RFC 7692, section 7.2.1).
func (d *deflater) message(t testing.TB, s string) string {
	t.Helper()
	d.b.Reset()
	if _, err := io.WriteString(d.w, s); err != nil {
		t.Fatal(err)
	}
	if err := d.w.Flush(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(d.b.String(), deflateTail)
}

func TestWebSocketMessages(t *testing.T) {
	t.Parallel()
	const a, b = `{"a":1}`, `{"b":"22"}`
	long := `{"text":"` + strings.Repeat("x", 300) + `"}`
	huge := `{"text":"` + strings.Repeat("x", 1<<16) + `"}`
	for name, c := range map[string]struct {
		bytes   string
		want    []seen
		dropped int
		code    int
		err     error
	}{
		"text":                                    {ws(text, a) + ws(text, b), data(a, b), 0, 0, nil},
		"masked":                                  {masked(text, a) + masked(text, long), data(a, long), 0, 0, nil},
		"length of 16 bits":                       {ws(text, long), data(long), 0, 0, nil},
		"length of 64 bits, above the limit":      {ws(text, huge) + ws(text, a), data(a), 1, 0, nil},
		"empty":                                   {ws(text, "") + masked(text, ""), data("", ""), 0, 0, nil},
		"fragments":                               {ws(textOpen, a[:3]) + ws(moreOpen, "") + ws(more, a[3:]) + ws(text, b), data(a, b), 0, 0, nil},
		"masked fragments":                        {masked(textOpen, a[:3]) + masked(more, a[3:]), data(a), 0, 0, nil},
		"a ping between fragments":                {ws(textOpen, a[:3]) + ws(ping, "are you there") + masked("\x8a", "yes") + ws(more, a[3:]), data(a), 0, 0, nil},
		"a binary message that holds JSON":        {ws(bin, a) + masked(bin, "\n"+b), data(a, "\n"+b), 0, 0, nil},
		"a binary message of fragments":           {ws("\x02", a[:3]) + ws(more, a[3:]), data(a), 0, 0, nil},
		"binary messages that hold none":          {ws(bin, "\x00\x01{") + ws(bin, "{\xff\x00") + masked(bin, "{\xff") + ws(bin, "") + ws(text, a), data(a), 0, 0, nil},
		"a close frame":                           {ws(text, a) + ws(closing, "\x03\xe8bye") + ws(text, b), data(a), 0, 1000, nil},
		"a masked close frame":                    {masked(closing, "\x03\xf3"), nil, 0, 1011, nil},
		"a close frame without a code":            {ws(closing, ""), nil, 0, CloseNoStatus, nil},
		"a close frame inside a message":          {ws(textOpen, a) + ws(closing, "\x03\xe9"), nil, 1, 1001, nil},
		"cut off in a payload":                    {ws(text, a) + ws(text, b)[:4], data(a), 1, 0, ErrTruncated},
		"cut off in a head":                       {ws(text, a) + ws(text, long)[:3], data(a), 1, 0, ErrTruncated},
		"cut off between fragments":               {ws(text, a) + ws(textOpen, b), data(a), 1, 0, ErrTruncated},
		"nothing":                                 {"", nil, 0, 0, nil},
		"a reserved bit":                          {ws(text, a) + ws("\xa1", b) + ws(text, a), data(a), 1, 0, ErrFrame},
		"compressed though not agreed on":         {ws(deflated1, a), nil, 1, 0, ErrFrame},
		"an unknown opcode":                       {ws("\x83", a), nil, 1, 0, ErrFrame},
		"an unknown control opcode":               {ws("\x8b", a), nil, 1, 0, ErrFrame},
		"a continuation of nothing":               {ws(more, a) + ws(text, a), nil, 1, 0, ErrFrame},
		"a message inside a message":              {ws(textOpen, a) + ws(text, b), nil, 1, 0, ErrFrame},
		"a control frame in fragments":            {ws("\x09", "x"), nil, 1, 0, ErrFrame},
		"a control frame that is too long":        {ws(ping, strings.Repeat("x", 126)), nil, 1, 0, ErrFrame},
		"a length with the highest bit":           {text + "\x7f\x80\x00\x00\x00\x00\x00\x00\x01" + a, nil, 1, 0, ErrFrame},
		"a length that no message will ever have": {ws(text, a) + text + "\x7f\x7f\xff\xff\xff\xff\xff\xff\xff" + a, data(a), 1, 0, ErrTruncated},
		"no WebSocket at all":                     {"HTTP/1.1 400 Bad Request\r\n\r\n", nil, 1, 0, ErrFrame},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := WebSocketOptions{Options: Options{Limit: 1 << 16}}
			got, d := readWS(o, c.bytes)
			if !slices.Equal(got, c.want) || d.Dropped() != c.dropped {
				t.Errorf("messages = %s, %d dropped, want %s, %d dropped", clip(fmt.Sprintf("%q", got)), d.Dropped(), clip(fmt.Sprintf("%q", c.want)), c.dropped)
			}
			if d.CloseCode() != c.code || !errors.Is(d.Err(), c.err) {
				t.Errorf("CloseCode, Err = %d, %v, want %d, %v", d.CloseCode(), d.Err(), c.code, c.err)
			}
			eachWSCut(t, o, c.bytes, 20)
		})
	}
}

// eachWSCut fails if a connection gives other messages in pieces than in one.
func eachWSCut(t *testing.T, o WebSocketOptions, connection string, seeds uint64) {
	t.Helper()
	sameWSCut(t, o, strings.Split(connection[:min(len(connection), 4096)], ""))
	for seed := range seeds {
		sameWSCut(t, o, cuts(connection, seed))
	}
}

func sameWSCut(t *testing.T, o WebSocketOptions, pieces []string) {
	t.Helper()
	connection := strings.Join(pieces, "")
	want, whole := readWS(o, connection)
	got, d := readWS(o, pieces...)
	if !slices.Equal(got, want) || d.Dropped() != whole.Dropped() || d.CloseCode() != whole.CloseCode() || (d.Err() == nil) != (whole.Err() == nil) {
		t.Errorf("%q in pieces = %q, %d dropped, closed by %d, %v, want %q, %d dropped, closed by %d, %v", clip(connection),
			got, d.Dropped(), d.CloseCode(), d.Err(), want, whole.Dropped(), whole.CloseCode(), whole.Err())
	}
}

func TestWebSocketCompressedMessages(t *testing.T) {
	t.Parallel()
	const a = `{"type":"response.output_text.delta","delta":"hello","obfuscation":"abc"}`
	long := `{"text":"` + strings.Repeat(a[1:20], 2000) + `"}`
	takeover := newDeflater(t)
	first, second, third := takeover.message(t, a), takeover.message(t, a), takeover.message(t, long)
	alone := newDeflater(t).message(t, a)
	ended := strings.TrimSuffix(compressed(t, a, true), deflateTail)
	for name, c := range map[string]struct {
		bytes   string
		want    []seen
		dropped int
		err     string
	}{
		"with context takeover":     {ws(deflated1, first) + ws(deflated1, second) + ws(deflated1, third), data(a, a, long), 0, ""},
		"without":                   {ws(deflated1, alone) + ws(deflated1, alone), data(a, a), 0, ""},
		"in fragments":              {ws(deflatedOpen, alone[:9]) + ws(ping, "") + ws(moreOpen, alone[9:12]) + ws(more, alone[12:]), data(a), 0, ""},
		"masked":                    {masked(deflated1, alone), data(a), 0, ""},
		"between others":            {ws(text, "x") + ws(deflated1, first) + ws(text, "y") + ws(deflated1, second), data("x", a, "y", a), 0, ""},
		"empty":                     {ws(deflated1, "\x00") + ws(deflated1, alone), data("", a), 0, ""},
		"streams that end":          {ws(deflated1, ended) + ws(deflated1, ended), data(a, a), 0, ""},
		"the context behind an end": {ws(deflated1, first) + ws(deflated1, finalDeflateOfNone+"\x00") + ws(deflated1, second), data(a, "", a), 0, ""},
		"too many streams":          {ws(deflated1, strings.Repeat(finalDeflateOfNone, 17)), nil, 1, "message made of too many deflate streams"},
		"no deflate":                {ws(deflated1, alone) + ws(deflated1, "\xff\xff\xff") + ws(text, a), data(a), 1, "decompress message: flate: corrupt input before offset 72"},
		"a compressed continuation": {ws(deflatedOpen, alone[:9]) + ws("\xc0", alone[9:]), nil, 1, "WebSocket frame that breaks the protocol"},
		"cut off":                   {ws(deflated1, alone)[:20], nil, 1, "body is cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := WebSocketOptions{Options: Options{Limit: 1 << 16}, Extensions: []string{permessageDeflate}, Budget: NewBudget(1 << 20)}
			got, d := readWS(o, c.bytes)
			if !slices.Equal(got, c.want) || d.Dropped() != c.dropped {
				t.Errorf("messages = %s, %d dropped, want %s, %d dropped", clip(fmt.Sprintf("%q", got)), d.Dropped(), clip(fmt.Sprintf("%q", c.want)), c.dropped)
			}
			if got := errorText(d.Err()); got != c.err {
				t.Errorf("Err = %q, want %q", got, c.err)
			}
			eachWSCut(t, o, c.bytes, 20)
			if used := o.Budget.Used(); used != 0 {
				t.Errorf("%d bytes of the budget are not given back", used)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// compressed is a message that a fresh compressor made; final ones end its stream, as peers do that cannot flush it.
func compressed(t testing.TB, s string, final bool) string {
	t.Helper()
	d := newDeflater(t)
	if !final {
		return d.message(t, s)
	}
	if _, err := io.WriteString(d.w, s); err != nil {
		t.Fatal(err)
	}
	if err := d.w.Close(); err != nil {
		t.Fatal(err)
	}
	return d.b.String() + "\x00"
}

func TestWebSocketExtensions(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]struct {
		compressed bool
		err        string
	}{
		"":                   {false, ""},
		"permessage-deflate": {true, ""},
		"Permessage-Deflate; server_no_context_takeover; client_no_context_takeover": {true, ""},
		`permessage-deflate;server_max_window_bits="10"; client_max_window_bits=8`:   {true, ""},
		"permessage-deflate; client_max_window_bits":                                 {true, ""},
		"x-webkit-deflate-frame":                 {false, `unknown WebSocket extension "x-webkit-deflate-frame"`},
		"permessage-deflate, mux":                {true, `unknown WebSocket extension "mux"`},
		"permessage-deflate, permessage-deflate": {true, `unknown WebSocket extension "permessage-deflate"`},
		"permessage-deflate; level=9":            {true, `unknown WebSocket extension parameter "level"`},
	} {
		compressed, err := negotiatedDeflate([]string{header})
		if got := errorText(err); got != want.err || err == nil && compressed != want.compressed {
			t.Errorf("negotiatedDeflate(%q) = %v, %q, want %v, %q", header, compressed, got, want.compressed, want.err)
		}
	}
}

func TestWebSocketWithAnUnknownExtensionIsNotRead(t *testing.T) {
	t.Parallel()
	got, d := readWS(WebSocketOptions{Extensions: []string{"mux"}}, ws(text, "{}"))
	if got != nil || !errors.Is(d.Err(), ErrUnknownExtension) {
		t.Errorf("messages, Err = %q, %v, want none, %v", got, d.Err(), ErrUnknownExtension)
	}
}

func TestWebSocketMessageAboveTheLimitIsProjected(t *testing.T) {
	t.Parallel()
	long := `{"text":"` + strings.Repeat("x", 1000) + `","usage":{"n":7}}`
	small := newDeflater(t).message(t, long)
	connection := ws(text, long) + ws(bin, long) + masked(text, long) + ws(textOpen, long[:500]) + ws(more, long[500:]) + ws(deflated1, small)
	for name, c := range map[string]struct {
		o       Options
		want    seen
		dropped int
	}{
		"projected": {Options{Limit: 100, Project: projection(t, "usage")}, seen{Data: `{"usage":{"n":7}}`, Cut: true}, 0},
		"cut":       {Options{Limit: 100, Head: true}, seen{Data: long[:100], Cut: true}, 0},
		"whole":     {Options{}, seen{Data: long}, 0},
	} {
		o := WebSocketOptions{Options: c.o, Extensions: []string{permessageDeflate}}
		got, d := readWS(o, connection)
		if want := slices.Repeat([]seen{c.want}, 5); !slices.Equal(got, want) || d.Dropped() != c.dropped {
			t.Errorf("%s: messages = %q, %d dropped, want %q, %d dropped", name, got, d.Dropped(), want, c.dropped)
		}
		eachWSCut(t, o, connection, 20)
	}
}

func TestWebSocketMessageAboveTheLimitIsDropped(t *testing.T) {
	t.Parallel()
	long := `{"text":"` + strings.Repeat("x", 1000) + `"}`
	o := WebSocketOptions{Options: Options{Limit: 100}}
	connection := ws(text, long) + ws(text, "{}") + ws(bin, long)
	got, d := readWS(o, connection)
	if want := data("{}"); !slices.Equal(got, want) || d.Dropped() != 2 {
		t.Errorf("messages = %q, %d dropped, want %q, 2 dropped", got, d.Dropped(), want)
	}
	eachWSCut(t, o, connection, 20)
}

func TestWebSocketAudioAboveTheLimitIsNoLoss(t *testing.T) {
	t.Parallel()
	o := WebSocketOptions{Options: Options{Limit: 100, Project: projection(t, "usage")}}
	got, d := readWS(o, ws(bin, strings.Repeat("\x00\x7b\xff", 1000))+ws(text, "{}"))
	if want := data("{}"); !slices.Equal(got, want) || d.Dropped() != 0 {
		t.Errorf("messages = %q, %d dropped, want %q, 0 dropped", got, d.Dropped(), want)
	}
}

func TestWebSocketDecompressionIsBounded(t *testing.T) {
	t.Parallel()
	bomb := ws(deflated1, compressed(t, strings.Repeat("\x00", 4<<20), false)) // about 1:1028
	small := ws(deflated1, compressed(t, "{}", false))
	full := NewBudget(inflaterMemory - 1)
	for name, c := range map[string]struct {
		connection string
		budget     *Budget
		want       error
	}{
		"ratio":  {bomb + small, NewBudget(inflaterMemory), ErrRatio},
		"memory": {small, full, ErrMemory},
	} {
		got, d := readWS(WebSocketOptions{Extensions: []string{permessageDeflate}, Budget: c.budget}, c.connection)
		if got != nil || d.Err() != c.want || c.budget.Used() != 0 {
			t.Errorf("%s: messages, Err = %q, %v, %d bytes taken, want none, %v, 0 bytes", name, got, d.Err(), c.budget.Used(), c.want)
		}
	}
}

func TestWebSocketReadsPlainMessagesWithoutMemoryForOthers(t *testing.T) {
	t.Parallel()
	o := WebSocketOptions{Extensions: []string{permessageDeflate}, Budget: NewBudget(0)}
	got, d := readWS(o, ws(text, "{}"))
	if want := data("{}"); !slices.Equal(got, want) || d.Err() != nil {
		t.Errorf("messages, Err = %q, %v, want %q, none", got, d.Err(), want)
	}
}

func TestWebSocketMessageCostsNoAllocation(t *testing.T) {
	message := []byte(ws(text, `{"type":"response.output_text.delta","delta":"hello"}`))
	client := []byte(masked(text, `{"type":"input_audio_buffer.append","audio":"AAAA"}`))
	d := NewWebSocket(func(Event) {}, WebSocketOptions{})
	d.Write(message[:9])
	d.Write(message[9:])
	if n := testing.AllocsPerRun(100, func() {
		d.Write(message)
		d.Write(message[:9])
		d.Write(message[9:])
		d.Write(client)
	}); n != 0 {
		t.Errorf("allocations = %v, want 0", n)
	}
}

// tap keeps what passes through a connection in each direction.
type tap struct {
	net.Conn
	mu      sync.Mutex
	in, out bytes.Buffer
}

func (c *tap) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in.Write(p[:n])
	return n, err
}

func (c *tap) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.Write(p)
	return c.Conn.Write(p)
}

// session is what both sides of a real connection sent, without the HTTP in front, and the extensions agreed on.
type session struct {
	server, client string
	extensions     []string
}

// talk lets a client send messages to a server that sends each of them back, and closes in order.
func talk(t *testing.T, mode websocket.CompressionMode, kind websocket.MessageType, messages []string) session {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: mode, CompressionThreshold: 1})
		if err != nil {
			t.Error(err)
			return
		}
		c.SetReadLimit(-1)
		for {
			kind, p, err := c.Read(ctx)
			if err != nil {
				return
			}
			if err := c.Write(ctx, kind, p); err != nil {
				return
			}
		}
	}))
	defer server.Close()

	var conn *tap
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		conn = &tap{Conn: c}
		return conn, err
	}}
	defer transport.CloseIdleConnections()
	c, res, err := websocket.Dial(ctx, server.URL, &websocket.DialOptions{
		CompressionMode: mode, CompressionThreshold: 1, HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(-1)
	for _, m := range messages {
		if err := c.Write(ctx, kind, []byte(m)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(websocket.StatusNormalClosure, "done"); err != nil {
		t.Fatal(err)
	}
	return session{withoutHTTP(conn.in.String()), withoutHTTP(conn.out.String()), res.Header.Values("Sec-WebSocket-Extensions")}
}

func withoutHTTP(s string) string {
	_, frames, _ := strings.Cut(s, "\r\n\r\n")
	return frames
}

func TestWebSocketReadsWhatARealPeerSends(t *testing.T) {
	t.Parallel()
	var messages []string
	for i := range 20 {
		messages = append(messages, fmt.Sprintf(`{"type":"response.done","n":%d,"text":%q}`, i, strings.Repeat("hello ", i*i*10)))
	}
	for mode, extension := range map[websocket.CompressionMode]string{
		websocket.CompressionDisabled:          "",
		websocket.CompressionContextTakeover:   "permessage-deflate",
		websocket.CompressionNoContextTakeover: "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
	} {
		for _, kind := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
			t.Run(fmt.Sprint(kind, " ", extension), func(t *testing.T) {
				t.Parallel()
				s := talk(t, mode, kind, messages)
				if got := strings.Join(s.extensions, ","); got != extension {
					t.Fatalf("extensions = %q, want %q", got, extension)
				}
				o := WebSocketOptions{Options: Options{Limit: 1 << 16}, Extensions: s.extensions}
				for side, connection := range map[string]string{"server": s.server, "client": s.client} {
					got, d := readWS(o, connection)
					if want := data(messages...); !slices.Equal(got, want) || d.Dropped() != 0 || d.Err() != nil || d.CloseCode() != 1000 {
						t.Errorf("%s: %d messages, %d dropped, closed by %d, %v, want %d, 0, 1000, none",
							side, len(got), d.Dropped(), d.CloseCode(), d.Err(), len(want))
					}
					eachWSCut(t, o, connection, 5)
				}
			})
		}
	}
}

func FuzzWebSocket(f *testing.F) {
	f.Add(ws(textOpen, `{"a":`)+ws(ping, "x")+masked(more, "1}")+ws(closing, "\x03\xe8"), uint64(1))
	f.Add(ws(deflated1, compressed(f, `{"a":1}`, false))+ws(deflated1, compressed(f, `{"a":1}`, true)), uint64(2))
	f.Add(text+"\x7f\xff\xff\xff\xff\xff\xff\xff\xff", uint64(3))
	p := projection(f, "usage", "a.#.b")
	f.Fuzz(func(t *testing.T, connection string, seed uint64) {
		for _, o := range []Options{{}, {Limit: 8}, {Limit: 8, Project: p}, {Limit: 8, Head: true}} {
			for _, extensions := range [][]string{nil, {permessageDeflate}} {
				o := WebSocketOptions{Options: o, Extensions: extensions, Budget: NewBudget(1 << 20)}
				sameWSCut(t, o, cuts(connection, seed))
				if used := o.Budget.Used(); used != 0 {
					t.Errorf("%q: %d bytes of the budget are not given back", connection, used)
				}
			}
		}
	})
}

func BenchmarkWebSocket(b *testing.B) {
	message := `{"type":"response.output_audio.delta","response_id":"resp_1","delta":"` + strings.Repeat("QUJD", 32) + `"}`
	for name, c := range map[string]string{
		"plain":      ws(text, message),
		"masked":     masked(text, message),
		"compressed": ws(deflated1, compressed(b, message, false)),
	} {
		b.Run(name, func(b *testing.B) {
			p := []byte(c)
			d := NewWebSocket(func(Event) {}, WebSocketOptions{Extensions: []string{permessageDeflate}})
			defer d.Close()
			b.ReportAllocs()
			b.SetBytes(int64(len(message)))
			for b.Loop() {
				d.Write(p)
			}
		})
	}
}
