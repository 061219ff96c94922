package intake

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/langnghe/langnghe/device/wire"
)

// maxOwed bounds the devices that acks wait for. A device that gets none sends its envelope again.
const maxOwed = 100_000

// retryAfter is how long a link that sent nothing is left alone.
const retryAfter = 3 * time.Second

// ackQueue holds the acks that one link owes, in memory only: what is lost with the process, devices ask for again. Acks
// for one device that wait together leave in one frame, which on SMS saves money.
type ackQueue struct {
	link  string
	acker Acker
	log   *slog.Logger

	mu    sync.Mutex // guards the rest
	order []string   // devices that are owed, longest first
	owed  map[string]*tokens
	wake  chan struct{}
}

type tokens struct {
	to      Downlink
	all     []wire.Token
	refused int       // times in a row
	rests   time.Time // until then it is not tried
}

func newAckQueue(link string, a Acker, log *slog.Logger) *ackQueue {
	return &ackQueue{link: link, acker: a, log: log, owed: map[string]*tokens{}, wake: make(chan struct{}, 1)}
}

func (q *ackQueue) add(to Downlink, ts ...wire.Token) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.owed[to.Device]
	if t == nil {
		if len(q.order) >= maxOwed {
			return
		}
		t = &tokens{to: to}
		q.owed[to.Device] = t
		q.order = append(q.order, to.Device)
	}
	for _, token := range ts {
		if len(t.all) < 8*wire.MaxAckTokens && !slices.Contains(t.all, token) {
			t.all = append(t.all, token)
		}
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// next takes out one frame's worth for the device that has waited longest and does not rest. Where there is none, wait is
// how long until there is; 0 means that nobody waits.
func (q *ackQueue) next(now time.Time) (t tokens, wait time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, name := range q.order {
		t := q.owed[name]
		if rest := t.rests.Sub(now); rest > 0 {
			if wait == 0 || rest < wait {
				wait = rest
			}
			continue
		}
		q.order = slices.Delete(q.order, i, i+1)
		out := *t
		n := min(len(t.all), wire.MaxAckTokens)
		out.all, t.all = t.all[:n:n], t.all[n:]
		if len(t.all) > 0 {
			q.order = append(q.order, name)
		} else {
			delete(q.owed, name)
		}
		return out, 0, true
	}
	return tokens{}, wait, false
}

// rest puts back what the link refused, for later; after too many times it forgets all that the device is owed, and tells.
func (q *ackQueue) rest(t tokens, now time.Time) (forgotten bool) {
	t.refused++
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.refused >= maxRefused {
		delete(q.owed, t.to.Device)
		q.order = slices.DeleteFunc(q.order, func(name string) bool { return name == t.to.Device })
		return true
	}
	if more := q.owed[t.to.Device]; more != nil { // came meanwhile, or did not fit into the frame
		t.all = append(t.all, more.all...)
		t.to = more.to
	} else {
		q.order = append(q.order, t.to.Device)
	}
	t.rests = now.Add(refusedRest)
	q.owed[t.to.Device] = &t
	return false
}

func (q *ackQueue) run(ctx context.Context) error {
	for {
		t, wait, ok := q.next(time.Now())
		if !ok {
			if err := q.idle(ctx, wait); err != nil {
				return err
			}
			continue
		}
		log := q.log.With("link", q.link, "device", t.to.Device)
		err := q.acker.Ack(ctx, t.to, wire.Ack{Tokens: t.all}.Append(nil))
		switch {
		case err == nil:
			log.Debug("acked", "envelopes", len(t.all))
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrRefused):
			if q.rest(t, time.Now()) {
				// The device sends its envelope again and is tried anew.
				log.Warn("acks to a device are refused and given up: is the number right with which it was enrolled?", "error", err)
			}
		case errors.Is(err, ErrNotSent):
			log.Debug("no ack could leave; trying again", "error", err)
			q.add(t.to, t.all...)
			if err := pause(ctx, retryAfter); err != nil {
				return err
			}
		default:
			// Perhaps it left (invariant 7). If not, the device sends its envelope again and gets the same ack.
			log.Warn("an ack may be lost", "error", err)
		}
	}
}

// idle waits until something is owed, or for as long as wait where that is not 0.
func (q *ackQueue) idle(ctx context.Context, wait time.Duration) error {
	var rested <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		rested = t.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-q.wake:
	case <-rested:
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
