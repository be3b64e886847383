package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
)

// shapes insert rows of one table, several at a time, with prepared statements: one for each set of columns that have something
// to say. Of fifty columns, half are NULL or 0 in most records, and to bind parameters is what a write spends most of its time
// on; for the same reason, what all rows of a statement have in common is bound once. They belong to whoever holds the transaction.
//
// The statements are the driver's own, as what database/sql does around each of them costs a tenth of a write.
type shapes struct {
	table
	writer   *sql.Conn
	prepared map[statement]driver.StmtExecContext
	args     []driver.NamedValue // of the group at hand
	spare    sync.Pool           // of *piece
}

// table is what shapes know of a table.
type table struct {
	columns int
	insert  func(common, own []int, rows int) string // the text of a statement
	usual   func(column int, value any) bool         // the column holds that value anyway
	alike   []columnSet                              // in which rows often have the same values: texts and whole numbers; the largest set first
	undo    string                                   // deletes the rows behind a rowid; empty where no row is ever left alone
}

// statement is what one of them inserts.
type statement struct {
	of     columnSet
	common columnSet // those in which all rows have the same value
	rows   int
}

// maxStatements bounds the statements of one table. Rows that would need further ones are inserted with all their columns.
const maxStatements = 256

func newShapes(writer *sql.Conn, t table) *shapes {
	return &shapes{table: t, writer: writer, prepared: map[statement]driver.StmtExecContext{}}
}

// insertAll inserts a piece, which is nobody's any more then, and calls there with the number of each row that is there already
// and was left alone.
func (s *shapes) insertAll(ctx context.Context, p *piece, there func(number int)) error {
	defer s.spare.Put(p)
	return s.writer.Raw(func(conn any) error {
		for i := range p.groups {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := s.insertGroup(ctx, conn.(driver.ConnPrepareContext), &p.groups[i], there); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *shapes) insertGroup(ctx context.Context, conn driver.ConnPrepareContext, g *group, there func(number int)) error {
	stmt, err := s.prepare(ctx, conn, g.statement)
	if err != nil {
		return err
	}
	if stmt == nil {
		return s.insertEach(ctx, conn, g, there)
	}
	s.args = g.appendArgs(s.args[:0])
	// With a context that can end, the driver would start a goroutine for each statement. The transaction ends with it anyway.
	result, err := stmt.ExecContext(context.Background(), s.args)
	if err != nil {
		return err
	}
	made, err := result.RowsAffected()
	switch {
	case err != nil || made == int64(len(g.rows)):
		return err
	case made > 0:
		last, err := result.LastInsertId()
		if err != nil {
			return err
		}
		return s.insertAgain(ctx, conn, g, last-made, there) // a new row is behind all others
	}
	for _, r := range g.rows {
		there(r.number)
	}
	return nil
}

// insertAgain takes back what a group has put behind a rowid, and inserts it row by row, which tells the rows that are there
// already from those that are new.
func (s *shapes) insertAgain(ctx context.Context, conn driver.ConnPrepareContext, g *group, behind int64, there func(number int)) error {
	undo, err := conn.PrepareContext(ctx, s.undo)
	if err != nil {
		return err
	}
	defer undo.Close()
	_, err = undo.(driver.StmtExecContext).ExecContext(context.Background(), []driver.NamedValue{{Ordinal: 1, Value: behind}})
	if err != nil {
		return err
	}
	return s.insertEach(ctx, conn, g, there)
}

// insertEach inserts the rows of a group one by one, with all their columns where there is no room for another statement.
func (s *shapes) insertEach(ctx context.Context, conn driver.ConnPrepareContext, g *group, there func(number int)) error {
	one := statement{of: g.of, rows: 1}
	stmt, err := s.prepare(ctx, conn, one)
	if err != nil {
		return err
	}
	if stmt == nil {
		one.of = allColumns(s.columns)
	}
	for i := range g.rows {
		if err := s.insertGroup(ctx, conn, &group{one, g.rows[i : i+1]}, there); err != nil {
			return err
		}
	}
	return nil
}

// prepare is the statement; nil if there are too many already.
func (s *shapes) prepare(ctx context.Context, conn driver.ConnPrepareContext, st statement) (driver.StmtExecContext, error) {
	if stmt := s.prepared[st]; stmt != nil {
		return stmt, nil
	}
	if len(s.prepared) >= maxStatements && st.of != allColumns(s.columns) {
		return nil, nil
	}
	stmt, err := conn.PrepareContext(ctx, s.insert(st.common.numbers(), st.of.without(st.common).numbers(), st.rows))
	if err != nil {
		return nil, err
	}
	s.prepared[st] = stmt.(driver.StmtExecContext)
	return s.prepared[st], nil
}

// close closes the statements. A file with a statement that is open is not closed with its connection.
func (s *shapes) close() error {
	return s.writer.Raw(func(any) error {
		var errs []error
		for _, stmt := range s.prepared {
			errs = append(errs, stmt.(driver.Stmt).Close())
		}
		return errors.Join(errs...)
	})
}
