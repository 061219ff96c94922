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
			if th.admit("hoa", "192.0.2.1", noon) == 0 {
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
		th.admit("hoa", fmt.Sprintf("192.0.2.%d", i%250), now)
		now = now.Add(time.Second)
	}
	if wait := th.admit("hoa", "198.51.100.7", now); wait > limitName.longest {
		t.Errorf("the officer must wait %v", wait)
	}
}

func TestCountersStayBounded(t *testing.T) {
	th := newThrottle()
	for i := range 3 * maxCounters {
		th.admit(fmt.Sprint(i)+strings.Repeat("x", 1000), fmt.Sprintf("a%d", i), noon)
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
	th.admit("hoa", "192.0.2.1", noon.Add(2*forgetAfter))
	if len(th.tries) > 3 {
		t.Errorf("%d counters after the hour", len(th.tries))
	}
}

func TestSuccessClearsTheOfficersOwnGuesses(t *testing.T) {
	th := newThrottle()
	for range 4 {
		th.admit("hoa", "192.0.2.1", noon)
	}
	th.succeeded("hoa", "192.0.2.1")
	for i := range limitPair.free {
		if wait := th.admit("hoa", "192.0.2.1", noon); wait > 0 {
			t.Fatalf("guess %d after a success waits %v", i+1, wait)
		}
	}
	if th.admit("hoa", "192.0.2.1", noon) == 0 {
		t.Error("the sixth guess is free")
	}
}
