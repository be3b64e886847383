package gateway

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/google/uuid"
)

// newID is a UUIDv7 (RFC 9562): unique, and sorted by time. It need not be hard to guess, so its random bits are from the
// runtime's own generator, which asks no system call for them.
func newID() string {
	id, err := uuid.NewV7FromReader(randomBits{})
	if err != nil {
		panic(err) // our bug: randomBits has no error
	}
	return id.String()
}

// randomBits is an endless source of random bytes.
type randomBits struct{}

func (randomBits) Read(p []byte) (int, error) {
	for i := 0; i < len(p); i += 8 {
		var bits [8]byte
		binary.LittleEndian.PutUint64(bits[:], rand.Uint64())
		copy(p[i:], bits[:])
	}
	return len(p), nil
}
