package intake_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
)

const d1, d2 = "d000001", "d000002"

func TestReportBecomesACaseAndAnAck(t *testing.T) {
	r := newRig(t)
	s := r.seal(1, draft("Cháu bị đánh ở nhà bà."))
	r.mqtt(d1, s.Envelope)
	r.drain()
	c, content := r.one()
	if c.Device != d1 || c.Place != "Trường Bản Qua" || c.Link != "mqtt" || c.Category != "V1" || c.Urgency != report.U2 ||
		c.Facts.Province != province || c.Facts.Commune != commune || c.Facts.Alleged != report.AllegedNeighbour || !c.Opened.Equal(noon) {
		t.Errorf("the case is %+v", c)
	}
	if got := content[0].Draft.Text.Reveal(); got != "Cháu bị đánh ở nhà bà." || content[0].Partial {
		t.Errorf("an officer reads %q", got)
	}
	acks := r.acked("mqtt", d1)
	if len(acks) != 1 || acks[0].Hash() != s.AckHash {
		t.Errorf("%d acks, or not the one that the device waits for", len(acks))
	}
	if r.arrivals() != 0 {
		t.Error("the arrival is still there")
	}
}

// Invariant 5: when Receive has returned nil, the arrival outlives the process; and nothing of it was parsed yet.
func TestReceiveStoresBeforeItReturns(t *testing.T) {
	r := newRig(t)
	s := r.seal(1, draft("a"))
	r.mqtt(d1, s.Envelope)
	r.sms(tpdus(t, villager, "giup chau voi", noon, 1)...)
	r.mqtt(d1, bytes.Repeat([]byte{7}, 100_000)) // hostile in size
	r.restart()
	if n := r.arrivals(); n != 3 {
		t.Fatalf("%d arrivals outlived the process", n)
	}
	raws, err := r.store.Arrivals(t.Context(), 0, 9)
	must(t, err)
	if bytes.Contains(raws[1].Bytes, []byte("giup")) || len(raws[2].Bytes) > wire.MaxEnvelope+1 {
		t.Error("an SMS lies in clear, or a huge arrival was stored whole")
	}
	r.drain()
	if n := len(r.cases()); n != 2 {
		t.Errorf("%d cases", n)
	}
}

type failing struct {
	intake.Store
	put, update error
}

func (f *failing) Put(ctx context.Context, raws []intake.Raw) error {
	if f.put != nil {
		return f.put
	}
	return f.Store.Put(ctx, raws)
}

// Update fails after the work was done: the outcome that looks most like success.
func (f *failing) Update(ctx context.Context, g func(intake.Tx) error) error {
	return f.Store.Update(ctx, func(tx intake.Tx) error {
		if err := g(tx); err != nil {
			return err
		}
		return f.update
	})
}

var errDisk = errors.New("disk is full")

func TestReceiveFailsWhenTheStoreDoes(t *testing.T) {
	r := newRig(t)
	f := &failing{put: errDisk}
	r.wrap = func(s intake.Store) intake.Store { f.Store = s; return f }
	r.restart()
	err := r.in.Receive(t.Context(), intake.Arrival{Link: intake.LinkMQTT, From: d1, Raw: report.Words("x")})
	if !errors.Is(err, errDisk) {
		t.Fatalf("Receive returned %v: the carrier would forget what is not stored", err)
	}
}

func TestNoAckBeforeTheCommit(t *testing.T) {
	r := newRig(t)
	f := &failing{update: errDisk}
	r.wrap = func(s intake.Store) intake.Store { f.Store = s; return f }
	r.restart()
	s := r.seal(1, draft("a"))
	r.mqtt(d1, s.Envelope)
	if err := r.in.Drain(t.Context()); !errors.Is(err, errDisk) {
		t.Fatalf("Drain returned %v", err)
	}
	if len(r.acks) != 0 {
		t.Fatal("an ack left for a report that is not recorded: the device erases it")
	}
	f.update = nil
	r.restart() // crash-only: the next start takes it up
	r.drain()
	if r.one(); len(r.acked("mqtt", d1)) != 1 {
		t.Error("after the restart there is no ack")
	}
}

// Invariant 6: any number of deliveries by any link, in one batch or over restarts, make one case and the same ack.
func TestDuplicatesMakeOneCaseAndTheSameAck(t *testing.T) {
	r := newRig(t)
	s := r.seal(1, draft("a"))
	deliver := func() {
		r.mqtt(d1, s.Envelope)
		r.mqtt(d1, s.Envelope)
		r.drain()
	}
	deliver()
	deliver()
	r.restart()
	deliver()
	for ref := range uint16(3) {
		r.sms(binary(t, kiosk1, s.Envelope, noon.Add(time.Duration(ref)*time.Second), ref)...)
		r.drain()
	}
	before, _ := r.one()
	if before.Version != 1 || before.Reports != 1 {
		t.Errorf("a copy changed the case: %+v", before)
	}
	acks := append(r.acked("mqtt", d1), r.acked("sms", d1)...)
	if len(acks) < 6 {
		t.Errorf("%d acks: copies were not acked again", len(acks))
	}
	for _, a := range acks {
		if a.Hash() != s.AckHash {
			t.Error("a copy got another ack")
		}
	}
	if got, want := r.counts(), map[string]int64{"mqtt duplicate": 5, "sms duplicate": 3}; !maps.Equal(got, want) {
		t.Errorf("counters %v, want %v", got, want)
	}
}

func TestHostileFramesChangeNothingButACounter(t *testing.T) {
	r := newRig(t)
	good := r.seal(1, draft("một"))
	r.mqtt(d1, good.Envelope)
	r.drain()
	before, _ := r.one()
	acked := len(r.acks)

	other, err := seal.NewIdentity(0)
	must(t, err)
	foreign, err := seal.NewSealer(other.Recipient(), r.psks[1]).Seal(draft("x"))
	must(t, err)
	stranger, err := seal.NewPSK(1, 0)
	must(t, err)
	stolen, err := seal.NewSealer(r.id.Recipient(), stranger).Seal(draft("x"))
	must(t, err)
	unknown, err := seal.NewPSK(99, 0)
	must(t, err)
	nobody, err := seal.NewSealer(r.id.Recipient(), unknown).Seal(draft("x"))
	must(t, err)
	later, err := seal.NewPSK(1, 1)
	must(t, err)
	epoch, err := seal.NewSealer(r.id.Recipient(), later).Seal(draft("x"))
	must(t, err)
	fresh := func() []byte { return slices.Clone(r.seal(1, draft("hai")).Envelope) }
	flip := func(i int) []byte { e := fresh(); e[i] ^= 1; return e }
	random := make([]byte, 140)
	for i := range random {
		random[i] = byte(rand.N(256))
	}
	random[0] = 0xff
	// An envelope of another length than any has.
	cut := func(n int) []byte { return fresh()[:n] }

	newer := fresh()
	newer[0] += 1 << 5
	for _, c := range []struct {
		name, from, reason string
		raw                []byte
	}{
		{"empty", d1, intake.ReasonMalformed, nil},
		{"random", d1, intake.ReasonMalformed, random},
		{"an ack", d1, intake.ReasonMalformed, wire.Ack{Tokens: []wire.Token{{1}}}.Append(nil)},
		{"another version", d1, intake.ReasonMalformed, newer},
		{"cut by one", d1, intake.ReasonTruncated, cut(len(fresh()) - 1)},
		{"cut to the header", d1, intake.ReasonTruncated, cut(4)},
		{"too long", d1, intake.ReasonTruncated, append(fresh(), make([]byte, wire.MaxEnvelope)...)},
		{"flipped key", d1, intake.ReasonForged, flip(10)},
		{"flipped body", d1, intake.ReasonForged, flip(60)},
		{"flipped tag", d1, intake.ReasonForged, flip(len(fresh()) - 1)},
		{"flipped epoch", d1, intake.ReasonUnknownKey, flip(3)},
		{"sealed to another gateway", d1, intake.ReasonForged, foreign.Envelope},
		{"another key of the device", d1, intake.ReasonForged, stolen.Envelope},
		{"a key of a later epoch", d1, intake.ReasonUnknownKey, epoch.Envelope},
		{"a device that is not enrolled", "d000099", intake.ReasonUnknown, nobody.Envelope},
		{"brought by another device", d2, intake.ReasonWrongDevice, fresh()},
		{"replayed by another device", d2, intake.ReasonWrongDevice, good.Envelope},
		{"a name that is no device's", "", intake.ReasonWrongDevice, fresh()},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := r.counts()
			r.mqtt(c.from, c.raw)
			r.drain()
			now := r.counts()
			was["mqtt "+c.reason]++
			if !maps.Equal(now, was) {
				t.Errorf("counters %v, want %v", now, was)
			}
		})
	}
	t.Run("replayed by a stranger's SMS", func(t *testing.T) {
		r.sms(binary(t, villager, good.Envelope, noon, 1)...)
		r.drain()
		if n := r.counts()["sms replayed"]; n != 1 {
			t.Errorf("counters %v", r.counts())
		}
	})
	t.Run("random 8-bit SMS", func(t *testing.T) {
		r.sms(binary(t, villager, random, noon, 2)...)
		r.sms(binary(t, kiosk1, flip(50), noon, 3)...)
		r.sms([]byte{0}, nil, []byte{0x44, 0xff, 0xff})
		r.drain()
		if c := r.counts(); c["sms malformed"] != 4 || c["sms forged"] != 1 {
			t.Errorf("counters %v", c)
		}
	})
	after, _ := r.one()
	if after != before || len(r.acks) != acked || r.arrivals() != 0 || len(r.answers) != 0 {
		t.Error("hostile frames changed a case, were acked or answered, or are still there")
	}
	kept, err := r.store.Quarantined(t.Context())
	must(t, err)
	if len(kept) != 24 {
		t.Errorf("%d frames are kept for inspection", len(kept))
	}
}

func TestAcksForOneDeviceShareAFrame(t *testing.T) {
	r := newRig(t)
	want := map[wire.TokenHash]bool{}
	for i := range 20 {
		s := r.seal(1, draft(fmt.Sprint(i)))
		want[s.AckHash] = true
		r.mqtt(d1, s.Envelope)
	}
	r.mqtt(d2, r.seal(2, draft("x")).Envelope)
	r.drain()
	frames := 0
	for _, a := range r.acks {
		if a.to.Device == d1 {
			frames++
		}
	}
	for _, token := range r.acked("mqtt", d1) {
		delete(want, token.Hash())
	}
	if len(want) != 0 || frames != 3 || len(r.acked("mqtt", d2)) != 1 {
		t.Errorf("%d frames, %d envelopes without an ack", frames, len(want))
	}
}

func TestUrgencyIsOnlyRaised(t *testing.T) {
	for _, c := range []struct{ says, want report.Urgency }{{report.U4, report.U2}, {report.U2, report.U2}, {report.U0, report.U0}} {
		r := newRig(t)
		d := draft("a")
		d.Urgency = c.says
		r.mqtt(d1, r.seal(1, d).Envelope)
		r.drain()
		if got, _ := r.one(); got.Urgency != c.want {
			t.Errorf("the kiosk says %v: the case has %v, want %v", c.says, got.Urgency, c.want)
		}
	}
}

// A place elsewhere may be in any province: only the centre sees it until somebody knows.
func TestPlaceElsewhereIsTheCentres(t *testing.T) {
	r := newRig(t)
	d := draft("a")
	d.Draft.Place.Commune = 11111
	r.mqtt(d1, r.seal(1, d).Envelope)
	d.Draft.Place.Commune = 0
	r.mqtt(d1, r.seal(1, d).Envelope)
	r.drain()
	cs := r.cases()
	if f := cs[0].Facts; f.Commune != 11111 || f.Province != 0 {
		t.Errorf("elsewhere: %+v", f)
	}
	if f := cs[1].Facts; f.Commune != commune || f.Province != province {
		t.Errorf("no place: %+v", f)
	}
}

func TestManyReceiversAreGathered(t *testing.T) {
	r := newRig(t)
	puts := &countingPuts{}
	r.wrap = func(s intake.Store) intake.Store { puts.Store = s; return puts }
	r.restart()
	const n = 500
	var wg sync.WaitGroup
	var envs []wire.Envelope
	for i := range n {
		envs = append(envs, r.seal(1, draft(fmt.Sprint(i))).Envelope)
	}
	for _, e := range envs {
		wg.Go(func() { r.mqtt(d1, e) })
	}
	wg.Wait()
	if got := r.arrivals(); got != n {
		t.Fatalf("%d of %d arrivals are stored", got, n)
	}
	if puts.n >= n {
		t.Errorf("%d transactions for %d arrivals", puts.n, n)
	}
	r.drain()
	if got := len(r.cases()); got != n {
		t.Errorf("%d cases", got)
	}
}

type countingPuts struct {
	intake.Store
	n int // written by one group at a time
}

func (c *countingPuts) Put(ctx context.Context, raws []intake.Raw) error {
	c.n++
	return c.Store.Put(ctx, raws)
}

func TestRunServesAndStops(t *testing.T) {
	r := newRig(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.in.Run(ctx) }()
	r.mqtt(d1, r.seal(1, draft("a")).Envelope)
	r.sms(tpdus(t, villager, "giup chau voi", noon, 1)...)
	until(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.acks) == 1 && len(r.answers) == 1 })
	stop()
	if err := <-done; err != nil {
		t.Errorf("Run ended with %v", err)
	}
}

func until(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to pass")
		}
	}
}

// Invariant 8, and the words' rest: neither logs at debug nor the database's files hold words or numbers in clear.
func TestCanaryIsNowhereInClear(t *testing.T) {
	r := newRig(t)
	const word = "Chim hoàng yến bay qua Bản Qua"
	d := draft(word)
	d.Draft.Contact = report.Words(word)
	r.mqtt(d1, r.seal(1, d).Envelope)
	long := strings.Repeat(word+". ", 12)
	parts := tpdus(t, villager, long, noon, 9)
	r.sms(parts...)
	r.sms(tpdus(t, villager, "canary in 7 bits", noon, 10)...)
	r.sms(tpdus(t, villager, long, noon, 11)[1]) // waits
	for _, p := range parts[:2] {
		r.mqtt(d2, r.seal(2, wire.Segment{TPDU: p, Time: report.NewBucket(noon, true)}).Envelope)
	}
	r.sms(binary(t, villager, []byte(word), noon, 12)...) // refused, kept for inspection
	r.drain()
	r.pass(2 * time.Hour)
	r.sweep()
	if n := len(r.cases()); n != 5 {
		t.Errorf("%d cases", n)
	}
	files := map[string][]byte{"log": r.logs.Bytes()}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		b, err := os.ReadFile(r.path + suffix)
		must(t, err)
		files["database"+suffix] = b
	}
	// How a word or a number may lie in bytes: UTF-8, UTF-16, packed septets, swapped semi-octets.
	tp := tpdus(t, villager, "canary in 7 bits", noon, 10)[0]
	psk := r.psks[1].Key
	needles := map[string][]byte{
		"words": []byte("hoàng yến"), "number": []byte("912345678"), "kiosk's number": []byte("900000001"),
		"packed words": tp[len(tp)-10:], "semi-octets": {0x48, 0x19, 0x32, 0x54, 0x76}, "UTF-16 words": utf16("hoàng yến"),
		"key": psk[:],
	}
	for file, b := range files {
		for what, needle := range needles {
			if i := bytes.Index(b, needle); i >= 0 {
				t.Errorf("%s in clear in the %s at %d", what, file, i)
			}
		}
	}
	if !bytes.Contains(parts[0], needles["semi-octets"]) || !bytes.Contains(parts[0], needles["UTF-16 words"]) {
		t.Error("the needles are not what lies in an SMS: this test would see nothing")
	}
	if i := bytes.Index(r.logs.Bytes(), []byte("malformed")); i < 0 {
		t.Error("the log says nothing of a refused frame: this test looks at the wrong log")
	}
}

func utf16(s string) (out []byte) {
	for _, r := range s {
		out = append(out, byte(r>>8), byte(r))
	}
	return out
}
