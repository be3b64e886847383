//go:build !race

package sqlite

// rounds is how often tests of chance try.
const rounds = 25
