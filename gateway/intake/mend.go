package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/wire"
)

// storeRetry is how long a store that can't be used is left alone. Tests shorten it.
var storeRetry = time.Second

// patient tells whether err is worth waiting for, and says so once until the store is well again.
func (in *Intake) patient(err error) bool {
	if !errors.Is(err, ErrUnavailable) {
		return false
	}
	if !in.away.Swap(true) {
		in.log.Error("nothing can be recorded or acked now; it goes on by itself as soon as it can", "error", err)
	}
	return true
}

// update is Store.Update, and notices that the store is well again.
func (in *Intake) update(ctx context.Context, f func(Tx) error) error {
	err := in.cfg.Store.Update(ctx, f)
	if err == nil && in.away.Swap(false) {
		in.log.Info("the store takes reports again")
	}
	return err
}

// forget empties what work has in memory. resume and step fill it again from the store.
func (in *Intake) forget() {
	in.after, in.direct, in.relayed = 0, pdu.NewJoiner(0), map[uint32]*pdu.Joiner{}
	if in.answers != nil {
		in.answers.forget()
	}
}

// mend goes on after arrivals that failed: by waiting for the store, by taking them one by one, or, where it was one, by
// setting it apart. One arrival must never keep the others from officers.
func (in *Intake) mend(ctx context.Context, raws []Raw, cause error) error {
	if ctx.Err() != nil || errors.Is(cause, ErrUnavailable) {
		return cause
	}
	in.single = raws[len(raws)-1].ID
	if len(raws) == 1 {
		if err := in.setApart(ctx, raws[0], cause); err != nil {
			return err
		}
	}
	in.forget()
	return in.resume(ctx)
}

// setApart takes an arrival out of the way of the others, in its own transaction: where that fails too it was the store's
// fault and not the arrival's. What came by MQTT goes to quarantine, because its device has no ack and brings it again. An
// SMS is nowhere else: it stays stored and is tried again at the next start, by a program that can perhaps do it.
func (in *Intake) setApart(ctx context.Context, r Raw, cause error) error {
	b := in.newBatch()
	if r.Link == LinkMQTT {
		b.done = []int64{r.ID}
		if err := b.refuse(r.Link, ReasonFailed, r.Received, r.Bytes); err != nil {
			return errors.Join(cause, err)
		}
	} else {
		b.count(r.Link, ReasonFailed)
	}
	if err := in.commit(ctx, b); err != nil {
		return fmt.Errorf("set an arrival apart: %w: after: %w", err, cause)
	}
	if r.Link != LinkMQTT {
		in.apart[r.ID] = true
	}
	in.log.Error("an arrival could not be worked off; it is set apart, the others go on", "link", r.Link, "arrival", r.ID, "error", cause)
	return nil
}

// settle does what decide says about a set of segments, in its own transaction. Where it can't be done the set is left
// out until the next start: its parts are stored.
func (in *Intake) settle(ctx context.Context, set []pdu.Part, decide func(*batch) error) error {
	b := in.newBatch()
	err := decide(b)
	if err == nil {
		err = in.commit(ctx, b)
	}
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrUnavailable) {
		return err
	}
	failed := in.newBatch()
	var arrivals []int64
	var segments []wire.ID
	for _, p := range set {
		for _, k := range append([]any{p.Key}, p.Also...) {
			switch k := k.(type) {
			case *waiting:
				arrivals = append(arrivals, k.arrival)
				failed.count(LinkSMS, ReasonFailed)
			case *Part:
				segments = append(segments, k.ID)
				failed.count(k.Link, ReasonFailed)
			}
		}
	}
	if cerr := in.commit(ctx, failed); cerr != nil {
		return fmt.Errorf("set segments apart: %w: after: %w", cerr, err)
	}
	for _, id := range arrivals {
		in.apart[id] = true
	}
	for _, id := range segments {
		in.unread[id] = true
	}
	in.log.Error("a message could not be worked off; it is set apart, the others go on", "segments", len(set), "error", err)
	return nil
}
