package config

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

const (
	// builtinName is how `extends` and positions name the file that is built in.
	builtinName = "builtin"
	// maxFile bounds one YAML file, in bytes.
	maxFile = 16 << 20
)

// Options are what Load takes from its surroundings.
type Options struct {
	Builtin   []byte                           // the file that is built in; nil: there is none
	LookupEnv func(name string) (string, bool) // nil: os.LookupEnv
	Prices    string                           // path of a file of prices that is laid over those of the providers file; empty: none
	NoSecrets bool                             // every reference counts as set, and nothing is looked up: for a check away from where the secrets are
}

// Load reads the providers file at path, or the `*.yaml` files of a folder there, or the built-in file where path is
// empty, with all it builds on. The error is Problems, holding every problem of all its files. The File is never nil:
// a value with a problem is left out of it, so that the caller can look for problems of meaning in the rest. Where a whole
// file could not be read, or is no YAML, the File holds only Paths and Revision: nothing can be said about the rest then.
func Load(path string, o Options) (*File, error) {
	l := newLoader(o)
	levels := l.levels(path)
	if o.Prices != "" {
		levels = append(levels, l.priceLevels(o.Prices)...)
	}
	file := l.assemble(levels)
	if l.incomplete {
		file = &File{}
	}
	file.Paths = l.decoder.paths
	file.Revision = hex.EncodeToString(l.sum.Sum(nil))[:12]
	return file, l.decoder.problems.Err()
}

// loader reads the files of one load.
type loader struct {
	decoder
	builtin    []byte
	sum        hash.Hash
	incomplete bool // a file is missing from what was read
}

func newLoader(o Options) *loader {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	return &loader{
		builtin: o.Builtin,
		sum:     sha256.New(),
		decoder: decoder{
			references: references{lookupEnv: o.LookupEnv, noSecrets: o.NoSecrets, files: map[string]fileContent{}},
			pems:       map[string]pemFile{},
			known:      map[reflect.Type][]field{},
		},
	}
}

// assemble makes one File of the levels, the most general first.
func (l *loader) assemble(levels []level) *File {
	var doc Document
	for _, key := range []string{"providers", "fields", "usage", "prices"} {
		l.sections(key, levels, &doc)
	}
	defaults := l.defaults(levels)
	for _, name := range slices.Sorted(maps.Keys(doc.Providers)) {
		p := doc.Providers[name]
		p.Name = name
		l.layUnder(&p, defaults)
		doc.Providers[name] = p
	}
	return &File{Providers: doc.Providers, Fields: doc.Fields, Usage: doc.Usage, Prices: doc.Prices, Models: models(levels)}
}

// models are those that any level names, each once.
func models(levels []level) TextList {
	var all TextList
	for _, level := range levels {
		for _, m := range level.head.Models {
			if !slices.ContainsFunc(all, func(t Text) bool { return t.Value == m.Value }) {
				all = append(all, m)
			}
		}
	}
	return all
}

// sections decodes one of the sections of named entries, laid over from all levels.
func (l *loader) sections(key string, levels []level, doc *Document) {
	root := &node{kind: mappingKind}
	if merged := l.overlay(key, levels); merged != nil {
		root.entries = []entry{{key: key, value: merged}}
	}
	if key == "providers" {
		defer l.checkProviders(root.find(key))
	}
	v := reflect.ValueOf(doc).Elem()
	l.entries(root, v, l.fieldsOf(v.Type()))
}

// read is the tree of the file, folder or built-in file at path, or nil.
func (l *loader) read(path string, namedAt Text) *node {
	if path == "" {
		return l.parse(builtinName, l.builtin)
	}
	l.paths.add(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return l.readFolder(path)
	}
	return l.readFile(path, namedAt)
}

// readFile reads one YAML file. That it cannot be read is a problem of the place that names it, if a file does.
func (l *loader) readFile(path string, namedAt Text) *node {
	data, err := readBounded(path, maxFile)
	if err != nil {
		l.incomplete = true
		if namedAt.Empty() {
			l.add(Problem{Pos: Pos{File: path}, Message: "cannot read the file: " + err.Error()})
		} else {
			l.add(namedAt.Problem("cannot read the file %s: %v", quoted(path), err))
		}
		return nil
	}
	return l.parse(path, data)
}

func (l *loader) parse(name string, data []byte) *node {
	digest := sha256.Sum256(data)
	l.sum.Write(digest[:])
	root, problems := parse(name, data)
	l.add(problems...)
	l.incomplete = l.incomplete || root == nil
	return root
}

// readFolder reads the fragments of a folder as if they were one file.
func (l *loader) readFolder(folder string) *node {
	items, err := os.ReadDir(folder)
	if err != nil {
		l.incomplete = true
		l.add(Problem{Pos: Pos{File: folder}, Message: "cannot read the folder: " + reason(err).Error()})
		return nil
	}
	all := &node{pos: Pos{File: folder}, kind: mappingKind}
	found := false
	for _, item := range items {
		if !isFragment(folder, item.Name()) {
			continue
		}
		found = true
		path := filepath.Join(folder, item.Name())
		l.paths.add(path)
		root := l.readFile(path, Text{})
		if root == nil {
			all.partial = true
			continue
		}
		l.join(all, root)
	}
	if !found {
		l.incomplete = true
		l.add(Problem{Pos: Pos{File: folder}, Message: "no *.yaml file is in this folder"})
		return nil
	}
	return all
}

// isFragment leaves out what editors and volume mounts keep beside the files: names that start with a dot.
func isFragment(folder, name string) bool {
	if strings.HasPrefix(name, ".") || filepath.Ext(name) != ".yaml" {
		return false
	}
	info, err := os.Stat(filepath.Join(folder, name))
	return err != nil || !info.IsDir()
}

// pathSet is file names in the order they were met, each once.
type pathSet []string

func (p *pathSet) add(path string) {
	if !slices.Contains(*p, path) {
		*p = append(*p, path)
	}
}
