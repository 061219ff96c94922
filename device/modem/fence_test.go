package modem

import (
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

// One poisonous message does not end the process, and does not keep the next from its turn.
func TestPanicOfDeliverLosesNothing(t *testing.T) {
	t.Parallel()
	net, sim, link := plug(t)
	s := &store{}
	s.fail = func(in Inbound) error {
		if len(in.TPDU) < 10 {
			panic("canary")
		}
		return nil
	}
	net.InjectTPDU(kioskSIM, []byte{0x04, 0xff, 0x91, 0x00, 0x01, 0x02, 0x03})
	if err := net.Phone(villager).Send(kioskSIM, "canary"); err != nil {
		t.Fatal(err)
	}
	m := run(t, quick(link), s)
	eventually(t, "the other one is stored", func() bool { return slices.Contains(s.texts(), "canary") })
	eventually(t, "it alone is deleted", func() bool { return len(sim.Stored()) == 1 })
	s.setFail(nil)
	eventually(t, "the first one too, once it can be read", func() bool { return len(s.tpdus()) == 2 && len(sim.Stored()) == 0 })
	if log := m.log.String(); !strings.Contains(log, "panic of type string at ") {
		t.Errorf("the log does not say where: %s", log)
	}
}

// A message that can't be stored is looked at again every few seconds; a line with a time for each look, or for each
// message, would tell when somebody texted.
func TestRefusedMessageIsLoggedOncePerSentence(t *testing.T) {
	t.Parallel()
	net, _, link := plug(t)
	s := &store{}
	tries := 0
	s.fail = func(Inbound) error { tries++; return []error{errors.New("disk full"), errors.New("no link")}[tries%2] }
	for range 2 {
		if err := net.Phone(villager).Send(kioskSIM, "canary"); err != nil {
			t.Fatal(err)
		}
	}
	m := run(t, quick(link), s)
	eventually(t, "it is tried again", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return tries >= 9 })
	for _, sentence := range []string{"disk full", "no link"} {
		if n := strings.Count(m.log.String(), "level=WARN msg=\"message not stored; it stays in the modem\" err=\""+sentence); n != 1 {
			t.Errorf("%q is told %d times", sentence, n)
		}
	}
}

// poison is a line whose bytes break what reads them.
type poison struct{ io.Writer }

func (poison) Read(b []byte) (int, error) { return copy(b, "\r\n+CMTI: \"SM\",1\r\n"), nil }
func (poison) shut()                      {}

func TestPanicInTheReadingGoroutineEndsTheSessionAlone(t *testing.T) {
	f := newFilter(poison{}, newEvents())
	f.lines.urc = func(string) { panic("canary") }
	for range 2 { // whoever reads on after all
		if _, err := f.Read(make([]byte, 100)); err == nil {
			t.Fatal("no error")
		}
	}
	f.quietFor() // the lock is free
	s := &session{cfg: Config{Port: "/dev/m"}, filter: f}
	err := s.gone()
	if reason := reasonOf(err, "/dev/m"); !strings.Contains(reason, "/dev/m") || strings.Contains(reason, "unplugged") {
		t.Errorf("the reason is %q", reason)
	}
	if !strings.Contains(err.Error(), "modem.TestPanicIn") || strings.Contains(err.Error(), "canary") {
		t.Errorf("the error says not where, or too much: %v", err)
	}
}

// A panic while a message is being sent leaves its outcome unknown (invariant 7), and nobody waits for ever.
func TestPanicWhileSendingIsUnknown(t *testing.T) {
	m, err := New(Config{Port: "/dev/m"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := &request{message: message(t, "canary"), done: make(chan struct{})} // without a ctx
	s := &session{cfg: m.cfg, filter: newFilter(poison{}, newEvents())}
	m.attend(s, r)
	select {
	case <-r.done:
	default:
		t.Fatal("the sender still waits")
	}
	if r.err == nil || errors.Is(r.err, ErrNotSent) || s.dirty == nil {
		t.Errorf("outcome %v, session %v", r.err, s.dirty)
	}
}
