package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"log/slog"
	"net/http"
	"sync"

	"windhover/gateway/usage"
)

// Identity says whether records tell clients apart.
type Identity string

// The identities.
const (
	IdentityHash Identity = "hash" // by a salted hash of the credential
	IdentityOff  Identity = "off"  // not at all
)

// maxKeys is how many clients are told apart, for as long as the process runs.
const maxKeys = 10_000

// identity makes a record's Key of a credential. The credential itself is neither kept nor logged.
type identity struct {
	salt []byte // nil: off
	keys *room
	macs sync.Pool // of hash.Hash, which cost more to make than to use

	passing bool // there is no place for the salt, which is worth a word when there is a first key
	said    sync.Once
	log     *slog.Logger
}

// newIdentity takes the salt from the options, or from the data folder. Without either, or where the folder cannot keep
// one, keys hold until the process ends: records matter more than who they are of.
func newIdentity(o Options) *identity {
	i := &identity{keys: newRoom(maxKeys), log: o.Logger}
	switch {
	case o.Identity == IdentityOff:
		return i
	case o.IdentitySalt.Reveal() != "":
		i.salt = []byte(o.IdentitySalt.Reveal())
		return i
	case o.Data != "":
		var err error
		if i.salt, err = keptSalt(o.Data); err == nil {
			return i
		}
		o.Logger.Warn("cannot keep the salt in the data folder; the keys in records change with the next start", "error", err)
	}
	i.salt, i.passing = newSalt(), o.Data == ""
	return i
}

// key is the first 16 hex digits of the HMAC-SHA-256 of the credential; empty if there is none, or nobody wants to know.
func (i *identity) key(credential string) string {
	if i.salt == nil || credential == "" {
		return ""
	}
	if i.passing {
		i.said.Do(func() {
			i.log.Info("the keys in records change with the next start; --identity-salt gives them a salt that stays, and so does --data")
		})
	}
	mac, _ := i.macs.Get().(hash.Hash)
	if mac == nil {
		mac = hmac.New(sha256.New, i.salt)
	}
	defer i.macs.Put(mac)
	mac.Reset()
	_, _ = io.WriteString(mac, credential)
	var sum [sha256.Size]byte
	return hex.EncodeToString(mac.Sum(sum[:0])[:8])
}

// asker is who sent a request, as far as it says so itself.
type asker struct {
	key    string
	labels []label
}

// identify finds out who asks, before anything is taken out of the request's header. Where the file names who may use the
// provider, it is the token that was checked, and nothing else that the client could have made up.
func (x *exchange) identify(query string) {
	credential := ""
	if x.provider != nil && x.provider.access != nil {
		credential = x.provider.access.sent(x.r.Header)
	}
	if credential == "" {
		credential = credentialIn(x.r.Header, query)
	}
	x.asker = asker{x.gateway.identity.key(credential), x.gateway.labels.read(x.r.Header)}
}

// sign puts into a record who asked. Anybody can invent credentials and labels by the million. So a new one takes up room
// only once a provider has accepted a request that came with it; until then, and beyond the bound, it is Other.
func (x *exchange) sign(rec *usage.Record) {
	fresh := accepted(rec)
	if key := x.asker.key; key != "" {
		rec.Key = x.gateway.identity.keys.admit(key, fresh)
	}
	rec.Labels = x.gateway.labels.admit(x.asker.labels, fresh)
}

// accepted reports whether the record shows that the provider has taken the client's credential for good. An answer that
// is no failure does not, by itself: many providers list their models to everybody, and accept any WebSocket before they
// look at who it is from. One does that reports usage, or that follows a request to do something; and so does a session
// that is still open after a while.
func accepted(rec *usage.Record) bool {
	if rec.Attempt == 0 || rec.Status == 0 || rec.Status >= http.StatusBadRequest {
		return false
	}
	switch rec.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return rec.Checkpoint || rec.UsageState == usage.Reported || rec.UsageState == usage.Partial
	}
	return true
}
