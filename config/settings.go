package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Settings are what the process is told about itself; what it knows about providers stands in the providers file. They
// hold for as long as the process runs. What each one means and looks like says SettingsTable.
type Settings struct {
	Listen         string // host:port, or a unix socket behind UnixPrefix; so is Admin
	TLSCert        string
	TLSKey         string
	HSTS           time.Duration // 0: off
	PublicURL      string        // without a slash at its end; empty: none was given
	TrustedProxies []netip.Prefix
	Admin          string // empty: no admin listener
	AdminToken     Secret
	AdminOpen      bool
	AdminTLSCert   string
	AdminTLSKey    string
	AdminClientCA  string        // empty: a client of the admin listener shows no certificate
	Metrics        string        // empty: no listener for metrics alone
	Providers      string        // empty: none was named
	Prices         string        // empty: there is none
	Data           string        // folder; empty: nothing is kept
	Database       Secret        // URL of a PostgreSQL database; empty: SQLite in the data folder
	Retention      time.Duration // 0: for ever
	Records        string
	Page           string
	Identity       string
	IdentitySalt   Secret   // empty: none was given
	Labels         []string // LabelsAny or LabelsOff alone, or names in lower case
	KeepStreams    bool     // the providers' stream_usage is off
	MaxRequests    int      // 0: any number
	MaxBody        Size     // 0: any
	MaxHeader      Size
	BodyMemory     Size
	ReusePort      bool
	LogLevel       slog.Level
	LogFormat      string
	DrainDelay     time.Duration
	DrainTimeout   time.Duration
}

// Setting is one row of SettingsTable.
type Setting struct {
	Name    string // of the flag; Env and Key are the same name elsewhere
	Form    string // what a value looks like; empty: a switch
	Default string
	Help    string

	set func(s *Settings, value string) error
}

// SettingsTable is every setting, and the only place that lists them: flags, environment variables, keys of windhover.yaml,
// defaults, --help and README's table are all made from it.
func SettingsTable() []Setting {
	return []Setting{
		{"config", "FILE", "", "settings file; without it, `windhover.yaml` in the working folder if there is one",
			func(*Settings, string) error { return nil }},
		{"listen", "ADDR", ":5501", "where clients find the gateway: `HOST:PORT`, or `unix:/PATH` of a socket",
			func(s *Settings, v string) error { return setAddress(&s.Listen, v) }},
		{"tls-cert", "FILE", "", "certificate chain (PEM) to serve clients over TLS with; a renewed one is taken up while the gateway runs",
			func(s *Settings, v string) error { s.TLSCert = v; return nil }},
		{"tls-key", "FILE", "", "the certificate's private key (PEM)",
			func(s *Settings, v string) error { s.TLSKey = v; return nil }},
		{"hsts", "DURATION", "0s", "how long browsers shall insist on TLS (Strict-Transport-Security), as in `8760h`; off by default",
			func(s *Settings, v string) error { return setDuration(&s.HSTS, v) }},
		{"public-url", "URL", "", "how clients write the gateway's address, where that is not what it listens on; the page at `/` and the log show it",
			func(s *Settings, v string) error { return setPublicURL(&s.PublicURL, v) }},
		{"trusted-proxies", "CIDR,…", "", "proxies whose `X-Forwarded-For` is believed for the record's `client`; 127.0.0.1 stands for a unix socket, too",
			func(s *Settings, v string) error { return setNetworks(&s.TrustedProxies, v) }},
		{"admin", "ADDR|off", "127.0.0.1:5502", "where operators find it: metrics, configuration, reload, readiness, pprof",
			func(s *Settings, v string) error { return setAddressOrOff(&s.Admin, v) }},
		{"admin-token", "TOKEN", "", "bearer token that the admin listener asks for; better written as `${file:PATH}`",
			func(s *Settings, v string) error { s.AdminToken = NewSecret(v); return nil }},
		{"admin-open", "", "false", "let an admin listener that others can reach do without a token",
			func(s *Settings, v string) error { return setSwitch(&s.AdminOpen, v) }},
		{"admin-tls-cert", "FILE", "", "certificate chain (PEM) to serve the admin listener over TLS with; a renewed one is taken up while the gateway runs",
			func(s *Settings, v string) error { s.AdminTLSCert = v; return nil }},
		{"admin-tls-key", "FILE", "", "that certificate's private key (PEM)",
			func(s *Settings, v string) error { s.AdminTLSKey = v; return nil }},
		{"admin-client-ca", "FILE", "", "authorities (PEM) of which an operator's client has to show a certificate; others may reach the admin listener then, without a token",
			func(s *Settings, v string) error { s.AdminClientCA = v; return nil }},
		{"metrics", "ADDR|off", "off", "where `/metrics` is served alone and without a token; the admin listener has it in any case",
			func(s *Settings, v string) error { return setAddressOrOff(&s.Metrics, v) }},
		{"providers", "FILE|DIR|builtin", "", "providers file, or a folder of its fragments; without it, `providers.yaml` in the working folder if there is one, else the built-in file",
			func(s *Settings, v string) error { s.Providers = v; return nil }},
		{"prices", "FILE", "", "file of prices (`version: 1` and `prices:`) laid over those of the providers file, and taken up with it when it changes",
			func(s *Settings, v string) error { s.Prices = v; return nil }},
		{"data", "DIR|none", "./data", "folder of the ledger and of the spool that records wait in while it cannot be written; `none` keeps nothing",
			func(s *Settings, v string) error { return setFolderOrNone(&s.Data, v) }},
		{"database", "sqlite|URL", "sqlite", "where the ledger is: a SQLite file in the data folder, or a PostgreSQL database that several gateways share, as in `postgres://USER:PASSWORD@HOST/NAME`; better written as `${file:PATH}`",
			func(s *Settings, v string) error { return setDatabase(&s.Database, v) }},
		{"retention", "DURATION", "2160h", "how long records are kept in the ledger; totals by hour and day stay. `0s` keeps all for ever",
			func(s *Settings, v string) error { return setDuration(&s.Retention, v) }},
		{"records", "none|-|FILE", "-", "where each attempt's record goes as a line of JSON; `-` is standard output",
			func(s *Settings, v string) error { s.Records = v; return nil }},
		{"identity", "hash|off", "hash", "whether a record's `key` tells clients apart, by a salted hash of their credential",
			func(s *Settings, v string) error { return setChoice(&s.Identity, v, "hash", "off") }},
		{"identity-salt", "SALT", "", "salt of these hashes where many gateways are to make the same ones, 16 characters or more; better written as `${file:PATH}`",
			func(s *Settings, v string) error { return setSalt(&s.IdentitySalt, v) }},
		{"labels", "NAME,…|*|off", LabelsAny, "which `X-Windhover-Label-NAME` headers of a request its record keeps; upstream goes none",
			func(s *Settings, v string) error { return setLabels(&s.Labels, v) }},
		{"page", "full|names|off", "full", "what `/` shows: providers and their upstreams, only their names, or nothing",
			func(s *Settings, v string) error { return setChoice(&s.Page, v, "full", "names", "off") }},
		{"stream-usage", "on|off", "on", "whether providers with `stream_usage` are asked for usage in streams; `off` keeps every byte of requests and answers",
			func(s *Settings, v string) error { return setKeepStreams(&s.KeepStreams, v) }},
		{"max-requests", "N", "0", "how many requests may be open at a time, WebSockets included, before one more gets 503; 0 is any number",
			func(s *Settings, v string) error { return setCount(&s.MaxRequests, v) }},
		{"max-body", "SIZE", "0B", "what the body of a request may have before it gets 413, as in `256MiB`, where its provider says nothing else; 0B is anything: bodies pass through and are not kept",
			func(s *Settings, v string) error { return setSize(&s.MaxBody, v) }},
		{"max-header", "SIZE", "1MiB", "what the header of a request may have before it gets 431",
			func(s *Settings, v string) error { return setPositiveSize(&s.MaxHeader, v) }},
		{"body-memory", "SIZE", "256MiB", "what is kept of the bodies of all open requests together, to name models and to ask for usage; beyond it bodies pass on without being kept",
			func(s *Settings, v string) error { return setPositiveSize(&s.BodyMemory, v) }},
		{"reuseport", "", "false", "let several gateways of this machine listen on one address (SO_REUSEPORT); for scaling, not for restarts",
			func(s *Settings, v string) error { return setSwitch(&s.ReusePort, v) }},
		{"log-level", "debug|info|warn|error", "info", "the least that is logged on standard error",
			func(s *Settings, v string) error { return setLevel(&s.LogLevel, v) }},
		{"log-format", "text|json", "text", "how it is logged",
			func(s *Settings, v string) error { return setChoice(&s.LogFormat, v, "text", "json") }},
		{"drain-delay", "DURATION", "0s", "how long connections are still accepted after SIGTERM, so that whoever sends them learns that the gateway is not ready",
			func(s *Settings, v string) error { return setDuration(&s.DrainDelay, v) }},
		{"drain-timeout", "DURATION", "10m", "how long open exchanges may go on after that",
			func(s *Settings, v string) error { return setDuration(&s.DrainTimeout, v) }},
	}
}

func setKeepStreams(keep *bool, v string) error {
	var choice string
	err := setChoice(&choice, v, "on", "off")
	*keep = choice == "off"
	return err
}

// setFolderOrNone keeps nothing for `none`.
func setFolderOrNone(to *string, value string) error {
	switch value {
	case "none":
		*to = ""
	case "":
		return errors.New("this names no folder; write none to keep nothing")
	default:
		*to = value
	}
	return nil
}

// setDatabase takes the URL of a database, which may hold a password: no error says what it is.
func setDatabase(to *Secret, value string) error {
	switch {
	case value == "sqlite":
		*to = Secret{}
	case isDatabase(value):
		*to = NewSecret(value)
	default:
		return errors.New("this is no database; write sqlite, or postgres://USER:PASSWORD@HOST/NAME")
	}
	return nil
}

func isDatabase(value string) bool {
	return strings.HasPrefix(value, "postgres://") || strings.HasPrefix(value, "postgresql://")
}

// Env is the setting's environment variable.
func (x Setting) Env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(x.Name, "-", "_"))
}

// Key is the setting's key in windhover.yaml, or "" for the one that says where that file is.
func (x Setting) Key() string {
	if x.Name == configSetting {
		return ""
	}
	return strings.ReplaceAll(x.Name, "-", "_")
}

// form is what a value looks like, of a switch too.
func (x Setting) form() string {
	if x.Form == "" {
		return "true|false"
	}
	return x.Form
}

func setChoice(to *string, value string, choices ...string) error {
	for _, c := range choices {
		if c == value {
			*to = value
			return nil
		}
	}
	return notOneOf(value, choices)
}

func setLevel(to *slog.Level, value string) error {
	switch value {
	case "debug":
		*to = slog.LevelDebug
	case "info":
		*to = slog.LevelInfo
	case "warn":
		*to = slog.LevelWarn
	case "error":
		*to = slog.LevelError
	default:
		return notOneOf(value, []string{"debug", "info", "warn", "error"})
	}
	return nil
}

func setSwitch(to *bool, value string) error {
	switch value {
	case "true":
		*to = true
	case "false":
		*to = false
	default:
		return notOneOf(value, []string{"true", "false"})
	}
	return nil
}

func setDuration(to *time.Duration, value string) error {
	d, err := ParseDuration(value)
	if err != nil {
		return err
	}
	*to = d
	return nil
}

func setCount(to *int, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return fmt.Errorf("%s is no whole number from 0", quoted(value))
	}
	*to = n
	return nil
}

func setSize(to *Size, value string) error {
	size, err := ParseSize(value)
	if err != nil {
		return err
	}
	*to = size
	return nil
}

func setPositiveSize(to *Size, value string) error {
	if err := setSize(to, value); err != nil {
		return err
	}
	if *to == 0 {
		return fmt.Errorf("%s leaves no room for anything; write a size such as 1MiB", quoted(value))
	}
	return nil
}

func notOneOf(value string, choices []string) error {
	if near := Nearest(value, choices); near != "" {
		return fmt.Errorf("%s is none of %s; did you mean %s?", quoted(value), strings.Join(choices, ", "), near)
	}
	return fmt.Errorf("%s is none of %s", quoted(value), strings.Join(choices, ", "))
}
