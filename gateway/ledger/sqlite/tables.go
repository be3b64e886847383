package sqlite

import (
	"slices"

	"windhover/gateway/ledger/sqlstore"
)

func recordTable(schema *sqlstore.Schema) table {
	columns := schema.Columns()
	named := func(names ...string) (set columnSet) {
		for i, c := range columns {
			if slices.Contains(names, c.Name) {
				set.add(i)
			}
		}
		return set
	}
	// What the records of one gateway often have in common, what those of one client that asks for one model do, and what most
	// answers report as 0, if at all.
	gateway := named("attempt", "final", "status", "cost_state", "usage_state", "client", "method", "path", "stream", "ended", "stream_usage", "revision")
	client := named("provider", "model", "request_model", "key", "labels", "price_id", "service_tier", "region")
	zeros := named("cache_read_audio_tokens", "cache_read_image_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "input_audio_tokens",
		"output_audio_tokens", "input_image_tokens", "output_image_tokens", "input_video_tokens", "output_video_tokens")
	return table{
		columns: len(columns),
		insert:  schema.Insert,
		usual:   func(i int, v any) bool { return v == nil || columns[i].Required && v == int64(0) },
		alike:   []columnSet{gateway.or(client).or(zeros), gateway.or(client), gateway.or(zeros), gateway},
		undo:    "DELETE FROM records WHERE rowid > ?",
	}
}

func rollupTable(schema *sqlstore.Schema) table {
	return table{
		columns: len(schema.RollupColumns()),
		insert:  schema.Upsert,
		usual:   func(i int, v any) bool { return i >= sqlstore.RollupKey && v == int64(0) },
		alike:   []columnSet{allColumns(3)}, // cut, grain, start
	}
}
