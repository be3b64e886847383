package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
)

// level is one step of a chain of `extends`: a file, or the fragments of a folder as one.
type level struct {
	root *node
	head Document // version, extends and defaults; the sections are decoded when all levels lie over each other
}

// levels reads the providers file at path and all that it extends, the most general first.
func (l *loader) levels(path string) []level { return l.chain(path, l.head) }

// priceLevels are those of a file of prices.
func (l *loader) priceLevels(path string) []level { return l.chain(path, l.priceHead) }

// chain reads a file and all that it extends; head decodes what is not a section.
func (l *loader) chain(path string, decode func(*node) Document) []level {
	var levels []level
	seen := map[string]bool{}
	named := Text{}
	for {
		seen[identity(path)] = true
		root := l.read(path, named)
		if root == nil {
			break
		}
		head := decode(root)
		levels = append(levels, level{root, head})
		named = head.Extends
		if named.Empty() {
			// What is wrong with the key itself has been said; what it stands for is missing all the same.
			l.incomplete = l.incomplete || root.find("extends") != nil
			break
		}
		if path = l.extended(named); seen[identity(path)] {
			l.incomplete = true
			l.add(named.Problem("%s extends itself in the end", quoted(named.Value)))
			break
		}
	}
	slices.Reverse(levels)
	return levels
}

// extended is the path that `extends` names; the built-in file's is empty.
func (l *loader) extended(named Text) string {
	if named.Value == builtinName {
		return ""
	}
	return relativeTo(named.Pos.File, named.Value)
}

// identity is one name for all ways of writing a path.
func identity(path string) string {
	if path == "" {
		return ""
	}
	if absolute, err := filepath.Abs(path); err == nil {
		return absolute
	}
	return path
}

// head decodes what is not a section. The sections take part as known keys.
func (l *loader) head(root *node) Document {
	own := *root
	own.entries = slices.DeleteFunc(slices.Clone(root.entries), func(e entry) bool { return isSection(e.key) })
	var head Document
	l.structure(&own, reflect.ValueOf(&head).Elem())
	return head
}

// priceHead decodes what a file of prices may hold beside them.
func (l *loader) priceHead(root *node) Document {
	own := *root
	own.entries = slices.DeleteFunc(slices.Clone(root.entries), func(e entry) bool { return e.key == "prices" })
	var head PriceDocument
	l.structure(&own, reflect.ValueOf(&head).Elem())
	if head.Extends.Value == builtinName {
		l.add(head.Extends.Problem("the built-in prices lie under every file; remove this line"))
		head.Extends = Text{}
	}
	return Document{Version: head.Version, Extends: head.Extends}
}

func isSection(key string) bool {
	return key == "providers" || key == "fields" || key == "usage" || key == "prices"
}

// join adds the keys of a fragment to those of the ones before it. Each entry may stand in one of them only.
func (l *loader) join(all, fragment *node) {
	for _, e := range fragment.entries {
		i := slices.IndexFunc(all.entries, func(other entry) bool { return other.key == e.key })
		switch {
		case i < 0:
			all.entries = append(all.entries, e)
		case isSection(e.key):
			all.entries[i].value = l.union(all.entries[i].value, e.value)
		default:
			l.rejectKey(fragment, e, "%s stands in another fragment too, at %s; keep it in one of them", quoted(e.key), all.entries[i].pos)
		}
	}
}

// union is the entries of two fragments' sections of the same name.
func (l *loader) union(a, b *node) *node {
	if !l.isSectionMapping(a) || !l.isSectionMapping(b) {
		return a
	}
	both := *a
	both.entries = slices.Clone(a.entries)
	for _, e := range b.entries {
		i := slices.IndexFunc(a.entries, func(other entry) bool { return other.key == e.key })
		if i >= 0 {
			l.rejectKey(b, e, "%s stands in another fragment too, at %s; keep it in one of them", quoted(e.key), a.entries[i].pos)
			continue
		}
		both.entries = append(both.entries, e)
	}
	return &both
}

func (l *loader) isSectionMapping(n *node) bool { return l.isMapping(n, "a mapping of names") }

// overlay is a section with the entries of all levels: a more special one replaces the whole entry of a more general
// one, and `off` removes it. It is nil if no level has the section.
func (l *loader) overlay(section string, levels []level) *node {
	var all *node
	index := map[string]int{} // name to place in all.entries
	for i, level := range levels {
		n := level.root.find(section)
		if n == nil || !l.isSectionMapping(n) {
			continue
		}
		if all == nil {
			all = &node{pos: n.pos, path: n.path, kind: mappingKind}
		}
		for _, e := range n.entries {
			at, exists := index[e.key]
			// A price that is off is still a word on its model: the built-in table may have one.
			switch off := section != "prices" && e.value.kind == textKind && e.value.text == "off"; {
			case off && exists:
				delete(index, e.key)
			case off:
				l.nothingToRemove(e, index, i > 0)
			case exists:
				value := *e.value
				value.replaces = true
				all.entries[at] = entry{e.key, e.pos, &value}
			default:
				index[e.key] = len(all.entries)
				all.entries = append(all.entries, e)
			}
		}
	}
	return keep(all, index)
}

// keep drops the entries that were removed.
func keep(all *node, index map[string]int) *node {
	if all == nil {
		return nil
	}
	kept := make([]entry, 0, len(index))
	for i, e := range all.entries {
		if at, ok := index[e.key]; ok && at == i {
			kept = append(kept, e)
		}
	}
	all.entries = kept
	return all
}

// nothingToRemove says what `off` may have meant, unless a level is missing that may have held it.
func (l *loader) nothingToRemove(e entry, index map[string]int, extends bool) {
	if l.incomplete {
		return
	}
	if !extends {
		l.reject(e.value, "off removes nothing: the file extends no other")
		return
	}
	names := make([]string, 0, len(index))
	for name := range index {
		names = append(names, name)
	}
	slices.Sort(names)
	message := fmt.Sprintf("off removes nothing: no %s is in what the file extends", quoted(e.key))
	if near := Nearest(e.key, names); near != "" {
		message += "; did you mean " + near + "?"
	}
	l.reject(e.value, "%s", message)
}
