package config

import (
	"net/url"
	"strconv"
	"strings"
)

// SecretText is a text with references that is secret as a whole. What stands in the file may be secret, too: only its
// place is shown to people, never the text.
type SecretText struct {
	Pos    Pos
	Path   string
	Secret Secret
}

// Empty reports whether nothing stands in the file.
func (s SecretText) Empty() bool { return s == SecretText{} }

// SecretList is a list of secret texts; the file may give a single one without brackets.
type SecretList []SecretText

// ProxyOff is the value of `proxy` that means none, whatever the environment says.
const ProxyOff = "off"

// secretText is a scalar whose references are replaced. ok is false where there was a problem.
func (d *decoder) secretText(n *node, f field) (x SecretText, ok bool) {
	if !d.isText(n, f) {
		return SecretText{}, false
	}
	if n.text == "" {
		d.reject(n, "the text is empty; write a value or remove the key")
		return SecretText{}, false
	}
	secret, err := expand(n.text, d.resolver(n.pos.File))
	if err != nil {
		d.reject(n, "%s", err)
		return SecretText{}, false
	}
	x = SecretText{Pos: n.pos, Path: n.path, Secret: secret}
	switch {
	case secret.Missing():
	case hasControl(secret.Reveal()):
		d.reject(n, "the value holds a line break or another control character, which cannot be sent")
		return SecretText{}, false
	case f.form == "proxy":
		if fault := proxyFault(secret.Reveal()); fault != "" {
			d.reject(n, "%s", fault)
			return SecretText{}, false
		}
	}
	return x, true
}

// proxyFault says what is wrong with a proxy, or is empty. It never repeats the value: that may hold a password.
func proxyFault(value string) string {
	if value == ProxyOff {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return "this is no proxy; write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT, or off"
	}
	switch u.Scheme {
	case "http", "https", "socks5":
	default:
		return "a proxy of this kind is not known; write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT, or off"
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "a proxy has no path, query or fragment; write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "the proxy's port is no number from 1 to 65535"
		}
	}
	return ""
}
