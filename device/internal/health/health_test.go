package health

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/internal/outbox"
	"github.com/langnghe/langnghe/device/wire"
)

var never = func() bool { return false }

func TestClockIsTheLatestOfThree(t *testing.T) {
	now := time.Now().Round(0)
	year := 365 * 24 * time.Hour
	for name, c := range map[string]struct {
		built, file, network time.Time
		synced               bool
		want                 time.Time
		trusted              bool
	}{
		"system clock alone":                   {want: now},
		"system clock kept by NTP":             {synced: true, want: now, trusted: true},
		"built later than the system clock":    {built: now.Add(year), want: now.Add(year)},
		"last trusted time later":              {built: now.Add(-year), file: now.Add(year), want: now.Add(year)},
		"network ahead of a clock never set":   {network: now.Add(year), want: now.Add(year), trusted: true},
		"network behind a system clock astray": {network: now.Add(-time.Hour), want: now.Add(-time.Hour), trusted: true},
		"network before the build":             {built: now.Add(-time.Hour), network: now.Add(-year), want: now},
		"network before the last trusted time": {file: now.Add(-time.Hour), network: now.Add(-year), want: now},
		"network in another century":           {network: now.Add(60 * year), want: now},
		"network of 2045":                      {built: now.Add(-year), network: now.Add(19 * year), want: now},
		"NTP ends what a false network told":   {file: now.Add(5 * year), synced: true, want: now, trusted: true},
	} {
		path := filepath.Join(t.TempDir(), "clock")
		if !c.file.IsZero() {
			if err := os.WriteFile(path, []byte(c.file.Format(time.RFC3339)+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		k := OpenClock(path, c.built)
		k.synced = func() bool { return c.synced }
		k.Learn(c.network)
		got := k.Now()
		if d := got.Sub(c.want).Abs(); d > time.Minute || k.Trusted() != c.trusted {
			t.Errorf("%s: off by %v, trusted %v, want %v", name, d, k.Trusted(), c.trusted)
		}
	}
}

func TestClockOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	later := time.Now().Add(1000 * time.Hour)
	for range 2 { // the second life saves over the first one's file
		k := OpenClock(path, time.Now())
		k.synced = never
		k.Learn(later)
		if err := k.Save(); err != nil {
			t.Fatal(err)
		}
		later = later.Add(2 * saveEvery)
	}
	k := OpenClock(path, time.Time{})
	k.synced = never
	if got := k.Now(); got.Before(later.Add(-3 * saveEvery)) {
		t.Errorf("the next life starts at %v, %v earlier than what was told", got, later.Sub(got))
	}
	if k.Trusted() {
		t.Error("an earlier life's time is a lower bound, not trusted time")
	}
	for _, broken := range []string{"", "garbage\n", "9999"} {
		if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(OpenClock(path, time.Time{}).Now()).Abs(); d > time.Minute {
			t.Errorf("a clock file of %q moves the clock by %v", broken, d)
		}
	}
}

// A false base station, or a modem with an empty battery, says 2028: as soon as the network tells the truth it counts, in
// this life and in the next. Certificates are judged by this clock, so MQTT would else stay down for years.
func TestFalseNetworkTimeIsNotKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	now := time.Now()
	for life := range 3 {
		k := OpenClock(path, now.Add(-24*time.Hour))
		k.synced = never
		k.Learn(now.Add(2 * 365 * 24 * time.Hour))
		for range 2 {
			if err := k.Save(); err != nil {
				t.Fatal(err)
			}
		}
		k.Learn(now.Add(time.Hour))
		if d := k.Now().Sub(now.Add(time.Hour)).Abs(); d > time.Minute || !k.Trusted() {
			t.Fatalf("life %d: the true time is not believed after a false one: off by %v, trusted %v", life, d, k.Trusted())
		}
	}
}

// A kiosk whose network is its only clock, switched off for longer than a jump that is kept: what is kept goes on with
// the time that is lived through, and does not stand still for ever.
func TestKeptTimeGoesOnAfterALongPause(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	start := time.Now().Add(-365 * 24 * time.Hour)
	k := OpenClock(path, start)
	k.synced = never
	k.Learn(time.Now().Add(time.Minute))
	k.marked = k.marked.Add(-48 * time.Hour) // two days pass
	if err := k.Save(); err != nil {
		t.Fatal(err)
	}
	next := OpenClock(path, start)
	if lived := next.floor.Sub(start).Round(time.Hour); lived != 48*time.Hour {
		t.Errorf("after two days the kept time has moved by %v", lived)
	}
}

// NTP takes back what the network alone had taught.
func TestNTPCorrectsTheKeptTimeDownward(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	k := OpenClock(path, time.Now().Add(-time.Hour))
	k.synced = never
	k.Learn(time.Now().Add(40 * 24 * time.Hour))
	if err := k.Save(); err != nil {
		t.Fatal(err)
	}
	k.synced = func() bool { return true }
	if err := k.Save(); err != nil {
		t.Fatal(err)
	}
	k = OpenClock(path, time.Time{})
	if d := time.Since(k.floor).Abs(); d > time.Minute {
		t.Errorf("the kept time is off by %v after NTP", d)
	}
}

func TestSameNetworkTimeTwiceDoesNotStopTheClock(t *testing.T) {
	k := OpenClock(filepath.Join(t.TempDir(), "clock"), time.Time{})
	k.synced = never
	told := time.Now().Add(time.Hour)
	k.Learn(told)
	k.heard = k.heard.Add(-time.Minute) // a minute passes
	k.Learn(told)
	if d := k.Now().Sub(told); d < time.Minute {
		t.Errorf("the clock stands still: %v after a minute", d)
	}
}

// systemd listens as systemd does, and gives what it hears.
func systemd(t *testing.T) <-chan string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	heard := make(chan string, 100)
	go func() {
		b := make([]byte, 100)
		for {
			n, err := l.Read(b)
			if err != nil {
				close(heard)
				return
			}
			heard <- string(b[:n])
		}
	}()
	return heard
}

func open(t *testing.T) *outbox.Outbox {
	t.Helper()
	o, err := outbox.Open(filepath.Join(t.TempDir(), "outbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func options(t *testing.T, o *outbox.Outbox) Options {
	return Options{
		Outbox: o, Clock: OpenClock(filepath.Join(t.TempDir(), "clock"), time.Time{}), Every: time.Hour, Program: "test",
		Look: func(b *wire.Heartbeat) time.Time { b.Signal, b.Registered = 17, true; return time.Time{} },
		Log:  slog.New(slog.DiscardHandler),
	}
}

func TestWatchdogIsFedOnlyWhileTheOutboxAnswers(t *testing.T) {
	heard := systemd(t)
	t.Setenv("WATCHDOG_USEC", "30000") // a look every 10 ms
	o := open(t)
	op := options(t, o)
	var looks atomic.Int32
	op.Look = func(*wire.Heartbeat) time.Time { looks.Add(1); return time.Time{} }
	h := New(op)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	if first := <-heard; first != "READY=1" {
		t.Fatalf("first heard %q", first)
	}
	for range 3 {
		if s := <-heard; s != "WATCHDOG=1" {
			t.Fatalf("heard %q", s)
		}
	}
	o.Close()
	for h.State().CanStore == nil { // until a look has failed
		<-time.After(time.Millisecond)
	}
	for len(heard) > 0 {
		<-heard
	}
	for before := looks.Load(); looks.Load() < before+5; {
		<-time.After(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for s := range heard {
		if s == "WATCHDOG=1" {
			t.Fatal("the watchdog was fed though the outbox does not answer")
		}
		if s == "STOPPING=1" {
			return
		}
	}
}

// The log tells what the looks find. What a report's refusal says meanwhile is for the screen: a line at that moment, or at
// the look after it, would tell when somebody stood there.
func TestRefusedReportIsNotInTheLog(t *testing.T) {
	op := options(t, open(t))
	var log bytes.Buffer
	op.Log = slog.New(slog.NewTextHandler(&log, nil))
	h := New(op)
	h.Refused(errors.New("no room"))
	if h.State().CanStore == nil {
		t.Error("the screen is not told at once")
	}
	if err := h.look(t.Context()); err != nil || log.Len() > 0 {
		t.Errorf("%v; the log says: %s", err, &log)
	}
	op.Outbox.Close()
	h.Refused(errors.New("no room"))
	for range 3 {
		_ = h.look(t.Context())
	}
	if n := strings.Count(log.String(), "reports can't be stored"); n != 1 {
		t.Errorf("what the looks found is told %d times", n)
	}
}

func TestHeartbeatTellsTheState(t *testing.T) {
	op := options(t, open(t))
	beats := make(chan wire.Heartbeat)
	op.Send = func(_ context.Context, b wire.Heartbeat) error { beats <- b; return nil }
	h := New(op)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	b := <-beats
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if b.Program != "test" || b.Signal != 17 || !b.Registered || !b.CanStore || b.Backlog != 0 {
		t.Errorf("%+v", b)
	}
}

func TestUnreadableOutboxIsOneClearState(t *testing.T) {
	o := open(t)
	h := New(options(t, o))
	if err := h.State().CanStore; err != nil {
		t.Fatal(err)
	}
	o.Close()
	if err := h.look(t.Context()); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("look: %v", err)
	}
	if err := h.State().CanStore; err == nil || !strings.Contains(err.Error(), "outbox") {
		t.Errorf("state: %v", err)
	}
	if h.Heartbeat().CanStore {
		t.Error("the heartbeat says that it can store")
	}
}
