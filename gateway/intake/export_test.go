package intake

import (
	"context"
	"log/slog"
	"time"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/wire"
)

func init() { storeRetry = time.Millisecond }

// AnswerText is the automatic answer.
const AnswerText = answerText

// Resume does what work does once at its start.
func (in *Intake) Resume(ctx context.Context) error { return in.resume(ctx) }

// Drain does the work of Run until nothing is left to do, in the caller's goroutine.
func (in *Intake) Drain(ctx context.Context) error {
	for {
		n, err := in.step(ctx)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	for _, q := range in.acks {
		for {
			t, _, ok := q.next(in.now())
			if !ok {
				break
			}
			if err := q.acker.Ack(ctx, t.to, wire.Ack{Tokens: t.all}.Append(nil)); err != nil {
				return err
			}
		}
	}
	for in.cfg.Answerer != nil {
		sent, err := in.answers.pay(ctx)
		if err != nil {
			return err
		}
		if !sent {
			break
		}
	}
	return nil
}

// Sweep opens what has waited for longer than the patience.
func (in *Intake) Sweep(ctx context.Context) error { return in.expire(ctx) }

// Frame has bytes judged as they come by MQTT, and writes nothing.
func (in *Intake) Frame(ctx context.Context, from string, raw []byte) (records, refused int, err error) {
	b := in.newBatch()
	err = b.judge(ctx, Raw{Link: LinkMQTT, From: from, Received: in.now(), Bytes: raw})
	return len(b.records), len(b.refused), err
}

// TPDU has an SMS judged, and writes nothing.
func (in *Intake) TPDU(ctx context.Context, tpdu []byte) (records, refused int, err error) {
	in.direct = pdu.NewJoiner(0)
	b := in.newBatch()
	err = b.message(ctx, Raw{ID: 1, Link: LinkSMS, Received: in.now()}, tpdu)
	return len(b.records), len(b.refused), err
}

// AckQueue is the queue of acks for one link.
type AckQueue struct{ q *ackQueue }

// NewAckQueue makes one.
func NewAckQueue(a Acker, log *slog.Logger) AckQueue { return AckQueue{newAckQueue(LinkSMS, a, log)} }

// Add owes an ack.
func (q AckQueue) Add(to Downlink, t wire.Token) { q.q.add(to, t) }

// Run pays until ctx ends.
func (q AckQueue) Run(ctx context.Context) error { return q.q.run(ctx) }
