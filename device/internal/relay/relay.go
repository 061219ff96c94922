// Package relay decides what goes out, when and by which link, and applies the acks that come back. It is the single
// owner of the schedule and of the attempts. route.go is the pure part: who goes when; this file does it.
package relay

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/langnghe/langnghe/device/internal/outbox"
	"github.com/langnghe/langnghe/device/internal/supervise"
	"github.com/langnghe/langnghe/device/wire"
)

// Config is the relay's timing. A zero field takes its default.
type Config struct {
	SMSAfter    time.Duration // MQTT may be down so long before a report that is not urgent goes by SMS; 20 s
	MQTTAckWait time.Duration // from an MQTT attempt to the second one when no ack comes; 10 s
	SMSAckWait  time.Duration // the same by SMS; 3 min
	Patience    time.Duration // a report without an ack for so long goes by SMS too, though MQTT is up; 10 min
	StartJitter time.Duration // what waits at start goes out spread over this; 2 s
	Poll        time.Duration // how often links are asked whether they are ready, while something waits; 1 s
}

func (c Config) withDefaults() Config {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.SMSAfter, 20 * time.Second}, {&c.MQTTAckWait, 10 * time.Second}, {&c.SMSAckWait, 3 * time.Minute},
		{&c.Patience, 10 * time.Minute}, {&c.StartJitter, 2 * time.Second}, {&c.Poll, time.Second},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return c
}

// pause is how long the relay leaves an outbox alone that can't be written just now.
const pause = 10 * time.Second

// Relay moves envelopes from the outbox to the links.
type Relay struct {
	box   *outbox.Outbox
	links []Link
	cfg   Config
	log   *slog.Logger

	wake    chan struct{} // an envelope was stored; holds one
	inbound chan struct{} // a frame was stored; holds one
	results chan result   // from Sends to Run

	// Written and read by Run alone.
	began   time.Time
	book    *book
	sending int
	acked   *recent
	trouble string // the last trouble with the outbox, so that it is logged once
}

type result struct {
	departure
	attempt int64
	out     outbox.Outcome
}

// New makes a relay over the outbox and the links. It starts nothing.
func New(box *outbox.Outbox, links []Link, cfg Config, log *slog.Logger) *Relay {
	cfg = cfg.withDefaults()
	return &Relay{
		box: box, links: links, cfg: cfg, log: log,
		wake: make(chan struct{}, 1), inbound: make(chan struct{}, 1), results: make(chan result),
		book: newBook(paths(links, cfg), cfg), acked: newRecent(256),
	}
}

// Wake tells that an envelope was stored or released. It never blocks. Were it never called, the envelope would go out
// after a restart.
func (r *Relay) Wake() { signal(r.wake) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is waiting already
	}
}

func (r *Relay) now() time.Duration { return time.Since(r.began) }

// Run sends what waits until ctx ends, then waits for the Sends that are under way. It returns nil then; any other return
// is an outbox that can't be used any more. Call it once.
func (r *Relay) Run(ctx context.Context) error {
	r.began = time.Now()
	defer r.finish(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // before finish: a Send that has not begun need not
	timer := time.NewTimer(0)
	defer timer.Stop()
	start, list, take := true, true, true
	var rest time.Duration // until then the outbox is left alone
	for ctx.Err() == nil {
		look := rest
		if r.now() >= rest {
			var err error
			look, err = r.round(ctx, &start, &list, &take)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil && !passes(err):
				return err
			case err != nil:
				if r.trouble != err.Error() {
					r.log.Warn("outbox can't be used now; trying again", "error", err)
				}
				r.trouble = err.Error()
				list, take = true, true
				rest = r.now() + pause
				look = rest
			default:
				r.trouble = ""
			}
		}
		if look == never {
			timer.Stop()
		} else {
			timer.Reset(look - r.now())
		}
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-r.wake:
			list = true
		case <-r.inbound:
			take = true
		case res := <-r.results:
			r.end(ctx, res)
		}
	}
	return nil
}

// passes tells whether the trouble may pass by itself: then the kiosk's other work goes on meanwhile.
func passes(err error) bool {
	return errors.Is(err, outbox.ErrFull) || errors.Is(err, outbox.ErrBusy) || errors.Is(err, outbox.ErrReadOnly)
}

// round does all that can be done now, and says when to look again. It is the same at start as on any day.
func (r *Relay) round(ctx context.Context, start, list, take *bool) (look time.Duration, err error) {
	if *take {
		if err := r.takeInbound(ctx); err != nil {
			return 0, err
		}
		*take = false
	}
	if *list {
		items, err := r.box.Due(ctx)
		if err != nil {
			return 0, err
		}
		r.book.put(r.now(), items, *start, rand.Float64)
		*list, *start = false, false
	}
	now := r.now()
	for i, l := range r.links {
		r.book.setReady(now, i, l.Ready())
	}
	out, look := r.book.plan(now)
	for _, d := range out {
		if err := r.depart(ctx, d); err != nil {
			return 0, err
		}
	}
	if len(r.book.entries) > 0 {
		look = min(look, now+r.cfg.Poll) // no link says when it becomes ready
	}
	return look, nil
}

// depart begins an attempt and its Send.
func (r *Relay) depart(ctx context.Context, d departure) error {
	env, err := r.box.Envelope(ctx, d.id)
	var attempt int64
	if err == nil {
		// Invariant 3: on disk before the first byte. If we die after this line, it counts as perhaps sent.
		attempt, err = r.box.BeginAttempt(ctx, d.id, r.links[d.link].Name())
	}
	if errors.Is(err, outbox.ErrGone) {
		r.book.drop(d.id) // replaced by the report that was made of it
		return nil
	}
	if err != nil {
		return err
	}
	r.book.begin(d.id, d.link)
	r.sending++
	link := r.links[d.link]
	go func() { // owned by Run: finish waits for it
		r.results <- result{d, attempt, r.send(ctx, link, env)}
	}()
	return nil
}

// send gives env to a link, and fences the link: a panic in it is an outcome that we do not know.
func (r *Relay) send(ctx context.Context, link Link, env wire.Envelope) outbox.Outcome {
	err := supervise.Call(func() error { return link.Send(ctx, env) })
	out := outbox.Unknown
	switch {
	case err == nil:
		out = outbox.Accepted
	case errors.Is(err, ErrNotSent):
		out = outbox.NotSent
	}
	// Debug, as a log with a time would tell when a report was made.
	r.log.Debug("attempt ended", "link", link.Name(), "outcome", out, "error", err)
	return out
}

// end takes the outcome of a Send.
func (r *Relay) end(ctx context.Context, res result) {
	r.sending--
	r.book.end(r.now(), res.id, res.link, res.out, rand.Float64())
	// Not cancelled: what is known now should not be unknown after the restart.
	if err := r.box.EndAttempt(context.WithoutCancel(ctx), res.attempt, res.out); err != nil {
		// The attempt stays open on disk, so that it counts as perhaps sent after a restart.
		r.log.Warn("the end of an attempt could not be recorded", "error", err)
	}
}

// finish waits for the Sends under way; each heeds its carrier's deadline.
func (r *Relay) finish(ctx context.Context) {
	for r.sending > 0 {
		r.end(ctx, <-r.results)
	}
}
