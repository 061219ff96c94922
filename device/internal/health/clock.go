package health

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// tooFar bounds what a network may say: some have been seen to send years like 2080, and a false base station can
	// send anything. It is less than the five years that the gateway's certificates live, so that a false time can't make
	// a new one look expired.
	tooFar = 4 * 365 * 24 * time.Hour
	// maxJump bounds what is kept on the word of the network alone: what is kept is a bound below which no network is
	// believed any more, so one false time would rule out the true one in all later lives.
	maxJump = 90 * 24 * time.Hour
	// saveEvery spares the card: what is saved is a lower bound, and a bound of an hour ago is as good.
	saveEvery = time.Hour
)

// Clock is wall time for a machine that may start without any: the latest of the system's clock, the time when this
// program was built, and the last time that a trusted source told. Trusted sources are NTP, when the kernel says that its
// clock is synchronised, and the mobile network.
//
// Nothing that must happen waits for it; it judges certificates and names the half-day of a report.
type Clock struct {
	path   string
	built  time.Time
	synced func() bool

	mu      sync.Mutex
	floor   time.Time // last trusted time, also of earlier lives
	network time.Time // the mobile network's time, with the monotonic reading of when it was told; zero: not in this life
	heard   time.Time // when network was told
	told    time.Time // what was last told, believed or not
	saved   time.Time // what stands in the file
	mark    time.Time // known for certain to have passed, when this life began or NTP last told
	marked  time.Time // the monotonic reading of that moment
}

// OpenClock reads the last trusted time from path; a file that is absent or unreadable is no error, since a clock that
// knows less is still a clock. built is when the program was built; zero means not known.
func OpenClock(path string, built time.Time) *Clock {
	c := &Clock{path: path, built: built.Round(0), synced: kernelSynced}
	if b, err := os.ReadFile(path); err == nil {
		if t, err := time.Parse(time.RFC3339, strings.TrimSpace(string(b))); err == nil {
			c.floor, c.saved = t, t
		}
	}
	c.mark, c.marked = c.latest(), time.Now()
	return c
}

// kernelSynced asks the kernel whether something such as NTP keeps its clock (adjtimex(2)).
func kernelSynced() bool {
	state, err := unix.Adjtimex(&unix.Timex{})
	const timeError = 5 // TIME_ERROR: not synchronised
	return err == nil && state != timeError
}

// Now is the best guess of wall time.
func (c *Clock) Now() time.Time {
	t, _ := c.now()
	return t
}

// Trusted tells whether a trusted source has told the time in this life, so that Now is right and not just late enough.
func (c *Clock) Trusted() bool {
	_, ok := c.now()
	return ok
}

func (c *Clock) now() (t time.Time, trusted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	system := time.Now()
	t, trusted = system.Round(0), c.synced()
	floor := c.floor
	if trusted {
		// NTP is itself the last trusted time: what a false base station once told must not outlive it.
		floor = time.Time{}
	} else if !c.network.IsZero() {
		// Time since heard is monotonic: the system's clock may be set meanwhile.
		t, trusted = c.network.Add(system.Sub(c.heard)), true
	}
	for _, f := range []time.Time{c.built, floor} {
		if t.Before(f) {
			t, trusted = f, false
		}
	}
	return t, trusted
}

// Learn takes the mobile network's time. What is before the build or the last trusted time, or absurdly far, is not
// believed: a modem that has no time yet says 1980, 2000 or 2004. The same time told again is old news, not a clock that
// stands still.
func (c *Clock) Learn(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.Equal(c.told) {
		return
	}
	c.told = t
	if t.IsZero() || t.Before(c.built) || t.Before(c.floor) || t.After(c.latest().Add(tooFar)) {
		return
	}
	c.network, c.heard = t.Round(0), time.Now()
}

// latest is the latest time known for certain to have passed.
func (c *Clock) latest() time.Time {
	if c.floor.After(c.built) {
		return c.floor
	}
	if c.built.IsZero() {
		return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return c.built
}

// Save keeps the time for the next life where a trusted source has told it, at most once an hour. NTP may correct it in
// both directions. A jump that the network alone has told is not kept; then only the time that this life has lasted is
// added, so that a kiosk without NTP comes nearer to now with each day.
func (c *Clock) Save() error {
	t, trusted := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !trusted {
		return nil
	}
	now := time.Now()
	if c.synced() {
		c.mark, c.marked = t, now
	} else if sure := c.mark.Add(now.Sub(c.marked)); t.Sub(sure) > maxJump {
		t = sure
	}
	c.floor = t
	if t.Sub(c.saved).Abs() < saveEvery {
		return nil
	}
	if err := replaceFile(c.path, t.UTC().Format(time.RFC3339)+"\n"); err != nil {
		return fmt.Errorf("keep the last trusted time: %w", err)
	}
	c.saved = t
	return nil
}

// replaceFile writes a file so that after a power cut it is the old one or the new one.
func replaceFile(path, text string) error {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
