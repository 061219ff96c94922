package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/triage"
)

// Reasons why a frame became no report. They are counted by link, and the console shows them.
const (
	ReasonMalformed   = "malformed"      // its first byte or form is that of no envelope
	ReasonTruncated   = "truncated"      // it begins like an envelope and has a length that none has, or segments never came
	ReasonWrongDevice = "wrong-device"   // the certificate that brought it is another device's
	ReasonUnknown     = "unknown-device" // no device with its index is enrolled
	ReasonUnknownKey  = "unknown-key"    // sealed to an identity or with a device key that is not in use
	ReasonDeviceKey   = "device-key"     // what is stored of its device does not open with this identity: enrol that device anew
	ReasonForged      = "forged"         // it does not open: changed on the way, or not by the device that it names
	ReasonUnreadable  = "unreadable"     // it opens, and what is in it can't be read: of a newer version
	ReasonReplayed    = "replayed"       // a copy that came from another number than the device's
	ReasonFailed      = "failed"         // the gateway could not work it off: a fault of ours; see the log
	ReasonDuplicate   = "duplicate"      // a copy of what is recorded; harmless, acked again
)

// batch is what was decided about some arrivals and is written in one transaction.
type batch struct {
	in    *Intake
	known map[wire.ID]*Part  // what was asked for of the store, nil = not there, and what this batch adds
	devs  map[uint32]*device // nil = not enrolled

	records []record
	refused []Quarantined
	counts  map[counter]int
	owed    []Answer
	done    []int64
	acks    []ack
}

type counter struct{ link, reason string }

type ack struct {
	link  string
	to    Downlink
	token wire.Token
}

// record is a message, or a piece of one, that is to be recorded.
type record struct {
	parts  []Part         // new ones
	joined []wire.ID      // parts that are recorded already and waited for these
	open   *triage.Report // opens a case, or joins that of the message; nil = the parts wait
	late   bool           // open joins the case of the report parts[0].Message
	of     *Part          // joined wait for nothing any more: they are copies of this one
}

func (in *Intake) newBatch() *batch {
	return &batch{in: in, known: map[wire.ID]*Part{}, devs: map[uint32]*device{}, counts: map[counter]int{}}
}

func (b *batch) empty() bool {
	return len(b.records)+len(b.refused)+len(b.counts)+len(b.owed)+len(b.done) == 0
}

// lookup returns the part with this ID or Mark, or nil.
func (b *batch) lookup(ctx context.Context, id wire.ID) (*Part, error) {
	if p, asked := b.known[id]; asked {
		return p, nil
	}
	if err := b.ask(ctx, []wire.ID{id}); err != nil {
		return nil, err
	}
	return b.known[id], nil
}

func (b *batch) ask(ctx context.Context, ids []wire.ID) error {
	if len(ids) == 0 {
		return nil
	}
	found, err := b.in.cfg.Store.Known(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if p, ok := found[id]; ok {
			b.known[id] = &p
		} else if _, asked := b.known[id]; !asked {
			b.known[id] = nil
		}
	}
	return nil
}

// prefetch asks in one go for the envelopes that come by MQTT: under load that is one read for 64 arrivals.
func (b *batch) prefetch(ctx context.Context, raws []Raw) error {
	var ids []wire.ID
	for _, r := range raws {
		if r.Link != LinkMQTT {
			continue
		}
		if env, err := wire.ParseEnvelope(r.Bytes); err == nil {
			ids = append(ids, env.ID())
		}
	}
	return b.ask(ctx, ids)
}

// add notes a record; what it holds is known to the rest of the batch.
func (b *batch) add(r record) {
	for i := range r.parts {
		p := &r.parts[i]
		b.known[p.ID] = p
		if p.Mark != (wire.ID{}) {
			b.known[p.Mark] = p
		}
	}
	b.records = append(b.records, r)
}

// refuse puts a frame aside: it changes nothing but a counter.
func (b *batch) refuse(link, reason string, at time.Time, raw []byte) error {
	sealed, err := b.in.to.SealAtRest(labelQuarantine, raw)
	if err != nil {
		return fmt.Errorf("quarantine a frame: %w", err)
	}
	b.refused = append(b.refused, Quarantined{Link: link, Reason: reason, Received: at, Sealed: sealed})
	b.count(link, reason)
	b.in.log.Info("a frame was quarantined", "link", link, "reason", reason)
	return nil
}

func (b *batch) count(link, reason string) { b.counts[counter{link, reason}]++ }

// write does all that was decided, within the store's transaction.
func (b *batch) write(ctx context.Context, tx Tx) error {
	desk := b.in.desk(tx)
	for _, r := range b.records {
		if err := r.write(ctx, tx, desk); err != nil {
			return err
		}
	}
	for c, n := range b.counts {
		if err := tx.Count(ctx, c.link, c.reason, n, b.in.now()); err != nil {
			return err
		}
	}
	for _, q := range b.refused {
		if err := tx.Quarantine(ctx, q, b.in.cfg.Keep); err != nil {
			return err
		}
	}
	for _, a := range b.owed {
		if err := tx.Owe(ctx, a); err != nil {
			return err
		}
	}
	return tx.Done(ctx, b.done)
}

func (r record) write(ctx context.Context, tx Tx, desk *triage.Desk) error {
	home := ""
	if r.late {
		var err error
		switch home, err = tx.CaseOf(ctx, r.parts[0].Message); {
		case errors.Is(err, triage.ErrNoCase):
			// What it should join was never opened. It opens a case itself: nobody may be kept waiting by a fault of ours.
			for i := range r.parts {
				r.parts[i].Message = r.parts[i].Report
			}
		case err != nil:
			return err
		}
	}
	for _, p := range r.parts {
		if _, err := tx.Add(ctx, p); err != nil {
			return err
		}
	}
	if r.of != nil {
		// Each has a report of its own that no officer sees, so that no report of the message shows more than before.
		for _, id := range r.joined {
			if err := tx.Assign(ctx, []wire.ID{id}, id, r.of.Message); err != nil {
				return err
			}
		}
	}
	if r.open == nil {
		return nil
	}
	report, err := wire.ParseID(r.open.Envelope)
	if err != nil {
		return err
	}
	if err := tx.Assign(ctx, r.joined, report, report); err != nil {
		return err
	}
	open := *r.open
	open.Case = home
	// The desk's Open may be repeated: a case that is there for this report stays the only one (invariant 6).
	_, _, err = desk.Open(ctx, open)
	return err
}
