package sqlstore

import (
	"strings"

	"github.com/google/uuid"
)

// EncodeID is an ID as it is kept: the 16 bytes of a UUID; any other text behind 16 zero bytes, as no writer may fail for a
// record's sake. Of no text it is nil. The order of UUIDs is the order of their bytes.
func EncodeID(id string) []byte {
	if id == "" {
		return nil
	}
	if u, err := uuid.Parse(id); err == nil && len(id) == 36 && strings.ToLower(id) == id { // the one spelling that comes back
		return u[:]
	}
	return append(make([]byte, 16), id...)
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
