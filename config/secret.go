package config

import (
	"fmt"
	"log/slog"
)

// Secret is a value that came from the environment or a mounted file. It cannot be printed: every way of formatting,
// logging or encoding it yields a mask. Only Reveal gives the value, and only to what sends it.
type Secret struct {
	value   string
	missing bool
	written bool // it is the default of a reference
}

const mask = "***"

// NewSecret hides a value.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal is the value itself.
func (s Secret) Reveal() string { return s.value }

// Missing reports whether the value is not known because the file was loaded without its secrets (Options.NoSecrets).
// Reveal is empty then, and nothing can be concluded from that.
func (s Secret) Missing() bool { return s.missing }

// Written reports whether the value is a default that stands in the file itself, because the environment gives none.
func (s Secret) Written() bool { return s.written }

func (s Secret) String() string               { return mask }
func (s Secret) GoString() string             { return mask }
func (s Secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(mask)) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(mask) }
