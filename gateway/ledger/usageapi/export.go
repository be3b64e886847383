package usageapi

import (
	"bytes"
	"net/http"
	"net/url"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

const (
	// exportBatch is how many records of an export are in memory at once, 8 KiB each at most but for their parts.
	exportBatch = 500
	// writeTimeout is how long a client may take for what is written at once. One that has stopped reading is left.
	writeTimeout = 30 * time.Second
)

func exportParameters() []string { return append([]string{"format"}, filterParameters()...) }

// format is how an export writes records.
type format struct {
	name, contentType string
	header            []byte // nil: none
	append            func(b []byte, r *usage.Record) []byte
}

func parseFormat(values url.Values) (format, error) {
	name, given, err := one(values, "format")
	switch {
	case err != nil:
		return format{}, err
	case !given || name == "csv":
		return newCSV(), nil
	case name == "jsonl":
		return format{name: "jsonl", contentType: "application/jsonl", append: appendLine}, nil
	}
	return format{}, wrong("format", "%q is no format; there are csv and jsonl", name)
}

// appendLine appends a record as the line of the record log.
func appendLine(b []byte, r *usage.Record) []byte {
	line, _ := r.MarshalJSON() // always encodes
	return append(append(b, line...), '\n')
}

// export answers /api/usage/export: all records of a range, the newest first. The store is asked for one batch after the
// other, so that neither memory nor a transaction depends on how many there are and how fast the client reads.
func (a *api) export(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	if err := checkNames(namesOf(values), exportParameters()...); err != nil {
		a.fail(w, r, err)
		return
	}
	f, err := parseFormat(values)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	filter, err := parseFilter(values, a.Now())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	batch, err := a.scan(r.Context(), filter, ledger.Cursor{}, exportBatch)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Content-Disposition", `attachment; filename="`+exportName(filter, f)+`"`)
	if !send(w, f.header) {
		return
	}
	for len(batch) > 0 {
		var b bytes.Buffer
		for _, x := range batch {
			b.Write(f.append(b.AvailableBuffer(), x))
		}
		if !send(w, b.Bytes()) || len(batch) < exportBatch {
			return
		}
		last := batch[len(batch)-1]
		batch, err = a.scan(r.Context(), filter, ledger.Cursor{Time: last.Time, ID: last.ID}, exportBatch)
		if err != nil {
			panic(http.ErrAbortHandler) // what ends here has to look broken, and not like all there is
		}
	}
}

// send writes to a client that may not take longer than writeTimeout. It reports whether there is still one.
func send(w http.ResponseWriter, data []byte) bool {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // what cannot have one is no connection
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	if _, err := w.Write(data); err != nil {
		return false
	}
	return control.Flush() == nil
}

// exportName is what a browser calls the file.
func exportName(f ledger.Filter, to format) string {
	const form = "20060102T150405Z"
	return "windhover-" + f.From.Format(form) + "-" + f.To.Format(form) + "." + to.name
}
