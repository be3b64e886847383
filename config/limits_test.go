package config

import (
	"testing"
	"time"
)

func TestLimitsAreRead(t *testing.T) {
	t.Parallel()
	file := loadGood(t, "limits.yaml")
	bounded, closed := file.Providers["bounded"], file.Providers["closed"]

	equal(t, "bounded.Auth", []string{bounded.Auth[0].Value, bounded.Auth[1].Value, bounded.Auth[2].Value}, []string{"x-api-key", "Authorization", "?key"})
	equal(t, "bounded.Limits", bounded.Limits, Limits{Requests: 100, Wait: Duration{5 * time.Second, true}, Body: ByteSize{20 << 20, true}})
	equal(t, "bounded.OnClientDisconnect.Action", bounded.OnClientDisconnect.Action.Value, "drain")
	equal(t, "bounded.OnClientDisconnect.MaxTime", bounded.OnClientDisconnect.MaxTime.Or(0), 30*time.Second)
	equal(t, "bounded.OnClientDisconnect.MaxBytes", bounded.OnClientDisconnect.MaxBytes.Or(0), Size(4<<20))
	equal(t, "bounded.Timeouts.Upload", bounded.Timeouts.Upload.Or(0), time.Minute)

	equal(t, "closed.Auth", closed.Auth[0].Value, AuthOff)
	equal(t, "closed.Limits", closed.Limits, Limits{})
	equal(t, "closed.Limits.Body", closed.Limits.Body.Or(7), Size(7))
}
