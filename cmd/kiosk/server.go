package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/langnghe/langnghe/device"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/ui"
)

const (
	maxConns = 4
	askFor   = 5 * time.Second // for a question to come whole, and for its answer to be taken
)

// kiosk is what the socket serves: *device.Device.
type kiosk interface {
	Submit(ctx context.Context, d report.Draft) (report.Receipt, error)
	Status() device.Status
}

// server is the device's end of the socket.
type server struct {
	l     *net.UnixListener
	uids  []uint32 // who may connect
	kiosk kiosk
	log   *slog.Logger
}

// listen opens the socket with mode 0660, so that the process's group may connect. It takes the place of a socket that nobody serves any more, and of nothing else.
func listen(c device.ScreenConfig, k kiosk, log *slog.Logger) (*server, error) {
	s := &server{uids: []uint32{0, uint32(os.Geteuid())}, kiosk: k, log: log}
	if c.User != "" {
		u, err := user.Lookup(c.User)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w: make that user, or correct the key", "screen.user", err)
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("key %q: user ID: %w", "screen.user", err)
		}
		s.uids = append(s.uids, uint32(uid))
	}
	if st, err := os.Lstat(c.Socket); err == nil {
		if st.Mode().Type() != fs.ModeSocket {
			return nil, fmt.Errorf("%s is there and is no socket: remove it, or choose another screen.socket", c.Socket)
		}
		if conn, err := net.DialTimeout("unix", c.Socket, askFor); err == nil {
			conn.Close()
			return nil, fmt.Errorf("another kiosk device process serves %s: stop it first", c.Socket)
		}
		if err := os.Remove(c.Socket); err != nil {
			return nil, fmt.Errorf("socket: %w", err)
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: c.Socket, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("socket: %w: check that the folder of screen.socket exists and belongs to the kiosk's user", err)
	}
	// Until here the umask has kept it to ourselves.
	if err := os.Chmod(c.Socket, 0o660); err != nil {
		l.Close()
		return nil, fmt.Errorf("socket: %w", err)
	}
	s.l = l
	return s, nil
}

// serve answers until ctx ends, and returns nil then, when all answers are given.
func (s *server) serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.l.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	places := make(chan struct{}, maxConns)
	for {
		c, err := s.l.AcceptUnix()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("socket: %w", err)
		}
		select {
		case places <- struct{}{}:
		default:
			c.Close() // the screen asks again
			continue
		}
		wg.Go(func() {
			defer func() { <-places }()
			defer c.Close()
			if err := s.answer(ctx, c); err != nil {
				s.log.Debug("a question on the socket failed", "error", err)
			}
		})
	}
}

func (s *server) answer(ctx context.Context, c *net.UnixConn) error {
	uid, err := peer(c)
	if err != nil {
		return err
	}
	if !slices.Contains(s.uids, uid) {
		s.log.Warn("a user who may not use the kiosk's socket was refused; name the screen's user in screen.user", "uid", uid)
		return nil
	}
	if err := c.SetReadDeadline(time.Now().Add(askFor)); err != nil {
		return err
	}
	what, body, err := readFrame(c)
	if err != nil {
		return err
	}
	defer clear(body)
	kind, reply := byte(refused), []byte("the socket does not know this question: screen and device are of different versions")
	switch what {
	case askStatus:
		st := s.kiosk.Status()
		kind, reply = okStatus, encodeStatus(ui.Status{CanStore: st.CanStore, Online: st.Online})
	case askSubmit:
		kind, reply = s.submit(ctx, body)
	}
	defer clear(reply)
	if err := c.SetWriteDeadline(time.Now().Add(askFor)); err != nil {
		return err
	}
	// If this fails the report is stored all the same; the child was shown no receipt.
	return writeFrame(c, kind, reply)
}

func (s *server) submit(ctx context.Context, body []byte) (kind byte, reply []byte) {
	d, err := decodeDraft(body)
	if err != nil {
		return refused, []byte("the draft can't be read")
	}
	defer d.Wipe()
	r, err := s.kiosk.Submit(ctx, d)
	if err != nil {
		// Debug: a line with a time would tell when somebody stood at the screen. That nothing can be stored is health's to say.
		s.log.Debug("a report was not stored", "error", err)
		return refused, []byte(err.Error())
	}
	defer clear(r[:])
	return okSubmit, append([]byte(nil), r[:]...)
}

// peer asks the kernel who is at the other end (unix(7), SO_PEERCRED).
func peer(c *net.UnixConn) (uid uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var cerr error
	if err := raw.Control(func(fd uintptr) { cred, cerr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return 0, err
	}
	if cerr != nil {
		return 0, fmt.Errorf("peer credentials: %w", cerr)
	}
	return cred.Uid, nil
}
