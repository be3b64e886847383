package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// maxPEM bounds a file of certificates, in bytes: the bundles of operating systems have about 250 KiB.
const maxPEM = 2 << 20

// PEM is a file that the providers file names, and what it holds: certificates or a key, checked. Data is empty and
// missing where the providers file was loaded without its secrets.
type PEM struct {
	Text // its path as it stands in the file
	Data Secret
}

func (t *TLS) place(_ *node, broken bool) { t.Broken = broken }

// pemFile is a file that has been read once for all who name it, and why it cannot be one of certificates or of a key.
type pemFile struct {
	data                  Secret
	noCertificates, noKey error
}

// pem reads what is at a path, relative to the file that names it.
func (d *decoder) pem(n *node, f field) PEM {
	text, ok := d.text(n, f)
	if !ok {
		return PEM{}
	}
	path := relativeTo(n.pos.File, text.Value)
	d.paths.add(path)
	if d.references.noSecrets {
		return PEM{text, Secret{missing: true}}
	}
	file, ok := d.pems[path]
	if !ok {
		file = readPEM(path)
		d.pems[path] = file
	}
	fault := file.noCertificates
	if f.form == "key" {
		fault = file.noKey
	}
	if fault != nil {
		d.reject(n, "the file %s %s", quoted(path), fault)
		return PEM{}
	}
	return PEM{text, file.data}
}

func readPEM(path string) pemFile {
	data, err := readBounded(path, maxPEM)
	if err != nil {
		err = fmt.Errorf("cannot be read: %w", err)
		return pemFile{noCertificates: err, noKey: err}
	}
	return inspectPEM(data)
}

// inspectPEM looks at the blocks of a PEM file. Text between them is allowed, as bundles have it.
func inspectPEM(data []byte) pemFile {
	file := pemFile{
		data:           NewSecret(string(data)),
		noCertificates: errors.New("holds no certificate; it must be PEM, with -----BEGIN CERTIFICATE-----"),
		noKey:          errors.New("holds no private key; it must be PEM, with -----BEGIN PRIVATE KEY-----"),
	}
	certificates, unreadable := 0, error(nil)
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "CERTIFICATE":
			certificates++
			if _, err := x509.ParseCertificate(block.Bytes); err != nil {
				unreadable = fmt.Errorf("holds a certificate, number %d, that cannot be read: %w", certificates, err)
			}
		case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			file.noKey = errors.New("holds an encrypted private key; remove its passphrase")
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			file.noKey = nil
		}
	}
	if certificates > 0 {
		file.noCertificates = unreadable
	}
	return file
}

// checkKeyPair finds a certificate without its key. What is broken has been reported.
func (d *decoder) checkKeyPair(t TLS) {
	switch {
	case t.Broken:
	case t.Key.Empty() && !t.Cert.Empty():
		d.add(t.Cert.Problem("cert_file stands without key_file; name the file of its private key"))
	case t.Cert.Empty() && !t.Key.Empty():
		d.add(t.Key.Problem("key_file stands without cert_file; name the file of its certificate"))
	case t.Cert.Data.Missing() || t.Cert.Empty():
	default:
		if _, err := tls.X509KeyPair([]byte(t.Cert.Data.Reveal()), []byte(t.Key.Data.Reveal())); err != nil {
			d.add(t.Key.Problem("key_file does not fit cert_file: %s", strings.TrimPrefix(err.Error(), "tls: ")))
		}
	}
}

// isServerName checks a name as certificates have it.
func (d *decoder) isServerName(n *node) bool {
	if _, err := netip.ParseAddr(n.text); err == nil || isHostName(n.text) {
		return true
	}
	d.reject(n, "%s is no host name; write it as it stands in the certificate, without scheme and port", quoted(n.text))
	return false
}

func isHostName(s string) bool {
	for _, r := range s {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !letter && !strings.ContainsRune(".-_", r) {
			return false
		}
	}
	return s != ""
}
