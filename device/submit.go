package device

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
)

// storeFor bounds how long storing may take. A card that needs longer is broken.
const storeFor = 15 * time.Second

// ErrStopped is the error of a Submit that came when its context had ended: nothing was stored.
var ErrStopped = errors.New("submit was given up before it began")

// Submit takes a report from the screen. nil means that it lies sealed on stable storage (invariant 1) and the receipt may
// be shown. An error means that it was not stored, except where it took longer than storeFor: then nobody knows. It needs no modem
// and no network. dr's words are wiped whatever happens; errors hold none of them (invariant 8).
func (d *Device) Submit(ctx context.Context, dr report.Draft) (report.Receipt, error) {
	defer dr.Wipe()
	if ctx.Err() != nil {
		return report.Receipt{}, ErrStopped
	}
	dr.Door = report.DoorScreen
	sealed, urgent, err := d.seal(&dr, report.U4)
	if err != nil {
		return report.Receipt{}, err
	}
	err = d.store(ctx, func(ctx context.Context) error { return d.outbox.Add(ctx, sealed, urgent) })
	if err != nil {
		return report.Receipt{}, err
	}
	return sealed.Receipt, nil
}

// store runs one write of the outbox. Once it has begun, the caller's patience no longer counts: a write that is given up
// in the middle is perhaps done.
func (d *Device) store(ctx context.Context, write func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeFor)
	defer cancel()
	if err := write(ctx); err != nil {
		d.health.Refused(err)
		return fmt.Errorf("store the report: %w", err)
	}
	// The envelope is on disk. If we die now, Run finds it due at start.
	d.relay.Wake()
	return nil
}

// seal checks and seals dr. raise may make it more urgent, never less. What is left of dr is the caller's to wipe.
func (d *Device) seal(dr *report.Draft, raise report.Urgency) (s seal.Sealed, urgent bool, err error) {
	dr.Normalise()
	if dr.Place.Commune == 0 && len(dr.Place.Name) == 0 {
		dr.Place.Commune = d.cfg.Device.Commune
	}
	u := dr.Urgency().Raise(raise)
	// The time is coarse: a finer one would tell the staff of the room who was at the screen.
	s, err = d.sealer.Seal(wire.Report{Draft: *dr, Urgency: u, Time: d.now()})
	// Only danger now races on all links: it costs money, and it shows an observer that something was sent (invariant 11).
	return s, u == report.U0, err
}
