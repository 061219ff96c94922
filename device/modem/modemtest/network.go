package modemtest

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options shapes a Network; the zero value is what tests want.
type Options struct {
	// Now is the network's clock, for time stamps and the modems' +CCLK.
	// Default time.Now.
	Now func() time.Time
	// SlotsSM and SlotsME are the message slots of each SIM and of each modem's
	// own memory. Defaults 30 and 23, what a common SIM and modem have.
	SlotsSM, SlotsME int
}

// ErrClosed is returned once the network is closed.
var ErrClosed = errors.New("emulated network is closed")

// Network is the emulated operator. All its methods, and those of its SIMs
// and phones, may be called from any goroutine.
type Network struct {
	opts Options

	mu      sync.Mutex // guards everything here and in every SIM, modem and Phone
	sims    map[string]*SIM
	phones  map[string]*Phone
	queues  map[string][]*parcel // by normalised number of the receiver, in order
	partial map[set][]*parcel    // segments held back by SetReorder
	truth   []*Segment
	delay   time.Duration
	reorder bool
	double  bool
	closed  bool
	version uint64
	changed chan struct{} // closed and replaced at every change
	timers  map[*time.Timer]struct{}
	flights sync.WaitGroup // running timer callbacks
}

// parcel is one TPDU on its way from the service centre to its receiver.
type parcel struct {
	to     string
	from   string // who is to have the status report
	tpdu   []byte // SMS-DELIVER or SMS-STATUS-REPORT, without SMSC address
	report bool   // it is a status report itself
	sent   time.Time
	submit *submit  // what it came from; nil for injected bytes
	truth  *Segment // nil for status reports
}

// set names the segments of one message for SetReorder.
type set struct {
	from, to string
	ref      uint16
	total    uint8
}

// New makes a network without subscribers. It runs nothing by itself: every
// goroutine belongs to an open pseudo-terminal and ends with it.
func New(opts Options) *Network {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.SlotsSM == 0 {
		opts.SlotsSM = 30
	}
	if opts.SlotsME == 0 {
		opts.SlotsME = 23
	}
	return &Network{
		opts:    opts,
		sims:    map[string]*SIM{},
		phones:  map[string]*Phone{},
		queues:  map[string][]*parcel{},
		partial: map[set][]*parcel{},
		changed: make(chan struct{}),
		timers:  map[*time.Timer]struct{}{},
	}
}

// Close unplugs every modem, drops what is on its way, and returns when
// nothing of the network runs any more.
func (n *Network) Close() error {
	n.mu.Lock()
	n.closed = true
	for t := range n.timers {
		if t.Stop() {
			n.flights.Done()
		}
	}
	clear(n.timers)
	sims := make([]*SIM, 0, len(n.sims))
	for _, s := range n.sims {
		sims = append(sims, s)
	}
	n.touch()
	n.mu.Unlock()
	var errs []error
	for _, s := range sims {
		errs = append(errs, s.Close())
	}
	n.flights.Wait()
	return errors.Join(errs...)
}

// SetDelay makes the service centre keep every later message for d before it
// tries to deliver it. 0 delivers at once.
func (n *Network) SetDelay(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = d
}

// SetReorder makes the service centre wait for all segments of a message and
// deliver them last first. Switching it off releases what still waits.
func (n *Network) SetReorder(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reorder = on
	if on {
		return
	}
	for k, ps := range n.partial {
		delete(n.partial, k)
		n.forward(ps...)
	}
}

// SetDuplicate makes the service centre deliver every later message twice, as
// it does when the acknowledgement of the first delivery is lost.
func (n *Network) SetDuplicate(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.double = on
}

// Changed returns a channel that is closed at the next change of anything in
// the network, and the version that it would be a change of. Waiters take the
// channel first, look, and then wait.
func (n *Network) Changed() (<-chan struct{}, uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed, n.version
}

// touch wakes who waits for a change. Callers hold mu.
func (n *Network) touch() {
	n.version++
	close(n.changed)
	n.changed = make(chan struct{})
}

// accept takes one SMS-SUBMIT from a subscriber into the service centre.
// Callers hold mu.
func (n *Network) accept(from string, s submit, raw []byte, reversed bool) *Segment {
	now := n.opts.Now()
	seg := n.record(from, s.to, s.content, raw, now)
	seg.Deliver = deliverTPDU(from, s.content, now)
	p := &parcel{to: s.to, from: from, sent: now, submit: &s, truth: seg, tpdu: seg.Deliver}
	c, long := s.concat()
	if !n.reorder || reversed || !long || c.total < 2 {
		n.forward(p)
		return seg
	}
	k := set{from: from, to: s.to, ref: c.ref, total: c.total}
	n.partial[k] = append(n.partial[k], p)
	if len(n.partial[k]) == int(c.total) {
		ps := n.partial[k]
		delete(n.partial, k)
		slices.Reverse(ps)
		n.forward(ps...)
	}
	n.touch()
	return seg
}

// forward sends parcels on their way, at once or after the delay.
// Callers hold mu.
func (n *Network) forward(ps ...*parcel) {
	if n.closed {
		return
	}
	if n.double {
		twice := make([]*parcel, 0, 2*len(ps))
		for _, p := range ps {
			twice = append(twice, p, p)
		}
		ps = twice
	}
	if n.delay <= 0 {
		n.enqueue(ps)
		return
	}
	n.flights.Add(1)
	var t *time.Timer
	t = time.AfterFunc(n.delay, func() {
		defer n.flights.Done()
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.timers, t)
		if !n.closed {
			n.enqueue(ps)
		}
	})
	n.timers[t] = struct{}{}
}

func (n *Network) enqueue(ps []*parcel) {
	for _, p := range ps {
		n.queues[p.to] = append(n.queues[p.to], p)
	}
	for _, p := range ps {
		n.pump(p.to)
	}
	n.touch()
}

// pump delivers what waits for one subscriber, in order, until it accepts no
// more: out of the network, no room on the SIM, unplugged, or unknown. What it
// does not accept stays, and the next change of that subscriber pumps again.
// Callers hold mu.
func (n *Network) pump(to string) {
	for len(n.queues[to]) > 0 && !n.closed {
		p := n.queues[to][0]
		switch {
		case n.sims[to] != nil:
			if !n.sims[to].take(p) {
				return
			}
		case n.phones[to] != nil:
			n.phones[to].take(p)
		default:
			return
		}
		n.delivered(p)
	}
}

// delivered takes the first parcel of a queue out of it: its receiver has it.
func (n *Network) delivered(p *parcel) {
	n.queues[p.to] = n.queues[p.to][1:]
	now := n.opts.Now()
	if p.truth != nil {
		p.truth.Delivered = append(p.truth.Delivered, now)
	}
	if p.submit != nil && p.submit.statusReport {
		n.queues[p.from] = append(n.queues[p.from], &parcel{
			to: p.from, report: true, tpdu: statusReportTPDU(*p.submit, p.sent, now),
		})
		if p.from != p.to {
			n.pump(p.from)
		}
	}
	n.touch()
}

// Phones returns all phones, sorted by number.
func (n *Network) Phones() []*Phone {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.SortedFunc(maps.Values(n.phones), func(a, b *Phone) int {
		return strings.Compare(a.number, b.number)
	})
}

// Waiting says how many messages the service centre keeps for a number.
func (n *Network) Waiting(msisdn string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.queues[Normalise(msisdn)])
}
