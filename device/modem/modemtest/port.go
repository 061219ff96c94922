package modemtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// maxPending bounds what a modem says while nobody reads; beyond it the modem
// forgets, as a real one does when its buffers are full.
const maxPending = 1 << 20

// port is the modem's end of a pseudo-terminal: one goroutine reads, one
// writes, one watches who leaves. It knows nothing of AT.
type port struct {
	master *os.File
	slave  *os.File // held open, so that the terminal outlives its users
	closes *os.File // inotify: somebody closed the slave
	path   string
	link   string

	mu      sync.Mutex
	pending []byte
	pace    Pace

	wake chan struct{} // capacity 1
	done chan struct{}
	once sync.Once
	wg   sync.WaitGroup
}

func openPort(link string) (*port, error) {
	blocking, slave, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	p := &port{slave: slave, path: slave.Name(), wake: make(chan struct{}, 1), done: make(chan struct{})}
	if p.master, err = pollable(blocking); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the pseudo-terminal: %w", err), slave.Close())
	}
	if err := raw(slave); err != nil {
		return nil, errors.Join(fmt.Errorf("set raw mode: %w", err), p.master.Close(), slave.Close())
	}
	if p.closes, err = watchClose(p.path); err != nil {
		return nil, errors.Join(err, p.master.Close(), slave.Close())
	}
	if link != "" {
		if err := replaceLink(p.path, link); err != nil {
			return nil, errors.Join(err, p.closes.Close(), p.master.Close(), slave.Close())
		}
		p.link = link
	}
	return p, nil
}

// watchClose gives a file that becomes readable when somebody closes path.
func watchClose(path string) (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watch the pseudo-terminal: %w", err)
	}
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_CLOSE); err != nil {
		return nil, errors.Join(fmt.Errorf("watch the pseudo-terminal: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "inotify"), nil
}

// share ends exclusive use (TIOCEXCL) when a user closes the terminal. The
// kernel does so at the last close, which never comes, because we hold one end
// open ourselves.
func (p *port) share() {
	buf := make([]byte, 4096)
	for {
		if _, err := p.closes.Read(buf); err != nil {
			return
		}
		// An error means that the terminal is closing, and then so is the watch.
		_ = unix.IoctlSetInt(int(p.slave.Fd()), unix.TIOCNXCL, 0)
	}
}

// pollable moves a descriptor to Go's poller. The pty package leaves it in
// blocking mode, where Close waits for a pending Read for ever.
func pollable(f *os.File) (*os.File, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// raw switches off echo, line editing and every translation before anybody
// else opens the terminal: a boot banner must not be echoed back to the modem.
func raw(tty *os.File) error {
	fd := int(tty.Fd())
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

// replaceLink points link at target in one step, so that nobody ever finds it
// missing or half made.
func replaceLink(target, link string) error {
	if info, err := os.Lstat(link); err == nil && info.Mode()&os.ModeSymlink == 0 {
		return fmt.Errorf("%s exists and is not a symbolic link: move it away", link)
	}
	next := filepath.Join(filepath.Dir(link), fmt.Sprintf(".%s.%d", filepath.Base(link), os.Getpid()))
	if err := os.Symlink(target, next); err != nil {
		return fmt.Errorf("link the modem's terminal: %w", err)
	}
	if err := os.Rename(next, link); err != nil {
		return errors.Join(fmt.Errorf("link the modem's terminal: %w", err), os.Remove(next))
	}
	return nil
}

// run serves the terminal until close. got is called for what was read.
func (p *port) run(got func(*port, []byte)) {
	p.wg.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := p.master.Read(buf)
			if n > 0 {
				got(p, buf[:n])
			}
			if err != nil {
				return
			}
		}
	})
	p.wg.Go(p.write)
	p.wg.Go(p.share)
}

// send queues bytes for the terminal; it never waits.
func (p *port) send(s string) {
	p.mu.Lock()
	if len(p.pending)+len(s) <= maxPending {
		p.pending = append(p.pending, s...)
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *port) setPace(pace Pace) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pace = pace
}

func (p *port) write() {
	for {
		select {
		case <-p.done:
			return
		case <-p.wake:
		}
		p.mu.Lock()
		pace := p.pace
		p.mu.Unlock()
		if pace == Merged && !p.pause(20*time.Millisecond) {
			return
		}
		p.mu.Lock()
		out := p.pending
		p.pending = nil
		p.mu.Unlock()
		for i := 0; len(out) > 0; i++ {
			n := len(out)
			if pace == Partial {
				n = min(n, 1+i%5)
			}
			if _, err := p.master.Write(out[:n]); err != nil {
				return
			}
			out = out[n:]
			if pace == Partial && !p.pause(500*time.Microsecond) {
				return
			}
		}
	}
}

// pause waits, for the two paces that are about time; false: closing.
func (p *port) pause(d time.Duration) bool {
	select {
	case <-p.done:
		return false
	case <-time.After(d):
		return true
	}
}

// close hangs the terminal up and returns when its goroutines have ended. It
// must not be called with the network's lock held: the reader may want it.
func (p *port) close() error {
	var err error
	p.once.Do(func() {
		close(p.done)
		if p.link != "" {
			if target, e := os.Readlink(p.link); e == nil && target == p.path {
				err = os.Remove(p.link)
			}
		}
		err = errors.Join(err, p.master.Close(), p.closes.Close())
		p.wg.Wait() // share uses the slave's descriptor until it ends
		err = errors.Join(err, p.slave.Close())
	})
	p.wg.Wait()
	return err
}
