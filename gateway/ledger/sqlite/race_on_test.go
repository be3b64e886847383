//go:build race

package sqlite

// rounds is how often tests of chance try. SQLite in Go is twenty times slower under the race detector.
const rounds = 6
