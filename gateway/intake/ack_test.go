package intake_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
)

// picky refuses one device for some time, and notes when each was tried.
type picky struct {
	refuse func() bool
	tried  map[string][]time.Time
}

func (p *picky) Ack(_ context.Context, to intake.Downlink, _ []byte) error {
	p.tried[to.Device] = append(p.tried[to.Device], time.Now())
	if to.Device == d1 && p.refuse() {
		return fmt.Errorf("CMS 1: %w", intake.ErrRefused)
	}
	return nil
}

// One wrong number must neither be tried for ever nor keep the others' acks waiting.
func TestRefusedAckBlocksNobodyAndIsGivenUp(t *testing.T) {
	for _, passing := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			p := &picky{refuse: func() bool { return !passing || time.Since(begun) < time.Second }, tried: map[string][]time.Time{}}
			var logs bytes.Buffer
			q := intake.NewAckQueue(p, slog.New(slog.NewTextHandler(&logs, nil)))
			q.Add(intake.Downlink{Device: d1}, wire.Token{1})
			q.Add(intake.Downlink{Device: d2}, wire.Token{2})
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- q.Run(ctx) }()
			synctest.Wait()
			if got := p.tried[d2]; len(got) != 1 || !got[0].Equal(begun) {
				t.Errorf("the other device was acked at %v, begun at %v", got, begun)
			}
			time.Sleep(24 * time.Hour)
			want := 3
			if passing {
				want = 2
			}
			if n := len(p.tried[d1]); n != want {
				t.Errorf("passing %v: tried %d times, want %d", passing, n, want)
			}
			if given := strings.Contains(logs.String(), "given up"); given == passing {
				t.Errorf("passing %v: the log says %s", passing, logs.String())
			}
			// The device asks again by itself.
			q.Add(intake.Downlink{Device: d1}, wire.Token{1})
			synctest.Wait()
			if n := len(p.tried[d1]); n != want+1 {
				t.Errorf("passing %v: %d tries after the device asked again", passing, n)
			}
			stop()
			<-done
		})
	}
}
