package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"windhover/gateway/usage"
)

// updateExpected writes usage.json anew with what was read in place of what is wrong. What is listed and right stays, and
// nothing is added that was not wrong.
func updateExpected(dir string, want expected, differences []difference) error {
	right := maps.Clone(want)
	if right == nil {
		right = expected{}
	}
	for _, d := range differences {
		if d.value == nil {
			delete(right, d.field)
			continue
		}
		right[d.field] = d.value
	}
	return writeExpected(dir, right)
}

func writeExpected(dir string, e expected) error {
	text, err := e.text()
	if err != nil {
		return fmt.Errorf("encode expected usage: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, usageFile), []byte(text), 0o644); err != nil {
		return fmt.Errorf("write expected usage: %w", err)
	}
	return nil
}

// text is what stands in usage.json: a field a line, the model first.
func (e expected) text() (string, error) {
	fields := slices.Insert(slices.Collect(usage.Fields()), 0, usage.Model)
	var lines []string
	for i, field := range fields {
		value, listed := e[field]
		if !listed || i > 0 && field == usage.Model {
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return "", err
		}
		lines = append(lines, fmt.Sprintf(" %q: %s", field.String(), text))
	}
	if len(lines) == 0 {
		return "{}\n", nil
	}
	return "{\n" + strings.Join(lines, ",\n") + "\n}\n", nil
}
