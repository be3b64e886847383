package usageapi

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"windhover/gateway/ledger"
)

func TestMistakesInAQuestionSayWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"sinc=24h":                               "sinc: there is no such parameter; did you mean since?",
		"groupby=model":                          "groupby: there is no such parameter; did you mean group_by?",
		"zone=UTC&since=7d":                      "zone: there is no such parameter; there are group_by, since, until, from, to, provider, model, key, status, label.NAME",
		"label=search":                           "label: there is no such parameter; there are group_by, since, until, from, to, provider, model, key, status, label.NAME",
		"label.=search":                          "label.: it names no label; write it as label.team=search",
		"since=24":                               `since: "24" has no unit; write it as in 24h or 24d`,
		"since=yesterday":                        `since: "yesterday" is no time; write it as in 2026-11-24, 2026-11-24T10:00:00Z, or 24h or 7d for that long ago`,
		"since=":                                 `since: "" is no time; write it as in 2026-11-24, 2026-11-24T10:00:00Z, or 24h or 7d for that long ago`,
		"since=-24h":                             `since: "-24h" is no time; write it as in 2026-11-24, 2026-11-24T10:00:00Z, or 24h or 7d for that long ago`,
		"since=2026-11-31":                       `since: "2026-11-31" is no time; write it as in 2026-11-24, 2026-11-24T10:00:00Z, or 24h or 7d for that long ago`,
		"until=32000d2000000h":                   `until: "32000d2000000h" is more than a hundred years`,
		"since=40000d":                           `since: "40000d" is no time; write it as in 2026-11-24, 2026-11-24T10:00:00Z, or 24h or 7d for that long ago`,
		"since=1h&until=2h":                      "since: the range is empty: 2026-11-24T11:00:00Z is not before its end, 2026-11-24T10:00:00Z, which is not in it",
		"from=2026-11-20&to=2026-11-20":          "from: the range is empty: 2026-11-20T00:00:00Z is not before its end, 2026-11-20T00:00:00Z, which is not in it",
		"since=1h&from=2h":                       "from: it means the same as since; give one of them",
		"since=1h&since=2h":                      "since: it is given 2 times; give it once",
		"group_by=modle":                         `group_by: "modle" is no dimension; did you mean model?`,
		"group_by=team":                          `group_by: "team" is no dimension; there are provider, model, key, status, hour, day, and label:NAME`,
		"group_by=model,key,model":               "group_by: model is named twice",
		"group_by=model,":                        "group_by: a value between its commas is empty; give the parameter once more, without a value, to choose what has none",
		"group_by=model,key,hour,day,status":     "group_by: it names 5 dimensions; at most 4 can be combined",
		"group_by=label:":                        `group_by: "label:" is no dimension; there are provider, model, key, status, hour, day, and label:NAME`,
		"status=2xx":                             `status: "2xx" is no status; write it as in 200 or 429, and 0 for what got no answer`,
		"status=1000":                            `status: "1000" is no status; write it as in 200 or 429, and 0 for what got no answer`,
		`model=a\`:                               `model: a backslash at its end stands before nothing; write \\ for one that is meant`,
		"key=" + strings.Repeat("a,", 100) + "a": "key: it has 101 values; at most 100 can be chosen at once",
		"label.a=" + strings.Repeat("a,", 59) + "a&label.b=" + strings.Repeat("a,", 59) + "a": "label.NAME: there are 120 values of labels; at most 100 can be chosen at once",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParseQuestion(values, noon)
		var parameter *ParameterError
		if !errors.As(err, &parameter) || err.Error() != want {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
}

func TestQuestionIsReadFromItsParameters(t *testing.T) {
	t.Parallel()
	values, err := url.ParseQuery("since=2026-11-20&until=2026-11-24T10:00:00%2B02:00&group_by=model,label:Team&group_by=hour" +
		"&provider=openai,anthropic&provider=&model=a\\,b,c\\\\d,e\\f&key=&status=200,0&label.Team=search&label.env=a,b")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseQuestion(values, noon)
	want := ledger.Question{
		Filter: ledger.Filter{
			From: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC),
			Providers: []string{"openai", "anthropic", ""}, Models: []string{"a,b", `c\d`, `e\f`}, Keys: []string{""}, Statuses: []int{200, 0},
			Labels: []ledger.Label{{Name: "team", Value: "search"}, {Name: "env", Value: "a"}, {Name: "env", Value: "b"}},
		},
		GroupBy: []ledger.Dimension{ledger.ByModel, ledger.ByLabel("team"), ledger.ByHour},
		MaxRows: maxRows,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("question = %+v, %v, want\n%+v", got, err, want)
	}
}

func TestRangeIsHalfOpenInWholeMilliseconds(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	at := time.Date(2026, 11, 24, 12, 0, 0, 1, time.UTC) // a nanosecond past noon: what began at noon is over
	next := noon.Add(time.Millisecond)
	for query, want := range map[string]span{
		"":                                     {next.Add(-day), next},
		"since=90m":                            {next.Add(-90 * time.Minute), next},
		"since=1d12h":                          {next.Add(-36 * time.Hour), next},
		"since=7d&until=now":                   {next.Add(-7 * day), next},
		"until=2026-11-01":                     {time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)},
		"from=2026-11-24T00:00:00.0001Z&to=1h": {time.Date(2026, 11, 24, 0, 0, 0, 1e6, time.UTC), next.Add(-time.Hour)},
		"since=2026-11-24T01:00:00+05:30":      {time.Date(2026, 11, 23, 19, 30, 0, 0, time.UTC), next}, // its + not encoded
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseSpan(values, at)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", query, got, err, want)
		}
	}
}

func FuzzQuestion(f *testing.F) {
	f.Add("since=1d12h&group_by=model,label:x&label.team=a,b\\,c&status=200")
	f.Add("from=2026-11-24T01:00:00 05:30&to=now&key=")
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		q, err := ParseQuestion(values, noon)
		var parameter *ParameterError
		switch {
		case err != nil && !errors.As(err, &parameter):
			t.Errorf("%q: %v, which names no parameter", query, err)
		case err == nil && !q.From.Before(q.To):
			t.Errorf("%q: a range from %v to %v", query, q.From, q.To)
		case err == nil && (!q.From.Equal(q.From.Truncate(time.Millisecond)) || !q.To.Equal(q.To.Truncate(time.Millisecond))):
			t.Errorf("%q: a range from %v to %v, between milliseconds", query, q.From, q.To)
		}
	})
}
