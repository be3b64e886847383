package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Ledger is how the ledger does at the moment, in numbers.
type Ledger struct {
	State      string // one of Sources.LedgerStates
	Queued     int64  // records that wait to be taken up
	QueueRoom  int64  // how many may
	Held       int64  // records that wait in memory, because they could be written nowhere
	SpoolBytes int64  // of records that wait on disk for the store

	// These are counted since the start.
	Written int64 // records that the store has committed
	Spooled int64 // records that went to disk in its place
	Dropped int64 // records that are lost
	Damaged int64 // pieces of the spool that were no records
}

// ledgerMetrics ask the ledger at each scrape. While there is none, it has no metrics: that nothing is lost would not be true of it.
type ledgerMetrics struct {
	ledger func() Ledger // nil: there is none
	states []string

	state, queued, queueRoom, held, spoolBytes, written, spooled, dropped, damaged *prometheus.Desc
}

func newLedgerMetrics(ledger func() Ledger, states []string) ledgerMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("windhover_ledger_"+name, help, labels, nil)
	}
	return ledgerMetrics{
		ledger: ledger, states: states,
		state:      desc("state", "How records reach the store: 1 for the state that the ledger is in, 0 for every other.", "state"),
		queued:     desc("queue_records", "Records that wait in memory for the ledger to take them up."),
		queueRoom:  desc("queue_capacity_records", "How many records may wait there; beyond it they are dropped."),
		held:       desc("held_records", "Records that wait in memory because neither the store nor the spool takes them."),
		spoolBytes: desc("spool_bytes", "Size of the spool: of records that wait on disk for the store."),
		written:    desc("written_records_total", "Records that the store has committed; one that came twice is kept once."),
		spooled:    desc("spooled_records_total", "Records that went to the spool because the store did not take them at once."),
		dropped:    desc("dropped_records_total", "Records that are lost to the ledger."),
		damaged:    desc("damaged_records_total", "Lines of the spool that were no records: a process was killed, or its disk filled, while it wrote them."),
	}
}

func (m ledgerMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.state, m.queued, m.queueRoom, m.held, m.spoolBytes, m.written, m.spooled, m.dropped, m.damaged} {
		to <- d
	}
}

func (m ledgerMetrics) Collect(to chan<- prometheus.Metric) {
	if m.ledger == nil {
		return
	}
	l := m.ledger()
	for _, state := range m.states {
		in := 0.0
		if state == l.State {
			in = 1
		}
		to <- prometheus.MustNewConstMetric(m.state, prometheus.GaugeValue, in, state)
	}
	gauge := func(d *prometheus.Desc, n int64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
	gauge(m.queued, l.Queued)
	gauge(m.queueRoom, l.QueueRoom)
	gauge(m.held, l.Held)
	gauge(m.spoolBytes, l.SpoolBytes)
	counter := func(d *prometheus.Desc, n int64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
	}
	counter(m.written, l.Written)
	counter(m.spooled, l.Spooled)
	counter(m.dropped, l.Dropped)
	counter(m.damaged, l.Damaged)
}
