package triage_test

import (
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway/triage"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.ParseInLocation("2006-01-02 15:04", s, triage.Zone)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// 2026-11-20 is a Friday.
func TestFirstLookClock(t *testing.T) {
	for _, c := range []struct {
		u          report.Urgency
		from, want string
	}{
		{report.U0, "2026-11-21 23:58", "2026-11-22 00:03"},
		{report.U1, "2026-11-22 03:00", "2026-11-22 03:30"},
		{report.U2, "2026-11-18 08:00", "2026-11-18 12:00"},
		{report.U2, "2026-11-18 13:00", "2026-11-18 17:00"},
		{report.U2, "2026-11-18 13:01", "2026-11-19 08:00"}, // the four hours do not fit today
		{report.U2, "2026-11-18 17:00", "2026-11-19 08:00"},
		{report.U2, "2026-11-18 03:00", "2026-11-18 08:00"},
		{report.U2, "2026-11-20 15:00", "2026-11-23 08:00"}, // over the weekend
		{report.U2, "2026-11-21 10:00", "2026-11-23 08:00"},
		{report.U3, "2026-11-18 10:00", "2026-11-20 10:00"},
		{report.U3, "2026-11-19 10:00", "2026-11-23 10:00"},
		{report.U3, "2026-11-21 10:00", "2026-11-25 08:00"},
		{report.U4, "2026-11-18 10:00", "2026-11-25 10:00"},
	} {
		// The clock is Viet Nam's, whatever zone the server runs in.
		if got := triage.FirstLook(c.u, at(t, c.from).UTC()); !got.Equal(at(t, c.want)) {
			t.Errorf("%v from %s: %s, want %s", c.u, c.from, got.In(triage.Zone).Format("2006-01-02 15:04"), c.want)
		}
	}
}

func TestAssessmentClock(t *testing.T) {
	for _, c := range []struct {
		u          report.Urgency
		from, want string
	}{
		{report.U0, "2026-11-21 23:00", "2026-11-22 01:00"},
		{report.U1, "2026-11-21 23:00", "2026-11-22 11:00"},
		{report.U2, "2026-11-21 23:00", "2026-11-22 23:00"},
		{report.U3, "2026-11-18 10:00", "2026-12-02 10:00"},
	} {
		if got := triage.Assessment(c.u, at(t, c.from)); !got.Equal(at(t, c.want)) {
			t.Errorf("%v from %s: %s, want %s", c.u, c.from, got.Format("2006-01-02 15:04"), c.want)
		}
	}
	if !triage.Assessment(report.U4, at(t, "2026-11-18 10:00")).IsZero() {
		t.Error("information has an assessment clock")
	}
}

// The earlier a report comes, the earlier it is due; a more urgent one is never due later than a less urgent one.
func FuzzClocksNeverOvertake(f *testing.F) {
	f.Add(int64(0), int64(1))
	f.Add(int64(1763683200), int64(60))
	f.Fuzz(func(t *testing.T, start, step int64) {
		a := time.Unix(start%(1<<33), 0)
		b := a.Add(time.Duration(abs(step)%(14*86400)) * time.Second)
		for u := report.U0; u <= report.U4; u++ {
			da, db := triage.FirstLook(u, a), triage.FirstLook(u, b)
			if da.After(db) {
				t.Errorf("%v: of %s is due %s, of %s already %s", u, a, da, b, db)
			}
			if !da.After(a) {
				t.Errorf("%v of %s is due before it came", u, a)
			}
			if u > report.U2 && da.Before(triage.FirstLook(u-1, a)) {
				t.Errorf("%v of %s is due before the more urgent level", u, a)
			}
		}
	})
}

func abs(n int64) int64 {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

// No report can die unread: past its time it stands before everything that somebody has looked at.
func TestOrderPutsUnreadOverdueFirst(t *testing.T) {
	now := at(t, "2026-11-18 10:00")
	cases := []triage.Case{
		{Number: "no clock"},
		{Number: "due later", Breach: now.Add(time.Hour)},
		{Number: "read, overdue for long", Breach: now.Add(-5 * time.Hour), ReadAt: now.Add(-6 * time.Hour)},
		{Number: "due soon", Breach: now.Add(time.Minute)},
		{Number: "unread, overdue a little", Breach: now},
		{Number: "unread, overdue more", Breach: now.Add(-time.Hour)},
	}
	triage.Order(cases, now)
	want := []string{"unread, overdue more", "unread, overdue a little", "read, overdue for long", "due soon", "due later", "no clock"}
	for i, c := range cases {
		if c.Number != want[i] {
			t.Errorf("place %d: %q, want %q", i+1, c.Number, want[i])
		}
	}
}
