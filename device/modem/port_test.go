package modem

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

// hangUp2 pulls the fake out from within another goroutine than its own.
func (f *fake) hangUp2() { _ = f.master.Close(); _ = f.slave.Close() }

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

func TestReadSeesHangUp(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	p, err := openPort(f.link, 115200, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f.hangUp2()
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
