package price

import (
	_ "embed"
	"fmt"
	"strings"

	"windhover/config"
)

// Builtin is the table that the program ships with: a file of prices of which each entry stands on a line of its own, by
// pricing name, `also` first. That lets it be searched without being parsed: a gateway needs a few of its rows, and it
// starts without any.
//
//go:embed prices.yaml
var Builtin string

// builtinName is how the table is called where its file would be named.
const builtinName = "builtin"

// builtinEntries are the entries of one pricing name, or of all where it is empty. Their rows are not looked at yet.
func builtinEntries(name string) []*entry {
	text := Builtin
	if name != "" {
		text = section(text, name)
	}
	var entries []*entry
	for line := range strings.Lines(text) {
		key, value, ok := cutEntry(line)
		if !ok {
			continue
		}
		_, model := config.CutPriceKey(key)
		e := &entry{key: key, model: model, file: builtinName, off: value == "off"}
		if !e.off {
			e.also, e.text = cutAlso(value), value
		}
		entries = append(entries, e)
	}
	return entries
}

// section is the lines of one pricing name, which stand together.
func section(text, name string) string {
	prefix := "  " + name + "/"
	at := strings.Index(text, "\n"+prefix)
	if at < 0 {
		return ""
	}
	text = text[at+1:]
	end := 0
	for strings.HasPrefix(text[end:], prefix) {
		end += strings.IndexByte(text[end:], '\n') + 1
	}
	return text[:end]
}

// cutEntry splits a line of the table.
func cutEntry(line string) (key, value string, ok bool) {
	line, ok = strings.CutPrefix(strings.TrimRight(line, "\r\n"), "  ")
	if !ok || strings.HasPrefix(strings.TrimSpace(line), "#") {
		return "", "", false
	}
	key, value, ok = strings.Cut(line, ": ")
	return key, value, ok
}

// cutAlso is the list that an entry begins with, if it has one.
func cutAlso(value string) []string {
	_, value, found := strings.Cut(value, "{also: [")
	list, _, closed := strings.Cut(value, "]")
	if !found || !closed {
		return nil
	}
	names := strings.Split(list, ", ")
	for i, name := range names {
		names[i] = strings.Trim(name, "'")
	}
	return names
}

// builtinRows are the rows of an entry. That they can be read is proved by a test.
func builtinRows(key, text string) []*row {
	rows, err := config.ParsePriceRows(builtinName, []byte(text))
	if err != nil {
		panic(fmt.Sprintf("built-in price of %s: %v", key, err)) // our bug
	}
	var list []*row
	for _, r := range rows {
		w, problems := compileRow(key, r)
		if err := problems.Err(); err != nil {
			panic(fmt.Sprintf("built-in price of %s: %v", key, err))
		}
		list = append(list, w)
	}
	return list
}
