package device

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/internal/outbox"
	"github.com/langnghe/langnghe/device/modem"
	"github.com/langnghe/langnghe/device/modem/modemtest"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
)

const (
	kioskNumber   = "+84900000001"
	gatewayNumber = "+84900000002"
)

// kiosk is a device with its bundle and the gateway's keys.
type kiosk struct {
	*Device
	t        *testing.T
	cfg      Config
	identity seal.Identity
	psk      seal.PSK
	log      *buffer
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// enrol makes a bundle as gateway enrol does, for a kiosk without a modem.
func enrol(t *testing.T) *kiosk {
	t.Helper()
	dir := t.TempDir()
	k := &kiosk{t: t, log: &buffer{}}
	k.identity, k.psk = must(seal.NewIdentity(1)), must(seal.NewPSK(7, 1))
	secret := func(name string, b []byte) {
		if err := seal.WriteSecret(filepath.Join(dir, name), b); err != nil {
			t.Fatal(err)
		}
	}
	secret("device.key", must(k.psk.MarshalText()))
	secret("intake.recipient", must(k.identity.Recipient().MarshalText()))
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "d000007"}, NotAfter: time.Now().Add(-time.Hour)}
	der := must(x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)) // expired: no reason to refuse
	secret("tls.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	secret("ca.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	secret("tls.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))}))
	path := filepath.Join(dir, "kiosk.toml")
	text := "[device]\ncommune = 26734\n[gateway]\nbrokers = [\"ssl://127.0.0.1:1\"]\n[modem]\nport = \"\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	k.cfg = must(LoadConfig(path))
	return k
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// withModem gives the kiosk a modem on the emulated network.
func (k *kiosk) withModem() (*modemtest.Network, *modemtest.SIM) {
	k.t.Helper()
	n := modemtest.New(modemtest.Options{})
	k.t.Cleanup(func() { n.Close() })
	sim := n.SIM(kioskNumber)
	port, err := sim.OpenPTY("")
	if err != nil {
		k.t.Fatal(err)
	}
	n.Phone(gatewayNumber)
	k.cfg.Modem.Port, k.cfg.Gateway.MSISDN = port, gatewayNumber
	return n, sim
}

func (k *kiosk) open() {
	k.t.Helper()
	var err error
	log := slog.New(slog.NewTextHandler(k.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if k.Device, err = New(k.cfg, log); err != nil {
		k.t.Fatal(err)
	}
}

// run opens and runs the device until stop.
func (k *kiosk) run() (stop func()) {
	k.t.Helper()
	k.open()
	d := k.Device
	ctx, cancel := context.WithCancel(k.t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	return sync.OnceFunc(func() {
		k.t.Helper()
		cancel()
		if err := errors.Join(<-done, d.Close()); err != nil {
			k.t.Error(err)
		}
	})
}

func (k *kiosk) eventually(what string, ok func() bool) {
	k.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			k.t.Fatalf("never: %s\n%s", what, k.log)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// stored opens all that is in the outbox and not held, as the gateway would. The device must be closed.
func (k *kiosk) stored() (out []wire.Body) {
	k.t.Helper()
	box := must(outbox.Open(filepath.Join(k.cfg.Device.StateDir, "outbox.db")))
	defer box.Close()
	for _, it := range must(box.Due(k.t.Context())) {
		out = append(out, must(k.identity.Open(must(box.Envelope(k.t.Context(), it.ID)), k.psk)).Body)
	}
	return out
}

func TestSubmitNeedsNeitherModemNorNetwork(t *testing.T) { // invariant 1
	k := enrol(t)
	k.cfg.Modem.Port, k.cfg.Gateway.MSISDN = filepath.Join(t.TempDir(), "no-modem"), gatewayNumber
	stop := k.run()
	defer stop()
	const words = "Em sợ về nhà. e\u0301"
	d := report.Draft{Categories: []report.Category{"V1"}, When: report.WhenNow, Text: report.Words(words), Contact: report.Words("x")}
	held := d.Contact
	r, err := k.Submit(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if r.Digits() == "00000000" || strings.Trim(string(held), "\x00") != "" {
		t.Error("no receipt, or the words are still in memory")
	}
	k.eventually("the missing modem is named", func() bool { return strings.Contains(k.Status().Modem, "no-modem") })
	k.eventually("the expired certificate is named", func() bool {
		return strings.Contains(k.Status().MQTT, "certificate expired on") && strings.Contains(k.Status().MQTT, "gateway renew -device")
	})
	if s := k.Status(); !s.CanStore || s.Online {
		t.Errorf("%+v", s)
	}
	stop()
	got, ok := k.stored()[0].(wire.Report)
	if !ok || got.Draft.Text.Reveal() != "Em sợ về nhà. é" || got.Draft.Place.Commune != 26734 || got.Urgency != report.U0 || got.Draft.Door != report.DoorScreen {
		t.Errorf("stored %+v", got)
	}
}

func TestSubmitStoresBeforeItReturnsAndSaysWhenItCannot(t *testing.T) { // invariants 1 and 8
	k := enrol(t)
	k.open()
	if err := k.outbox.Close(); err != nil { // the disk is gone
		t.Fatal(err)
	}
	_, err := k.Submit(t.Context(), report.Draft{Text: report.Words("canary")})
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("error %v", err)
	}
	if s := k.Status(); s.CanStore || s.Why == "" {
		t.Errorf("%+v", s)
	}
}

func TestWrongDraftIsRefusedWithoutItsWords(t *testing.T) { // invariant 8
	k := enrol(t)
	k.open()
	defer k.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		d    report.Draft
		want error
	}{
		"empty":    {t.Context(), report.Draft{}, report.ErrEmpty},
		"too long": {t.Context(), report.Draft{Text: report.Words(strings.Repeat("canary", 1000))}, nil},
		"ended":    {ended, report.Draft{Text: report.Words("canary")}, ErrStopped},
	} {
		_, err := k.Submit(c.ctx, c.d)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || strings.Contains(fmt.Sprintf("%+v", err), "canary") {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Trim(string(c.d.Text), "\x00") != "" {
			t.Errorf("%s: the words are still in memory", name)
		}
	}
	if !k.Status().CanStore {
		t.Error("a wrong draft is no fault of the disk")
	}
}

func TestStartRefusalIsOneClearSentence(t *testing.T) {
	at := func(name string) func(*kiosk) string {
		return func(k *kiosk) string { return filepath.Join(filepath.Dir(k.cfg.Device.Key), name) }
	}
	for name, c := range map[string]struct {
		spoil func(k *kiosk) error
		want  string
	}{
		"device key others may read": {func(k *kiosk) error { return os.Chmod(at("device.key")(k), 0o644) }, "run chmod 600 on it"},
		"TLS key others may read":    {func(k *kiosk) error { return os.Chmod(at("tls.key")(k), 0o640) }, "run chmod 600 on it"},
		"no device key":              {func(k *kiosk) error { return os.Remove(at("device.key")(k)) }, "copy it again from this kiosk's bundle, which gateway enrol made, or correct device.key"},
		"damaged device key":         {func(k *kiosk) error { return os.Truncate(at("device.key")(k), 50) }, "make a new bundle with gateway enrol"},
		"no recipient":               {func(k *kiosk) error { return os.Remove(at("intake.recipient")(k)) }, "correct device.recipient"},
		"damaged recipient":          {func(k *kiosk) error { return os.Truncate(at("intake.recipient")(k), 40) }, "make a new bundle"},
		"no certificate":             {func(k *kiosk) error { return os.Remove(at("tls.crt")(k)) }, "gateway renew -device, or correct the path"},
		"no TLS key":                 {func(k *kiosk) error { return os.Remove(at("tls.key")(k)) }, "gateway renew -device"},
		"no PIN": {func(k *kiosk) error {
			k.cfg.Modem.Port, k.cfg.Modem.PINFile = "/dev/null", at("pin")(k)
			return nil
		}, "write the SIM's PIN into it"},
		"damaged authority":      {func(k *kiosk) error { return os.Truncate(at("ca.crt")(k), 20) }, "holds no certificate"},
		"state folder is a file": {func(k *kiosk) error { return os.WriteFile(k.cfg.Device.StateDir, nil, 0o600) }, "check the disk and device.state_dir"},
		"PIN others may read": {func(k *kiosk) error {
			k.cfg.Modem.Port, k.cfg.Modem.PINFile = "/dev/null", at("pin")(k)
			return errors.Join(os.WriteFile(at("pin")(k), []byte("1234\n"), 0o600), os.Chmod(at("pin")(k), 0o604))
		}, "run chmod 600 on it"},
		"database of a newer version": {func(k *kiosk) error {
			k.open()
			if err := k.Close(); err != nil {
				return err
			}
			db := must(sql.Open("sqlite3", filepath.Join(k.cfg.Device.StateDir, "outbox.db")))
			defer db.Close()
			_, err := db.Exec(`PRAGMA user_version = 99`)
			return err
		}, "install the newer kiosk program again"},
		"another process has it": {func(k *kiosk) error {
			k.open()
			k.t.Cleanup(func() { k.Close() })
			return nil
		}, "stop the other one"},
	} {
		t.Run(name, func(t *testing.T) {
			k := enrol(t)
			if err := c.spoil(k); err != nil {
				t.Fatal(err)
			}
			d, err := New(k.cfg, slog.New(slog.DiscardHandler))
			if err == nil {
				d.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestUrgencyIsOnlyRaised(t *testing.T) {
	k := enrol(t)
	k.open()
	defer k.Close()
	for _, c := range []struct {
		d      report.Draft
		raise  report.Urgency
		want   report.Urgency
		urgent bool
	}{
		{report.Draft{Categories: []report.Category{"V1"}, When: report.WhenNow}, report.U4, report.U0, true},
		{report.Draft{Categories: []report.Category{"G1"}}, report.U0, report.U0, true},
		{report.Draft{Categories: []report.Category{"S1"}}, report.U4, report.U1, false},
		{report.Draft{Categories: []report.Category{"G9"}, Text: report.Words("x")}, report.U4, report.U1, false},
	} {
		s, urgent, err := k.seal(&c.d, c.raise)
		if err != nil {
			t.Fatal(err)
		}
		b := must(k.identity.Open(s.Envelope, k.psk)).Body.(wire.Report)
		if b.Urgency != c.want || urgent != c.urgent {
			t.Errorf("%v raised by %v: %v, urgent %v", c.d.Categories, c.raise, b.Urgency, urgent)
		}
	}
}

// While a slot that was delivered is still full, its digest must stay: the next start would make a second report of it.
func TestDigestsStayWhileASlotIsFull(t *testing.T) { // invariant 6
	for _, c := range []struct {
		s    modem.Status
		want bool
	}{
		{modem.Status{}, false},
		{modem.Status{Open: true}, true},
		{modem.Status{Open: true, Kept: 1}, false},
		{modem.Status{Kept: 1}, false},
	} {
		if allFree(c.s) != c.want {
			t.Errorf("%+v: want %v", c.s, c.want)
		}
	}
}
