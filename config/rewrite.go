package config

import (
	"net/textproto"
	"strings"
)

// template is a text with holes and references. It may be empty where a header's value may be.
func (d *decoder) template(n *node, f field) (Template, bool) {
	if !d.isText(n, f) {
		return Template{}, false
	}
	if n.text == "" && f.form == "" {
		d.reject(n, "the text is empty; write a value or remove the key")
		return Template{}, false
	}
	t := Template{Text: n.asText()}
	var problems Problems
	t.Parts, problems = parseTemplate(t.Text, d.resolver(n.pos.File))
	d.add(problems...)
	if problems != nil || f.form != "query" && !d.isClean(n, t.Parts) {
		return Template{}, false
	}
	return t, true
}

// resolver resolves the references of one file and remembers the files that they name.
func (d *decoder) resolver(file string) func(string) (Secret, error) {
	return func(reference string) (Secret, error) {
		if path, ok := strings.CutPrefix(reference, "file:"); ok && strings.TrimSpace(path) != "" {
			d.paths.add(relativeTo(file, strings.TrimSpace(path)))
		}
		return d.references.resolve(reference, file)
	}
}

// isClean refuses what cannot be sent in a header or an address. A line break in a secret is most often a second line
// in its file; the value itself is not shown.
func (d *decoder) isClean(n *node, parts []Part) bool {
	for _, p := range parts {
		if p.Secret != nil && hasControl(p.Secret.Reveal()) {
			d.reject(n, "what the reference yields holds a line break or another control character, which cannot be sent")
			return false
		}
		if hasControl(p.Literal) {
			d.reject(n, "the value holds a line break or another control character, which cannot be sent")
			return false
		}
	}
	return true
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// templates are values by the name of a header, written as HTTP writes it, or of a query parameter.
func (d *decoder) templates(n *node, f field) map[string]Template {
	if !d.isMapping(n, "a mapping of names to values") {
		return nil
	}
	all := make(map[string]Template, len(n.entries))
	seen := map[string]entry{}
	for _, e := range n.entries {
		name := e.key
		if f.form == "header" || f.form == "response header" {
			name = textproto.CanonicalMIMEHeaderKey(e.key)
			if !d.isSettable(n, e, f) {
				continue
			}
			if first, ok := seen[name]; ok {
				d.rejectKey(n, e, "%s and %s are the same header; it stands at %s already", quoted(e.key), quoted(first.key), first.pos)
				continue
			}
			seen[name] = e
		}
		if t, ok := d.template(e.value, f); ok {
			all[name] = t
		}
	}
	return all
}

// isSettable reports whether a header may be set by the file.
func (d *decoder) isSettable(n *node, e entry, f field) bool {
	fault := headerFault(e.key)
	if fault == "" && f.form == "response header" && isOwnHeader(e.key) {
		fault = e.key + " cannot be set in an answer; the gateway itself says there which request it was and what went wrong"
	}
	if fault != "" {
		d.rejectKey(n, e, "%s", fault)
		return false
	}
	return true
}

// isOwnHeader reports whether the gateway adds the header to answers: one of the file's would not arrive, or be taken for
// the gateway's.
func isOwnHeader(name string) bool {
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "X-Windhover-Request-Id", "X-Windhover-Error", "X-Windhover-Attempt", "X-Windhover-Provider":
		return true
	}
	return false
}

// headerFault says why a header cannot be set, or is empty. Those that belong to one connection or frame the body are
// the transport's own: a wrong one there lets a second request slip into the first.
func headerFault(name string) string {
	if !isToken(name) {
		return quoted(name) + " is no header name"
	}
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "Host":
		return "Host cannot be set; it comes from upstream"
	case "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Upgrade":
		return name + " cannot be set; it belongs to the connection"
	}
	return ""
}

// isHeaderPattern checks an item of a list of headers to remove: a name in which * stands for any characters, after a ! or not.
func (d *decoder) isHeaderPattern(n *node) bool {
	if isToken(strings.TrimPrefix(n.text, "!")) {
		return true
	}
	d.reject(n, "%s is no header name; * may stand for any characters", quoted(n.text))
	return false
}

// isToken reports whether a text is a token of RFC 9110, 5.6.2, as header names are. A * is one of its characters.
func isToken(s string) bool {
	for _, r := range s {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r) {
			return false
		}
	}
	return s != ""
}
