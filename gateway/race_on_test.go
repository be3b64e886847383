//go:build race

package gateway

// raceEnabled tells tests that measure time that the race detector slows everything down.
const raceEnabled = true
