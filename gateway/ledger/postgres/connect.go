package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

var errURL = errors.New("its URL cannot be read; write it as postgres://user:password@host:5432/database?sslmode=verify-full, " +
	"with %40 for an @ in the password, and so on")

// connectTimeout is how long one server may take to answer, unless the URL says connect_timeout.
const connectTimeout = 5 * time.Second

// CheckURL is an error if a URL cannot be read. It asks no server.
func CheckURL(url string) error {
	if _, err := configOf(url); err != nil {
		return errURL
	}
	return nil
}

// configOf reads a URL. What is wrong with one is not told: the message would repeat the URL, and the password in it.
func configOf(url string) (*pgx.ConnConfig, error) {
	if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return nil, fmt.Errorf("open ledger: %w", errURL)
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", errURL)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	// A server that vanished without a word is noticed within a minute, also by a connection that only waits for it.
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 3}}
	config.DialFunc = dialer.DialContext
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "windhover"
	}
	return config, nil
}

// limitStatements makes the server give up what takes too long, and what a gateway left behind that is gone: its locks would
// hold up the others.
func limitStatements(timeout time.Duration) func(context.Context, *pgx.Conn) error {
	ms := timeout.Milliseconds()
	text := fmt.Sprintf("SET statement_timeout = %d; SET idle_in_transaction_session_timeout = %d", ms, ms)
	return func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, text)
		return err
	}
}
