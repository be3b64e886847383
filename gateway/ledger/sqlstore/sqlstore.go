// Package sqlstore is what stores on database/sql share: which columns a record has, which rows of the rollups it counts in,
// and how a question is answered from both. It knows no driver; what differs between databases is in a Dialect.
package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"windhover/gateway/ledger"
)

// The tables. Records has the columns of Schema.Columns; Rollups those of Schema.RollupColumns, its primary key
// being the first RollupKey of them; Prices has an id and a row, both as in usage.Price; State has whole numbers by name.
const (
	Records = "records"
	Rollups = "rollups"
	Prices  = "prices"
	State   = "state"
)

// ExpiredBefore is the name of the row of State that says before which day records have expired, in milliseconds since 1970.
const ExpiredBefore = "expired_before"

// RollupKey is how many of the columns of the rollups are their primary key.
const RollupKey = 7

// Dialect is what differs between databases.
type Dialect struct {
	// Placeholder is the n-th parameter of a statement, from 1 on. Each stands in a statement once, and in that order.
	Placeholder func(n int) string
	// Label is the expression for the value of a label, whose name is a parameter, in the column `labels`.
	Label func(placeholder string) string
}

// Queryer is a *sql.DB, a *sql.Conn or a *sql.Tx.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Schema is the tables in a dialect. It is safe for concurrent use.
type Schema struct {
	dialect Dialect
	columns []Column
	counted []Column // those that sums and groups are made of
}

// New is the schema in a dialect.
func New(d Dialect) *Schema {
	s := &Schema{dialect: d, columns: columns()}
	for _, c := range s.columns {
		if c.Type != ID {
			s.counted = append(s.counted, c)
		}
		if c.Name == "other_numbers" {
			break // what comes behind it is only told
		}
	}
	return s
}

// Columns are the columns of the table of records, in order.
func (s *Schema) Columns() []Column { return s.columns }

// RollupColumns are the names of the columns of the rollups: the primary key, and the measures.
func (s *Schema) RollupColumns() []string {
	names := []string{"cut", "grain", "start", "who", "provider", "model", "status"}
	for _, m := range ledger.Measures() {
		names = append(names, m.String())
	}
	return names
}

// Insert is the statement that inserts some records, but none whose ID is there already. Columns go by their numbers; those that
// are not named get their defaults. Its parameters are of what Values says: the columns that the rows have in common, once, and
// for each row its own.
func (s *Schema) Insert(common, own []int, rows int) string {
	// Where a row is refused, the transaction is given up. With FAIL, the database prepares for no other way out.
	return fmt.Sprintf("INSERT OR FAIL INTO %s (%s) %s ON CONFLICT (%s) DO NOTHING",
		Records, names(chosen(s.columns, common, own)), s.source(len(common), len(own), rows), colID)
}

// source is rows of parameters: those of what is common to all, and then each row's own.
func (s *Schema) source(common, own, rows int) string {
	list := make([]string, rows)
	for i := range list {
		list[i] = "(" + s.placeholders(common+i*own+1, own) + ")"
	}
	values := "VALUES " + strings.Join(list, ", ")
	if common == 0 {
		return values
	}
	columns := []string{s.placeholders(1, common)}
	for i := range own {
		columns = append(columns, fmt.Sprintf("column%d", i+1))
	}
	return fmt.Sprintf("SELECT %s FROM (%s) WHERE true", strings.Join(columns, ", "), values) // without WHERE, ON would be of a join
}

// Replace is the statement that writes another record over the one with the same ID. Its parameters are what Values says, and
// the ID once more.
func (s *Schema) Replace() string {
	var sets []string
	for i, c := range s.columns {
		sets = append(sets, c.Name+" = "+s.dialect.Placeholder(i+1))
	}
	return fmt.Sprintf("UPDATE %s SET %s WHERE %s = %s", Records, strings.Join(sets, ", "), colID, s.dialect.Placeholder(len(s.columns)+1))
}

// SetCost is the statement that gives a record another cost. Its parameters: cost state, cost, price ID, ID.
func (s *Schema) SetCost() string {
	p := s.dialect.Placeholder
	return fmt.Sprintf("UPDATE %s SET %s = %s, %s = %s, %s = %s WHERE %s = %s", Records,
		colCostState, p(1), colCostNanoUSD, p(2), colPriceID, p(3), colID, p(4))
}

// InsertPrice is the statement that keeps a price row, once. Its parameters: ID, row.
func (s *Schema) InsertPrice() string {
	return fmt.Sprintf("INSERT INTO %s (id, row) VALUES (%s) ON CONFLICT (id) DO NOTHING", Prices, s.placeholders(1, 2))
}

// Upsert is the statement that adds rows of deltas to the rollups. Columns go by their numbers; those that are not named are 0.
// Its parameters are of what Delta.Values says: the columns that the rows have in common, once, and for each row its own.
func (s *Schema) Upsert(common, own []int, rows int) string {
	all := s.RollupColumns()
	key := strings.Join(all[:RollupKey], ", ")
	var sets []string
	for _, i := range slices.Concat(common, own) {
		if i >= RollupKey {
			sets = append(sets, fmt.Sprintf("%s = %s.%s + excluded.%s", all[i], Rollups, all[i], all[i]))
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) %s ON CONFLICT (%s) DO UPDATE SET %s", Rollups, strings.Join(chosen(all, common, own), ", "),
		s.source(len(common), len(own), rows), key, strings.Join(sets, ", "))
}

// chosen are the columns with these numbers.
func chosen[T any](columns []T, numbers ...[]int) []T {
	var some []T
	for _, n := range slices.Concat(numbers...) {
		some = append(some, columns[n])
	}
	return some
}

// placeholders are n parameters from the first on.
func (s *Schema) placeholders(first, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = s.dialect.Placeholder(first + i)
	}
	return strings.Join(all, ", ")
}

func names(columns []Column) string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.Name
	}
	return strings.Join(all, ", ")
}

// Dollar is the placeholder $1, $2, ….
func Dollar(n int) string { return "$" + strconv.Itoa(n) }

// Question is the placeholder ?, in the order of the parameters.
func Question(int) string { return "?" }
