package relay

import (
	"cmp"
	"slices"
	"time"

	"github.com/langnghe/langnghe/device/internal/outbox"
	"github.com/langnghe/langnghe/device/wire"
)

// Everything in this file is pure: now is the time since the relay began, on the monotonic clock, and chance comes in as
// a number in [0, 1).

// path is a link as the schedule sees it.
type path struct {
	costly bool          // each envelope costs money: use it when the others fail, or for what is urgent
	window int           // how many Sends at once
	wait   time.Duration // for the ack of a first attempt
	most   time.Duration // between two attempts of an envelope
	urgent time.Duration // the same, for an urgent one

	ready bool
	since time.Duration // ready has been so since
	open  int           // Sends at this moment
}

func paths(links []Link, cfg Config) []path {
	ps := make([]path, len(links))
	for i, l := range links {
		if l.Name() == SMS {
			ps[i] = path{costly: true, window: 1, wait: cfg.SMSAckWait, most: time.Hour, urgent: 15 * time.Minute}
		} else {
			ps[i] = path{window: 8, wait: cfg.MQTTAckWait, most: 5 * time.Minute, urgent: time.Minute}
		}
	}
	return ps
}

// leg is what the schedule knows of one envelope on one link. All of it is forgotten with the process: then everything is
// due, and no time stands on disk.
type leg struct {
	open    bool          // a Send is under way
	tries   int           // attempts that perhaps left
	refused int           // attempts since then of which nothing left
	next    time.Duration // no attempt before
}

// entry is an envelope that waits for its ack.
type entry struct {
	id     wire.ID
	urgent bool
	order  int           // of arrival
	since  time.Duration // the relay has known it since
	legs   []leg         // by link
}

// route says by which links e should leave now, and when to ask again at the latest (never: no moment is known; an event
// must come first). No ready link: it waits.
//
// A link that costs nothing is used when it is ready. A costly one is used at once for an urgent envelope, which races on
// all links; for another when every cheap link has been down for smsAfter, counted from when the envelope came or the
// link went down; at once when a cheap link that called itself ready has just sent nothing; and when cheap links, up as
// they may be, have brought no ack for patience.
func route(now time.Duration, e *entry, ps []path, cfg Config) (by []int, look time.Duration) {
	look = never
	for i, p := range ps {
		if !p.ready || e.legs[i].open {
			continue
		}
		at := e.legs[i].next
		if p.costly && !e.urgent {
			at = max(at, costlyAt(e, ps, cfg))
		}
		if at <= now {
			by = append(by, i)
		} else {
			look = min(look, at)
		}
	}
	return by, look
}

const never = time.Duration(1<<63 - 1)

func costlyAt(e *entry, ps []path, cfg Config) time.Duration {
	var at time.Duration
	for j, p := range ps {
		switch {
		case p.costly || e.legs[j].refused > 0:
		case p.ready:
			at = max(at, e.since+cfg.Patience)
		default:
			at = max(at, max(e.since, p.since)+cfg.SMSAfter)
		}
	}
	return at
}

// again is the time from the end of attempt n (1 is the first) to the next one, when no ack has come: wait, doubled by
// each attempt up to most, and up to half of that more by chance, so that kiosks that failed together don't return
// together.
func again(n int, wait, most time.Duration, chance float64) time.Duration {
	d := wait
	for ; n > 1 && d < most; n-- {
		d *= 2
	}
	d = min(d, most)
	return d + time.Duration(chance*float64(d)/2)
}

// notSentWait is the time after a first attempt of which nothing left.
const notSentWait = 2 * time.Second

// book is the schedule: all envelopes that wait. It is written by Run alone.
type book struct {
	cfg     Config
	ps      []path
	entries map[wire.ID]*entry
	orders  int
}

func newBook(ps []path, cfg Config) *book {
	return &book{cfg: cfg, ps: ps, entries: map[wire.ID]*entry{}}
}

// put brings the book to what the outbox lists. What is new is due at once; at the start of the process, spread over
// cfg.StartJitter.
func (b *book) put(now time.Duration, items []outbox.Item, start bool, chance func() float64) {
	listed := make(map[wire.ID]bool, len(items))
	for _, it := range items {
		listed[it.ID] = true
		if b.entries[it.ID] != nil {
			continue
		}
		b.orders++
		e := &entry{id: it.ID, urgent: it.Urgent, order: b.orders, since: now, legs: make([]leg, len(b.ps))}
		if start {
			first := now + time.Duration(chance()*float64(b.cfg.StartJitter))
			for i := range e.legs {
				e.legs[i].next = first
			}
		}
		b.entries[it.ID] = e
	}
	for id := range b.entries {
		if !listed[id] {
			b.drop(id)
		}
	}
}

// drop ends an envelope. A Send of it that is under way ends by itself.
func (b *book) drop(id wire.ID) { delete(b.entries, id) }

// setReady notes whether link i is ready.
func (b *book) setReady(now time.Duration, i int, ready bool) {
	if b.ps[i].ready != ready {
		b.ps[i].ready, b.ps[i].since = ready, now
	}
}

func (b *book) begin(id wire.ID, i int) {
	b.ps[i].open++
	b.entries[id].legs[i].open = true
}

// end notes how a Send on link i ended. What we do not know counts as perhaps sent (invariant 7).
func (b *book) end(now time.Duration, id wire.ID, i int, out outbox.Outcome, chance float64) {
	p := &b.ps[i]
	p.open--
	e := b.entries[id]
	if e == nil {
		return // an ack has ended it meanwhile
	}
	most := p.most
	if e.urgent {
		most = p.urgent
	}
	l := &e.legs[i]
	l.open = false
	if out == outbox.NotSent {
		l.refused++
		l.next = now + again(l.refused, notSentWait, min(most, time.Minute), chance)
		return
	}
	l.tries++
	l.refused = 0
	l.next = now + again(l.tries, p.wait, most, chance)
}

// departure is an envelope that should leave now by a link.
type departure struct {
	id   wire.ID
	link int
}

// plan says what should leave now, within the windows: urgent ones first, then those tried least on that link, then the
// oldest. look is when to ask again at the latest.
func (b *book) plan(now time.Duration) (out []departure, look time.Duration) {
	look = never
	want := make([][]*entry, len(b.ps))
	for _, e := range b.entries {
		by, l := route(now, e, b.ps, b.cfg)
		look = min(look, l)
		for _, i := range by {
			want[i] = append(want[i], e)
		}
	}
	for i, list := range want {
		slices.SortFunc(list, func(x, y *entry) int {
			if x.urgent != y.urgent {
				if x.urgent {
					return -1
				}
				return 1
			}
			return cmp.Or(cmp.Compare(x.legs[i].tries, y.legs[i].tries), cmp.Compare(x.order, y.order))
		})
		for _, e := range list[:min(len(list), max(0, b.ps[i].window-b.ps[i].open))] {
			out = append(out, departure{e.id, i})
		}
	}
	return out, look
}
