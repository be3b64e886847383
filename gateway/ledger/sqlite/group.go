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
	of     columnSet // the columns that have something to say
	values []any     // of all columns
}

// group is rows of one shape that one statement inserts.
type group struct {
	statement
	rows []row
}

// pieceRows is how many rows are grouped at a time: those of a group come from near each other, and so do the pages that they go to.
const pieceRows = 256

// groups are rows of what values appends for each number from 0 to n. It touches no statement, and may run beside insertAll.
func (t *table) groups(n int, values func(to []any, number int) []any) []group {
	var groups []group
	for first := 0; first < n; first += pieceRows {
		groups = append(groups, t.piece(first, min(first+pieceRows, n), values)...)
	}
	return groups
}

// piece groups the rows of the numbers from first to end.
func (t *table) piece(first, end int, values func(to []any, number int) []any) []group {
	all := make([]any, 0, (end-first)*t.columns)
	var shapes []columnSet // in the order in which they come
	rows := map[columnSet][]row{}
	for number := first; number < end; number++ {
		all = values(all, number)
		r := row{number: number, values: all[len(all)-t.columns:]}
		for column, v := range r.values {
			if !t.usual(column, v) {
				r.of.add(column)
			}
		}
		if rows[r.of] == nil {
			shapes = append(shapes, r.of)
		}
		rows[r.of] = append(rows[r.of], r)
	}
	var groups []group
	for _, of := range shapes {
		groups = t.split(groups, of, rows[of])
	}
	return groups
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
