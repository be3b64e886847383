package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"windhover/gateway/usage"
)

// Several are the records of some IDs, those that are there, in the order of their IDs. What is behind goes to the end of the
// query, as FOR UPDATE does.
func (s *Schema) Several(ctx context.Context, db Queryer, ids []string, behind string) ([]*usage.Record, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = EncodeID(id)
	}
	query := fmt.Sprintf("SELECT %s FROM %s WHERE %s IN (%s) ORDER BY %s %s",
		names(s.columns), Records, colID, s.placeholders(1, len(ids)), colID, behind)
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("find records: %w", err)
	}
	defer rows.Close()
	var records []*usage.Record
	for r := newReader(s.columns); rows.Next(); {
		rec := new(usage.Record)
		if err := r.read(rows, rec); err != nil {
			return nil, fmt.Errorf("find records: %w", err)
		}
		records = append(records, rec)
	}
	return records, errors.Join(rows.Err(), rows.Close())
}
