package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
)

// RenewServer writes a new certificate into mqtt.cert: for the same names and the same key, so that one file changes, at
// once or not at all. It needs ca.key. The gateway shows it after its next start. It returns its last day.
func RenewServer(cfg Config, now time.Time) (until time.Time, err error) {
	ca, err := readAuthority(cfg.Enrol, now)
	if err != nil {
		return until, err
	}
	pair, err := readPair("mqtt", cfg.MQTT.Cert, cfg.MQTT.Key)
	if err != nil {
		return until, err
	}
	old, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return until, fmt.Errorf("renew: mqtt.cert %s: %w", cfg.MQTT.Cert, err)
	}
	hosts := append([]string(nil), old.DNSNames...)
	for _, ip := range old.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	if len(hosts) == 0 {
		return until, fmt.Errorf("renew: mqtt.cert %s names no host: it was not made by gateway init", cfg.MQTT.Cert)
	}
	cert, err := ca.sign(leaf(old.Subject.CommonName, hosts, ca, now), old.PublicKey)
	if err != nil {
		return until, err
	}
	if err := replaceFile(cfg.MQTT.Cert, certPEM(cert)); err != nil {
		return until, fmt.Errorf("renew: %w", withNext(err))
	}
	return cert.NotAfter, nil
}

// replaceFile puts text in the place of the file at path, which is the old one or the new one at every moment.
func replaceFile(path string, text []byte) (err error) {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(st.Mode().Perm())
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// renewedFiles are what RenewDevice writes.
var renewedFiles = []string{"tls.crt", "tls.key", "ca.crt"}

// RenewDevice writes a new certificate of an enrolled device, its key and the authority into dir. Its index, its device key
// and all that is stored of it stay. It needs ca.key, and may run while the gateway serves. It returns its last day.
func RenewDevice(ctx context.Context, cfg Config, device, dir string, now time.Time) (until time.Time, err error) {
	index, err := wire.ParseDeviceName(device)
	if err != nil {
		return until, fmt.Errorf(`renew: -device: %q is no device's name, such as "d000001"`, device)
	}
	id, err := readIdentity(cfg.Intake.Identity)
	if err != nil {
		return until, err
	}
	ca, err := readAuthority(cfg.Enrol, now)
	if err != nil {
		return until, err
	}
	db, err := openStore(ctx, cfg, id)
	if err != nil {
		return until, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.Device(ctx, index)
	switch {
	case errors.Is(err, intake.ErrNoDevice):
		return until, fmt.Errorf("renew: -device: %s is not enrolled here: make its bundle with gateway enrol", device)
	case err != nil:
		return until, err
	}
	if err := emptyDir("renew", "out", dir); err != nil {
		return until, err
	}
	cert, key, err := ca.issue(device, nil, now)
	if err != nil {
		return until, err
	}
	defer clear(key)
	if err := writeFiles(dir, []file{{renewedFiles[0], cert, false}, {renewedFiles[1], key, true}, {renewedFiles[2], certPEM(ca.cert), false}}); err != nil {
		for _, f := range renewedFiles {
			_ = os.Remove(filepath.Join(dir, f))
		}
		return until, fmt.Errorf("renew: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return until, err
	}
	return pair.Leaf.NotAfter, nil
}
