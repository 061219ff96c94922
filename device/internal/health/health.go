// Package health knows how the kiosk is: whether it can store, whether its clock can be trusted, and what the gateway
// and systemd should hear. It feeds the watchdog only after it has read the outbox, so a kiosk whose store hangs is
// restarted.
package health

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/langnghe/langnghe/device/internal/outbox"
	"github.com/langnghe/langnghe/device/wire"
)

const (
	lookEvery = 5 * time.Second
	// patience is how long the outbox may be unreadable before the process ends, so that systemd starts it anew.
	patience = time.Minute
	sendFor  = 10 * time.Second
)

// Options are what Health watches and whom it tells.
type Options struct {
	Outbox *outbox.Outbox
	Clock  *Clock
	// Every is the time between heartbeats.
	Every time.Duration
	// Program is the build's version.
	Program string
	// Look fills in what Health does not know: modem, signal and registration. It also gives the mobile network's time,
	// zero where it has none. It must not block.
	Look func(*wire.Heartbeat) (network time.Time)
	// Send carries a heartbeat to the gateway. An error is not repeated: the next heartbeat says it all again. nil: nobody
	// to tell.
	Send func(context.Context, wire.Heartbeat) error
	Log  *slog.Logger
}

// State is what the last look found.
type State struct {
	Counts   outbox.Counts
	CanStore error // nil, or the sentence that says why not
	ClockOK  bool
}

// Health is made by New; Run keeps it alive.
type Health struct {
	o     Options
	began time.Time

	mu    sync.Mutex // guards state; held for a copy only, so that the screen never waits
	state State

	told error // what the last look found of CanStore; only look
}

// New starts nothing. Until Run has looked, State trusts the outbox, which has just been opened.
func New(o Options) *Health { return &Health{o: o, began: time.Now()} }

// State is what the last look found. It never blocks.
func (h *Health) State() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

// Refused tells that a report could not be stored just now. State says so at once, until the next look; the log does not,
// as a line with a time would tell when somebody stood at the screen.
func (h *Health) Refused(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state.CanStore = err
}

// tell speaks to systemd (sd_notify(3)). Where none listens it does nothing.
func tell(state string) error {
	_, err := daemon.SdNotify(false, state)
	return err
}

// Run looks every few seconds, feeds the watchdog and sends heartbeats until ctx ends. An outbox that stays unreadable
// ends it with an error, and with it the process.
func (h *Health) Run(ctx context.Context) error {
	if err := tell(daemon.SdNotifyReady); err != nil {
		h.o.Log.Warn("systemd can't be told that the kiosk is ready", "error", err)
	}
	// systemd is on its way to hear it from the exit anyway.
	defer func() { _ = tell(daemon.SdNotifyStopping) }()
	beats, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() { h.beat(beats) })

	every := lookEvery
	if w, err := daemon.SdWatchdogEnabled(false); err != nil {
		h.o.Log.Warn("systemd's watchdog can't be asked for", "error", err)
	} else if w > 0 {
		every = min(every, w/3)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	good := time.Now()
	said := ""
	for {
		err := h.look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			good, said = time.Now(), ""
			if err := tell(daemon.SdNotifyWatchdog); err != nil {
				h.o.Log.Warn("the watchdog can't be fed", "error", err)
			}
		case time.Since(good) > patience:
			return fmt.Errorf("the outbox has not answered for %v: %w", patience, err)
		case err.Error() != said:
			said = err.Error()
			h.o.Log.Error("the outbox can't be read", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// look reads the outbox and the clock. Its error is that of the reading: one that the watchdog should know of.
func (h *Health) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	counts, err := h.o.Outbox.Counts(ctx)
	s := State{Counts: counts, CanStore: err}
	if err == nil {
		s.CanStore = h.o.Outbox.CanStore(ctx)
	}
	h.o.Clock.Learn(h.o.Look(&wire.Heartbeat{}))
	s.ClockOK = h.o.Clock.Trusted()
	if err := h.o.Clock.Save(); err != nil {
		h.o.Log.Debug("the time is not kept for the next start", "error", err)
	}
	h.mu.Lock()
	h.state = s
	h.mu.Unlock()
	was := h.told
	h.told = s.CanStore
	switch {
	case s.CanStore != nil && was == nil:
		h.o.Log.Error("reports can't be stored", "error", s.CanStore)
	case s.CanStore == nil && was != nil:
		h.o.Log.Info("reports can be stored again")
	}
	return err
}

// beat sends heartbeats. It is apart from the looks: a slow link must not starve the watchdog.
func (h *Health) beat(ctx context.Context) {
	if h.o.Send == nil {
		return
	}
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return
		}
		next := h.o.Every
		sending, cancel := context.WithTimeout(ctx, sendFor)
		if err := h.o.Send(sending, h.Heartbeat()); err != nil {
			h.o.Log.Debug("no heartbeat", "error", err)
			// The link is perhaps just coming up: the first heartbeat tells the gateway that the kiosk is back.
			next = min(next, lookEvery)
		}
		cancel()
		wait.Reset(next)
	}
}

// Heartbeat is what the kiosk says of itself now. Nothing in it depends on what a report says.
func (h *Health) Heartbeat() wire.Heartbeat {
	s := h.State()
	b := wire.Heartbeat{
		Program: h.o.Program, UptimeS: int64(time.Since(h.began) / time.Second), Backlog: s.Counts.Waiting,
		Quarantined: s.Counts.Quarantined, Signal: 99, CanStore: s.CanStore == nil, ClockOK: s.ClockOK,
	}
	h.o.Look(&b)
	return b
}
