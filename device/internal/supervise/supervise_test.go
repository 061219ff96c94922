package supervise

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoffDoublesAndResetsAfterHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		var starts []time.Duration
		err := Run(ctx, slog.New(slog.DiscardHandler), Task{Name: "modem", Fenced: true, Run: func(ctx context.Context) error {
			starts = append(starts, time.Since(began))
			switch len(starts) {
			case 12: // a long and healthy life
				time.Sleep(healthy)
			case 14:
				cancel()
			}
			return errors.New("gone")
		}})
		if err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 601, 2}
		for i := range want {
			want[i] *= time.Second
			if i > 0 {
				want[i] += want[i-1]
			}
			if starts[i] != want[i] {
				t.Errorf("start %d at %v, want %v", i, starts[i], want[i])
			}
		}
	})
}

func TestPanicInAFencedTaskRestartsItAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		other := 0
		runs := 0
		err := Run(ctx, slog.New(slog.DiscardHandler),
			Task{Name: "other", Fenced: true, Run: func(ctx context.Context) error { other++; <-ctx.Done(); return ctx.Err() }},
			Task{Name: "talk", Fenced: true, Run: func(ctx context.Context) error {
				if runs++; runs == 3 {
					cancel()
					return nil
				}
				var empty []byte
				_ = empty[runs]
				return nil
			}})
		if err != nil || runs != 3 || other != 1 {
			t.Errorf("err %v, %d runs of the panicking task, %d of the other", err, runs, other)
		}
	})
}

func TestEndOfAnUnfencedTaskEndsAll(t *testing.T) {
	broken := errors.New("disk")
	synctest.Test(t, func(t *testing.T) {
		stopped := false
		err := Run(t.Context(), slog.New(slog.DiscardHandler),
			Task{Name: "relay", Run: func(context.Context) error { time.Sleep(time.Minute); return broken }},
			Task{Name: "modem", Fenced: true, Run: func(ctx context.Context) error { <-ctx.Done(); stopped = true; return ctx.Err() }})
		if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "relay: ") || !stopped {
			t.Errorf("err %v, other task stopped: %v", err, stopped)
		}
	})
}

func TestOwnDeadlineOfATaskIsNoStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		runs := 0
		_ = Run(ctx, slog.New(slog.DiscardHandler), Task{Name: "link", Fenced: true, Run: func(context.Context) error {
			if runs++; runs == 2 {
				cancel()
			}
			return context.DeadlineExceeded
		}})
		if runs != 2 {
			t.Errorf("%d runs, want a restart", runs)
		}
	})
}

func TestSameFailureIsLoggedOnceAndTellsNoContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		runs := 0
		_ = Run(ctx, slog.New(slog.NewTextHandler(&log, nil)), Task{Name: "talk", Fenced: true, Run: func(context.Context) error {
			if runs++; runs == 5 {
				cancel()
			}
			panic("lời của em bé") // invariant 8: a panic's value may hold anything
		}})
		if n := strings.Count(log.String(), "task failed"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, &log)
		}
		if strings.Contains(log.String(), "em bé") {
			t.Errorf("the log tells what the panic held:\n%s", &log)
		}
		if !strings.Contains(log.String(), "TestSameFailureIsLoggedOnceAndTellsNoContent") {
			t.Errorf("the log does not tell where:\n%s", &log)
		}
	})
}
