// Package smsin takes arrivals from the gateway's own modem and sends acks and answers by it. DESIGN.md of device/modem says
// how a message is freed in the modem only when it is stored here.
package smsin

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/langnghe/langnghe/device/modem"
	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/gateway/intake"
)

// maxQueued bounds the acks, and the answers, that wait for the modem. At ten messages a minute more would be too late to
// be of use; what is refused is asked for again.
const maxQueued = 64

// Link is the gateway's modem as a way in and out. It is an intake.Acker and an intake.Answerer.
type Link struct {
	modem   *modem.Modem
	receive func(ctx context.Context, tpdu []byte) error
	log     *slog.Logger

	acks    chan *job // taken first: an ack spares the device a repeat of many segments
	answers chan *job
	stopped chan struct{} // closed when Run ends
	running atomic.Bool   // Run was called
	ref     atomic.Uint32 // the last concatenation reference; starts at random, so that a restart repeats none soon
}

// job is one message. Who takes it, send or whoever gave up waiting, is decided by taken.
type job struct {
	kind     string
	segments []pdu.Submit
	taken    atomic.Bool
	done     chan error // holds one
}

// New makes a Link of m. receive is called with each SMS-DELIVER TPDU, one at a time, decodable or not; it must return nil
// only when the TPDU is on stable storage, as the modem then frees its place (invariant 5). Nothing starts before Run.
func New(m *modem.Modem, receive func(ctx context.Context, tpdu []byte) error, log *slog.Logger) *Link {
	l := &Link{
		modem: m, receive: receive, log: log,
		acks: make(chan *job, maxQueued), answers: make(chan *job, maxQueued), stopped: make(chan struct{}),
	}
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	l.ref.Store(uint32(binary.BigEndian.Uint16(b[:])))
	return l
}

// Run works the modem until ctx ends, and then returns nil. A modem that is missing or lost is looked for again and again;
// Status says so meanwhile. It may be called once.
func (l *Link) Run(ctx context.Context) error {
	if !l.running.CompareAndSwap(false, true) {
		return errors.New("smsin: Run was called twice")
	}
	defer close(l.stopped)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.modem.Run(gctx, l.deliver) })
	g.Go(func() error { return l.sendAll(gctx) })
	if err := g.Wait(); ctx.Err() == nil {
		return fmt.Errorf("work the modem: %w", err)
	}
	return nil
}

// Ready says that a message can be sent now.
func (l *Link) Ready() bool { return l.modem.Ready() }

// Status is what the modem is like now.
func (l *Link) Status() modem.Status { return l.modem.Status() }

func (l *Link) deliver(ctx context.Context, in modem.Inbound) error {
	if pdu.IsStatusReport(in.TPDU) {
		return nil // we ask for none; one that comes all the same holds nothing to keep, and must not fill the SIM
	}
	return l.receive(ctx, in.TPDU)
}

// Ack sends frame to the device's number; see SendBinary.
func (l *Link) Ack(ctx context.Context, to intake.Downlink, frame []byte) error {
	return l.SendBinary(ctx, string(to.MSISDN), frame)
}

// Answer sends text to number; see SendText.
func (l *Link) Answer(ctx context.Context, number, text string) error {
	return l.SendText(ctx, number, text)
}

// SendBinary sends frame as 8-bit data, before all texts that wait. nil means that the service centre took it all;
// intake.ErrNotSent that nothing left because the modem or its network can't send now; intake.ErrRefused that nothing left
// because the network or the modem does not take this message or this number; any other error that something may have left, or that it can never be sent.
// Once its first segment is handed to the modem it heeds the modem's deadline, no longer ctx.
func (l *Link) SendBinary(ctx context.Context, to string, frame []byte) error {
	return l.send(ctx, "ack", l.acks, to, func(a pdu.Address, ref uint16) ([]pdu.Submit, error) {
		return pdu.SubmitBinary(a, frame, ref, pdu.SubmitOptions{})
	})
}

// SendText sends text, after all binary messages that wait. Its errors are those of SendBinary.
func (l *Link) SendText(ctx context.Context, to, text string) error {
	return l.send(ctx, "answer", l.answers, to, func(a pdu.Address, ref uint16) ([]pdu.Submit, error) {
		return pdu.SubmitText(a, text, ref, pdu.SubmitOptions{})
	})
}

func (l *Link) send(ctx context.Context, kind string, queue chan<- *job, to string, encode func(pdu.Address, uint16) ([]pdu.Submit, error)) error {
	a, err := pdu.ParseAddress(to)
	if err != nil {
		return fmt.Errorf("send %s: %w", kind, err)
	}
	segments, err := encode(a, uint16(l.ref.Add(1)))
	if err != nil {
		return fmt.Errorf("send %s: %w", kind, err)
	}
	j := &job{kind: kind, segments: segments, done: make(chan error, 1)}
	select {
	case queue <- j:
	default:
		return notSent(kind, errors.New("too many wait for the modem"))
	}
	var why error
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		why = ctx.Err()
	case <-l.stopped:
		why = errors.New("the modem's link has stopped")
	}
	if j.taken.CompareAndSwap(false, true) {
		return notSent(kind, why)
	}
	return <-j.done // on its way; the modem's deadline bounds the wait
}

func notSent(kind string, why error) error {
	return fmt.Errorf("send %s: %w: %w", kind, intake.ErrNotSent, why)
}

// sendAll is the one sender, so that a message's segments are not mixed with another's.
func (l *Link) sendAll(ctx context.Context) error {
	for {
		select { // acks first
		case j := <-l.acks:
			l.sendOne(ctx, j)
			continue
		default:
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case j := <-l.acks:
			l.sendOne(ctx, j)
		case j := <-l.answers:
			l.sendOne(ctx, j)
		}
	}
}

func (l *Link) sendOne(ctx context.Context, j *job) {
	if !j.taken.CompareAndSwap(false, true) {
		return // nobody waits for it any more
	}
	outcome, err := l.submit(ctx, j)
	log := l.log.Info
	if err != nil {
		log = l.log.Warn
		err = fmt.Errorf("send %s: %w", j.kind, err)
	}
	log("sms", "kind", j.kind, "segments", len(j.segments), "outcome", outcome, "err", err)
	j.done <- err
}

// submit sends the segments in order and stops at the first that fails.
func (l *Link) submit(ctx context.Context, j *job) (outcome string, err error) {
	for i, s := range j.segments {
		_, err := l.modem.Send(ctx, s)
		switch {
		case err == nil:
		case i == 0 && errors.Is(err, modem.ErrNotSent) && refused(err):
			return "refused", fmt.Errorf("%w: %w", intake.ErrRefused, err)
		case i == 0 && errors.Is(err, modem.ErrNotSent):
			return "not sent", fmt.Errorf("%w: %w", intake.ErrNotSent, err)
		default:
			// %v: what has left in part must not look like ErrNotSent (invariant 7).
			return "unknown", fmt.Errorf("segment %d of %d: %v", i+1, len(j.segments), err)
		}
	}
	return "accepted", nil
}

// cause finds the cause in an error of the modem, which has no other way to tell it; TestOutcomes has the modem say it.
var cause = regexp.MustCompile(`CMS Error: *([0-9]{1,4})`)

// refused says that it is this message or this number that was not taken. Of the RP-causes (TS 24.011 table 8.4) and TP-FCS
// (TS 23.040 9.2.3.22) that are below 300 only congestion and a busy or failing service centre (42, 192) are everybody's; so
// is what the modem says for itself from 300 on (TS 27.005 3.2.5: no SIM, no service), but for a message that it finds
// wrong (302 to 305). A SIM that may send to nobody is refused with each number, each a few times.
func refused(err error) bool {
	m := cause.FindStringSubmatch(err.Error())
	if m == nil {
		return false
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return false
	}
	return n < 300 && n != 42 && n != 192 || n >= 302 && n <= 305
}
