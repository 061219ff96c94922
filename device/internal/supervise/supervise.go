// Package supervise runs the device's tasks and restarts those that are fenced. Its Call is the device's fence, also around
// what others' goroutines call: hostile bytes may end a task that reads them, but a kiosk that goes round in a crash loop is
// a closed door. Only device/modem, which the gateway uses too, has a fence of its own.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Backoff of a fenced task: the first restart comes after first, each next one after twice as long, up to last; a task
// that lived for healthy starts from first again. All of it is monotonic time: a kiosk has no clock at start.
const (
	first   = time.Second
	last    = 5 * time.Minute
	healthy = 10 * time.Minute
)

// A Task is one long-lived activity.
type Task struct {
	Name string
	// Fenced tasks are restarted when they return or panic. The end of any other task ends them all: systemd restarts the
	// process, and the outbox is its memory.
	Fenced bool
	// Run lives until ctx ends.
	Run func(ctx context.Context) error
}

// Run runs tasks until ctx ends or an unfenced one does, and returns when all have returned: nil in the first case, the
// unfenced task's error in the second.
func Run(ctx context.Context, log *slog.Logger, tasks ...Task) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, t := range tasks {
		wg.Go(func() {
			if t.Fenced {
				keep(ctx, log.With("task", t.Name), t)
				return
			}
			// No recover here: a panic of the relay or of health must end the process at once.
			err := t.Run(ctx)
			if ctx.Err() == nil {
				cancel(&endError{t.Name, err})
			}
		})
	}
	wg.Wait()
	var end *endError
	if errors.As(context.Cause(ctx), &end) {
		return end
	}
	return nil
}

type endError struct {
	task string
	err  error
}

func (e *endError) Error() string {
	if e.err == nil {
		return e.task + " ended by itself"
	}
	return fmt.Sprintf("%s: %v", e.task, e.err)
}

func (e *endError) Unwrap() error { return e.err }

// keep runs a fenced task again and again. One and the same failure is logged once, so that a missing modem doesn't fill
// the journal.
func keep(ctx context.Context, log *slog.Logger, t Task) {
	wait, said := first, ""
	for {
		began := time.Now()
		err := Call(func() error { return t.Run(ctx) })
		// ctx itself is asked, not err: a deadline inside the task looks like ours (context.DeadlineExceeded).
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= healthy {
			wait, said = first, ""
		}
		if err == nil {
			err = errors.New("ended by itself")
		}
		if text := err.Error(); text != said {
			log.Error("task failed; it will be started again", "error", text, "first_wait", wait)
			said = text
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		wait = min(2*wait, last)
	}
}

// A PanicError is a panic that Call caught. It says where, and what where that is the runtime's own word; any other
// value of panic may hold content, so only its type is told (invariant 8).
type PanicError struct{ what, where string }

func (e *PanicError) Error() string { return "panic: " + e.what + " at " + e.where }

// Call runs f and makes an error of its panic. It is for bytes that strangers wrote.
func Call(f func() error) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case runtime.Error:
			err = &PanicError{v.Error(), where()}
		default:
			err = &PanicError{fmt.Sprintf("%T", v), where()}
		}
	}()
	return f()
}

// where names the functions and lines above the panic, nearest first. A full stack would say no more, and is long.
func where() string {
	pc := make([]uintptr, 16)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	var s []string
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") && !strings.Contains(f.Function, "supervise.Call") {
			s = append(s, fmt.Sprintf("%s:%d", f.Function, f.Line))
		}
		if !more || len(s) == 4 {
			return strings.Join(s, " < ")
		}
	}
}
