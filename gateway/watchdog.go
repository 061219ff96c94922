package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// watch tells systemd that the gateway is up, and then, twice in its watchdog's time, that it lives: only after a look
// into the store, so that a gateway whose disk hangs is started again. Without systemd it does nothing.
func (g *Gateway) watch(ctx context.Context) error {
	say := func(state string) error {
		if _, err := daemon.SdNotify(false, state); err != nil {
			return fmt.Errorf("tell systemd: %w", err)
		}
		return nil
	}
	if err := say(daemon.SdNotifyReady); err != nil {
		return err
	}
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("ask for systemd's watchdog: %w", err)
	}
	if every == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	for {
		if _, err := g.store.Counters(ctx); err == nil {
			if err := say(daemon.SdNotifyWatchdog); err != nil {
				return err
			}
		} else if ctx.Err() == nil {
			g.log.Warn("the store can't be read; systemd's watchdog is not fed", "error", err)
		}
		select {
		case <-ctx.Done():
			return say(daemon.SdNotifyStopping)
		case <-tick.C:
		}
	}
}
