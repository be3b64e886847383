package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// Not parallel: what other tests need comes back at once.
func TestPagesOfTheStartAreGivenBack(t *testing.T) {
	before := residentFile(t)
	releaseStartPages()
	if after := residentFile(t); after >= before {
		t.Errorf("%d KiB of the program's file are resident, %d before", after, before)
	}
}

func residentFile(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssFile:"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("/proc/self/status has no RssFile")
	return 0
}

func TestOnlyTheProgramsReadOnlyPagesAreGivenBack(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][2]uintptr{
		"00400000-00bd5000 r-xp 00000000 fe:00 247278                     /bin/windhover": {0x400000, 0xbd5000},
		"00bd5000-01e00000 r--p 007d5000 fe:00 247278                     /bin/windhover": {0xbd5000, 0x1e00000},
		"01e00000-01f00000 rw-p 01a00000 fe:00 247278                     /bin/windhover": {},
		"7f3632496000-7f36324ed000 r--p 00000000 fe:00 316526             /lib/libc.so.6": {},
		"c000000000-c000400000 rw-p 00000000 00:00 0 ":                                    {},
	} {
		begin, end, ok := readOnly(line, "/bin/windhover")
		if ok != (want != [2]uintptr{}) || ok && [2]uintptr{begin, end} != want {
			t.Errorf("%s: %x-%x, %v, want %x", line, begin, end, ok, want)
		}
	}
}
