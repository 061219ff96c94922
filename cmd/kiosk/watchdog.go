package main

import (
	"context"
	"log/slog"
	"time"

	"fyne.io/fyne/v2"
	"github.com/coreos/go-systemd/v22/daemon"
)

// watchScreen feeds systemd's watchdog through the window's own event loop, so that a loop that hangs is noticed and the
// screen is started again. Without systemd it does nothing.
func watchScreen(ctx context.Context, log *slog.Logger) {
	say := func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Warn("systemd can't be told", "error", err)
		}
	}
	fyne.Do(func() { say(daemon.SdNotifyReady) })
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd's watchdog can't be asked for", "error", err)
	}
	if every == 0 {
		return
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			fyne.Do(func() { say(daemon.SdNotifyWatchdog) })
		}
	}
}
