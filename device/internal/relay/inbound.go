package relay

import (
	"context"

	"github.com/langnghe/langnghe/device/internal/outbox"
	"github.com/langnghe/langnghe/device/internal/supervise"
	"github.com/langnghe/langnghe/device/wire"
)

// kindFrame marks the relay's rows among the outbox's inbound ones.
const kindFrame = "frame"

// maxFrame bounds what is stored of a frame, in bytes. The longest ack has 129; what is longer is none, and what is left
// of it after the cut is none either.
const maxFrame = 256

// Deliver takes an inbound frame of a link. It stores the frame and returns nil; the carrier may then be told. The frame
// is parsed after that, by Run (invariant 5). An error means that it was not stored and should be delivered again.
func (r *Relay) Deliver(ctx context.Context, frame []byte) error {
	if _, err := r.box.StoreInbound(ctx, kindFrame, frame[:min(len(frame), maxFrame)]); err != nil {
		return err
	}
	// If we die here, Run finds it at start.
	signal(r.inbound)
	return nil
}

// takeInbound applies the frames that are stored, those of the process before included. A row of another kind is nobody's
// frame: it goes to the quarantine's count too, or enough of them would leave no room for an ack.
func (r *Relay) takeInbound(ctx context.Context) error {
	frames, err := r.box.Inbound(ctx)
	if err != nil {
		return err
	}
	for _, f := range frames {
		ok := false
		if f.Kind == kindFrame {
			if ok, err = r.apply(ctx, f); err != nil {
				return err
			}
		}
		if !ok {
			r.log.Info("an inbound frame was quarantined")
		}
		if err := r.box.DropInbound(ctx, f.ID, !ok); err != nil {
			return err
		}
	}
	return nil
}

// apply ends the envelopes whose tokens stand in f (invariant 4). ok is false when f is no ack, or holds a token of no
// envelope: forged, for another device, or replayed. A repeat of what was applied since the start of the process is
// neither: an urgent report races on two links and is acked on both.
func (r *Relay) apply(ctx context.Context, f outbox.Inbound) (ok bool, err error) {
	var ack wire.Ack
	// Fenced: these bytes are stored, and would stop every start to come.
	if supervise.Call(func() (err error) { ack, err = wire.ParseAck(f.Body); return err }) != nil {
		return false, nil
	}
	ok = true
	for _, t := range ack.Tokens {
		h := t.Hash()
		id, found, err := r.box.Acked(ctx, h)
		if err != nil {
			return false, err
		}
		if found {
			r.acked.add(h)
			r.book.drop(id)
		} else if !r.acked.has(h) {
			ok = false
		}
	}
	return ok, nil
}

// recent remembers the last n hashes.
type recent struct {
	ring []wire.TokenHash
	at   int
	set  map[wire.TokenHash]bool
}

func newRecent(n int) *recent {
	return &recent{ring: make([]wire.TokenHash, n), set: map[wire.TokenHash]bool{}}
}

func (r *recent) has(h wire.TokenHash) bool { return r.set[h] }

func (r *recent) add(h wire.TokenHash) {
	delete(r.set, r.ring[r.at])
	r.ring[r.at], r.set[h] = h, true
	r.at = (r.at + 1) % len(r.ring)
}
