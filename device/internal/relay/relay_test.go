package relay

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/internal/outbox"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
)

var errSilent = errors.New("no answer")

// fakeLink does what send says.
type fakeLink struct {
	name  string
	ready atomic.Bool
	send  func(context.Context, wire.Envelope) error
}

func (l *fakeLink) Name() string                                                   { return l.name }
func (l *fakeLink) Ready() bool                                                    { return l.ready.Load() }
func (l *fakeLink) Send(ctx context.Context, env wire.Envelope) error              { return l.send(ctx, env) }
func (l *fakeLink) Run(context.Context, func(context.Context, []byte) error) error { return nil }

// sent is a Send that waits for its outcome.
type sent struct {
	link string
	id   wire.ID
	ctx  context.Context
	end  chan error
}

// rig is a relay over a real outbox and two links whose Sends the test ends by hand.
type rig struct {
	t     *testing.T
	path  string
	box   *outbox.Outbox
	relay *Relay
	links map[string]*fakeLink
	sends chan sent
	stop  func()
}

// quick has waits that end at once; slow has waits that never end.
var (
	quick = Config{SMSAfter: time.Hour, MQTTAckWait: 1, SMSAckWait: 1, StartJitter: 1, Poll: time.Millisecond}
	slow  = Config{SMSAfter: time.Hour, MQTTAckWait: time.Hour, SMSAckWait: time.Hour, StartJitter: 1, Poll: time.Millisecond}
)

func newRig(t *testing.T, cfg Config) *rig {
	g := &rig{t: t, path: filepath.Join(t.TempDir(), "outbox.db"), links: map[string]*fakeLink{}, sends: make(chan sent)}
	for _, name := range []string{MQTT, SMS} {
		l := &fakeLink{name: name}
		l.ready.Store(true)
		l.send = func(ctx context.Context, env wire.Envelope) error {
			s := sent{name, env.ID(), ctx, make(chan error, 1)}
			g.sends <- s
			return <-s.end
		}
		g.links[name] = l
	}
	g.start(cfg)
	t.Cleanup(g.shut)
	return g
}

func (g *rig) start(cfg Config) {
	g.t.Helper()
	box, err := outbox.Open(g.path)
	must(g.t, err)
	g.box = box
	g.relay = New(box, []Link{g.links[MQTT], g.links[SMS]}, cfg, slog.New(slog.DiscardHandler))
}

func (g *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.relay.Run(ctx) }()
	g.stop = sync.OnceFunc(func() {
		cancel()
		for {
			select {
			case s := <-g.sends:
				s.end <- errSilent
			case err := <-done:
				if err != nil {
					g.t.Errorf("Run: %v", err)
				}
				return
			case <-time.After(30 * time.Second):
				g.t.Error("Run does not end")
				return
			}
		}
	})
}

func (g *rig) shut() {
	if g.stop != nil {
		g.stop()
	}
	g.box.Close()
}

// restart is a new process on the same file.
func (g *rig) restart(cfg Config) {
	g.shut()
	g.start(cfg)
	g.run()
}

func (g *rig) add(n int, urgent bool) (wire.ID, wire.Token) {
	g.t.Helper()
	s, tok := sealed(n)
	must(g.t, g.box.Add(g.t.Context(), s, urgent))
	g.relay.Wake()
	return s.Envelope.ID(), tok
}

func (g *rig) next() sent {
	g.t.Helper()
	select {
	case s := <-g.sends:
		return s
	case <-time.After(30 * time.Second):
		g.t.Fatal("nothing is sent")
		return sent{}
	}
}

func (g *rig) ack(toks ...wire.Token) {
	g.t.Helper()
	must(g.t, g.relay.Deliver(g.t.Context(), wire.Ack{Tokens: toks}.Append(nil)))
}

func (g *rig) counts() outbox.Counts {
	g.t.Helper()
	c, err := g.box.Counts(g.t.Context())
	must(g.t, err)
	return c
}

func (g *rig) until(what string, ok func() bool) {
	g.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); {
		if time.Now().After(end) {
			g.t.Fatalf("never: %s", what)
		}
	}
}

func (g *rig) state(id wire.ID) outbox.State {
	g.t.Helper()
	items, err := g.box.Due(g.t.Context())
	must(g.t, err)
	for _, it := range items {
		if it.ID == id {
			return it.State
		}
	}
	return outbox.Erased
}

func sealed(n int) (seal.Sealed, wire.Token) {
	rnd := rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, n)))
	env := make([]byte, wire.MinEnvelope)
	rnd.Read(env)
	copy(env, wire.Header{Device: 7}.Append(nil))
	var tok wire.Token
	rnd.Read(tok[:])
	return seal.Sealed{Envelope: wire.Envelope(env), AckHash: tok.Hash()}, tok
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestThreeOutcomes is the table of outcome, link and restart. Whatever happened, the envelope goes out again until its
// ack comes, and then never again.
func TestThreeOutcomes(t *testing.T) {
	for _, link := range []string{MQTT, SMS} {
		for outcome, err := range map[string]error{
			"accepted": nil, "not sent": fmt.Errorf("no carrier: %w", ErrNotSent), "unknown": errSilent, "panic": errPanic,
		} {
			for _, restart := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s restart=%v", link, outcome, restart), func(t *testing.T) {
					cfg := quick
					if restart {
						cfg = slow // only the restart makes it due again
					}
					g := newRig(t, cfg)
					other := map[string]string{MQTT: SMS, SMS: MQTT}[link]
					g.links[other].ready.Store(false)
					if link == SMS {
						g.relay.book.cfg.SMSAfter = 0
						g.relay.cfg.SMSAfter = 0
					}
					plain := g.links[link].send
					if err == errPanic {
						g.links[link].send = func(ctx context.Context, env wire.Envelope) error {
							_ = plain(ctx, env)
							var none []byte
							return fmt.Errorf("%d", none[3]) // what a link might do on hostile bytes
						}
					}
					g.run()
					id, tok := g.add(1, false)
					first := g.next()
					if first.link != link || first.id != id {
						t.Fatalf("sent by %s", first.link)
					}
					if g.state(id) != outbox.Attempting {
						t.Errorf("while it is sent its state is %v", g.state(id))
					}
					want := outbox.Awaiting
					if outcome == "not sent" {
						want = outbox.Queued
						g.links[other].ready.Store(restart == false) // the other link must take it now
					}
					if restart {
						g.links[link].ready.Store(false)
						first.end <- err
						g.until("the attempt is ended", func() bool { return g.state(id) == want })
						g.links[link].ready.Store(true)
						cfg.SMSAfter = 1
						g.restart(cfg)
						if got := g.state(id); got != want && got != outbox.Attempting {
							t.Errorf("after the restart its state is %v, want %v", got, want)
						}
					} else {
						first.end <- err
					}
					second := g.next()
					if outcome == "not sent" && !restart && second.link != other {
						t.Errorf("not sent by %s, and then again by %s", link, second.link)
					}
					if second.id != id {
						t.Error("another envelope was sent")
					}
					second.end <- errSilent
					g.ack(tok)
					// Attempts that had begun before the ack was applied may still come out.
					g.until("the ack is applied", func() bool {
						select {
						case s := <-g.sends:
							s.end <- errSilent
						default:
						}
						return g.counts() == outbox.Counts{Acked: 1}
					})
				})
			}
		}
	}
}

var errPanic = errors.New("panic")

// Invariant 3: the database, read from inside Send by another hand, holds the attempt already.
func TestAttemptIsOnDiskBeforeTheFirstByte(t *testing.T) {
	g := newRig(t, slow)
	seen := make(chan error, 2)
	for _, l := range g.links {
		l.send = func(_ context.Context, env wire.Envelope) error {
			seen <- func() error {
				db, err := sql.Open("sqlite3", "file:"+g.path+"?mode=ro")
				if err != nil {
					return err
				}
				defer db.Close()
				var n int
				id := env.ID()
				err = db.QueryRow(`SELECT count(*) FROM attempt JOIN envelope ON attempt.envelope = seq
					WHERE envelope.id = ? AND link = ? AND state = ?`, id[:], l.name, int(outbox.Attempting)).Scan(&n)
				if err == nil && n != 1 {
					err = fmt.Errorf("%d attempts by %s on disk", n, l.name)
				}
				return err
			}()
			return errSilent
		}
	}
	g.run()
	g.add(1, true)
	for range 2 {
		select {
		case err := <-seen:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("nothing is sent")
		}
	}
}

// An urgent report races on both links; the Send that hangs on one stops neither the other nor the next report; one ack
// ends all.
func TestUrgentRacesAndHungSendStopsNobody(t *testing.T) {
	g := newRig(t, slow)
	g.run()
	a, tokA := g.add(1, true)
	one, two := g.next(), g.next()
	if one.id != a || two.id != a || one.link == two.link {
		t.Fatalf("%s and %s: no race", one.link, two.link)
	}
	// Both hang. The next reports go by MQTT, up to its window; SMS has a window of one.
	var open []sent
	for n := 2; n <= 8; n++ {
		id, _ := g.add(n, false)
		s := g.next()
		if s.id != id || s.link != MQTT {
			t.Fatalf("report %d: sent by %s", n, s.link)
		}
		open = append(open, s)
	}
	g.ack(tokA)
	g.until("the ack is applied", func() bool { return g.counts() == outbox.Counts{Waiting: 7, Acked: 1} })
	one.end <- nil // late: the ack came first
	two.end <- errSilent
	for _, s := range open {
		s.end <- nil
	}
	g.until("all attempts are ended", func() bool {
		items, err := g.box.Due(t.Context())
		must(t, err)
		for _, it := range items {
			if it.State != outbox.Awaiting {
				return false
			}
		}
		return len(items) == 7
	})
	g.ack(tokA) // the gateway acks on both links: no quarantine
	_, tokB := sealed(2)
	g.ack(tokB)
	g.until("the next ack is applied", func() bool { return g.counts().Acked == 2 })
	if q := g.counts().Quarantined; q != 0 {
		t.Errorf("%d frames quarantined by a race", q)
	}
}

// Run waits for the Sends under way and records how they ended; their ctx has ended, so that one which has not begun need
// not.
func TestStopWaitsForSends(t *testing.T) {
	g := newRig(t, slow)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.relay.Run(ctx) }()
	id, _ := g.add(1, false)
	s := g.next()
	cancel()
	<-s.ctx.Done()
	select {
	case <-done:
		t.Fatal("Run ended before its Send")
	default:
	}
	s.end <- ErrNotSent
	must(t, <-done)
	if got := g.state(id); got != outbox.Queued {
		t.Errorf("its state is %v", got)
	}
}

// A held segment that is released goes out; one that was replaced between listing and sending does not.
func TestReleasedAndReplaced(t *testing.T) {
	g := newRig(t, slow)
	g.links[MQTT].ready.Store(false)
	g.links[SMS].ready.Store(false)
	g.run()
	a, _ := sealed(1)
	_, err := g.box.Hold(t.Context(), a, []byte("digest"))
	must(t, err)
	must(t, g.box.Release(t.Context(), nil))
	g.relay.Wake()
	b, _ := sealed(2)
	must(t, g.box.Replace(t.Context(), []wire.ID{a.Envelope.ID()}, b, false))
	g.links[MQTT].ready.Store(true)
	g.relay.Wake()
	s := g.next()
	if s.id != b.Envelope.ID() {
		t.Error("a replaced segment was sent")
	}
	s.end <- nil
}

func FuzzDeliver(f *testing.F) {
	_, tok := sealed(1)
	f.Add(wire.Ack{Tokens: []wire.Token{tok}}.Append(nil))
	f.Add([]byte{})
	box, err := outbox.Open(filepath.Join(f.TempDir(), "outbox.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { box.Close() })
	s, _ := sealed(2)
	if err := box.Add(f.Context(), s, false); err != nil {
		f.Fatal(err)
	}
	r := New(box, nil, Config{}, slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, frame []byte) {
		before, err := box.Counts(t.Context())
		must(t, err)
		must(t, r.Deliver(t.Context(), frame))
		must(t, r.takeInbound(t.Context()))
		after, err := box.Counts(t.Context())
		must(t, err)
		before.Quarantined++ // no frame that the fuzzer makes holds the token of envelope 2
		if after != before {
			t.Fatalf("%+v, want %+v", after, before)
		}
	})
}
