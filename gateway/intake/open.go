package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/triage"
)

// Opener opens sealed reports in memory for triage.Desk, which writes the audit first.
func (in *Intake) Opener() triage.Opener { return opener{in} }

type opener struct{ in *Intake }

// Open implements triage.Opener.
func (o opener) Open(ctx context.Context, reports []triage.Report) ([]triage.Content, error) {
	out := make([]triage.Content, 0, len(reports))
	for _, r := range reports {
		d, partial, err := o.in.content(ctx, r.Envelope)
		if err != nil {
			for i := range out {
				out[i].Draft.Wipe()
			}
			return nil, fmt.Errorf("open report %s: %w", r.Envelope, err)
		}
		full := d.Sender
		d.Sender = masked(full)
		full.Wipe()
		out = append(out, triage.Content{Envelope: r.Envelope, Draft: d, Partial: partial})
	}
	return out, nil
}

// Sender implements triage.Opener.
func (o opener) Sender(ctx context.Context, envelope string) (report.Words, error) {
	d, _, err := o.in.content(ctx, envelope)
	if err != nil {
		return nil, fmt.Errorf("open report %s: %w", envelope, err)
	}
	w := d.Sender.Clone()
	d.Wipe()
	return w, nil
}

// masked shows the last three digits of a number, so that an officer can tell two senders apart.
func masked(n report.Words) report.Words {
	if len(n) == 0 {
		return nil
	}
	m := report.Words("•••• ")
	if len(n) >= 8 {
		m = append(m, n[len(n)-3:]...)
	}
	return m
}

var errNoParts = errors.New("nothing is stored under this report")

// content opens a report: partial tells that segments of its message are missing.
func (in *Intake) content(ctx context.Context, envelope string) (d report.Draft, partial bool, err error) {
	id, err := wire.ParseID(envelope)
	if err != nil {
		return d, false, err
	}
	parts, err := in.cfg.Store.Parts(ctx, id)
	if err != nil {
		return d, false, err
	}
	if len(parts) == 0 {
		return d, false, errNoParts
	}
	var segments []pdu.Part
	unread := 0
	for _, p := range parts {
		if p.Device != NoDevice {
			dev, err := in.device(ctx, p.Device)
			if err != nil {
				return d, false, err
			}
			opened, err := in.keys.identity.Open(wire.Envelope(p.Body), dev.psk)
			if err != nil {
				return d, false, err
			}
			if r, ok := opened.Body.(wire.Report); ok {
				return r.Draft, false, nil
			}
		}
		tpdu, err := in.openSMS(ctx, p)
		if err != nil {
			return d, false, err
		}
		s, err := pdu.DecodeDeliver(tpdu)
		clear(tpdu)
		if err != nil {
			unread++
			continue
		}
		segments = append(segments, pdu.Part{Deliver: s})
	}
	segments, whole := arrange(segments)
	d = report.Draft{Door: report.DoorSMS, Text: report.Words(pdu.JoinText(segments)).NFC()}
	if len(segments) > 0 {
		d.Sender = report.Words(segments[0].Deliver.From.Number())
	}
	return d, unread > 0 || !whole, nil
}

// arrange puts segments in order, one of each; whole tells whether none is missing.
func arrange(parts []pdu.Part) (ordered []pdu.Part, whole bool) {
	seq := func(p pdu.Part) uint8 {
		if p.Deliver.Concat == nil {
			return 1
		}
		return p.Deliver.Concat.Seq
	}
	slices.SortStableFunc(parts, func(a, b pdu.Part) int { return int(seq(a)) - int(seq(b)) })
	parts = slices.CompactFunc(parts, func(a, b pdu.Part) bool { return seq(a) == seq(b) })
	total := 1
	if len(parts) > 0 && parts[0].Deliver.Concat != nil {
		total = int(parts[0].Deliver.Concat.Total)
	}
	return parts, len(parts) == total
}

// openSMS opens the SMS-DELIVER in a part that is one.
func (in *Intake) openSMS(ctx context.Context, p Part) ([]byte, error) {
	if p.Device == NoDevice {
		return in.keys.identity.OpenAtRest(labelReport, p.Body)
	}
	dev, err := in.device(ctx, p.Device)
	if err != nil {
		return nil, err
	}
	tpdu, _, err := in.openSegment(p, dev)
	return tpdu, err
}

func (in *Intake) openSegment(p Part, dev *device) ([]byte, report.Bucket, error) {
	opened, err := in.keys.identity.Open(wire.Envelope(p.Body), dev.psk)
	if err != nil {
		return nil, report.Bucket{}, fmt.Errorf("open a segment: %w", err)
	}
	s, ok := opened.Body.(wire.Segment)
	if !ok {
		return nil, report.Bucket{}, errors.New("open a segment: it is none")
	}
	return s.TPDU, s.Time, nil
}

// Vault seals officers' notes to the intake identity.
func (in *Intake) Vault() triage.Vault { return vault{in} }

type vault struct{ in *Intake }

const labelNote = "note"

// Seal implements triage.Vault.
func (v vault) Seal(note []byte) ([]byte, error) { return v.in.to.SealAtRest(labelNote, note) }

// Open implements triage.Vault.
func (v vault) Open(sealed []byte) ([]byte, error) {
	return v.in.keys.identity.OpenAtRest(labelNote, sealed)
}
