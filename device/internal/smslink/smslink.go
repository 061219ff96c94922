// Package smslink carries envelopes over the modem as 8-bit SMS, and the kiosk's answers to villagers as text. It is the
// one sender of the modem; what comes in comes through inbox.
package smslink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/langnghe/langnghe/device/internal/inbox"
	"github.com/langnghe/langnghe/device/internal/relay"
	"github.com/langnghe/langnghe/device/internal/supervise"
	"github.com/langnghe/langnghe/device/modem"
	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/wire"
)

const (
	// maxAnswers bounds the answers that wait for the network. Beyond it the oldest is dropped: an answer may be missing,
	// a report never.
	maxAnswers = 64
	// answerFor is how late an answer may come. Later it only tells whoever holds the phone by then.
	answerFor = time.Hour
	tries     = 3
	pause     = 5 * time.Second
)

// Options are what a Link works with. Send and Ready are those of modem.Modem.
type Options struct {
	Send    func(context.Context, pdu.Submit) (mr byte, err error)
	Ready   func() bool
	Gateway pdu.Address // where envelopes go
	Inbox   *inbox.Inbox
	Log     *slog.Logger
}

// Link is the relay's SMS link.
type Link struct {
	o       Options
	turns   turns
	running atomic.Bool

	mu      sync.Mutex // guards answers
	answers []reply
	wake    chan struct{}
}

// reply is an answer that waits. It tells who texted what to a child protection line, so it lives in memory only.
type reply struct {
	to   pdu.Address
	text string
	at   time.Time
}

var _ relay.Link = (*Link)(nil)

// New makes the link; it starts nothing.
func New(o Options) *Link { return &Link{o: o, wake: make(chan struct{}, 1)} }

// Name is relay.SMS.
func (l *Link) Name() string { return relay.SMS }

// Ready tells whether the modem could send now.
func (l *Link) Ready() bool { return l.running.Load() && l.o.Ready() }

// Send cuts env into segments and submits them in order. The reference of the segments is the start of the envelope's ID,
// so a resend is made of the same segments, and the gateway can complete with it what arrived of an earlier one.
func (l *Link) Send(ctx context.Context, env wire.Envelope) error {
	if !l.running.Load() {
		return fmt.Errorf("sms: the link is not running: %w", relay.ErrNotSent)
	}
	id := env.ID()
	segments, err := pdu.SubmitBinary(l.o.Gateway, env, binary.BigEndian.Uint16(id[:]), pdu.SubmitOptions{})
	if err != nil {
		return fmt.Errorf("sms: cut the envelope: %w: %w", err, relay.ErrNotSent)
	}
	if err := l.turns.take(ctx, envelope); err != nil {
		return fmt.Errorf("sms: %w: %w", err, relay.ErrNotSent)
	}
	defer l.turns.give()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("sms: %w: %w", err, relay.ErrNotSent)
	}
	for i, s := range segments {
		_, err := l.o.Send(ctx, s)
		switch {
		case err == nil:
		case i == 0 && errors.Is(err, modem.ErrNotSent):
			return fmt.Errorf("sms: %w: %w", err, relay.ErrNotSent)
		default:
			// What has left counts, whatever became of the rest: perhaps sent (invariant 7). The cause is told but not
			// wrapped, as it may be an ErrNotSent.
			return fmt.Errorf("sms: submit segment %d of %d: %v", i+1, len(segments), err)
		}
		// The first segment is out: from here on the modem's deadline counts, not ctx.
		ctx = context.WithoutCancel(ctx)
	}
	return nil
}

// Run hands the gateway's frames to deliver, and sends answers, until ctx ends.
func (l *Link) Run(ctx context.Context, deliver func(context.Context, []byte) error) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.running.Store(true)
	defer l.running.Store(false)
	wg.Go(func() { l.answer(ctx) })
	return l.o.Inbox.Frames(ctx, deliver)
}

// Answer queues a text for a villager and returns at once. It may be lost: with the power, or when no network comes.
func (l *Link) Answer(to pdu.Address, text string) {
	l.mu.Lock()
	if len(l.answers) == maxAnswers {
		l.answers = l.answers[1:]
	}
	l.answers = append(l.answers, reply{to, text, time.Now()})
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *Link) next() (reply, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.answers) == 0 {
		return reply{}, false
	}
	r := l.answers[0]
	l.answers[0] = reply{}
	l.answers = l.answers[1:]
	return r, true
}

// answer sends the answers one after another.
func (l *Link) answer(ctx context.Context) {
	for {
		r, ok := l.next()
		if !ok {
			select {
			case <-l.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		// Fenced: nobody supervises this goroutine. An answer may be missing.
		if err := supervise.Call(func() error { l.say(ctx, r); return nil }); err != nil {
			l.o.Log.Error("an answer was given up", "error", err)
		}
	}
}

func (l *Link) say(ctx context.Context, r reply) {
	segments, err := pdu.SubmitText(r.to, r.text, 0, pdu.SubmitOptions{})
	if err != nil || len(segments) != 1 {
		l.o.Log.Error("an answer is no single SMS", "error", err, "segments", len(segments))
		return
	}
	for tried := 0; tried < tries && time.Since(r.at) < answerFor && ctx.Err() == nil; {
		if l.o.Ready() {
			tried++
			if l.turns.take(ctx, answer) != nil {
				return
			}
			err = l.submit(ctx, segments[0])
			// Debug, as a log with a time would tell when somebody texted. Unknown is perhaps sent: a second answer would
			// only confuse.
			l.o.Log.Debug("answer ended", "error", err)
			if !errors.Is(err, modem.ErrNotSent) {
				return
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// submit sends one segment and gives the turn back, whatever happens.
func (l *Link) submit(ctx context.Context, s pdu.Submit) error {
	defer l.turns.give()
	_, err := l.o.Send(ctx, s)
	return err
}
