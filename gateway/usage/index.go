package usage

import (
	"strings"

	"github.com/tidwall/gjson"
)

// index is the members of one JSON object, found in one pass. A rule asks for a dozen paths, each in several spellings
// of which most are not there: to search the whole text again for every one would cost more than all the rest.
type index struct {
	json    string
	members []member
	usable  bool
}

// member is a key and its value as they stand in the text, the key without its quotes.
type member struct{ key, value string }

const (
	usualMembers = 16 // of an answer, or of the usage object in it
	maxMembers   = 64 // bounds an index; the text of larger objects is searched
)

// of makes it the index of that object, unless it is already.
func (x *index) of(json string) {
	if x.json == json {
		return
	}
	if x.members == nil {
		x.members = make([]member, 0, usualMembers)
	}
	x.json, x.members = json, x.members[:0]
	gjson.Parse(json).ForEach(func(key, value gjson.Result) bool {
		x.members = append(x.members, member{key.Str, value.Raw})
		return len(x.members) <= maxMembers
	})
	x.usable = strings.HasPrefix(json, "{") && len(x.members) <= maxMembers
}

// value is the text of a member's value; empty if there is none.
func (x *index) value(key string) string {
	for i := range x.members {
		if x.members[i].key == key {
			return x.members[i].value
		}
	}
	return ""
}

// get is what stands at a path, as gjson finds it.
func (x *index) get(p *path) gjson.Result {
	if !x.usable || p.head == "" {
		return gjson.Get(x.json, p.text)
	}
	value := x.value(p.head)
	switch {
	case value == "":
		return gjson.Result{}
	case p.rest == "":
		return gjson.Parse(value)
	case value[0] == '{' || value[0] == '[':
		return gjson.Get(value, p.rest)
	}
	return gjson.Result{}
}

// scalar is what get finds, as a value. Most paths are one key, and most of those hold numbers or are not there.
func (x *index) scalar(p *path) value {
	if !x.usable || p.head == "" || p.rest != "" {
		return scalarOf(x.get(p))
	}
	text := x.value(p.head)
	if text == "" {
		return value{}
	}
	switch text[0] {
	case '{', '[', 'n':
		return value{}
	case '"', 't', 'f':
		return scalarOf(gjson.Parse(text))
	}
	return parseNumber(text)
}

// clear lets go of the text, which is only lent.
func (x *index) clear() {
	clear(x.members)
	x.json, x.members, x.usable = "", x.members[:0], false
}
