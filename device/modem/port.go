package modem

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/tarm/serial"
	"golang.org/x/sys/unix"
)

// readTick is the driver's read time-out: how soon a pending Read sees that the port was shut or hung up.
const readTick = 100 * time.Millisecond

// firstPTY and lastPTY are the device majors of pseudo-terminal slaves on Linux.
const firstPTY, lastPTY = 136, 143

var errHungUp = errors.New("serial port hung up")

// port is a serial port that can be closed. It puts three things around tarm/serial: a Read that waits
// (the driver's ends with io.EOF whenever the line is quiet, and without a time-out its Close never
// returns while one is pending), a Write with a deadline, and a lock against other programs.
type port struct {
	tty      *serial.Port // reads; its descriptor is blocking
	ctl      *os.File     // the same device, not blocking: lock, hang-up, writes with a deadline
	deadline time.Duration
	shutting atomic.Bool
}

// openPort opens and locks a serial device and throws away what waited in its buffers. Its errors are
// faults with a sentence for people.
func openPort(name string, baud int, deadline time.Duration) (*port, error) {
	ctl, err := os.OpenFile(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, openFault(name, err)
	}
	p := &port{ctl: ctl, deadline: deadline}
	if err := p.claim(name, baud); err != nil {
		return nil, errors.Join(openFault(name, err), ctl.Close())
	}
	return p, nil
}

func (p *port) claim(name string, baud int) error {
	if err := p.ioctl(func(fd int) error { _, err := unix.IoctlGetTermios(fd, unix.TCGETS); return err }); err != nil {
		return err
	}
	// flock holds against root too, and ends with the process; TIOCEXCL stops programs that do not flock.
	if err := p.ioctl(func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) }); err != nil {
		return err
	}
	tty, err := serial.OpenPort(&serial.Config{Name: name, Baud: baud, ReadTimeout: readTick})
	if err != nil {
		return err
	}
	p.tty = tty
	if !p.isPTY() {
		if err := p.ioctl(func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCEXCL, 0) }); err != nil {
			return errors.Join(err, tty.Close())
		}
	}
	if err := tty.Flush(); err != nil {
		return errors.Join(err, tty.Close())
	}
	return nil
}

// isPTY tells pseudo-terminals, which keep TIOCEXCL after their last close, as long as the other side is
// open: after a kill, a program that is not root could never open them again.
func (p *port) isPTY() bool {
	var st unix.Stat_t
	if err := p.ioctl(func(fd int) error { return unix.Fstat(fd, &st) }); err != nil {
		return false
	}
	major := unix.Major(uint64(st.Rdev))
	return major >= firstPTY && major <= lastPTY
}

// ioctl runs f on the descriptor without taking the file out of Go's poller, as Fd would.
func (p *port) ioctl(f func(fd int) error) error {
	raw, err := p.ctl.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// Read waits for bytes. It ends with io.EOF after shut, and with errHungUp when the device is gone.
func (p *port) Read(b []byte) (int, error) {
	for {
		if p.shutting.Load() {
			return 0, io.EOF
		}
		n, err := p.tty.Read(b)
		switch {
		case n > 0:
			return n, nil
		case err != nil && !errors.Is(err, io.EOF):
			return 0, err
		}
		// Quiet or gone? A hung-up terminal also answers "nothing", at once and for ever.
		if err := p.ioctl(func(fd int) error { _, err := unix.IoctlGetTermios(fd, unix.TCGETS); return err }); err != nil {
			if p.shutting.Load() {
				return 0, io.EOF
			}
			return 0, errHungUp
		}
	}
}

// Write gives up at the deadline: a modem that stops draining must not stop us.
func (p *port) Write(b []byte) (int, error) {
	if err := p.ctl.SetWriteDeadline(time.Now().Add(p.deadline)); err != nil {
		return 0, err
	}
	return p.ctl.Write(b)
}

// shut makes a pending Read end within readTick. It may be called from any goroutine, more than once.
func (p *port) shut() { p.shutting.Store(true) }

// Close frees the device. It returns within about readTick even while a Read is pending.
func (p *port) Close() error {
	p.shut()
	unlock := p.ioctl(func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) })
	if errors.Is(unlock, unix.EIO) || errors.Is(unlock, unix.ENODEV) {
		unlock = nil // the device is gone
	}
	return errors.Join(unlock, p.tty.Close(), p.ctl.Close())
}

// openFault puts an error of opening into a sentence that says what to do.
func openFault(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV), errors.Is(err, unix.EIO):
		return &fault{fmt.Sprintf("there is no modem at %s: plug it in, or correct the port in the configuration", name), err}
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EWOULDBLOCK):
		return &fault{fmt.Sprintf("the port %s is in use by another program: stop it (ModemManager, gammu, minicom, a second kiosk)", name), err}
	case errors.Is(err, fs.ErrPermission):
		return &fault{fmt.Sprintf("the port %s may not be opened by this user: add the user to the group of the device (dialout)", name), err}
	case errors.Is(err, unix.ENOTTY), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EISDIR):
		return &fault{fmt.Sprintf("%s is not a serial port: correct the port in the configuration", name), err}
	}
	return &fault{fmt.Sprintf("the port %s cannot be opened: check the modem and its cable", name), err}
}

// fault is an error with one clear sentence for the technician: what is wrong, where, what to do next.
type fault struct {
	reason string
	err    error // may be nil
}

func (f *fault) Error() string {
	if f.err == nil {
		return f.reason
	}
	return f.reason + ": " + f.err.Error()
}

func (f *fault) Unwrap() error { return f.err }
