package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

// Values appends a record's values, in the order of Columns, each nil or of the Go type that its column's Type says. Those that
// the record whose values were appended before has too are the same ones.
func (s *Schema) Values(to []any, r *usage.Record) []any {
	before := len(to) - len(s.columns)
	for i := range s.columns {
		var same any
		if before >= 0 {
			same = to[before+i]
		}
		to = append(to, s.columns[i].value(r, same))
	}
	return to
}

// reader reads records from the rows of a query that selects some columns.
type reader struct {
	columns []Column
	cells   []cell
	to      []any
}

// newReader reads the columns, and behind them whatever else the query selects.
func newReader(columns []Column, behind ...any) *reader {
	r := &reader{columns: columns, cells: make([]cell, len(columns))}
	for i := range r.cells {
		r.to = append(r.to, &r.cells[i])
	}
	r.to = append(r.to, behind...)
	return r
}

// read fills a record from the row that rows stands at.
func (r *reader) read(rows *sql.Rows, rec *usage.Record) error {
	if err := rows.Scan(r.to...); err != nil {
		return err
	}
	*rec = usage.Record{}
	for i := range r.columns {
		if err := r.columns[i].set(rec, &r.cells[i]); err != nil {
			return fmt.Errorf("read column %s: %w", r.columns[i].Name, err)
		}
	}
	return nil
}

// Record is the record of that ID, its price with the row; ledger.ErrNotFound if there is none.
func (s *Schema) Record(ctx context.Context, db Queryer, id string) (*usage.Record, error) {
	query := fmt.Sprintf("SELECT %s, (SELECT row FROM %s WHERE %s.id = %s.%s) FROM %s WHERE %s = %s",
		names(s.columns), Prices, Prices, Records, colPriceID, Records, colID, s.dialect.Placeholder(1))
	rows, err := db.QueryContext(ctx, query, EncodeID(id))
	if err != nil {
		return nil, fmt.Errorf("find record: %w", err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("find record: %w", err)
		}
		return nil, ledger.ErrNotFound
	}
	var row cell
	rec := new(usage.Record)
	if err := newReader(s.columns, &row).read(rows, rec); err != nil {
		return nil, fmt.Errorf("find record: %w", err)
	}
	if rec.Price != nil && !row.null {
		rec.Price.Row = row.bytes
	}
	return rec, rows.Close()
}

// pageSize is how many records are read at a time: nobody who takes them slowly holds a transaction open.
const pageSize = 500

// Scan hands on the records that a filter chooses, as ledger.Reader says.
func (s *Schema) Scan(ctx context.Context, db Queryer, f ledger.Filter, after ledger.Cursor, yield func(*usage.Record) bool) error {
	for {
		page, err := s.page(ctx, db, f, after)
		if err != nil {
			return fmt.Errorf("scan records: %w", err)
		}
		for _, rec := range page {
			if !yield(rec) {
				return nil
			}
		}
		if len(page) < pageSize {
			return nil
		}
		last := page[len(page)-1]
		after = ledger.Cursor{Time: last.Time, ID: last.ID}
	}
}

func (s *Schema) page(ctx context.Context, db Queryer, f ledger.Filter, after ledger.Cursor) ([]*usage.Record, error) {
	w := s.where()
	w.filter(f, rangeOf(f))
	if after != (ledger.Cursor{}) {
		w.add("(%s, %s) < (%s, %s)", colTime, colID, w.arg(after.Time.UnixMilli()), w.arg(EncodeID(after.ID)))
	}
	query := fmt.Sprintf("SELECT %s FROM %s%s ORDER BY %s DESC, %s DESC LIMIT %d",
		names(s.columns), Records, w, colTime, colID, pageSize)
	rows, err := db.QueryContext(ctx, query, w.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []*usage.Record
	for r := newReader(s.columns); rows.Next(); {
		rec := new(usage.Record)
		if err := r.read(rows, rec); err != nil {
			return nil, err
		}
		page = append(page, rec)
	}
	return page, errors.Join(rows.Err(), rows.Close())
}
