package mqttlink

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/langnghe/langnghe/device/internal/relay"
	"github.com/langnghe/langnghe/device/internal/relay/linktest"
	"github.com/langnghe/langnghe/device/internal/supervise"
	"github.com/langnghe/langnghe/device/wire"
)

func newLink(t testing.TB, a *authority, cert tls.Certificate, brokers ...string) *Link {
	t.Helper()
	l, err := New(Config{Device: device, Brokers: brokers,
		TLS: func() (*tls.Config, error) {
			return &tls.Config{RootCAs: a.pool, Certificates: []tls.Certificate{cert}}, nil
		},
		Now: time.Now, PubackWait: time.Second, Dial: 5 * time.Second, Backoff: 5 * time.Millisecond,
	}, slog.New(slog.DiscardHandler))
	must(t, err)
	return l
}

// run runs l until the function it returns is called, at the latest until the test ends.
func run(t testing.TB, l *Link, deliver func(context.Context, []byte) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, deliver) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func ignore(context.Context, []byte) error { return nil }

func TestLink(t *testing.T) {
	a := newAuthority(t)
	server, client := a.current(t, "broker", loopback), a.current(t, device)
	linktest.Run(t, func(t *testing.T) linktest.Fixture {
		b := newBroker(t, a, server, nil)
		c := newCable(t, b.addr)
		return linktest.Fixture{
			Link: newLink(t, a, client, c.addr), Name: relay.MQTT,
			Up: func() { c.up(t) }, Down: c.down, Swallow: c.swallow,
			Taken: func() [][]byte { return b.list(&b.taken) },
			Push: func(frame []byte) {
				must(t, b.nc.Publish("d."+device+".ack", frame))
				must(t, b.nc.Flush())
			},
		}
	})
}

// The broker goes away and comes back at the same address; one of two brokers is enough.
func TestBrokerRestarts(t *testing.T) {
	a := newAuthority(t)
	b := newBroker(t, a, a.current(t, "broker", loopback), nil)
	dead := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	l := newLink(t, a, a.current(t, device), dead, b.addr)
	run(t, l, ignore)
	for n := range 3 {
		linktest.Until(t, "the link is ready", l.Ready)
		if s := l.State(); s != "" {
			t.Errorf("it is up and says %q", s)
		}
		must(t, l.Send(t.Context(), linktest.Envelope(n)))
		must(t, l.Heartbeat(t.Context(), wire.Heartbeat{Link: relay.MQTT, Backlog: n}))
		linktest.Until(t, "the heartbeat arrives", func() bool { return len(b.list(&b.beats)) == n+1 })
		b.stop()
		linktest.Until(t, "the link is down", func() bool { return !l.Ready() })
		if s := l.State(); s == "" {
			t.Error("it is down and says nothing")
		}
		if err := l.Send(t.Context(), linktest.Envelope(n)); !errors.Is(err, relay.ErrNotSent) {
			t.Errorf("without a broker Send gives %v", err)
		}
		if err := l.Heartbeat(t.Context(), wire.Heartbeat{}); !errors.Is(err, relay.ErrNotSent) {
			t.Errorf("without a broker Heartbeat gives %v", err)
		}
		b.start()
	}
	h, err := wire.ParseHeartbeat(b.list(&b.beats)[1])
	if err != nil || h.Link != relay.MQTT || h.Backlog != 1 {
		t.Errorf("heartbeat %+v, %v", h, err)
	}
}

// The connection is cut while a publish waits for its PUBACK: the outcome is unknown (invariant 7), at once.
func TestCutInMidPublish(t *testing.T) {
	a := newAuthority(t)
	b := newBroker(t, a, a.current(t, "broker", loopback), nil)
	c := newCable(t, b.addr)
	l := newLink(t, a, a.current(t, device), c.addr)
	l.cfg.PubackWait = time.Hour // only the cut can end the Send
	run(t, l, ignore)
	linktest.Until(t, "the link is ready", l.Ready)
	swallowed := c.swallow()
	ended := make(chan error, window)
	for n := range window {
		go func() { ended <- l.Send(t.Context(), linktest.Envelope(n)) }()
	}
	<-swallowed
	c.down()
	for range window {
		select {
		case err := <-ended:
			// One that had not begun when the connection went is not sent; no one is accepted.
			if err == nil {
				t.Error("accepted, though no PUBACK came")
			}
		case <-time.After(linktest.Deadline):
			t.Fatal("Send does not end with its connection")
		}
	}
}

// A full window neither blocks for ever nor sends: ctx ends the wait for a place.
func TestWindowIsBounded(t *testing.T) {
	a := newAuthority(t)
	b := newBroker(t, a, a.current(t, "broker", loopback), nil)
	l := newLink(t, a, a.current(t, device), b.addr)
	run(t, l, ignore)
	linktest.Until(t, "the link is ready", l.Ready)
	for range window {
		l.places <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Send(ctx, linktest.Envelope(1)) }()
	cancel()
	if err := <-ended; !errors.Is(err, relay.ErrNotSent) {
		t.Errorf("Send gives %v", err)
	}
	<-l.places
	must(t, l.Send(t.Context(), linktest.Envelope(2)))
	if len(b.list(&b.taken)) > 1 {
		t.Error("what was not sent has arrived")
	}
}

// Each thing that can be wrong gives one sentence with what to do, and the link tries again by itself.
func TestStateSaysWhatIsWrong(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	good, client := a.current(t, "broker", loopback), a.current(t, device)
	yesterday := time.Now().Add(-day)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	must(t, err)
	defer silent.Close()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer plain.Close()
	go func() {
		for {
			c, err := plain.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			c.Close()
		}
	}()
	for name, c := range map[string]struct {
		link func(t *testing.T) *Link
		want []string
	}{
		"broker away": {func(t *testing.T) *Link {
			return newLink(t, a, client, fmt.Sprintf("127.0.0.1:%d", freePort(t)))
		}, []string{"can't be reached (", "refused", "check the internet connection"}},
		"name unknown": {func(t *testing.T) *Link {
			return newLink(t, a, client, "broker.invalid:8883")
		}, []string{"broker.invalid:8883", "check the internet connection"}},
		"broker silent": {func(t *testing.T) *Link {
			l := newLink(t, a, client, silent.Addr().String())
			l.cfg.Dial = 50 * time.Millisecond
			return l
		}, []string{"does not answer", "check the internet connection"}},
		"no TLS there": {func(t *testing.T) *Link {
			return newLink(t, a, client, plain.Addr().String())
		}, []string{"nobody speaks MQTT over TLS", "address and port"}},
		"broker of a stranger": {func(t *testing.T) *Link {
			return newLink(t, a, client, newBroker(t, a, stranger.current(t, "broker", loopback), nil).addr)
		}, []string{"not signed", "check the address and the CA file"}},
		"broker with another name": {func(t *testing.T) *Link {
			return newLink(t, a, client, newBroker(t, a, a.current(t, "broker", net.IPv4(127, 0, 0, 9)), nil).addr)
		}, []string{"another name", "correct the broker's address"}},
		"broker's certificate expired": {func(t *testing.T) *Link {
			return newLink(t, a, client, newBroker(t, a, a.issue(t, "broker", yesterday.Add(-day), yesterday, loopback), nil).addr)
		}, []string{"expired on " + yesterday.UTC().Format("2006-01-02"), "gateway renew -server, or this kiosk's clock ("}},
		"clock of the device in the past": {func(t *testing.T) *Link {
			l := newLink(t, a, client, newBroker(t, a, good, nil).addr)
			l.cfg.Now = func() time.Time { return time.Now().Add(-50 * day) }
			return l
		}, []string{"begins on", "set the device's date"}},
		"clock of the device behind, but not the latest trusted time": {func(t *testing.T) *Link {
			l := newLink(t, a, client, newBroker(t, a, good, nil).addr)
			l.cfg.Now = func() time.Time { return time.Now().Add(-5 * day) } // inside the certificate's days
			return l
		}, nil},
		"own certificate expired": {func(t *testing.T) *Link {
			return newLink(t, a, a.issue(t, device, yesterday.Add(-day), yesterday), newBroker(t, a, good, nil).addr)
		}, []string{"this device's certificate expired on " + yesterday.UTC().Format("2006-01-02"), "gateway renew -device d0", "or this kiosk's clock ("}},
		"own certificate of a stranger": {func(t *testing.T) *Link {
			return newLink(t, a, stranger.current(t, device), newBroker(t, a, good, nil).addr)
		}, []string{"refuses this device", device + " is enrolled"}},
		"client refused": {func(t *testing.T) *Link {
			return newLink(t, a, client, newBroker(t, a, good, func(o *server.Options) {
				o.CustomClientAuthentication = gatewayOnly{}
			}).addr)
		}, []string{"refuses this device", device + " is enrolled"}},
		"subscription refused": {func(t *testing.T) *Link {
			return newLink(t, a, client, newBroker(t, a, good, func(o *server.Options) {
				o.MQTT.TLSMap = true
				o.Users = []*server.User{{Username: "gateway", Password: "test"}, {Username: "CN=" + device, Permissions: &server.Permissions{
					Publish:   &server.SubjectPermission{Allow: []string{"r." + device}},
					Subscribe: &server.SubjectPermission{Allow: []string{"d.another.>"}}}}}
			}).addr)
		}, []string{"refuses this device its ack topic", device + " is enrolled"}},
		"keys unreadable": {func(t *testing.T) *Link {
			l := newLink(t, a, client, "127.0.0.1:1")
			l.cfg.TLS = func() (*tls.Config, error) {
				return nil, errors.New("secret file x has mode 0644: run chmod 600 on it")
			}
			return l
		}, []string{"the keys for MQTT can't be used", "chmod 600"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := c.link(t)
			if l.State() == "" {
				t.Error("it says nothing before Run")
			}
			run(t, l, ignore)
			if c.want == nil {
				linktest.Until(t, "the link is ready", l.Ready)
				return
			}
			linktest.Until(t, "the link tells: "+c.want[0], func() bool { return l.Ready() || strings.Contains(l.State(), c.want[0]) })
			s := l.State()
			for _, want := range c.want {
				if !strings.Contains(s, want) {
					t.Errorf("%q does not say %q", s, want)
				}
			}
			if strings.Contains(s, "\n") {
				t.Errorf("%q is no sentence", s)
			}
			if err := l.Send(t.Context(), linktest.Envelope(1)); !errors.Is(err, relay.ErrNotSent) {
				t.Errorf("Send gives %v", err)
			}
			t.Log(s)
		})
	}
}

// gatewayOnly refuses every MQTT client.
type gatewayOnly struct{}

func (gatewayOnly) Check(c server.ClientAuthentication) bool {
	return c.Kind() == server.CLIENT && c.GetOpts().Username == "gateway"
}

// A repaired cause is found without a restart: here the certificate's file is renewed.
func TestRenewedCertificateIsTaken(t *testing.T) {
	a := newAuthority(t)
	b := newBroker(t, a, a.current(t, "broker", loopback), nil)
	l := newLink(t, a, tls.Certificate{}, b.addr)
	var mu sync.Mutex
	cert := a.issue(t, device, time.Now().Add(-2*day), time.Now().Add(-day))
	l.cfg.TLS = func() (*tls.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		return &tls.Config{RootCAs: a.pool, Certificates: []tls.Certificate{cert}}, nil
	}
	run(t, l, ignore)
	linktest.Until(t, "the expiry is told", func() bool { return strings.Contains(l.State(), "expired") })
	mu.Lock()
	cert = a.current(t, device)
	mu.Unlock()
	linktest.Until(t, "the link is ready", l.Ready)
}

// More frames than there is room for lose frames, not the link; what is no ack is delivered all the same, cut to a bound.
func TestFrameFlood(t *testing.T) {
	a := newAuthority(t)
	b := newBroker(t, a, a.current(t, "broker", loopback), nil)
	l := newLink(t, a, a.current(t, device), b.addr)
	var mu sync.Mutex
	var got [][]byte
	blocked := make(chan struct{})
	run(t, l, func(_ context.Context, frame []byte) error {
		<-blocked
		mu.Lock()
		defer mu.Unlock()
		got = append(got, bytes.Clone(frame))
		return nil
	})
	linktest.Until(t, "the link is ready", l.Ready)
	for range 10 * maxInbound {
		must(t, b.nc.Publish("d."+device+".ack", make([]byte, 20_000)))
	}
	must(t, b.nc.Flush())
	linktest.Until(t, "the room is full", func() bool { return len(l.frames) == maxInbound })
	must(t, l.Send(t.Context(), linktest.Envelope(1)))
	close(blocked)
	linktest.Until(t, "what had room is delivered", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) >= maxInbound
	})
	mu.Lock()
	defer mu.Unlock()
	for _, f := range got {
		if len(f) != maxFrame {
			t.Fatalf("a frame of %d bytes was kept", len(f))
		}
	}
}

// A frame that breaks what reads it is given up; the next has its turn. The gateway acks again when the envelope comes again.
func TestPanicOfDeliverCostsOneFrame(t *testing.T) {
	a := newAuthority(t)
	b := newBroker(t, a, a.current(t, "broker", loopback), nil)
	l := newLink(t, a, a.current(t, device), b.addr)
	got := make(chan string, 10)
	run(t, l, func(_ context.Context, frame []byte) error {
		got <- string(frame)
		if string(frame) == "poison" {
			panic(string(frame))
		}
		return nil
	})
	linktest.Until(t, "the link is ready", l.Ready)
	for _, frame := range []string{"poison", "good"} {
		must(t, b.nc.Publish("d."+device+".ack", []byte(frame)))
		must(t, b.nc.Flush())
		if f := <-got; f != frame {
			t.Errorf("delivered %q", f)
		}
	}
	if !l.Ready() {
		t.Error("the link is down")
	}
}

// The client calls back on goroutines of its own, where no supervisor catches anything: a certificate that breaks its
// reader costs one try to connect.
func TestPanicInTheHandshakeCostsOneTry(t *testing.T) {
	a := newAuthority(t)
	b := newBroker(t, a, a.current(t, "broker", loopback), nil)
	l := newLink(t, a, a.current(t, device), b.addr)
	good, tries := l.cfg.TLS, 0
	l.cfg.TLS = func() (*tls.Config, error) {
		if tries++; tries == 1 {
			panic("hostile bytes")
		}
		return good()
	}
	run(t, l, ignore)
	linktest.Until(t, "the link is ready", l.Ready)
}

// When Run itself breaks, it returns what it started, so that the supervisor can start it anew.
func TestPanicOfRunLeavesNothingBehind(t *testing.T) {
	a := newAuthority(t)
	l := newLink(t, a, a.current(t, device), "127.0.0.1:1")
	l.cfg.Now = func() time.Time { panic("no time") }
	if err := supervise.Call(func() error { return l.Run(t.Context(), ignore) }); err == nil || strings.Contains(err.Error(), "no time") {
		t.Errorf("Run: %v", err)
	}
}

func TestPause(t *testing.T) {
	for n, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		want *= time.Second
		for _, c := range []struct {
			chance float64
			want   time.Duration
		}{{0, want / 2}, {0.5, want}, {0.999999999999, want * 3 / 2}} {
			if got := pause(n, time.Second, c.chance); got < c.want-time.Microsecond || got > c.want {
				t.Errorf("after %d failures, chance %v: %v, want %v", n, c.chance, got, c.want)
			}
		}
	}
	if got := pause(1<<50, time.Second, 0.5); got != time.Minute {
		t.Errorf("after very many failures: %v", got)
	}
}

func TestNewChecksItsConfig(t *testing.T) {
	good := func() Config {
		return Config{Device: device, Brokers: []string{"a:1"}, Now: time.Now, TLS: func() (*tls.Config, error) { return nil, nil }}
	}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"device":  {func(c *Config) { c.Device = "kiosk" }, `device name "kiosk"`},
		"none":    {func(c *Config) { c.Brokers = nil }, "no broker"},
		"no port": {func(c *Config) { c.Brokers = []string{"a:1", "host"} }, `broker "host" is not host:port`},
		"scheme":  {func(c *Config) { c.Brokers = []string{"tls://a:1"} }, `broker "tls://a:1" is not host:port`},
		"tls":     {func(c *Config) { c.TLS = nil }, "TLS and Now"},
	} {
		cfg := good()
		c.change(&cfg)
		if _, err := New(cfg, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := New(good(), slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
}
