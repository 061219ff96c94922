package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/langnghe/langnghe/device/modem/modemtest"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
)

var discard = slog.New(slog.DiscardHandler)

const (
	patience      = 30 * time.Second
	kioskNumber   = "+84900000001"
	gatewayNumber = "+84900000002"
	villager      = "+84912345678"
)

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// running runs a gateway until the returned function is called.
func running(t *testing.T, cfg Config, log *slog.Logger) (*Gateway, func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	g, err := New(ctx, cfg, log)
	must(t, err)
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	var once sync.Once
	end := func() {
		once.Do(func() {
			stop()
			must(t, <-done)
		})
	}
	t.Cleanup(end)
	return g, end
}

// bundle is a kiosk as enrol made it.
type kioskBundle struct {
	name   string
	sealer *seal.Sealer
	tls    *tls.Config
	dir    string
}

func enrolled(t *testing.T, cfg Config, e Enrolment) kioskBundle {
	t.Helper()
	e.Dir = filepath.Join(t.TempDir(), "bundle")
	e.Place, e.Commune, e.Province = "Trường Bản Qua", 26734, 79
	name, err := Enrol(t.Context(), cfg, e, time.Now())
	must(t, err)
	var to seal.Recipient
	text, err := os.ReadFile(filepath.Join(e.Dir, "intake.recipient"))
	must(t, err)
	must(t, to.UnmarshalText(text))
	var psk seal.PSK
	text, err = seal.ReadSecret(filepath.Join(e.Dir, "device.key"))
	must(t, err)
	must(t, psk.UnmarshalText(text))
	pair, err := readPair("kiosk", filepath.Join(e.Dir, "tls.crt"), filepath.Join(e.Dir, "tls.key"))
	must(t, err)
	ca, err := os.ReadFile(filepath.Join(e.Dir, "ca.crt"))
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return kioskBundle{name, seal.NewSealer(to, psk), &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, ServerName: "localhost"}, e.Dir}
}

// connect logs the kiosk in and returns its client and the acks that come.
func (k kioskBundle) connect(t *testing.T, addr string) (paho.Client, <-chan wire.Ack) {
	t.Helper()
	acks := make(chan wire.Ack, 64)
	c := paho.NewClient(paho.NewClientOptions().AddBroker("ssl://" + addr).SetClientID(k.name).SetTLSConfig(k.tls).
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectTimeout(patience))
	token := c.Connect()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("connect: %v", token.Error())
	}
	t.Cleanup(func() { c.Disconnect(0) })
	sub := c.Subscribe(wire.TopicAck(k.name), 0, func(_ paho.Client, m paho.Message) {
		if a, err := wire.ParseAck(m.Payload()); err == nil {
			acks <- a
		}
	})
	if !sub.WaitTimeout(patience) || sub.Error() != nil {
		t.Fatalf("subscribe: %v", sub.Error())
	}
	return c, acks
}

func (k kioskBundle) seal(t testing.TB, text string) seal.Sealed {
	t.Helper()
	s, err := k.sealer.Seal(wire.Report{
		Draft:   report.Draft{Door: report.DoorScreen, Categories: []report.Category{"V1"}, Text: report.Words(text)},
		Urgency: report.U2, Time: report.NewBucket(time.Now(), true),
	})
	must(t, err)
	return s
}

// officerPage logs in and returns what a page of the console says.
func officerPage(t *testing.T, base, user, password string) func(path string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	c := &http.Client{Jar: jar, Timeout: patience}
	get := func(path string) string {
		res, err := c.Get(base + strings.TrimPrefix(path, "/"))
		must(t, err)
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		must(t, err)
		return string(b)
	}
	form := url.Values{"user": {user}, "password": {password}}
	if m := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(get("login")); m != nil {
		form.Set("csrf", m[1])
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"login", strings.NewReader(form.Encode()))
	must(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", strings.TrimSuffix(base, "/"))
	res, err := c.Do(req)
	must(t, err)
	_ = res.Body.Close()
	return get
}

func TestReportsByBothLinksReachTheConsoleAndAreAcked(t *testing.T) {
	n := modemtest.New(modemtest.Options{})
	t.Cleanup(func() { must(t, n.Close()) })
	port := filepath.Join(t.TempDir(), "modem")
	if _, err := n.SIM(gatewayNumber).OpenPTY(port); err != nil {
		t.Fatal(err)
	}
	n.Phone(kioskNumber) // somebody for the acks to reach
	phone := n.Phone(villager)
	_, cfg := made(t, Setup{Modem: port, MSISDN: gatewayNumber})
	logs := &lockedBuffer{}
	g, stop := running(t, cfg, slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})))
	// Both commands work while the gateway serves.
	password, err := AddOfficer(t.Context(), cfg, NewOfficer{User: "hoa", Name: "Hoa", Role: "supervisor", Scope: "national"})
	must(t, err)
	k := enrolled(t, cfg, Enrolment{Broker: g.MQTTAddr(), MSISDN: kioskNumber, Gateway: gatewayNumber})

	const words = "Con chim hoàng yến"
	first := k.seal(t, words+" một")
	c, acks := k.connect(t, g.MQTTAddr())
	for range 2 { // the second is a duplicate
		c.Publish(wire.TopicReport(k.name), 1, false, []byte(first.Envelope)).WaitTimeout(patience)
		select {
		case a := <-acks:
			if a.Tokens[0].Hash() != first.AckHash {
				t.Error("the ack is another envelope's")
			}
		case <-time.After(patience):
			t.Fatal("no ack over MQTT")
		}
	}
	beat, err := json.Marshal(wire.Heartbeat{Program: "test-1", Link: "mqtt", Backlog: 3, Signal: 20, CanStore: true})
	must(t, err)
	c.Publish(wire.TopicHeartbeat(k.name), 0, false, beat).WaitTimeout(patience)

	second := k.seal(t, words+" hai")
	n.Inject(kioskNumber, gatewayNumber, second.Envelope)
	until(t, "an ack by SMS", func() bool {
		for _, s := range n.Truth() {
			if a, err := wire.ParseAck(s.Data); err == nil && modemtest.Normalise(kioskNumber) == s.To && a.Tokens[0].Hash() == second.AckHash {
				return true
			}
		}
		return false
	})
	if err := phone.Send(gatewayNumber, words+" ba"); err != nil {
		t.Fatal(err)
	}
	until(t, "an answer to the villager", func() bool {
		in := phone.Inbox()
		return len(in) == 1 && strings.Contains(in[0].Text, "111")
	})
	n.Inject(villager, gatewayNumber, []byte("no frame at all")) // 8-bit data: refused
	page := officerPage(t, g.ConsoleURL(), "hoa", password)
	until(t, "the console's pages", func() bool {
		return strings.Count(page("/"), "VN-") >= 3 && strings.Contains(page("/devices"), "Trường Bản Qua")
	})
	stop()

	// What was taken outlives the process, and opens again.
	g, stop = running(t, cfg, discard)
	page = officerPage(t, g.ConsoleURL(), "hoa", password)
	found := 0
	for _, m := range regexp.MustCompile(`/cases?/(VN-\d{4}-\d{6})`).FindAllString(page("/"), -1) {
		if strings.Contains(page(m), words) {
			found++
		}
	}
	if found < 3 {
		t.Errorf("%d case pages show the words", found)
	}
	ks, err := g.fleet.Devices(t.Context())
	if must(t, err); len(ks) != 1 || ks[0].Backlog != 3 || ks[0].Program != "test-1" || ks[0].Seen.IsZero() {
		t.Errorf("the heartbeat that was stored: %+v", ks)
	}
	counts, err := quarantine{g.store}.Counters(t.Context())
	if must(t, err); counts.Duplicates != 1 || len(counts.Refused) != 1 || counts.Refused[0].Reason != "malformed" || counts.Refused[0].Link != "sms" {
		t.Errorf("counters %+v", counts)
	}
	stop()

	// Invariant 8 over the whole process: logs at debug and every file of the data folder.
	check := func(where string, b []byte) {
		for what, needle := range map[string]string{"words": "hoàng yến", "a villager's number": "912345678", "a kiosk's number": "900000001", "the password": password} {
			if bytes.Contains(b, []byte(needle)) {
				t.Errorf("%s in clear in %s", what, where)
			}
		}
	}
	check("the log", []byte(logs.String()))
	must(t, filepath.WalkDir(cfg.Gateway.DataDir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		check(filepath.Base(path), b)
		return err
	}))
	if !strings.Contains(logs.String(), "quarantined") {
		t.Error("the log says nothing: this test looks at the wrong one")
	}
}

func TestEnrolmentsSideBySideGetABundleEach(t *testing.T) {
	_, cfg := made(t, Setup{})
	const n = 4
	names, dirs := make([]string, n), make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		dirs[i] = filepath.Join(t.TempDir(), "bundle")
		all.Go(func() {
			var err error
			if names[i], err = Enrol(t.Context(), cfg, Enrolment{Dir: dirs[i], Place: "Trường", Commune: 26734, Broker: "gw:1"}, time.Now()); err != nil {
				t.Errorf("enrolment %d: %v", i, err)
			}
		})
	}
	all.Wait()
	for i, dir := range dirs {
		text, err := os.ReadFile(filepath.Join(dir, "kiosk.toml"))
		if must(t, err); !strings.Contains(string(text), "configuration of "+names[i]+",") {
			t.Errorf("the bundle of %s is another's", names[i])
		}
	}
	slices.Sort(names)
	if got := slices.Compact(names); len(got) != n {
		t.Errorf("%d names for %d devices: %v", len(got), n, got)
	}
}

func TestGatewayServesWithoutItsModem(t *testing.T) {
	_, cfg := made(t, Setup{Modem: filepath.Join(t.TempDir(), "absent"), MSISDN: gatewayNumber})
	g, stop := running(t, cfg, discard)
	k := enrolled(t, cfg, Enrolment{Broker: g.MQTTAddr()})
	c, acks := k.connect(t, g.MQTTAddr())
	s := k.seal(t, "a")
	c.Publish(wire.TopicReport(k.name), 1, false, []byte(s.Envelope)).WaitTimeout(patience)
	select {
	case <-acks:
	case <-time.After(patience):
		t.Error("no ack")
	}
	stop()
}

func TestBusyPortIsOneSentenceAndNothingIsLeftOpen(t *testing.T) {
	_, cfg := made(t, Setup{})
	g, stop := running(t, cfg, discard)
	_, other := made(t, Setup{})
	other.MQTT.Listen = g.MQTTAddr()
	if _, err := New(t.Context(), other, discard); err == nil || !strings.Contains(err.Error(), "another program has this port") {
		t.Errorf("MQTT's port: %v", err)
	}
	other.MQTT.Listen = "127.0.0.1:0"
	u, err := url.Parse(g.ConsoleURL())
	must(t, err)
	other.Console.Listen = u.Host
	if _, err := New(t.Context(), other, discard); err == nil || !strings.Contains(err.Error(), "another program already listens") {
		t.Errorf("the console's port: %v", err)
	}
	// The same data folder twice.
	if _, err := New(t.Context(), cfg, discard); err == nil || !strings.Contains(err.Error(), "in use by another gateway") {
		t.Errorf("the same folder: %v", err)
	}
	stop()
	other.Console.Listen = "127.0.0.1:0"
	_, stop = running(t, other, discard) // what failed before has let go of everything
	stop()
}

func TestBundleHoldsItsSecretsApart(t *testing.T) {
	dir, cfg := made(t, Setup{})
	k := enrolled(t, cfg, Enrolment{Broker: "gw.example.vn:8883", MSISDN: "0900 000 001", Gateway: gatewayNumber})
	for _, secret := range []string{filepath.Join(k.dir, "device.key"), filepath.Join(k.dir, "tls.key"), filepath.Join(dir, "intake.identity"), filepath.Join(dir, "ca.key"), filepath.Join(dir, "server.key"), filepath.Join(dir, "data", "gateway.db")} {
		if st, err := os.Stat(secret); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", filepath.Base(secret), st.Mode(), err)
		}
	}
	text, err := os.ReadFile(filepath.Join(k.dir, "kiosk.toml"))
	must(t, err)
	for _, line := range []string{`brokers = ["ssl://gw.example.vn:8883"]`, `msisdn = "+84900000002"`, `commune = 26734`, `key = "device.key"`, `tls_key = "tls.key"`} {
		if !strings.Contains(string(text), line) {
			t.Errorf("kiosk.toml has no %s", line)
		}
	}
	leaf, err := x509.ParseCertificate(k.tls.Certificates[0].Certificate[0])
	if must(t, err); leaf.Subject.CommonName != "d000001" || leaf.IsCA || len(leaf.ExtKeyUsage) != 1 || leaf.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		t.Errorf("the kiosk's certificate is %v, %v", leaf.Subject, leaf.ExtKeyUsage)
	}
	if second := enrolled(t, cfg, Enrolment{Broker: "gw:1"}); second.name != "d000002" {
		t.Errorf("the second device is %s", second.name)
	}
}
