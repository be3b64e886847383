package sqlstore

import "windhover/gateway/usage"

// Replaces reports whether a record takes the place of one with the same ID that is there: that one is a checkpoint, and not a
// later one, as may be when a spool is read again.
func Replaces(rec, there *usage.Record) bool {
	return there.Checkpoint && (!rec.Checkpoint || rec.Duration > there.Duration)
}

// Distinct is a batch with at most one record of each ID: the one that would be there in the end, were they written one by one.
func Distinct(batch []*usage.Record) []*usage.Record {
	at := make(map[string]int, len(batch))
	distinct := make([]*usage.Record, 0, len(batch))
	for _, rec := range batch {
		i, there := at[rec.ID]
		switch {
		case !there:
			at[rec.ID] = len(distinct)
			distinct = append(distinct, rec)
		case Replaces(rec, distinct[i]):
			distinct[i] = rec
		}
	}
	return distinct
}
