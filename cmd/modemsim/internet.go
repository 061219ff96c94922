package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// internet is a TCP relay that stands for the kiosk's internet: on, it joins
// every connection to the target; off, it cuts all of them and resets new
// ones.
type internet struct {
	listener net.Listener
	target   string
	up, down atomic.Int64 // octets from and to the kiosk

	mu    sync.Mutex
	on    bool
	conns map[net.Conn]struct{} // both ends of every joined connection
	total int                   // connections since the start
	wg    sync.WaitGroup
}

// listenLoopback refuses every address that another machine could reach.
func listenLoopback(address string) (net.Listener, error) {
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if !a.IP.IsLoopback() {
		return nil, fmt.Errorf("%s is not a loopback address: this is a demo, use 127.0.0.1", address)
	}
	return net.ListenTCP("tcp", a)
}

func newInternet(l net.Listener, target string) *internet {
	return &internet{listener: l, target: target, on: true, conns: map[net.Conn]struct{}{}}
}

func (n *internet) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, n.close)
	defer stop()
	defer n.wg.Wait()
	for {
		c, err := n.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if !n.track(c) {
			cut(c)
			continue
		}
		n.wg.Go(func() { n.join(ctx, c) })
	}
}

// track remembers a connection so that the switch can cut it; false: off.
func (n *internet) track(c net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.on {
		n.conns[c] = struct{}{}
	}
	return n.on
}

func (n *internet) forget(c net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
	c.Close()
}

func (n *internet) join(ctx context.Context, kiosk net.Conn) {
	defer n.forget(kiosk)
	d := net.Dialer{Timeout: 5 * time.Second}
	far, err := d.DialContext(ctx, "tcp", n.target)
	if err != nil || !n.track(far) {
		cut(kiosk)
		if far != nil {
			far.Close()
		}
		return
	}
	defer n.forget(far)
	n.mu.Lock()
	n.total++
	n.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { pour(far, kiosk, &n.up) })
	both.Go(func() { pour(kiosk, far, &n.down) })
	both.Wait()
}

// pour copies until either end is gone and then closes both, so that the
// other direction ends too.
func pour(to, from net.Conn, count *atomic.Int64) {
	// The error says only that a connection ended, which is what ends us.
	_, _ = io.Copy(counted{to, count}, from)
	to.Close()
	from.Close()
}

type counted struct {
	io.Writer
	n *atomic.Int64
}

// Write counts first, so that who has read an answer finds its octets counted.
func (c counted) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return c.Writer.Write(b)
}

// cut ends a connection with a reset, as a vanished network looks to a client
// that tries again.
func cut(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // without it the close is only more polite
	}
	c.Close()
}

// set is the switch.
func (n *internet) set(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.on = on
	if !on {
		for c := range n.conns {
			cut(c)
		}
	}
}

func (n *internet) close() {
	n.set(false)
	n.listener.Close()
}

type internetState struct {
	Present     bool  `json:"present"`
	On          bool  `json:"on"`
	Connections int   `json:"connections"`
	Up          int64 `json:"up"`
	Down        int64 `json:"down"`
}

func (n *internet) state() internetState {
	if n == nil {
		return internetState{}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return internetState{true, n.on, n.total, n.up.Load(), n.down.Load()}
}
