package modem

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// unknownSignal is what +CSQ says when it does not know (TS 27.007 8.5).
const unknownSignal = 99

// earliest and latest bound what a network may claim the time to be. Modems whose clock was never set say
// 1980, 2000, 2001, 2002 or 2004.
var (
	earliest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2046, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Status is what the modem is like now.
type Status struct {
	Open       bool // the port is open and the modem answers as it should
	Registered bool // in a network that carries SMS
	Roaming    bool
	Signal     int    // 0..31 as +CSQ gives it; 99 unknown
	Operator   string // the network's name, if known
	// Reason is one clear sentence when the modem cannot be used: what is wrong, where, what to do next.
	// Empty when it can.
	Reason string
	// NetworkTime is the network's time now, zero unless the network gave one that can be true.
	NetworkTime time.Time
	// Kept is how many messages were delivered and are still in the modem: its deletion failed, or is under way.
	Kept int
}

// snapshot is Status with what is needed to bring it up to date.
type snapshot struct {
	Status
	timeAt time.Time // when NetworkTime was read; its monotonic part counts
}

// Status gives what was last seen. It never waits for the modem.
func (m *Modem) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.now.Status
	if !s.NetworkTime.IsZero() {
		s.NetworkTime = s.NetworkTime.Add(time.Since(m.now.timeAt))
	}
	return s
}

// Ready says that a message can be sent now: the modem is open, initialised and registered.
func (m *Modem) Ready() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.desk != nil && m.now.Open && m.now.Registered
}

func (m *Modem) update(f func(*Status)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.now.Status)
}

// lost forgets what is no longer so. The network's time goes on without the modem, and its slots are as full as before.
func (m *Modem) lost(reason string) {
	m.update(func(s *Status) {
		*s = Status{Signal: unknownSignal, Reason: reason, NetworkTime: s.NetworkTime, Kept: s.Kept}
	})
}

// refresh asks for SIM, registration and signal, and with all also for operator and time. A SIM that is
// gone ends the session.
func (m *Modem) refresh(ctx context.Context, s *session, all bool) error {
	if state, err := s.simState(ctx); err != nil {
		return err
	} else if !usable(state) {
		return m.simFault(state)
	}
	reg, err := s.registration(ctx)
	if err != nil {
		return err
	}
	signal := unknownSignal
	if line, ok, err := s.ask(ctx, "+CSQ", "+CSQ:"); err != nil {
		return err
	} else if n := numbers(line); ok && len(n) > 0 && n[0] >= 0 && n[0] <= 31 {
		signal = n[0]
	}
	m.update(func(st *Status) {
		st.Registered, st.Roaming, st.Signal = reg.home || reg.roaming, reg.roaming, signal
		st.Reason = ""
		switch {
		case st.Registered:
		case reg.denied:
			st.Reason = fmt.Sprintf("the network refuses the SIM in the modem at %s: check that its subscription is active", m.cfg.Port)
		default:
			st.Reason = fmt.Sprintf("the modem at %s has no network: check the antenna and the coverage here", m.cfg.Port)
		}
	})
	if !all {
		return nil
	}
	if line, ok, err := s.ask(ctx, "+COPS?", "+COPS:"); err != nil {
		return err
	} else if ok {
		m.update(func(st *Status) { st.Operator = quoted(line) })
	}
	line, ok, err := s.ask(ctx, "+CCLK?", "+CCLK:")
	if err != nil {
		return err
	}
	if ok {
		m.setTime(parseClock(quoted(line)))
	}
	return nil
}

// setTime takes the network's time if it can be true: within bounds, and not before what the same network
// said earlier plus what has passed since.
func (m *Modem) setTime(t time.Time) {
	if t.IsZero() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if old := m.now.NetworkTime; !old.IsZero() && t.Before(old.Add(now.Sub(m.now.timeAt)-time.Minute)) {
		return
	}
	m.now.NetworkTime, m.now.timeAt = t, now
}

// parseClock reads "yy/MM/dd,hh:mm:ss±zz", zz in quarters of an hour (TS 27.007 8.15), or gives zero.
// Without a zone nobody can tell whether a modem means local time, so that is no time either.
func parseClock(s string) time.Time {
	if len(s) != len("26/03/09,14:05:00+28") {
		return time.Time{}
	}
	quarters, err := strconv.Atoi(s[17:])
	if err != nil || s[17] != '+' && s[17] != '-' || quarters < -56 || quarters > 56 {
		return time.Time{}
	}
	t, err := time.ParseInLocation("06/01/02,15:04:05", s[:17], time.FixedZone("", quarters*15*60))
	if err != nil || t.Before(earliest) || t.After(latest) {
		return time.Time{}
	}
	return t
}

// registration is what +CREG, +CGREG and +CEREG say together.
type registration struct{ home, roaming, denied bool }

// registration asks all three: an LTE modem may be registered for packet service only and still carry SMS.
func (s *session) registration(ctx context.Context) (registration, error) {
	var reg registration
	for _, name := range []string{"+CREG", "+CGREG", "+CEREG"} {
		info, err := s.query(ctx, name+"?", &answer{prefixes: []string{name + ":"}})
		if s.dirty != nil {
			return reg, s.dirty
		}
		if err != nil {
			continue // not known to this modem
		}
		switch parseRegistration(info) {
		case 1, 6, 9: // home; home, SMS only; home, CSFB not preferred (TS 27.007 7.2)
			reg.home = true
		case 5, 7, 10: // the same, roaming
			reg.roaming = true
		case 3:
			reg.denied = true
		}
	}
	reg.roaming = reg.roaming && !reg.home
	return reg, nil
}

// parseRegistration finds <stat> in "+CREG: <n>,<stat>,...". An unsolicited "+CREG: <stat>" may stand among
// the lines, and some modems leave out <n> or write a space for the comma. -1 is none.
func parseRegistration(info []string) int {
	stat := -1
	for _, line := range info {
		n := numbers(line)
		switch {
		case len(n) >= 2:
			return n[1]
		case len(n) == 1:
			stat = n[0]
		}
	}
	return stat
}

// numbers gives the decimal numbers that follow the colon of an information line, up to the first field
// that is none.
func numbers(line string) []int {
	_, rest, ok := strings.Cut(line, ":")
	if !ok {
		return nil
	}
	var out []int
	for field := range strings.FieldsFuncSeq(rest, func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(field)
		if err != nil {
			break
		}
		out = append(out, n)
	}
	return out
}

// quoted gives the first quoted field of a line.
func quoted(line string) string {
	_, rest, _ := strings.Cut(line, `"`)
	s, _, ok := strings.Cut(rest, `"`)
	if !ok {
		return ""
	}
	return s
}
