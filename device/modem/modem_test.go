package modem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/modem/modemtest"
)

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []Config{{}, {Port: "/dev/x", Baud: 12345}, {Port: "/dev/x", PIN: "12"}, {Port: "/dev/x", PIN: "12a4"}, {Port: "/dev/x", Poll: -1}} {
		if _, err := New(c, slog.Default()); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

func TestSendAndReceiveOverTheNetwork(t *testing.T) {
	t.Parallel()
	net, _, link := plug(t)
	other := net.SIM(gatewaySIM)
	otherLink := filepath.Join(t.TempDir(), "gateway")
	if _, err := other.OpenPTY(otherLink); err != nil {
		t.Fatal(err)
	}
	kiosk, gateway := run(t, quick(link), &store{}), run(t, quick(otherLink), &store{})
	ready(t, kiosk)
	ready(t, gateway)
	for i := range 5 {
		if _, err := kiosk.Send(t.Context(), message(t, fmt.Sprint("canary ", i))); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all arrive", func() bool { return len(gateway.store.tpdus()) == 5 })
	eventually(t, "the storage is empty", func() bool { return len(other.Stored()) == 0 })
	if got := gateway.store.texts(); !slices.Equal(got, []string{"canary 0", "canary 1", "canary 2", "canary 3", "canary 4"}) {
		t.Errorf("arrived: %d messages, other words", len(got))
	}
	st := kiosk.Status()
	if !st.Open || !st.Registered || st.Roaming || st.Signal != 20 || st.Operator != "Viettel" || st.Reason != "" || st.NetworkTime.IsZero() {
		t.Errorf("status: %+v", st)
	}
}

func TestMessageReferenceIsTheNetworks(t *testing.T) {
	t.Parallel()
	_, _, link := plug(t)
	m := run(t, quick(link), &store{})
	ready(t, m)
	for want := range byte(3) {
		if mr, err := m.Send(t.Context(), message(t, "x")); err != nil || mr != want {
			t.Errorf("reference %d, %v; want %d", mr, err, want)
		}
	}
}

// Lines of the modem's own in the middle of every answer, and between the prompt and the message.
func TestUnsolicitedLinesGetIntoNoAnswer(t *testing.T) {
	t.Parallel()
	for _, pace := range []modemtest.Pace{modemtest.Whole, modemtest.Partial, modemtest.Merged} {
		t.Run(string(pace), func(t *testing.T) {
			t.Parallel()
			net, sim, link := plug(t)
			sim.SetNoise(true)
			sim.SetPace(pace)
			cfg := quick(link)
			cfg.ProbeTimeout = 2 * time.Second
			m := run(t, cfg, &store{})
			ready(t, m)
			phone := net.Phone(villager)
			for i := range 3 {
				if err := phone.Send(kioskSIM, fmt.Sprint("canary ", i)); err != nil {
					t.Fatal(err)
				}
				if _, err := m.Send(t.Context(), message(t, "out")); err != nil {
					t.Errorf("send %d: %v", i, err)
				}
			}
			eventually(t, "all arrive", func() bool { return len(m.store.tpdus()) == 3 })
			eventually(t, "the storage is empty", func() bool { return len(sim.Stored()) == 0 })
			if st := m.Status(); st.Signal != 20 || st.Operator != "Viettel" {
				t.Errorf("status: %+v", st)
			}
		})
	}
}

func TestPulledOutAndPluggedInAgain(t *testing.T) {
	t.Parallel()
	net, sim, link := plug(t)
	m := run(t, quick(link), &store{})
	ready(t, m)
	if err := sim.HangUp(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the loss is noticed", func() bool { return strings.Contains(m.Status().Reason, "no modem at "+link) })
	if _, err := m.Send(t.Context(), message(t, "x")); !errors.Is(err, ErrNotSent) {
		t.Errorf("send without a modem: %v", err)
	}
	if err := net.Phone(villager).Send(kioskSIM, "canary"); err != nil {
		t.Fatal(err)
	}
	if _, err := sim.OpenPTY(link); err != nil {
		t.Fatal(err)
	}
	ready(t, m)
	eventually(t, "what came meanwhile arrives", func() bool { return len(m.store.tpdus()) == 1 })
	if _, err := m.Send(t.Context(), message(t, "x")); err != nil {
		t.Errorf("send after the return: %v", err)
	}
}

// invariant 5: the order is store, then free the place.
func TestMessageStaysUntilItIsStored(t *testing.T) {
	t.Parallel()
	net, sim, link := plug(t)
	s := &store{}
	tries := 0
	s.fail = func(Inbound) error {
		tries++
		if len(sim.Stored()) == 0 {
			t.Error("deleted before it was stored")
		}
		return errors.New("disk full")
	}
	if err := net.Phone(villager).Send(kioskSIM, "canary"); err != nil {
		t.Fatal(err)
	}
	m := run(t, quick(link), s)
	eventually(t, "it is tried again", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return tries >= 3 })
	if len(sim.Stored()) != 1 {
		t.Fatal("a message that nobody stored was deleted")
	}
	s.setFail(nil)
	eventually(t, "it is stored", func() bool { return len(s.tpdus()) == 1 })
	eventually(t, "it is deleted", func() bool { return len(sim.Stored()) == 0 })
	if !errors.Is(m.stop(), context.Canceled) || len(s.tpdus()) != 1 {
		t.Errorf("stored %d times", len(s.tpdus()))
	}
}

// A crash between store and delete: the next run delivers again, then deletes.
func TestCrashBetweenStoreAndDeleteDeliversAgain(t *testing.T) {
	t.Parallel()
	net, sim, link := plug(t)
	if err := net.Phone(villager).Send(kioskSIM, "canary"); err != nil {
		t.Fatal(err)
	}
	first := &store{}
	first.fail = func(Inbound) error {
		return sim.HangUp() // the message is stored (nil), and the modem is gone before it can be deleted
	}
	m := run(t, quick(link), first)
	eventually(t, "stored", func() bool { return len(first.tpdus()) == 1 })
	if err := m.stop(); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(sim.Stored()) != 1 {
		t.Fatal("not in the modem any more")
	}
	if _, err := sim.OpenPTY(link); err != nil {
		t.Fatal(err)
	}
	second := run(t, quick(link), &store{})
	eventually(t, "delivered again", func() bool { return len(second.store.tpdus()) == 1 })
	eventually(t, "deleted", func() bool { return len(sim.Stored()) == 0 })
}

// One bad message must not keep the next from its turn, and its bytes are handed on.
func TestUndecodableMessageIsHandedOnRaw(t *testing.T) {
	t.Parallel()
	net, sim, link := plug(t)
	m := run(t, quick(link), &store{})
	ready(t, m)
	garbage := []byte{0x04, 0xff, 0x91, 0x00, 0x01, 0x02, 0x03}
	net.InjectTPDU(kioskSIM, garbage)
	if err := net.Phone(villager).Send(kioskSIM, "canary"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both arrive", func() bool { return len(m.store.tpdus()) == 2 })
	if !slices.ContainsFunc(m.store.tpdus(), func(b []byte) bool { return bytes.Equal(b, garbage) }) {
		t.Error("the raw bytes are not what was sent")
	}
	eventually(t, "the storage is empty", func() bool { return len(sim.Stored()) == 0 })
}

func TestThreeOutcomes(t *testing.T) {
	t.Parallel()
	net, sim, link := plug(t)
	cfg := quick(link)
	cfg.SubmitTimeout = 200 * time.Millisecond
	m := run(t, cfg, &store{})
	ready(t, m)
	if _, err := m.Send(t.Context(), message(t, "x")); err != nil {
		t.Errorf("accepted: %v", err)
	}
	for code, notSent := range map[int]bool{21: true, 28: true, 330: true, 331: true, 38: false, 41: false, 197: false, 332: false, 500: false} {
		sim.SetSendError(code)
		if _, err := m.Send(t.Context(), message(t, "x")); err == nil || errors.Is(err, ErrNotSent) != notSent {
			t.Errorf("+CMS ERROR %d: %v", code, err)
		}
	}
	sim.SetSendError(0)
	sim.SetDropReply(true)
	before := len(net.Truth())
	if _, err := m.Send(t.Context(), message(t, "x")); err == nil || errors.Is(err, ErrNotSent) {
		t.Errorf("no answer: %v", err)
	}
	if m.Ready() {
		t.Error("a session of which nobody knows what comes next is called ready")
	}
	if len(net.Truth()) != before+1 {
		t.Error("the emulated network does not have the message")
	}
	sim.SetDropReply(false)
	ready(t, m)
	if _, err := m.Send(t.Context(), message(t, "x")); err != nil {
		t.Errorf("after an unknown outcome: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Send(cancelled, message(t, "x")); !errors.Is(err, ErrNotSent) {
		t.Errorf("cancelled before: %v", err)
	}
}

func TestNotRegistered(t *testing.T) {
	t.Parallel()
	net, sim, link := plug(t)
	m := run(t, quick(link), &store{})
	ready(t, m)
	sim.SetGSM(false)
	eventually(t, "the loss of the network is seen", func() bool { return !m.Ready() })
	if st := m.Status(); !st.Open || st.Registered || !strings.Contains(st.Reason, "no network") || st.Signal != 99 {
		t.Errorf("status: %+v", st)
	}
	before := len(net.Truth())
	if _, err := m.Send(t.Context(), message(t, "x")); !errors.Is(err, ErrNotSent) {
		t.Errorf("send: %v", err)
	}
	if len(net.Truth()) != before {
		t.Error("it went out")
	}
	sim.SetGSM(true)
	ready(t, m)
}

func TestMuteModemIsTriedUntilItAnswers(t *testing.T) {
	t.Parallel()
	_, sim, link := plug(t)
	cfg := quick(link)
	cfg.CommandTimeout, cfg.ListTimeout, cfg.ProbeTimeout = 100*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
	m := run(t, cfg, &store{})
	ready(t, m)
	sim.SetMute(true)
	eventually(t, "the silence is noticed", func() bool { return !m.Ready() })
	eventually(t, "it is explained", func() bool { return strings.Contains(m.Status().Reason, "does not answer AT commands") })
	sim.SetMute(false)
	ready(t, m)
}

func TestPIN(t *testing.T) {
	t.Parallel()
	t.Run("right", func(t *testing.T) {
		t.Parallel()
		_, sim, link := plugLocked(t, "1234")
		cfg := quick(link)
		cfg.PIN = "1234"
		ready(t, run(t, cfg, &store{}))
		if sim.PINTries() != 3 {
			t.Errorf("%d tries left", sim.PINTries())
		}
	})
	t.Run("wrong is given once", func(t *testing.T) {
		t.Parallel()
		_, sim, link := plugLocked(t, "1234")
		cfg := quick(link)
		cfg.PIN = "9999"
		m := run(t, cfg, &store{})
		eventually(t, "refused", func() bool { return strings.Contains(m.Status().Reason, "refused its PIN") })
		for range 3 { // whatever happens to the modem
			if err := sim.HangUp(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the loss is noticed", func() bool { return strings.Contains(m.Status().Reason, "no modem") })
			if _, err := sim.OpenPTY(link); err != nil {
				t.Fatal(err)
			}
			eventually(t, "refused again", func() bool { return strings.Contains(m.Status().Reason, "refused its PIN") })
		}
		if sim.PINTries() != 2 {
			t.Errorf("%d tries left, want 2", sim.PINTries())
		}
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		_, sim, link := plugLocked(t, "1234")
		m := run(t, quick(link), &store{})
		eventually(t, "asked for", func() bool { return strings.Contains(m.Status().Reason, "asks for its PIN") })
		if sim.PINTries() != 3 || m.Ready() {
			t.Error("a PIN was tried")
		}
	})
}

func plugLocked(t *testing.T, pin string) (*modemtest.Network, *modemtest.SIM, string) {
	t.Helper()
	net, sim, link := plug(t)
	sim.SetPIN(pin)
	if _, err := sim.Replug(); err != nil {
		t.Fatal(err)
	}
	return net, sim, link
}

func TestPortFaultsAreClear(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	missing := filepath.Join(dir, "none")
	m := run(t, quick(missing), &store{})
	eventually(t, "explained", func() bool {
		return strings.Contains(m.Status().Reason, "there is no modem at "+missing+": plug it in")
	})

	m = run(t, quick("/dev/null"), &store{})
	eventually(t, "explained", func() bool { return strings.Contains(m.Status().Reason, "/dev/null is not a serial port") })

	_, _, link := plug(t)
	first := run(t, quick(link), &store{})
	ready(t, first)
	second := run(t, quick(link), &store{})
	eventually(t, "explained", func() bool { return strings.Contains(second.Status().Reason, "in use by another program") })
	if !first.Ready() {
		t.Error("the first was disturbed")
	}
	if err := first.stop(); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	ready(t, second)
}
