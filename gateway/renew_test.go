package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/wire"
)

func certificate(t *testing.T, cert, key string) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	pair, err := readPair("test", cert, key)
	must(t, err)
	return pair, pair.Leaf
}

func TestRenewedKioskIsTheSameKiosk(t *testing.T) {
	_, cfg := made(t, Setup{})
	g, stop := running(t, cfg, discard)
	defer stop()
	k := enrolled(t, cfg, Enrolment{Broker: "localhost:8883", MSISDN: kioskNumber, Gateway: gatewayNumber})
	before, err := g.store.Device(t.Context(), 1)
	must(t, err)
	_, old := certificate(t, filepath.Join(k.dir, "tls.crt"), filepath.Join(k.dir, "tls.key"))

	dir := filepath.Join(t.TempDir(), "renewed")
	later := time.Now().AddDate(1, 0, 0)
	until, err := RenewDevice(t.Context(), cfg, k.name, dir, later)
	must(t, err)
	pair, now := certificate(t, filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if !now.NotAfter.Equal(until) || !now.NotAfter.After(old.NotAfter) || now.Subject.CommonName != k.name || now.IsCA {
		t.Errorf("the new certificate is of %s until %s, was until %s", now.Subject.CommonName, now.NotAfter, old.NotAfter)
	}
	if st, err := os.Stat(filepath.Join(dir, "tls.key")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("tls.key: %v, %v", st.Mode(), err)
	}
	after, err := g.store.Device(t.Context(), 1)
	if must(t, err); !reflect.DeepEqual(before, after) {
		t.Error("renewing changed what is stored of the device")
	}
	// With its old key and one of today's new certificates its reports are taken and acked.
	today := filepath.Join(t.TempDir(), "today")
	_, err = RenewDevice(t.Context(), cfg, k.name, today, time.Now())
	must(t, err)
	if pair, _ = certificate(t, filepath.Join(today, "tls.crt"), filepath.Join(today, "tls.key")); pair.Leaf == nil {
		t.Fatal("no certificate")
	}
	k.tls.Certificates = []tls.Certificate{pair}
	c, acks := k.connect(t, g.MQTTAddr())
	c.Publish(wire.TopicReport(k.name), 1, false, []byte(k.seal(t, "a").Envelope)).WaitTimeout(patience)
	select {
	case <-acks:
	case <-time.After(patience):
		t.Error("no ack")
	}
}

func TestRenewedServerHasItsHostsAndItsKey(t *testing.T) {
	dir, cfg := made(t, Setup{})
	_, old := certificate(t, cfg.MQTT.Cert, cfg.MQTT.Key)
	until, err := RenewServer(cfg, time.Now().AddDate(1, 0, 0))
	must(t, err)
	_, now := certificate(t, cfg.MQTT.Cert, cfg.MQTT.Key) // it fits the old key, or this fails
	if !now.NotAfter.Equal(until) || !now.NotAfter.After(old.NotAfter) {
		t.Errorf("valid until %s, was %s", now.NotAfter, old.NotAfter)
	}
	if !reflect.DeepEqual(now.DNSNames, old.DNSNames) || len(now.IPAddresses) != 1 || !now.IPAddresses[0].Equal(old.IPAddresses[0]) ||
		!reflect.DeepEqual(now.ExtKeyUsage, old.ExtKeyUsage) {
		t.Errorf("the new certificate is for %v %v, the old one for %v %v", now.DNSNames, now.IPAddresses, old.DNSNames, old.IPAddresses)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".server*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// A kiosk that was enrolled before trusts it.
	_, err = RenewServer(cfg, time.Now())
	must(t, err)
	g, stop := running(t, cfg, discard)
	defer stop()
	enrolled(t, cfg, Enrolment{Broker: "localhost:8883"}).connect(t, g.MQTTAddr())
}

func TestWhatCanGoWrongAtRenewingIsOneClearSentence(t *testing.T) {
	dir, cfg := made(t, Setup{})
	enrolled(t, cfg, Enrolment{Broker: "localhost:8883"})
	renew := func(c Config, device, out string, now time.Time) error {
		_, err := RenewDevice(t.Context(), c, device, out, now)
		return err
	}
	out := filepath.Join(dir, "out")
	said(t, "a stranger", renew(cfg, "d000009", out, time.Now()), "d000009 is not enrolled here", "")
	said(t, "no name", renew(cfg, "kiosk1", out, time.Now()), `such as "d000001"`, "")
	said(t, "no folder", renew(cfg, "d000001", "", time.Now()), "renew: -out: name a new or empty folder", "")
	said(t, "a full folder", renew(cfg, "d000001", dir, time.Now()), "is not empty", "")
	said(t, "an old authority", renew(cfg, "d000001", out, time.Now().AddDate(11, 0, 0)), "set this machine's clock", "")
	cfg.Enrol.CAKey = filepath.Join(dir, "absent")
	said(t, "no ca.key", renew(cfg, "d000001", out, time.Now()), "it is kept offline: bring it", "")
	_, err := RenewServer(cfg, time.Now())
	said(t, "no ca.key for the server", err, "it is kept offline: bring it", "")
}
