package usage

import (
	"net/http"
	"strings"
	"testing"
)

// evaluate compiles and evaluates an expression over an event, in an exchange with something in every place.
func evaluate(t testing.TB, source, event string) (v value, found bool) {
	t.Helper()
	x, err := compileExpression(source, wants{})
	if err != nil {
		t.Fatalf("compile %s: %v", source, err)
	}
	s := testScope(event)
	v = x.eval(s)
	return v, s.found
}

func testScope(event string) *scope {
	s := &scope{
		exchange: &Exchange{
			Method: "POST",
			Path:   "/v1/models/meta%2Fllama:generate",
			Status: 200,
			Header: http.Header{"X-Count": {"12"}, "X-Word": {"abc"}, "X-Empty": {""}},
			Param: func(name string) string {
				return map[string]string{"region": "eu"}[name]
			},
			Request: func() []byte { return []byte(`{"model":"asked","n":3,"setup":{"model":"inner"},"stream":true}`) },
		},
		name: "frame", data: event,
	}
	s.document.of(event)
	s.json = s.root()
	return s
}

const sample = `{"type":"message","n":5,"zero":0,"big":9007199254740993,"huge":99999999999999999999,"dec":1.5,"whole":12.0,
	"word":"hi","empty":"","digits":"42","null":null,"yes":true,"no":false,"obj":{"a":{"b":7}},"void":{},
	"list":[1,2,3],"none":[],"items":[{"n":1,"k":"x"},{"n":2,"k":"y"},{"k":"z"}],"deep":[{"l":[1,2]},{"l":[3]}]}`

func TestExpressionsMeanWhatTheyShould(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]value{
		// literals and names
		`5`: ofInt(5), `-5`: ofInt(-5), `1.5`: ofFloat(1.5), `"a"`: ofText("a"), `true`: ofBool(true), `nil`: {},
		`path`: ofText("/v1/models/meta%2Fllama:generate"), `method`: ofText("POST"), `status`: ofInt(200),
		`event`: ofText("message"),

		// first
		`first("n")`: ofInt(5), `first("zero")`: ofInt(0), `first("big")`: ofInt(9007199254740993),
		`first("huge")`: ofFloat(1e20), `first("dec")`: ofFloat(1.5), `first("word")`: ofText("hi"),
		`first("yes")`: ofBool(true), `first("no", "n")`: ofBool(false),
		`first("null")`: {}, `first("empty")`: {}, `first("obj")`: {}, `first("list")`: {}, `first("missing")`: {},
		`first("missing", "null", "empty", "n")`: ofInt(5),
		`first("obj.a.b")`:                       ofInt(7), `first("list.1")`: ofInt(2), `first("list.#")`: ofInt(3),
		`first('items.#(k=="y").n')`: ofInt(2), `first('items.#(k=="q").n')`: {},
		`first("missing", header("X-Count"))`: ofText("12"), `first("missing", first("n") / 2)`: ofFloat(2.5),
		`first("missing", nil)`: {},

		// sum, count, has
		`sum("n", "zero", "missing")`: ofInt(5), `sum("missing", "null")`: {}, `sum("items.#.n")`: ofInt(3),
		`sum("deep.#.l")`: ofInt(6), `sum("list", "n")`: ofInt(11), `sum("dec", "n")`: ofFloat(6.5),
		`sum("n", header("X-Count"))`: ofInt(17), `sum(header("X-Word"), "n")`: ofInt(5), `sum("none")`: {},
		`sum("word")`: {}, `sum("yes")`: {},
		`count("list")`: ofInt(3), `count("none")`: ofInt(0), `count("obj")`: {}, `count("missing")`: {},
		`count('items.#(k=="x")#')`: ofInt(1), `count('items.#(k=="q")#')`: {},
		`has("obj")`: ofBool(true), `has("void")`: ofBool(true), `has("null")`: ofBool(false), `has("missing")`: ofBool(false),

		// the request, the header, the path
		`header("x-count")`: ofText("12"), `header("X-Empty")`: {}, `header("X-None")`: {},
		`request("model")`: ofText("asked"), `request("setup.model")`: ofText("inner"), `request("n")`: ofInt(3), `request("none")`: {},
		`param("region")`: ofText("eu"), `param("zone")`: {},
		`extract(path, "/models/([^:]+):")`: ofText("meta/llama"), `extract(path, "/nothing/(.*)")`: {},
		`extract(request("model"), "^(as)")`: ofText("as"), `extract(first("missing"), "(.*)")`: {},

		// arithmetic
		`first("n") + 1`: ofInt(6), `first("n") - first("missing")`: {}, `first("missing") * 2`: {}, `1 / 0`: {}, `0 / 0`: {},
		`first("n") / 2`: ofFloat(2.5), `10 / 5`: ofFloat(2), `first("word") - 1`: {}, `first("digits") + 1`: ofInt(43),
		`header("X-Count") - 2`: ofInt(10), `9223372036854775807 + 1`: ofFloat(9223372036854775808),
		`-9223372036854775807 - 9`: ofFloat(-9223372036854775816), `9223372036854775807 * 2`: ofFloat(18446744073709551614),
		`1e308 * 1e308`: {}, `-first("n")`: ofInt(-5), `-first("missing")`: {}, `(1 + 2) * 3`: ofInt(9),

		// comparison
		`first("n") == 5`: ofBool(true), `first("n") == 5.0`: ofBool(true), `first("word") == "hi"`: ofBool(true),
		`first("missing") == 0`: ofBool(false), `first("missing") == nil`: ofBool(true), `nil == first("missing")`: ofBool(true),
		`first("zero") == nil`: ofBool(false), `first("zero") != nil`: ofBool(true), `first("missing") != 0`: ofBool(true),
		`first("missing") == first("null")`: ofBool(false), `first("digits") == 42`: ofBool(false),
		`first("yes") == true`: ofBool(true), `first("big") == 9007199254740992`: ofBool(false),
		`first("n") > 4`: ofBool(true), `first("n") >= 5`: ofBool(true), `first("n") < 5`: ofBool(false), `first("n") <= 5`: ofBool(true),
		`first("missing") < 1`: ofBool(false), `first("missing") > 1`: ofBool(false), `header("X-Count") > 9`: ofBool(true),
		`4 < first("n") and first("n") < 6`: ofBool(true), `4 < first("n") < 6`: ofBool(true),

		// texts
		`path contains "/models/"`: ofBool(true), `path startsWith "/v1"`: ofBool(true), `path endsWith ":generate"`: ofBool(true),
		`path not contains "x/y"`: ofBool(true), `first("missing") contains ""`: ofBool(false), `first("n") contains "5"`: ofBool(false),
		`path matches "^/v[0-9]+/"`: ofBool(true), `first("missing") matches ".*"`: ofBool(false),
		`event in ["a", "message"]`: ofBool(true), `status in [200, 201]`: ofBool(true), `first("missing") in ["a"]`: ofBool(false),
		`event not in ["a"]`: ofBool(true), `first("missing") not in ["a"]`: ofBool(true),

		// logic
		`not first("missing")`: ofBool(true), `not true`: ofBool(false), `!has("n")`: ofBool(false),
		`true and has("n")`: ofBool(true), `true and first("missing")`: ofBool(false), `first("missing") or true`: ofBool(true),
		`first("missing") ? 1 : 2`: ofInt(2), `has("n") ? "a" : "b"`: ofText("a"), `has("void") ? nil : 1`: {},
		`first("zero") ?? 9`: ofInt(0), `first("missing") ?? 9`: ofInt(9), `first("missing") ?? nil`: {},
		`if has("n") { 1 } else { 2 }`: ofInt(1),
	} {
		if got, _ := evaluate(t, source, sample); got != want {
			t.Errorf("%s = %+v, want %+v", source, got, want)
		}
	}
}

func TestEventIsTheTypeOfTheJSONElseTheNameOfTheFrame(t *testing.T) {
	t.Parallel()
	for event, want := range map[string]value{
		`{"type":"inner"}`: ofText("inner"),
		`{"type":7}`:       ofText("frame"),
		`{"type":""}`:      ofText("frame"),
		`{}`:               ofText("frame"),
	} {
		if got, _ := evaluate(t, `event`, event); got != want {
			t.Errorf("event of %s = %+v, want %+v", event, got, want)
		}
	}
}

func TestDataIsTheBeginningOfTheEvent(t *testing.T) {
	t.Parallel()
	if got, _ := evaluate(t, `data == "[DONE]"`, "[DONE]"); !got.truth() {
		t.Errorf(`data == "[DONE]" = %+v, want true`, got)
	}
	if got, _ := evaluate(t, `data`, strings.Repeat("x", 100)); got != ofText(strings.Repeat("x", 64)) {
		t.Errorf("data = %+v, want 64 bytes", got)
	}
}

func TestOnlyAPathThatIsThereMakesAValueCount(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		`first("n")`:                        true,
		`first("missing", "n")`:             true,
		`first("zero")`:                     true,
		`first("null", header("X-Count"))`:  false,
		`first("empty", request("model"))`:  false,
		`header("X-Count")`:                 false,
		`sum("missing", header("X-Count"))`: false,
		`count("missing") ?? 0`:             false,
		`has("missing") ? 1 : 0`:            false,
		`has("n") ? 1 : 0`:                  true,
		`7`:                                 false,
	} {
		if _, got := evaluate(t, source, sample); got != want {
			t.Errorf("found after %s = %v, want %v", source, got, want)
		}
	}
}

func TestWhatIsNotInTheRuleLanguageIsRefusedWithAReason(t *testing.T) {
	t.Parallel()
	many := "1" + strings.Repeat(" + 1", 120)
	for _, test := range []struct {
		source  string
		offset  int
		message string
	}{
		// what could run for hours or take all memory
		{`all(1..9, true)`, 0, "unknown function all; the functions are first, sum, count, has, extract, header, request and param"},
		{`reduce(1..40, #acc + #acc, "x")`, 0, "unknown function reduce; the functions are first, sum, count, has, extract, header, request and param"},
		{`1..9`, 1, "the operator .. is not allowed in a rule"},
		{`let a = 1; a`, 4, "variables and statements are not allowed in a rule"},
		{`1; 2`, 0, "variables and statements are not allowed in a rule"},
		{`repeat("x", 999)`, 0, "unknown function repeat; the functions are first, sum, count, has, extract, header, request and param"},
		{`2 ** 100`, 2, "the operator ** is not allowed in a rule"},
		{`5 % 2`, 2, "the operator % is not allowed in a rule"},
		{`now()`, 0, "unknown function now; the functions are first, sum, count, has, extract, header, request and param"},
		{`"a" + "b"`, 4, "+ takes numbers; texts cannot be joined in a rule"},
		{`path + 1`, 5, "+ takes numbers; texts cannot be joined in a rule"},
		{`[1, 2]`, 0, "a list may only stand behind `in`"},
		{`{"a": 1}`, 0, "maps are not allowed in a rule"},
		{`path.x`, 5, `members are read by a path: first("a.b")`},
		{`path[0]`, 4, `members are read by a path: first("a.b")`},
		{`path[0:1]`, 4, `members are read by a path: first("a.b")`},
		{`path.first()`, 5, `members are read by a path: first("a.b")`},
		{`count("a", # > 1)`, 11, "unexpected #"},
		{many, 0, "the expression has more than 200 parts; make it several rules"},
		{strings.Repeat(" ", 2049), 0, "the expression is longer than 2048 bytes; make it several rules"},

		// slips
		{`sttus == 200`, 0, "unknown name sttus; did you mean status?"},
		{`"a" == evnt`, 7, "unknown name evnt; did you mean event?"},
		{`prompt_tokens`, 0, "unknown name prompt_tokens; the names are path, method, status, event and data; text stands in quotes"},
		{`frist("a")`, 0, "unknown function frist; did you mean first?"},
		{`len("a")`, 0, "unknown function len; the functions are first, sum, count, has, extract, header, request and param"},
		{`status == "200"`, 7, "a number never equals text"},
		{`path == 3`, 5, "text never equals a number"},
		{`path > 3`, 5, "> compares numbers, and one side is text"},
		{`not status`, 4, "the expression gives a number; this place needs true or false"},
		{`status and true`, 0, "the expression gives a number; this place needs true or false"},
		{`status ? 1 : 2`, 0, "the expression gives a number; this place needs true or false"},
		{`status contains "2"`, 7, "contains looks into text, and one side is a number"},
		{`path in path`, 5, `in needs a list: in ["a", "b"]`},
		{`path in [path]`, 9, "the list behind `in` holds quoted texts and numbers only"},
		{`path ==`, 6, "the expression is not complete"},
		{`(path`, 4, "the expression is not complete"},

		// patterns
		{`path matches path`, 13, "matches needs a pattern in quotes"},
		{`path matches "("`, 13, "error parsing regexp: missing closing ): `(`"},
		{`path matches "(x{20}y){6}"`, 13, "the pattern repeats something more than 100 times"},
		{`extract(path, "x")`, 14, "the pattern of extract needs exactly one group in parentheses; (?:…) groups without counting"},
		{`extract(path)`, 0, `extract needs a text and a pattern: extract(path, "/models/([^/]+)")`},
		{`extract(status, "(x)")`, 8, "extract looks into text, and this is a number"},

		// paths
		{`first()`, 0, `first needs a path or a value: first("a.b", header("X"))`},
		{`first("")`, 6, "an empty path names nothing"},
		{`first("a..b")`, 6, `path "a..b" has an empty component`},
		{`first("a.")`, 6, `path "a." has an empty component`},
		{`first("@pretty")`, 6, `path "@pretty": @ is not allowed; a path names keys, indexes, # and #(key=="value")`},
		{`first("a.@this")`, 6, `path "a.@this": @ is not allowed; a path names keys, indexes, # and #(key=="value")`},
		{`first("a|b")`, 6, `path "a|b": | is not allowed; a path names keys, indexes, # and #(key=="value")`},
		{`first("*.a")`, 6, `path "*.a": * is not allowed; a path names keys, indexes, # and #(key=="value")`},
		{`first("{a,b}")`, 6, `path "{a,b}": { is not allowed; a path names keys, indexes, # and #(key=="value")`},
		{`first('!"literal"')`, 6, `path "!\"literal\"": ! is not allowed; a path names keys, indexes, # and #(key=="value")`},
		{`first("#.a")`, 6, `path "#.a": a path begins with a key; the elements of a top-level array are events of their own`},
		{`first("a.#(b==1")`, 6, `path "a.#(b==1": the query is not closed`},
		{`first("a.#(b.#(c==1))")`, 6, `path "a.#(b.#(c==1))": ( is not allowed in a query`},
		{`first("a.#(b==1)c")`, 6, `path "a.#(b==1)c": a dot must follow the query #(b==1)`},
		{`first("a.x#")`, 6, `path "a.x#": # stands alone between dots, or begins a query #(…)`},
		{`first("a.10000")`, 6, `path "a.10000": element 10000 is above 9999`},
		{`first("é")`, 6, `path "é": only ASCII letters, digits and signs are allowed`},
		{`count(path)`, 0, "count needs one argument, a path in quotes"},
		{`has("a", "b")`, 0, "has needs one argument, a path in quotes"},
		{`header(path)`, 0, "header needs one argument, the name of a response header in quotes"},
		{`request("a|b")`, 8, `path "a|b": | is not allowed; a path names keys, indexes, # and #(key=="value")`},
		{`param(path)`, 0, "param needs one argument, a path variable's name in quotes"},
	} {
		_, err := compileExpression(test.source, wants{})
		f, ok := err.(*fault)
		if !ok {
			t.Errorf("compile %.40s: error = %v, want a fault", test.source, err)
			continue
		}
		if f.message != test.message {
			t.Errorf("compile %.40s:\n got %s\nwant %s", test.source, f.message, test.message)
		}
		if f.offset != test.offset && test.source != many {
			t.Errorf("compile %.40s: offset = %d, want %d", test.source, f.offset, test.offset)
		}
	}
}

func TestThePlaceOfAnExpressionLimitsIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		source, want string
		place        wants
	}{
		{`event == "x"`, "`when` is asked before the body is there: it cannot use event; `where` can", wants{header: true}},
		{`data == "x"`, "`when` is asked before the body is there: it cannot use data; `where` can", wants{header: true}},
		{`has("x")`, "`when` is asked before the body is there: it cannot use the event's JSON; `where` can", wants{header: true}},
		{`status`, "the expression gives a number; this place needs true or false", wants{yield: yieldsBoolean}},
		{`status == 200`, "the expression gives true or false; this place needs a number", wants{yield: yieldsNumber}},
		{`path`, "the expression gives text; this place needs a number", wants{yield: yieldsNumber}},
		{`has("x")`, "the expression gives true or false; this place needs text", wants{yield: yieldsText}},
	} {
		_, err := compileExpression(test.source, test.place)
		if err == nil || err.Error() != test.want {
			t.Errorf("compile %s for %+v: error = %v, want %s", test.source, test.place, err, test.want)
		}
	}
	for source, place := range map[string]wants{
		`first(header("X"), request("model")) == "x" and status < 300`: {yield: yieldsBoolean, header: true},
		`status`:       {yield: yieldsText},
		`first("x")`:   {yield: yieldsBoolean},
		`header("X")`:  {yield: yieldsNumber},
		`request("m")`: {yield: yieldsText},
	} {
		if _, err := compileExpression(source, place); err != nil {
			t.Errorf("compile %s for %+v: %v", source, place, err)
		}
	}
}

func TestEvaluationAllocatesNothing(t *testing.T) {
	for _, source := range []string{
		`sum("n", "zero", "missing") - first("dec")`,
		`first("missing", "obj.a.b")`,
		`event in ["a", "message"] and path contains "/models/"`,
		`count("items") > 2 ? first('items.#(k=="y").n') : nil`,
	} {
		x, err := compileExpression(source, wants{})
		if err != nil {
			t.Fatal(err)
		}
		s := testScope(sample)
		if got := testing.AllocsPerRun(100, func() { x.eval(s) }); got != 0 {
			t.Errorf("allocations of %s = %v, want 0", source, got)
		}
	}
}

func TestWhatNeedsAnEventIsNotAskedWithoutOne(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		`first("a")`:                                false,
		`first("a", "b.c")`:                         false,
		`first("a") / 1e10`:                         false,
		`first("a", first("b") / 1e10)`:             false,
		`sum("a") - count("b")`:                     false,
		`1 + 2`:                                     true,
		`first("a") ?? 0`:                           true,
		`first("a", header("X-Count"))`:             true,
		`first("a") / 2 + first(header("X-Count"))`: false,
		`first("a", 1 + status)`:                    true,
	} {
		x, err := compileExpression(source, wants{yield: yieldsNumber})
		if err != nil {
			t.Fatal(err)
		}
		if x.base != want {
			t.Errorf("base of %s = %v, want %v", source, x.base, want)
		}
		none := testScope("")
		if v := x.eval(none); !x.base && v.there() {
			t.Errorf("%s without an event = %+v, want nothing", source, v)
		}
	}
}

func FuzzExpr(f *testing.F) {
	for _, source := range []string{
		`first("a.b", header("X")) + 1`, `count('a.#(b=="c")#')`, `path matches "^/v[0-9]"`, `has("a") ? 1 : nil`,
		`not (path contains "x") or status in [1, 2]`, `extract(path, "/([^/]+)")`, `sum("a.#.b") ?? 0`, `if true { 1 } else { 2 }`,
		`let a = 1; a`, `all(1..9, # > 1)`, `first("a") | sum()`, `first("a")?.b`, "`raw`", `a[1:2]`, `-"x"`, `::first("a")`,
	} {
		f.Add(source, sample)
	}
	f.Fuzz(func(t *testing.T, source, event string) {
		x, err := compileExpression(source, wants{})
		if err != nil {
			if fault, ok := err.(*fault); !ok || fault.offset < 0 || fault.offset > len(source) {
				t.Errorf("compile %q: %#v, want a fault inside the source", source, err)
			}
			return
		}
		s := testScope(event)
		first := x.eval(s)
		if second := x.eval(testScope(event)); first != second {
			t.Errorf("%q over %q = %+v, then %+v", source, event, first, second)
		}
	})
}
