package sqlite

import (
	"database/sql/driver"
	"iter"
	"math/bits"
	"slices"
)

// columnSet is a set of a table's columns, by their numbers.
type columnSet [2]uint64

func allColumns(n int) (all columnSet) {
	for i := range n {
		all.add(i)
	}
	return all
}

func (s *columnSet) add(column int) { s[column/64] |= 1 << (column % 64) }

func (s columnSet) and(o columnSet) columnSet     { return columnSet{s[0] & o[0], s[1] & o[1]} }
func (s columnSet) or(o columnSet) columnSet      { return columnSet{s[0] | o[0], s[1] | o[1]} }
func (s columnSet) without(o columnSet) columnSet { return columnSet{s[0] &^ o[0], s[1] &^ o[1]} }

// all are the columns of the set, in order.
func (s columnSet) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, word := range s {
			for ; word != 0; word &= word - 1 {
				if !yield(64*i + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

func (s columnSet) numbers() []int { return slices.Collect(s.all()) }

// row is one row of a table.
type row struct {
	number int
	values []any // of all columns
}

// group is rows of one shape, which have something to say in the same columns, that one statement inserts.
type group struct {
	statement
	rows []row
}

// pieceRows is how many rows are grouped at a time: those of a group come from near each other, and so do the pages that they go to.
const pieceRows = 256

// piece is rows in groups.
type piece struct {
	groups []group
	values []any // of all rows; its memory, a kilobyte a record, is used again
}

// pieces are the rows of what values appends for each number from 0 to n. It touches no statement, and may run beside insertAll.
func (s *shapes) pieces(n int, values func(to []any, number int) []any) iter.Seq[*piece] {
	return func(yield func(*piece) bool) {
		for first := 0; first < n; first += pieceRows {
			if !yield(s.piece(first, min(first+pieceRows, n), values)) {
				return
			}
		}
	}
}

// piece groups the rows of the numbers from first to end.
func (s *shapes) piece(first, end int, values func(to []any, number int) []any) *piece {
	p, ok := s.spare.Get().(*piece)
	if !ok {
		p = &piece{values: make([]any, 0, (end-first)*s.columns)}
	}
	p.groups, p.values = p.groups[:0], p.values[:0]
	var found []columnSet // in the order in which they come
	rows := map[columnSet][]row{}
	for number := first; number < end; number++ {
		p.values = values(p.values, number)
		r := row{number, p.values[len(p.values)-s.columns:]}
		of := s.shape(r)
		if rows[of] == nil {
			found = append(found, of)
		}
		rows[of] = append(rows[of], r)
	}
	for _, of := range found {
		p.groups = s.split(p.groups, of, rows[of])
	}
	return p
}

// shape is the columns that have something to say.
func (t *table) shape(r row) (of columnSet) {
	for column, v := range r.values {
		if !t.usual(column, v) {
			of.add(column)
		}
	}
	return of
}

// split appends groups of rows of one shape. The more rows a statement takes, the less one costs; but each size is a statement.
func (t *table) split(to []group, of columnSet, rows []row) []group {
	for _, size := range [...]int{16, 4, 1} {
		for len(rows) >= size {
			to = append(to, group{statement{of, t.common(of, rows[:size]), size}, rows[:size]})
			rows = rows[size:]
		}
	}
	return to
}

// common is the columns in which rows of one shape have the same values, as one of the sets that are looked at.
func (t *table) common(of columnSet, rows []row) columnSet {
	for _, set := range t.alike {
		if set = set.and(of); len(rows) > 1 && agree(rows, set) {
			return set
		}
	}
	return columnSet{}
}

func agree(rows []row, set columnSet) bool {
	for column := range set.all() {
		for i := range rows {
			if rows[i].values[column] != rows[0].values[column] {
				return false
			}
		}
	}
	return true
}

// appendArgs appends the parameters of the group's statement.
func (g *group) appendArgs(to []driver.NamedValue) []driver.NamedValue {
	for column := range g.common.all() {
		to = append(to, driver.NamedValue{Ordinal: len(to) + 1, Value: g.rows[0].values[column]})
	}
	own := g.of.without(g.common)
	for i := range g.rows {
		for column := range own.all() {
			to = append(to, driver.NamedValue{Ordinal: len(to) + 1, Value: g.rows[i].values[column]})
		}
	}
	return to
}
