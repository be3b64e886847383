package telemetry

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"windhover/gateway/usage"
)

// gaps is a histogram that takes the counts of a whole answer at once. One that is observed value by value would cost every
// piece of every stream a lock's worth of time.
type gaps struct {
	desc       *prometheus.Desc
	byProvider sync.Map // of name: *gapCounts
}

// gapCounts are added to without a lock. A scrape in the middle sees a sum that is a few answers ahead of the counts.
type gapCounts struct {
	counts [len(usage.Gaps{}.Counts)]atomic.Uint64
	nanos  atomic.Int64
}

func newGaps() *gaps {
	return &gaps{desc: prometheus.NewDesc("windhover_chunk_gap_seconds",
		"Time between two pieces of one streamed answer, as the client got them.", []string{"provider"}, nil)}
}

func (g *gaps) add(provider string, found *usage.Gaps) {
	counts, known := g.byProvider.Load(provider)
	if !known {
		counts, _ = g.byProvider.LoadOrStore(provider, new(gapCounts))
	}
	c := counts.(*gapCounts)
	c.nanos.Add(int64(found.Sum))
	for i, n := range found.Counts {
		if n > 0 {
			c.counts[i].Add(uint64(n))
		}
	}
}

func (g *gaps) Describe(to chan<- *prometheus.Desc) { to <- g.desc }

func (g *gaps) Collect(to chan<- prometheus.Metric) {
	for provider, counts := range g.byProvider.Range {
		to <- gapMetric{g.desc, provider.(string), counts.(*gapCounts)}
	}
}

// gapMetric is the histogram of one provider: classic for everybody, native for those who scrape it so. Its buckets are
// made for both.
type gapMetric struct {
	desc     *prometheus.Desc
	provider string
	counts   *gapCounts
}

func (m gapMetric) Desc() *prometheus.Desc { return m.desc }

func (m gapMetric) Write(to *dto.Metric) error {
	h := &dto.Histogram{
		SampleSum:     ptr(float64(m.counts.nanos.Load()) / 1e9),
		Schema:        ptr(int32(usage.GapSchema)),
		ZeroThreshold: ptr(math.Exp2(usage.MinGapIndex / 2)),
		PositiveSpan:  []*dto.BucketSpan{{Offset: ptr(int32(usage.MinGapIndex + 1)), Length: ptr(uint32(len(m.counts.counts) - 1))}},
	}
	total, before := uint64(0), uint64(0)
	for i := range m.counts.counts {
		n := m.counts.counts[i].Load()
		total += n
		if i == 0 {
			h.ZeroCount = &n // it has no lower bound
		} else {
			h.PositiveDelta = append(h.PositiveDelta, int64(n)-int64(before))
			before = n
		}
		if index := usage.MinGapIndex + i; index%2 == 0 {
			h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: ptr(math.Exp2(float64(index) / 2)), CumulativeCount: ptr(total)})
		}
	}
	h.SampleCount = &total
	to.Histogram = h
	to.Label = []*dto.LabelPair{{Name: ptr("provider"), Value: &m.provider}}
	return nil
}

func ptr[T any](v T) *T { return &v }
