package console

import (
	"sync"
	"time"
)

// throttle slows guesses of passwords. Its three counters differ on purpose: a name and an address together are stopped
// early; an address that tries many names later; and a name that is tried from many addresses last and only briefly, so
// that nobody can lock the duty officer out at 3 a.m. by guessing wrong on purpose.
type throttle struct {
	mu    sync.Mutex // guards the rest; held for map work only
	tries map[string]*guesses
	swept time.Time
}

type guesses struct {
	n    int
	last time.Time
}

// limit is how many wrong guesses are free, and the waits after: doubling from first to longest.
type limit struct {
	free           int
	first, longest time.Duration
}

var (
	limitPair    = limit{5, 30 * time.Second, 15 * time.Minute}
	limitAddress = limit{20, 30 * time.Second, 15 * time.Minute}
	limitName    = limit{50, 10 * time.Second, time.Minute}
)

const (
	forgetAfter = time.Hour // a counter starts anew after this long without a wrong guess
	maxCounters = 20000     // bounds the memory that guesses can take
)

func newThrottle() *throttle { return &throttle{tries: map[string]*guesses{}} }

// maxKeyName bounds what a typed name takes in memory.
const maxKeyName = 64

func keys(user, address string) map[string]limit {
	user = user[:min(len(user), maxKeyName)]
	// A NUL stands in no address, so that no name can pass for another counter.
	return map[string]limit{"p\x00" + address + "\x00" + user: limitPair, "a\x00" + address: limitAddress, "n\x00" + user: limitName}
}

// admit tells how long user must wait at address before the next guess. Where that is 0 it counts the guess as wrong,
// before the password is checked: guesses that run side by side must not all pass as the first.
func (t *throttle) admit(user, address string, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := keys(user, address)
	for k, l := range all {
		g := t.tries[k]
		if g == nil || g.n < l.free {
			continue
		}
		pause := l.first
		for i := l.free; i < g.n && pause < l.longest; i++ {
			pause *= 2
		}
		wait = max(wait, g.last.Add(min(pause, l.longest)).Sub(now))
	}
	if wait > 0 {
		return wait
	}
	// At most once a minute: with the map full, a sweep at every guess would itself be the attack.
	if len(t.tries) > maxCounters && now.Sub(t.swept) >= time.Minute {
		t.swept = now
		for k, g := range t.tries {
			if now.Sub(g.last) > forgetAfter {
				delete(t.tries, k)
			}
		}
	}
	for k := range all {
		g := t.tries[k]
		if g == nil {
			if len(t.tries) > maxCounters {
				continue // the counters that exist go on to hold; the address has one
			}
			g = &guesses{}
			t.tries[k] = g
		}
		if now.Sub(g.last) > forgetAfter {
			g.n = 0
		}
		g.n++
		g.last = now
	}
	return 0
}

// succeeded takes back the guess that was counted ahead, and clears what user did at address.
func (t *throttle) succeeded(user, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, l := range keys(user, address) {
		g := t.tries[k]
		if g == nil {
			continue
		}
		g.n--
		if l == limitPair || g.n <= 0 {
			delete(t.tries, k)
		}
	}
}
