//go:build !linux

package main

// releaseStartPages does what it can only on Linux.
func releaseStartPages() {}
