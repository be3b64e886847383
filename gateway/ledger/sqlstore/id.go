package sqlstore

import (
	"github.com/google/uuid"
)

// EncodeID is an ID as it is kept: the 16 bytes of a UUID; any other text behind 16 zero bytes, as no writer may fail for a
// record's sake. Of no text it is nil. The order of UUIDs is the order of their bytes.
func EncodeID(id string) []byte {
	if id == "" {
		return nil
	}
	b := make([]byte, 16)
	if decodeUUID(b, id) {
		return b
	}
	return append(make([]byte, 16), id...)
}

// decodeUUID decodes the one form of a UUID that comes back as it was: digits in groups, lower-case.
func decodeUUID(to []byte, id string) bool {
	if len(id) != 36 {
		return false
	}
	n := 0
	for i := 0; i < len(id); {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if id[i] != '-' {
				return false
			}
			i++
		}
		high, low := digit(id[i]), digit(id[i+1])
		if high|low > 15 {
			return false
		}
		to[n] = high<<4 | low
		n, i = n+1, i+2
	}
	return true
}

// digit is what a hexadecimal digit stands for; above 15 if it is none.
func digit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// DecodeID is the ID that EncodeID encoded.
func DecodeID(b []byte) string {
	switch {
	case len(b) < 16:
		return ""
	case len(b) == 16:
		return uuid.UUID(b).String()
	}
	return string(b[16:])
}
