package inbox

import (
	"context"
	"errors"
	"time"

	"github.com/langnghe/langnghe/device/internal/supervise"
	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/wire"
)

// Message is a whole SMS of a villager, in memory only. Whoever handles it makes a report of it with one
// outbox.Replace(Held, …).
type Message struct {
	From pdu.Address
	Text report.Words
	Held []wire.ID // its sealed segments in the outbox
}

// Run reads what was received and gives each whole message to handle, until ctx ends. handle returns nil when the held
// segments are replaced by a report; after an error they go out as they are, so that no failure of ours loses a word.
//
// What an earlier life or an earlier Run has left held goes out as it is: its words are no longer in memory. The gateway
// joins what belongs together.
func (i *Inbox) Run(ctx context.Context, handle func(context.Context, Message) error) error {
	if err := i.restart(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	r := reader{inbox: i, joiner: pdu.NewJoiner(maxQueue), handle: handle}
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-i.wake:
		case <-tick.C:
			if err := errors.Join(r.expire(ctx), i.forget(ctx)); err != nil && ctx.Err() == nil {
				return err
			}
		}
		for p, ok := i.next(); ok; p, ok = i.next() {
			if err := r.read(ctx, p); err != nil {
				return err
			}
		}
	}
}

func (i *Inbox) restart(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, p := range i.queue {
		clear(p.tpdu)
	}
	i.queue = nil
	if err := i.o.Outbox.Release(ctx, nil); err != nil {
		return err
	}
	i.o.Released()
	return nil
}

func (i *Inbox) next() (part, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.queue) == 0 {
		return part{}, false
	}
	p := i.queue[0]
	i.queue[0] = part{}
	i.queue = i.queue[1:]
	return p, true
}

// forget drops the digests once the modem has listed for a while and shown nothing, and can free its slots: then every
// slot is free. A digest of so few words could be guessed from; but without that of a slot that stays full, each start
// would make one more report of it.
func (i *Inbox) forget(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case !i.o.Listing():
		i.heard = time.Now()
	case i.digests && time.Since(i.heard) > quietFor:
		if err := i.o.Outbox.Forget(ctx); err != nil {
			return err
		}
		i.digests = false
	}
	return nil
}

// reader is the state of one Run.
type reader struct {
	inbox  *Inbox
	joiner *pdu.Joiner
	handle func(context.Context, Message) error
}

// read takes one part. Its errors are those of the outbox and of a panic in what reads a stranger's bytes; the part is
// stored in any case, and the next Run lets it go.
func (r *reader) read(ctx context.Context, p part) error {
	defer clear(p.tpdu)
	d, err := pdu.DecodeDeliver(p.tpdu)
	if err != nil {
		return r.release(ctx, []wire.ID{p.held})
	}
	whole, ok := r.joiner.Add(pdu.Part{Deliver: d, Key: p.held}, time.Now())
	if !ok {
		return nil
	}
	defer wipe(whole)
	m := Message{From: whole[0].Deliver.From, Text: report.Words(pdu.JoinText(whole)), Held: held(whole)}
	defer m.Text.Wipe()
	err = supervise.Call(func() error { return r.handle(ctx, m) })
	if ctx.Err() != nil {
		return nil // the next start lets the segments go
	}
	var panicked *supervise.PanicError
	if errors.As(err, &panicked) {
		r.inbox.o.Log.Error("a message could not be read; it goes out as it is", "error", panicked)
	}
	if err != nil {
		return r.release(ctx, m.Held)
	}
	return nil
}

// expire lets go what has waited too long for its missing segments. Copies of what was whole already are erased instead:
// the gateway, which sees none of the segments that the report was made of, would open a second case for them.
func (r *reader) expire(ctx context.Context) error {
	for _, parts := range r.joiner.Expire(time.Now(), r.inbox.o.HoldFor) {
		defer wipe(parts)
		end := r.release
		if parts[0].Repeat {
			// If we die before, the next start lets them go.
			end = r.inbox.o.Outbox.Drop
		}
		if err := end(context.WithoutCancel(ctx), held(parts)); err != nil {
			return err
		}
	}
	return nil
}

// release lets the segments go out as they are. Cancelling does not stop it half-way: they would wait for the next start.
func (r *reader) release(ctx context.Context, ids []wire.ID) error {
	if err := r.inbox.o.Outbox.Release(context.WithoutCancel(ctx), ids); err != nil {
		return err
	}
	r.inbox.o.Released()
	return nil
}

func held(parts []pdu.Part) []wire.ID {
	ids := make([]wire.ID, 0, len(parts))
	for _, p := range parts {
		ids = append(ids, p.Key.(wire.ID))
		for _, k := range p.Also {
			ids = append(ids, k.(wire.ID))
		}
	}
	return ids
}

func wipe(parts []pdu.Part) {
	for _, p := range parts {
		clear(p.Deliver.Data)
	}
}
