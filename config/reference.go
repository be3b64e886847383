package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// maxSecret bounds a file that `${file:…}` names, in bytes.
const maxSecret = 64 << 10

// references resolves ${…}: to a variable of the environment or to what a file holds. Each file is read once a load, so
// that all who name it see the same.
type references struct {
	lookupEnv func(string) (string, bool)
	noSecrets bool
	files     map[string]fileContent
}

type fileContent struct {
	text string
	err  error
}

// resolve gives the value of what stands between ${ and }. The file that names it is where relative paths start. An error
// names the variable or the file and never holds a value.
func (r *references) resolve(reference, namedIn string) (Secret, error) {
	if path, ok := strings.CutPrefix(reference, "file:"); ok {
		return r.fromFile(strings.TrimSpace(path), namedIn)
	}
	name, fallback, hasFallback := strings.Cut(reference, ":-")
	if !isVariable(name) {
		return Secret{}, fmt.Errorf("%s is no reference; write ${NAME}, ${NAME:-default} or ${file:PATH}, or $${ for a literal ${", quoted("${"+reference+"}"))
	}
	if r.noSecrets {
		return Secret{value: fallback, missing: !hasFallback, written: hasFallback}, nil
	}
	value, set := r.lookupEnv(name)
	switch {
	case value != "":
		return NewSecret(value), nil
	case hasFallback:
		return Secret{value: fallback, written: true}, nil
	case set:
		return Secret{}, fmt.Errorf("the environment variable %s is empty; set it, or write ${%s:-} if it may be empty", name, name)
	}
	return Secret{}, fmt.Errorf("the environment variable %s is not set; set it, or write ${%s:-default}", name, name)
}

// expand replaces every reference in a text by what it stands for; there are no holes in it. The whole is as secret as
// what it is made of, and missing where a part is.
func expand(text string, resolve func(reference string) (Secret, error)) (Secret, error) {
	var out strings.Builder
	missing := false
	for {
		before, after, found := strings.Cut(text, "${")
		if !found {
			return Secret{value: out.String() + before, missing: missing}, nil
		}
		if literal, escaped := strings.CutSuffix(before, "$"); escaped {
			out.WriteString(literal + "${")
			text = after
			continue
		}
		reference, behind, closed := strings.Cut(after, "}")
		if !closed {
			return Secret{}, errors.New("this ${ is not closed; write $${ for a literal ${")
		}
		secret, err := resolve(reference)
		if err != nil {
			return Secret{}, err
		}
		out.WriteString(before + secret.Reveal())
		missing = missing || secret.Missing()
		text = behind
	}
}

// fromFile is what a file holds, less one line break at its end: editors and `echo` add it, and no secret means it.
func (r *references) fromFile(path, namedIn string) (Secret, error) {
	if path == "" {
		return Secret{}, errors.New("${file:} names no file; write ${file:PATH}")
	}
	path = relativeTo(namedIn, path)
	content, ok := r.files[path]
	if !ok {
		content = r.read(path)
		r.files[path] = content
	}
	if content.err != nil {
		return Secret{}, content.err
	}
	return Secret{value: content.text, missing: r.noSecrets}, nil
}

func (r *references) read(path string) fileContent {
	if r.noSecrets {
		return fileContent{}
	}
	data, err := readBounded(path, maxSecret)
	if err != nil {
		return fileContent{err: fmt.Errorf("cannot read the file %s: %w", quoted(path), err)}
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if text == "" {
		return fileContent{err: fmt.Errorf("the file %s is empty", quoted(path))}
	}
	return fileContent{text: text}
}

// relativeTo is a path as seen from the folder of the file that names it.
func relativeTo(namedIn, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(filepath.Dir(namedIn), path)
}

// readBounded reads a file of at most limit bytes. Its error says the reason alone: who reports it names the file.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, reason(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("it is larger than %v", Size(limit))
	}
	return data, nil
}

// reason is a file error without the name of the file and of the call.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// isVariable reports whether a name can be one of an environment variable.
func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// findReference is the offset of the first reference in a text that must not hold one, or -1.
func findReference(text string) int {
	if !strings.Contains(text, "${") {
		return -1
	}
	at := regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?|file:[^}]*)\}`).FindStringIndex(text)
	if at == nil {
		return -1
	}
	return at[0]
}
