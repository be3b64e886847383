package main

import (
	"bytes"
	"log"
	"log/slog"
)

// takeTransportLog takes what net/http's client says on the log of package log: of nothing but connections that upstreams use
// in ways of their own. It quotes what they have sent, which may be part of an answer; that is left out. The end of it all is undo.
func takeTransportLog(logger *slog.Logger) (undo func()) {
	flags, before := log.Flags(), log.Writer()
	log.SetFlags(0)
	log.SetOutput(transportLog{logger})
	return func() {
		log.SetFlags(flags)
		log.SetOutput(before)
	}
}

type transportLog struct{ logger *slog.Logger }

func (l transportLog) Write(line []byte) (int, error) {
	said, _, _ := bytes.Cut(line, []byte(`"`))
	l.logger.Debug("the HTTP client reports", "message", string(bytes.TrimSpace(said)))
	return len(line), nil
}
