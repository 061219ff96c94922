package gateway

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/internal/store"
)

// Heartbeats are worth no restart: while the database is held or full they wait in memory, and the log says it once.
func TestHeartbeatsThatCannotBeStoredEndNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs := &lockedBuffer{}
		refuse := errors.New("the disk is full")
		tries := 0
		var stored []store.Beat
		f := &fleet{beats: map[uint32]store.Beat{}, dirty: map[uint32]bool{}, put: func(_ context.Context, b []store.Beat) error {
			if tries++; refuse == nil {
				stored = append(stored, b...)
			}
			return refuse
		}}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.run(ctx, slog.New(slog.NewTextHandler(logs, nil))) }()
		pass := func(flushes time.Duration) {
			time.Sleep(flushes * flushEvery)
			synctest.Wait()
			select {
			case err := <-done:
				t.Fatalf("it ended with %v", err)
			default:
			}
		}
		time.Sleep(flushEvery / 2) // from here on between two flushes
		f.beat("d000001", wire.Heartbeat{Backlog: 1})
		pass(2)
		f.beat("d000001", wire.Heartbeat{Backlog: 2})
		f.beat("d000002", wire.Heartbeat{})
		pass(2)
		refuse = nil
		pass(1)
		if tries != 5 || len(stored) != 2 || stored[0].Body.Backlog+stored[1].Body.Backlog != 2 {
			t.Errorf("after %d tries stored %+v, want the newest of each device", tries, stored)
		}
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
		if got := logs.String(); strings.Count(got, "the disk is full") != 1 || strings.Count(got, "stored again") != 1 {
			t.Errorf("the log says %s", got)
		}
	})
}
