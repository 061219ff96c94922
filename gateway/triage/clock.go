package triage

import (
	"cmp"
	"slices"
	"time"

	"github.com/langnghe/langnghe/device/report"
)

// Office hours of Viet Nam's authorities: Monday to Friday, 8:00 to 17:00. Lunch counts, because the centre is staffed;
// public holidays count, because a clock that runs too early does no harm and one that stands still may.
const (
	officeOpens  = 8
	officeCloses = 17
)

func isWorkday(t time.Time) bool {
	d := t.In(Zone).Weekday()
	return d != time.Saturday && d != time.Sunday
}

func atHour(t time.Time, days, hour int) time.Time {
	y, m, d := t.In(Zone).Date()
	return time.Date(y, m, d+days, hour, 0, 0, 0, Zone)
}

// nextOpening is the first opening of an office after t.
func nextOpening(t time.Time) time.Time {
	for days := 0; ; days++ {
		if o := atHour(t, days, officeOpens); o.After(t) && isWorkday(o) {
			return o
		}
	}
}

// workingFrom is t within office hours, else the next opening.
func workingFrom(t time.Time) time.Time {
	if isWorkday(t) && !t.Before(atHour(t, 0, officeOpens)) && t.Before(atHour(t, 0, officeCloses)) {
		return t.In(Zone)
	}
	return nextOpening(t)
}

// workingDays is the same time of day n working days after t, counted from office hours on.
func workingDays(t time.Time, n int) time.Time {
	t = workingFrom(t)
	for n > 0 {
		t = t.AddDate(0, 0, 1)
		if isWorkday(t) {
			n--
		}
	}
	return t
}

// FirstLook is when a person must have taken a report of urgency u on that counts from from (taxonomy 3.2): U0 within 5
// minutes and U1 within 30, day and night; U2 within 4 working hours, or by the next opening at 8:00 where that many do not
// remain today; U3 within 2 working days; U4 within a week.
func FirstLook(u report.Urgency, from time.Time) time.Time {
	switch u {
	case report.U0:
		return from.Add(5 * time.Minute)
	case report.U1:
		return from.Add(30 * time.Minute)
	case report.U2:
		if w := workingFrom(from); w.After(from) {
			return w
		}
		if due := from.Add(4 * time.Hour); !due.After(atHour(from, 0, officeCloses)) {
			return due
		}
		return nextOpening(from)
	case report.U3:
		return workingDays(from, 2)
	}
	return from.AddDate(0, 0, 7)
}

// Assessment is when the first assessment (form 02) must be done: U0 within the centre's own 2 hours, U1 within the 12
// hours of the law, U2 within 24 hours, U3 within 10 working days; zero for U4, which needs none.
func Assessment(u report.Urgency, from time.Time) time.Time {
	switch u {
	case report.U0:
		return from.Add(2 * time.Hour)
	case report.U1:
		return from.Add(12 * time.Hour)
	case report.U2:
		return from.Add(24 * time.Hour)
	case report.U3:
		return workingDays(from, 10)
	}
	return time.Time{}
}

// breach is when the clock of c runs out in its status and urgency, counted from c.Since: the first look until an officer
// takes it on, then the assessment until that is done. While the reporter is being asked, the clock that ran runs on: a
// question does not stop the law. Unread words have the first look's clock whatever the status is.
func (c Case) breach() time.Time {
	switch c.Status {
	case New, Reopened:
		return FirstLook(c.Urgency, c.Since)
	case Received, Verifying:
		return Assessment(c.Urgency, c.Since)
	case Question:
		if !c.Breach.IsZero() {
			return Assessment(c.Urgency, c.Since)
		}
	}
	return time.Time{}
}

// earlier is the earlier of two moments, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// Unread tells whether words of c wait for their first reader.
func (c Case) Unread() bool { return c.ReadAt.IsZero() }

// Overdue tells whether c's clock has run out at now.
func (c Case) Overdue(now time.Time) bool { return !c.Breach.IsZero() && !now.Before(c.Breach) }

// Order sorts a queue for officers: unread cases past their time first, whatever else waits, then the others by the time
// that is left, then those without a clock, oldest first. No report can die unread behind one that somebody works on.
func Order(cases []Case, now time.Time) {
	rank := func(c Case) int {
		switch {
		case c.Overdue(now) && c.Unread():
			return 0
		case !c.Breach.IsZero():
			return 1
		}
		return 2
	}
	slices.SortStableFunc(cases, func(a, b Case) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Breach.Compare(b.Breach), cmp.Compare(a.Urgency, b.Urgency),
			a.Opened.Compare(b.Opened), cmp.Compare(a.Number, b.Number))
	})
}
