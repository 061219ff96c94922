package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/langnghe/langnghe/device"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/ui"
)

// fake is a device process's inside.
type fake struct {
	mu     sync.Mutex
	texts  []string
	err    error
	status device.Status
	block  chan struct{} // nil: Submit returns at once
}

func (f *fake) Submit(_ context.Context, d report.Draft) (report.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.block != nil {
		<-f.block
	}
	f.texts = append(f.texts, d.Text.Reveal())
	r, _ := report.ParseReceipt("48217306")
	return r, f.err
}

func (f *fake) Status() device.Status { return f.status }

// serving runs the socket until stop.
func serving(t *testing.T, path string, f *fake, change func(*server)) (stop func()) {
	t.Helper()
	s, err := listen(device.ScreenConfig{Socket: path}, f, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.serve(ctx) }()
	return sync.OnceFunc(func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func socketPath(t *testing.T) string { return filepath.Join(t.TempDir(), "kiosk.sock") }

func TestDraftCrossesTheSocketAndIsWiped(t *testing.T) {
	path := socketPath(t)
	f := &fake{status: device.Status{CanStore: true, Online: true}}
	defer serving(t, path, f, nil)()
	c := newClient(path)
	words := report.Words("Bố đánh em e\u0301")
	r, err := c.Submit(t.Context(), report.Draft{Categories: []report.Category{"V1"}, Text: words})
	if err != nil || r.Digits() != "48217306" {
		t.Fatal(err)
	}
	if len(f.texts) != 1 || f.texts[0] != "Bố đánh em é" || strings.Trim(string(words), "\x00") != "" {
		t.Error("the words did not arrive, or are still in the screen's memory")
	}
	c.poll(t.Context())
	if s := c.Status(); s != (ui.Status{CanStore: true, Online: true}) {
		t.Errorf("%+v", s)
	}
}

func TestDeviceProcessMayBeStartedAnew(t *testing.T) {
	path := socketPath(t)
	c := newClient(path)
	f := &fake{status: device.Status{CanStore: true}}
	for range 3 {
		began := time.Now()
		if _, err := c.Submit(t.Context(), report.Draft{Text: report.Words("x")}); err == nil || time.Since(began) > submitFor/2 {
			t.Fatalf("without a device process: %v after %v", err, time.Since(began))
		}
		if c.poll(t.Context()); c.Status().CanStore {
			t.Fatal("nobody is there and it can store")
		}
		stop := serving(t, path, f, nil)
		if _, err := c.Submit(t.Context(), report.Draft{Text: report.Words("x")}); err != nil {
			t.Fatal(err)
		}
		if c.poll(t.Context()); !c.Status().CanStore {
			t.Fatal("the new device process is not found")
		}
		stop()
	}
}

// A line with a time for each refused report would tell, on a full disk, when somebody stood at the screen.
func TestRefusalIsToldToTheScreenAndNotToTheLog(t *testing.T) {
	path := socketPath(t)
	var log bytes.Buffer
	stop := serving(t, path, &fake{err: errors.New("no room on the disk")}, func(s *server) {
		s.log = slog.New(slog.NewTextHandler(&log, nil))
	})
	defer func() {
		if stop(); log.Len() > 0 {
			t.Errorf("the log tells of a try: %s", &log)
		}
	}()
	if _, err := newClient(path).Submit(t.Context(), report.Draft{Text: report.Words("canary")}); err == nil ||
		!strings.Contains(err.Error(), "no room on the disk") || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

func TestLostAnswerIsUnsure(t *testing.T) { // invariant 7
	path := socketPath(t)
	f := &fake{block: make(chan struct{})}
	defer serving(t, path, f, nil)()
	defer close(f.block)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := newClient(path).Submit(ctx, report.Draft{Text: report.Words("x")})
	if !errors.Is(err, errNoAnswer) || ctx.Err() == nil {
		t.Errorf("%v; the screen takes an ended time for unsure: %v", err, ctx.Err())
	}
}

func TestOtherUsersAreRefused(t *testing.T) {
	path := socketPath(t)
	f := &fake{}
	defer serving(t, path, f, func(s *server) { s.uids = []uint32{4242} })()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := newClient(path).Submit(ctx, report.Draft{Text: report.Words("x")}); err == nil || len(f.texts) > 0 {
		t.Error("a stranger's draft was taken")
	}
}

func TestSocketIsNotForOthers(t *testing.T) {
	path := socketPath(t)
	defer serving(t, path, &fake{}, nil)()
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestWhatStandsInTheSocketsPlace(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	path := socketPath(t)
	// A socket that a killed process has left.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	stop := serving(t, path, &fake{}, nil)
	if _, err := listen(device.ScreenConfig{Socket: path}, &fake{}, log); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("a second process: %v", err)
	}
	stop()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(device.ScreenConfig{Socket: path}, &fake{}, log); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("a file: %v", err)
	}
	if _, err := listen(device.ScreenConfig{Socket: filepath.Join(t.TempDir(), "no", "s")}, &fake{}, log); err == nil || !strings.Contains(err.Error(), "folder of screen.socket") {
		t.Errorf("no folder: %v", err)
	}
	if _, err := listen(device.ScreenConfig{Socket: socketPath(t), User: "no-such-user"}, &fake{}, log); err == nil || !strings.Contains(err.Error(), "screen.user") {
		t.Errorf("no user: %v", err)
	}
}

func TestHostileBytesOnTheSocket(t *testing.T) {
	path := socketPath(t)
	f := &fake{}
	defer serving(t, path, f, nil)()
	frame := func(n uint32, rest ...byte) []byte { return append(binary.BigEndian.AppendUint32(nil, n), rest...) }
	for name, b := range map[string][]byte{
		"empty frame":      frame(0),
		"too long a frame": frame(maxFrame+1, 's'),
		"four gigabytes":   frame(1<<32-1, 's'),
		"cut short":        frame(100, 's', 1, 2),
		"unknown question": frame(1, 'x'),
		"no draft":         frame(3, 's', 1, 2),
	} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil && !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("%s: %v", name, err)
		}
		if len(answer) > 0 && answer[4] != refused {
			t.Errorf("%s: answered with %q", name, answer[4])
		}
		conn.Close()
	}
	if len(f.texts) > 0 {
		t.Error("something was submitted")
	}
	if _, err := newClient(path).Submit(t.Context(), report.Draft{Text: report.Words("x")}); err != nil {
		t.Errorf("the socket no longer serves: %v", err)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 's', 1})
	f.Add([]byte{255, 255, 255, 255, 'q'})
	f.Fuzz(func(t *testing.T, b []byte) {
		what, body, err := readFrame(bytes.NewReader(b))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := writeFrame(&out, what, body); err != nil || !bytes.Equal(out.Bytes(), b[:out.Len()]) {
			t.Fatal("what was read is not what is written")
		}
		if d, err := decodeDraft(body); err == nil && d.Check() != nil {
			t.Fatal("a draft that can't be submitted was taken")
		}
	})
}

func TestNoCoreDump(t *testing.T) { // invariant 2
	if err := harden(); err != nil {
		t.Fatal(err)
	}
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &lim); err != nil || lim.Cur != 0 || lim.Max != 0 {
		t.Errorf("core limit %+v, %v", lim, err)
	}
	if n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || n != 0 {
		t.Errorf("dumpable %d, %v", n, err)
	}
}
