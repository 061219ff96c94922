package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/routing"
	"github.com/langnghe/langnghe/gateway/triage"
)

// frame is what may be an envelope, and how it came.
type frame struct {
	link     string
	from     string      // name in the certificate; MQTT only
	number   pdu.Address // SMS only
	received time.Time
	raw      []byte
}

// judge decides about one arrival. An error is the store's or the keys'; bytes, however hostile, give none (mend). A panic on
// them is a fault of ours: they are put aside, because a gateway that dies on the same arrival at each start serves nobody.
func (b *batch) judge(ctx context.Context, r Raw) (err error) {
	raw := r.Bytes
	defer func() {
		if p := recover(); p != nil {
			b.in.log.Error("reading an arrival failed; it was put aside", "link", r.Link, "arrival", r.ID)
			b.done = append(b.done, r.ID)
			err = b.refuse(r.Link, ReasonUnreadable, r.Received, raw)
		}
	}()
	switch r.Link {
	case LinkMQTT:
		b.done = append(b.done, r.ID)
		return b.frame(ctx, frame{link: r.Link, from: r.From, received: r.Received, raw: raw})
	case LinkSMS:
		if raw, err = b.in.keys.identity.OpenAtRest(labelArrival, r.Bytes); err != nil {
			// It was sealed by another identity. Whoever put the wrong one into place needs it back: nothing is thrown away.
			return fmt.Errorf("open a stored arrival: %w: is intake.identity the one that this database was made with?", err)
		}
		return b.message(ctx, r, raw)
	}
	b.done = append(b.done, r.ID)
	return b.refuse(r.Link, ReasonMalformed, r.Received, raw)
}

// frame decides about bytes that can only be an envelope.
func (b *batch) frame(ctx context.Context, f frame) error {
	refuse := func(reason string) error { return b.refuse(f.link, reason, f.received, f.raw) }
	env, err := wire.ParseEnvelope(f.raw)
	if err != nil {
		if len(f.raw) >= 4 && f.raw[0]&^7 == (wire.Header{}).Append(nil)[0] {
			return refuse(ReasonTruncated)
		}
		return refuse(ReasonMalformed)
	}
	h := env.Header()
	// The envelope proves who sealed it, the certificate who brought it. A device that brings another's envelope has got
	// hold of it somewhere; its owner will bring it himself.
	if f.link == LinkMQTT && f.from != wire.DeviceName(h.Device) {
		return refuse(ReasonWrongDevice)
	}
	dev, err := b.device(ctx, h.Device)
	switch {
	case errors.Is(err, errLocked):
		return refuse(ReasonDeviceKey)
	case err != nil:
		return err
	}
	if dev == nil {
		return refuse(ReasonUnknown)
	}
	id := env.ID()
	known, err := b.lookup(ctx, id)
	if err != nil {
		return err
	}
	if known != nil {
		// The ID is a hash over all bytes: these are the very bytes that have opened before (invariant 6).
		if f.link == LinkSMS && dev.number.Number() != "" && !dev.number.Equal(f.number) {
			return refuse(ReasonReplayed) // a stranger must not make us pay for acks
		}
		b.count(f.link, ReasonDuplicate)
		b.ack(f.link, dev, known.Token)
		return nil
	}
	if h.KEMEpoch != b.in.keys.identity.Epoch() || h.PSKEpoch != dev.PSKEpoch {
		return refuse(ReasonUnknownKey)
	}
	opened, err := b.in.keys.identity.Open(env, dev.psk)
	switch {
	case errors.Is(err, wire.ErrNotBody):
		return refuse(ReasonUnreadable)
	case errors.Is(err, seal.ErrForged):
		return refuse(ReasonForged)
	case err != nil:
		return refuse(ReasonForged)
	}
	p := Part{ID: id, Link: f.link, Device: dev.Index, Token: opened.Token, Received: f.received, Body: f.raw}
	switch body := opened.Body.(type) {
	case wire.Report:
		defer body.Draft.Wipe()
		p.Report, p.Message = id, id
		b.add(record{parts: []Part{p}, open: reportOf(p, dev, body)})
	case wire.Segment:
		defer body.TPDU.Wipe()
		if err := b.segment(ctx, dev, p, body); err != nil {
			return err
		}
	default:
		return refuse(ReasonUnreadable)
	}
	b.ack(f.link, dev, opened.Token)
	return nil
}

// ack notes an ack that goes out when the batch is on disk, to the device that the envelope is of and to nobody else.
func (b *batch) ack(link string, dev *device, t wire.Token) {
	b.acks = append(b.acks, ack{link, dev.downlink(), t})
}

// reportOf is what triage gets to know of a report: where it came from and what routing needs, no word of it.
func reportOf(p Part, dev *device, r wire.Report) *triage.Report {
	d := r.Draft
	f := routing.Facts{Province: dev.Province, Commune: dev.Commune, Alleged: d.Alleged, Environment: d.Environment}
	if c := d.Place.Commune; c != 0 && c != dev.Commune {
		// Somewhere else than where the kiosk stands. Without a directory of places nobody knows the province: the centre
		// reads it first.
		f.Commune, f.Province = c, 0
	}
	return &triage.Report{
		Envelope:   p.ID.String(),
		Received:   p.Received,
		When:       r.Time,
		Link:       p.Link,
		Device:     dev.name(),
		Place:      dev.Place,
		Door:       d.Door,
		Urgency:    r.Urgency.Raise(d.Urgency()), // neither side can lower what the other found
		Categories: append([]report.Category(nil), d.Categories...),
		Facts:      f,
	}
}
