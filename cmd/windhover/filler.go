package main

import (
	"bytes"
	"regexp"
	"strings"
)

// filler takes the texts out of a message's body, in place: each letter and digit becomes an x, each byte beyond ASCII too.
// Lengths, framing, numbers, names of members, white space and punctuation stay, so that the body is read as before.
type filler struct {
	// keepText leaves all texts but those of members that are named like secrets.
	keepText bool
	// answer says that the body is an answer, of which the words that rules look at are kept; of a request that is the model alone.
	answer bool
}

// enclosure is an object or array that is open where the text is read.
type enclosure struct {
	object bool
	key    string // of the object's member at hand; of an array, the key that it stands under
	waits  bool   // for a key
	free   bool   // what is in it was written by people, whatever its names say
	secret bool
}

// json fills the texts of JSON, which may be cut off or no JSON at all: what is no number, true, false or null is text.
func (f filler) json(b []byte) { f.within(b, enclosure{}) }

// within fills JSON that begins inside of something.
func (f filler) within(b []byte, outer enclosure) {
	open := []enclosure{outer}
	for i := 0; i < len(b); {
		top := &open[len(open)-1]
		switch c := b[i]; {
		case c == '{' || c == '[':
			open = append(open, f.inner(top, c == '{'))
			i++
		case c == '}' || c == ']':
			if len(open) > 1 {
				open = open[:len(open)-1]
			}
			i++
		case c == '"':
			end := endOfString(b, i+1)
			f.string(b[i+1:min(end, len(b))], top)
			i = end + 1
		case c == ',':
			top.waits = top.object
			i++
		case c == ':' || c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		default:
			end := endOfWord(b, i)
			if !literal(b[i:end]) && !f.keepText {
				fill(b[i:end])
			}
			i = end
		}
	}
}

// inner is an object or array that opens as a value in another.
func (f filler) inner(in *enclosure, object bool) enclosure {
	return enclosure{
		object: object, waits: object, key: in.key,
		free:   in.free || freeKeys[in.key] || !f.answer && askedKeys[in.key],
		secret: in.secret || secretName(in.key),
	}
}

// string takes what stands between two quotes: a key, or a text.
func (f filler) string(text []byte, in *enclosure) {
	if in.waits {
		in.key, in.waits = string(text), false
		return
	}
	secret := in.secret || secretName(in.key)
	if !secret && (f.keepText || f.word(string(text), in)) {
		return
	}
	if !secret && linked.Match(text) {
		fillLink(text)
		return
	}
	fillEscaped(text)
}

// word reports whether a text is one of those words that say what something is, and not what somebody wrote.
func (f filler) word(text string, in *enclosure) bool {
	if in.free || !wordlike.MatchString(text) {
		return false
	}
	return modelKeys[in.key] || f.answer && wordKeys[in.key]
}

// The names of members whose short words are kept, in lower case where providers agree on none.
var (
	wordlike = regexp.MustCompile(`^[A-Za-z0-9._:/@+-]{1,128}$`)
	linked   = regexp.MustCompile(`^https?://`)
	suffix   = regexp.MustCompile(`\.[a-z0-9]{2,4}$`)
)

// modelKeys name a model, in requests too.
var modelKeys = setOf("model", "model_id", "modelId", "modelVersion", "model_version", "speech_model")

// wordKeys have words for values that rules look at.
var wordKeys = setOf("type", "event_type", "role", "object", "status", "state", "task", "finish_reason", "finishReason", "stop_reason", "stopReason",
	"service_tier", "serviceTier", "trafficType", "speed", "inference_geo", "modality", "mimeType", "mime_type", "ttl", "code")

// freeKeys hold what people and models wrote, in a shape of their own: a word in there is content.
var freeKeys = setOf("args", "arguments", "documents", "input", "instructions", "json_schema", "metadata", "parameters", "properties", "queries", "query",
	"schema", "system", "tools", "user", "variables")

// askedKeys hold the like in requests.
var askedKeys = setOf("content", "contents", "message", "messages", "prompt")

func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// endOfString is where the quote stands that closes a string whose text begins at i; the end of b if there is none.
func endOfString(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(b)
}

func endOfWord(b []byte, i int) int {
	n := bytes.IndexAny(b[i:], "{}[]\",: \t\r\n")
	if n < 0 {
		return len(b)
	}
	return i + max(n, 1)
}

var number = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func literal(word []byte) bool {
	switch string(word) {
	case "true", "false", "null":
		return true
	}
	return number.Match(word)
}

// fill replaces letters, digits and what is not ASCII.
func fill(b []byte) {
	for i, c := range b {
		if c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' {
			b[i] = 'x'
		}
	}
}

// fillEscaped fills the text of a JSON string: an escape stays one, or becomes letters.
func fillEscaped(b []byte) {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			fill(b[i : i+1])
			continue
		}
		if i+5 < len(b) && b[i+1] == 'u' {
			copy(b[i:], "xxxxxx")
			i += 5
			continue
		}
		i++ // \n, \" and the like
	}
}

// fillLink keeps what tells that a text is a link, and to what kind of file.
func fillLink(b []byte) {
	start := bytes.Index(b, []byte("//")) + 2
	end := len(b) - len(suffix.Find(b))
	if end < start {
		end = len(b)
	}
	fillEscaped(b[start:end])
}

// framingWord is a line of a stream that is no content, such as [DONE].
var framingWord = regexp.MustCompile(`^\s*\[[A-Z_]{1,16}\]\s*$`)

// payload fills one event: JSON, or text of any kind.
func (f filler) payload(b []byte) {
	start := bytes.TrimLeft(b, "\ufeff \t\r\n")
	switch {
	case len(start) == 0 || framingWord.Match(b):
	case start[0] == '{' || start[0] == '[' || start[0] == '"':
		f.json(start)
	case !f.keepText:
		fill(b)
	}
}

// lines fills a body of which each line is an event.
func (f filler) lines(b []byte) {
	for line := range bytes.Lines(b) {
		f.payload(line)
	}
}

// secretName reports whether a member, header or parameter of that name holds what must not be shown.
func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"auth", "secret", "password", "passwd", "cookie", "credential", "signature", "apikey", "api_key", "api-key",
		"private", "bearer", "organization", "org_id", "project", "account", "workspace", "tenant", "customer"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	for _, word := range []string{"key", "token"} {
		if name == word || strings.HasSuffix(name, "-"+word) || strings.HasSuffix(name, "_"+word) {
			return true
		}
	}
	return false
}
