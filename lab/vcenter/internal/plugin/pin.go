package plugin

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Pin is the certificate that a plug-in server has to show, as its registration
// says: by thumbprint, whole, or both.
type Pin struct {
	// digest is SHA-1 or SHA-256, by its length; nil if only certificate counts.
	digest      []byte
	certificate *x509.Certificate
}

// NewPin reads an ExtensionServerInfo's serverThumbprint and serverCertificate.
// The former is hexadecimal with colons, the latter strict PEM (RFC 7468) for
// a certificate that is valid for host; of both, they must belong together.
func NewPin(host, thumbprint, certificate string) (*Pin, error) {
	if thumbprint == "" && certificate == "" {
		return nil, errors.New("the registration has neither a serverThumbprint nor a serverCertificate, so that nothing tells the right server from a wrong one")
	}
	pin := new(Pin)
	var err error
	if thumbprint != "" {
		if pin.digest, err = parseThumbprint(thumbprint); err != nil {
			return nil, err
		}
	}
	if certificate != "" {
		if pin.certificate, err = parseCertificate(certificate); err != nil {
			return nil, err
		}
		if err := pin.certificate.VerifyHostname(host); err != nil {
			return nil, fmt.Errorf("the registered serverCertificate is not for %q: %w", host, err)
		}
	}
	if pin.digest != nil && pin.certificate != nil && !pin.hasDigest(pin.certificate) {
		return nil, fmt.Errorf("the registered serverThumbprint %s is not that of the registered serverCertificate, which is %s: update both together",
			thumbprint, Thumbprint(pin.certificate.Raw))
	}
	return pin, nil
}

// Thumbprint is the SHA-256 of a certificate as vSphere writes it.
func Thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return colons(sum[:])
}

func colons(sum []byte) string {
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

func parseThumbprint(s string) ([]byte, error) {
	for at, r := range s {
		if !strings.ContainsRune("0123456789abcdefABCDEF:", r) {
			return nil, fmt.Errorf("the registered serverThumbprint has the character %U at position %d; it must be hexadecimal with colons, such as AB:CD:…", r, at+1)
		}
	}
	var digest []byte
	for _, part := range strings.Split(s, ":") {
		b, err := hex.DecodeString(part)
		if err != nil || len(b) != 1 {
			return nil, fmt.Errorf("the registered serverThumbprint %q is not pairs of hexadecimal digits with colons between them", s)
		}
		digest = append(digest, b[0])
	}
	if len(digest) != sha256.Size && len(digest) != sha1.Size {
		return nil, fmt.Errorf("the registered serverThumbprint has %d bytes; SHA-256 has 32, SHA-1 has 20", len(digest))
	}
	return digest, nil
}

func parseCertificate(s string) (*x509.Certificate, error) {
	block, rest := pem.Decode([]byte(s))
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("the registered serverCertificate is not one PEM block of type CERTIFICATE")
	}
	strict := pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})
	if strings.TrimRight(s, "\n") != strings.TrimRight(string(strict), "\n") {
		return nil, errors.New("the registered serverCertificate is not strict PEM (RFC 7468): its lines must have 64 columns, and there must be nothing around it")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the registered serverCertificate cannot be read: %w", err)
	}
	return cert, nil
}

func (p *Pin) hasDigest(cert *x509.Certificate) bool {
	if len(p.digest) == sha1.Size {
		sum := sha1.Sum(cert.Raw)
		return bytes.Equal(sum[:], p.digest)
	}
	sum := sha256.Sum256(cert.Raw)
	return bytes.Equal(sum[:], p.digest)
}

// TLS accepts the pinned certificate and no other.
func (p *Pin) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		// The certificate itself is compared below, which is more than a chain shows.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return errors.New("the server shows no certificate")
			}
			return p.check(state.PeerCertificates[0])
		},
	}
}

func (p *Pin) check(shown *x509.Certificate) error {
	if p.certificate != nil && !p.certificate.Equal(shown) {
		return &PinError{Shown: Thumbprint(shown.Raw), Registered: Thumbprint(p.certificate.Raw)}
	}
	if p.digest != nil && !p.hasDigest(shown) {
		return &PinError{Shown: Thumbprint(shown.Raw), Registered: colons(p.digest)}
	}
	return nil
}

// Same tells whether two pins accept the same certificate.
func (p *Pin) Same(q *Pin) bool {
	if p == nil || q == nil {
		return p == q
	}
	return slices.Equal(p.digest, q.digest) && (p.certificate == nil) == (q.certificate == nil) &&
		(p.certificate == nil || p.certificate.Equal(q.certificate))
}

// PinError says that a server shows another certificate than the registered one.
type PinError struct{ Shown, Registered string }

func (e *PinError) Error() string {
	return fmt.Sprintf("the server shows a certificate with the thumbprint %s, registered is %s; if the certificate was renewed, update the registration", e.Shown, e.Registered)
}
