// Package ledger keeps records: a queue that never holds up a request, a spool for when the store fails, and what is asked of
// the store.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"windhover/gateway/usage"
)

// Store is where records are kept for good. It is used by one writer, and by any number of readers beside it.
type Store interface {
	Reader

	// Write keeps a batch, its price rows and its share of the rollups in one transaction. It is idempotent: a record whose
	// ID is there already changes nothing, unless the one that is there is a checkpoint, which a final record replaces, and
	// so does a checkpoint of a longer Duration. An error means that nothing of the batch was kept, or that nobody can know,
	// as when a connection broke in the commit; the batch may be written again, here or from the spool.
	Write(ctx context.Context, batch []*usage.Record) error

	// Reprice gives records another cost, in one transaction with the rollups. Records that are not there any more are
	// passed over.
	Reprice(ctx context.Context, changes []Repriced) error

	// Expire deletes some of the records that began before a time, and of their finest rollups, in whole days, UTC; totals
	// by hour and day stay. It reports whether more are left, so that it never holds the store for long.
	Expire(ctx context.Context, before time.Time) (more bool, err error)

	Close() error
}

// Reader answers questions about what a store keeps.
type Reader interface {
	// Sum adds up what a question chooses. The error is an *ExpiredError if records are needed that have expired, and
	// ErrTooManyRows if that makes more rows than the question allows.
	Sum(ctx context.Context, q Question) (*Answer, error)

	// Scan hands the records that a filter chooses to yield, the newest first, from behind the cursor on, until yield says
	// no. A record is yield's own.
	Scan(ctx context.Context, f Filter, after Cursor, yield func(*usage.Record) bool) error

	// Record is the record of that ID, its Price with the row. The error is ErrNotFound if there is none.
	Record(ctx context.Context, id string) (*usage.Record, error)
}

// The errors of readers that are about the question, and not about the store.
var (
	ErrNotFound    = errors.New("no such record")               // no record has the ID
	ErrTooManyRows = errors.New("the answer has too many rows") // more than the question allows
)

// ExpiredError says that a question needs records that have expired: it combines what no rollup tells apart, as a key with a
// label, or hours with the models of one key.
type ExpiredError struct{ Before time.Time }

func (e *ExpiredError) Error() string {
	return fmt.Sprintf("records before %s have expired, and totals by hour and day cannot tell this; ask from then on, or group and filter by less",
		e.Before.Format(time.RFC3339))
}

// Repriced is a record's new cost. Price comes with its row.
type Repriced struct {
	ID          string
	CostState   usage.CostState
	CostNanoUSD int64
	Price       *usage.Price
}

// Cursor is a place in the order of records, newest first: behind the record of that time and ID. The zero Cursor is the beginning.
type Cursor struct {
	Time time.Time
	ID   string
}
