package config

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// loadSettings loads them from a windhover.yaml with the given text (none if empty), an environment and arguments.
func loadSettings(t *testing.T, file string, environ, args []string) (Settings, error) {
	t.Helper()
	folder := t.TempDir()
	if file != "" {
		write(t, filepath.Join(folder, "windhover.yaml"), file)
	}
	flags := pflag.NewFlagSet("windhover", pflag.ContinueOnError)
	AddFlags(flags)
	must(t, flags.Parse(args))
	s, err := LoadSettings(flags, environ, folder)
	if err != nil {
		err = errors.New(strings.ReplaceAll(err.Error(), folder+string(filepath.Separator), ""))
	}
	return s, err
}

func TestSettingsHaveTheirDefaults(t *testing.T) {
	t.Parallel()
	got, err := loadSettings(t, "", nil, nil)
	must(t, err)
	want := Settings{
		Listen:       ":5501",
		Admin:        "127.0.0.1:5502",
		Data:         "./data",
		Retention:    90 * 24 * time.Hour,
		Records:      "-",
		Page:         "full",
		Identity:     "hash",
		Labels:       []string{"*"},
		LogLevel:     slog.LevelInfo,
		LogFormat:    "text",
		MaxHeader:    1 << 20,
		BodyMemory:   256 << 20,
		DrainTimeout: 10 * time.Minute,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("LoadSettings() = %+v, want %+v", got, want)
	}
}

func TestSettingsAreTakenFromTheUppermostLayer(t *testing.T) {
	t.Parallel()
	const file = "listen: :1\npage: names\nlog_level: warn\ndrain_timeout: 1s\n"
	environ := []string{"HOME=/", "WINDHOVER_LISTEN=:2", "WINDHOVER_PAGE=off", "WINDHOVER_LOG_LEVEL="}
	s, err := loadSettings(t, file, environ, []string{"--listen", ":3"})
	must(t, err)
	if s.Listen != ":3" {
		t.Errorf("Listen = %q, want the flag's %q", s.Listen, ":3")
	}
	if s.Page != "off" {
		t.Errorf("Page = %q, want the environment's %q", s.Page, "off")
	}
	if s.LogLevel != slog.LevelWarn {
		t.Errorf("LogLevel = %v, want the file's %v, because the variable is empty", s.LogLevel, slog.LevelWarn)
	}
	if s.DrainTimeout != time.Second {
		t.Errorf("DrainTimeout = %v, want the file's %v", s.DrainTimeout, time.Second)
	}
	if s.Admin != "127.0.0.1:5502" {
		t.Errorf("Admin = %q, want the default", s.Admin)
	}
}

func TestSwitchNeedsNoValueAsAFlag(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file    string
		environ []string
		args    []string
		want    bool
	}{
		{"", nil, nil, false},
		{"", nil, []string{"--admin-open"}, true},
		{"admin_open: true", nil, nil, true},
		{"admin_open: true", nil, []string{"--admin-open=false"}, false},
		{"", []string{"WINDHOVER_ADMIN_OPEN=true"}, nil, true},
	} {
		s, err := loadSettings(t, c.file, c.environ, c.args)
		must(t, err)
		if s.AdminOpen != c.want {
			t.Errorf("AdminOpen with %q, %q, %q = %v, want %v", c.file, c.environ, c.args, s.AdminOpen, c.want)
		}
	}
}

func TestLabelsAreAList(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{"*": "[*]", "off": "[off]", "Team": "[team]", "team, App_2-x,TEAM": "[team app_2-x]"} {
		s, err := loadSettings(t, "", nil, []string{"--labels", written})
		must(t, err)
		if got := fmt.Sprint(s.Labels); got != want {
			t.Errorf("Labels of %q = %s, want %s", written, got, want)
		}
	}
}

func TestAdminOffMeansNoListener(t *testing.T) {
	t.Parallel()
	s, err := loadSettings(t, "admin: off", nil, nil)
	must(t, err)
	if s.Admin != "" {
		t.Errorf("Admin = %q, want none", s.Admin)
	}
}

func TestDatabaseIsASecret(t *testing.T) {
	t.Parallel()
	const url = "postgres://windhover:s3cret@db/windhover"
	path := filepath.Join(t.TempDir(), "database")
	write(t, path, url+"\n")
	s, err := loadSettings(t, "database: '${file:"+path+"}'\ndata: none\nretention: 0s\n", nil, nil)
	must(t, err)
	if got := s.Database.Reveal(); got != url || strings.Contains(fmt.Sprintf("%+v", s), "s3cret") {
		t.Errorf("Database = %q in %+v, want %q and that it is not shown", got, s, url)
	}
	if s.Data != "" || s.Retention != 0 {
		t.Errorf("Data, Retention = %q, %v, want none and 0", s.Data, s.Retention)
	}
}

func TestConfigNamesTheSettingsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "other.yaml")
	write(t, path, "listen: :9")
	for _, c := range []struct{ environ, args []string }{
		{nil, []string{"--config", path}},
		{[]string{"WINDHOVER_CONFIG=" + path}, nil},
		{[]string{"WINDHOVER_CONFIG=missing.yaml"}, []string{"--config", path}},
	} {
		s, err := loadSettings(t, "listen: :1", c.environ, c.args)
		must(t, err)
		if s.Listen != ":9" {
			t.Errorf("Listen with %q, %q = %q, want %q", c.environ, c.args, s.Listen, ":9")
		}
	}
}

func TestSettingsResolveReferences(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	write(t, token, "s3cret\n")
	environ := []string{"PORT=7000"}
	file := "admin_token: '${file:" + token + "}'\nlisten: ':${PORT}'\nadmin: '${HOST:-localhost}:1'\nrecords: '$${x}'\n"
	s, err := loadSettings(t, file, environ, nil)
	must(t, err)
	if got := s.AdminToken.Reveal(); got != "s3cret" {
		t.Errorf("AdminToken = %q, want %q", got, "s3cret")
	}
	if s.Listen != ":7000" || s.Admin != "localhost:1" || s.Records != "${x}" {
		t.Errorf("Listen, Admin, Records = %q, %q, %q, want :7000, localhost:1, ${x}", s.Listen, s.Admin, s.Records)
	}
}

func TestSettingsIgnoreVariablesOfOthers(t *testing.T) {
	t.Parallel()
	_, err := loadSettings(t, "", []string{
		"WINDHOVER_SERVICE_HOST=10.0.0.1",
		"WINDHOVER_SERVICE_PORT=5501",
		"WINDHOVER_SERVICE_PORT_HTTP=5501",
		"WINDHOVER_PORT=tcp://10.0.0.1:5501",
		"WINDHOVER_PORT_5501_TCP=tcp://10.0.0.1:5501",
		"WINDHOVER_PORT_5501_TCP_PROTO=tcp",
		"WINDHOVER_ADMIN_SERVICE_HOST=10.0.0.2",
		"WINDHOVER_ADMIN_PORT_5502_TCP_ADDR=10.0.0.2",
		"WINDHOVER_RECORDINGS=recordings",
		"WINDHOVER_LONG=1",
		"WINDHOVER_CHAOS=5",
		"WINDHOVERX=1",
	}, nil)
	must(t, err)
}

func TestSettingsNameEveryProblem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		file    string
		environ []string
		args    []string
		want    string
	}{
		{"all layers at once", "liste: :1\npage: some\n", []string{"WINDHOVER_LOG_LEVL=info", "WINDHOVER_LOG_FORMAT=jsno"}, []string{"--drain-timeout=30"},
			"--drain-timeout: 30 has no unit; write 30s\n" +
				"windhover.yaml:1:1: unknown setting liste; did you mean listen?\n" +
				"windhover.yaml:2:7: page: some is none of full, names, off\n" +
				"WINDHOVER_LOG_FORMAT: jsno is none of text, json; did you mean json?\n" +
				"WINDHOVER_LOG_LEVL: unknown environment variable WINDHOVER_LOG_LEVL; did you mean WINDHOVER_LOG_LEVEL?"},
		{"no address", "", nil, []string{"--listen=5501"}, "--listen: 5501 is no address; write HOST:PORT, :PORT for every interface, or unix:/PATH"},
		{"no port", "", nil, []string{"--admin=localhost:http"}, "--admin: port http is no number from 0 to 65535"},
		{"port too high", "", nil, []string{"--listen=:65536"}, "--listen: port 65536 is no number from 0 to 65535"},
		{"no count", "max_requests: -1", []string{"WINDHOVER_MAX_BODY=5"}, []string{"--max-header=0B", "--body-memory=lots"},
			"--body-memory: lots is no size; write it as in 512KiB, 64MiB, 2GiB or 4096B\n" +
				"--max-header: 0B leaves no room for anything; write a size such as 1MiB\n" +
				"windhover.yaml:1:15: max_requests: -1 is no whole number from 0\n" +
				"WINDHOVER_MAX_BODY: 5 has no unit; write 5MiB, or 5B for bytes"},
		{"no switch", "", []string{"WINDHOVER_ADMIN_OPEN=yes"}, nil, "WINDHOVER_ADMIN_OPEN: yes is none of true, false"},
		{"no level", "", nil, []string{"--log-level=wran"}, "--log-level: wran is none of debug, info, warn, error; did you mean warn?"},
		{"negative duration", "drain_timeout: -5s", nil, nil, "windhover.yaml:1:16: drain_timeout: -5s is negative; write 0s to turn it off"},
		{"a number for a duration", "drain_timeout: 10", nil, nil, "windhover.yaml:1:16: drain_timeout: 10 has no unit; write 10s"},
		{"a list", "listen: [a, b]", nil, nil, "windhover.yaml:1:9: listen: a list stands here; write ADDR"},
		{"nothing", "admin_open:", nil, nil, "windhover.yaml:1:12: admin_open: nothing stands here; write true|false"},
		{"a dash in a key", "log-level: info", nil, nil, "windhover.yaml:1:1: unknown setting log-level; did you mean log_level?"},
		{"the file names itself", "config: a.yaml", nil, nil, "windhover.yaml:1:1: unknown setting config"},
		{"a missing file that was named", "", nil, []string{"--config=no-such.yaml"}, "--config: cannot read the settings file no-such.yaml: no such file or directory"},
		{"a missing variable", "listen: ${NOWHERE}", nil, nil, "windhover.yaml:1:9: listen: the environment variable NOWHERE is not set; set it, or write ${NOWHERE:-default}"},
		{"an open reference", "", []string{"WINDHOVER_RECORDS=${X"}, nil, "WINDHOVER_RECORDS: this ${ is not closed; write $${ for a literal ${"},
		{"short salt", "", nil, []string{"--identity-salt=0123456789abcde"}, "--identity-salt: the salt has 15 characters, 16 are the least; write a random text, as openssl rand -hex 32 prints one"},
		{"short salt behind a reference", "identity_salt: ${X}", []string{"X=s3cret"}, nil, "windhover.yaml:1:16: identity_salt: what stands behind the reference is no SALT"},
		{"a label that is none", "", nil, []string{"--labels=team,a.b"}, "--labels: a.b is no label's name; write up to 32 letters, digits, - and _"},
		{"no label", "", nil, []string{"--labels=team,"}, "--labels: \"\" is no label's name; write up to 32 letters, digits, - and _"},
		{"all labels and one more", "", nil, []string{"--labels=*,team"}, "--labels: * stands alone; write names, or * for all, or off for none"},
		{"too many labels", "", nil, []string{"--labels=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"}, "--labels: 17 labels are too many; write 16 at most"},
		{"an empty folder", "data: ''", nil, nil, "windhover.yaml:1:7: data: this names no folder; write none to keep nothing"},
		{"a database with a password is not shown", "", nil, []string{"--database=mysql://u:s3cret@db/x"}, "--database: this is no database; write sqlite, or postgres://USER:PASSWORD@HOST/NAME"},
		{"a value behind a reference is not shown", "listen: ${X}", []string{"X=s3cret"}, nil, "windhover.yaml:1:9: listen: what stands behind the reference is no ADDR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := loadSettings(t, c.file, c.environ, c.args)
			if err == nil || err.Error() != c.want {
				t.Errorf("LoadSettings() = %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestEverySettingHasOneNameInEachPlace(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, x := range SettingsTable() {
		if seen[x.Name] {
			t.Errorf("setting %s stands in the table twice", x.Name)
		}
		seen[x.Name] = true
		if foreignVariable(x.Env()) {
			t.Errorf("%s would be taken for a variable of Kubernetes", x.Env())
		}
		if x.Help == "" {
			t.Errorf("setting %s has no help", x.Name)
		}
	}
	x := Setting{Name: "drain-timeout"}
	if x.Env() != "WINDHOVER_DRAIN_TIMEOUT" || x.Key() != "drain_timeout" {
		t.Errorf("Env, Key = %q, %q, want WINDHOVER_DRAIN_TIMEOUT, drain_timeout", x.Env(), x.Key())
	}
}

func FuzzSettingsFile(f *testing.F) {
	f.Add("listen: :1\nadmin_open: true\n")
	f.Add("admin_token: ${file:x}\npage: [a]\n")
	f.Add("a: 1\n---\nb: 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		l := &layers{table: SettingsTable()}
		for name, value := range l.decode("windhover.yaml", []byte(text)) {
			if _, ok := value.(Text); !ok {
				t.Errorf("setting %s = %v, want a Text", name, value)
			}
		}
	})
}
