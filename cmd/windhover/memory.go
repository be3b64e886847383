package main

import (
	"context"
	"io/fs"
	"log/slog"
	"math"
	"os"
	slashpath "path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"windhover/config"
)

// memoryShare is what of a container's memory the Go runtime may use before it collects harder: the rest is for what it does
// not count, such as the kernel's buffers of thousands of connections.
const memoryShare = 0.9

// limitMemory tells the Go runtime how much memory there is where a cgroup limits it. Without it, garbage may grow to twice what is in
// use, and the kernel kills the process although much of that could have been let go. GOMEMLIMIT, if set, stays as it is.
func limitMemory(logger *slog.Logger) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if limit := cgroupMemory(os.DirFS("/")); limit > 0 {
		debug.SetMemoryLimit(int64(float64(limit) * memoryShare))
		logger.Info("the garbage collector keeps to the container's memory", "limit", config.Size(limit).String(), "share", memoryShare)
	}
}

// afterStart is when all has been opened that is opened in the background.
const afterStart = 500 * time.Millisecond

// releaseMemoryOfStart gives back what the start has left behind, which is more than what serving needs: what compiling the
// file has allocated, and the pages of the program that did it.
func releaseMemoryOfStart(ctx context.Context) {
	debug.FreeOSMemory()
	select {
	case <-time.After(afterStart):
		releaseStartPages()
	case <-ctx.Done():
	}
}

// cgroupMemory is the least memory that the process's cgroup or one above it allows, in bytes; 0: no limit was found. Version 2 of
// cgroups has one tree, version 1 one for memory; a container may see its own cgroup as the root of either.
// https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
func cgroupMemory(root fs.FS) int64 {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	least := int64(math.MaxInt64)
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		switch controllers := strings.Split(fields[1], ","); {
		case fields[0] == "0" && fields[1] == "":
			least = min(least, leastAbove(root, "sys/fs/cgroup", fields[2], "memory.max"))
		case slices.Contains(controllers, "memory"):
			least = min(least, leastAbove(root, "sys/fs/cgroup/memory", fields[2], "memory.limit_in_bytes"))
		}
	}
	if least >= unlimitedMemory {
		return 0
	}
	return least
}

// unlimitedMemory is from where on a number means that there is no limit: version 1 says so with the largest one that a page's size divides.
const unlimitedMemory = math.MaxInt64 - 1<<16

// leastAbove is the least number in the files of that name in a group and those above it.
func leastAbove(root fs.FS, mount, group, name string) int64 {
	least := int64(math.MaxInt64)
	for group = slashpath.Clean("/" + group); ; group = slashpath.Dir(group) {
		text, err := fs.ReadFile(root, slashpath.Join(mount, group, name))
		if n, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && bad == nil && n > 0 {
			least = min(least, n) // "max" is no number
		}
		if group == "/" {
			return least
		}
	}
}
