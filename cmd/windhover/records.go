package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"windhover/gateway/usage"
)

// recordWriter writes each record as one line of JSON. Nothing that happens to its file or pipe holds up or ends the gateway.
type recordWriter struct {
	outbox *outbox // nil: records are not wanted
	file   *recordFile
	logger *slog.Logger
}

// openRecords opens what the setting `records` names: none, - for out, or a file to append to.
func openRecords(setting string, out io.Writer, logger *slog.Logger) (*recordWriter, error) {
	w := &recordWriter{logger: logger}
	switch setting {
	case "none":
		return w, nil
	case "-":
	default:
		w.file = &recordFile{name: setting}
		if err := w.file.Reopen(); err != nil {
			return nil, fmt.Errorf("open records: %w", err)
		}
		out = w.file
	}
	w.outbox = newOutbox(out, w.sayLost, outboxSay)
	return w, nil
}

// Write takes a finished record. It never blocks.
func (w *recordWriter) Write(record *usage.Record) {
	if w.outbox == nil {
		return
	}
	line, err := json.Marshal(record) // also takes the line breaks out of the provider's JSON in it
	if err != nil {
		w.logger.Error("a record cannot be written as JSON", "id", record.ID, "error", err)
		return
	}
	w.outbox.Put(append(line, '\n'))
}

// Lost is how many records were lost so far.
func (w *recordWriter) Lost() int64 {
	if w.outbox == nil {
		return 0
	}
	return w.outbox.Lost()
}

// Reopen goes on in a new file where the old one was renamed, as log rotation does.
func (w *recordWriter) Reopen() {
	if w.file == nil {
		return
	}
	if err := w.file.Reopen(); err != nil {
		w.logger.Error("cannot reopen the records file; the old one stays in use", "error", err)
	}
}

// Close writes what waits and closes the file.
func (w *recordWriter) Close() {
	if w.outbox == nil {
		return
	}
	if lost := w.outbox.Close(); lost > 0 {
		w.sayLost(lost)
	}
	if w.file != nil {
		w.file.Close()
	}
}

func (w *recordWriter) sayLost(lost int64) {
	w.logger.Warn("records were lost: what they are written to is full, closed or too slow", "lost", lost)
}

// recordFile is a file that can be exchanged between two writes.
type recordFile struct {
	name string

	mu   sync.Mutex
	file *os.File
}

func (f *recordFile) Write(data []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Write(data)
}

// Reopen opens the file of that name, and closes the one that was written until now.
func (f *recordFile) Reopen() error {
	file, err := os.OpenFile(f.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.file
	f.file = file
	if old != nil {
		_ = old.Close()
	}
	return nil
}

func (f *recordFile) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.file.Close()
}
