package intake_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
)

// poison is a store that records everything but some parts, as a fault of ours would have it.
type poison struct {
	intake.Store
	bad func(intake.Part) bool
}

func (p *poison) Update(ctx context.Context, f func(intake.Tx) error) error {
	return p.Store.Update(ctx, func(tx intake.Tx) error { return f(poisonTx{tx, p.bad}) })
}

type poisonTx struct {
	intake.Tx
	bad func(intake.Part) bool
}

var errOurs = errors.New("a fault of ours")

func (p poisonTx) Add(ctx context.Context, part intake.Part) (bool, error) {
	if p.bad(part) {
		return false, errOurs
	}
	return p.Tx.Add(ctx, part)
}

func (p poisonTx) Assign(ctx context.Context, ids []wire.ID, report, message wire.ID) error {
	for _, id := range ids {
		if p.bad(intake.Part{ID: id}) {
			return errOurs
		}
	}
	return p.Tx.Assign(ctx, ids, report, message)
}

// One arrival that can't be worked off stops no other, is not acked and is not lost (invariant 5).
func TestPoisonArrivalStopsNoOtherAndIsKept(t *testing.T) {
	r := newRig(t)
	bad := r.seal(1, draft("xấu"))
	badSMS := noon.Add(3 * time.Minute)
	p := &poison{bad: func(q intake.Part) bool {
		return q.ID == bad.Envelope.ID() || q.Device == intake.NoDevice && q.Received.Equal(badSMS)
	}}
	r.wrap = func(s intake.Store) intake.Store { p.Store = s; return p }
	r.restart()

	waits := tpdus(t, villager, long, noon, 7)
	r.sms(waits[0], waits[1])
	r.mqtt(d1, r.seal(1, draft("một")).Envelope)
	r.mqtt(d1, bad.Envelope)
	r.pass(3 * time.Minute)
	r.sms(tpdus(t, villager, "tin xau", noon, 1)...)
	r.pass(time.Minute)
	r.mqtt(d2, r.seal(2, draft("hai")).Envelope)
	r.sms(waits[2]) // its message is whole with segments that came before the poison
	r.drain()
	if n := len(r.cases()); n != 3 {
		t.Fatalf("%d cases, want the three good ones", n)
	}
	if a1, a2 := len(r.acked("mqtt", d1)), len(r.acked("mqtt", d2)); a1 != 1 || a2 != 1 {
		t.Errorf("%d and %d acks, want one each", a1, a2)
	}
	if c := r.counts(); c["mqtt failed"] != 1 || c["sms failed"] != 1 {
		t.Errorf("counters %v", c)
	}
	if r.arrivals() != 1 {
		t.Errorf("%d arrivals are kept, want the SMS", r.arrivals())
	}
	if n := strings.Count(r.logs.String(), "set apart"); n != 2 {
		t.Errorf("the log says it %d times", n)
	}
	// A better program takes the SMS up at its start, and the device brings its envelope again.
	p.bad = func(intake.Part) bool { return false }
	r.restart()
	r.mqtt(d1, bad.Envelope)
	r.drain()
	if n := len(r.cases()); n != 5 || len(r.acked("mqtt", d1)) != 2 || r.arrivals() != 0 {
		t.Errorf("%d cases, %d acks, %d arrivals left", n, len(r.acked("mqtt", d1)), r.arrivals())
	}
}

func TestPoisonSegmentsStopNoOtherAndAreKept(t *testing.T) {
	r := newRig(t)
	direct, relayed := tpdus(t, villager, long, noon, 7), r.seal(1, seg(tpdus(t, villager, long, noon, 8)[0]))
	armed := false
	p := &poison{bad: func(q intake.Part) bool {
		return armed && (q.ID == relayed.Envelope.ID() || q.Device == intake.NoDevice && q.Received.Equal(noon))
	}}
	r.wrap = func(s intake.Store) intake.Store { p.Store = s; return p }
	r.restart()
	r.sms(direct[0])
	r.mqtt(d1, relayed.Envelope)
	r.pass(time.Second)
	r.sms(tpdus(t, "0987654321", long, noon, 7)[0])
	r.mqtt(d2, r.seal(2, seg(direct[1])).Envelope)
	r.drain()
	armed = true
	r.pass(2 * time.Hour)
	for range 2 {
		r.sweep()
		if n := len(r.cases()); n != 2 {
			t.Fatalf("%d cases, want the two good ones", n)
		}
	}
	if c := r.counts(); c["mqtt failed"] != 1 || c["sms failed"] != 1 {
		t.Errorf("counters %v", c)
	}
	armed = false
	r.restart()
	r.drain()
	r.sweep()
	if n := len(r.cases()); n != 4 || r.arrivals() != 0 {
		t.Errorf("after a start without the fault: %d cases, %d arrivals", n, r.arrivals())
	}
}

// flaky is a store that can't be used while away is set.
type flaky struct {
	intake.Store
	away  atomic.Bool
	tries atomic.Int64
}

func (f *flaky) Update(ctx context.Context, g func(intake.Tx) error) error {
	if f.away.Load() {
		f.tries.Add(1)
		return fmt.Errorf("the disk is full: make room: %w", intake.ErrUnavailable)
	}
	return f.Store.Update(ctx, g)
}

func TestUnavailableStoreIsWaitedFor(t *testing.T) {
	r := newRig(t)
	f := &flaky{}
	f.away.Store(true)
	r.wrap = func(s intake.Store) intake.Store { f.Store = s; return f }
	r.restart()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.in.Run(ctx); err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
	s := r.seal(1, draft("a"))
	r.mqtt(d1, s.Envelope)
	r.sms(tpdus(t, villager, "giup chau voi", noon, 1)...)
	until(t, func() bool { return f.tries.Load() > 5 })
	if len(r.acked("mqtt", d1)) != 0 || len(r.cases()) != 0 {
		t.Error("something was acked or opened before the commit (invariant 5)")
	}
	f.away.Store(false)
	until(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.acks) == 1 && len(r.answers) == 1
	})
	stop()
	wg.Wait()
	if n := len(r.cases()); n != 2 || r.arrivals() != 0 {
		t.Errorf("%d cases, %d arrivals left", n, r.arrivals())
	}
	for _, once := range []string{"the disk is full: make room", "takes reports again"} {
		if n := strings.Count(r.logs.String(), once); n != 1 {
			t.Errorf("the log says %q %d times", once, n)
		}
	}
}
