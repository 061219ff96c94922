package mqttin

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/nats-io/nats.go/jetstream"
)

func TestReportHeartbeatAndAck(t *testing.T) {
	r := start(t)
	d := r.mustDial("d000001")
	acks, code := d.subscribe(wire.TopicAck("d000001"), 0)
	if code != 0 {
		t.Fatalf("subscription to the own acks: code %#x", code)
	}
	envelope := strings.Repeat("\x00\xff", wire.MaxEnvelope/2)
	d.publish(wire.TopicReport("d000001"), 1, envelope)
	d.publish(wire.TopicReport("d000001"), 0, "at most once")
	eventually(t, "both envelopes", func() bool {
		return r.has(arrival{"d000001", envelope}) && r.has(arrival{"d000001", "at most once"})
	})
	h := wire.Heartbeat{Program: "v1", Backlog: 3, Signal: 17}
	b, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	d.publish(wire.TopicHeartbeat("d000001"), 0, "{not JSON")
	d.publish(wire.TopicHeartbeat("d000001"), 0, string(b))
	eventually(t, "the heartbeat", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.heartbeats["d000001"] == h })

	if err := r.srv.Ack(t.Context(), "d000001", []byte("\x50token")); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, acks); got != "\x50token" {
		t.Errorf("ack is %q", got)
	}
	if err := r.srv.Ack(t.Context(), "d000001.>", nil); err == nil {
		t.Error("an ack for no device's name was published")
	}
	if err := r.srv.Ack(t.Context(), "d000099", []byte("x")); err != nil {
		t.Errorf("ack for a device that is away: %v", err)
	}
}

func TestWrongClientIDLeavesVictimConnected(t *testing.T) {
	r := start(t)
	victim := r.mustDial("d000001")
	acks, _ := victim.subscribe(wire.TopicAck("d000001"), 0)
	for _, id := range []string{"d000001", "", "d000002 ", "D000002"} {
		if _, err := r.dial("d000002", id); err == nil {
			t.Errorf("the certificate of d000002 came in as %q", id)
		}
	}
	if err := r.srv.Ack(t.Context(), "d000001", []byte("still here")); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, acks); got != "still here" {
		t.Errorf("the victim received %q", got)
	}
	select {
	case err := <-victim.lost:
		t.Errorf("the victim was thrown off: %v", err)
	default:
	}
	if got := r.connected(); !slices.Equal(got, []string{"d000001"}) {
		t.Errorf("connected: %v", got)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	r := start(t)
	r.unknown["d000009"] = true
	other := newAuthority(t)
	hour := time.Now().Add(time.Hour)
	certs := func(c ...tls.Certificate) *tls.Config { return &tls.Config{RootCAs: r.ca.pool, Certificates: c} }
	old := certs(r.ca.issue(t, "d000001", hour))
	old.MaxVersion = tls.VersionTLS12
	worker, err := r.srv.worker.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	asWorker := func(o *paho.ClientOptions) { o.SetUsername(worker).SetPassword(worker) }
	for _, c := range []struct {
		name, id string
		tls      *tls.Config
		change   func(*paho.ClientOptions)
	}{
		{name: "unknown or revoked", id: "d000009", tls: certs(r.ca.issue(t, "d000009", hour))},
		{name: "no certificate", id: "d000001", tls: certs()},
		{name: "another authority's certificate", id: "d000001", tls: certs(other.issue(t, "d000001", hour))},
		{name: "certificate expired", id: "d000001", tls: certs(r.ca.issue(t, "d000001", time.Now().Add(-time.Minute)))},
		{name: "common name is a wildcard", id: "d000001.>", tls: certs(r.ca.issue(t, "d000001.>", hour))},
		{name: "common name is all", id: ">", tls: certs(r.ca.issue(t, ">", hour))},
		{name: "common name is no device", id: "gateway", tls: certs(r.ca.issue(t, "gateway", hour))},
		{name: "TLS 1.2", id: "d000001", tls: old},
		{name: "the worker's name with another's certificate", id: worker, tls: certs(r.ca.issue(t, "d000001", hour)), change: asWorker},
	} {
		if c.change == nil {
			c.change = func(*paho.ClientOptions) {}
		}
		if d, err := dialWith(t, r.srv.Addr(), c.id, c.tls, c.change); err == nil {
			t.Errorf("%s: came in", c.name)
			d.Disconnect(0)
		}
	}
	// The worker's name gives a device nothing that its certificate does not.
	d := r.mustDial("d000001", asWorker)
	if _, code := d.subscribe("r/#", 0); code != 0x80 {
		t.Errorf("a device with the worker's name may read reports: code %#x", code)
	}
	// Nor does the NATS protocol on this port.
	conn, err := tls.Dial("tcp", r.srv.Addr(), certs(r.ca.issue(t, "d000001", hour)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "CONNECT {\"verbose\":true}\r\nSUB r.> 1\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the NATS protocol was answered %q, %v", b, err)
	}
}

func TestNobodyReadsOrForgesAnotherDevice(t *testing.T) {
	r := start(t)
	victim := r.mustDial("d000002")
	acks, _ := victim.subscribe(wire.TopicAck("d000002"), 0)
	// A broker may throw off who does what is forbidden, so each try is a connection of its own.
	topics := []string{
		"r/d000002", "r/d000001/d000002", "r//d000002", "r", "hb/d000002", "d/d000002/ack", "d/d000001/ack",
		"$MQTT/msgs/r/d000002", "$MQTT/rmsgs/r/d000002", "$MQTT/deliver/pubrel/x", "$MQTT/sub/x", "$MQTT/JSA/x/SP/x",
		"$JS/API/STREAM/PURGE/REPORTS", "$JS/API/STREAM/DELETE/REPORTS", "$JS/ACK/REPORTS/intake", "$SYS/REQ/USER/AUTH", "$SYS/x", "_INBOX/x",
	}
	for _, topic := range topics {
		for qos := range byte(3) {
			d := r.mustDial("d000001")
			token := d.Publish(topic, qos, qos == 1, "forged")
			token.WaitTimeout(time.Second) // some are answered with a PUBACK, some with nothing
			d.Disconnect(0)
		}
		d := r.mustDial("d000001", func(o *paho.ClientOptions) { o.SetWill(topic, "forged", 1, true) })
		closeHard(t, d)
	}
	for _, filter := range []string{"#", "+/#", "r/#", "r/d000001", "r/d000002", "hb/+", "d/#", "d/+/ack", "d/d000002/ack", "d/d000001/#", "$SYS/#", "$MQTT/#", "$JS/#", "_INBOX/#", "$share/x/r/+"} {
		for qos := range byte(2) {
			d := r.mustDial("d000001")
			if _, code := d.subscribe(filter, qos); code != 0x80 {
				t.Errorf("subscription to %s at QoS %d: code %#x", filter, qos, code)
			}
			d.Disconnect(0)
		}
	}
	d := r.mustDial("d000001")
	d.publish("r/d000001", 1, "last")
	eventually(t, "the honest envelope", func() bool { return r.has(arrival{"d000001", "last"}) })
	if got := r.got(); len(got) != 1 {
		t.Errorf("a forged envelope was delivered: %v", got)
	}
	if err := r.srv.Ack(t.Context(), "d000002", []byte("real")); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, acks); got != "real" {
		t.Errorf("the victim was given %q", got)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.heartbeats) > 0 {
		t.Error("a forged heartbeat was taken")
	}
}

// closeHard cuts the connection without a DISCONNECT, so that the broker sends the will.
func closeHard(t *testing.T, d *device) {
	t.Helper()
	// A PUBLISH to a topic with a wildcard is a protocol error (MQTT 3.1.1, 3.3.2-2).
	d.Publish("r/#", 0, false, "")
	select {
	case <-d.lost:
	case <-time.After(patience):
		t.Fatal("the broker keeps a client that breaks the protocol")
	}
}

func TestRefusedDeliveryComesAgain(t *testing.T) {
	refusals := map[arrival]int{}
	r := start(t, func(r *rig) {
		r.refuse = func(a arrival) error {
			if refusals[a]++; refusals[a] <= 3 {
				return errors.New("disk full")
			}
			return nil
		}
	})
	d := r.mustDial("d000001")
	const n = 50
	for i := range n {
		d.publish("r/d000001", 1, fmt.Sprint(i))
	}
	eventually(t, "all envelopes", func() bool { return len(r.got()) >= n })
	for i := range n {
		if !r.has(arrival{"d000001", fmt.Sprint(i)}) {
			t.Errorf("envelope %d was lost", i)
		}
	}
	eventually(t, "an empty stream", func() bool { return r.stored() == 0 })
	if got := len(r.got()); got != n {
		t.Errorf("%d deliveries were taken, want %d", got, n)
	}
}

// On a full disk each try of each device would be a line.
func TestRefusalIsLoggedOnce(t *testing.T) {
	var full atomic.Bool
	var refused atomic.Int64
	full.Store(true)
	r := start(t, func(r *rig) {
		r.refuse = func(arrival) error {
			if !full.Load() {
				return nil
			}
			refused.Add(1)
			return errors.New("disk full")
		}
	})
	d := r.mustDial("d000001")
	for i := range 3 {
		d.publish("r/d000001", 1, fmt.Sprint(i))
	}
	eventually(t, "refusals", func() bool { return refused.Load() >= 9 })
	if n := strings.Count(r.log.String(), "disk full"); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
	full.Store(false)
	eventually(t, "all envelopes", func() bool { return len(r.got()) >= 3 })
	eventually(t, "the end of it in the log", func() bool { return strings.Contains(r.log.String(), "stored again") })
}

func (r *rig) stored() uint64 {
	js, err := jetstream.New(r.srv.nc.Load())
	if err != nil {
		r.t.Fatal(err)
	}
	stream, err := js.Stream(r.t.Context(), "REPORTS")
	if err != nil {
		r.t.Fatal(err)
	}
	return stream.CachedInfo().State.Msgs
}

// A store that commits in groups is slow if it is asked for one report at a time.
func TestDeliversConcurrently(t *testing.T) {
	var together sync.WaitGroup
	together.Add(workers)
	var once sync.Mutex
	left := workers
	r := start(t, func(r *rig) {
		r.inFlight = func() {
			once.Lock()
			if left > 0 {
				left--
				together.Done()
			}
			once.Unlock()
			together.Wait() // returns only when all workers are here
		}
	})
	d := r.mustDial("d000001")
	for i := range workers {
		d.Publish("r/d000001", 1, false, fmt.Sprint(i))
	}
	eventually(t, "as many deliveries as workers", func() bool { return len(r.got()) >= workers })
}

func TestOversizePayloadHurtsOnlyItsSender(t *testing.T) {
	r := start(t)
	other := r.mustDial("d000002")
	d := r.mustDial("d000001")
	d.Publish("r/d000001", 1, false, make([]byte, MaxPayload+1))
	select {
	case <-d.lost:
	case <-time.After(patience):
		t.Error("who sends more than the limit stays connected")
	}
	other.publish("r/d000002", 1, "small")
	eventually(t, "the other's envelope", func() bool { return r.has(arrival{"d000002", "small"}) })
	if got := r.got(); len(got) != 1 {
		t.Errorf("%d envelopes were delivered, want 1", len(got))
	}
}

func TestNothingOfAPayloadIsLogged(t *testing.T) {
	const canary = "chim-hoang-yen-4711"
	r := start(t, func(r *rig) {
		r.refuse = func(arrival) error {
			if len(r.arrivals) == 0 {
				r.arrivals = append(r.arrivals, arrival{})
				return errors.New("disk full")
			}
			return nil
		}
	})
	for _, topic := range []string{"r/d000001", "r/d000002", "hb/d000001", "$MQTT/msgs/r/d000001"} {
		for _, payload := range []string{canary, strings.Repeat(canary, MaxPayload/len(canary)+1)} {
			d := r.mustDial("d000001")
			d.Publish(topic, 1, false, payload).WaitTimeout(time.Second)
			d.Disconnect(0)
		}
	}
	eventually(t, "the envelope", func() bool { return r.has(arrival{"d000001", canary}) })
	if r.log.String() == "" {
		t.Fatal("nothing was logged, so this test proves nothing")
	}
	if strings.Contains(r.log.String(), canary) {
		t.Errorf("invariant 8: a payload stands in the log:\n%s", r.log)
	}
}

// Devices come back as soon as the port answers, which is before logins can be.
func TestEarlyDeviceWaitsForRun(t *testing.T) {
	r := open(t)
	dialled := make(chan error, 1)
	go func() {
		_, err := r.dial("d000001", "d000001")
		dialled <- err
	}()
	eventually(t, "the early connection", func() bool { return r.srv.ns.NumClients() > 0 })
	if err := r.srv.Ack(t.Context(), "d000001", []byte("x")); !errors.Is(err, intake.ErrNotSent) {
		t.Errorf("an ack before Run: %v", err)
	}
	r.run()
	if err := <-dialled; err != nil {
		t.Errorf("early device: %v", err)
	}
}

func TestMQTTIsTheOnlyPort(t *testing.T) {
	r := start(t)
	if a := r.srv.ns.Addr(); a != nil {
		t.Errorf("the NATS protocol listens on %v", a)
	}
	if a := r.srv.ns.MonitorAddr(); a != nil {
		t.Errorf("the broker's monitor listens on %v", a)
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	ca := newAuthority(t)
	r := &rig{t: t, ca: ca}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	used := open(t).srv.cfg.StoreDir
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"busy port", func(c *Config) { c.Listen = busy.Addr().String() }, "another program has this port"},
		{"no such address", func(c *Config) { c.Listen = "192.0.2.1:8883" }, "check the address"},
		{"no certificate", func(c *Config) { c.Cert = tls.Certificate{} }, "no server certificate"},
		{"no key", func(c *Config) { c.Cert.PrivateKey = nil }, "no server certificate with its key"},
		{"garbled certificate", func(c *Config) { c.Cert.Certificate = [][]byte{{1, 2, 3}} }, "cannot be read"},
		{"no authority", func(c *Config) { c.ClientCAs = nil }, "no certificate authority"},
		{"no store", func(c *Config) { c.StoreDir = "" }, "no store directory"},
		{"store in use", func(c *Config) { c.StoreDir = used }, "in use by another gateway"},
	} {
		cfg := r.config(t.TempDir())
		c.change(&cfg)
		s, err := New(cfg, nil, nil, nil, slog.New(slog.DiscardHandler))
		if err == nil {
			s.Close()
			t.Errorf("%s: no error", c.name)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q does not say %q", c.name, err, c.want)
		}
	}
}

// An expired certificate must not take the gateway's other doors with it.
func TestExpiredServerCertificateIsSaid(t *testing.T) {
	r := &rig{t: t, ca: newAuthority(t)}
	cfg := r.config(t.TempDir())
	cfg.Cert = r.ca.issue(t, "gateway", time.Now().Add(-time.Minute))
	log := &lockedBuffer{}
	s, err := New(cfg, nil, nil, nil, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !strings.Contains(log.String(), "certificate is not valid today") {
		t.Errorf("log: %s", log)
	}
}

func TestFullDiskIsSaidInWords(t *testing.T) {
	r := &rig{t: t, ca: newAuthority(t), log: &lockedBuffer{}}
	tune := fast
	tune.room = maxStored / 2
	s, err := newServer(r.config(t.TempDir()), tune, r.known, r.deliver, r.beat, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "too little room: make at least 192 MiB free") {
		t.Errorf("Run says %v", err)
	}
}

// A technician reads the log by its warnings: there must be one for each attempt, and it must say what to do.
func TestRefusalIsOneWarning(t *testing.T) {
	r := start(t)
	r.unknown["d000009"] = true
	hour := time.Now().Add(time.Hour)
	for _, c := range []struct {
		id   string
		cert tls.Certificate
		want string
	}{
		{"d000009", r.ca.issue(t, "d000009", hour), "d000009 is not enrolled"},
		{"d000001", r.ca.issue(t, "d000001", time.Now().Add(-time.Minute)), "make a new one with gateway renew -device d000001"},
		{"d000002", newAuthority(t).issue(t, "d000002", hour), "not one of this gateway's authority"},
	} {
		before := len(r.log.String())
		if d, err := dialWith(t, r.srv.Addr(), c.id, &tls.Config{RootCAs: r.ca.pool, Certificates: []tls.Certificate{c.cert}}, func(*paho.ClientOptions) {}); err == nil {
			t.Errorf("%s came in", c.id)
			d.Disconnect(0)
		}
		// Whoever comes in afterwards comes after all that was said of the one before.
		r.mustDial("d000005").Disconnect(0)
		var warnings []string
		for _, line := range strings.Split(r.log.String()[before:], "\n") {
			if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
				warnings = append(warnings, line)
			}
		}
		if len(warnings) != 1 || !strings.Contains(warnings[0], c.want) {
			t.Errorf("%s: want one warning with %q, got %q", c.id, c.want, warnings)
		}
	}
}

func TestRunEndsWithItsContextAndFreesAll(t *testing.T) {
	r := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.srv.Run(ctx) }()
	d, err := r.dial("d000001", "d000001")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	<-d.lost
	if err := r.srv.Run(t.Context()); err == nil {
		t.Error("Run ran twice")
	}
	cfg := r.srv.cfg
	cfg.Listen = r.srv.Addr()
	again, err := newServer(cfg, fast, r.known, r.deliver, r.beat, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("port and store are not free: %v", err)
	}
	again.Close()
}
