package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/routing"
	"github.com/langnghe/langnghe/gateway/triage"
)

var facts = routing.Facts{Province: 79, Commune: 26734, Alleged: report.AllegedNeighbour, Environment: report.EnvironmentSchool, Restricted: true}

func aCase() triage.Case {
	return triage.Case{
		Status: triage.New, Urgency: report.U1, Category: "V1", Door: report.DoorScreen, Link: "mqtt", Device: "d000007",
		Place: "Trường", Reports: 1, Opened: noon, Since: noon.Add(time.Minute), Breach: noon.Add(time.Hour),
		ReadAt: noon.Add(2 * time.Hour), ReadBy: "hoa", Holder: "lan", Facts: facts,
	}
}

func aReport(envelope string) triage.Report {
	return triage.Report{
		Envelope: envelope, Received: noon, When: report.Bucket{HalfDay: 77, Trusted: true}, Link: "sms", Device: "d000007",
		Place: "Trường", Door: report.DoorSMS, Urgency: report.U2, Categories: []report.Category{"V1", "S1"}, Facts: facts,
	}
}

func anEvent() triage.Event {
	return triage.Event{At: noon, Officer: triage.System, Action: triage.ActionOpened, Subject: "e", From: "a", To: "N", Note: []byte{1, 0, 2}}
}

func open1(t *testing.T, s Store, envelope string) string {
	t.Helper()
	number, fresh, err := s.Open(t.Context(), aCase(), aReport(envelope), anEvent())
	if must(t, err); !fresh {
		t.Fatalf("%s is not fresh", envelope)
	}
	return number
}

func numbers(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	for i := range 3 {
		if got, want := open1(t, s, fmt.Sprint("e", i)), triage.Number(2026, int64(i+1)); got != want {
			t.Fatalf("case %s, want %s", got, want)
		}
	}
	// The year is that of Viet Nam's clock: here it is 2027 already.
	c := aCase()
	c.Opened = time.Date(2026, 12, 31, 18, 0, 0, 0, time.UTC)
	number, _, err := s.Open(ctx, c, aReport("e9"), anEvent())
	if must(t, err); number != triage.Number(2027, 1) {
		t.Fatalf("case %s, want the first of 2027", number)
	}
}

func openRepeats(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	number := open1(t, s, "e1")
	for range 3 {
		again, fresh, err := s.Open(ctx, aCase(), aReport("e1"), anEvent())
		if must(t, err); fresh || again != number {
			t.Fatalf("a repeat gives %s, fresh %v", again, fresh)
		}
	}
	if n := len(ok(s.Cases(ctx, false, 0))(t)); n != 1 {
		t.Fatalf("%d cases", n)
	}
	if n := len(ok(s.Events(ctx, 0, 99))(t)); n != 1 {
		t.Fatalf("%d events", n)
	}
	if next := open1(t, s, "e2"); next != triage.Number(2026, 2) {
		t.Fatalf("a repeat took a number: next is %s", next)
	}
}

// same compares two values whose times may differ in their zone.
func same(a, b any) bool {
	return reflect.DeepEqual(plain(reflect.ValueOf(a)), plain(reflect.ValueOf(b)))
}

func plain(v reflect.Value) any {
	if t, isTime := v.Interface().(time.Time); isTime {
		if t.IsZero() {
			return "zero"
		}
		return t.UnixMilli()
	}
	if v.Kind() != reflect.Struct {
		return v.Interface()
	}
	var out []any
	for i := range v.NumField() {
		out = append(out, plain(v.Field(i)))
	}
	return out
}

func caseFields(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	c, r := aCase(), aReport("e1")
	for _, v := range []any{c, r} {
		for i := range reflect.TypeOf(v).NumField() {
			// Number, Version and Case are the store's to give. A new field must be in the suite, else it is not stored.
			if n := reflect.TypeOf(v).Field(i).Name; reflect.ValueOf(v).Field(i).IsZero() && n != "Number" && n != "Version" && n != "Case" {
				t.Errorf("%T.%s is not tested", v, n)
			}
		}
	}
	number := open1(t, s, "e1")
	got, reports, err := s.Case(ctx, number)
	must(t, err)
	c.Number, c.Version, r.Case = number, 1, number
	if !same(got, c) {
		t.Errorf("stored %+v\nwant %+v", got, c)
	}
	if len(reports) != 1 || !same(reports[0], r) {
		t.Errorf("stored %+v\nwant %+v", reports, r)
	}
	// Times that are not set stay so.
	bare := triage.Case{Status: triage.New, Opened: noon}
	number, _, err = s.Open(ctx, bare, triage.Report{Envelope: "e2", Received: noon}, triage.Event{At: noon})
	must(t, err)
	got, reports, err = s.Case(ctx, number)
	if must(t, err); !got.Breach.IsZero() || !got.ReadAt.IsZero() || len(reports[0].Categories) != 0 {
		t.Errorf("nothing became something: %+v %+v", got, reports)
	}
	if _, _, err := s.Case(ctx, "VN-2026-999999"); !errors.Is(err, triage.ErrNoCase) {
		t.Errorf("no case gives %v", err)
	}
}

func applyVersions(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	number := open1(t, s, "e1")
	c, _, err := s.Case(ctx, number)
	must(t, err)
	c.Status, c.ReadBy = triage.Received, "minh"
	r := aReport("e2")
	must(t, s.Apply(ctx, c, &r, anEvent()))
	got, reports, err := s.Case(ctx, number)
	must(t, err)
	want := c
	want.Version = 2
	if !same(got, want) || len(reports) != 2 || reports[1].Envelope != "e2" || reports[1].Case != number {
		t.Errorf("after Apply: %+v, %d reports", got, len(reports))
	}
	c.Holder = "stale"
	if err := s.Apply(ctx, c, nil, anEvent()); !errors.Is(err, triage.ErrConflict) {
		t.Errorf("a stale version gives %v", err)
	}
	c.Number = "VN-2026-999999"
	if err := s.Apply(ctx, c, nil, anEvent()); !errors.Is(err, triage.ErrNoCase) {
		t.Errorf("no case gives %v", err)
	}
	if n := len(ok(s.Events(ctx, 0, 99))(t)); n != 2 {
		t.Errorf("%d events: a refused change left one", n)
	}
}

func applyKnownReport(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	number := open1(t, s, "e1")
	c, _, err := s.Case(ctx, number)
	must(t, err)
	r := aReport("e1")
	c.Holder = "x"
	if err := s.Apply(ctx, c, &r, anEvent()); !errors.Is(err, triage.ErrConflict) {
		t.Errorf("a known report gives %v", err)
	}
	got, _, err := s.Case(ctx, number)
	if must(t, err); got.Holder == "x" || got.Version != 1 {
		t.Error("a refused change was written")
	}
}

func lists(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	for i := range 5 {
		c := aCase()
		c.Opened = noon.Add(time.Duration(i) * time.Hour)
		if i%2 == 0 {
			c.Status = triage.Supported
		}
		_, _, err := s.Open(ctx, c, aReport(fmt.Sprint("e", i)), anEvent())
		must(t, err)
	}
	if n := len(ok(s.Cases(ctx, false, 1))(t)); n != 2 {
		t.Errorf("%d open cases, want both whatever the limit", n)
	}
	var opened []int
	for _, c := range ok(s.Cases(ctx, true, 2))(t) {
		opened = append(opened, int(c.Opened.Sub(noon)/time.Hour))
	}
	if !slices.Equal(opened, []int{4, 2}) {
		t.Errorf("closed cases %v, want the two newest", opened)
	}
}

func events(t *testing.T, open Opener) {
	ctx, s := t.Context(), open()
	if seq, hash, err := s.Head(ctx); err != nil || seq != 0 || hash != (triage.Digest{}) {
		t.Errorf("an empty chain has head %d, %v", seq, err)
	}
	number := open1(t, s, "e1")
	login := triage.Event{At: noon.Add(time.Second), Officer: "hoa", Action: triage.ActionLogin}
	must(t, s.Record(ctx, login))
	must(t, s.Record(ctx, triage.Event{At: noon, Officer: "hoa", Action: triage.ActionDenied, Case: "VN-2020-000001"}))
	must(t, s.Close())
	s = opened(t, open)
	all := ok(s.Events(ctx, 0, 99))(t)
	var hash triage.Digest
	for i, e := range all {
		if hash = e.Chain(hash); e.Hash != hash || e.Seq != int64(i+1) {
			t.Errorf("event %d does not chain", i+1)
		}
	}
	if len(all) != 3 || all[0].Case != number || string(all[0].Note) != string(anEvent().Note) || all[1].Note != nil || !all[1].At.Equal(login.At) {
		t.Errorf("events: %+v", all)
	}
	if seq, head, err := s.Head(ctx); err != nil || seq != 3 || head != hash {
		t.Errorf("head %d, %v", seq, err)
	}
	if page := ok(s.Events(ctx, 1, 1))(t); len(page) != 1 || page[0].Seq != 2 {
		t.Errorf("page: %+v", page)
	}
	if h := ok(s.History(ctx, number))(t); len(h) != 1 || h[0].Seq != 1 {
		t.Errorf("history: %+v", h)
	}
}

func concurrentOpens(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	const n = 16
	got := make(chan string, n)
	for i := range n {
		go func() {
			number, _, err := s.Open(ctx, aCase(), aReport(fmt.Sprint("e", i/2)), anEvent())
			if err != nil {
				t.Error(err)
			}
			got <- number
		}()
	}
	seen := map[string]int{}
	for range n {
		seen[<-got]++
	}
	if len(seen) != n/2 {
		t.Errorf("%d pairs of the same envelope gave %d cases", n/2, len(seen))
	}
	all := ok(s.Events(ctx, 0, 99))(t)
	var hash triage.Digest
	for _, e := range all {
		if hash = e.Chain(hash); e.Hash != hash {
			t.Fatal("the chain broke under concurrent writers")
		}
	}
}

func ownWrites(t *testing.T, open Opener) {
	ctx, s := t.Context(), opened(t, open)
	update(t, s, func(tx intake.Tx) error {
		number, _, err := tx.Open(ctx, aCase(), aReport(id(1).String()), anEvent())
		if err != nil {
			return err
		}
		if again, fresh, err := tx.Open(ctx, aCase(), aReport(id(1).String()), anEvent()); err != nil || fresh || again != number {
			t.Errorf("the repeat within the transaction: %s %v %v", again, fresh, err)
		}
		if of, err := tx.CaseOf(ctx, id(1)); err != nil || of != number {
			t.Errorf("CaseOf: %s %v", of, err)
		}
		if _, err := tx.CaseOf(ctx, wire.ID{9}); !errors.Is(err, triage.ErrNoCase) {
			t.Errorf("CaseOf of nothing: %v", err)
		}
		c, _, err := tx.Case(ctx, number)
		if err != nil {
			return err
		}
		return tx.Apply(ctx, c, nil, anEvent())
	})
}
