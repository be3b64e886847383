package main

import (
	"context"
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
		Example: "  windhover health\n  windhover health --listen 127.0.0.1:8080",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := p.settings(cmd)
			if err != nil {
				return err
			}
			if err := askReady(cmd.Context(), settings.Listen); err != nil {
				return err
			}
			fmt.Fprintln(p.stdout, p.green("ready"))
			return nil
		},
	}
	config.AddFlags(cmd.Flags(), "config", "listen")
	return cmd
}

// askReady asks the gateway that listens on an address. It asks directly: a proxy of the environment is for going out.
func askReady(ctx context.Context, listen string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(listen)+"/-/ready", nil)
	if err != nil {
		return fmt.Errorf("ask whether the gateway is ready: %w", err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("ask whether the gateway is ready: %w", err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway on %s is not ready: %s", listen, response.Status)
	}
	return nil
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
