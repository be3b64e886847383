package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretCannotBePrinted(t *testing.T) {
	t.Parallel()
	secret := NewSecret("hunter2")
	part := Part{Secret: &secret}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("loaded", "secret", secret, "part", part)
	encoded, err := json.Marshal(map[string]any{"secret": secret, "part": part})
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{
		fmt.Sprint(secret), fmt.Sprint(&secret), fmt.Sprintf("%v %+v %#v %s %q %x %d", secret, secret, secret, secret, secret, secret, secret),
		fmt.Sprintf("%+v", part), fmt.Sprintf("%#v", struct{ S Secret }{secret}), log.String(), string(encoded),
	} {
		if strings.Contains(out, "hunter2") || strings.Contains(out, "68756e74657232") {
			t.Errorf("the secret shows in %s", out)
		}
	}
	if got := secret.Reveal(); got != "hunter2" {
		t.Errorf("Reveal() = %q, want hunter2", got)
	}
}
