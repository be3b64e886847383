package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"windhover/gateway/usage"
)

const (
	// queueRecords may wait for the collector, which waits for nothing but the spool's disk: a second and a half of the
	// most that one gateway serves.
	queueRecords = 16 << 10

	// A batch goes to the store when it has batchRecords, or when it is so old that it will be batchAge old once it is
	// committed, which takes commitTime for each record on a busy machine.
	batchRecords = 1000
	batchAge     = 60 * time.Millisecond
	commitTime   = 50 * time.Microsecond

	// intakeRecords are taken from the spool at a time. They are safe there, and the more of them share a row of the rollups,
	// the less each costs; but whoever asks for a job waits for them, a quarter of a second on a busy machine.
	intakeRecords = 4 * batchRecords

	// commitAge is how old a batch in flight may become until the store has committed it; then the spool gets it. With what
	// writing the spool takes, a process that is killed loses no record that is older than a tenth of a second.
	commitAge = 90 * time.Millisecond

	// callTimeout bounds a call of the store, so that one whose network swallows everything is tried again.
	callTimeout = 30 * time.Second

	firstBackoff, lastBackoff = time.Second, 5 * time.Second

	// lookEvery is how often it is looked whether the lock is free, whether others left segments, and whether the store's
	// file is still the one that is open. It is also how often a gateway that waits for the lock closes a segment.
	lookEvery = time.Second

	// shipEvery is how often the spool is taken in where it comes first.
	shipEvery = 500 * time.Millisecond

	expireEvery = time.Hour
	expireFirst = time.Minute // after the start, which has better things to do

	defaultSpoolLimit = 4 << 30
)

// Options are what a ledger is started with. Open and Folder must be given.
type Options struct {
	// Open opens the store, and brings it up to date. It is called again after the store has failed.
	Open func(ctx context.Context) (Store, error)
	// OpenReader opens the store to be read where another gateway writes it, or where it cannot be written. Without it,
	// questions are not answered then.
	OpenReader func(ctx context.Context) (ReadCloser, error)
	// Folder is the data folder: it holds the spool, and the lock of whoever writes the store. It is made if it is not there.
	Folder string
	// File is the store's file. If it is removed, or another takes its place, the store is opened again. Empty: it has none.
	File string
	// SpoolFirst is for a store that is elsewhere and that several gateways write: it needs no lock, and every batch goes
	// to the spool first, so that none is lost whatever becomes of the network.
	SpoolFirst bool
	// SpoolLimit is how many bytes all segments of the spool may have; 4 GiB by default.
	SpoolLimit int64
	// Retention is how long records are kept; 0: for ever.
	Retention time.Duration
	// Logger is where it logs; slog.Default() by default.
	Logger *slog.Logger
}

// ReadCloser is a reader that is closed after use.
type ReadCloser interface {
	Reader
	Close() error
}

// Ledger brings records to a store. It takes each record at once, and never fails: what the store does not take soon goes
// to the spool, what the spool does not take waits in memory, and what has no room there either is counted.
//
// Two goroutines do the work. The collector gathers records to batches, and waits for nobody but the spool's disk. The writer
// alone calls the store, one call at a time.
//
// A nil Ledger keeps nothing.
type Ledger struct {
	options   Options
	logger    *slog.Logger
	spool     *spool
	condition condition
	reading   reading

	queue     *queue
	flights   chan *flight // from the collector to the writer: at most one
	fellBack  chan struct{}
	jobs      chan job
	closing   chan struct{} // Close was called
	collected chan struct{} // the collector has ended: nothing more will come
	ended     chan struct{} // the writer has
	calls     context.Context
	cancel    context.CancelFunc // gives calls of the store up

	closeOnce sync.Once
	closed    atomic.Bool
	written   atomic.Int64
	dropped   atomic.Int64 // by the queue
}

// Start starts a ledger. Whatever is wrong with the folder or the store is logged, shown by Status, and tried again; it
// neither delays nor ends the program.
func Start(o Options) *Ledger {
	o.SpoolLimit = cmp.Or(o.SpoolLimit, defaultSpoolLimit)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	l := &Ledger{
		options:   o,
		logger:    o.Logger,
		spool:     newSpool(o),
		condition: condition{state: Starting, since: time.Now()},
		queue:     newQueue(),
		flights:   make(chan *flight, 1),
		fellBack:  make(chan struct{}, 1),
		jobs:      make(chan job),
		closing:   make(chan struct{}),
		collected: make(chan struct{}),
		ended:     make(chan struct{}),
	}
	l.calls, l.cancel = context.WithCancel(context.Background())
	go l.collect()
	go l.write()
	return l
}

// Add takes a record, which must not change any more. It never waits and never fails: a record for which there is no room is counted.
func (l *Ledger) Add(r *usage.Record) {
	if l == nil {
		return
	}
	if l.closed.Load() {
		l.dropped.Add(1)
		return
	}
	if !l.queue.put(r) {
		l.dropped.Add(1)
	}
}

// Close brings all records that were added to the store, or where that does not take them in time, to the spool. When ctx
// ends, it gives the store up. It logs what is lost, or left for the next start.
func (l *Ledger) Close(ctx context.Context) {
	if l == nil {
		return
	}
	l.closeOnce.Do(func() {
		l.closed.Store(true)
		close(l.closing)
	})
	select {
	case <-l.ended:
	case <-ctx.Done():
		l.cancel()
		select {
		case <-l.ended:
		case <-time.After(lookEvery): // a store that does not heed its context
		}
	}
	l.cancel()
	beside, _ := l.queue.waiting() // what was added while it closed
	l.dropped.Add(int64(beside))
	l.reading.close()
	l.sayWhatIsLeft()
}

func (l *Ledger) sayWhatIsLeft() {
	s := l.Status()
	if lost := s.Dropped + int64(s.Held); lost > 0 {
		l.logger.Error("records were lost, because neither the ledger nor its spool could take them", "lost", lost)
	}
	if s.SpoolBytes > 0 && s.State != Waiting { // what waits for another gateway is not left
		l.logger.Warn("records are left in the spool; the next gateway with this data folder takes them in", "spool", l.spool.folder, "bytes", s.SpoolBytes)
	}
}

// job is work for the writer.
type job struct {
	ctx  context.Context
	do   func(context.Context, Store) error
	done chan error
}

// Do runs f with the store, between two batches: the store has one writer at a time. What takes long should call Do several
// times; the records that come meanwhile go to the spool. The error is f's, or says why the store cannot be written here.
func (l *Ledger) Do(ctx context.Context, f func(ctx context.Context, s Store) error) error {
	if l == nil {
		return errNone
	}
	j := job{ctx, f, make(chan error, 1)}
	select {
	case l.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ended:
		return errClosed
	}
	return <-j.done
}

// Why there is no store to be had for ever.
var (
	errClosed = errors.New("the ledger is closed")
	errNone   = errors.New("no ledger is kept; name a folder for it with --data")
)

// Reader is what answers questions. The error says why nothing does at the moment. A reader must not be kept: it may be
// closed when the store is opened again.
func (l *Ledger) Reader() (Reader, error) {
	if l == nil {
		return nil, errNone
	}
	if s := l.reading.current(); s != nil {
		return s, nil
	}
	return nil, l.unavailable()
}

// unavailable says why there is no store.
func (l *Ledger) unavailable() error {
	state, reason := l.condition.now()
	switch {
	case state == Starting:
		return errors.New("the ledger is not open yet; ask again in a moment")
	case reason != nil:
		return fmt.Errorf("the ledger cannot be used: %w", reason)
	}
	return errClosed
}
