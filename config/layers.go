package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

const (
	envPrefix     = "WINDHOVER_"
	configSetting = "config"
	settingsFile  = "windhover.yaml"
)

// AddFlags declares the named settings as flags; no names: all of them.
func AddFlags(flags *pflag.FlagSet, names ...string) {
	for _, x := range SettingsTable() {
		if len(names) > 0 && !slices.Contains(names, x.Name) {
			continue
		}
		flag := flags.VarPF(&flagValue{text: x.Default, form: x.Form}, x.Name, "", strings.ReplaceAll(x.Help, "`", ""))
		if x.Form == "" {
			flag.NoOptDefVal = "true"
		}
	}
}

// flagValue holds a flag as it was written: what it means is read in one place for all layers.
type flagValue struct{ text, form string }

func (v *flagValue) String() string         { return v.text }
func (v *flagValue) Set(value string) error { v.text = value; return nil }

func (v *flagValue) Type() string {
	if v.form == "" {
		return "bool" // how pflag knows a switch, for its help
	}
	return v.form
}

// LoadSettings reads the settings: flags before environment before the settings file before the defaults. An environment
// variable that is empty counts as not set. Folder is the working folder: where windhover.yaml is looked for.
// The error, if any, is Problems: every value that is wrong and every name that is unknown.
func LoadSettings(flags *pflag.FlagSet, environ []string, folder string) (Settings, error) {
	l := &layers{table: SettingsTable(), environ: environ}
	top := koanf.New(layerDelimiter)
	l.load(top, l.environment())
	l.load(top, l.flags(flags))

	all := koanf.New(layerDelimiter)
	l.load(all, l.defaults())
	l.load(all, l.file(top, folder))
	if err := all.Merge(top); err != nil {
		l.problems = append(l.problems, Problem{Message: err.Error()})
	}
	return l.settings(all), l.problems.Err()
}

// layerDelimiter stands in no name: koanf would cut a name in two where it does.
const layerDelimiter = "\x1f"

// layers collects the settings of all sources. A value is a Text that remembers its source, so that a mistake in it can be
// reported where it was made.
type layers struct {
	table    []Setting
	environ  []string
	problems Problems
}

func (l *layers) load(into *koanf.Koanf, layer koanf.Provider) {
	if err := into.Load(layer, nil); err != nil {
		l.problems = append(l.problems, Problem{Message: err.Error()})
	}
}

func (l *layers) defaults() koanf.Provider {
	values := map[string]any{}
	for _, x := range l.table {
		values[x.Name] = Text{Value: x.Default, Pos: Pos{File: "default of " + x.Name}}
	}
	return confmap.Provider(values, "")
}

func (l *layers) flags(flags *pflag.FlagSet) koanf.Provider {
	return posflag.ProviderWithFlag(flags, layerDelimiter, nil, func(f *pflag.Flag) (string, any) {
		if _, known := l.find(func(x Setting) string { return x.Name }, f.Name); !known {
			return "", nil // a flag of the command's own
		}
		return f.Name, Text{Value: f.Value.String(), Pos: Pos{File: "--" + f.Name}}
	})
}

func (l *layers) environment() koanf.Provider {
	return env.Provider(layerDelimiter, env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: func() []string { return l.environ },
		TransformFunc: func(name, value string) (string, any) {
			x, known := l.find(Setting.Env, name)
			if !known && !foreignVariable(name) {
				l.unknown(Text{Value: name, Pos: Pos{File: name}}, "environment variable", Setting.Env)
			}
			if !known || value == "" {
				return "", nil
			}
			return x.Name, Text{Value: value, Pos: Pos{File: name}}
		},
	})
}

// foreignVariable reports whether somebody else put a WINDHOVER_ variable into the environment: Kubernetes does so in every
// container for a service of that name, as in WINDHOVER_PORT_5501_TCP=tcp://10.0.0.1:5501.
// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
func foreignVariable(name string) bool {
	service := regexp.MustCompile(`^WINDHOVER(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)
	return isOfTests(name) || service.MatchString(name)
}

// file is the layer of the settings file. One that was named has to be there.
func (l *layers) file(top *koanf.Koanf, folder string) koanf.Provider {
	path := filepath.Join(folder, settingsFile)
	named, isNamed := top.Get(configSetting).(Text)
	if isNamed && named.Value != "" {
		path = named.Value
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !isNamed {
		return confmap.Provider(nil, "")
	}
	if err != nil {
		l.problems = append(l.problems, named.Problem("cannot read the settings file %s: %v", quoted(path), reason(err)))
		return confmap.Provider(nil, "")
	}
	return confmap.Provider(l.decode(path, data), "")
}

// settings is the values of the uppermost layers.
func (l *layers) settings(all *koanf.Koanf) Settings {
	var s Settings
	refs := &references{lookupEnv: l.lookupEnv, files: map[string]fileContent{}}
	for _, x := range l.table {
		text := all.Get(x.Name).(Text)
		value, err := expand(text.Value, func(reference string) (Secret, error) { return refs.resolve(reference, text.Pos.File) })
		if err == nil {
			err = x.set(&s, value.Reveal())
			if err != nil && value.Reveal() != text.Value {
				err = fmt.Errorf("what stands behind the reference is no %s", x.form()) // err holds the value, which may be a secret
			}
		}
		if err != nil {
			l.problems = append(l.problems, text.Problem("%s", err))
		}
	}
	return s
}

func (l *layers) lookupEnv(name string) (string, bool) {
	for _, entry := range l.environ {
		if n, value, ok := strings.Cut(entry, "="); ok && n == name {
			return value, true
		}
	}
	return "", false
}

func (l *layers) find(name func(Setting) string, want string) (Setting, bool) {
	for _, x := range l.table {
		if n := name(x); n != "" && n == want {
			return x, true
		}
	}
	return Setting{}, false
}

// isOfTests reports whether a variable is one of those that the project's own tests read: no setting, and no mistake either.
func isOfTests(name string) bool {
	switch name {
	case "WINDHOVER_RECORDINGS", // the folder of recorded answers
		"WINDHOVER_POSTGRES",                              // a server for the ledger
		"WINDHOVER_CHAOS",                                 // to break the ledger of a running gateway, so many times
		"WINDHOVER_LEDGER_ROWS", "WINDHOVER_LEDGER_SLACK", // how large a ledger is filled, and how slow it may be
		"WINDHOVER_LONG": // to take their time
		return true
	}
	return false
}
