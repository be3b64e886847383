package config

import "reflect"

// SameContent reports whether two values of a File say the same, wherever in their files they stand. What a reference
// yields is part of it.
func SameContent[T Provider | FieldGroup | RuleSet | PriceRows](a, b T) bool {
	return sameContent(reflect.ValueOf(a), reflect.ValueOf(b))
}

// sameContent compares values of one type. It walks the types, as the decoder does, so that a new key is never forgotten.
func sameContent(a, b reflect.Value) bool {
	switch a.Type() {
	case reflect.TypeFor[Pos]():
		return true
	case reflect.TypeFor[Text]():
		return a.FieldByName("Value").Equal(b.FieldByName("Value")) // the rest is where it stands
	case reflect.TypeFor[SecretText]():
		return sameContent(a.FieldByName("Secret"), b.FieldByName("Secret"))
	}
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if !sameContent(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		return a.Len() == b.Len() && sameItems(a, b)
	case reflect.Map:
		return a.Len() == b.Len() && sameEntries(a, b)
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() && b.IsNil()
		}
		return sameContent(a.Elem(), b.Elem())
	}
	return a.Equal(b)
}

func sameItems(a, b reflect.Value) bool {
	for i := range a.Len() {
		if !sameContent(a.Index(i), b.Index(i)) {
			return false
		}
	}
	return true
}

func sameEntries(a, b reflect.Value) bool {
	for _, key := range a.MapKeys() {
		if other := b.MapIndex(key); !other.IsValid() || !sameContent(a.MapIndex(key), other) {
			return false
		}
	}
	return true
}
