package usage

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// invalid is where a value ends that is none.
const invalid = -1

// byteAt is the byte at i; 0, which stands nowhere between values, behind the end.
func byteAt(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

// skipSpaceAt is i, or where the white space that begins there ends.
func skipSpaceAt(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// textEnd is where the string ends that is open at i.
func textEnd(s string, i int) int {
	for i < len(s) {
		i = plainEnd(s, i)
		switch c := byteAt(s, i); {
		case c == '"':
			return i + 1
		case c < ' ':
			return invalid
		case c == '\\':
			if i = escapeEnd(s, i+1); i < 0 {
				return invalid
			}
		default:
			i++
		}
	}
	return invalid
}

// nameEnd is textEnd for a key, and whether that is plain: it holds no escape.
func nameEnd(s string, i int) (end int, plain bool) {
	if end = plainEnd(s, i); byteAt(s, end) == '"' {
		return end + 1, true
	}
	end = textEnd(s, i)
	return end, end > 0 && strings.IndexByte(s[i:end], '\\') < 0
}

// plainEnd skips what neither ends a string nor begins an escape nor is a control character, as far as it can look at eight
// bytes at once: most of an answer is text, and byte by byte it takes four times as long.
func plainEnd(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		if special := specialBytes(binary.LittleEndian.Uint64([]byte(s[i : i+8]))); special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	return i
}

// specialBytes marks, by its highest bit, the first of eight bytes that is not plain: a byte without a highest bit of its own
// is below n where it borrows when n is taken away, and a byte xor itself is below 1. Bytes behind the first may be marked
// wrongly, by what it borrowed.
func specialBytes(eight uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	quote, backslash := eight^'"'*ones, eight^'\\'*ones
	return ((eight-' '*ones)&^eight | (quote-ones)&^quote | (backslash-ones)&^backslash) & tops
}

// escapeEnd is where the escape ends whose backslash stands in front of i.
func escapeEnd(s string, i int) int {
	switch byteAt(s, i) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for range 4 {
			if i++; !isHex(byteAt(s, i)) {
				return invalid
			}
		}
		return i + 1
	}
	return invalid
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// wordEnd is where the word ends that should begin at i.
func wordEnd(s string, i int, word string) int {
	if end := i + len(word); end <= len(s) && s[i:end] == word {
		return end
	}
	return invalid
}

// numberEnd is where the number ends that should begin at i.
func numberEnd(s string, i int) int {
	if byteAt(s, i) == '-' {
		i++
	}
	if byteAt(s, i) == '0' {
		i++
	} else if i = digitsEnd(s, i); i < 0 {
		return invalid
	}
	if byteAt(s, i) == '.' {
		if i = digitsEnd(s, i+1); i < 0 {
			return invalid
		}
	}
	if c := byteAt(s, i); c == 'e' || c == 'E' {
		i++
		if c := byteAt(s, i); c == '-' || c == '+' {
			i++
		}
		return digitsEnd(s, i)
	}
	return i
}

// digitsEnd is where the digits end of which one at least should stand at i.
func digitsEnd(s string, i int) int {
	if !isDigit(byteAt(s, i)) {
		return invalid
	}
	for isDigit(byteAt(s, i)) {
		i++
	}
	return i
}
