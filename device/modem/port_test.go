package modem

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

// The driver's own Close waits for ever while a Read is pending, and the Read goes on stealing bytes.
func TestCloseEndsAPendingRead(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	p, err := openPort(f.link, 115200, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	started, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		close(started)
		_, err := p.Read(make([]byte, 10))
		ended <- err
	}()
	<-started
	closed := make(chan error, 1)
	go func() { closed <- p.Close() }()
	for range 2 {
		select {
		case err := <-closed:
			if err != nil {
				t.Error(err)
			}
		case err := <-ended:
			if err == nil {
				t.Error("read something")
			}
		case <-time.After(5 * time.Second):
			t.Fatal("Close or Read still waits")
		}
	}
	again, err := openPort(f.link, 115200, time.Second)
	if err != nil {
		t.Fatalf("open again: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// shut is what deadlines and the end of ctx use, from other goroutines.
func TestShutEndsAPendingRead(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	p, err := openPort(f.link, 115200, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := p.Read(make([]byte, 10))
		ended <- err
	}()
	p.shut()
	select {
	case err := <-ended:
		if !errors.Is(err, io.EOF) {
			t.Errorf("read: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Read still waits")
	}
}

// wire is a line that only remembers.
type wire struct {
	wrote []byte
	short bool // take all but the last byte
}

func (w *wire) Read([]byte) (int, error) { return 0, io.EOF }
func (w *wire) shut()                    {}
func (w *wire) Write(b []byte) (int, error) {
	n := len(b)
	if w.short {
		n--
	}
	w.wrote = append(w.wrote, b[:n]...)
	return n, nil
}

func TestFilterKnowsWhatWasHandedOver(t *testing.T) {
	for name, tc := range map[string]struct {
		giveUp, short bool
		want          handover
		wrote         string
	}{
		"all":              {false, false, wholly, "AT+CMGS=1\rAB\x1a"},
		"given up before":  {true, false, nothing, "AT+CMGS=1\r"},
		"without the last": {false, true, partly, "AT+CMGS=1AB"},
	} {
		w := &wire{short: tc.short}
		f := newFilter(w, newEvents())
		f.expect(&answer{sms: true}, time.Minute)
		_, _ = f.Write([]byte("AT+CMGS=1\r"))
		if tc.giveUp && !f.giveUp() {
			t.Errorf("%s: could not give up", name)
		}
		_, err := f.Write([]byte("AB\x1a"))
		if !tc.giveUp && !tc.short && f.giveUp() {
			t.Errorf("%s: given up after all", name)
		}
		_, _ = f.Write([]byte("\x1b\r\n"))
		if got, _ := f.settle(); got != tc.want || string(w.wrote) != tc.wrote || (err == nil) != (tc.want == wholly) {
			t.Errorf("%s: handed over %d, wrote %q, %v", name, got, w.wrote, err)
		}
	}
}

func TestReadSeesHangUp(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	p, err := openPort(f.link, 115200, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f.hangUp()
	if _, err := p.Read(make([]byte, 10)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read: %v", err)
	}
}

// A modem that stops draining must not stop us.
func TestWriteGivesUp(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	f.mu.Lock() // it reads no more
	defer f.mu.Unlock()
	p, err := openPort(f.link, 115200, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	line := make([]byte, 1<<12)
	for i := range line {
		line[i] = '\r' // with nothing before it, nobody answers
	}
	for range 100 {
		if _, err = p.Write(line); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %v", err)
	}
}

func TestWhatWaitedInThePortIsThrownAway(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	f.speak("\r\nOK\r\n")
	p, err := openPort(f.link, 115200, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f.speak("x")
	b := make([]byte, 100)
	n, err := p.Read(b)
	if err != nil || string(b[:n]) != "x" {
		t.Errorf("read %q, %v", b[:n], err)
	}
}
