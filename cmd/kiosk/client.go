package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/ui"
)

const (
	pollEvery = time.Second
	pollFor   = 2 * time.Second
	submitFor = 10 * time.Second
)

// client is the screen's end of the socket. Each question has its own connection, so a device process that was started
// anew is found by the next one.
type client struct {
	path   string
	status atomic.Pointer[ui.Status] // what was last heard; written by run
}

var _ ui.Kiosk = (*client)(nil)

func newClient(path string) *client {
	c := &client{path: path}
	c.status.Store(&ui.Status{})
	return c
}

// Status is what the device last said. A device that does not answer can't store.
func (c *client) Status() ui.Status { return *c.status.Load() }

// run keeps asking until ctx ends.
func (c *client) run(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		c.poll(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (c *client) poll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pollFor)
	defer cancel()
	var s ui.Status
	if kind, body, _, err := c.ask(ctx, askStatus, nil); err == nil && kind == okStatus {
		if heard, err := decodeStatus(body); err == nil {
			s = heard
		}
	}
	c.status.Store(&s)
}

// errNoAnswer is the error of a report that the device perhaps stored.
var errNoAnswer = errors.New("the device process gave no answer; the report may be stored")

// Submit hands d to the device process. nil: it is on stable storage (invariant 1). When the answer gets lost on the way,
// Submit returns no sooner than its time is over, so that the screen says that it is not sure, which is the truth.
func (c *client) Submit(ctx context.Context, d report.Draft) (r report.Receipt, err error) {
	ctx, cancel := context.WithTimeout(ctx, submitFor)
	defer cancel()
	defer d.Wipe()
	d.Normalise()
	b, err := encodeDraft(d)
	if err != nil {
		return r, err
	}
	defer clear(b[:cap(b)])
	kind, body, sent, err := c.ask(ctx, askSubmit, b)
	defer clear(body)
	switch {
	case err != nil && sent:
		<-ctx.Done()
		return r, fmt.Errorf("%w: %w", errNoAnswer, err)
	case err != nil:
		return r, fmt.Errorf("the device process is away: nothing was stored: %w", err)
	case kind == refused:
		return r, fmt.Errorf("the device process refused: %s", body)
	case kind != okSubmit || len(body) != len(r):
		<-ctx.Done()
		return r, errNoAnswer
	}
	copy(r[:], body)
	return r, nil
}

// ask asks one question. sent tells whether it may have reached the device process.
func (c *client) ask(ctx context.Context, what byte, question []byte) (kind byte, body []byte, sent bool, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.path)
	if err != nil {
		return 0, nil, false, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := writeFrame(conn, what, question); err != nil {
		// The device process reads a frame whole or not at all, so a part of one is nothing.
		return 0, nil, false, err
	}
	kind, body, err = readFrame(conn)
	return kind, body, true, err
}
