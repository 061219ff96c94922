package device

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/langnghe/langnghe/device/seal"
)

// ifAbsent adds what to do to an error that says that a file is not there; other errors say it themselves.
func ifAbsent(err error, next string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", err, next)
	}
	return err
}

// tlsConfigOf gives a function that reads the files anew each time, so that a renewed certificate needs no restart.
func tlsConfigOf(c GatewayConfig) func() (*tls.Config, error) {
	return func() (*tls.Config, error) { return tlsConfig(c) }
}

// tlsConfig reads our certificate and the authority of the gateway's. Whether they are still valid is for the link to judge.
func tlsConfig(c GatewayConfig) (*tls.Config, error) {
	const next = "make the three files anew with gateway renew -device, or correct the path"
	key, err := seal.ReadSecret(c.TLSKey)
	if err != nil {
		return nil, ifAbsent(err, "copy it again from this kiosk's bundle, or "+next)
	}
	defer clear(key)
	cert, err := os.ReadFile(c.TLSCert)
	if err != nil {
		return nil, fmt.Errorf("this device's certificate can't be read: %w: %s", err, next)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s and its key don't fit: %w: %s", c.TLSCert, err, next)
	}
	authority, err := os.ReadFile(c.TLSCA)
	if err != nil {
		return nil, fmt.Errorf("the gateway's authority can't be read: %w: %s", err, next)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%s holds no certificate: %s", c.TLSCA, next)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, MinVersion: tls.VersionTLS13}, nil
}
