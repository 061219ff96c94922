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
	to  Downlink
	all []wire.Token
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

// next takes out one frame's worth for the device that has waited longest.
func (q *ackQueue) next() (to Downlink, ts []wire.Token, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.order) == 0 {
		return Downlink{}, nil, false
	}
	name := q.order[0]
	q.order = q.order[1:]
	t := q.owed[name]
	n := min(len(t.all), wire.MaxAckTokens)
	ts, t.all = t.all[:n:n], t.all[n:]
	if len(t.all) > 0 {
		q.order = append(q.order, name)
	} else {
		delete(q.owed, name)
	}
	return t.to, ts, true
}

func (q *ackQueue) run(ctx context.Context) error {
	for {
		to, ts, ok := q.next()
		if !ok {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-q.wake:
			}
			continue
		}
		err := q.acker.Ack(ctx, to, wire.Ack{Tokens: ts}.Append(nil))
		switch {
		case err == nil:
			q.log.Debug("acked", "link", q.link, "device", to.Device, "envelopes", len(ts))
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrNotSent):
			q.log.Debug("no ack could leave; trying again", "link", q.link, "device", to.Device, "error", err)
			q.add(to, ts...)
			if err := pause(ctx, retryAfter); err != nil {
				return err
			}
		default:
			// Perhaps it left (invariant 7). If not, the device sends its envelope again and gets the same ack.
			q.log.Warn("an ack may be lost", "link", q.link, "device", to.Device, "error", err)
		}
	}
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
