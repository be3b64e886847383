package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written with its unit, as in `64MiB`.
type Size int64

// ByteSize is a size of the file, and whether the file gives one.
type ByteSize struct {
	Size
	Set bool
}

// Or is the size, or what counts where the file gives none.
func (s ByteSize) Or(other Size) Size {
	if s.Set {
		return s.Size
	}
	return other
}

// ParseSize reads a size: a whole number with B, KiB, MiB or GiB.
func ParseSize(s string) (Size, error) {
	digits := s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
	unit := s[len(digits):]
	scale, known := sizeUnit(unit)
	switch {
	case digits != "" && unit == "":
		return 0, fmt.Errorf("%s has no unit; write %sMiB, or %sB for bytes", quoted(s), s, s)
	case digits == "" || !known:
		return 0, fmt.Errorf("%s is no size; write it as in 512KiB, 64MiB, 2GiB or 4096B", quoted(s))
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64/scale {
		return 0, fmt.Errorf("%s is more than a size can be", quoted(s))
	}
	return Size(n * scale), nil
}

// sizeUnit is how many bytes a unit stands for.
func sizeUnit(name string) (bytes int64, known bool) {
	switch name {
	case "B":
		return 1, true
	case "KiB":
		return 1 << 10, true
	case "MiB":
		return 1 << 20, true
	case "GiB":
		return 1 << 30, true
	}
	return 0, false
}

// String is the size in the largest unit that holds it without a fraction.
func (s Size) String() string {
	for _, unit := range []string{"GiB", "MiB", "KiB"} {
		if scale, _ := sizeUnit(unit); s != 0 && int64(s)%scale == 0 {
			return strconv.FormatInt(int64(s)/scale, 10) + unit
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}
