package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"windhover/gateway/usage"
)

func TestFillerTakesTextsAndLeavesTheRest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text, want string
		f                filler
	}{
		{"texts", `{"text":"Ann Lee, 42: \"hi\"\nÄ\u00e9"}`, `{"text":"xxx xxx, xx: \"xx\"\nxxxxxxxx"}`, filler{answer: true}},
		{"numbers and names stay", `{"usage":{"prompt_tokens":12,"cost":-1.5e-3},"ok":true,"no":null}`, `{"usage":{"prompt_tokens":12,"cost":-1.5e-3},"ok":true,"no":null}`, filler{answer: true}},
		{"words of an answer", `{"type":"message","role":"assistant","model":"a/b-1","status":"not one word"}`, `{"type":"message","role":"assistant","model":"a/b-1","status":"xxx xxx xxxx"}`, filler{answer: true}},
		{"words of a request", `{"model":"a/b-1","type":"secret","messages":[{"role":"user","model":"secret"}]}`, `{"model":"a/b-1","type":"xxxxxx","messages":[{"role":"xxxx","model":"xxxxxx"}]}`, filler{}},
		{"words among arguments", `{"content":[{"type":"tool_use","input":{"status":"secret","a":[{"type":"b"}]}}]}`, `{"content":[{"type":"tool_use","input":{"status":"xxxxxx","a":[{"type":"x"}]}}]}`, filler{answer: true}},
		{"arrays", `["a",["b"],{"type":["word","two words"]}]`, `["x",["x"],{"type":["word","xxx xxxxx"]}]`, filler{answer: true}},
		{"links", `{"output":["https://a.example/b/c.png","http://a"]}`, `{"output":["https://x.xxxxxxx/x/x.png","http://x"]}`, filler{answer: true}},
		{"secrets among kept texts", `{"text":"kept","api_key":"abc","client_secret":{"value":"abc","n":1}}`, `{"text":"kept","api_key":"xxx","client_secret":{"value":"xxx","n":1}}`, filler{keepText: true, answer: true}},
		{"a text that is cut off", `{"text":"some wor`, `{"text":"xxxx xxx`, filler{answer: true}},
		{"a word that is cut off", `{"text":tru`, `{"text":xxx`, filler{answer: true}},
		{"text that is no JSON", `Call 555-1234, Ann`, `xxxx xxx-xxxx, xxx`, filler{answer: true}},
		{"the end of a stream", ` [DONE]`, ` [DONE]`, filler{answer: true}},
		{"a word that looks like the end", `[done]`, `[xxxx]`, filler{answer: true}},
	} {
		b := []byte(c.text)
		c.f.payload(b)
		if string(b) != c.want {
			t.Errorf("%s: payload(%s) = %s, want %s", c.name, c.text, b, c.want)
		}
	}
}

func TestFillerKeepsTheFramesOfStreams(t *testing.T) {
	t.Parallel()
	b := []byte(": a comment\r\nevent: message\rid: abc\ndata:{\"text\":\r\ndata: \"two words\"}\n\nretry: 10\ndata: [DONE]\n\ndata: {\"te")
	want := ": x xxxxxxx\r\nevent: message\rid: xxx\ndata:{\"text\":\r\ndata: \"xxx xxxxx\"}\n\nretry: 10\ndata: [DONE]\n\ndata: {\"te"
	filler{answer: true}.sse(b)
	if string(b) != want {
		t.Errorf("sse() = %q, want %q", b, want)
	}
}

// What is filled reads as before: every number of every case stays.
func TestFillingChangesNoNumber(t *testing.T) {
	t.Parallel()
	_, snapshot, err := compile("", program{}.loadOptions(""), servingNobody())
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := findAllCases(recordedFolders()[:1])
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		c, err := readCase(snapshot, providerOf(dir), filesOf(dir))
		if err != nil {
			t.Fatal(err)
		}
		want, _ := c.whole()
		request, err := readMessage(filepath.Join(dir, requestFile))
		if err != nil {
			t.Fatal(err)
		}
		asked, _ := redactBody(request.header, request.body, filler{})
		c.body, _ = redactBody(c.exchange.Header, c.body, filler{answer: true})
		c.exchange.Header = redactHeader(c.exchange.Header)
		c.exchange.Request = func() []byte { return asked }
		got, _ := c.whole()
		for field := range usage.Fields() {
			if g, w := reported(&got, field), reported(&want, field); field != usage.ResponseID && g != w {
				t.Errorf("%s: filled, %s = %s, want %s", dir, field, show(g), show(w))
			}
		}
	}
}

func FuzzFiller(f *testing.F) {
	f.Add("application/json", []byte(`{"type":"a","text":"b\u00e9\n","n":[1.5,true,"c"]}`))
	f.Add("text/event-stream", []byte(": a\r\nevent: b\rdata: {\"c\":\ndata:\"d\"}\n\ndata: [DONE]"))
	f.Add("application/x-ndjson", []byte("{\"a\":\"b\"}\n{\"c"))
	f.Add("application/vnd.amazon.eventstream", canaryFrames())
	f.Add("text/plain", []byte("https://a.b/c.png"))
	f.Add("multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b--\r\n"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		before := bytes.Clone(body)
		header := http.Header{"Content-Type": {contentType}}
		filled, note := redactBody(header, body, filler{answer: true})
		if !bytes.Equal(body, before) {
			t.Error("the body that was given is changed")
		}
		if note != "" || strings.Contains(contentType, "multipart") {
			return
		}
		if len(filled) != len(body) {
			t.Errorf("%d bytes, want %d", len(filled), len(body))
		}
		if json.Valid(body) && contentType == "application/json" && !json.Valid(filled) {
			t.Errorf("%q is JSON, filled it is %q", body, filled)
		}
		again, _ := redactBody(header, filled, filler{answer: true})
		if !bytes.Equal(again, filled) {
			t.Errorf("filled twice it is %q, want %q", again, filled)
		}
	})
}
