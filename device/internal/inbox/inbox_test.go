package inbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/internal/outbox"
	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
)

const (
	villager = "+84912345678"
	gateway  = "+84987654321"
)

// kiosk is an inbox over an outbox file that outlives it.
type kiosk struct {
	*Inbox
	t        testing.TB
	path     string
	box      *outbox.Outbox
	identity seal.Identity
	psk      seal.PSK
	log      *bytes.Buffer
	holdFor  time.Duration
}

func newKiosk(t testing.TB) *kiosk {
	t.Helper()
	k := &kiosk{t: t, path: filepath.Join(t.TempDir(), "outbox.db"), log: &bytes.Buffer{}, holdFor: time.Hour}
	var err error
	if k.identity, err = seal.NewIdentity(1); err != nil {
		t.Fatal(err)
	}
	if k.psk, err = seal.NewPSK(7, 1); err != nil {
		t.Fatal(err)
	}
	k.start()
	t.Cleanup(func() { k.box.Close() })
	return k
}

// start is what a power cut ends in: a new process over the old file.
func (k *kiosk) start() {
	k.t.Helper()
	if k.box != nil {
		k.box.Close()
	}
	var err error
	if k.box, err = outbox.Open(k.path); err != nil {
		k.t.Fatal(err)
	}
	gw, err := pdu.ParseAddress(gateway)
	if err != nil {
		k.t.Fatal(err)
	}
	k.Inbox = New(Options{
		Outbox: k.box, Sealer: seal.NewSealer(k.identity.Recipient(), k.psk), Gateway: gw,
		Time:    func() report.Bucket { return report.Bucket{HalfDay: 2000} },
		HoldFor: k.holdFor, Released: func() {}, Listing: func() bool { return true }, Log: slog.New(slog.NewTextHandler(k.log, nil)),
	})
}

// run runs Run until stop is called. It returns when Run has begun: what came before that goes out as it is.
func (k *kiosk) run(handle func(context.Context, Message) error) (stop func()) {
	ctx, cancel := context.WithCancel(k.t.Context())
	done := make(chan error, 1)
	i := k.Inbox
	i.queue = append(i.queue, part{})
	go func() { done <- i.Run(ctx, handle) }()
	k.eventually("the start", func() bool { i.mu.Lock(); defer i.mu.Unlock(); return len(i.queue) == 0 })
	return func() {
		k.t.Helper()
		cancel()
		if err := <-done; err != nil {
			k.t.Error(err)
		}
	}
}

func (k *kiosk) receive(tpdu []byte) {
	k.t.Helper()
	if err := k.Receive(k.t.Context(), tpdu); err != nil {
		k.t.Fatal(err)
	}
}

// held and due count what waits in the outbox.
func (k *kiosk) waiting() (held, due int) {
	k.t.Helper()
	c, err := k.box.Counts(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	items, err := k.box.Due(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	return c.Waiting - len(items), len(items)
}

func (k *kiosk) eventually(what string, ok func() bool) {
	k.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			k.t.Fatalf("not in time: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func (k *kiosk) expect(held, due int) {
	k.t.Helper()
	k.eventually("the outbox's contents", func() bool { h, d := k.waiting(); return h == held && d == due })
}

// replace makes a report of a message as the device does.
func (k *kiosk) replace(ctx context.Context, m Message) error {
	s, err := seal.NewSealer(k.identity.Recipient(), k.psk).Seal(wire.Report{Draft: report.Draft{Text: m.Text}})
	if err != nil {
		return err
	}
	return k.box.Replace(ctx, m.Held, s, true)
}

// bodies opens all that is due as the gateway would.
func (k *kiosk) bodies() (out []wire.Body) {
	k.t.Helper()
	items, err := k.box.Due(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	for _, it := range items {
		env, err := k.box.Envelope(k.t.Context(), it.ID)
		if err != nil {
			k.t.Fatal(err)
		}
		o, err := k.identity.Open(env, k.psk)
		if err != nil {
			k.t.Fatal(err)
		}
		out = append(out, o.Body)
	}
	return out
}

func deliver(t *testing.T, from, text string, concat *pdu.Concat) []byte {
	t.Helper()
	coding, data := pdu.EncodeText(text)
	return encode(t, pdu.Deliver{From: address(t, from), Coding: coding, Data: data, Concat: concat, SCTS: time.Now()})
}

func encode(t *testing.T, d pdu.Deliver) []byte {
	t.Helper()
	b, err := pdu.EncodeDeliver(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func address(t *testing.T, s string) pdu.Address {
	t.Helper()
	a, err := pdu.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestMessageIsStoredSealedBeforeItsSlotIsFreed(t *testing.T) { // invariant 5
	k := newKiosk(t)
	tpdu := deliver(t, villager, "Bố đánh em", nil)
	k.receive(tpdu) // nothing reads it: Run is not running
	k.start()       // the power goes
	k.expect(1, 0)
	defer k.run(func(context.Context, Message) error { t.Error("words of an earlier life"); return nil })()
	k.expect(0, 1)
	s, ok := k.bodies()[0].(wire.Segment)
	if !ok || !bytes.Equal(s.TPDU, tpdu) {
		t.Error("what went out is not what came in")
	}
}

func TestSlotStaysWhereNothingCouldBeStored(t *testing.T) { // invariant 5
	k := newKiosk(t)
	k.box.Close()
	if err := k.Receive(t.Context(), deliver(t, villager, "alo", nil)); err == nil {
		t.Error("the slot may be freed though nothing is stored")
	}
}

func TestSegmentsOutOfOrderMakeOneMessage(t *testing.T) {
	k := newKiosk(t)
	got := make(chan string, 2)
	defer k.run(func(ctx context.Context, m Message) error {
		got <- m.Text.Reveal() + " " + m.From.Number()
		return k.replace(ctx, m)
	})()
	parts := [][]byte{
		deliver(t, villager, "Bố em đánh mẹ, ", &pdu.Concat{Ref: 9, Total: 3, Seq: 1}),
		deliver(t, villager, "em sợ lắm, ", &pdu.Concat{Ref: 9, Total: 3, Seq: 2}),
		deliver(t, villager, "xin giúp em", &pdu.Concat{Ref: 9, Total: 3, Seq: 3}),
	}
	for _, n := range []int{2, 0, 0, 1, 2} { // with copies
		k.receive(parts[n])
	}
	if s := <-got; s != "Bố em đánh mẹ, em sợ lắm, xin giúp em "+villager {
		t.Errorf("got %q", s)
	}
	k.expect(0, 1)
	if _, ok := k.bodies()[0].(wire.Report); !ok {
		t.Error("no report")
	}
	k.receive(parts[1]) // the network delivers it once more
	k.expect(0, 1)
}

// TestCrashAnywhereMakesExactlyOneReport cuts the power before and after each step of a message's life and shows the modem's
// slot again where it was not freed.
func TestCrashAnywhereMakesExactlyOneReport(t *testing.T) { // invariants 5 and 6
	for _, crash := range []string{"after the store, before the slot is free", "after the report, before the answer", "after the answer, before the slot is free"} {
		t.Run(crash, func(t *testing.T) {
			k := newKiosk(t)
			tpdu := deliver(t, villager, "cuu em", nil)
			if crash == "after the store, before the slot is free" {
				k.receive(tpdu)
			} else {
				stop := k.run(func(ctx context.Context, m Message) error {
					if err := k.replace(ctx, m); err != nil || crash == "after the answer, before the slot is free" {
						return err
					}
					<-ctx.Done() // dies where it would answer
					return ctx.Err()
				})
				k.receive(tpdu)
				k.expect(0, 1)
				stop()
			}
			for range 3 { // the slot is listed again, in this life and in the next ones
				k.start()
				stop := k.run(func(context.Context, Message) error { t.Error("read again"); return nil })
				k.receive(tpdu)
				k.receive(tpdu)
				k.expect(0, 1)
				stop()
			}
		})
	}
}

func TestMissingSegmentLetsTheOthersGo(t *testing.T) {
	k := newKiosk(t)
	k.Inbox.o.HoldFor = time.Millisecond
	defer k.run(func(context.Context, Message) error { t.Error("half a message was read"); return nil })()
	k.receive(deliver(t, villager, "một nửa", &pdu.Concat{Ref: 1, Total: 2, Seq: 2}))
	k.expect(0, 1)
}

// A handset that missed its confirmation sends a segment again, and the network stamps it anew: let go, it would be a
// second case at the gateway.
func TestSegmentStampedAnewIsNoSecondReport(t *testing.T) { // invariant 6
	k := newKiosk(t)
	k.Inbox.o.HoldFor = -time.Second // what is asked for when nothing more comes
	r := reader{inbox: k.Inbox, joiner: pdu.NewJoiner(4), handle: k.replace}
	sent := time.Now()
	take := func(seq uint8, text string, stamp time.Time) {
		t.Helper()
		coding, data := pdu.EncodeText(text)
		k.receive(encode(t, pdu.Deliver{
			From: address(t, villager), Coding: coding, Data: data, SCTS: stamp, Concat: &pdu.Concat{Ref: 7, Total: 2, Seq: seq},
		}))
		p, _ := k.next()
		if err := r.read(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(due int) {
		t.Helper()
		if err := r.expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if h, d := k.waiting(); h != 0 || d != due {
			t.Fatalf("%d held, %d due, want %d", h, d, due)
		}
	}
	take(1, "Bố em đánh mẹ, ", sent)
	take(2, "em sợ lắm", sent)
	take(1, "Bố em đánh mẹ, ", sent.Add(3*time.Minute))
	take(1, "Bố em đánh mẹ, ", sent.Add(4*time.Minute))
	expect(1)
	if _, ok := k.bodies()[0].(wire.Report); !ok {
		t.Error("the report is gone")
	}
	take(1, "Bố em đánh mẹ, ", sent.Add(2*time.Hour)) // half of another message
	expect(2)
}

// Two cries of the same words with no time stamp that can be read are the same bytes, and still two.
func TestSameWordsWithoutATimeStampAreTwoReports(t *testing.T) {
	k := newKiosk(t)
	coding, data := pdu.EncodeText("cứu")
	unstamped := encode(t, pdu.Deliver{From: address(t, villager), Coding: coding, Data: data})
	for name, tpdu := range map[string][]byte{"no time stamp": unstamped, "cut short": unstamped[:9]} {
		before, _ := k.waiting()
		k.receive(tpdu)
		k.receive(tpdu) // its slot, once more
		k.Inbox.heard = time.Now().Add(-2 * quietFor)
		if err := k.Inbox.forget(t.Context()); err != nil { // by now every slot is free
			t.Fatal(err)
		}
		k.receive(tpdu)
		if after, _ := k.waiting(); after != before+2 {
			t.Errorf("%s: stored %d times", name, after-before)
		}
	}
}

func TestWhatCannotBeReadGoesOutAsItIs(t *testing.T) {
	for name, tpdu := range map[string][]byte{
		"cut short":   {0x04, 0x0B, 0x91},
		"too long":    append(deliver(t, villager, "alo", nil), make([]byte, 400)...),
		"one octet":   {0xFF},
		"reserved MT": {0x03, 0x00},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKiosk(t)
			defer k.run(func(context.Context, Message) error { return errors.New("not stored") })()
			k.receive(tpdu)
			k.expect(0, 1)
			s, ok := k.bodies()[0].(wire.Segment)
			if !ok || !bytes.HasPrefix(tpdu, s.TPDU) {
				t.Error("what went out is not what came in")
			}
		})
	}
}

func TestPanicOfTheHandlerLosesNothing(t *testing.T) { // invariant 8 too
	k := newKiosk(t)
	n := 0
	stop := k.run(func(ctx context.Context, m Message) error {
		if n++; n == 1 {
			panic(m.Text.Reveal())
		}
		return k.replace(ctx, m)
	})
	k.receive(deliver(t, villager, "canary-one", nil))
	k.receive(deliver(t, villager, "canary-two", nil))
	k.expect(0, 2)
	stop()
	b := k.bodies()
	_, first := b[0].(wire.Segment)
	_, second := b[1].(wire.Report)
	if !first || !second {
		t.Error("want the first as it came and the second as a report")
	}
	if s := k.log.String(); !strings.Contains(s, "panic") || strings.Contains(s, "canary") || strings.Contains(s, villager[3:]) {
		t.Errorf("log: %s", s)
	}
}

func TestFramesComeFromTheGatewayAlone(t *testing.T) {
	k := newKiosk(t)
	frame := func(from string, c *pdu.Concat) []byte {
		return encode(t, pdu.Deliver{From: address(t, from), Coding: pdu.Binary, Data: []byte{0x30, 1, 2, 3}, Concat: c})
	}
	if err := k.Receive(t.Context(), frame(gateway, nil)); err == nil {
		t.Error("a frame was acknowledged though nobody took it")
	}
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan string, 10)
	done := make(chan error)
	i := k.Inbox
	go func() {
		done <- i.Frames(ctx, func(_ context.Context, b []byte) error { got <- hex.EncodeToString(b); return nil })
	}()
	k.eventually("the link takes frames", func() bool { return k.Receive(t.Context(), frame(gateway, nil)) == nil })
	if s := <-got; s != "30010203" {
		t.Errorf("frame %s", s)
	}
	k.receive(frame("0987654321", nil)) // the same number as the network may write it
	<-got
	k.receive(frame(villager, nil))
	k.receive(frame("Viettel", nil))
	k.receive(frame(gateway, &pdu.Concat{Ref: 1, Total: 2, Seq: 1})) // no frame of ours has segments
	if len(got) > 0 {
		t.Error("a stranger's bytes went to the relay")
	}
	c, err := k.box.Counts(t.Context())
	if err != nil || c.Quarantined != 3 || c.Waiting != 0 {
		t.Errorf("%d in quarantine, %d waiting, %v", c.Quarantined, c.Waiting, err)
	}
	k.receive(deliver(t, gateway, "Xin chao", nil)) // words are a report, whoever writes them
	k.expect(1, 0)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestStatusReportsAreNobodysWords(t *testing.T) {
	k := newKiosk(t)
	b, err := pdu.EncodeStatusReport(pdu.StatusReport{MR: 3, To: address(t, villager)})
	if err != nil {
		t.Fatal(err)
	}
	k.receive(b)
	k.receive(nil)
	k.expect(0, 0)
}

func TestFloodGoesOutAsItIs(t *testing.T) {
	k := newKiosk(t)
	for range maxQueue {
		k.Inbox.queue = append(k.Inbox.queue, part{})
	}
	k.receive(deliver(t, villager, "one more", nil))
	k.expect(0, 1)
}

func TestDigestsAreForgottenOnlyWhenTheModemIsQuiet(t *testing.T) {
	k := newKiosk(t)
	tpdu := deliver(t, villager, "alo", nil)
	k.receive(tpdu)
	step := func() {
		t.Helper()
		if err := k.Inbox.forget(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	listing := false
	k.Inbox.o.Listing = func() bool { return listing }
	k.Inbox.heard = time.Now().Add(-2 * quietFor)
	step() // the modem is away: its slots may be full
	if !k.Inbox.digests {
		t.Fatal("forgotten while the modem is away")
	}
	listing = true
	step()
	if !k.Inbox.digests {
		t.Fatal("forgotten before the modem has listed for a while")
	}
	k.Inbox.heard = time.Now().Add(-2 * quietFor)
	step()
	if k.Inbox.digests {
		t.Fatal("kept for ever")
	}
	k.receive(tpdu) // the network delivers it late: known from memory
	k.expect(1, 0)
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte{0x04, 0x0B, 0x91})
	f.Add([]byte{})
	b := make([]byte, 170)
	_, _ = rand.Read(b)
	f.Add(b)
	k := newKiosk(f)
	f.Fuzz(func(t *testing.T, tpdu []byte) {
		before := append([]byte(nil), tpdu...)
		if err := k.Receive(t.Context(), tpdu); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, tpdu) {
			t.Fatal("the modem compares what it deletes with what it gave: Receive must not change it")
		}
		r := reader{inbox: k.Inbox, joiner: pdu.NewJoiner(4), handle: func(context.Context, Message) error { return errors.New("no") }}
		for p, ok := k.next(); ok; p, ok = k.next() {
			if err := r.read(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
	})
}
