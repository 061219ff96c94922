// Package inbox takes every SMS that the modem lists: it stores it, then lets the modem free its slot, then reads it
// (invariant 5). A villager's SMS is sealed before it is stored; its words stay in memory only, until they are whole and
// a report is made of them. A frame from the gateway is handed to the relay as it is.
package inbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/langnghe/langnghe/device/internal/outbox"
	"github.com/langnghe/langnghe/device/internal/supervise"
	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
)

const (
	// maxTPDU is what wire.Segment holds. No SMS-DELIVER is longer, so what a broken modem adds behind is no word.
	maxTPDU = 176
	// maxQueue bounds the messages in memory; what comes beyond goes out as it is.
	maxQueue = 256
	// maxSeen and seenFor bound how long a message that the network delivers twice is known again.
	maxSeen = 4096
	seenFor = 24 * time.Hour
	// tickEvery is how often waiting segments are looked at.
	tickEvery = time.Second
	// quietFor is how long the modem must have shown no message before the digests of freed slots are forgotten.
	quietFor = 10 * time.Minute
)

// Options are what an Inbox works with.
type Options struct {
	Outbox *outbox.Outbox
	Sealer *seal.Sealer
	// Gateway is the gateway's number: 8-bit messages from it are frames. The zero Address is equal to none.
	Gateway pdu.Address
	// Time gives the coarse time of now.
	Time func() report.Bucket
	// HoldFor is how long the segments of a message wait for the missing ones.
	HoldFor time.Duration
	// Released is called when segments were let go, to be sent: the relay's Wake.
	Released func()
	// Listing tells whether the modem lists its messages now, and has freed the slot of each one that it has shown.
	Listing func() bool
	Log     *slog.Logger
}

// Inbox is made by New. Receive is called by the modem's task; Run and Frames are tasks of their own.
type Inbox struct {
	o Options

	mu      sync.Mutex // guards what follows; held over Hold and Release so that a restart of Run misses no message
	queue   []part
	wake    chan struct{}
	frame   func(context.Context, []byte) error // nil: no Frames is running
	seen    map[[sha256.Size]byte]time.Time     // messages stored in this life, by when
	heard   time.Time                           // when the modem last showed a message, or began to list
	digests bool                                // the outbox may hold digests
}

// part is a message, or a segment of one, that is stored and not yet read.
type part struct {
	tpdu []byte
	held wire.ID
}

// New makes an Inbox; it starts nothing.
func New(o Options) *Inbox {
	return &Inbox{o: o, wake: make(chan struct{}, 1), seen: make(map[[sha256.Size]byte]time.Time), digests: true, heard: time.Now()}
}

var errNoFrames = errors.New("inbox: the SMS link is not running")

// Receive stores one inbound TPDU. Only after it has returned nil may the modem free the slot: if we die before, the
// modem lists the message again; if we die after, it is in the outbox. A TPDU that comes twice, for whatever reason, is
// stored once; one without a time stamp may come again once the slots are free.
func (i *Inbox) Receive(ctx context.Context, tpdu []byte) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.heard = time.Now()
	var d pdu.Deliver
	// Fenced: a TPDU that breaks the decoder is stored like any other, and the gateway looks at it.
	err := supervise.Call(func() (err error) { d, err = pdu.DecodeDeliver(tpdu); return err })
	switch {
	case len(tpdu) == 0 || errors.Is(err, pdu.ErrStatusReport) || errors.Is(err, pdu.ErrNotDeliver):
		return nil // nobody's words
	case err == nil && d.Coding == pdu.Binary:
		return i.binary(ctx, d)
	}
	digest := sha256.Sum256(tpdu)
	// Without a time stamp the same words are the same bytes: a second cry for help. Such a message is known by its slot's
	// digest only.
	stamped := !d.SCTS.IsZero()
	if at, ok := i.seen[digest]; ok && stamped && time.Since(at) < seenFor {
		return nil
	}
	if len(tpdu) > maxTPDU {
		tpdu = tpdu[:maxTPDU]
	}
	sealed, err := i.o.Sealer.Seal(wire.Segment{TPDU: tpdu, Time: i.o.Time()})
	if err != nil {
		return fmt.Errorf("seal a message: %w", err)
	}
	dup, err := i.o.Outbox.Hold(ctx, sealed, digest[:])
	if err != nil {
		return err // it stays in the modem, and after that in the network
	}
	// The sealed message is on disk. If we die now, the next start lets it go out as it is, and the modem's copy is known
	// by its digest.
	i.digests = true
	if stamped {
		i.remember(digest)
	}
	if dup {
		return nil // stored in an earlier life, which could not free the slot
	}
	held := sealed.Envelope.ID()
	if len(i.queue) >= maxQueue {
		if err := i.o.Outbox.Release(ctx, []wire.ID{held}); err == nil {
			i.o.Released()
			return nil
		}
		// It is stored, and must not wait for the next start: better a queue that is one too long.
	}
	i.queue = append(i.queue, part{append([]byte(nil), tpdu...), held})
	select {
	case i.wake <- struct{}{}:
	default:
	}
	return nil
}

// binary takes an 8-bit message: a frame if it comes from the gateway's number, else nothing that we know. A caller's
// number can be forged, so what the frame says is believed only after the relay has verified it.
func (i *Inbox) binary(ctx context.Context, d pdu.Deliver) error {
	if d.From.Equal(i.o.Gateway) && d.Concat == nil && len(d.Data) > 0 {
		if i.frame == nil {
			return errNoFrames
		}
		return i.frame(ctx, d.Data)
	}
	// Its bytes are not kept: they are no report and may hold a number. One call, so that a power cut leaves no row behind.
	if err := i.o.Outbox.Quarantine(ctx); err != nil {
		i.o.Log.Warn("a binary message from a stranger could not be counted", "error", err)
	}
	return nil
}

// remember keeps a digest in memory: networks deliver a message again after its slot is free, with the same bytes.
func (i *Inbox) remember(digest [sha256.Size]byte) {
	if len(i.seen) >= maxSeen {
		for d, at := range i.seen {
			if time.Since(at) >= seenFor || len(i.seen) >= maxSeen {
				delete(i.seen, d)
			}
		}
	}
	i.seen[digest] = time.Now()
}

// Frames hands the gateway's frames to deliver until ctx ends. It is the inbound side of the SMS link. deliver is called
// before the slot is freed, on the modem's task.
func (i *Inbox) Frames(ctx context.Context, deliver func(context.Context, []byte) error) error {
	i.mu.Lock()
	i.frame = deliver
	i.mu.Unlock()
	<-ctx.Done()
	i.mu.Lock()
	i.frame = nil
	i.mu.Unlock()
	return nil
}
