package usageapi

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const documentFile = "../../../schema/usage-api.json"

// document is the OpenAPI document, and its schemas with every object closed, so that a member that it does not tell of
// fails a test. Clients are told that there may be more.
type document struct {
	Paths map[string]map[string]operation `json:"paths"`
	whole map[string]any
}

type operation struct {
	Parameters []struct {
		Ref  string `json:"$ref"`
		Name string `json:"name"`
	} `json:"parameters"`
	Responses map[string]any `json:"responses"`
}

var readDocument = sync.OnceValues(func() (*document, error) {
	data, err := os.ReadFile(documentFile)
	if err != nil {
		return nil, err
	}
	d := new(document)
	if err := json.Unmarshal(data, d); err != nil {
		return nil, err
	}
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	d.whole = whole.(map[string]any)
	closeObjects(d.whole)
	return d, nil
})

func theDocument(t *testing.T) *document {
	t.Helper()
	d, err := readDocument()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// closeObjects refuses members that a schema with properties does not name.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		_, named := v["properties"].(map[string]any)
		if _, says := v["additionalProperties"]; named && !says && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range v {
			closeObjects(inner)
		}
	}
}

// ask sends a request to the API, and holds the answer to the document.
func ask(t *testing.T, api http.Handler, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)).WithContext(t.Context()))
	theDocument(t).check(t, method, target, w)
	return w
}

func get(t *testing.T, api http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	return ask(t, api, http.MethodGet, target, "")
}

// check compares an answer with what the document says of the operation, the status and the type of content.
func (d *document) check(t *testing.T, method, target string, w *httptest.ResponseRecorder) {
	t.Helper()
	path, _, _ := strings.Cut(target, "?")
	path = regexp.MustCompile(`^/api/usage/records/.+`).ReplaceAllString(path, "/api/usage/records/{id}")
	verb := strings.ToLower(method)
	status := strconv.Itoa(w.Code)
	if d.Paths[path][verb].Responses[status] == nil {
		t.Errorf("%s %s answers %s, of which the document tells nothing: %s", method, target, status, w.Body)
		return
	}
	contentType, _, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil {
		t.Errorf("%s %s: Content-Type %q: %v", method, target, w.Header().Get("Content-Type"), err)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s %s: Cache-Control = %q, want no-store", method, target, got)
	}
	response := []string{"paths", path, verb, "responses", status}
	if ref, ok := d.at(response...).(map[string]any)["$ref"].(string); ok {
		response = strings.Split(strings.TrimPrefix(ref, "#/"), "/")
	}
	place := append(response, "content", contentType, "schema")
	if d.at(place...) == nil {
		t.Errorf("%s %s answers %s with %s, of which the document tells nothing", method, target, status, contentType)
		return
	}
	if contentType == "application/json" {
		if err := d.validate(place, w.Body.Bytes()); err != nil {
			t.Errorf("%s %s answers what the document does not say: %v\n%s", method, target, err, w.Body)
		}
	}
}

// at is what stands at a place in the document; nil if nothing does.
func (d *document) at(place ...string) any {
	var v any = d.whole
	for _, name := range place {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

func (d *document) validate(place []string, data []byte) error {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource("file:///usage-api.json", d.whole); err != nil {
		return err
	}
	pointer := ""
	for _, name := range place {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name)
	}
	schema, err := compiler.Compile("file:///usage-api.json#" + pointer)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// parameters are the names of an operation's parameters in the query, sorted.
func (d *document) parameters(o operation) []string {
	names := []string{}
	for _, p := range o.Parameters {
		name := p.Name
		if ref, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			name = d.at("components", "parameters", ref, "name").(string)
		}
		if name == "label" {
			name = labelPrefix + "NAME"
		}
		if name != "id" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestDocumentAndRouterKnowTheSamePages(t *testing.T) {
	t.Parallel()
	var served, told []string
	err := chi.Walk(newRouter(new(api)), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served = append(served, method+" "+route)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, operations := range theDocument(t).Paths {
		for method := range operations {
			told = append(told, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(told)
	if !slices.Equal(served, told) {
		t.Errorf("pages that are served:\n%q, that the document tells of:\n%q", served, told)
	}
}

// What a page takes it says itself, when it is asked for something that it does not.
func TestDocumentAndPagesKnowTheSameParameters(t *testing.T) {
	t.Parallel()
	d := theDocument(t)
	api := New(Options{Reader: noReader, Feed: new(Feed)})
	for path, operations := range d.Paths {
		if path == "/api/openapi.json" {
			continue // takes none, and minds none
		}
		for method, operation := range operations {
			target := strings.Replace(path, "{id}", "0190a", 1) + "?qqqqqqqq=1"
			var answer struct{ Error struct{ Message string } }
			w := ask(t, api, strings.ToUpper(method), target, "")
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			taken := []string{}
			if _, names, found := strings.Cut(answer.Error.Message, "; there are "); found {
				taken = strings.Split(names, ", ")
			}
			slices.Sort(taken)
			if told := d.parameters(operation); !slices.Equal(taken, told) {
				t.Errorf("%s %s takes %q, the document tells of %q", method, path, taken, told)
			}
		}
	}
}

func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	api := New(Options{Document: []byte(`{"openapi":"3.1.0"}`)})
	if w := get(t, api, "/api/openapi.json"); w.Code != 200 || w.Body.String() != `{"openapi":"3.1.0"}` {
		t.Errorf("/api/openapi.json = %d %s, want the document", w.Code, w.Body)
	}
}
