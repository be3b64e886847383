package config

import "fmt"

// decode is the values of a settings file by the names of their settings.
func (l *layers) decode(file string, data []byte) map[string]any {
	values := map[string]any{}
	root, problems := parse(file, data)
	l.problems = append(l.problems, problems...)
	if root == nil {
		return values
	}
	for _, e := range root.entries {
		x, known := l.find(Setting.Key, e.key)
		if !known {
			l.unknown(Text{Value: e.key, Pos: e.pos}, "setting", Setting.Key)
			continue
		}
		if text, ok := l.settingText(x, e.value); ok {
			values[x.Name] = text
		}
	}
	return values
}

// settingText is a scalar as it stands in the file. A number or a truth value needs no quotes here, because every setting
// says itself what it takes.
func (l *layers) settingText(x Setting, n *node) (Text, bool) {
	switch n.kind {
	case textKind, numberKind, truthKind:
		return n.asText(), true
	}
	l.problems = append(l.problems, n.problem("%s stands here; write %s", n.kind.noun(), x.form()))
	return Text{}, false
}

// unknown reports a name that is no setting's. Names are what a setting is called in the same place.
func (l *layers) unknown(name Text, kind string, names func(Setting) string) {
	known := make([]string, 0, len(l.table))
	for _, x := range l.table {
		if n := names(x); n != "" {
			known = append(known, n)
		}
	}
	message := fmt.Sprintf("unknown %s %s", kind, quoted(name.Value))
	if near := Nearest(name.Value, known); near != "" {
		message += fmt.Sprintf("; did you mean %s?", near)
	}
	l.problems = append(l.problems, name.Problem("%s", message))
}
