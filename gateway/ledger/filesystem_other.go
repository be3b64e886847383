//go:build !linux

package ledger

// networkFileSystem is empty: what a folder is on is told on Linux only.
func networkFileSystem(string) string { return "" }
