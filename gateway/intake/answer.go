package intake

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/wire"
)

// answerText is the one automatic answer: without accents, so that it is one message on any handset, and with nothing in
// it that tells a reader of the phone what was reported.
const answerText = "Da nhan tin cua ban, se co nguoi doc. Neu tre dang gap nguy hiem, goi ngay 113 hoac 115. " +
	"Tu van 24/7 mien phi: 111. May dung chung thi nen xoa tin nay."

// Limits of answers to one number: they keep two machines from talking to each other at our cost.
const (
	answerGap    = 10 * time.Minute
	answersADay  = 6
	answerRetry  = 15 * time.Second
	answerWithin = 24 * time.Hour // an answer that could not leave for longer would only puzzle
	maxAnswered  = 10_000         // numbers that are remembered
	maxResting   = 100            // answers that wait because they were refused
)

// answers sends what is owed. The numbers of the last day are kept as keyed digests, in memory.
type answers struct {
	in   *Intake
	wake chan struct{}
	// Owned by run.
	back  []Answer            // taken out to be sent, and not yet owed again
	rests map[string]*refusal // answers whose number was refused, by what is sealed

	mu   sync.Mutex // guards past
	past map[wire.ID][]time.Time
}

type refusal struct {
	times int
	last  time.Time
}

func newAnswers(in *Intake) *answers {
	return &answers{in: in, wake: make(chan struct{}, 1), past: map[wire.ID][]time.Time{}, rests: map[string]*refusal{}}
}

func (a *answers) nudge() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// forget lets the count begin anew, as a start does: what was counted may not have been recorded.
func (a *answers) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.past)
}

// allow tells whether a number may be answered now, and counts it.
func (a *answers) allow(number string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := a.in.keys.digest("answer", []byte(number))
	var recent []time.Time
	for _, t := range a.past[id] {
		// What was counted at a time that is still to come was counted by a clock that has been set back since.
		if age := now.Sub(t); age >= 0 && age < 24*time.Hour {
			recent = append(recent, t)
		}
	}
	if n := len(recent); n >= answersADay || n > 0 && now.Sub(recent[n-1]) < answerGap {
		return false
	}
	if len(a.past) >= maxAnswered {
		clear(a.past)
	}
	a.past[id] = append(recent, now)
	return true
}

// answer notes that the sender of a message is owed an answer, unless none could reach a person.
func (b *batch) answer(ctx context.Context, from pdu.Address, now time.Time) error {
	in := b.in
	if in.cfg.Answerer == nil || !from.Answerable() {
		return nil
	}
	if in.cfg.Silent != nil {
		silent, err := in.cfg.Silent(ctx, from.Number())
		if ctx.Err() != nil || errors.Is(err, ErrUnavailable) {
			return err
		}
		if err != nil {
			in.log.Warn("a message is not answered: whether its sender is a kiosk is not known", "error", err)
			return nil
		}
		if silent {
			return nil
		}
	}
	if !in.answers.allow(from.Number(), now) {
		return nil
	}
	sealed, err := in.to.SealAtRest(labelAnswer, []byte(from.Number()))
	if err != nil {
		return fmt.Errorf("note an answer: %w", err)
	}
	b.owed = append(b.owed, Answer{Due: now, Sealed: sealed})
	return nil
}

func (a *answers) run(ctx context.Context) error {
	for {
		sent, err := a.pay(ctx)
		if err != nil && (ctx.Err() != nil || !a.in.patient(err)) {
			return err
		}
		if !sent {
			// Nothing was owed, or nothing could leave. A link that comes back is tried after the pause.
			t := time.NewTimer(answerRetry)
			select {
			case <-ctx.Done():
				t.Stop()
				return ctx.Err()
			case <-a.wake:
			case <-t.C:
			}
			t.Stop()
		}
	}
}

// pay sends the oldest answer that is owed and tells whether one left.
func (a *answers) pay(ctx context.Context) (sent bool, err error) {
	if err := a.oweAgain(ctx); err != nil {
		return false, err
	}
	o, ok, err := a.next(ctx)
	if err != nil || !ok {
		return false, err
	}
	// It is forgotten before its first byte leaves: if we die now it is not sent, which is better than twice at each
	// start (invariant 3, with the loss on the other side: the case is open whether the answer leaves or not).
	if err := a.in.update(ctx, func(tx Tx) error { return tx.Paid(ctx, o.ID) }); err != nil {
		return false, err
	}
	number, err := a.in.keys.identity.OpenAtRest(labelAnswer, o.Sealed)
	if err != nil {
		a.in.log.Warn("an automatic answer is lost: its number can't be opened", "error", err)
		return true, nil
	}
	if a.in.now().Sub(o.Due) > answerWithin {
		delete(a.rests, string(o.Sealed))
		return true, nil
	}
	err = a.in.cfg.Answerer.Answer(ctx, string(number), answerText)
	if !errors.Is(err, ErrRefused) {
		delete(a.rests, string(o.Sealed))
	}
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, ErrNotSent):
		a.back = append(a.back, o)
		return false, a.oweAgain(context.WithoutCancel(ctx)) // else a stop just now would lose it
	case errors.Is(err, ErrRefused):
		return true, a.rest(ctx, o, err)
	default:
		a.in.log.Warn("an automatic answer may be lost", "error", err)
		return true, nil
	}
}

// next is the oldest answer that is owed and does not rest.
func (a *answers) next(ctx context.Context) (o Answer, ok bool, err error) {
	owed, err := a.in.cfg.Store.Answers(ctx, len(a.rests)+1)
	now := a.in.now()
	for _, o := range owed {
		// The age is negative where the clock was set back.
		r := a.rests[string(o.Sealed)]
		if r == nil {
			return o, true, err
		}
		if age := now.Sub(r.last); age < 0 || age >= refusedRest {
			return o, true, err
		}
	}
	return Answer{}, false, err
}

// rest owes an answer again whose number was refused, or gives it up; the others go on meanwhile.
func (a *answers) rest(ctx context.Context, o Answer, cause error) error {
	key := string(o.Sealed)
	r := a.rests[key]
	if r == nil {
		if len(a.rests) >= maxResting {
			return nil // as many are refused as can be remembered: it is the network that takes none
		}
		r = &refusal{}
		a.rests[key] = r
	}
	r.times++
	r.last = a.in.now()
	if r.times >= maxRefused {
		delete(a.rests, key)
		a.in.log.Warn("an automatic answer is refused and given up", "error", cause)
		return nil
	}
	a.back = append(a.back, o)
	return a.oweAgain(context.WithoutCancel(ctx))
}

// oweAgain notes the answers that did not leave; those that the store can't take wait in memory.
func (a *answers) oweAgain(ctx context.Context) error {
	if len(a.back) == 0 {
		return nil
	}
	err := a.in.update(ctx, func(tx Tx) error {
		for _, o := range a.back {
			if err := tx.Owe(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		a.back = nil
	}
	return err
}
