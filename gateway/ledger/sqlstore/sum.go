package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"windhover/gateway/ledger"
	"windhover/gateway/usage"
)

// Sum answers a question from the rollups, and at the edges of its range from records. db must be one transaction, so that
// all that is read is of one moment.
//
// Three kinds of question are answered from all the records of the range, which takes seconds a million: those about a key
// and a label together, about two labels together, and about the models or providers of a key or a label by hour.
// When some of those records have expired, the error is a *ledger.ExpiredError.
//
// Groups whose sums are all 0 are left out.
func (s *Schema) Sum(ctx context.Context, db Queryer, q ledger.Question) (*ledger.Answer, error) {
	expired, err := s.expiredBefore(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("sum records: %w", err)
	}
	plan, err := planOf(q)
	if err != nil {
		return nil, err
	}
	asked, err := widen(rangeOf(q.Filter), plan.grains, expired)
	if err != nil {
		return nil, err
	}
	t := &tally{Schema: s, plan: plan, db: db, groups: map[string]*ledger.Row{}}
	for _, p := range compose(asked, plan.grains) {
		if err := t.piece(ctx, p); err != nil {
			return nil, fmt.Errorf("sum records: %w", err)
		}
	}
	return t.answer(asked), nil
}

func (s *Schema) expiredBefore(ctx context.Context, db Queryer) (int64, error) {
	rows, err := db.QueryContext(ctx, fmt.Sprintf("SELECT value FROM %s WHERE name = '%s'", State, ExpiredBefore))
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	before := int64(always)
	if rows.Next() {
		err = rows.Scan(&before)
	}
	return before, errors.Join(err, rows.Err(), rows.Close())
}

// plan is which rollups answer a question.
type plan struct {
	ledger.Question
	cut    string
	grains []Grain // none: records alone can tell

	byWho  bool     // the cut is one by key or label
	label  string   // which label; empty: the key
	who    []string // the keys or values that the filter chooses; none: all
	others bool     // records that have no key or no such label are among those asked for
}

func planOf(q ledger.Question) (plan, error) {
	p := plan{Question: q, cut: CutAll}
	labels, detail, hourly := labelValues(q.Filter), len(q.Providers) > 0 || len(q.Models) > 0, false
	byKey := len(q.Keys) > 0
	for _, d := range q.GroupBy {
		switch {
		case d == ledger.ByKey:
			byKey = true
		case d == ledger.ByProvider, d == ledger.ByModel:
			detail = true
		case d == ledger.ByHour:
			hourly = true
		case d.Label() != "":
			if _, filtered := labels[d.Label()]; !filtered {
				labels[d.Label()] = nil // all values
			}
		case d != ledger.ByStatus && d != ledger.ByDay:
			return p, fmt.Errorf("sum records: nothing is grouped by %q", d)
		}
	}
	switch {
	case byKey && len(labels) > 0, len(labels) > 1:
		return p, nil
	case byKey:
		p.byWho, p.who = true, q.Keys
	case len(labels) == 1:
		p.byWho = true
		for p.label, p.who = range labels {
		}
	}
	if p.byWho {
		p.cut = cutOf(p.label, detail)
		p.others = len(p.who) == 0 || slices.Contains(p.who, "")
	}
	p.grains = grainsOf(p.cut, p.byWho && detail)
	if hourly {
		p.grains = slices.DeleteFunc(p.grains, func(g Grain) bool { return g == Day })
	}
	return p, nil
}

// tally adds up the groups of an answer.
type tally struct {
	*Schema
	plan
	db     Queryer
	groups map[string]*ledger.Row
}

func (t *tally) piece(ctx context.Context, p piece) error {
	if p.grain == 0 {
		return t.records(ctx, p.span)
	}
	if err := t.rollups(ctx, t.cut, p); err != nil || !t.others {
		return err
	}
	return t.rollups(ctx, CutAll, p)
}

// records adds up the records of a span.
func (t *tally) records(ctx context.Context, s span) error {
	w := t.where()
	w.filter(t.Filter, s)
	rows, err := t.db.QueryContext(ctx, fmt.Sprintf("SELECT %s FROM %s%s", names(t.counted), Records, w), w.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var rec usage.Record
	for r := newReader(t.counted); rows.Next(); {
		if err := r.read(rows, &rec); err != nil {
			return err
		}
		t.add(entry{
			start: rec.Time.UnixMilli(), provider: rec.Provider, model: ledger.ModelOf(&rec), status: int64(rec.Status),
			key: rec.Key, labels: rec.Labels,
		}, ledger.SumsOf(&rec))
	}
	return errors.Join(rows.Err(), rows.Close())
}

// rollups adds up the buckets of a span in one cut. What is asked for of records that have no key or no such label is all
// of them, less those that have one.
func (t *tally) rollups(ctx context.Context, cut string, p piece) error {
	var e entry
	var who string
	var sums ledger.Sums
	columns, to := t.grouping(cut, &e, &who)
	groupBy := ""
	if len(columns) > 0 {
		groupBy = " GROUP BY " + strings.Join(columns, ", ")
	}
	for _, m := range ledger.Measures() {
		columns = append(columns, fmt.Sprintf("CAST(coalesce(sum(%s), 0) AS BIGINT)", m))
		to = append(to, &sums[m])
	}
	w := t.where()
	w.add("cut = %s AND grain = %s", w.arg(cut), w.arg(int64(p.grain)))
	w.within("start", p.span)
	w.in("provider", anys(t.Providers))
	w.in("model", anys(t.Models))
	w.in("status", anys(t.Statuses))
	if cut != CutAll && !t.others {
		w.in("who", anys(t.who))
	}
	rows, err := t.db.QueryContext(ctx, fmt.Sprintf("SELECT %s FROM %s%s%s", strings.Join(columns, ", "), Rollups, w, groupBy), w.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return err
		}
		t.addWho(e, who, sums)
	}
	return errors.Join(rows.Err(), rows.Close())
}

// grouping is the columns of the rollups that a question needs to tell apart, and where they go.
func (t *tally) grouping(cut string, e *entry, who *string) (columns []string, to []any) {
	need := func(column string, at any) {
		if !slices.Contains(columns, column) {
			columns, to = append(columns, column), append(to, at)
		}
	}
	if cut != CutAll && t.others {
		need("who", who)
	}
	for _, d := range t.GroupBy {
		switch d {
		case ledger.ByProvider:
			need("provider", &e.provider)
		case ledger.ByModel:
			need("model", &e.model)
		case ledger.ByStatus:
			need("status", &e.status)
		case ledger.ByHour, ledger.ByDay:
			need("start", &e.start)
		default:
			if cut != CutAll {
				need("who", who)
			}
		}
	}
	return columns, to
}

// addWho adds the sums of a key, of a label's value, or of all.
func (t *tally) addWho(e entry, who string, sums ledger.Sums) {
	if t.others && who != "" {
		var less ledger.Sums
		less.Sub(sums)
		t.add(e, less)
		if len(t.who) > 0 && !slices.Contains(t.who, who) {
			return
		}
	}
	if t.label == "" {
		e.key = who
	} else {
		e.labels = map[string]string{t.label: who}
	}
	t.add(e, sums)
}

// entry is what sums are grouped by.
type entry struct {
	start           int64
	provider, model string
	status          int64
	key             string
	labels          map[string]string
}

func (t *tally) add(e entry, sums ledger.Sums) {
	group := make([]string, len(t.GroupBy))
	for i, d := range t.GroupBy {
		group[i] = e.text(d)
	}
	name := strings.Join(group, "\x00")
	row := t.groups[name]
	if row == nil {
		row = &ledger.Row{Group: group}
		t.groups[name] = row
	}
	row.Sums.Add(sums)
}

// text is the entry's value in a dimension.
func (e entry) text(d ledger.Dimension) string {
	switch d {
	case ledger.ByProvider:
		return e.provider
	case ledger.ByModel:
		return e.model
	case ledger.ByStatus:
		return strconv.FormatInt(e.status, 10)
	case ledger.ByKey:
		return e.key
	case ledger.ByHour:
		return time.UnixMilli(Hour.Floor(e.start)).UTC().Format(time.RFC3339)
	case ledger.ByDay:
		return time.UnixMilli(Day.Floor(e.start)).UTC().Format(time.RFC3339)
	}
	return e.labels[d.Label()]
}

func (t *tally) answer(asked span) *ledger.Answer {
	a := &ledger.Answer{From: timeOf(asked.from), To: timeOf(asked.to)}
	for _, row := range t.groups {
		if row.Sums != (ledger.Sums{}) {
			a.Rows = append(a.Rows, *row)
			a.Total.Add(row.Sums)
		}
	}
	if len(t.GroupBy) == 0 && len(a.Rows) == 0 {
		a.Rows = []ledger.Row{{Group: []string{}}}
	}
	slices.SortFunc(a.Rows, t.compare)
	return a
}

// compare orders rows by time, if they are grouped by it, by cost, and by group.
func (t *tally) compare(a, b ledger.Row) int {
	for i, d := range t.GroupBy {
		if d == ledger.ByHour || d == ledger.ByDay {
			if c := cmp.Compare(a.Group[i], b.Group[i]); c != 0 {
				return c
			}
		}
	}
	return cmp.Or(cmp.Compare(b.Sums[ledger.CostNanoUSD], a.Sums[ledger.CostNanoUSD]), slices.Compare(a.Group, b.Group))
}
