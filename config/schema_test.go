package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaFile = "../schema/providers.schema.json"

// durationPattern is what editors check of a duration; ParseDuration decides.
const durationPattern = `^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$`

// sizePattern is a size as ParseSize reads it.
const sizePattern = `^[0-9]+(B|KiB|MiB|GiB)$`

func TestSchemaIsCurrent(t *testing.T) {
	t.Parallel()
	want := marshalSchema(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the types say; write it with: go test ./config -run Schema -update", schemaFile)
	}
}

func TestSchemaAcceptsShippedFile(t *testing.T) {
	t.Parallel()
	if err := validate(t, "../providers.yaml"); err != nil {
		t.Error(err)
	}
}

func TestSchemaAcceptsGoodFiles(t *testing.T) {
	t.Parallel()
	for _, name := range goodFiles(t) {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			continue // each fragment alone lacks what the others give
		}
		if err := validate(t, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What an editor can see of a mistake, it should show before the file is loaded.
func TestSchemaRefusesWhatTheLoaderRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"access", "auth", "breaker", "choice", "duration", "expression-too-long", "header-name", "header-of-connection", "header-of-gateway",
		"http-version", "kind-consumes", "kind-empty-text", "kind-list-of-providers", "kind-mapping-as-text", "kind-nothing", "kind-number-as-text",
		"kind-rule-without-dash", "kind-text-as-mapping", "kind-truth-as-text", "limits", "provider-name", "provider-name-taken",
		"provider-upstream-and-routes", "provider-without-upstream", "retry", "route-without-upstream", "tls-server-name", "unknown-keys",
		"version-missing", "version-text", "version-unknown",
	} {
		if err := validate(t, filepath.Join(badFolder, name+".yaml")); err == nil {
			t.Errorf("the schema accepts %s.yaml", name)
		}
	}
}

func TestSchemaAndDecoderKnowTheSameKeys(t *testing.T) {
	t.Parallel()
	schema := reflectSchema(t)
	for _, typ := range structsBelow(reflect.TypeFor[Document](), nil) {
		var got []string
		for p := definition(schema, typ).Properties.Oldest(); p != nil; p = p.Next() {
			got = append(got, p.Key)
			if p.Value.Description == "" {
				t.Errorf("%s.%s has no description", typ.Name(), p.Key)
			}
		}
		if want := keysOf(fieldsOf(typ)); !slices.Equal(got, want) {
			t.Errorf("keys of %s in the schema = %v, want %v", typ.Name(), got, want)
		}
	}
}

// structsBelow are the structs that the decoder can reach from a type, each once.
func structsBelow(t reflect.Type, found []reflect.Type) []reflect.Type {
	switch t.Kind() {
	case reflect.Map, reflect.Slice:
		return structsBelow(t.Elem(), found)
	case reflect.Struct:
	default:
		return found
	}
	if scalarSchema(t) != nil || slices.Contains(found, t) {
		return found
	}
	found = append(found, t)
	for _, f := range fieldsOf(t) {
		found = structsBelow(t.FieldByIndex(f.index).Type, found)
	}
	return found
}

// reflectSchema makes the schema of the providers file from its types, their tags and comments.
func reflectSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	r := jsonschema.Reflector{FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Anonymous: true, ExpandedStruct: true, Mapper: scalarSchema}
	if err := r.AddGoComments("windhover/config", "."); err != nil {
		t.Fatal(err)
	}
	for name, text := range r.CommentMap {
		r.CommentMap[name] = strings.ReplaceAll(text, "\n", " ") // lines follow the width of the source
	}
	schema := r.Reflect(Document{})
	// Draft 7 is what editors know; what is used here means the same in later drafts.
	schema.Version = "http://json-schema.org/draft-07/schema#"
	schema.Title = "Windhover providers.yaml"
	for _, typ := range structsBelow(reflect.TypeFor[Document](), nil) {
		refine(typ, definition(schema, typ))
	}
	for _, typ := range structsBelow(reflect.TypeFor[Document](), nil) {
		allowShort(typ, schema)
	}
	return schema
}

// allowShort lets the value of one key stand in place of the whole mapping, where the decoder does.
func allowShort(typ reflect.Type, schema *jsonschema.Schema) {
	for _, f := range fieldsOf(typ) {
		of := typ.FieldByIndex(f.index).Type
		if of.Kind() != reflect.Struct || scalarSchema(of) != nil {
			continue
		}
		for _, inner := range fieldsOf(of) {
			if inner.short {
				alone, _ := definition(schema, of).Properties.Get(inner.key)
				property, _ := definition(schema, typ).Properties.Get(f.key)
				value := *alone
				value.Description = ""
				property.OneOf, property.Ref = []*jsonschema.Schema{&value, {Ref: property.Ref}}, ""
			}
		}
	}
}

// definition is the schema of a struct; that of the file as a whole is the root.
func definition(schema *jsonschema.Schema, typ reflect.Type) *jsonschema.Schema {
	if typ == reflect.TypeFor[Document]() {
		return schema
	}
	return schema.Definitions[typ.Name()]
}

// scalarSchema is the schema of the types that one value of the file fills.
func scalarSchema(t reflect.Type) *jsonschema.Schema {
	text := func() *jsonschema.Schema {
		return &jsonschema.Schema{Type: "string", MinLength: new(uint64(1)), MaxLength: new(uint64(maxText))}
	}
	switch t {
	case reflect.TypeFor[Count]():
		return &jsonschema.Schema{Type: "integer"}
	case reflect.TypeFor[Ratio]():
		return &jsonschema.Schema{Type: "number", ExclusiveMinimum: "0", Maximum: "1"}
	case reflect.TypeFor[Text](), reflect.TypeFor[Template](), reflect.TypeFor[SecretText](), reflect.TypeFor[PEM]():
		return text()
	case reflect.TypeFor[HTTPVersion]():
		return &jsonschema.Schema{Enum: []any{"auto", 1, 2, "1", "2"}}
	case reflect.TypeFor[TextList](), reflect.TypeFor[SecretList]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{text(), {Type: "array", Items: text()}}}
	case reflect.TypeFor[Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: durationPattern, Examples: []any{"30s", "15m", "1h30m"}}
	case reflect.TypeFor[ByteSize]():
		return &jsonschema.Schema{Type: "string", Pattern: sizePattern, Examples: []any{"512KiB", "20MiB"}}
	case reflect.TypeFor[FieldGroup]():
		return &jsonschema.Schema{Type: "object", AdditionalProperties: expressionSchema()}
	case reflect.TypeFor[Decimal]():
		return decimalSchema()
	case reflect.TypeFor[Date]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`}
	}
	return nil
}

// decimalSchema is of a number, or a reference to one.
func decimalSchema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "number", Minimum: json.Number("0")},
		{Type: "string", Pattern: `\$\{`},
	}}
}

func expressionSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", MinLength: new(uint64(1)), MaxLength: new(uint64(maxExpression))}
}

// refine adds to the schema of a struct what the decoder checks beyond types and tags.
func refine(typ reflect.Type, schema *jsonschema.Schema) {
	for _, f := range fieldsOf(typ) {
		property, _ := schema.Properties.Get(f.key)
		if f.maximum > 0 {
			property.Minimum, property.Maximum = json.Number(strconv.Itoa(f.minimum)), json.Number(strconv.Itoa(f.maximum))
		}
		switch f.form {
		case "expression":
			property.MaxLength = new(uint64(maxExpression))
		case "header name":
			property.OneOf[0].Pattern = tokenPattern
			property.OneOf[1].Items.Pattern = tokenPattern
		case "settable header":
			property.Pattern = tokenPattern
			property.Not = &jsonschema.Schema{Pattern: anyCase(unsettable())}
		case "carrier":
			property.OneOf[0].Pattern = carrierPattern
			property.OneOf[1].Items.Pattern = carrierPattern
		case "server":
			property.Pattern = `^[0-9A-Za-z._:-]+$`
		case "check":
			property.Pattern = `^(tcp|tls|GET /[^ #\\]*)$`
		case "proxy":
			property.Examples = []any{"off", "http://proxy.internal:3128", "socks5://127.0.0.1:1080"}
		case "header":
			property.PropertyNames = &jsonschema.Schema{Pattern: tokenPattern, Not: &jsonschema.Schema{Pattern: anyCase(unsettable())}}
			property.AdditionalProperties.MinLength = nil
		case "response header":
			names := append(unsettable(), "X-Windhover-Request-Id", "X-Windhover-Error", "X-Windhover-Attempt", "X-Windhover-Provider")
			property.PropertyNames = &jsonschema.Schema{Pattern: tokenPattern, Not: &jsonschema.Schema{Pattern: anyCase(names)}}
			property.AdditionalProperties.MinLength = nil
		case "query":
			property.AdditionalProperties.MinLength = nil
		case "pricing":
			property.Pattern = `^[a-z0-9][a-z0-9._-]{0,62}$`
		case "price":
			property.PropertyNames = &jsonschema.Schema{Pattern: `^[a-z0-9][a-z0-9._-]{0,62}/.`, MaxLength: new(uint64(maxPriceKey))}
		case "provider":
			property.PropertyNames = &jsonschema.Schema{
				Pattern: `^[a-z0-9][a-z0-9._-]{0,62}$`,
				Not:     &jsonschema.Schema{Enum: []any{"health", "providers", "favicon.ico"}},
			}
		}
		if typ.FieldByIndex(f.index).Type.Kind() == reflect.Int && f.enum == nil {
			property.Minimum = "1"
		}
		if typ.FieldByIndex(f.index).Type.Kind() == reflect.Slice && property.Type == "array" {
			property.MinItems = new(uint64(1))
		}
		if f.key == "modes" {
			property.AdditionalProperties = &jsonschema.Schema{OneOf: append(decimalSchema().OneOf, property.AdditionalProperties)}
		}
		if f.form == "price" {
			row := &jsonschema.Schema{Ref: "#/$defs/PriceRow"}
			property.AdditionalProperties = &jsonschema.Schema{OneOf: []*jsonschema.Schema{row, property.AdditionalProperties, {Const: "off"}}}
		} else if typ == reflect.TypeFor[Document]() && isSection(f.key) {
			property.AdditionalProperties = orOff(property.AdditionalProperties)
		}
	}
	if typ == reflect.TypeFor[Provider]() {
		schema.OneOf = []*jsonschema.Schema{
			{Required: []string{"upstream"}},
			{Required: []string{"routes"}, Not: &jsonschema.Schema{Required: []string{"path"}}},
		}
	}
}

// orOff is the schema of an entry that `off` may stand for.
func orOff(entry *jsonschema.Schema) *jsonschema.Schema {
	if entry.Type == "array" {
		entry.MinItems = new(uint64(1))
	}
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{entry, {Const: "off"}}}
}

// tokenPattern is a token of RFC 9110, 5.6.2.
const tokenPattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

// carrierPattern is a header's name, or a query parameter's behind its mark.
const carrierPattern = "^[?]?[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

// unsettable are the headers that cannot be set.
func unsettable() []string {
	return []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Upgrade"}
}

// anyCase matches each of the names in any case: JSON Schema knows no flag for that.
func anyCase(names []string) string {
	var b strings.Builder
	for _, r := range strings.Join(names, "|") {
		if upper, lower := strings.ToUpper(string(r)), strings.ToLower(string(r)); upper != lower {
			b.WriteString("[" + upper + lower + "]")
		} else {
			b.WriteRune(r)
		}
	}
	return "^(" + b.String() + ")$"
}

func marshalSchema(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(reflectSchema(t)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// validate checks a YAML file against the schema as it is committed.
func validate(t *testing.T, name string) error {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	root, problems := parse(name, data)
	if problems != nil {
		t.Fatal(problems)
	}
	document, err := validator.UnmarshalJSON(bytes.NewReader(marshalSchema(t)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := validator.NewCompiler()
	if err := compiler.AddResource("providers.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("providers.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(plainValue(root))
}

// plainValue is a node as a JSON Schema validator takes it. To an editor a date is text.
func plainValue(n *node) any {
	switch n.kind {
	case mappingKind:
		m := map[string]any{}
		for _, e := range n.entries {
			m[e.key] = plainValue(e.value)
		}
		return m
	case listKind:
		l := make([]any, len(n.items))
		for i, item := range n.items {
			l[i] = plainValue(item)
		}
		return l
	case numberKind:
		var x float64
		if json.Unmarshal([]byte(n.text), &x) == nil {
			return x
		}
	case truthKind:
		return strings.EqualFold(n.text, "true")
	case nothingKind:
		return nil
	}
	return n.text
}

func goodFiles(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("../testdata/config/good/*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no good files: %v", err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return filepath.Ext(name) == ".txt" })
}
