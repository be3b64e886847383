package usage

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"net/http"
	"strings"
	"sync"
	"testing"

	"windhover/gateway/stream"
)

// frames are text messages as a server sends them.
func frames(messages ...string) string {
	var b []byte
	for _, m := range messages {
		b = append(binary.BigEndian.AppendUint16(append(b, 0x81, 126), uint16(len(m))), m...)
	}
	return string(b)
}

// closeFrame ends what a server sends.
func closeFrame(code uint16) string {
	return string(binary.BigEndian.AppendUint16([]byte{0x88, 2}, code))
}

// masked is a text message as a client sends it, with a mask that changes nothing.
func masked(message string) string {
	b := binary.BigEndian.AppendUint64([]byte{0x81, 127 | 0x80}, uint64(len(message)))
	return string(b) + "\x00\x00\x00\x00" + message
}

// socketExchange is a session whose server has agreed to these extensions.
func socketExchange(extensions ...string) Exchange {
	header := http.Header{"Upgrade": {"websocket"}}
	if len(extensions) > 0 {
		header["Sec-Websocket-Extensions"] = extensions
	}
	return Exchange{Method: "GET", Path: "/v1/realtime", Status: 101, Header: header, Frames: true}
}

const realtime = `usage: {a: [
	{fields: {model: 'first("model", request("setup.model"))'}},
	{where: 'event == "response.done"', from: u, merge: sum, fields: {input_tokens: first("i")}}]}`

func done(tokens string) string { return `{"type":"response.done","u":{"i":` + tokens + `}}` }

func TestWebSocketSessionAddsUp(t *testing.T) {
	t.Parallel()
	res := observe(t, realtime, socketExchange(), frames(`{"type":"session.created"}`, done("5"), `{"type":"x","u":{"i":100}}`, done("7"))+closeFrame(1000))
	if got, want := numbers(t, res), `{"input_tokens":12}`; got != want || res.State != Reported || res.Events != 4 || !res.Stream {
		t.Errorf("Usage = %s, %s, %d events, stream %v, want %s, reported, 4 events, a stream", got, res.State, res.Events, res.Stream, want)
	}
}

func TestWebSocketSessionCompressed(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	var connection string
	for _, m := range []string{done("5"), done("7")} {
		b.Reset()
		_, _ = w.Write([]byte(m))
		_ = w.Flush()
		message := strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
		connection += "\xc1" + string(rune(len(message))) + message
	}
	x := socketExchange("permessage-deflate")
	x.Decode = stream.NewBudget(1 << 20)
	res := observe(t, realtime, x, connection)
	if got, want := numbers(t, res), `{"input_tokens":12}`; got != want || res.State != Reported {
		t.Errorf("Usage, State = %s, %s, want %s, reported", got, res.State, want)
	}
	if used := x.Decode.Used(); used != 0 {
		t.Errorf("%d bytes of the budget are not given back", used)
	}
}

func TestWebSocketSessionRecordedInLines(t *testing.T) {
	t.Parallel()
	x := socketExchange()
	x.Frames = false
	res := observe(t, realtime, x, done("5")+"\n"+done("7")+"\n")
	if got, want := numbers(t, res), `{"input_tokens":12}`; got != want || res.State != Reported {
		t.Errorf("Usage, State = %s, %s, want %s, reported", got, res.State, want)
	}
}

func TestHowAWebSocketSessionEnds(t *testing.T) {
	t.Parallel()
	const terminal = `usage: {a: [{from: u, end: 'event == "response.done"', fields: {input_tokens: first("i")}}]}`
	for name, test := range map[string]struct {
		yaml       string
		connection string
		clean      bool
		state      State
		ended      bool
	}{
		"normal closure":                    {realtime, frames(done("5")) + closeFrame(1000), true, Reported, true},
		"normal closure, then broken off":   {realtime, frames(done("5")) + closeFrame(1000), false, Reported, true},
		"going away":                        {realtime, frames(done("5")) + closeFrame(1001), true, Reported, true},
		"closed without a code":             {realtime, frames(done("5")) + "\x88\x00", true, Reported, true},
		"closed for an error":               {realtime, frames(done("5")) + closeFrame(1011), true, Partial, false},
		"the connection ended in order":     {realtime, frames(done("5")), true, Reported, true},
		"the connection broke off":          {realtime, frames(done("5")), false, Partial, false},
		"ended inside a message":            {realtime, frames(done("5"), done("7"))[:60], true, Partial, false},
		"ended in order without numbers":    {realtime, frames("{}"), true, Missing, true},
		"broke off without numbers":         {realtime, frames(done("5"))[:9], false, Missing, false},
		"not the protocol":                  {realtime, "HTTP/1.1 500 Oops\r\n\r\n", true, Unreadable, true},
		"not the protocol behind numbers":   {realtime, frames(done("5")) + "\xff\x00", true, Partial, true},
		"a terminal event, then broken off": {terminal, frames(done("5")), false, Reported, true},
		"no terminal event, but an end":     {terminal, frames(done("5"), "{}") + closeFrame(1000), true, Partial, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := compileYAML(t, test.yaml).Observe(socketExchange())
			o.Write([]byte(test.connection))
			res := o.Close(test.clean)
			if res.State != test.state || res.Ended != test.ended {
				t.Errorf("State, Ended = %s, %v, want %s, %v", res.State, res.Ended, test.state, test.ended)
			}
		})
	}
}

func TestWebSocketSessionWithAnUnknownExtensionIsUnreadable(t *testing.T) {
	t.Parallel()
	res := observe(t, realtime, socketExchange("mux"), frames(done("5")))
	if got := numbers(t, res); got != `{}` || res.State != Unreadable || !res.Ended {
		t.Errorf("Usage, State, Ended = %s, %s, %v, want {}, unreadable, true", got, res.State, res.Ended)
	}
}

func TestRequestIsTheClientsFirstMessage(t *testing.T) {
	t.Parallel()
	const setup = `{"setup":{"model":"gemini"`
	long := setup + `,"text":"` + strings.Repeat("x", 2*maxFirstMessage) + `"}}`
	rules := compileYAML(t, realtime)
	for name, test := range map[string]struct{ client, server, want string }{
		"the first":                            {masked(setup+"}}") + masked(`{"setup":{"model":"other"}}`), frames(done("5")), "gemini"},
		"larger than what is kept":             {masked(long), frames(done("5")), "gemini"},
		"behind a ping":                        {"\x89\x80\x00\x00\x00\x00" + masked(setup+"}}"), frames(done("5")), "gemini"},
		"empty":                                {masked("") + masked(setup+"}}"), frames(done("5")), ""},
		"of a client that says no more":        {masked(setup + "}}")[:30], frames(done("5")), ""},
		"of a client that breaks the protocol": {"\xff\xff" + masked(setup+"}}"), frames(done("5")), ""},
		"where the server names another":       {masked(setup + "}}"), frames(`{"model":"served"}`), "served"},
	} {
		for _, size := range []int{1, 1000, 1 << 20} {
			o := rules.Observe(socketExchange())
			o.Write([]byte(test.server))
			for rest := []byte(test.client); len(rest) > 0; {
				n := min(size, len(rest))
				p := bytes.Clone(rest[:n])
				o.WriteRequest(p)
				clear(p) // an observer that kept it would now hold nothing
				rest = rest[n:]
			}
			res := o.Close(true)
			if got := res.Usage.Text(Model); got != test.want {
				t.Errorf("%s, in pieces of %d: model = %q, want %q", name, size, got, test.want)
			}
		}
	}
}

func TestBothSidesOfAWebSocketSessionAreWrittenAtOnce(t *testing.T) {
	t.Parallel()
	o := compileYAML(t, realtime).Observe(socketExchange())
	var both sync.WaitGroup
	both.Go(func() {
		for _, c := range []byte(masked(`{"setup":{"model":"gemini"}}`) + masked("{}")) {
			o.WriteRequest([]byte{c})
		}
	})
	for range 100 {
		o.Write([]byte(frames(`{"model":null,"type":"x"}`, done("1"))))
	}
	both.Wait()
	res := o.Close(true)
	if got, want := numbers(t, res), `{"model":"gemini","input_tokens":100}`; got != want {
		t.Errorf("Usage = %s, want %s", got, want)
	}
}

func TestCheckpointIsWhatWasReportedSoFar(t *testing.T) {
	t.Parallel()
	o := compileYAML(t, realtime).Observe(socketExchange())
	for i, want := range []struct {
		usage string
		state State
	}{{`{}`, Missing}, {`{"input_tokens":5}`, Partial}, {`{"input_tokens":10}`, Partial}} {
		res := o.Checkpoint()
		if got := numbers(t, res); got != want.usage || res.State != want.state || res.Ended {
			t.Errorf("checkpoint %d: Usage, State, Ended = %s, %s, %v, want %s, %s, false", i, got, res.State, res.Ended, want.usage, want.state)
		}
		p := []byte(frames(done("5")))
		o.Write(p[:7])
		_ = o.Checkpoint()
		o.Write(p[7:])
	}
	if got, want := numbers(t, o.Close(true)), `{"input_tokens":15}`; got != want {
		t.Errorf("Usage = %s, want %s", got, want)
	}
}

func TestAnObserverOfNoWebSocketTakesNoRequest(t *testing.T) {
	t.Parallel()
	o := compileYAML(t, realtime).Observe(answer("application/json"))
	o.WriteRequest([]byte(masked("{}")))
	var none *Observer
	none.WriteRequest([]byte("x"))
	if o.Closed() || none.Closed() || none.Checkpoint().State != None {
		t.Errorf("Closed = %v, %v, Checkpoint = %v, want false, false, none", o.Closed(), none.Closed(), none.Checkpoint().State)
	}
}

func TestABugOfOursDoesNotReachTheTunnel(t *testing.T) {
	t.Parallel()
	o := compileYAML(t, realtime).Observe(socketExchange())
	o.socket.client = stream.NewWebSocket(func(stream.Event) { panic("bug") }, stream.WebSocketOptions{})
	o.WriteRequest([]byte(masked("{}")))
	o.WriteRequest([]byte(masked("{}")))
	res := o.Close(true)
	if res.State != Unreadable || res.Fault == nil || res.Fault.Error() != "observe answer: bug" {
		t.Errorf("State, Fault = %s, %v, want unreadable, observe answer: bug", res.State, res.Fault)
	}
}
