package config

import (
	"fmt"
	"slices"
	"strings"
)

// The choices of the setting `labels` that are no names.
const (
	LabelsAny = "*"
	LabelsOff = "off"
)

// The bounds on labels, of which a client can send as many as it likes.
const (
	MaxLabelNames = 16
	MaxLabelName  = 32 // bytes
)

// minSalt is how short a salt may be, in characters: a short one can be found by trying.
const minSalt = 16

func setSalt(to *Secret, v string) error {
	if v != "" && len(v) < minSalt {
		return fmt.Errorf("the salt has %d characters, %d are the least; write a random text, as openssl rand -hex 32 prints one", len(v), minSalt)
	}
	*to = NewSecret(v)
	return nil
}

func setLabels(to *[]string, v string) error {
	*to = nil
	for name := range strings.SplitSeq(v, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case v == LabelsAny:
		case name == LabelsAny || (name == LabelsOff && v != LabelsOff):
			return fmt.Errorf("%s stands alone; write names, or %s for all, or %s for none", quoted(name), LabelsAny, LabelsOff)
		case !IsLabelName(name):
			return fmt.Errorf("%s is no label's name; write up to %d letters, digits, - and _", quoted(name), MaxLabelName)
		}
		if !slices.Contains(*to, name) {
			*to = append(*to, name)
		}
	}
	if len(*to) > MaxLabelNames {
		return fmt.Errorf("%d labels are too many; write %d at most", len(*to), MaxLabelNames)
	}
	return nil
}

// IsLabelName reports whether a label can have the name, in whatever case.
func IsLabelName(name string) bool {
	if name == "" || len(name) > MaxLabelName {
		return false
	}
	for _, c := range []byte(name) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
