// Package triage keeps the cases that reports open: a queue by breach time, who did what when, and an end that a named
// person chose (invariant 13). Desk is the only way to a case: it asks routing who may see it, and writes the audit
// before it shows a word (invariant 12).
package triage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/langnghe/langnghe/device/report"
)

// Desk works on the cases of one store. It is safe for concurrent use and keeps nothing of a case between calls.
type Desk struct {
	store  Store
	vault  Vault
	opener Opener
	now    func() time.Time
	anchor anchor
}

// NewDesk returns a desk over store. now is the wall clock; nil means time.Now.
func NewDesk(store Store, vault Vault, opener Opener, now func() time.Time) *Desk {
	if now == nil {
		now = time.Now
	}
	return &Desk{store: store, vault: vault, opener: opener, now: now}
}

// Now is the desk's clock, to the millisecond that the store keeps.
func (d *Desk) Now() time.Time { return d.now().Truncate(time.Millisecond) }

// tries is how often a change is made anew on a case that another one changed meanwhile.
const tries = 8

// Open opens a case for r, or adds r to the case r.Case. It may be repeated any number of times: the same envelope gives
// the same case, and only the first time fresh (invariant 6). It belongs to intake and is not audited to a person.
func (d *Desk) Open(ctx context.Context, r Report) (number string, fresh bool, err error) {
	if r.Envelope == "" || r.Received.IsZero() {
		return "", false, errors.New("triage: a report needs its envelope's id and the time of its arrival")
	}
	if !r.Urgency.Valid() {
		r.Urgency = report.U1 // of a newer version: judged like words that nobody has read
	}
	r.Received = r.Received.Truncate(time.Millisecond)
	if r.Case != "" {
		return d.add(ctx, r)
	}
	c := Case{Status: New, Urgency: r.Urgency, Door: r.Door, Link: r.Link, Device: r.Device, Place: r.Place, Reports: 1,
		Opened: r.Received, Since: r.Received, Facts: r.Facts}
	if len(r.Categories) > 0 {
		c.Category = r.Categories[0]
	}
	c.Breach = c.breach()
	e := Event{At: d.Now(), Officer: System, Action: ActionOpened, Subject: r.Envelope, To: string(New)}
	number, fresh, err = d.store.Open(ctx, c, r, e)
	if err != nil {
		return "", false, fmt.Errorf("open a case: %w", err)
	}
	return number, fresh, nil
}

// add puts r into a case that exists. The case is unread again, and an ended one is open again: new words must not end in
// a case that nobody looks at any more.
func (d *Desk) add(ctx context.Context, r Report) (number string, fresh bool, err error) {
	for range tries {
		c, reports, err := d.store.Case(ctx, r.Case)
		if err != nil {
			return "", false, fmt.Errorf("add a report to a case: %w", err)
		}
		for _, known := range reports {
			if known.Envelope == r.Envelope {
				return c.Number, false, nil
			}
		}
		e := Event{At: d.Now(), Officer: System, Action: ActionAdded, Case: c.Number, Subject: r.Envelope, From: string(c.Status)}
		if c.Status.Closed() {
			c.Status, c.Since, c.Breach = Reopened, r.Received, time.Time{}
		}
		if r.Urgency < c.Urgency && len(r.Categories) > 0 {
			c.Category = r.Categories[0]
		}
		c.Urgency = c.Urgency.Raise(r.Urgency)
		c.Facts = c.Facts.Join(r.Facts)
		c.Reports++
		c.ReadAt, c.ReadBy = time.Time{}, ""
		c.Breach = earlier(c.Breach, FirstLook(c.Urgency, r.Received))
		e.To = string(c.Status)
		switch err := d.store.Apply(ctx, c, &r, e); {
		case err == nil:
			return c.Number, true, nil
		case !errors.Is(err, ErrConflict):
			return "", false, fmt.Errorf("add a report to a case: %w", err)
		}
	}
	return "", false, fmt.Errorf("add a report to a case: %w", ErrConflict)
}
