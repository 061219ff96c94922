package console

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)

func TestGuessesSideBySideAreCounted(t *testing.T) {
	th := newThrottle()
	var passed atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if th.admit("hoa", true, "192.0.2.1", noon) == 0 {
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	if passed.Load() != int64(limitPair.free) {
		t.Errorf("%d guesses passed at once, want %d", passed.Load(), limitPair.free)
	}
}

// Nobody can lock the duty officer out by guessing wrong on purpose from elsewhere.
func TestGuessingElsewhereDelaysTheOfficerBriefly(t *testing.T) {
	th := newThrottle()
	now := noon
	for i := range 5000 {
		th.admit("hoa", true, fmt.Sprintf("192.0.2.%d", i%250), now)
		now = now.Add(time.Second)
	}
	if wait := th.admit("hoa", true, "198.51.100.7", now); wait > limitName.longest {
		t.Errorf("the officer must wait %v", wait)
	}
}

func TestCountersStayBounded(t *testing.T) {
	th := newThrottle()
	for i := range 3 * maxCounters {
		th.admit(fmt.Sprint(i)+strings.Repeat("x", 1000), false, fmt.Sprintf("a%d", i), noon)
	}
	if len(th.tries) > maxCounters+3 {
		t.Errorf("%d counters", len(th.tries))
	}
	for k := range th.tries {
		if len(k) > 2*maxKeyName {
			t.Fatalf("a counter's name takes %d bytes", len(k))
		}
	}
	// They go when their hour is over.
	th.admit("hoa", true, "192.0.2.1", noon.Add(2*forgetAfter))
	if len(th.tries) > 3 {
		t.Errorf("%d counters after the hour", len(th.tries))
	}
}

func TestSuccessClearsTheOfficersOwnGuesses(t *testing.T) {
	th := newThrottle()
	for range 4 {
		th.admit("hoa", true, "192.0.2.1", noon)
	}
	th.succeeded("hoa", "192.0.2.1")
	for i := range limitPair.free {
		if wait := th.admit("hoa", true, "192.0.2.1", noon); wait > 0 {
			t.Fatalf("guess %d after a success waits %v", i+1, wait)
		}
	}
	if th.admit("hoa", true, "192.0.2.1", noon) == 0 {
		t.Error("the sixth guess is free")
	}
}

// Whoever has one IPv6 network has 2^64 addresses: they are one guesser.
func TestAddressesOfOneNetworkAreOneGuesser(t *testing.T) {
	for _, c := range []struct{ format, elsewhere string }{
		{"2001:db8:1:2::%x", "2001:db8:1:3::1"},
		{"fe80::%x%%eth0", "fe80:0:0:1::1"},
		{"::ffff:192.0.2.1", "192.0.2.2"}, // IPv4 behind an IPv6 socket
	} {
		th := newThrottle()
		free := 0
		for i := range 100 {
			address := c.format
			if strings.Contains(address, "%x") {
				address = fmt.Sprintf(c.format, i+1)
			}
			if th.admit(fmt.Sprint("name", i), false, address, noon) == 0 {
				free++
			}
		}
		if free != limitAddress.free {
			t.Errorf("%s: %d guesses are free, want %d", c.format, free, limitAddress.free)
		}
		if th.admit("lan", true, c.elsewhere, noon) > 0 {
			t.Errorf("%s: %s waits too", c.format, c.elsewhere)
		}
	}
}

// With all counters taken an officer's name is still not free to guess at.
func TestOfficersNameIsCountedWhereTheCountersAreFull(t *testing.T) {
	th := newThrottle()
	for i := range maxCounters {
		th.admit(fmt.Sprint(i), false, fmt.Sprint("a", i), noon)
	}
	free := 0
	for i := range 1000 {
		if th.admit("hoa", true, fmt.Sprint("b", i), noon) == 0 {
			free++
		}
	}
	if free != limitName.free {
		t.Errorf("%d guesses at a name are free, want %d", free, limitName.free)
	}
}
