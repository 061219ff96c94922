package gateway

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/langnghe/langnghe/device/seal"
)

// Lifetimes of certificates, and how their ends are said. A leaf ends with its authority at the latest.
const (
	caYears   = 10
	leafYears = 5

	day = "2006-01-02"
)

// authority signs the certificates of the gateway and of its kiosks.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newAuthority(now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the authority's key: %w", err)
	}
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Lang Nghe gateway authority"},
		NotBefore:             now.Add(-time.Hour), // for clocks that are a little behind
		NotAfter:              now.AddDate(caYears, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	a := &authority{cert: t, key: key}
	a.cert, err = a.sign(t, &key.PublicKey)
	return a, err
}

func (a *authority) sign(t *x509.Certificate, pub crypto.PublicKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	t.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, pub, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// issue makes a key and a certificate for it; see leaf.
func (a *authority) issue(name string, hosts []string, now time.Time) (cert, key []byte, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	c, err := a.sign(leaf(name, hosts, a, now), &k.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	if key, err = keyPEM(k); err != nil {
		return nil, nil, err
	}
	return certPEM(c), key, nil
}

// leaf is the certificate of a server where hosts are given, else of a client with name as its CN.
func leaf(name string, hosts []string, a *authority, now time.Time) *x509.Certificate {
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(leafYears, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if t.NotAfter.After(a.cert.NotAfter) {
		t.NotAfter = a.cert.NotAfter
	}
	if len(hosts) > 0 {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		for _, h := range hosts {
			if ip := net.ParseIP(h); ip != nil {
				t.IPAddresses = append(t.IPAddresses, ip)
			} else {
				t.DNSNames = append(t.DNSNames, h)
			}
		}
	}
	return t
}

func certPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func keyPEM(k crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("write a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// readAuthority reads the files of an authority.
func readAuthority(cfg EnrolConfig, now time.Time) (*authority, error) {
	cert, err := os.ReadFile(cfg.CA)
	if err != nil {
		return nil, fmt.Errorf("enrol.ca can't be read: %w: restore the copy of ca.crt, or correct the path", err)
	}
	key, err := seal.ReadSecret(cfg.CAKey)
	if err != nil {
		return nil, fmt.Errorf("enrol.ca_key: %w", ifAbsent(err, "it is kept offline: bring it for this command, or name its place"))
	}
	defer clear(key)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("enrol.ca %s and enrol.ca_key do not belong together or are damaged: %w", cfg.CA, err)
	}
	c, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("enrol.ca %s is damaged: %w", cfg.CA, err)
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !c.IsCA {
		return nil, fmt.Errorf("enrol.ca %s is no authority's certificate", cfg.CA)
	}
	if now.After(c.NotAfter) {
		return nil, fmt.Errorf("enrol.ca %s expired on %s: make a new authority with gateway init in another folder, or set this machine's clock (%s) if it is wrong",
			cfg.CA, c.NotAfter.Format(day), now.Format(day))
	}
	return &authority{c, signer}, nil
}
