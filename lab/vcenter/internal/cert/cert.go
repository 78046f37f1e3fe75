// Package cert makes certificates that nobody has signed, and their thumbprints.
package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const life = 10 * 365 * 24 * time.Hour

// Kept returns the self-signed certificate of that name below dir. It is
// made on first use and kept, so that a thumbprint somebody pinned stays valid.
func Kept(dir, name string, ip net.IP) (tls.Certificate, error) {
	file := filepath.Join(dir, name+".pem")
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if data, err = encoded(name, ip); err == nil {
			if err = os.MkdirAll(dir, 0o700); err == nil {
				err = os.WriteFile(file, data, 0o600)
			}
		}
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate %s: %w", file, err)
	}
	cert, err := tls.X509KeyPair(data, data)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate %s (remove the file to have a new one made): %w", file, err)
	}
	return cert, nil
}

// New returns a new one that nobody keeps.
func New(name string, ip net.IP) (tls.Certificate, error) {
	data, err := encoded(name, ip)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(data, data)
}

func encoded(name string, ip net.IP) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name, Organization: []string{"lab-vcenter"}},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(life),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{ip},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...), nil
}

// SHA1 and SHA256 are thumbprints: upper-case hex with colons, the way
// vSphere writes them.
func SHA1(cert tls.Certificate) string {
	sum := sha1.Sum(cert.Certificate[0])
	return colons(sum[:])
}

// SHA256 is the longer one.
func SHA256(cert tls.Certificate) string {
	sum := sha256.Sum256(cert.Certificate[0])
	return colons(sum[:])
}

func colons(sum []byte) string {
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}
