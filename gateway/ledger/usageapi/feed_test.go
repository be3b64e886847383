package usageapi

import (
	"testing"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

func TestFeedGivesEachListenerWhatItsFilterChooses(t *testing.T) {
	t.Parallel()
	var f Feed
	f.Publish(made(0, time.Hour, nil)) // nobody listens
	all, some := f.listen(ledger.Filter{}), f.listen(ledger.Filter{Providers: []string{"anthropic"}})
	first := made(1, time.Hour, nil)
	second := made(2, time.Hour, func(r *usage.Record) { r.Provider = "anthropic" })
	f.Publish(first)
	f.Publish(made(3, time.Hour, func(r *usage.Record) { r.Checkpoint = true })) // not finished
	f.Publish(second)
	if len(all.records) != 2 || <-all.records != first || <-all.records != second {
		t.Error("who listens to all did not get both")
	}
	if len(some.records) != 1 || <-some.records != second {
		t.Error("who listens to one provider did not get its record alone")
	}
	f.leave(all)
	f.Publish(first)
	if len(all.records) != 0 {
		t.Error("who has left got another record")
	}
}

func TestFeedWaitsForNobodyAndCountsWhatIsLost(t *testing.T) {
	t.Parallel()
	var f Feed
	l := f.listen(ledger.Filter{})
	for i := range listenerBuffer + 3 {
		f.Publish(made(i, time.Hour, nil))
	}
	if got := string(l.losses()); len(l.records) != listenerBuffer || got != "event: dropped\ndata: {\"records\":3}\n\n" {
		t.Errorf("%d records wait, and %q are told to be lost, want %d, and 3", len(l.records), got, listenerBuffer)
	}
	if got := l.losses(); got != nil {
		t.Errorf("losses are told again: %q", got)
	}
}

func TestFeedBoundsItsListeners(t *testing.T) {
	t.Parallel()
	var f Feed
	first := f.listen(ledger.Filter{})
	for range maxListeners - 1 {
		if f.listen(ledger.Filter{}) == nil {
			t.Fatal("a listener was refused too early")
		}
	}
	if f.listen(ledger.Filter{}) != nil {
		t.Errorf("more than %d listen", maxListeners)
	}
	f.leave(first)
	if f.listen(ledger.Filter{}) == nil {
		t.Error("the place of who has left was not given to another")
	}
}

func TestFeedThatIsClosedEndsForAll(t *testing.T) {
	t.Parallel()
	var f Feed
	early := f.listen(ledger.Filter{})
	f.Close()
	f.Close()
	late := f.listen(ledger.Filter{})
	<-early.ended
	<-late.ended
	f.Publish(made(1, time.Hour, nil))
	f.leave(early)
	f.leave(late)
	if len(early.records)+len(late.records) > 0 {
		t.Error("a closed feed hands records on")
	}
}

func BenchmarkPublishToNobody(b *testing.B) {
	var f Feed
	r := made(1, time.Hour, nil)
	b.ReportAllocs()
	for b.Loop() {
		f.Publish(r)
	}
}

func BenchmarkPublishToSlowListeners(b *testing.B) {
	var f Feed
	for range maxListeners {
		f.listen(ledger.Filter{Providers: []string{"openai"}})
	}
	r := made(1, time.Hour, nil)
	b.ReportAllocs()
	for b.Loop() {
		f.Publish(r)
	}
}
