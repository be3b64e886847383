package gateway

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"windhover/config"
	"windhover/gateway/usage"
)

const testSalt = "a salt of the tests"

// hashOf is what a key has to be.
func hashOf(credential string) string {
	mac := hmac.New(sha256.New, []byte(testSalt))
	mac.Write([]byte(credential))
	return hex.EncodeToString(mac.Sum(nil))[:16]
}

func salted() Options { return Options{IdentitySalt: config.NewSecret(testSalt)} }

// send asks with a header, as in "Authorization: Bearer a", and returns the record.
func (s *started) send(t testing.TB, method, path string, header ...string) *usage.Record {
	t.Helper()
	before := s.count()
	s.ask(t, method+" "+path+" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n"+lines(header)+"\r\n")
	return s.wait(t, before+1)[before]
}

func (r *records) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

func TestKeyIsASaltedHashOfTheCredential(t *testing.T) {
	t.Parallel()
	g := startWith(t, leadingTo(answering(t, okAnswer).addr), salted())
	for _, sent := range []string{"Authorization: Bearer sk-1", "x-api-key: sk-1", "x-goog-api-key: sk-1", "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-1"} {
		rec := g.send(t, "POST", "/up/v1", sent)
		if want := hashOf("sk-1"); rec.Key != want {
			t.Errorf("with %s, key = %q, want %q", sent, rec.Key, want)
		}
	}
	if rec := g.send(t, "POST", "/up/v1?key=sk-1"); rec.Key != hashOf("sk-1") {
		t.Errorf("with a query, key = %q, want %q", rec.Key, hashOf("sk-1"))
	}
	if rec := g.send(t, "POST", "/up/v1"); rec.Key != "" {
		t.Errorf("without a credential, key = %q, want none", rec.Key)
	}
}

func TestIdentityOffMeansNoKey(t *testing.T) {
	t.Parallel()
	o := salted()
	o.Identity, o.Data = IdentityOff, t.TempDir()
	g := startWith(t, leadingTo(answering(t, okAnswer).addr), o)
	if rec := g.send(t, "POST", "/up/v1", "Authorization: Bearer sk-1"); rec.Key != "" {
		t.Errorf("key = %q, want none", rec.Key)
	}
	if files, _ := os.ReadDir(o.Data); len(files) > 0 {
		t.Errorf("files = %v, want none", files)
	}
}

func TestGatewaysWithOneFolderMakeTheSameKeys(t *testing.T) {
	t.Parallel()
	folder, up := t.TempDir(), answering(t, okAnswer)
	var keys []string
	for range 2 {
		g := startWith(t, leadingTo(up.addr), Options{Data: folder})
		keys = append(keys, g.send(t, "POST", "/up/v1", "Authorization: Bearer sk-1").Key)
		if said := g.log.String(); said != "" {
			t.Errorf("log = %s, want nothing", said)
		}
	}
	if len(keys[0]) != 16 || keys[0] != keys[1] {
		t.Errorf("keys = %q, want one of 16 digits", keys)
	}
}

func TestWithoutAPlaceForTheSaltKeysHoldForTheProcess(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	up := answering(t, okAnswer)
	for folder, want := range map[string]string{"": "", filepath.Join(file, "data"): `level=WARN msg="cannot keep the salt in the data folder; the keys in records change with the next start" error=`} {
		a, b := startWith(t, leadingTo(up.addr), Options{Data: folder}), startWith(t, leadingTo(up.addr), Options{Data: folder})
		first, again := a.send(t, "POST", "/up/v1", "api-key: sk-1").Key, a.send(t, "POST", "/up/v1", "api-key: sk-1").Key
		if other := b.send(t, "POST", "/up/v1", "api-key: sk-1").Key; first != again || first == other || len(first) != 16 {
			t.Errorf("keys = %s, %s, and %s of another gateway, want two equal ones and a different one", first, again, other)
		}
		said := a.log.String()
		if n := strings.Count(said, "the keys in records change with the next start"); n != 1 || !strings.Contains(said, want) {
			t.Errorf("log = %s, want once that they change, and %s", said, want)
		}
	}
}

func TestCredentialIsShownNowhere(t *testing.T) {
	t.Parallel()
	const secret = "sk-never-shown"
	g := start(t, leadingTo(answering(t, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").addr))
	g.send(t, "POST", "/up/v1?key="+secret, "Authorization: Bearer "+secret, "X-Windhover-Key: "+secret)
	g.send(t, "POST", "/nobody/v1", "Authorization: Bearer "+secret)
	for _, rec := range g.wait(t, 2) {
		line, err := json.Marshal(rec)
		if err != nil || strings.Contains(string(line)+fmt.Sprintf("%+v", rec), secret) {
			t.Errorf("record = %s, %v, want no credential in it", line, err)
		}
	}
	if said := g.log.String(); strings.Contains(said, secret) {
		t.Errorf("log = %s, want no credential in it", said)
	}
}

func TestAccessTokenIsWhoAsks(t *testing.T) {
	t.Parallel()
	g := startWith(t, restricted(answering(t, okAnswer).addr), salted())
	rec := g.send(t, "POST", "/up/v1", "X-Windhover-Key: first-token", "Authorization: Bearer made-up-for-each-request")
	if rec.Key != hashOf("first-token") {
		t.Errorf("key = %q, want that of the token, which was checked", rec.Key)
	}
	if rec := g.send(t, "POST", "/up/v1", "X-Windhover-Key: invented"); rec.Key != usage.Other || rec.End != usage.EndRejected {
		t.Errorf("record of a wrong token = %+v, want key %s", rec, usage.Other)
	}
}

func TestAccessTokenInAuthorizationHasTheSameKey(t *testing.T) {
	t.Parallel()
	g := startWith(t, restricted(answering(t, okAnswer).addr, ", header: Authorization"), salted())
	if rec := g.send(t, "POST", "/up/v1", "Authorization: bearer  first-token"); rec.Key != hashOf("first-token") {
		t.Errorf("key = %q, want %q", rec.Key, hashOf("first-token"))
	}
}

// A credential nobody checks must not choose who pays: X-Windhover-Key means something only where the file asks for it.
func TestUncheckedTokenIsNobody(t *testing.T) {
	t.Parallel()
	g := startWith(t, leadingTo(answering(t, okAnswer).addr), salted())
	if rec := g.send(t, "POST", "/up/v1", "X-Windhover-Key: invented", "Authorization: Bearer sk-1"); rec.Key != hashOf("sk-1") {
		t.Errorf("key = %q, want that of Authorization", rec.Key)
	}
}

// upstreamOf knows one credential, lists its models to everybody, and answers with usage to whoever asks for it.
func upstreamOf(t testing.TB, known string) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == "GET":
		case r.Header.Get("Authorization") != "Bearer "+known:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestInventedCredentialsTakeNoRoom(t *testing.T) {
	t.Parallel()
	g := startWith(t, leadingTo(upstreamOf(t, "known").Listener.Addr().String()), salted())
	ask := func(method, credential string) {
		r := httptest.NewRequest(method, "/up/v1/models", nil)
		r.Header.Set("Authorization", "Bearer "+credential)
		r.Header.Set("X-Windhover-Label-Team", credential)
		r.Header.Set("X-Windhover-Label-"+credential, "x")
		g.ServeHTTP(httptest.NewRecorder(), r)
	}
	for i := range 300 {
		ask("POST", fmt.Sprint("invented-", i)) // refused with 401
		ask("GET", fmt.Sprint("listing-", i))   // answered to everybody
	}
	for _, rec := range g.wait(t, 600) {
		if rec.Key != usage.Other || len(rec.Labels) != 1 || rec.Labels[usage.Other] != usage.Other {
			t.Fatalf("record has key %q and labels %v, want other", rec.Key, rec.Labels)
		}
	}
	if n := g.identity.keys.size + g.labels.names.size; n != 0 {
		t.Errorf("%d texts have taken up room, want none", n)
	}
	ask("POST", "known")
	ask("GET", "known")
	for _, rec := range g.wait(t, 602)[600:] {
		if rec.Key != hashOf("known") || rec.Labels["team"] != "known" {
			t.Errorf("record has key %q and labels %v, want those of a client that was accepted", rec.Key, rec.Labels)
		}
	}
}

func TestKeysBeyondTheBoundAreOther(t *testing.T) {
	t.Parallel()
	g := startWith(t, leadingTo(upstreamOf(t, "").Listener.Addr().String()), salted())
	g.identity.keys.max = 3
	var keys []string
	for i := range 5 {
		rec := &usage.Record{Attempt: 1, Status: 200, Method: "POST"}
		(&exchange{gateway: g.Gateway, asker: asker{key: fmt.Sprint(i)}}).sign(rec)
		keys = append(keys, rec.Key)
	}
	rec := &usage.Record{Attempt: 0, Status: 404}
	(&exchange{gateway: g.Gateway, asker: asker{key: "1"}}).sign(rec)
	if got, want := strings.Join(append(keys, rec.Key), " "), "0 1 2 other other 1"; got != want {
		t.Errorf("keys = %s, want %s: who is known stays so", got, want)
	}
}

func TestRefusedRequestHasTheKeyOfAKnownClient(t *testing.T) {
	t.Parallel()
	g := startWith(t, leadingTo(answering(t, okAnswer).addr), salted())
	g.send(t, "POST", "/up/v1", "api-key: sk-1", "X-Windhover-Label-Team: a")
	for _, target := range []string{"/nobody/v1", "/up/../v1", "http://elsewhere"} {
		rec := g.send(t, "GET", target, "api-key: sk-1", "X-Windhover-Label-Team: a")
		if rec.End != usage.EndRejected || rec.Key != hashOf("sk-1") || rec.Labels["team"] != "a" {
			t.Errorf("record of %s = %+v, want a refusal with key and labels", target, rec)
		}
	}
}

func TestCheckpointsOfASessionHaveKeyAndLabels(t *testing.T) {
	t.Parallel()
	up := newSocket(t, websocket.CompressionDisabled, func(ctx context.Context, c *websocket.Conn, _ net.Conn) {
		_ = realtime(ctx, c, response("completed", 100, 0, 10))
	})
	o := salted()
	o.Checkpoint = 5 * time.Millisecond
	g := startWith(t, toRealtime(up), o)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	header := http.Header{"Authorization": {"Bearer sk-1"}, "X-Windhover-Label-Team": {"a"}}
	c, _, err := websocket.Dial(ctx, g.url+"/up/v1/realtime?model=gpt-realtime", &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	say(ctx, c, `{"type":"response.create"}`)
	nextDone(ctx, t, c)
	eventually(t, "a checkpoint with key and labels", func() bool {
		rec := g.newest()
		return rec != nil && rec.Checkpoint && rec.Key == hashOf("sk-1") && rec.Labels["team"] == "a"
	})
	_ = c.Close(websocket.StatusNormalClosure, "")
	eventually(t, "the record", func() bool { return !g.newest().Checkpoint })
	if rec := g.newest(); rec.Key != hashOf("sk-1") || rec.Labels["team"] != "a" || rec.Overhead != 0 {
		t.Errorf("record = %+v, want key and labels, and no overhead", rec)
	}
}

func TestRoomHoldsItsBoundForManyGoroutines(t *testing.T) {
	t.Parallel()
	r := newRoom(50)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 200 {
				r.admit(fmt.Sprint(i), true)
			}
		})
	}
	all.Wait()
	known := 0
	for i := range 200 {
		if r.admit(fmt.Sprint(i), false) != usage.Other {
			known++
		}
	}
	if known != 50 || r.size != 50 {
		t.Errorf("%d are known, size %d, want 50", known, r.size)
	}
}

func BenchmarkIdentity(b *testing.B) {
	i := newIdentity(Options{IdentitySalt: config.NewSecret(testSalt)})
	h := http.Header{"Authorization": {"Bearer sk-0123456789abcdef0123456789abcdef"}}
	b.ReportAllocs()
	for b.Loop() {
		i.keys.admit(i.key(credentialIn(h, "")), true)
	}
}
