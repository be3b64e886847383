package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"windhover/config"
	"windhover/gateway/ledger"
	"windhover/gateway/ledger/sqlite"
)

const (
	ledgerFile = "ledger.db"

	// lastRecords is how long the ledger may take at the end for the records that it has not committed. What is left then
	// is in the spool.
	lastRecords = 10 * time.Second
)

// dataFolder is where the ledger is; empty: nowhere.
func (p program) dataFolder(s config.Settings) string {
	if s.Data == "" || filepath.IsAbs(s.Data) {
		return s.Data
	}
	return filepath.Join(p.folder, s.Data)
}

// startLedger starts the ledger that the settings ask for, nil if that is none. Nothing that is wrong with it keeps the
// gateway from serving.
func (p program) startLedger(s config.Settings, logger *slog.Logger) *ledger.Ledger {
	folder := p.dataFolder(s)
	if folder == "" {
		return nil
	}
	file := filepath.Join(folder, ledgerFile)
	return ledger.Start(ledger.Options{
		Open:       func(ctx context.Context) (ledger.Store, error) { return sqlite.Open(ctx, file, sqlite.Options{}) },
		OpenReader: func(ctx context.Context) (ledger.ReadCloser, error) { return sqlite.OpenReader(ctx, file) },
		Folder:     folder,
		File:       file,
		Retention:  s.Retention,
		Logger:     logger,
	})
}

// closeLedger brings every record to the ledger, or to the spool.
func closeLedger(l *ledger.Ledger) {
	ctx, cancel := context.WithTimeout(context.Background(), lastRecords)
	defer cancel()
	l.Close(ctx)
}
