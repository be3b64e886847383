package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
)

// shapes are prepared statements that insert rows of one table: one for each set of columns that have something to say. Of
// fifty columns, half are NULL or 0 in most records, and to bind parameters is what a write spends most of its time on.
// They belong to whoever holds the transaction.
//
// They are the driver's own statements, as what database/sql does around each of them costs a tenth of a write.
type shapes struct {
	writer   *sql.Conn
	text     func(columns ...int) string      // the statement for some columns; for none, for all
	usual    func(column int, value any) bool // the column holds that value anyway
	prepared map[shape]driver.Stmt
	args     []driver.NamedValue // of the row at hand
}

// shape is a set of columns. The empty one, which no row has, stands for all of them.
type shape [2]uint64

// maxShapes bounds the statements of one table. Rows of further shapes are inserted with all their columns.
const maxShapes = 64

func newShapes(writer *sql.Conn, text func(columns ...int) string, usual func(column int, value any) bool) *shapes {
	return &shapes{writer: writer, text: text, usual: usual, prepared: map[shape]driver.Stmt{}}
}

// row is one row of the table, and the columns of it that have something to say.
type row struct {
	of     shape
	values []any // of all columns
}

// rows makes rows of what values appends for each of them. It touches no statement, and may run beside insert.
func (s *shapes) rows(n int, values func(to []any, i int) []any) []row {
	rows := make([]row, n)
	var all []any
	for i := range rows {
		first := len(all)
		all = values(all, i)
		if i == 0 {
			all = slices.Grow(all, (n-1)*len(all))
		}
		rows[i].values = all[first:]
		for column, v := range rows[i].values {
			if !s.usual(column, v) {
				rows[i].of[column/64] |= 1 << (column % 64)
			}
		}
	}
	return rows
}

// insert inserts rows, and calls there with the number of each that is there already and was left alone.
func (s *shapes) insert(ctx context.Context, rows []row, there func(i int)) error {
	return s.writer.Raw(func(conn any) error {
		for i := range rows {
			if err := ctx.Err(); err != nil {
				return err
			}
			made, err := s.insertOne(ctx, conn.(driver.ConnPrepareContext), &rows[i])
			if err != nil {
				return err
			}
			if made == 0 {
				there(i)
			}
		}
		return nil
	})
}

// insertOne inserts a row, and reports how many that made.
func (s *shapes) insertOne(ctx context.Context, conn driver.ConnPrepareContext, r *row) (int64, error) {
	of := r.of
	if s.prepared[of] == nil && len(s.prepared) >= maxShapes {
		of = shape{}
	}
	stmt, err := s.prepare(ctx, conn, of, len(r.values))
	if err != nil {
		return 0, err
	}
	s.args = s.args[:0]
	for column, v := range r.values {
		if of.has(column) {
			s.args = append(s.args, driver.NamedValue{Ordinal: len(s.args) + 1, Value: v})
		}
	}
	// With a context that can end, the driver would start a goroutine for each row. The transaction ends with it anyway.
	result, err := stmt.(driver.StmtExecContext).ExecContext(context.Background(), s.args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (of shape) has(column int) bool { return of == shape{} || of[column/64]>>(column%64)&1 != 0 }

func (s *shapes) prepare(ctx context.Context, conn driver.ConnPrepareContext, of shape, columns int) (driver.Stmt, error) {
	if stmt := s.prepared[of]; stmt != nil {
		return stmt, nil
	}
	var numbers []int
	for i := range columns {
		if of.has(i) {
			numbers = append(numbers, i)
		}
	}
	stmt, err := conn.PrepareContext(ctx, s.text(numbers...))
	if err == nil {
		s.prepared[of] = stmt
	}
	return stmt, err
}

// close closes the statements. A file with a statement that is open is not closed with its connection.
func (s *shapes) close() error {
	return s.writer.Raw(func(any) error {
		var errs []error
		for _, stmt := range s.prepared {
			errs = append(errs, stmt.Close())
		}
		return errors.Join(errs...)
	})
}
