package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/triage"
)

func raw(link, from, bytes string) intake.Raw {
	return intake.Raw{Link: link, From: from, Received: noon, Bytes: []byte(bytes)}
}

func update(t *testing.T, s Store, f func(intake.Tx) error) {
	t.Helper()
	must(t, s.Update(t.Context(), f))
}

func arrivalsKeepOrder(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	must(t, s.Put(ctx, []intake.Raw{raw("mqtt", "d000001", "a"), raw("sms", "", "b")}))
	must(t, s.Put(ctx, []intake.Raw{raw("mqtt", "d000002", "")}))
	got := ok(s.Arrivals(ctx, 0, 10))(t)
	if len(got) != 3 || string(got[0].Bytes) != "a" || string(got[1].Bytes) != "b" || len(got[2].Bytes) != 0 {
		t.Fatalf("arrivals out of order or changed: %+v", got)
	}
	if !got[0].Received.Equal(noon) || got[0].From != "d000001" || got[0].Link != "mqtt" || got[2].From != "d000002" {
		t.Fatalf("an arrival lost a field: %+v", got)
	}
	if got := ok(s.Arrivals(ctx, got[0].ID, 1))(t); len(got) != 1 || string(got[0].Bytes) != "b" {
		t.Fatalf("after and limit are not kept: %+v", got)
	}
}

func arrivalIDs(t *testing.T, open Opener) {
	ctx, s := t.Context(), open()
	must(t, s.Put(ctx, []intake.Raw{raw("mqtt", "", "a")}))
	first := ok(s.Arrivals(ctx, 0, 1))(t)[0].ID
	update(t, s, func(tx intake.Tx) error { return tx.Done(ctx, []int64{first, 999}) })
	if left := ok(s.Arrivals(ctx, 0, 9))(t); len(left) != 0 {
		t.Fatalf("%d arrivals are left", len(left))
	}
	must(t, s.Close())
	s = opened(t, open)
	must(t, s.Put(ctx, []intake.Raw{raw("mqtt", "", "b")}))
	if second := ok(s.Arrivals(ctx, 0, 1))(t)[0].ID; second <= first {
		t.Fatalf("ID %d came after %d: an arrival would be passed over", second, first)
	}
}

func part(n byte) intake.Part {
	return intake.Part{ID: id(n), Link: "mqtt", Device: 7, Token: wire.Token{n}, Received: noon, Body: []byte{n}}
}

var errStop = errors.New("stop")

func updateIsAtomic(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	must(t, s.Put(ctx, []intake.Raw{raw("mqtt", "", "a")}))
	a := ok(s.Arrivals(ctx, 0, 1))(t)[0].ID
	err := s.Update(ctx, func(tx intake.Tx) error {
		if _, err := tx.Add(ctx, part(1)); err != nil {
			return err
		}
		if _, _, err := tx.Open(ctx, aCase(), aReport(id(1).String()), anEvent()); err != nil {
			return err
		}
		if err := errors.Join(tx.Done(ctx, []int64{a}), tx.Count(ctx, "mqtt", "forged", 1, noon),
			tx.Owe(ctx, intake.Answer{Due: noon})); err != nil {
			return err
		}
		return errStop
	})
	if !errors.Is(err, errStop) {
		t.Fatalf("Update returned %v", err)
	}
	known := ok(s.Known(ctx, []wire.ID{id(1)}))(t)
	left := ok(s.Arrivals(ctx, 0, 9))(t)
	cases := ok(s.Cases(ctx, false, 0))(t)
	owed := ok(s.Answers(ctx, 9))(t)
	if len(known) != 0 || len(left) != 1 || len(cases) != 0 || len(owed) != 0 {
		t.Fatalf("a failed update left %d parts, %d arrivals, %d cases, %d answers behind", len(known), len(left), len(cases), len(owed))
	}
	// The number that the failed update took is not lost: there are no gaps.
	number, _, err := s.Open(ctx, aCase(), aReport("e1"), anEvent())
	if must(t, err); number != triage.Number(2026, 1) {
		t.Fatalf("the first case is %s", number)
	}
}

func updateIsDurable(t *testing.T, open Opener) {
	ctx, s := t.Context(), open()
	update(t, s, func(tx intake.Tx) error { _, err := tx.Add(ctx, part(1)); return err })
	must(t, s.Close())
	s = opened(t, open)
	if known := ok(s.Known(ctx, []wire.ID{id(1)}))(t); len(known) != 1 {
		t.Fatal("a committed part is gone")
	}
}

func partsAreKnown(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	p := part(1)
	p.Mark, p.Group, p.Report, p.Message = id(11), id(12), id(1), id(13)
	second := part(2)
	second.Mark = p.Mark // another envelope with the same SMS
	update(t, s, func(tx intake.Tx) error {
		for _, c := range []struct {
			p     intake.Part
			fresh bool
		}{{p, true}, {p, false}, {second, true}} {
			if fresh, err := tx.Add(ctx, c.p); err != nil || fresh != c.fresh {
				t.Errorf("Add: fresh %v, want %v (%v)", fresh, c.fresh, err)
			}
		}
		return nil
	})
	known := ok(s.Known(ctx, []wire.ID{id(1), id(11), id(2), id(3)}))(t)
	if len(known) != 3 || known[id(11)].ID != id(1) || known[id(2)].ID != id(2) {
		t.Fatalf("known: %d parts", len(known))
	}
	got := known[id(1)]
	if got.Link != p.Link || got.Device != p.Device || got.Token != p.Token || !got.Received.Equal(p.Received) ||
		string(got.Body) != string(p.Body) || got.Mark != p.Mark || got.Group != p.Group || got.Report != p.Report || got.Message != p.Message {
		t.Fatalf("a part lost a field")
	}
	if other := known[id(2)]; other.Mark != (wire.ID{}) {
		t.Fatal("a mark was stored twice")
	}
}

func ids(ps []intake.Part) (out []wire.ID) {
	for _, p := range ps {
		out = append(out, p.ID)
	}
	return out
}

func partsOfReport(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	add := func(n, report byte) {
		p := part(n)
		p.Report, p.Message = id(report), id(1)
		update(t, s, func(tx intake.Tx) error { _, err := tx.Add(ctx, p); return err })
	}
	add(1, 1)
	add(2, 1)
	add(3, 3) // came late, by a report of its own
	add(4, 4)
	for _, c := range []struct {
		report byte
		want   []wire.ID
	}{{1, []wire.ID{id(1), id(2)}}, {3, []wire.ID{id(1), id(2), id(3)}}, {4, []wire.ID{id(1), id(2), id(3), id(4)}}, {9, nil}} {
		if got := ids(ok(s.Parts(ctx, id(c.report)))(t)); !slices.Equal(got, c.want) {
			t.Errorf("report %d shows %v, want %v", c.report, got, c.want)
		}
	}
}

func groups(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	old, now, other := part(1), part(2), part(3)
	old.Group, now.Group, other.Group = id(9), id(9), id(8)
	old.Received = noon.Add(-time.Hour)
	now.Report, now.Message = id(2), id(2)
	update(t, s, func(tx intake.Tx) error {
		for _, p := range []intake.Part{old, now, other} {
			if _, err := tx.Add(ctx, p); err != nil {
				return err
			}
		}
		return nil
	})
	if got := ids(ok(s.Group(ctx, id(9), noon.Add(-2*time.Hour)))(t)); !slices.Equal(got, []wire.ID{id(1), id(2)}) {
		t.Errorf("group: %v", got)
	}
	if got := ids(ok(s.Group(ctx, id(9), noon.Add(-time.Minute)))(t)); !slices.Equal(got, []wire.ID{id(2)}) {
		t.Errorf("group since: %v", got)
	}
	if got := ids(ok(s.Group(ctx, wire.ID{}, noon.Add(time.Hour)))(t)); !slices.Equal(got, []wire.ID{id(1), id(3)}) {
		t.Errorf("waiting parts: %v", got)
	}
}

func assign(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	taken := part(2)
	taken.Report, taken.Message = id(2), id(2)
	update(t, s, func(tx intake.Tx) error {
		for _, p := range []intake.Part{part(1), taken} {
			if _, err := tx.Add(ctx, p); err != nil {
				return err
			}
		}
		return tx.Assign(ctx, []wire.ID{id(1), id(2), id(5)}, id(1), id(1))
	})
	known := ok(s.Known(ctx, []wire.ID{id(1), id(2)}))(t)
	if known[id(1)].Report != id(1) || known[id(1)].Message != id(1) || known[id(2)].Report != id(2) {
		t.Fatal("Assign did not take the waiting part alone")
	}
}

func enrolment(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	if _, err := s.Device(ctx, 1); !errors.Is(err, intake.ErrNoDevice) {
		t.Fatalf("an unknown device gives %v", err)
	}
	want := intake.Device{Place: "Trường", Province: 79, Commune: 26734, PSKEpoch: 3, PSK: []byte("k"), MSISDN: []byte("n")}
	got := make(chan uint32, 8)
	for range cap(got) {
		go func() {
			d, err := s.Enrol(ctx, noon, func(index uint32) (intake.Device, error) {
				d := want
				d.Index = index
				return d, nil
			})
			if err != nil {
				t.Error(err)
			}
			got <- d.Index
		}()
	}
	seen := map[uint32]bool{}
	for range cap(got) {
		seen[<-got] = true
	}
	if len(seen) != cap(got) || !seen[1] || !seen[uint32(cap(got))] {
		t.Fatalf("eight enrolments gave the indexes %v", seen)
	}
	if _, err := s.Enrol(ctx, noon, func(uint32) (intake.Device, error) { return want, errStop }); !errors.Is(err, errStop) {
		t.Fatalf("a failed enrolment gives %v", err)
	}
	if _, err := s.Device(ctx, uint32(cap(got))+1); !errors.Is(err, intake.ErrNoDevice) {
		t.Fatal("a failed enrolment left a device behind")
	}
	d := ok(s.Device(ctx, 3))(t)
	if d.Index != 3 || d.Place != want.Place || d.Province != 79 || d.Commune != 26734 || d.PSKEpoch != 3 || string(d.PSK) != "k" || string(d.MSISDN) != "n" {
		t.Fatalf("a device lost a field: %+v", d)
	}
}

// counted is what an engine offers to look at counters and at the quarantine.
type counted interface {
	CounterValues(ctx context.Context) (map[[2]string]int64, error)
	QuarantineLen(ctx context.Context) (int, error)
}

func counters(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	update(t, s, func(tx intake.Tx) error {
		err := errors.Join(tx.Count(ctx, "sms", "forged", 2, noon), tx.Count(ctx, "sms", "forged", 3, noon.Add(-time.Hour)),
			tx.Count(ctx, "mqtt", "forged", 1, noon))
		for range 7 {
			err = errors.Join(err, tx.Quarantine(ctx, intake.Quarantined{Link: "sms", Reason: "forged", Received: noon, Sealed: []byte("x")}, 5))
		}
		return err
	})
	c, can := s.(counted)
	if !can {
		t.Skip("this engine shows no counters to the suite")
	}
	got := ok(c.CounterValues(ctx))(t)
	if len(got) != 2 || got[[2]string{"sms", "forged"}] != 5 || got[[2]string{"mqtt", "forged"}] != 1 {
		t.Errorf("counters: %v", got)
	}
	if n := ok(c.QuarantineLen(ctx))(t); n != 5 {
		t.Errorf("%d frames are kept, want 5", n)
	}
}

func answers(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	update(t, s, func(tx intake.Tx) error {
		return errors.Join(tx.Owe(ctx, intake.Answer{Due: noon, Sealed: []byte("a")}), tx.Owe(ctx, intake.Answer{Due: noon, Sealed: []byte("b")}))
	})
	got := ok(s.Answers(ctx, 1))(t)
	if len(got) != 1 || string(got[0].Sealed) != "a" || !got[0].Due.Equal(noon) {
		t.Fatalf("the oldest answer is %+v", got)
	}
	update(t, s, func(tx intake.Tx) error { return tx.Paid(ctx, got[0].ID) })
	if got := ok(s.Answers(ctx, 9))(t); len(got) != 1 || string(got[0].Sealed) != "b" {
		t.Fatalf("after the first was paid: %+v", got)
	}
}
