package usage

// index is a JSON text and the members of all objects in it, but for those in arrays, found in the one pass that validates
// it. A rule asks for a dozen paths, each in several spellings of which most are not there: to search the whole text again
// for every one would cost more than all the rest.
type index struct {
	json    string
	members []member // in the text's order, an object's behind it; the first is the text's own value
	partial bool     // not all that is there is listed, and the text must be searched
}

// member is where a key and its value stand in the text, the key without its quotes. It holds no pointers: a garbage
// collector has nothing to do with it.
type member struct {
	key, keyEnd     int32
	value, valueEnd int32
	end             int32 // of its own members, which begin behind it in the index
	bit             uint8 // of its key
	marks           marks // of its members' keys
}

// marks is a set of keys, a bit for several of them each: what is not marked is not there.
type marks uint64

// key is a member's name as a path asks for it.
type key struct {
	name string
	bit  uint8
}

func newKey(name string) key { return key{name, bitOf(name)} }

func (k key) mark() marks { return 1 << (k.bit % 64) }

// unmarked are the marks of a path that begins with no key: whether there is something at it, marks cannot tell.
const unmarked = ^marks(0)

// bitOf is which of the marks is a key's.
func bitOf(name string) uint8 { return uint8((7*len(name) + int(byteAt(name, 0))) % 64) }

const (
	usualMembers = 24  // of an answer, with the usage object in it
	maxMembers   = 128 // bounds an index
)

// of makes it the index of that text, and reports whether that is valid JSON (RFC 8259). It is empty otherwise.
func (x *index) of(json string) bool {
	if json != "" && x.json == json {
		return true
	}
	*x = index{json: json, members: x.members[:0]}
	i := skipSpaceAt(json, 0)
	x.members = append(x.members, member{value: int32(i)})
	end := x.listed(0, i)
	if end < 0 || skipSpaceAt(json, end) < len(json) {
		x.clear()
		return false
	}
	return true
}

// clear lets go of the text, which is only lent.
func (x *index) clear() { *x = index{members: x.members[:0]} }

// lacks reports whether a value surely has none of the members whose keys have those marks.
func (x *index) lacks(object int, m marks) bool {
	return x.members[object].marks&m == 0 && m != unmarked && !x.partial
}

// find is the member of an object that has that key; 0, which is nobody's member, if there is none.
func (x *index) find(object int, k key) int {
	if x.members[object].marks&k.mark() == 0 {
		return 0
	}
	end := int(x.members[object].end)
	for i := object + 1; i < end; i = int(x.members[i].end) {
		if m := &x.members[i]; m.bit == k.bit && x.json[m.key:m.keyEnd] == k.name {
			return i
		}
	}
	return 0
}

// text is a member's value as it stands there.
func (x *index) text(i int) string {
	m := &x.members[i]
	return x.json[m.value:m.valueEnd]
}

// member lists a member of an object, its key between from and to and its value at i, and what is in it. It returns where the
// value ends, or invalid.
func (x *index) member(object, from, to, i int) int {
	at, k := len(x.members), newKey(x.json[from:to])
	x.members[object].marks |= k.mark()
	x.members = append(x.members, member{key: int32(from), keyEnd: int32(to), value: int32(i), bit: k.bit})
	return x.listed(at, i)
}

// listed reads the value of a member that is listed.
func (x *index) listed(at, i int) int {
	end := x.value(i, at)
	x.members[at].valueEnd, x.members[at].end = int32(end), int32(len(x.members))
	return end
}

// unlisted is the place in the index of what lies in an array.
const unlisted = -1

// value reads the value that begins at i. It is the member at that place, and if it is listed, so are its own members. It
// returns where the value ends, or invalid.
func (x *index) value(i, at int) int {
	switch byteAt(x.json, i) {
	case '{':
		return x.object(i+1, at)
	case '[':
		return x.array(i + 1)
	case '"':
		return textEnd(x.json, i+1)
	case 't':
		return wordEnd(x.json, i, "true")
	case 'f':
		return wordEnd(x.json, i, "false")
	case 'n':
		return wordEnd(x.json, i, "null")
	}
	return numberEnd(x.json, i)
}

// object reads an object from behind its brace.
func (x *index) object(i, at int) int {
	i = skipSpaceAt(x.json, i)
	if byteAt(x.json, i) == '}' {
		return i + 1
	}
	for byteAt(x.json, i) == '"' {
		if i = x.pair(i+1, at); i < 0 {
			return invalid
		}
		switch i = skipSpaceAt(x.json, i); byteAt(x.json, i) {
		case '}':
			return i + 1
		case ',':
			i = skipSpaceAt(x.json, i+1)
		default:
			return invalid
		}
	}
	return invalid
}

// pair reads a key of the object at that place, from behind its first quote, and its value.
func (x *index) pair(key, at int) int {
	end, plain := nameEnd(x.json, key)
	if end < 0 {
		return invalid
	}
	colon := skipSpaceAt(x.json, end)
	if byteAt(x.json, colon) != ':' {
		return invalid
	}
	i := skipSpaceAt(x.json, colon+1)
	switch {
	case at == unlisted:
		return x.value(i, unlisted)
	case !plain || len(x.members) == maxMembers:
		x.partial = true
		return x.value(i, unlisted)
	}
	return x.member(at, key, end-1, i)
}

// array reads an array from behind its bracket. What is in it is not listed.
func (x *index) array(i int) int {
	i = skipSpaceAt(x.json, i)
	if byteAt(x.json, i) == ']' {
		return i + 1
	}
	for {
		if i = x.value(i, unlisted); i < 0 {
			return invalid
		}
		switch i = skipSpaceAt(x.json, i); byteAt(x.json, i) {
		case ']':
			return i + 1
		case ',':
			i = skipSpaceAt(x.json, i+1)
		default:
			return invalid
		}
	}
}
