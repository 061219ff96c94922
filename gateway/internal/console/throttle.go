package console

import (
	"net/netip"
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
	user, address = user[:min(len(user), maxKeyName)], network(address)
	// A NUL stands in no address, so that no name can pass for another counter.
	return map[string]limit{"p\x00" + address + "\x00" + user: limitPair, "a\x00" + address: limitAddress, nameKey(user): limitName}
}

func nameKey(user string) string { return "n\x00" + user[:min(len(user), maxKeyName)] }

// network is what one person has of addresses: an IPv4 address, or the 64-bit prefix of an IPv6 address, in which anyone
// may take as many as he likes.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if a = a.Unmap().WithZone(""); a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}

// admit tells how long user must wait at address before the next guess. Where that is 0 it counts the guess as wrong,
// before the password is checked: guesses that run side by side must not all pass as the first. exists tells that user is
// somebody's name: its counter is made even where there are too many, since there are no more of those than officers.
func (t *throttle) admit(user string, exists bool, address string, now time.Time) (wait time.Duration) {
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
			if len(t.tries) > maxCounters && !(exists && k == nameKey(user)) {
				continue // the counters that exist go on to hold, and so does that of the name
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
