package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"windhover/gateway/ledger"
)

// dear is a providers file whose price for gpt-5 is another than the built-in one, and that has one for the kestrel.
const dear = "version: 1\nextends: builtin\nprices:\n  openai/gpt-5: {input: 100, output: 100}\n  openai/kestrel*: {input: 1, output: 1}\n"

const repriced = "2026-11-24 00:00:00 to 2026-11-25 00:00:00 UTC\n\n" +
	"provider  model         records  changed  before, USD  after, USD   difference  unpriced before  after\n" +
	"openai    gpt-5               2        2     1.500225  240.004000  +238.503775                0      0\n" +
	"openai    kestrel-\ufffd[1m        1        1      unknown    1.200020    +1.200020                1      0\n" +
	"total                         3        3     1.500225  241.204020  +239.703795                1      0\n"

func TestRepriceWithoutAGatewayChangesTheLedgerItself(t *testing.T) {
	t.Parallel()
	folder := ledgerOfADay(t)
	writeFile(t, filepath.Join(folder, "providers.yaml"), dear)
	for _, x := range []struct{ args, end string }{
		{"--dry-run", "\nnothing was changed; without --dry-run it is\n"},
		{"--dry-run --admin 127.0.0.1:1", "\nnothing was changed; without --dry-run it is\n"}, // where nobody listens
		{"", "\n3 of 3 records changed\n"},
	} {
		repricesTo(t, folder, "--admin=off "+x.args, repriced+x.end)
	}
	got := runIn(t, folder, nil, "reprice", "--admin=off", "--since=2026-11-24", "--until=2026-11-25")
	if got.code != exitOK || !strings.HasSuffix(got.stdout, "\nnothing differs from today's prices\n") {
		t.Errorf("the second reprice = %+v, want no change", got)
	}
	if got := runIn(t, folder, nil, "usage", "--since=2026-11-24", "--until=2026-11-25"); !strings.Contains(got.stdout, "  241.20402       0 %\n") {
		t.Errorf("usage then = %s, want a cost of 241.20402", got.stdout)
	}
}

func repricesTo(t *testing.T, folder, args, want string) {
	t.Helper()
	got := runIn(t, folder, nil, append([]string{"reprice", "--since=2026-11-24", "--until=2026-11-25"}, strings.Fields(args)...)...)
	if got != (outcome{exitOK, want, ""}) {
		t.Errorf("reprice %s = %d\n%s%s, want\n%s", args, got.code, got.stdout, got.stderr, want)
	}
}

func TestRepriceAsksTheGatewayThatRuns(t *testing.T) {
	t.Parallel()
	folder := ledgerOfADay(t)
	writeFile(t, filepath.Join(folder, "providers.yaml"), dear)
	g := start(t, folder, "--admin-token=s3cret")
	g.logged(t, `(the ledger is being written)`)
	admin := g.logged(t, `msg="the admin listener is open" address=(\S+)`)
	repricesTo(t, folder, "--admin-token=s3cret --dry-run --admin "+admin, repriced+"\nnothing was changed; without --dry-run it is\n")
	repricesTo(t, folder, "--admin-token=s3cret --admin "+admin, repriced+"\n3 of 3 records changed\n")

	got := runIn(t, folder, nil, "reprice", "--since=7d", "--admin", admin)
	if want := (outcome{exitFailed, "", "windhover: the gateway on " + admin + " refuses: the admin listener wants its token: Authorization: Bearer …\n"}); got != want {
		t.Errorf("reprice without the token = %+v, want %+v", got, want)
	}
	got = runIn(t, folder, nil, "reprice", "--since=7d", "--admin=127.0.0.1:1")
	if got.code != exitFailed || !strings.HasPrefix(got.stderr, "windhover: another process writes this ledger: the one with process ID ") ||
		!strings.HasSuffix(got.stderr, ", and its admin listener is not at 127.0.0.1:1; name it with --admin, or stop the process\n") {
		t.Errorf("reprice beside a gateway that it does not find = %+v, want that another process writes", got)
	}
	got = runIn(t, folder, nil, "reprice", "--since=7d", "--admin=off")
	if !strings.HasSuffix(got.stderr, ", and --admin is off; say there where its admin listener is, or stop the process\n") {
		t.Errorf("reprice beside a gateway with --admin=off = %+v", got)
	}
}

func TestRepriceTrustsNoOtherCertificateThanTheAdminListeners(t *testing.T) {
	t.Parallel()
	folder := ledgerOfADay(t)
	files, others := newCertificateFiles(t), newCertificateFiles(t)
	g := start(t, folder, "--admin=127.0.0.1:0", "--admin-tls-cert="+files.cert, "--admin-tls-key="+files.key, "--admin-client-ca="+files.cert)
	g.logged(t, `(the ledger is being written)`)
	admin := g.logged(t, `msg="the admin listener is open" address=(\S+)`)
	reprice := func(files *certificateFiles) outcome {
		return runIn(t, folder, nil, "reprice", "--since=2026-11-24", "--dry-run", "--admin="+admin, "--admin-tls-cert="+files.cert, "--admin-tls-key="+files.key)
	}
	if got := reprice(files); got.code != exitOK || !strings.Contains(got.stdout, "gpt-5") {
		t.Errorf("reprice = %+v, want an answer", got)
	}
	want := outcome{exitFailed, "", "windhover: ask the gateway on " + admin + ": it shows another certificate than --admin-tls-cert names\n"}
	if got := reprice(others); got != want {
		t.Errorf("reprice with another certificate = %+v, want %+v", got, want)
	}
}

func TestMistakesInTheCallOfReprice(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	for args, want := range map[string]outcome{
		"":                                   {exitUsage, "", "windhover: reprice needs --since, as in windhover reprice --since 7d --dry-run\n"},
		"--since 7":                          {exitUsage, "", "windhover: --since: \"7\" has no unit; write it as in 7h or 7d\n"},
		"--since 7d --until x":               {exitUsage, "", "windhover: --until: \"x\" is no time; write it as in 2026-11-24, 2026-11-24T10:00:00Z, or 24h or 7d for that long ago\n"},
		"--since 7d --admin off":             {exitFailed, "", "windhover: there is no ledger in ./data; name the folder that the gateway keeps it in, its --data\n"},
		"--since 7d --admin " + address:      {exitFailed, "", "windhover: the gateway on " + address + " refuses: 404 Not Found\n"},
		"--since 7d --admin off --data none": {exitUsage, "", "windhover: --data is none, so that nothing is kept; name the folder that the gateway keeps its ledger in\n"},
	} {
		if got := run(t, append([]string{"reprice"}, strings.Fields(args)...)...); got != want {
			t.Errorf("reprice %s = %+v, want %+v", args, got, want)
		}
	}
}

func TestRepriceMakesNoDataFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	runIn(t, folder, nil, "reprice", "--since=7d", "--admin=off")
	if _, err := os.Stat(filepath.Join(folder, "data")); !os.IsNotExist(err) {
		t.Errorf("the data folder is there (%v), want none", err)
	}
}

func TestRepriceTakesTheLockOfTheLedger(t *testing.T) {
	t.Parallel()
	folder := ledgerOfADay(t)
	unlock, err := ledger.Lock(filepath.Join(folder, "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if got := runIn(t, folder, nil, "reprice", "--since=7d", "--admin=off"); got.code != exitFailed || !strings.Contains(got.stderr, "another process writes this ledger") {
		t.Errorf("reprice of a locked ledger = %+v, want that another process writes it", got)
	}
}

// Who listens can tell a gateway that ends from a connection that breaks.
func TestLivePageEndsCleanlyWithTheGateway(t *testing.T) {
	t.Parallel()
	folder := answering(t)
	g := start(t, folder)
	response, err := http.Get("http://" + g.admin + "/api/usage/live?provider=openai")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	askAll(t, g.address, 1)
	g.record(t, "[^\"]*")
	g.stop()
	body, err := io.ReadAll(response.Body)
	if err != nil || strings.Count(string(body), "\nevent: record\ndata: {") != 1 || !strings.Contains(string(body), `"cost_nano_usd":`) {
		t.Errorf("the live page = %s, %v, want one record and a clean end", body, err)
	}
}

func TestUsageAPIIsBehindTheTokenOfTheAdminListener(t *testing.T) {
	t.Parallel()
	g := start(t, answering(t), "--admin-token=s3cret", "--data=none")
	admin := g.logged(t, `msg="the admin listener is open" address=(\S+)`)
	if got := get(t, admin, "/api/usage"); !strings.Contains(got, `"unauthorized"`) {
		t.Errorf("/api/usage without the token = %s, want it refused", got)
	}
	request, err := http.NewRequest("GET", "http://"+admin+"/api/usage", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer s3cret")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	want := `{"error":{"message":"no ledger is kept; name a folder for it with --data","type":"gateway_unavailable","code":"ledger_unavailable"}}` + "\n"
	if err != nil || response.StatusCode != http.StatusServiceUnavailable || string(body) != want {
		t.Errorf("/api/usage without a ledger = %s %s, %v, want 503 %s", response.Status, body, err, want)
	}
}
