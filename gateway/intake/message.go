package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/routing"
	"github.com/langnghe/langnghe/gateway/triage"
)

// waiting is an SMS that came straight to the gateway. While it waits for other segments its arrival stays in the store.
type waiting struct {
	arrival  int64
	received time.Time
	id       wire.ID
	mark     wire.ID
	group    wire.ID
	tpdu     []byte
}

// message decides about an SMS. Only 8-bit data can be a frame; any other message is a report, whoever sent it.
func (b *batch) message(ctx context.Context, r Raw, tpdu []byte) error {
	d, err := pdu.DecodeDeliver(tpdu)
	if err != nil {
		b.done = append(b.done, r.ID)
		if errors.Is(err, pdu.ErrStatusReport) {
			return nil // says what became of a message of ours; nothing depends on it
		}
		return b.refuse(LinkSMS, ReasonMalformed, r.Received, tpdu)
	}
	w := &waiting{arrival: r.ID, received: r.Received, tpdu: tpdu}
	if d.Coding != pdu.Binary {
		k := b.in.keys
		w.mark, w.group = k.markOf(NoDevice, d), k.groupOf(NoDevice, d)
		if w.id = w.mark; w.id == (wire.ID{}) {
			w.id = k.digest("arrival", fmt.Append(nil, r.ID, r.Received.UnixMilli()))
		}
		known, err := b.lookup(ctx, w.id)
		if err != nil {
			return err
		}
		if known != nil {
			b.done = append(b.done, r.ID)
			b.count(LinkSMS, ReasonDuplicate)
			return nil
		}
		late, copied, err := b.placed(ctx, w.group, d, r.Received)
		switch {
		case err != nil:
			return err
		case copied != nil:
			b.done = append(b.done, r.ID)
			b.count(LinkSMS, ReasonDuplicate)
			return nil
		case late != nil:
			return b.straight(ctx, []pdu.Part{{Deliver: d, Key: w}}, late)
		}
	}
	whole, ok := b.in.direct.Add(pdu.Part{Deliver: d, Key: w}, r.Received)
	if !ok {
		return nil
	}
	return b.complete(ctx, whole)
}

// complete works off the parts of a whole message that came straight here.
func (b *batch) complete(ctx context.Context, parts []pdu.Part) error {
	if parts[0].Deliver.Coding != pdu.Binary {
		return b.straight(ctx, parts, nil)
	}
	b.finish(parts)
	last := parts[len(parts)-1]
	return b.frame(ctx, frame{
		link: LinkSMS, number: last.Deliver.From, received: last.Key.(*waiting).received, raw: pdu.JoinBytes(parts),
	})
}

// finish takes the arrivals of parts away, with those of their copies.
func (b *batch) finish(parts []pdu.Part) {
	for _, p := range parts {
		b.done = append(b.done, p.Key.(*waiting).arrival)
		for _, k := range p.Also {
			b.done = append(b.done, k.(*waiting).arrival)
			b.count(LinkSMS, ReasonDuplicate)
		}
	}
}

// straight records the parts of a villager's message and opens its case, or joins that of the message of which they are
// late parts. One answer is owed for a case, none for a late part.
func (b *batch) straight(ctx context.Context, parts []pdu.Part, late *Part) error {
	b.finish(parts)
	rec := record{late: late != nil}
	first := parts[0].Key.(*waiting)
	message := first.id
	if late != nil {
		message = late.Message
	}
	received := first.received
	for _, p := range parts {
		w := p.Key.(*waiting)
		body, err := b.in.to.SealAtRest(labelReport, w.tpdu)
		if err != nil {
			return fmt.Errorf("seal a message: %w", err)
		}
		if w.received.After(received) {
			received = w.received
		}
		rec.parts = append(rec.parts, Part{ID: w.id, Link: LinkSMS, Device: NoDevice, Received: w.received, Body: body,
			Mark: w.mark, Group: w.group, Report: first.id, Message: message})
	}
	rec.open = textReport(first.id, parts, report.NewBucket(received, true), received)
	rec.open.Link = LinkSMS
	b.add(rec)
	if late != nil {
		return nil
	}
	return b.answer(ctx, parts[0].Deliver.From, received)
}

// textReport is what triage gets to know of a villager's message: that there are words that nobody has read.
func textReport(id wire.ID, parts []pdu.Part, when report.Bucket, received time.Time) *triage.Report {
	d := report.Draft{Door: report.DoorSMS, Text: report.Words(pdu.JoinText(parts))}
	defer d.Wipe()
	return &triage.Report{Envelope: id.String(), Received: received, When: when, Door: report.DoorSMS, Urgency: d.Urgency()}
}

// segment decides about a villager's SMS that a kiosk relayed as it was. It is recorded and acked at once; its case opens
// when its message is whole.
func (b *batch) segment(ctx context.Context, dev *device, p Part, s wire.Segment) error {
	d, err := pdu.DecodeDeliver(s.TPDU)
	if err != nil {
		// Nobody can read it, but a kiosk found it worth keeping: an officer sees that something came.
		b.relayed(dev, []pdu.Part{{Key: &p}}, &p, s.Time, nil)
		return nil
	}
	k := b.in.keys
	p.Mark, p.Group = k.markOf(dev.Index, d), k.groupOf(dev.Index, d)
	if p.Mark != (wire.ID{}) {
		known, err := b.lookup(ctx, p.Mark)
		if err != nil {
			return err
		}
		if known != nil {
			b.copied(p)
			return nil
		}
	}
	late, copied, err := b.placed(ctx, p.Group, d, p.Received)
	if err != nil {
		return err
	}
	if copied != nil {
		b.copied(p)
		return nil
	}
	whole, ok := []pdu.Part{{Deliver: d, Key: &p}}, late != nil
	if !ok {
		whole, ok = b.in.joiner(dev.Index).Add(whole[0], p.Received)
	}
	if !ok {
		b.add(record{parts: []Part{p}})
		return nil
	}
	b.relayed(dev, whole, &p, s.Time, late)
	return nil
}

// copied records an envelope whose SMS is recorded already in another one. It gets its own ack; the words are there.
func (b *batch) copied(p Part) {
	b.count(p.Link, ReasonDuplicate)
	p.Mark, p.Group, p.Report, p.Message = wire.ID{}, wire.ID{}, p.ID, p.ID
	b.add(record{parts: []Part{p}})
}

// relayed opens the case of a message whose parts a kiosk relayed. added is the one that is not recorded yet, or nil.
func (b *batch) relayed(dev *device, parts []pdu.Part, added *Part, when report.Bucket, late *Part) {
	first := parts[0].Key.(*Part)
	rec := record{late: late != nil}
	for _, p := range parts {
		for _, k := range append([]any{p.Key}, p.Also...) {
			if q := k.(*Part); q != added {
				rec.joined = append(rec.joined, q.ID)
			}
		}
	}
	received, link := first.Received, first.Link
	if added != nil {
		added.Report, added.Message = first.ID, first.ID
		if late != nil {
			added.Message = late.Message
		}
		rec.parts = []Part{*added}
		received, link = added.Received, added.Link
	}
	rec.open = textReport(first.ID, parts, when, received)
	rec.open.Link, rec.open.Device, rec.open.Place = link, dev.name(), dev.Place
	rec.open.Facts = routing.Facts{Province: dev.Province, Commune: dev.Commune}
	b.add(rec)
}

func (in *Intake) joiner(device uint32) *pdu.Joiner {
	j := in.relayed[device]
	if j == nil {
		j = pdu.NewJoiner(64)
		in.relayed[device] = j
	}
	return j
}

// resume fills the joiners with the segments of kiosks that waited when the last process ended. One that can't be read is
// left out until the next start: it is stored.
func (in *Intake) resume(ctx context.Context) error {
	parts, err := in.cfg.Store.Group(ctx, wire.ID{}, time.Time{})
	if err != nil {
		return err
	}
	b := in.newBatch()
	for i := range parts {
		p := &parts[i]
		if in.unread[p.ID] {
			continue
		}
		dev, d, when, err := b.reread(ctx, p)
		if ctx.Err() != nil || errors.Is(err, ErrUnavailable) {
			return err
		}
		if err != nil {
			in.unread[p.ID] = true
			in.log.Error("a segment that waits can't be read; it is set apart, the others go on", "device", wire.DeviceName(p.Device), "error", err)
			continue
		}
		whole, ok := in.joiner(p.Device).Add(pdu.Part{Deliver: d, Key: p}, p.Received)
		if !ok {
			continue
		}
		if err := in.settle(ctx, whole, func(b *batch) error { b.relayed(dev, whole, nil, when, nil); return nil }); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) reread(ctx context.Context, p *Part) (dev *device, d pdu.Deliver, when report.Bucket, err error) {
	if dev, err = b.device(ctx, p.Device); err == nil && dev == nil {
		err = fmt.Errorf("%w: %s", ErrNoDevice, wire.DeviceName(p.Device))
	}
	if err != nil {
		return nil, d, when, err
	}
	tpdu, when, err := b.in.openSegment(*p, dev)
	if err != nil {
		return nil, d, when, err
	}
	d, err = pdu.DecodeDeliver(tpdu)
	return dev, d, when, err
}

// maxSpread is how far apart the time stamps of the segments of one message may lie; pdu.Joiner uses the same.
const maxSpread = 10 * time.Minute

// placed says what d is beside the messages that were opened before: a copy of one of their segments that the network
// stamped anew, or a segment of theirs that came late, or nothing. It returns that segment, or one of that message. Both have the same sender, reference and total, and
// time stamps that are near.
func (b *batch) placed(ctx context.Context, group wire.ID, d pdu.Deliver, received time.Time) (late, copied *Part, err error) {
	if group == (wire.ID{}) {
		return nil, nil, nil
	}
	parts, err := b.in.cfg.Store.Group(ctx, group, received.Add(-lateFor))
	if err != nil {
		return nil, nil, err
	}
	taken := map[wire.ID]bool{} // by message: d does not fit
	for i := range parts {
		p := &parts[i]
		if p.Report == (wire.ID{}) {
			continue
		}
		tpdu, err := b.in.openSMS(ctx, *p)
		if ctx.Err() != nil || errors.Is(err, ErrUnavailable) {
			return nil, nil, err
		}
		if err != nil {
			taken[p.Message] = true // what can't be read is no home and no original, and keeps nobody waiting
			continue
		}
		held, err := pdu.DecodeDeliver(tpdu)
		near := !d.SCTS.IsZero() && !held.SCTS.IsZero() && d.SCTS.Sub(held.SCTS).Abs() <= maxSpread
		switch {
		case err != nil || held.Concat == nil || !near:
			taken[p.Message] = true
		case held.Concat.Seq == d.Concat.Seq:
			if bytes.Equal(held.Data, d.Data) {
				return nil, p, nil
			}
			taken[p.Message] = true
		}
		clear(tpdu)
	}
	for i := range parts {
		if p := &parts[i]; p.Report != (wire.ID{}) && !taken[p.Message] {
			return p, nil, nil
		}
	}
	return nil, nil, nil
}

// expire opens the cases of messages whose missing segments have not come within the patience: what is there is read now,
// and what comes later joins the case. Frames that stay incomplete are put aside; their device sends them again.
func (in *Intake) expire(ctx context.Context) error {
	now := in.now()
	for _, set := range in.direct.Expire(now, in.cfg.Patience) {
		if err := in.settle(ctx, set, func(b *batch) error { return b.partial(ctx, set, now) }); err != nil {
			return err
		}
	}
	for index, j := range in.relayed {
		for _, set := range j.Expire(now, in.cfg.Patience) {
			if err := in.settle(ctx, set, func(b *batch) error { return b.incomplete(ctx, index, set) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// incomplete works off an incomplete message that a kiosk relayed.
func (b *batch) incomplete(ctx context.Context, index uint32, set []pdu.Part) error {
	dev, err := b.device(ctx, index)
	if err != nil {
		return err
	}
	if dev == nil {
		return fmt.Errorf("open an incomplete message: %w: %s", ErrNoDevice, wire.DeviceName(index))
	}
	set, err = b.fresh(ctx, set, func(p pdu.Part) (wire.ID, time.Time) {
		q := p.Key.(*Part)
		return q.Group, q.Received
	}, func(p pdu.Part, of *Part) {
		rec := record{of: of}
		for _, k := range append([]any{p.Key}, p.Also...) {
			q := k.(*Part)
			b.count(q.Link, ReasonDuplicate)
			rec.joined = append(rec.joined, q.ID)
		}
		b.records = append(b.records, rec)
	})
	if err != nil || len(set) == 0 {
		return err
	}
	b.relayed(dev, set, nil, report.NewBucket(set[0].Key.(*Part).Received, true), nil)
	return nil
}

// partial works off an incomplete message that came straight here.
func (b *batch) partial(ctx context.Context, set []pdu.Part, now time.Time) error {
	if set[0].Deliver.Coding == pdu.Binary {
		b.finish(set)
		if set[0].Repeat {
			b.count(LinkSMS, ReasonDuplicate)
			return nil
		}
		return b.refuse(LinkSMS, ReasonTruncated, now, pdu.JoinBytes(set))
	}
	set, err := b.fresh(ctx, set, func(p pdu.Part) (wire.ID, time.Time) {
		w := p.Key.(*waiting)
		return w.group, w.received
	}, func(p pdu.Part, _ *Part) {
		b.finish([]pdu.Part{p})
		b.count(LinkSMS, ReasonDuplicate)
	})
	if err != nil || len(set) == 0 {
		return err
	}
	return b.straight(ctx, set, nil)
}

// fresh returns the parts of an incomplete set that are no copies of what was opened since they came, and hands the copies
// to drop, each with what it is a copy of.
func (b *batch) fresh(ctx context.Context, set []pdu.Part, of func(pdu.Part) (wire.ID, time.Time), drop func(p pdu.Part, of *Part)) ([]pdu.Part, error) {
	var left []pdu.Part
	for _, p := range set {
		group, received := of(p)
		_, copied, err := b.placed(ctx, group, p.Deliver, received)
		if err != nil {
			return nil, err
		}
		if copied != nil {
			drop(p, copied)
		} else {
			left = append(left, p)
		}
	}
	return left, nil
}
