package modem

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// States of a SIM, as +CPIN? gives them (TS 27.007 8.3), and three of our own.
const (
	simReady   = "READY"
	simPIN     = "SIM PIN"
	simPUK     = "SIM PUK"
	simMissing = "missing"
	simFailed  = "failed"
	simBusy    = "busy"
)

// maxPINTries is how many PINs we give without success. The third wrong one locks the SIM; the last try
// is a person's.
const maxPINTries = 2

// +CME ERROR codes about the SIM (TS 27.007 9.2.1).
const (
	cmeNoSIM      = 10
	cmeNeedsPIN   = 11
	cmeNeedsPUK   = 12
	cmeSIMFailure = 13
	cmeSIMBusy    = 14
	cmeSIMWrong   = 15
)

// simState gives the state of the SIM. The error is that of a dirty session only.
func (s *session) simState(ctx context.Context) (string, error) {
	info, err := s.query(ctx, "+CPIN?", &answer{prefixes: []string{"+CPIN:"}})
	if s.dirty != nil {
		return "", s.dirty
	}
	if err != nil {
		switch cmeCode(err) {
		case cmeNeedsPIN:
			return simPIN, nil
		case cmeNeedsPUK:
			return simPUK, nil
		case cmeSIMFailure, cmeSIMWrong:
			return simFailed, nil
		case cmeSIMBusy:
			return simBusy, nil
		}
		return simMissing, nil
	}
	if len(info) == 0 {
		return simBusy, nil
	}
	_, state, _ := strings.Cut(info[len(info)-1], ":")
	switch state = strings.TrimSpace(state); state {
	case "NOT INSERTED":
		return simMissing, nil
	case "NOT READY", "SIM BUSY":
		return simBusy, nil
	}
	return state, nil
}

// usable says that messages can be sent in this state. The second PIN guards other things.
func usable(state string) bool {
	return state == simReady || state == "SIM PIN2" || state == "SIM PUK2"
}

func (m *Modem) simFault(state string) error {
	where := m.cfg.Port
	switch state {
	case simMissing:
		return &fault{fmt.Sprintf("there is no SIM in the modem at %s: put one in, then unplug the modem and plug it in again", where), nil}
	case simPIN:
		return &fault{fmt.Sprintf("the SIM in the modem at %s asks for its PIN: set it in the configuration, or switch the PIN off with a telephone", where), nil}
	case simPUK:
		return &fault{fmt.Sprintf("the SIM in the modem at %s is locked: unlock it with its PUK in a telephone", where), nil}
	case simBusy:
		return &fault{fmt.Sprintf("the SIM in the modem at %s does not become ready: take it out, clean it and put it in again", where), nil}
	case simFailed:
		return &fault{fmt.Sprintf("the SIM in the modem at %s does not work: replace it", where), nil}
	}
	return &fault{fmt.Sprintf("the modem at %s is locked to another operator or SIM: use an unlocked modem", where), nil}
}

// unlock waits for the SIM and gives the PIN where it is asked for, but never a wrong one a third time:
// not the same PIN again once it was refused, and none at all when the SIM counts fewer than two tries.
func (m *Modem) unlock(ctx context.Context, s *session) error {
	given := false
	for limit := time.Now().Add(s.cfg.ReadyTimeout); ; {
		state, err := s.simState(ctx)
		if err != nil {
			return err
		}
		if usable(state) {
			m.pinTries = 0
			return nil
		}
		if state == simPIN && !given {
			if err := m.givePIN(ctx, s); err != nil {
				return err
			}
			given = true
			continue
		}
		waits := state == simBusy || state == simMissing || state == simPIN
		if !waits || time.Now().After(limit) {
			return m.simFault(state)
		}
		if state == simMissing && !s.couldBeStarting() {
			return m.simFault(state)
		}
		if err := s.wait(ctx, s.cfg.Quiet); err != nil {
			return err
		}
	}
}

// couldBeStarting gives a modem that was just switched on a moment before "no SIM" is believed.
func (s *session) couldBeStarting() bool { return time.Since(s.opened) < s.cfg.ProbeTimeout }

func (m *Modem) givePIN(ctx context.Context, s *session) error {
	switch left, err := s.pinTriesLeft(ctx); {
	case err != nil:
		return err
	case m.cfg.PIN == "":
		return m.simFault(simPIN)
	case m.pinRefused || m.pinTries >= maxPINTries:
		return m.pinFault()
	case left >= 0 && left < 2:
		return &fault{fmt.Sprintf("the SIM in the modem at %s allows only one more PIN: unlock it once in a telephone, then put it back", m.cfg.Port), nil}
	}
	m.pinTries++
	_, err := s.do(ctx, `+CPIN="`+m.cfg.PIN+`"`, &answer{}, s.cfg.ReadyTimeout)
	switch {
	case s.dirty != nil:
		return s.dirty
	case err == nil:
		return nil
	case cmeCode(err) == cmeSIMBusy:
		m.pinTries-- // it was not looked at
		return m.simFault(simBusy)
	}
	m.pinRefused = true
	return m.pinFault()
}

func (m *Modem) pinFault() error {
	return &fault{fmt.Sprintf("the SIM in the modem at %s refused its PIN: correct the PIN in the configuration and restart; it is not tried again", m.cfg.Port), nil}
}

// pinTriesLeft asks how many PINs the SIM still takes, by the standard's command and two vendors'. -1 is
// unknown.
func (s *session) pinTriesLeft(ctx context.Context) (int, error) {
	for _, q := range []struct{ cmd, prefix string }{
		{`+CPINR="SIM PIN"`, "+CPINR:"}, // TS 27.007 8.65
		{"+SPIC", "+SPIC:"},             // SIMCom
		{`+QPINC="SC"`, "+QPINC:"},      // Quectel
	} {
		line, ok, err := s.ask(ctx, q.cmd, q.prefix)
		if err != nil {
			return -1, err
		}
		_, rest, _ := strings.Cut(line, ":")
		for field := range strings.SplitSeq(rest, ",") {
			if n := errorCode(field); ok && n >= 0 {
				return n, nil
			}
		}
	}
	return -1, nil
}
