package main

import (
	"runtime/debug"
	"testing"
)

// Not parallel: the memory limit is the process's.
func TestSmallMemoryLimitLeavesNoRoomForAHeapFloor(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	debug.SetMemoryLimit(128 << 20)
	if floor := newHeapFloor(); floor != nil {
		t.Errorf("heap floor of %d bytes under a limit of 128 MiB, want none", len(floor))
	}
	debug.SetMemoryLimit(512 << 20)
	if floor := newHeapFloor(); len(floor) != heapFloor {
		t.Errorf("heap floor of %d bytes under a limit of 512 MiB, want %d", len(floor), heapFloor)
	}
}
