package stream

import "testing"

func TestFormatOfContentType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		contentType string
		format      Format
		ok          bool
	}{
		{"text/event-stream", SSE, true},
		{"text/event-stream;charset=utf-8", SSE, true},
		{"Text/Event-Stream; charset=UTF-8", SSE, true},
		{"text/event-stream; ;=", SSE, true},
		{"application/x-ndjson", NDJSON, true},
		{"application/jsonl", NDJSON, true},
		{"application/stream+json", NDJSON, true},
		{"application/vnd.amazon.eventstream", EventStream, true},
		{"application/json", JSON, true},
		{"application/json; charset=UTF-8", JSON, true},
		{"application/problem+json", JSON, true},
		{"text/plain; charset=utf-8", JSON, true},
		{"text/html", JSON, true},
		{"", JSON, true},
		{"audio/mpeg", JSON, false},
		{"image/png", JSON, false},
		{"video/mp4", JSON, false},
		{"application/octet-stream", JSON, false},
		{"multipart/form-data; boundary=x", JSON, false},
	} {
		if f, ok := FormatOf(c.contentType); f != c.format || ok != c.ok {
			t.Errorf("FormatOf(%q) = %v, %v, want %v, %v", c.contentType, f, ok, c.format, c.ok)
		}
	}
}

func TestFormatsAreNamed(t *testing.T) {
	t.Parallel()
	for _, f := range []Format{JSON, SSE, NDJSON, EventStream} {
		if got, ok := FormatNamed(f.String()); got != f || !ok {
			t.Errorf("FormatNamed(%q) = %v, %v, want %v, true", f.String(), got, ok, f)
		}
		if got, want := f.Stream(), f != JSON; got != want {
			t.Errorf("%v.Stream() = %v, want %v", f, got, want)
		}
	}
	if _, ok := FormatNamed("xml"); ok {
		t.Error("FormatNamed(xml) is a format, want none")
	}
}
