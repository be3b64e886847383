package config

import (
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
	for key, section := range map[string]any{"providers": f.Providers, "fields": f.Fields, "usage": f.Usage} {
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
	case map[string]Template:
		return shownTemplates(x)
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

func given(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func shownFields(v reflect.Value) any {
	tree := map[string]any{}
	for _, f := range fieldsOf(v.Type()) {
		if x := shownValue(v.Field(f.index)); x != nil {
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
		tree[name] = t.Shown()
		if isCredential(name) && t.holdsMore() {
			tree[name] = mask
		}
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
