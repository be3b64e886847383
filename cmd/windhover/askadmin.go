package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"windhover/config"
)

// askAdmin asks the admin listener of the gateway that runs on this machine with these settings.
func askAdmin(ctx context.Context, s config.Settings, method, path, body string) (*http.Response, error) {
	scheme := "http"
	transport := transportTo(s.Admin)
	if s.AdminTLSCert != "" {
		secure, err := askingTLS(s)
		if err != nil {
			return nil, err
		}
		scheme, transport.TLSClientConfig = "https", secure
	}
	request, err := http.NewRequestWithContext(ctx, method, scheme+"://localhost"+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if token := s.AdminToken.Reveal(); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return transport.RoundTrip(request)
}

// askingTLS trusts the listener that has the very certificate that the settings name, whatever name it is made out for: a
// token is for nobody else. Where the listener asks its clients for one, it is shown the same.
func askingTLS(s config.Settings) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(s.AdminTLSCert, s.AdminTLSKey)
	if err != nil {
		return nil, fmt.Errorf("load its certificate (--admin-tls-cert, --admin-tls-key): %w", err)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		Certificates:       []tls.Certificate{pair},
		InsecureSkipVerify: true, // in favour of what follows
		VerifyConnection: func(c tls.ConnectionState) error {
			if len(c.PeerCertificates) == 0 || !c.PeerCertificates[0].Equal(pair.Leaf) {
				return errors.New("it shows another certificate than --admin-tls-cert names")
			}
			return nil
		},
	}, nil
}
