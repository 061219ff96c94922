package smslink

import (
	"context"
	"slices"
	"sync"
)

// class is who waits for the modem: an envelope goes before an answer. A child's report must not wait for courtesies.
type class int

const (
	envelope class = iota
	answer
)

// unfair is how many envelopes in a row may go before an answer that waits. A backlog of hours would else leave every
// villager without an answer.
const unfair = 4

// turns gives the modem to one sender at a time, so that the segments of one message are not mixed with others'.
type turns struct {
	mu      sync.Mutex
	busy    bool
	waiting [2][]chan struct{} // by class, first come first
	passed  int                // envelopes that went before an answer that waited
}

// take waits for the turn. After nil the caller must give it back.
func (t *turns) take(ctx context.Context, c class) error {
	t.mu.Lock()
	if !t.busy {
		t.busy = true
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	t.waiting[c] = append(t.waiting[c], mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	n := len(t.waiting[c])
	t.waiting[c] = slices.DeleteFunc(t.waiting[c], func(w chan struct{}) bool { return w == mine })
	given := len(t.waiting[c]) == n
	t.mu.Unlock()
	if given { // in the same moment
		t.give()
	}
	return ctx.Err()
}

// give passes the turn on.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := envelope
	if len(t.waiting[envelope]) == 0 || len(t.waiting[answer]) > 0 && t.passed >= unfair {
		c = answer
	}
	if len(t.waiting[c]) == 0 {
		t.busy = false
		return
	}
	if c == envelope && len(t.waiting[answer]) > 0 {
		t.passed++
	} else {
		t.passed = 0
	}
	next := t.waiting[c][0]
	t.waiting[c] = t.waiting[c][1:]
	close(next)
}
