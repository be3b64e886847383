package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"strconv"

	"windhover/config"
)

// logWriter is standard error behind an outbox: a log that nobody reads holds up nobody.
type logWriter struct{ outbox *outbox }

func newLogWriter(out io.Writer) *logWriter {
	w := &logWriter{}
	w.outbox = newOutbox(out, w.sayLost, outboxSay)
	return w
}

func (w *logWriter) Write(line []byte) (int, error) {
	w.outbox.Put(bytes.Clone(line))
	return len(line), nil
}

// Close writes what waits.
func (w *logWriter) Close() { w.outbox.Close() }

func (w *logWriter) sayLost(lost int64) {
	w.outbox.Put([]byte("windhover: " + strconv.FormatInt(lost, 10) + " lines of this log were lost\n"))
}

// newLogger logs as the settings say.
func newLogger(out io.Writer, s config.Settings) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

// newServerLog takes what net/http has to say. Nearly all of it is about connections that clients broke; a panic is ours.
func newServerLog(logger *slog.Logger) *log.Logger {
	return log.New(serverLog{logger}, "", 0)
}

type serverLog struct{ logger *slog.Logger }

func (l serverLog) Write(line []byte) (int, error) {
	level := slog.LevelDebug
	if bytes.HasPrefix(line, []byte("http: panic serving")) {
		level = slog.LevelError
	}
	l.logger.Log(context.Background(), level, "the HTTP server reports", "message", string(bytes.TrimSpace(line)))
	return len(line), nil
}
