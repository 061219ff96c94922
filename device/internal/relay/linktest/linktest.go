// Package linktest is the contract of relay.Link as a test: both links pass it. A new rule is added here, not to one
// link's test.
package linktest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/internal/relay"
	"github.com/langnghe/langnghe/device/wire"
)

// Fixture is a link and the hands that hold its carrier. Run calls Link.Run itself.
type Fixture struct {
	Link relay.Link
	// Name is what Link.Name must say.
	Name string
	// Up makes the carrier work, as it does at first; Down takes it away. Ready follows, soon after.
	Up, Down func()
	// Swallow lets the carrier take bytes and answer nothing from now on; Up ends it. swallowed is closed when the
	// first byte of the next Send is gone. The carrier's deadline should be short, a second or two.
	Swallow func() (swallowed <-chan struct{})
	// Taken lists the envelopes that arrived whole at the far side, repeats included.
	Taken func() [][]byte
	// Push sends a frame from the far side to this device.
	Push func(frame []byte)
}

// Deadline is how long the suite waits for something to become true.
const Deadline = 30 * time.Second

// Run proves that what open returns keeps the contract of relay.Link. Each part opens a fixture of its own.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	t.Run("not sent without Run", func(t *testing.T) {
		f := open(t)
		if f.Link.Name() != f.Name {
			t.Errorf("its name is %q, want %q", f.Link.Name(), f.Name)
		}
		if f.Link.Ready() {
			t.Error("it is ready before Run")
		}
		if err := f.Link.Send(t.Context(), Envelope(1)); !errors.Is(err, relay.ErrNotSent) {
			t.Errorf("before Run, Send gives %v, want ErrNotSent", err)
		}
	})
	t.Run("accepted arrives unchanged", func(t *testing.T) {
		f := open(t)
		start(t, f, ignore)
		Until(t, "the link is ready", f.Link.Ready)
		for n := range 3 {
			if err := f.Link.Send(t.Context(), Envelope(n)); err != nil {
				t.Fatalf("send: %v", err)
			}
			Until(t, "the envelope arrives", func() bool { return holds(f.Taken(), Envelope(n)) })
		}
	})
	t.Run("many at once", func(t *testing.T) {
		f := open(t)
		start(t, f, ignore)
		Until(t, "the link is ready", f.Link.Ready)
		var all sync.WaitGroup
		for n := range 12 {
			all.Go(func() {
				if err := f.Link.Send(t.Context(), Envelope(n)); err != nil {
					t.Errorf("send: %v", err)
				}
			})
		}
		all.Wait()
		for n := range 12 {
			Until(t, "each envelope arrives", func() bool { return holds(f.Taken(), Envelope(n)) })
		}
	})
	t.Run("carrier away, then back", func(t *testing.T) {
		f := open(t)
		start(t, f, ignore)
		Until(t, "the link is ready", f.Link.Ready)
		f.Down()
		Until(t, "the link is not ready", func() bool { return !f.Link.Ready() })
		if err := f.Link.Send(t.Context(), Envelope(1)); !errors.Is(err, relay.ErrNotSent) {
			t.Errorf("without a carrier, Send gives %v, want ErrNotSent", err)
		}
		f.Up()
		Until(t, "the link is ready again", f.Link.Ready)
		if err := f.Link.Send(t.Context(), Envelope(2)); err != nil {
			t.Errorf("send: %v", err)
		}
		Until(t, "the envelope arrives", func() bool { return holds(f.Taken(), Envelope(2)) })
		if holds(f.Taken(), Envelope(1)) {
			t.Error("what was not sent has arrived")
		}
	})
	t.Run("ctx ended before the first byte", func(t *testing.T) {
		f := open(t)
		start(t, f, ignore)
		Until(t, "the link is ready", f.Link.Ready)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.Link.Send(ctx, Envelope(1)); !errors.Is(err, relay.ErrNotSent) {
			t.Errorf("Send gives %v, want ErrNotSent", err)
		}
		if err := f.Link.Send(t.Context(), Envelope(2)); err != nil {
			t.Errorf("send: %v", err)
		}
		Until(t, "the second envelope arrives", func() bool { return holds(f.Taken(), Envelope(2)) })
		if holds(f.Taken(), Envelope(1)) {
			t.Error("what was not sent has arrived")
		}
	})
	t.Run("no answer is unknown, and ctx ends nothing after the first byte", func(t *testing.T) {
		f := open(t)
		start(t, f, ignore)
		Until(t, "the link is ready", f.Link.Ready)
		swallowed := f.Swallow()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- f.Link.Send(ctx, Envelope(1)) }()
		wait(t, "the first byte leaves", swallowed)
		cancel()
		select {
		case err := <-ended:
			if err == nil || errors.Is(err, relay.ErrNotSent) || errors.Is(err, context.Canceled) {
				t.Errorf("without an answer, Send gives %v, want an unknown outcome at the carrier's deadline", err)
			}
		case <-time.After(Deadline):
			t.Fatal("Send never ends when the carrier is silent")
		}
		f.Up()
		Until(t, "the link is ready again", f.Link.Ready)
		if err := f.Link.Send(t.Context(), Envelope(2)); err != nil {
			t.Errorf("send: %v", err)
		}
	})
	t.Run("a frame is delivered until it is stored", func(t *testing.T) {
		f := open(t)
		var mu sync.Mutex
		var got [][]byte
		refused := 0
		start(t, f, func(_ context.Context, frame []byte) error {
			mu.Lock()
			defer mu.Unlock()
			if bytes.Equal(frame, Frame(1)) && refused < 2 {
				refused++
				return errors.New("the outbox is full")
			}
			got = append(got, bytes.Clone(frame))
			return nil
		})
		Until(t, "the link is ready", f.Link.Ready)
		f.Push(Frame(1))
		f.Push(Frame(2))
		for n := 1; n <= 2; n++ {
			Until(t, "the frame is delivered", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return holds(got, Frame(n))
			})
		}
		mu.Lock()
		defer mu.Unlock()
		if refused != 2 {
			t.Errorf("the frame was refused %d times, want 2", refused)
		}
		for _, frame := range got {
			if !bytes.Equal(frame, Frame(1)) && !bytes.Equal(frame, Frame(2)) {
				t.Errorf("%d bytes were delivered that nobody sent", len(frame))
			}
		}
	})
}

func ignore(context.Context, []byte) error { return nil }

// start runs the link until the test ends, and sees that Run then ends too.
func start(t *testing.T, f Fixture, deliver func(context.Context, []byte) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f.Link.Run(ctx, deliver); err != nil && ctx.Err() == nil {
			t.Errorf("Run ends by itself: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		wait(t, "Run ends with its ctx", done)
		if f.Link.Ready() {
			t.Error("it is ready after Run")
		}
	})
}

// Envelope is the n-th envelope of the suite: the outside is valid, what is inside does not matter to a link. Every
// third has two segments.
func Envelope(n int) wire.Envelope {
	b := make([]byte, wire.MinEnvelope)
	if n%3 == 2 {
		b = make([]byte, 2*133)
	}
	for i := range b {
		b[i] = byte(n*31 + i*7)
	}
	copy(b, wire.Header{Device: 7}.Append(nil))
	env, err := wire.ParseEnvelope(b)
	if err != nil {
		panic(err)
	}
	return env
}

// Frame is the n-th downlink frame of the suite: an ack that no envelope waits for.
func Frame(n int) []byte {
	return wire.Ack{Tokens: []wire.Token{{byte(n), 1}, {byte(n), 2}}}.Append(nil)
}

func holds(list [][]byte, want []byte) bool {
	return slices.ContainsFunc(list, func(b []byte) bool { return bytes.Equal(b, want) })
}

// Until waits for ok, which it asks often.
func Until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(Deadline); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func wait(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(Deadline):
		t.Fatalf("never: %s", what)
	}
}
