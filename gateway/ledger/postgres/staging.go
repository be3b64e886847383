package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"windhover/gateway/ledger/sqlstore"
)

// transaction is one that is going on, and the connection that it has.
type transaction struct {
	*sql.Tx
	conn *sql.Conn
}

// native lends the transaction's connection as the driver knows it.
func (tx transaction) native(do func(*pgx.Conn) error) error {
	return tx.conn.Raw(func(c any) error { return do(c.(*stdlib.Conn).Conn()) })
}

// copyTo takes rows into a table, which is as fast as it gets.
func (tx transaction) copyTo(ctx context.Context, table string, columns []string, rows [][]any) error {
	return tx.native(func(c *pgx.Conn) error {
		_, err := c.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
		return err
	})
}

// staging is where rows wait in a transaction: COPY cannot pass over rows that are there already, and would fail for one. The
// tables are the connection's own, empty between transactions, and stay, as creating them for each batch would fill PostgreSQL's
// catalog. Their names hold the version, so that one that was made before a migration is not taken for today's.
type staging struct {
	records, rollups             string // the tables
	recordColumns, rollupColumns []string
	create                       string
	takeRecords, takeRollups     string
	lockCheckpoints              string
}

func stagingOf(s *sqlstore.Schema) staging {
	st := staging{
		records: fmt.Sprintf("staged_records_%d", version), rollups: fmt.Sprintf("staged_rollups_%d", version),
		rollupColumns: s.RollupColumns(),
	}
	for _, c := range s.Columns() {
		st.recordColumns = append(st.recordColumns, c.Name)
	}
	const create = "CREATE TEMPORARY TABLE IF NOT EXISTS %s (LIKE %s) ON COMMIT DELETE ROWS;"
	st.create = "SET LOCAL client_min_messages = warning;" + fmt.Sprintf(create, st.records, sqlstore.Records) + fmt.Sprintf(create, st.rollups, sqlstore.Rollups)

	records := strings.Join(st.recordColumns, ", ")
	// Whoever inserts keys in one order never waits for one who waits for him.
	st.takeRecords = fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s ORDER BY id ON CONFLICT (id) DO NOTHING RETURNING id",
		sqlstore.Records, records, records, st.records)
	st.lockCheckpoints = fmt.Sprintf("SELECT r.id FROM %s r JOIN %s s ON r.id = s.id WHERE r.checkpoint = 1 ORDER BY r.id FOR UPDATE OF r",
		sqlstore.Records, st.records)

	key, rollups := strings.Join(st.rollupColumns[:sqlstore.RollupKey], ", "), strings.Join(st.rollupColumns, ", ")
	var sums []string
	for _, m := range st.rollupColumns[sqlstore.RollupKey:] {
		sums = append(sums, fmt.Sprintf("%s = %s.%s + excluded.%s", m, sqlstore.Rollups, m, m))
	}
	st.takeRollups = fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s ORDER BY %s ON CONFLICT (%s) DO UPDATE SET %s",
		sqlstore.Rollups, rollups, rollups, st.rollups, key, key, strings.Join(sums, ", "))
	return st
}
