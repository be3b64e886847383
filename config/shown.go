package config

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Shown is the file as people may see it: a tree of maps, lists and scalars with the keys of the providers file, everything
// laid over that it builds on. It holds no secret: a reference stands there as it was written, without its default, and
// what looks like a credential that was written down as it is, is masked.
func (f *File) Shown() map[string]any {
	tree := map[string]any{"version": 1}
	for key, section := range map[string]any{"providers": f.Providers, "fields": f.Fields, "usage": f.Usage, "prices": f.Prices, "models": f.Models} {
		if shown := shownValue(reflect.ValueOf(section)); shown != nil {
			tree[key] = shown
		}
	}
	return tree
}

// shownValue is a value with the keys that its tags give it, or nil where the file gives nothing.
func shownValue(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case Count, Ratio:
		if v.IsZero() {
			return nil
		}
	case Text:
		return given(x.Value)
	case Template:
		return given(x.Shown())
	case PEM:
		return given(x.Value)
	case SecretText:
		if x.Empty() {
			return nil
		}
		return mask
	case Duration:
		if !x.Set {
			return nil
		}
		return x.String()
	case ByteSize:
		if !x.Set {
			return nil
		}
		return x.String()
	case int:
		if x == 0 {
			return nil
		}
	case map[string]Template:
		return shownTemplates(x)
	case PriceRows:
		return shownRows(x)
	case PriceMode:
		if !x.Factor.Empty() {
			return shownValue(reflect.ValueOf(x.Factor))
		}
	case Decimal:
		if x.Empty() {
			return nil
		}
		return json.Number(x.Value)
	case Date:
		return given(x.Value)
	}
	switch v.Kind() {
	case reflect.Struct:
		return shownFields(v)
	case reflect.Map:
		return shownEntries(v)
	case reflect.Slice:
		return shownItems(v)
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return shownValue(v.Elem())
	case reflect.String:
		return given(v.String())
	}
	return v.Interface()
}

// shownRows are prices as they may stand in a file: a single row without brackets.
func shownRows(rows PriceRows) any {
	switch {
	case rows.Off():
		return "off"
	case len(rows) == 1:
		return shownValue(reflect.ValueOf(rows[0]))
	}
	return shownItems(reflect.ValueOf(rows))
}

func given(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func shownFields(v reflect.Value) any {
	tree := map[string]any{}
	for _, f := range fieldsOf(v.Type()) {
		if x := shownValue(v.FieldByIndex(f.index)); x != nil {
			tree[f.key] = x
		}
	}
	if len(tree) == 0 {
		return nil
	}
	return tree
}

func shownEntries(v reflect.Value) any {
	tree := map[string]any{}
	for _, key := range v.MapKeys() {
		tree[key.String()] = shownValue(v.MapIndex(key))
	}
	if len(tree) == 0 {
		return nil
	}
	return tree
}

func shownItems(v reflect.Value) any {
	var items []any
	for i := range v.Len() {
		items = append(items, shownValue(v.Index(i)))
	}
	if items == nil {
		return nil
	}
	return items
}

// shownTemplates are the values of headers or query parameters, each under a name that tells whether it may be a credential.
func shownTemplates(values map[string]Template) any {
	tree := map[string]any{}
	for name, t := range values {
		tree[name] = t.ShownAs(name)
	}
	if len(tree) == 0 {
		return nil
	}
	return tree
}

// Shown is the template as it stands in the file, less the defaults of its references.
func (t Template) Shown() string {
	reference := regexp.MustCompile(`\$?\$\{[A-Za-z_][A-Za-z0-9_]*:-[^}]*\}`)
	return reference.ReplaceAllStringFunc(t.Value, func(s string) string {
		name, _, _ := strings.Cut(s, ":-")
		if strings.HasPrefix(s, "$$") {
			return s // an escaped one is text
		}
		return name + ":-" + mask + "}"
	})
}

// ShownAs is Shown of the value of a header or a query parameter: what looks like a credential that was written down as it is, is
// masked as a whole.
func (t Template) ShownAs(name string) string {
	if isCredential(name) && t.holdsMore() {
		return mask
	}
	return t.Shown()
}

// Credentials are the texts in the value of a header or a query parameter that are not to be shown: what references yield, and,
// if its name says that it is a credential, what was written down.
func (t Template) Credentials(name string) []string {
	var all []string
	for _, p := range t.Parts {
		if p.Secret != nil {
			all = append(all, p.Secret.Reveal())
			continue
		}
		scheme, rest, found := strings.Cut(strings.TrimSpace(p.Literal), " ")
		switch {
		case !isCredential(name):
		case found:
			all = append(all, strings.TrimSpace(rest))
		default:
			all = append(all, scheme)
		}
	}
	return all
}

// holdsMore reports whether there is text in the template beside references, expressions and the name of a scheme.
func (t Template) holdsMore() bool {
	return slices.ContainsFunc(t.Parts, func(p Part) bool {
		switch strings.ToLower(strings.TrimSpace(p.Literal)) {
		case "", "bearer", "basic", "token", "key":
			return false
		}
		return true
	})
}

// isCredential tells by the name of a header or a query parameter whether its value may be one.
func isCredential(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"auth", "key", "token", "secret", "password", "cookie", "signature"}, func(part string) bool {
		return strings.Contains(name, part)
	})
}
