package modem

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/modem/modemtest"
	"github.com/langnghe/langnghe/device/modem/pdu"
)

const (
	kioskSIM   = "+84911111111"
	gatewaySIM = "+84922222222"
	villager   = "+84933333333"
)

// quick is a configuration for an emulated modem that answers at once.
func quick(port string) Config {
	return Config{
		Port: port, Poll: 30 * time.Millisecond, StatusEvery: 50 * time.Millisecond,
		CommandTimeout: 2 * time.Second, ListTimeout: 2 * time.Second, PromptTimeout: 2 * time.Second,
		SubmitTimeout: 2 * time.Second, WriteTimeout: time.Second, ReadyTimeout: 300 * time.Millisecond,
		ProbeTimeout: 300 * time.Millisecond, Quiet: 10 * time.Millisecond,
		MinBackoff: 10 * time.Millisecond, MaxBackoff: 50 * time.Millisecond,
	}
}

// store is what a caller does with messages: it keeps them, unless told to fail.
type store struct {
	mu   sync.Mutex
	got  [][]byte
	fail func(in Inbound) error
}

func (s *store) deliver(_ context.Context, in Inbound) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(in); err != nil {
			return err
		}
	}
	s.got = append(s.got, bytes.Clone(in.TPDU))
	return nil
}

func (s *store) setFail(f func(Inbound) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

func (s *store) tpdus() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

func (s *store) texts() []string {
	var out []string
	for _, b := range s.tpdus() {
		d, err := pdu.DecodeDeliver(b)
		if err != nil {
			out = append(out, "?")
			continue
		}
		out = append(out, d.Text())
	}
	slices.Sort(out)
	return out
}

// logs collects what is logged, to look for what must not be there.
type logs struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// running is a modem under test with its Run.
type running struct {
	*Modem
	store *store
	log   *logs
	stop  func() error // ends Run and gives its error
}

func run(t *testing.T, cfg Config, s *store) *running {
	t.Helper()
	l := &logs{}
	m, err := New(cfg, slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- m.Run(ctx, s.deliver) }()
	stop := sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-result:
			return err
		case <-time.After(10 * time.Second):
			return errors.New("Run did not end")
		}
	})
	t.Cleanup(func() {
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
		for _, secret := range []string{"911111111", "922222222", "933333333", "canary"} {
			if strings.Contains(l.String(), secret) {
				t.Errorf("invariant 8: the log holds %q", secret)
			}
		}
		if t.Failed() {
			t.Logf("log:\n%s", l)
		}
	})
	return &running{Modem: m, store: s, log: l, stop: stop}
}

// eventually polls, because that is what a program that uses a modem does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// plug makes a network with one SIM in a modem.
func plug(t *testing.T) (*modemtest.Network, *modemtest.SIM, string) {
	t.Helper()
	net := modemtest.New(modemtest.Options{})
	t.Cleanup(func() {
		if err := net.Close(); err != nil {
			t.Error(err)
		}
	})
	sim := net.SIM(kioskSIM)
	link := filepath.Join(t.TempDir(), "modem")
	if _, err := sim.OpenPTY(link); err != nil {
		t.Fatal(err)
	}
	return net, sim, link
}

func message(t *testing.T, text string) pdu.Submit {
	t.Helper()
	to, err := pdu.ParseAddress(gatewaySIM)
	if err != nil {
		t.Fatal(err)
	}
	subs, err := pdu.SubmitText(to, text, 1, pdu.SubmitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return subs[0]
}

func ready(t *testing.T, m *running) {
	t.Helper()
	eventually(t, "ready", m.Ready)
}
