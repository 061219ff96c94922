package triage

import (
	"context"
	"fmt"
	"sync"

	"github.com/langnghe/langnghe/gateway/routing"
)

// anchor is the newest event that a check has found good. An older chain that is put in its place, or one that was cut
// off, shows at the next check. It lives as long as the process: the supervisor writes the head down to go further back.
type anchor struct {
	sync.Mutex // held for a whole check: two at once would only do the work twice
	seq        int64
	hash       Digest
}

// Chain is what a check of the audit found.
type Chain struct {
	Events int64  // how many events stand
	Head   Digest // hash of the newest
	Broken int64  // Seq of the first event that does not fit; 0 = the whole chain holds
}

// Log writes down what a person did beside the cases: a login, a logout. subject is never content.
func (d *Desk) Log(ctx context.Context, officer string, a Action, subject string) error {
	if err := d.store.Record(ctx, Event{At: d.Now(), Officer: officer, Action: a, Subject: subject}); err != nil {
		return fmt.Errorf("write the audit: %w", err)
	}
	return nil
}

// Audit returns at most limit events that end before seq before (0 = the newest), newest first. Notes stay sealed. It is
// for the centre's supervisors; for anybody else ErrNoCase.
func (d *Desk) Audit(ctx context.Context, v routing.Viewer, before int64, limit int) ([]Event, error) {
	if !v.MayAudit() {
		return nil, ErrNoCase
	}
	if before <= 0 {
		head, _, err := d.store.Head(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the audit: %w", err)
		}
		before = head + 1
	}
	after := max(0, before-1-int64(limit))
	events, err := d.store.Events(ctx, after, int(before-1-after))
	if err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	for i, j := 0, len(events)-1; i < j; i, j = i+1, j-1 {
		events[i], events[j] = events[j], events[i]
	}
	return events, nil
}

// Verify computes the whole chain anew and writes down that v had it done. The check reads every event once.
func (d *Desk) Verify(ctx context.Context, v routing.Viewer) (Chain, error) {
	if !v.MayAudit() {
		return Chain{}, ErrNoCase
	}
	d.anchor.Lock()
	defer d.anchor.Unlock()
	// An event that is appended while we read is not part of this check.
	head, headHash, err := d.store.Head(ctx)
	if err != nil {
		return Chain{}, fmt.Errorf("verify the audit: %w", err)
	}
	c := Chain{Events: head, Head: headHash}
	var hash Digest
	var seq int64
	broken := func(at int64) {
		if c.Broken == 0 {
			c.Broken = at
		}
	}
	for seq < head && c.Broken == 0 {
		page, err := d.store.Events(ctx, seq, 1000)
		if err != nil {
			return Chain{}, fmt.Errorf("verify the audit: %w", err)
		}
		if len(page) == 0 {
			broken(seq + 1) // the head says that there is more
		}
		for _, e := range page {
			if seq == head {
				break
			}
			seq++
			hash = e.Chain(hash)
			if e.Seq != seq || e.Hash != hash || (seq == d.anchor.seq && hash != d.anchor.hash) {
				broken(seq)
				break
			}
		}
	}
	if c.Broken == 0 && hash != headHash {
		broken(head)
	}
	if head < d.anchor.seq {
		broken(head + 1) // the end was cut off since the last check
	}
	if c.Broken == 0 {
		d.anchor.seq, d.anchor.hash = head, headHash
	}
	e := Event{At: d.Now(), Officer: v.ID, Action: ActionVerified, To: "ok"}
	if c.Broken != 0 {
		e.To = fmt.Sprintf("broken at %d", c.Broken)
	}
	if err := d.store.Record(ctx, e); err != nil {
		return Chain{}, fmt.Errorf("verify the audit: %w", err)
	}
	return c, nil
}
