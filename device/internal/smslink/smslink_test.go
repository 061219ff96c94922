package smslink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/internal/inbox"
	"github.com/langnghe/langnghe/device/internal/outbox"
	"github.com/langnghe/langnghe/device/internal/relay"
	"github.com/langnghe/langnghe/device/internal/relay/linktest"
	"github.com/langnghe/langnghe/device/modem"
	"github.com/langnghe/langnghe/device/modem/modemtest"
	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/seal"
)

const (
	kioskNumber   = "+84900000001"
	gatewayNumber = "+84900000002"
)

var quiet = slog.New(slog.DiscardHandler)

func address(t *testing.T, s string) pdu.Address {
	t.Helper()
	a, err := pdu.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newInbox(t *testing.T) *inbox.Inbox {
	t.Helper()
	box, err := outbox.Open(filepath.Join(t.TempDir(), "outbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	id, err := seal.NewIdentity(1)
	if err != nil {
		t.Fatal(err)
	}
	psk, err := seal.NewPSK(1, 1)
	if err != nil {
		t.Fatal(err)
	}
	return inbox.New(inbox.Options{
		Outbox: box, Sealer: seal.NewSealer(id.Recipient(), psk), Gateway: address(t, gatewayNumber),
		Time: func() report.Bucket { return report.NoBucket }, HoldFor: time.Minute, Released: func() {}, Listing: func() bool { return true }, Log: quiet,
	})
}

// fixture is the link over a real modem driver and the emulated network.
func fixture(t *testing.T) linktest.Fixture {
	n := modemtest.New(modemtest.Options{})
	sim := n.SIM(kioskNumber)
	port, err := sim.OpenPTY("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := modem.New(modem.Config{
		Port: port, Poll: 50 * time.Millisecond, StatusEvery: 50 * time.Millisecond, CommandTimeout: time.Second, PromptTimeout: time.Second,
		SubmitTimeout: time.Second, ProbeTimeout: 500 * time.Millisecond, Quiet: 20 * time.Millisecond, MinBackoff: 20 * time.Millisecond,
		MaxBackoff: 100 * time.Millisecond,
	}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	in := newInbox(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = m.Run(ctx, func(ctx context.Context, i modem.Inbound) error { return in.Receive(ctx, i.TPDU) })
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	n.Phone(gatewayNumber)
	return linktest.Fixture{
		Link: New(Options{Send: m.Send, Ready: m.Ready, Gateway: address(t, gatewayNumber), Inbox: in, Log: quiet}),
		Name: relay.SMS,
		Up:   func() { sim.SetGSM(true); sim.SetDropReply(false) },
		Down: func() { sim.SetGSM(false) },
		Swallow: func() <-chan struct{} {
			linktest.Until(t, "the modem is up", m.Ready)
			before := len(n.Truth())
			sim.SetDropReply(true)
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				for len(n.Truth()) == before {
					changed, _ := n.Changed()
					select {
					case <-changed:
					case <-ctx.Done():
						return
					}
				}
			}()
			return gone
		},
		Taken: func() [][]byte { return taken(n) },
		Push:  func(frame []byte) { n.Inject(gatewayNumber, kioskNumber, frame) },
	}
}

// taken joins what the kiosk submitted, as the gateway would.
func taken(n *modemtest.Network) (out [][]byte) {
	j := pdu.NewJoiner(0)
	for _, s := range n.Truth() {
		if s.From != kioskNumber || len(s.Delivered) == 0 {
			continue
		}
		d, err := pdu.DecodeDeliver(s.Deliver)
		if err != nil {
			continue
		}
		if whole, ok := j.Add(pdu.Part{Deliver: d}, time.Now()); ok {
			out = append(out, pdu.JoinBytes(whole))
		}
	}
	return out
}

func TestLinkKeepsItsContract(t *testing.T) { linktest.Run(t, fixture) }

// running starts a link over send, without a modem.
func running(t *testing.T, send func(context.Context, pdu.Submit) (byte, error)) *Link {
	t.Helper()
	l := New(Options{Send: send, Ready: func() bool { return true }, Gateway: address(t, gatewayNumber), Inbox: newInbox(t), Log: quiet})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- l.Run(ctx, func(context.Context, []byte) error { return nil }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	linktest.Until(t, "the link is up", l.Ready)
	return l
}

// TestThreeOutcomesOfTwoSegments goes through what may become of each segment (invariant 7).
func TestThreeOutcomesOfTwoSegments(t *testing.T) {
	unknown := io.ErrUnexpectedEOF
	for name, c := range map[string]struct {
		first, second error
		sends         int
		ok, notSent   bool
	}{
		"both accepted":                 {nil, nil, 2, true, false},
		"first not sent":                {modem.ErrNotSent, nil, 1, false, true},
		"first unknown":                 {unknown, nil, 1, false, false},
		"first accepted, second not":    {nil, modem.ErrNotSent, 2, false, false},
		"first accepted, second unsure": {nil, unknown, 2, false, false},
	} {
		var got [][]byte
		l := running(t, func(_ context.Context, s pdu.Submit) (byte, error) {
			got = append(got, s.TPDU)
			if s.Seq == 1 {
				return 0, c.first
			}
			return 0, c.second
		})
		err := l.Send(t.Context(), linktest.Envelope(2))
		if (err == nil) != c.ok || errors.Is(err, relay.ErrNotSent) != c.notSent || errors.Is(err, modem.ErrNotSent) != c.notSent || len(got) != c.sends {
			t.Errorf("%s: %v after %d sends", name, err, len(got))
		}
	}
}

func TestResendIsTheSameSegments(t *testing.T) {
	var got [][]byte
	l := running(t, func(_ context.Context, s pdu.Submit) (byte, error) { got = append(got, s.TPDU); return 0, nil })
	for range 2 {
		if err := l.Send(t.Context(), linktest.Envelope(2)); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 4 || !bytes.Equal(got[0], got[2]) || !bytes.Equal(got[1], got[3]) {
		t.Error("a resend differs, so that what arrived of the first can't be completed")
	}
}

func TestCancelAfterTheFirstSegmentStopsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := running(t, func(ctx context.Context, s pdu.Submit) (byte, error) { cancel(); return 0, ctx.Err() })
	l.o.Send = func(ctx context.Context, s pdu.Submit) (byte, error) {
		if s.Seq == 1 {
			cancel()
			return 0, nil
		}
		return 0, ctx.Err()
	}
	if err := l.Send(ctx, linktest.Envelope(2)); err != nil {
		t.Error(err)
	}
}

func TestAnswersGoOutButAfterEnvelopes(t *testing.T) {
	var mu sync.Mutex
	var order []string
	hold := make(chan struct{})
	waiting := make(chan struct{}, 100)
	l := running(t, func(_ context.Context, s pdu.Submit) (byte, error) {
		f, err := pdu.DecodeSubmit(s.TPDU)
		if err != nil {
			return 0, err
		}
		waiting <- struct{}{}
		<-hold
		mu.Lock()
		defer mu.Unlock()
		order = append(order, f.Coding.String())
		return 0, nil
	})
	var all sync.WaitGroup
	all.Go(func() { _ = l.Send(t.Context(), linktest.Envelope(0)) })
	<-waiting // the first envelope has the modem
	l.Answer(address(t, "0912345678"), "Da nhan tin")
	queued := func(c class, n int) func() bool {
		return func() bool { l.turns.mu.Lock(); defer l.turns.mu.Unlock(); return len(l.turns.waiting[c]) == n }
	}
	linktest.Until(t, "the answer waits", queued(answer, 1))
	for n := range 6 {
		all.Go(func() { _ = l.Send(t.Context(), linktest.Envelope(3*n)) })
	}
	linktest.Until(t, "the envelopes wait", queued(envelope, 6))
	close(hold)
	all.Wait()
	linktest.Until(t, "the answer is sent", func() bool { mu.Lock(); defer mu.Unlock(); return len(order) == 8 })
	if at := slices.Index(order, "gsm7"); at != 1+unfair {
		t.Errorf("the answer went as number %d of %v", at, order)
	}
}

func TestAnswerThatIsPerhapsSentIsNotSentAgain(t *testing.T) {
	sends := make(chan struct{}, 10)
	l := running(t, func(context.Context, pdu.Submit) (byte, error) { sends <- struct{}{}; return 0, io.ErrUnexpectedEOF })
	l.Answer(address(t, "0912345678"), "one")
	l.Answer(address(t, "0912345678"), "two")
	<-sends
	<-sends
	if len(sends) > 0 {
		t.Error("sent again")
	}
}

// An answer that breaks the link is lost; the next goes out, and the modem's turn is given back.
func TestPanicWhileAnsweringCostsOneAnswer(t *testing.T) {
	sends := make(chan struct{}, 10)
	broken := true
	l := running(t, func(context.Context, pdu.Submit) (byte, error) {
		if broken {
			broken = false
			panic("hostile bytes")
		}
		sends <- struct{}{}
		return 0, nil
	})
	l.Answer(address(t, "0912345678"), "one")
	l.Answer(address(t, "0912345678"), "two")
	<-sends
	if err := l.Send(t.Context(), linktest.Envelope(1)); err != nil {
		t.Error(err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	l := New(Options{Log: quiet})
	for range 10 * maxAnswers {
		l.Answer(address(t, "0912345678"), "one")
	}
	if len(l.answers) != maxAnswers {
		t.Errorf("%d answers wait", len(l.answers))
	}
}

func TestGivingUpATurnHandsItOn(t *testing.T) {
	var turn turns
	for range 200 {
		if err := turn.take(t.Context(), envelope); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan struct{})
		go func() {
			if turn.take(ctx, answer) == nil {
				turn.give()
			}
			close(gone)
		}()
		go cancel()
		turn.give()
		<-gone
		turn.mu.Lock()
		if turn.busy || len(turn.waiting[answer]) > 0 {
			t.Fatal("a turn was lost")
		}
		turn.mu.Unlock()
	}
}
