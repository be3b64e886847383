package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// shapes are prepared statements that insert rows of one table: one for each set of columns that have something to say. Of
// fifty columns, half are NULL or 0 in most records, and to bind parameters is what a write spends most of its time on.
// They belong to whoever holds the transaction.
type shapes struct {
	writer   *sql.Conn
	text     func(columns ...int) string      // the statement for some columns; for none, for all
	usual    func(column int, value any) bool // the column holds that value anyway
	prepared map[shape]*sql.Stmt

	columns []int // of the row at hand
	values  []any // in them
}

// shape is a set of columns.
type shape [2]uint64

// maxShapes bounds the statements of one table. Rows of further shapes are inserted with all their columns.
const maxShapes = 64

func newShapes(writer *sql.Conn, text func(columns ...int) string, usual func(column int, value any) bool) *shapes {
	return &shapes{writer: writer, text: text, usual: usual, prepared: map[shape]*sql.Stmt{}}
}

// insert inserts a row, and reports how many that made.
func (s *shapes) insert(ctx context.Context, row []any) (int64, error) {
	of := s.take(row)
	columns, values := s.columns, s.values
	if s.prepared[of] == nil && len(s.prepared) >= maxShapes {
		of, columns, values = shape{}, nil, row // no row has the shape of no columns: it stands for all
	}
	stmt, err := s.prepare(ctx, of, columns)
	if err != nil {
		return 0, err
	}
	// With a context that can end, the driver would start a goroutine for each row. The transaction ends with it anyway.
	return affected(stmt.Exec(values...))
}

// take takes what is not usual out of a row.
func (s *shapes) take(row []any) (of shape) {
	s.columns, s.values = s.columns[:0], s.values[:0]
	for i, v := range row {
		if !s.usual(i, v) {
			of[i/64] |= 1 << (i % 64)
			s.columns, s.values = append(s.columns, i), append(s.values, v)
		}
	}
	return of
}

func (s *shapes) prepare(ctx context.Context, of shape, columns []int) (*sql.Stmt, error) {
	if stmt := s.prepared[of]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.writer.PrepareContext(ctx, s.text(columns...))
	if err == nil {
		s.prepared[of] = stmt
	}
	return stmt, err
}

// close closes the statements. A file with a statement that is open is not closed with its connection.
func (s *shapes) close() error {
	var errs []error
	for _, stmt := range s.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}
