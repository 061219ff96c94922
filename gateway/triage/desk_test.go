package triage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway/routing"
	"github.com/langnghe/langnghe/gateway/triage"
	"github.com/langnghe/langnghe/gateway/triage/triagetest"
)

var (
	duty    = routing.Viewer{ID: "hoa", Role: routing.RoleDuty, Scope: routing.ScopeNational}
	chief   = routing.Viewer{ID: "lam", Role: routing.RoleSupervisor, Scope: routing.ScopeNational}
	commune = routing.Viewer{ID: "xa", Role: routing.RoleOfficer, Scope: routing.ScopeCommune, Province: 46, Commune: 19777}
	aboutIt = routing.Facts{Province: 46, Commune: 19777, Alleged: report.AllegedOfficial}
	private = routing.Facts{Province: 46, Commune: 19777, Alleged: report.AllegedNeighbour}
)

type bench struct {
	*triage.Desk
	store  triagetest.Store
	opener triagetest.Opener
	clock  time.Time
}

func newBench(t *testing.T) *bench {
	b := &bench{clock: at(t, "2026-11-18 10:00")}
	b.Desk = triage.NewDesk(&b.store, triagetest.Vault{}, &b.opener, func() time.Time { return b.clock })
	return b
}

func (b *bench) arrive(t *testing.T, envelope string, u report.Urgency, f routing.Facts) string {
	t.Helper()
	b.opener.Put(envelope, report.Draft{Text: report.Words("lời của " + envelope), Sender: report.Words("+84912345678")})
	n, fresh, err := b.Open(context.Background(), triage.Report{Envelope: envelope, Received: b.clock, Urgency: u, Facts: f})
	if err != nil || !fresh {
		t.Fatalf("open: %v, fresh %v", err, fresh)
	}
	return n
}

func (b *bench) mustCase(t *testing.T, number string) triage.Case {
	t.Helper()
	c, _, err := b.store.Case(context.Background(), number)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Invariant 6: any number of deliveries of one report make one case.
func TestOpenIsIdempotentOnTheEnvelope(t *testing.T) {
	b := newBench(t)
	first := b.arrive(t, "e1", report.U1, private)
	if first != "VN-2026-000001" {
		t.Errorf("the first case of the year is %s", first)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			n, fresh, err := b.Open(context.Background(), triage.Report{Envelope: "e1", Received: b.clock, Urgency: report.U0})
			if n != first || fresh || err != nil {
				t.Errorf("second delivery: %s, fresh %v, %v", n, fresh, err)
			}
		})
	}
	wg.Wait()
	if q, _ := b.Queue(context.Background(), duty); len(q) != 1 || len(b.store.All()) != 1 {
		t.Errorf("%d cases, %d events", len(q), len(b.store.All()))
	}
}

func TestSecondReportJoinsItsCaseAndWakesIt(t *testing.T) {
	b, ctx := newBench(t), context.Background()
	n := b.arrive(t, "e1", report.U3, private)
	if _, err := b.Read(ctx, duty, n); err != nil {
		t.Fatal(err)
	}
	if err := b.SetStatus(ctx, duty, n, 0, triage.Mistake, "thử máy"); err != nil {
		t.Fatal(err)
	}
	b.clock = b.clock.Add(time.Hour)
	b.opener.Put("e2", report.Draft{Text: report.Words("thêm")})
	for i := range 3 {
		got, fresh, err := b.Open(ctx, triage.Report{Envelope: "e2", Case: n, Received: b.clock, Urgency: report.U0, Facts: aboutIt})
		if got != n || fresh != (i == 0) || err != nil {
			t.Fatalf("delivery %d: %s, fresh %v, %v", i+1, got, fresh, err)
		}
	}
	c := b.mustCase(t, n)
	if c.Status != triage.Reopened || c.Reports != 2 || c.Urgency != report.U0 || !c.Unread() {
		t.Errorf("an ended case with a new report: %+v", c)
	}
	if !c.Breach.Equal(b.clock.Add(5 * time.Minute)) {
		t.Errorf("its clock runs until %v", c.Breach)
	}
	if c.Facts.Audience().Allows(commune) {
		t.Error("invariant 12: the commune sees a case of which one report may be about it")
	}
	f, err := b.Read(ctx, duty, n)
	if err != nil || len(f.Contents) != 2 {
		t.Fatalf("read: %v", err)
	}
}

// Who reads is on disk before a word is shown; where it cannot be written there are no words.
func TestNoWordsWithoutAudit(t *testing.T) {
	b, ctx := newBench(t), context.Background()
	n := b.arrive(t, "e1", report.U1, private)
	for _, again := range []bool{false, true} {
		b.store.SetDown(false, true)
		if f, err := b.Read(ctx, duty, n); err == nil || f != nil {
			t.Fatalf("again %v: words without an audit: %v", again, err)
		}
		if w, err := b.Sender(ctx, duty, n, "e1"); err == nil || w != nil {
			t.Fatalf("again %v: a number without an audit", again)
		}
		b.store.SetDown(false, false)
		f, err := b.Read(ctx, duty, n)
		if err != nil || f.Contents[0].Draft.Text.Reveal() != "lời của e1" {
			t.Fatalf("read: %v", err)
		}
		last := f.History[len(f.History)-1]
		if last.Action != triage.ActionRead || last.Officer != "hoa" {
			t.Errorf("the reading is not in the history: %+v", last)
		}
	}
	if c := b.mustCase(t, n); c.ReadBy != "hoa" || !c.ReadAt.Equal(b.clock) {
		t.Errorf("first reader: %q at %v", c.ReadBy, c.ReadAt)
	}
}

func TestWordsThatDoNotOpenStayUnread(t *testing.T) {
	b, ctx := newBench(t), context.Background()
	n, _, err := b.Open(ctx, triage.Report{Envelope: "lost", Received: b.clock, Urgency: report.U1})
	if err != nil {
		t.Fatal(err)
	}
	f, err := b.Read(ctx, duty, n)
	if err != nil || f.Unopened == nil || f.Contents != nil {
		t.Fatalf("read: %+v, %v", f, err)
	}
	if !b.mustCase(t, n).Unread() {
		t.Error("a case whose words nobody saw counts as read")
	}
	if err := b.SetStatus(ctx, duty, n, 0, triage.Unusable, "không mở được"); !errors.Is(err, triage.ErrUnread) {
		t.Errorf("an unread case was ended: %v", err)
	}
}

// Invariant 12 on every method of the desk; a case that is not the viewer's is exactly one that does not exist.
func TestExcludedViewerMeetsNoCase(t *testing.T) {
	b, ctx := newBench(t), context.Background()
	n := b.arrive(t, "e1", report.U1, aboutIt)
	tech := routing.Viewer{ID: "kt", Role: routing.RoleTechnician, Scope: routing.ScopeNational}
	for _, v := range []routing.Viewer{commune, tech, {}} {
		for _, number := range []string{n, "VN-2026-999999"} {
			before := b.opener.Opened()
			calls := map[string]func() error{
				"Read":       func() error { _, err := b.Read(ctx, v, number); return err },
				"Sender":     func() error { _, err := b.Sender(ctx, v, number, "e1"); return err },
				"SetStatus":  func() error { return b.SetStatus(ctx, v, number, 0, triage.Received, "") },
				"SetUrgency": func() error { return b.SetUrgency(ctx, v, number, 0, report.U0, "") },
				"Note":       func() error { return b.Note(ctx, v, number, 0, "ghi chú") },
			}
			for name, call := range calls {
				if err := call(); err != triage.ErrNoCase {
					t.Errorf("%s by %q on %s: %v", name, v.ID, number, err)
				}
				es := b.store.All()
				if e := es[len(es)-1]; e.Action != triage.ActionDenied || e.Officer != v.ID || e.Case != number {
					t.Errorf("%s by %q on %s is not in the audit: %+v", name, v.ID, number, e)
				}
			}
			if b.opener.Opened() != before {
				t.Error("words were opened for somebody who is excluded")
			}
		}
		if q, err := b.Queue(ctx, v); len(q) != 0 || err != nil {
			t.Errorf("queue of %q: %d cases, %v", v.ID, len(q), err)
		}
		if _, err := b.Audit(ctx, v, 0, 10); err != triage.ErrNoCase {
			t.Errorf("audit of %q: %v", v.ID, err)
		}
		if _, err := b.Verify(ctx, v); err != triage.ErrNoCase {
			t.Errorf("verify of %q: %v", v.ID, err)
		}
	}
	if c := b.mustCase(t, n); c.Version != 1 || c.Status != triage.New {
		t.Errorf("an excluded person changed the case: %+v", c)
	}
}

func TestStatusTransitions(t *testing.T) {
	ctx := context.Background()
	allowed := map[string]bool{}
	for _, from := range triage.Statuses() {
		for _, to := range from.Next() {
			allowed[string(from)+">"+string(to)] = true
		}
	}
	for _, from := range triage.Statuses() {
		for _, to := range append(triage.Statuses(), "", "ZZ") {
			b := newBench(t)
			n := b.arrive(t, "e1", report.U2, private)
			c := b.mustCase(t, n)
			c.Status, c.ReadAt = from, b.clock
			if err := b.store.Apply(ctx, c, nil, triage.Event{}); err != nil {
				t.Fatal(err)
			}
			err := b.SetStatus(ctx, duty, n, 0, to, "lý do")
			if want := allowed[string(from)+">"+string(to)]; (err == nil) != want || (!want && !errors.Is(err, triage.ErrTransition)) {
				t.Errorf("%s to %s: %v, allowed %v", from, to, err, want)
			}
			if got := b.mustCase(t, n); err == nil && (got.Status != to || got.Holder != "hoa") {
				t.Errorf("%s to %s: %+v", from, to, got)
			}
		}
	}
	// The table itself: an ended case opens again and does nothing else; every open one can end in a state that a person
	// chooses, with a reason (invariant 13).
	for _, s := range triage.Statuses() {
		if next := s.Next(); s.Closed() && (len(next) != 1 || next[0] != triage.Reopened) {
			t.Errorf("%s leads to %v", s, next)
		}
		if !s.Valid() || s.Label() == string(s) {
			t.Errorf("%s has no name", s)
		}
		if !s.Closed() && !reachesEnd(s, map[triage.Status]bool{}) {
			t.Errorf("%s never ends", s)
		}
		if s.Closed() != s.NeedsReason() && s != triage.Reopened {
			t.Errorf("%s: reason %v", s, s.NeedsReason())
		}
	}
}

func reachesEnd(s triage.Status, seen map[triage.Status]bool) bool {
	if s.Closed() {
		return true
	}
	if seen[s] {
		return false
	}
	seen[s] = true
	for _, n := range s.Next() {
		if reachesEnd(n, seen) {
			return true
		}
	}
	return false
}

func TestRulesOfAChange(t *testing.T) {
	b, ctx := newBench(t), context.Background()
	n := b.arrive(t, "e1", report.U2, private)
	must := func(what string, got, want error) {
		t.Helper()
		if !errors.Is(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	must("take on unread", b.SetStatus(ctx, duty, n, 0, triage.Received, ""), triage.ErrUnread)
	must("lower unread", b.SetUrgency(ctx, duty, n, 0, report.U3, "nhẹ"), triage.ErrUnread)
	if _, err := b.Read(ctx, duty, n); err != nil {
		t.Fatal(err)
	}
	must("lower without reason", b.SetUrgency(ctx, duty, n, 0, report.U3, ""), triage.ErrReason)
	must("lower", b.SetUrgency(ctx, duty, n, 0, report.U3, "trẻ đã an toàn"), nil)
	if c := b.mustCase(t, n); !c.Breach.Equal(triage.FirstLook(report.U3, b.clock)) {
		t.Errorf("lowered: due %v", c.Breach)
	}
	b.clock = b.clock.Add(time.Hour)
	must("raise", b.SetUrgency(ctx, duty, n, 0, report.U1, ""), nil)
	if c := b.mustCase(t, n); !c.Breach.Equal(b.clock.Add(30*time.Minute)) || !c.Since.Equal(b.clock.Add(-time.Hour)) {
		t.Errorf("raised: due %v, counted from %v", c.Breach, c.Since)
	}
	must("lower U1", b.SetUrgency(ctx, duty, n, 0, report.U2, "nhẹ"), triage.ErrSecondReader)
	must("same", b.SetUrgency(ctx, duty, n, 0, report.U1, ""), triage.ErrNothing)
	must("end without reason", b.SetStatus(ctx, duty, n, 0, triage.Unusable, ""), triage.ErrReason)
	must("stale page", b.SetStatus(ctx, duty, n, 1, triage.Received, ""), triage.ErrConflict)
	must("long note", b.Note(ctx, duty, n, 0, strings.Repeat("ạ", triage.MaxNoteRunes+1)), triage.ErrNote)
	must("note that is no text", b.Note(ctx, duty, n, 0, "\xff"), triage.ErrNote)
	must("empty note", b.Note(ctx, duty, n, 0, ""), triage.ErrNothing)
	must("take on", b.SetStatus(ctx, duty, n, b.mustCase(t, n).Version, triage.Received, ""), nil)
	if c := b.mustCase(t, n); !c.Breach.Equal(c.Since.Add(12 * time.Hour)) {
		t.Errorf("taken on: due %v", c.Breach)
	}
	must("note", b.Note(ctx, duty, n, 0, "đã gọi cho em Lan"), nil)
	for _, e := range b.store.All() {
		if bytes.Contains(e.Note, []byte("Lan")) {
			t.Error("a note is stored in clear")
		}
	}
	f, err := b.Read(ctx, duty, n)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, l := range f.History {
		found = found || l.Text == "đã gọi cho em Lan"
	}
	if !found {
		t.Error("the note is not in the history")
	}
}

// A line of the audit that was altered, removed, put in or cut off shows.
func TestChainShowsTampering(t *testing.T) {
	ctx := context.Background()
	for name, tamper := range map[string]func([]triage.Event) []triage.Event{
		"altered officer": func(es []triage.Event) []triage.Event { es[1].Officer = "ai khác"; return es },
		"altered time":    func(es []triage.Event) []triage.Event { es[1].At = es[1].At.Add(time.Second); return es },
		"altered note":    func(es []triage.Event) []triage.Event { es[2].Note = nil; return es },
		"removed":         func(es []triage.Event) []triage.Event { return append(es[:1], es[2:]...) },
		"swapped":         func(es []triage.Event) []triage.Event { es[1], es[2] = es[2], es[1]; return es },
		"cut off":         func(es []triage.Event) []triage.Event { return es[:2] },
		"all removed":     func([]triage.Event) []triage.Event { return nil },
		"rewritten whole": func(es []triage.Event) []triage.Event {
			es[1].Officer = "ai khác"
			var prev triage.Digest
			for i := range es {
				es[i].Hash = es[i].Chain(prev)
				prev = es[i].Hash
			}
			return es
		},
	} {
		b := newBench(t)
		n := b.arrive(t, "e1", report.U2, private)
		if _, err := b.Read(ctx, duty, n); err != nil {
			t.Fatal(err)
		}
		if err := b.Note(ctx, duty, n, 0, "ghi chú"); err != nil {
			t.Fatal(err)
		}
		if c, err := b.Verify(ctx, chief); err != nil || c.Broken != 0 || c.Events != 3 {
			t.Fatalf("untouched chain: %+v, %v", c, err)
		}
		b.store.Tamper(tamper)
		if c, err := b.Verify(ctx, chief); err != nil || c.Broken == 0 {
			t.Errorf("%s: not seen: %+v, %v", name, c, err)
		}
	}
}

func TestAuditPages(t *testing.T) {
	b, ctx := newBench(t), context.Background()
	for i := range 25 {
		if err := b.Log(ctx, fmt.Sprint(i+1), triage.ActionLogin, ""); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	for before := int64(0); ; {
		page, err := b.Audit(ctx, chief, before, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			seen = append(seen, e.Officer)
		}
		before = page[len(page)-1].Seq
		if before == 1 {
			break
		}
	}
	if len(seen) != 25 || seen[0] != "25" || seen[24] != "1" {
		t.Errorf("pages: %v", seen)
	}
}

// Two officers at once: neither change is lost, and the chain holds.
func TestReadersAndWritersAtOnce(t *testing.T) {
	b, ctx := newBench(t), context.Background()
	n := b.arrive(t, "e1", report.U2, private)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if _, err := b.Read(ctx, duty, n); err != nil {
				t.Error(err)
			}
			err := b.Note(ctx, duty, n, 0, fmt.Sprint(i))
			if err != nil && !errors.Is(err, triage.ErrConflict) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c, err := b.Verify(ctx, chief); err != nil || c.Broken != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}
