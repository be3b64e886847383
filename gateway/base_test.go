package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestPageShowsTheAddressThatClientsUse(t *testing.T) {
	t.Parallel()
	own := startWith(t, leadingTo("192.0.2.1"), Options{})
	public := startWith(t, leadingTo("192.0.2.1"), Options{PublicURL: "https://ai.example.com/llm"})
	for _, c := range []struct {
		gateway *started
		want    string
	}{
		{own, "<code>" + own.url + "/up</code>"},
		{public, "<code>https://ai.example.com/llm/up</code>"},
	} {
		response, err := http.Get(c.gateway.url + "/")
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || !strings.Contains(string(page), c.want) {
			t.Errorf("the page (%v) does not hold %s:\n%s", err, c.want, page)
		}
	}
}
