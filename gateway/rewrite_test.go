package gateway

import (
	"slices"
	"strings"
	"testing"

	"windhover/config"
)

// rewriting is a file with one provider that leads to the address, with these lines in it.
func rewriting(address, lines string) string {
	return "version: 1\nproviders:\n  up:\n    path: /{region}/*\n    upstream: http://" + address + "\n" + lines
}

func TestHeaderIsRemovedThenDefaultedThenSet(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, rewriting(up.addr, `    request:
      headers:
        remove: [X-Gone, X-Glob-*, '*-Tail', X-*-Mid-*, x-lower, X-Back, Te]
        default: {X-Given: default, X-Absent: default, X-Back: default, X-Empty: default, X-Listed: default}
        set:
          X-Set: 'v1'
          X-Region: '{region}'
          X-Choice: '{region == "eu" ? "europe" : "elsewhere"}'
          X-Copy: 'a {header("x-source")} b {query("k")} c'
          X-Absent-Copy: '{header("X-Nowhere")}'
          X-Braces: '{{"a": 1}'
`))
	g.ask(t, "GET /up/eu/v1?k=%C3%A9+x&k=2 HTTP/1.1\r\nHost: g\r\nConnection: close, X-Listed\r\nTE: trailers\r\n"+lines([]string{
		"X-Gone: 1", "X-Gone: 2", "X-Glob-: 1", "X-Glob-A: 1", "x-glob-b-c: 1", "X-Globe: kept", "A-Tail: 1", "X-A-Mid-B: 1", "X-Mid-B: kept", "X-Lower: 1", "X-Back: client",
		"X-Given: client", "X-Empty: ", "X-Listed: client", "X-Set: client", "X-Set: twice", "X-Region: client", "X-Absent-Copy: client", "X-Source: s", "User-Agent: u",
	})+"\r\n")
	compareFields(t, "request", up.lastRequest(t).endToEndFields(), foldNames([]string{
		"User-Agent: u", "X-Globe: kept", "X-Mid-B: kept", "X-Source: s",
		"X-Given: client", "X-Absent: default", "X-Back: default", "X-Empty: ", "X-Listed: default",
		"X-Set: v1", "X-Region: eu", "X-Choice: europe", "X-Copy: a s b é x c", `X-Braces: {"a": 1}`,
	}))
}

func TestAnswerHeaderIsRemovedThenSet(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nX-Internal-A: 1\r\nX-Kept: 1\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n")
	g := start(t, rewriting(up.addr, `    response:
      headers:
        remove: [Set-Cookie, X-Internal-*]
        set: {Server: 'up in {region}', X-Asked: '{header("X-Mine")}', X-Broken: '{query("k")}'}
`))
	res := g.ask(t, "GET /up/eu/v1?k=%0d%0aX-Evil:1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\nX-Mine: 7\r\n\r\n")
	compareFields(t, "answer", res.endToEndFields(), []string{"server: up in eu", "x-asked: 7", "x-kept: 1"})
}

// What a query edit does not name stays byte for byte, empty pairs and what cannot be decoded included.
func TestQueryEditKeepsTheRest(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, rewriting(up.addr, `    request:
      query:
        remove: [key, tmp_*, '*_x']
        set: {api-version: '{region} 1', 'a b': '{query("copy")}'}
`))
	for query, want := range map[string]string{
		"":                              "?api-version=eu+1",
		"?":                             "?api-version=eu+1",
		"?b=2&a=1&b=1":                  "?b=2&a=1&b=1&api-version=eu+1",
		"?key=secret&b=%7e%7E&c=d;e|f":  "?b=%7e%7E&c=d;e|f&api-version=eu+1",
		"?a=1&&b&=&%zz=%&key&KEY=1&":    "?a=1&&b&=&%zz=%&KEY=1&&api-version=eu+1",
		"?k%65y=1&ke%79=2&key=3&x":      "?x&api-version=eu+1",
		"?api-version=old&x=1":          "?x=1&api-version=eu+1",
		"?tmp_=1&tmp_a=1&Tmp_a=1&a_x=1": "?Tmp_a=1&api-version=eu+1",
		"?copy=a%26b%3D%2b&a+b=1":       "?copy=a%26b%3D%2b&a+b=a%26b%3D%2B&api-version=eu+1",
	} {
		g.ask(t, "GET /up/eu/v1"+query+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		if got := up.lastRequest(t).line; got != "GET /v1"+want+" HTTP/1.1" {
			t.Errorf("%q becomes %q, want %q", query, got, want)
		}
	}
}

func TestQueryWithNothingLeftHasNoQuestionMark(t *testing.T) {
	t.Parallel()
	w := rewrite{removeQuery: queryNames(texts("key"))}
	for query, want := range map[target]target{
		{query: "key=1", asks: true}:         {},
		{query: "", asks: true}:              {asks: true},
		{query: "", asks: false}:             {},
		{query: "a=1&key=2", asks: true}:     {query: "a=1", asks: true},
		{query: "key=2&&key=3", asks: true}:  {},
		{query: "key=2&&&key=3", asks: true}: {query: "&", asks: true},
	} {
		if got, err := w.query(query, new(scope)); err != nil || got != want {
			t.Errorf("query(%+v) = %+v, %v, want %+v", query, got, err, want)
		}
	}
}

// A value that comes from the request and cannot stand in a header is the client's mistake, and never a second header.
func TestTemplateThatFailsIsABadRequest(t *testing.T) {
	t.Parallel()
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, rewriting(up.addr, "    request:\n      headers:\n        set: {X-Copy: '{query(\"k\")}'}\n"))
	for _, query := range []string{"k=a%0d%0aX-Evil:%201", "k=%00", "k=%0a", "k=%7f"} {
		res := g.ask(t, "GET /up/eu/v1?"+query+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
		want := failureBody("bad_request", "bad_template", "a template of this provider fails on this request: X-Copy: the value holds a character that cannot stand in a header")
		if res.status() != "400" || res.body != want {
			t.Errorf("%s: %s %q, want 400 %q", query, res.line, res.body, want)
		}
	}
	if all := up.received(); len(all) > 0 {
		t.Errorf("these left the gateway: %q", all)
	}
}

func TestSecretsAreSetAndNeverParsed(t *testing.T) {
	t.Setenv("WINDHOVER_TEST_KEY", `sk-{region}-${HOME}-{{`)
	up := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	g := start(t, "version: 1\nproviders:\n  up:\n    upstream: http://"+up.addr+"\n    access: {tokens: ['${WINDHOVER_TEST_KEY}']}\n"+
		"    request:\n      headers:\n        set: {Authorization: 'Bearer ${WINDHOVER_TEST_KEY}', X-Literal: '$${HOME}', X-Default: '${WINDHOVER_TEST_UNSET:-d}'}\n      query:\n        set: {key: '${WINDHOVER_TEST_KEY}'}\n")
	g.ask(t, "GET /up/v1 HTTP/1.1\r\nHost: g\r\nConnection: close\r\nAuthorization: Bearer client\r\nX-Windhover-Key: sk-{region}-${HOME}-{{\r\n\r\n")
	got := up.lastRequest(t)
	if got.value("authorization") != "Bearer sk-{region}-${HOME}-{{" || got.value("x-literal") != "${HOME}" || got.value("x-default") != "d" {
		t.Errorf("header = %q", got.fields)
	}
	if want := "GET /v1?key=sk-%7Bregion%7D-%24%7BHOME%7D-%7B%7B HTTP/1.1"; got.line != want {
		t.Errorf("request line = %q, want %q", got.line, want)
	}
}

// texts is a list as it stands in a file.
func texts(values ...string) config.TextList {
	var list config.TextList
	for _, v := range values {
		list = append(list, config.Text{Value: v})
	}
	return list
}

func TestNameSetFindsNames(t *testing.T) {
	t.Parallel()
	for pattern, names := range map[string]struct{ in, out []string }{
		"X-A":   {[]string{"X-A"}, []string{"X-Ab", "X-", "A"}},
		"X-*":   {[]string{"X-", "X-A", "x-b"}, []string{"X", "A-X-"}},
		"*":     {[]string{"", "A"}, nil},
		"*-A":   {[]string{"-A", "X-A", "x-a"}, []string{"A", "X-A-B"}},
		"A*B*C": {[]string{"ABC", "A1B2C", "abbc", "ABBBC"}, []string{"AC", "ACB", "ABCD", "AB"}},
		"A**B":  {[]string{"AB", "AxB"}, []string{"A", "B"}},
		"AB*BA": {[]string{"ABBA", "AB-BA"}, []string{"ABA"}},
	} {
		s := headerNames(texts(pattern))
		for _, name := range names.in {
			if !s.has(name) {
				t.Errorf("%s does not hold %q", pattern, name)
			}
		}
		for _, name := range names.out {
			if s.has(name) {
				t.Errorf("%s holds %q", pattern, name)
			}
		}
	}
}

// FuzzQueryEdit holds that an edit of the query takes out what it names, and keeps the rest in its order.
func FuzzQueryEdit(f *testing.F) {
	for _, seed := range []string{"", "a=b", "key=1&x", "&&", "k%65y&%zz", "tmp_1=2;key=3", "=&=&key"} {
		f.Add(seed)
	}
	w := rewrite{removeQuery: queryNames(texts("key", "tmp_*"))}
	f.Fuzz(func(t *testing.T, query string) {
		got, err := w.query(target{query: query, asks: true}, new(scope))
		if err != nil {
			t.Fatal(err)
		}
		kept := slices.DeleteFunc(strings.Split(query, "&"), w.dropsPair)
		if want := strings.Join(kept, "&"); got.query != want {
			t.Errorf("%q becomes %q, want %q", query, got.query, want)
		}
		if queryValue(got.query, "key") != "" {
			t.Errorf("%q still holds the key", got.query)
		}
	})
}
