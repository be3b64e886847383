package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

const (
	// maxExpression bounds an expression, in bytes: one is compiled at every load and run for every answer.
	maxExpression = 2 << 10
	// maxText bounds any other text of the file, in bytes.
	maxText = 16 << 10
)

// decoder fills the file's types from nodes and collects what is wrong. A value that is wrong is left empty.
//
// It walks the types by reflection, so that the keys of the file, of its JSON Schema and of its manual are the struct tags
// and cannot drift apart. It runs at load only. The tags: `yaml` is the key, `form` is what a text or the keys of a map
// must look like, `jsonschema` says required, enum and the bounds of a count, `short` marks the key whose value may stand in
// place of the whole mapping.
type decoder struct {
	references references
	paths      pathSet            // what ${file:} and the keys of tls named
	pems       map[string]pemFile // what was read of those of tls, by path
	problems   Problems
	known      map[reflect.Type][]field // of the structs met so far
}

// placed is what remembers where it stands, and whether something in it was left out.
type placed interface{ place(n *node, broken bool) }

func (p *Provider) place(n *node, broken bool) { p.Pos, p.Broken = n.pos, broken }
func (r *Rule) place(n *node, broken bool)     { r.Pos, r.YAML, r.Broken = n.pos, n.path, broken }

// value fills v, which must be addressable, from n.
func (d *decoder) value(n *node, v reflect.Value, f field) {
	switch p := v.Addr().Interface().(type) {
	case *Count:
		*p = d.count(n, f)
	case *Ratio:
		*p = d.ratio(n, f)
	case *Text:
		*p, _ = d.text(n, f)
	case *TextList:
		*p = d.textList(n, f)
	case *Template:
		*p, _ = d.template(n, f)
	case *SecretText:
		*p, _ = d.secretText(n, f)
	case *SecretList:
		*p = d.secretList(n, f)
	case *PEM:
		*p = d.pem(n, f)
	case *HTTPVersion:
		*p = d.httpVersion(n)
	case *Duration:
		*p = d.duration(n, f)
	case *ByteSize:
		*p = d.size(n)
	case **bool:
		*p = d.truth(n)
	case *int:
		*p = d.number(n, f)
	case *map[string]Template:
		*p = d.templates(n, f)
	case *FieldGroup:
		*p = d.fieldGroup(n)
	case *PriceRows:
		*p = d.priceRows(n)
	case *PriceMode:
		*p = d.priceMode(n)
	case *Decimal:
		*p = d.decimal(n)
	case *Date:
		*p = d.date(n)
	default:
		d.composite(n, v, f)
	}
}

// composite fills what holds other values: a struct, a map by name or a list.
func (d *decoder) composite(n *node, v reflect.Value, f field) {
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v)
	case reflect.Map:
		d.byName(n, v, f)
	case reflect.Slice:
		d.list(n, v)
	default:
		panic("config: no way to decode " + v.Type().String())
	}
}

func (d *decoder) structure(n *node, v reflect.Value) {
	before := len(d.problems)
	d.keys(n, v)
	if p, ok := v.Addr().Interface().(placed); ok {
		p.place(n, len(d.problems) > before || n.lacks())
	}
}

func (d *decoder) keys(n *node, v reflect.Value) {
	fields := d.fieldsOf(v.Type())
	if i := slices.IndexFunc(fields, func(f field) bool { return f.short }); i >= 0 && n.kind != mappingKind {
		d.value(n, v.FieldByIndex(fields[i].index), fields[i])
		return
	}
	if !d.isMapping(n, "a mapping with keys such as "+keyList(fields[:min(3, len(fields))])) {
		return
	}
	d.entries(n, v, fields)
	for _, f := range fields {
		if f.required && !n.gives(f.key, keysOf(fields)) {
			d.reject(n, "%s", missing(f))
		}
	}
}

func (d *decoder) entries(n *node, v reflect.Value, fields []field) {
	for _, e := range n.entries {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == e.key })
		if i < 0 {
			d.rejectKey(n, e, "%s", unknown("key", e.key, keysOf(fields)))
			continue
		}
		d.value(e.value, v.FieldByIndex(fields[i].index), fields[i])
	}
}

// byName fills a map from the entries of a mapping, whatever their names are. A name stays known when its value is wrong:
// what refers to it is right.
func (d *decoder) byName(n *node, v reflect.Value, f field) {
	if !d.isMapping(n, "a mapping of names") {
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.entries)))
	for _, e := range n.entries {
		switch f.form {
		case "provider":
			d.providerName(n, e)
		case "price":
			d.priceName(n, e)
		}
		x := reflect.New(v.Type().Elem()).Elem()
		d.value(e.value, x, field{})
		v.SetMapIndex(reflect.ValueOf(e.key), x)
	}
}

func (d *decoder) list(n *node, v reflect.Value) {
	if n.kind != listKind {
		d.wrongKind(n, "a list, each item after a -")
		return
	}
	if len(n.items) == 0 {
		d.reject(n, "the list is empty; remove the key or write an item")
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		d.value(item, v.Index(i), field{})
	}
}

func (d *decoder) isMapping(n *node, want string) bool {
	if n.kind != mappingKind {
		d.wrongKind(n, want)
	}
	return n.kind == mappingKind
}

func (d *decoder) wrongKind(n *node, want string) {
	switch n.kind {
	case brokenKind:
	case nothingKind:
		d.reject(n, "nothing stands here; write %s, or remove the key", want)
	default:
		d.reject(n, "%s stands here; write %s", n.kind.noun(), want)
	}
}

func (d *decoder) reject(n *node, format string, args ...any) {
	d.problems = append(d.problems, n.problem(format, args...))
}

// rejectKey is a problem with a key of n.
func (d *decoder) rejectKey(n *node, e entry, format string, args ...any) {
	d.problems = append(d.problems, Problem{e.pos, n.path, fmt.Sprintf(format, args...)})
}

// field is a field of a struct and what its tags say of it.
type field struct {
	key      string
	index    []int
	form     string
	required bool
	short    bool // it alone may stand in place of the struct
	enum     []string

	minimum, maximum int // of a Count
}

// fieldsOf is the function of that name, asked once for each type: a file holds thousands of structs of a dozen types.
func (d *decoder) fieldsOf(t reflect.Type) []field {
	fields, ok := d.known[t]
	if !ok {
		fields = fieldsOf(t)
		d.known[t] = fields
	}
	return fields
}

// fieldsOf are the fields of a struct that the file can give, those of a struct without a key in it as its own.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		if t.Field(i).Anonymous && t.Field(i).Tag == "" {
			for _, f := range fieldsOf(t.Field(i).Type) {
				f.index = append([]int{i}, f.index...)
				fields = append(fields, f)
			}
			continue
		}
		tag := t.Field(i).Tag
		f := field{key: tag.Get("yaml"), index: []int{i}, form: tag.Get("form"), short: tag.Get("short") != ""}
		if f.key == "-" {
			continue
		}
		for part := range strings.SplitSeq(tag.Get("jsonschema"), ",") {
			f.required = f.required || part == "required"
			if choice, ok := strings.CutPrefix(part, "enum="); ok {
				f.enum = append(f.enum, choice)
			}
			_, _ = fmt.Sscanf(part, "minimum=%d", &f.minimum)
			_, _ = fmt.Sscanf(part, "maximum=%d", &f.maximum)
		}
		fields = append(fields, f)
	}
	return fields
}

func missing(f field) string {
	if len(f.enum) == 1 {
		return fmt.Sprintf("%s is missing; write %s: %s", f.key, f.key, f.enum[0])
	}
	return f.key + " is missing"
}

func keysOf(fields []field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}

func keyList(fields []field) string { return strings.Join(keysOf(fields), ", ") }

// unknown says that there is no such name, and which was meant: the nearest one, or else one of all.
func unknown(what, name string, known []string) string {
	message := "unknown " + what + " " + quoted(name)
	if near := Nearest(name, known); near != "" {
		return message + "; did you mean " + near + "?"
	}
	if len(known) == 0 {
		return message + "; there is none"
	}
	return message + "; known are " + strings.Join(known, ", ")
}
