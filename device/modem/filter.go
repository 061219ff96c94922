package modem

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"
)

var errGivenUp = errors.New("the prompt came too late")

// line is a serial line that can be shut from anywhere, which ends a pending Read.
type line interface {
	io.ReadWriter
	shut()
}

// filter stands between the port and the AT engine. It lets through only what the running command may be
// told, and knows for certain whether a message was written.
type filter struct {
	port   line
	events *events

	mu       sync.Mutex // guards the rest, but out
	lines    lines
	pending  *answer // of the command that is about to be written
	running  *answer
	grace    time.Duration // from the message to shutting the port
	timer    *time.Timer   // runs while a message waits for its answer
	givenUp  bool
	handed   handover
	lastByte time.Time
	broken   error // the panic that ended the reading

	out []byte // only the reader: bytes for the engine
}

// handover is how much of a message the port took.
type handover int

const (
	nothing handover = iota
	partly           // without the Ctrl-Z that submits it
	wholly
)

func newFilter(p line, e *events) *filter {
	f := &filter{port: p, events: e, lastByte: time.Now()}
	f.lines.urc, f.lines.direct = e.urc, e.direct
	return f
}

// expect prepares the answer to the next command. If that is a message, grace is how long its answer may
// take from the moment it is written; then the port is shut.
func (f *filter) expect(a *answer, grace time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending, f.running, f.grace, f.handed, f.givenUp = a, nil, grace, nothing, false
}

// settle ends the command and says how much of its message was handed over, and whether the order of the
// answer was odd enough to distrust what follows.
func (f *filter) settle() (h handover, odd bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	odd = f.running != nil && f.running.earlyOK
	f.pending, f.running = nil, nil
	if f.timer != nil {
		f.timer.Stop()
		f.timer = nil
	}
	return f.handed, odd
}

// giveUp forbids to write the message; false: it is written already.
func (f *filter) giveUp() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.handed != nothing {
		return false
	}
	f.givenUp = true
	return true
}

// quietFor is how long the modem has said nothing.
func (f *filter) quietFor() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.lastByte)
}

// raw writes past the AT engine. Nothing that comes back is anybody's answer.
func (f *filter) raw(s string) error {
	_, err := f.port.Write([]byte(s))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastByte = time.Now() // the modem has yet to say what it thinks of it
	return err
}

// Read is called by the engine's one reader. That goroutine is not ours to fence, so what happens in it is: bytes that
// break lines end the session, not the process.
func (f *filter) Read(b []byte) (int, error) {
	buf := make([]byte, 512)
	for len(f.out) == 0 {
		n, err := f.port.Read(buf)
		if ferr := fenced(func() error { return f.feed(buf[:n]) }); ferr != nil {
			f.mu.Lock()
			f.broken = ferr
			f.mu.Unlock()
			return 0, ferr
		}
		if err != nil {
			return 0, err
		}
	}
	n := copy(b, f.out)
	f.out = f.out[n:]
	return n, nil
}

func (f *filter) feed(b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(b) > 0 {
		f.lastByte = time.Now()
	}
	f.out = f.lines.feed(b, f.running, f.out)
	return nil
}

// fault is the panic that ended the reading, or nil.
func (f *filter) fault() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.broken
}

// Write is called by the engine: a command line, a message with its Ctrl-Z, or an escape.
func (f *filter) Write(b []byte) (int, error) {
	switch {
	case bytes.HasPrefix(b, []byte("\x1b")):
		return len(b), nil // the session decides when to escape, and after a message it must not
	case bytes.HasSuffix(b, []byte("\x1a")):
		return f.writeMessage(b)
	}
	f.mu.Lock()
	f.running, f.pending = f.pending, nil
	f.mu.Unlock()
	// A line feed after the command can be taken for the first byte of a message.
	if _, err := f.port.Write(append(bytes.TrimRight(b, "\r\n"), '\r')); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (f *filter) writeMessage(b []byte) (int, error) {
	f.mu.Lock()
	if f.givenUp || f.running == nil {
		f.mu.Unlock()
		return 0, errGivenUp
	}
	// From here on the outcome is the modem's to tell; its answer may come before Write returns.
	f.running.written, f.handed = true, wholly
	f.timer = time.AfterFunc(f.grace, f.port.shut)
	f.mu.Unlock()
	n, err := f.port.Write(b)
	if n < len(b) {
		f.mu.Lock()
		f.handed = partly // the Ctrl-Z is its last byte
		f.mu.Unlock()
		if err == nil {
			err = io.ErrShortWrite
		}
	}
	return n, err
}
