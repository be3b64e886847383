package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"windhover/config"
)

// healthTimeout is how long the gateway may take to say that it is ready: shorter than the 30 s of a container's health check.
const healthTimeout = 5 * time.Second

func (p program) healthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the running gateway whether it is ready",
		Long: "Health asks /-/ready of the gateway that runs on this machine with the same settings, and exits with 0 or 1.\n" +
			"It is a container's health check where there is no curl.",
		Example: "  windhover health\n  windhover health --listen 127.0.0.1:8080\n  windhover health --listen unix:/run/windhover.sock",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := p.settings(cmd)
			if err != nil {
				return err
			}
			if err := askReady(cmd.Context(), settings); err != nil {
				return err
			}
			fmt.Fprintln(p.stdout, p.green("ready"))
			return nil
		},
	}
	config.AddFlags(cmd.Flags(), "config", "listen", "tls-cert")
	return cmd
}

// askReady asks the gateway that runs with these settings. It asks directly: a proxy of the environment is for going out.
// Whose certificate the answer comes with is not checked: it is made out for the name that clients use, not for this
// machine's address, and nothing secret is sent.
func askReady(ctx context.Context, s config.Settings) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, schemeOf(s)+"://localhost/-/ready", nil)
	if err != nil {
		return fmt.Errorf("ask whether the gateway is ready: %w", err)
	}
	transport := transportTo(s.Listen)
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("ask whether the gateway is ready: %w", err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway on %s is not ready: %s", s.Listen, response.Status)
	}
	return nil
}

// transportTo sends each request to the listener of that address, whatever its URL says.
func transportTo(listen string) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			network, address := networkOf(listen)
			return new(net.Dialer).DialContext(ctx, network, reachable(address))
		},
	}
}

// reachable is an address to connect to for one that is listened on: what stands for every interface is replaced by loopback.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	ip := net.ParseIP(host)
	switch {
	case host == "" || ip.Equal(net.IPv4zero):
		host = "127.0.0.1"
	case ip.Equal(net.IPv6zero):
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
