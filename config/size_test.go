package config

import "testing"

func TestParseSizeReadsWholeNumbersWithUnit(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Size{
		"0B": 0, "1B": 1, "4096B": 4096, "512KiB": 512 << 10, "64MiB": 64 << 20, "2GiB": 2 << 30,
	} {
		got, err := ParseSize(in)
		if err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
}

func TestParseSizeSaysTheForm(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"64":                    "64 has no unit; write 64MiB, or 64B for bytes",
		"64MB":                  "64MB is no size; write it as in 512KiB, 64MiB, 2GiB or 4096B",
		"1.5GiB":                "1.5GiB is no size; write it as in 512KiB, 64MiB, 2GiB or 4096B",
		"-1B":                   "-1B is no size; write it as in 512KiB, 64MiB, 2GiB or 4096B",
		"64 MiB":                `"64 MiB" is no size; write it as in 512KiB, 64MiB, 2GiB or 4096B`,
		"MiB":                   "MiB is no size; write it as in 512KiB, 64MiB, 2GiB or 4096B",
		"":                      `"" is no size; write it as in 512KiB, 64MiB, 2GiB or 4096B`,
		"9000000000GiB":         "9000000000GiB is more than a size can be",
		"99999999999999999999B": "99999999999999999999B is more than a size can be",
	} {
		if _, err := ParseSize(in); err == nil || err.Error() != want {
			t.Errorf("ParseSize(%q) = %v, want %v", in, err, want)
		}
	}
}

func TestSizeStringReadsBack(t *testing.T) {
	t.Parallel()
	for size, want := range map[Size]string{0: "0B", 1: "1B", 1 << 10: "1KiB", 1536: "1536B", 64 << 20: "64MiB", 3 << 30: "3GiB"} {
		if got := size.String(); got != want {
			t.Errorf("Size(%d).String() = %q, want %q", size, got, want)
		}
		if back, err := ParseSize(size.String()); err != nil || back != size {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", size, back, err, size)
		}
	}
}
