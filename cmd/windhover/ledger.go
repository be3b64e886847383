package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"windhover/config"
	"windhover/gateway/ledger"
	"windhover/gateway/ledger/postgres"
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

// checkLedger refuses settings that contradict each other, and a URL that no restart of the database would mend.
func checkLedger(s config.Settings) error {
	url := s.Database.Reveal()
	if url == "" {
		return nil
	}
	if err := postgres.CheckURL(url); err != nil {
		return fmt.Errorf("--database: %w", err)
	}
	if s.Data == "" {
		return errors.New("--database needs a data folder, for the spool that records wait in while the database does not answer; name one with --data")
	}
	return nil
}

// startLedger starts the ledger that the settings ask for, nil if that is none. Nothing that is wrong with it keeps the
// gateway from serving.
func (p program) startLedger(s config.Settings, logger *slog.Logger) *ledger.Ledger {
	folder := p.dataFolder(s)
	if folder == "" {
		return nil
	}
	o := ledger.Options{Folder: folder, Retention: s.Retention, Logger: logger}
	if url := s.Database.Reveal(); url != "" {
		o.SpoolFirst = true
		o.Open = func(ctx context.Context) (ledger.Store, error) { return postgres.Open(ctx, url, postgres.Options{}) }
	} else {
		o.File = filepath.Join(folder, ledgerFile)
		o.Open = func(ctx context.Context) (ledger.Store, error) { return sqlite.Open(ctx, o.File, sqlite.Options{}) }
		o.OpenReader = func(ctx context.Context) (ledger.ReadCloser, error) { return sqlite.OpenReader(ctx, o.File) }
	}
	return ledger.Start(o)
}

// closeLedger brings every record to the ledger, or to the spool.
func closeLedger(l *ledger.Ledger) {
	ctx, cancel := context.WithTimeout(context.Background(), lastRecords)
	defer cancel()
	l.Close(ctx)
}
