package modem

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// start brings a modem from any state to the one we work with: in step, no echo, numeric errors, SIM
// unlocked, radio on, PDU mode, messages stored and only announced. Settings are set, never assumed, and
// never reset to a profile (ATZ), which can hold another owner's.
func (m *Modem) start(ctx context.Context, s *session) error {
	if err := s.sync(ctx); err != nil {
		return err
	}
	s.events.fresh()
	for _, cmd := range []string{"E0", "+CMEE=1"} {
		if err := s.try(ctx, cmd); err != nil {
			return err
		}
	}
	if err := m.unlock(ctx, s); err != nil {
		return err
	}
	if line, ok, err := s.ask(ctx, "+CFUN?", "+CFUN:"); err != nil {
		return err
	} else if n := numbers(line); ok && len(n) > 0 && n[0] != 1 {
		if _, err := s.do(ctx, "+CFUN=1", &answer{}, s.cfg.ReadyTimeout); s.dirty != nil {
			return err
		}
	}
	if err := s.pduMode(ctx); err != nil {
		return err
	}
	for _, cmd := range []string{"+CREG=0", "+CGREG=0", "+CEREG=0", "+CTZU=1"} {
		if err := s.try(ctx, cmd); err != nil {
			return err
		}
	}
	if err := s.routing(ctx); err != nil {
		return err
	}
	if err := s.findStorages(ctx); err != nil {
		return err
	}
	m.log.Info("modem started", "port", m.cfg.Port, "storages", strings.Join(s.storages, " "))
	return nil
}

// pduMode waits for the SMS service, which some modems start seconds after the rest. Text mode is not an
// alternative: the words of a message could end or forge an answer.
func (s *session) pduMode(ctx context.Context) error {
	for limit := time.Now().Add(s.cfg.ReadyTimeout); ; {
		_, err := s.query(ctx, "+CMGF=0", &answer{})
		if err == nil || s.dirty != nil {
			return s.dirty
		}
		if time.Now().After(limit) {
			return &fault{fmt.Sprintf("the modem at %s does not start its SMS service: check the SIM, then unplug the modem and plug it in again", s.cfg.Port), err}
		}
		if err := s.wait(ctx, s.cfg.Quiet); err != nil {
			return err
		}
	}
}

// routing asks for messages and status reports to be stored and announced, as far as this modem offers
// it. Messages routed past the storage (+CMT) are lost if we die, and a modem whose routed message is not
// acknowledged in time switches reception off. A modem that refuses everything is polled all the same.
func (s *session) routing(ctx context.Context) error {
	line, ok, err := s.ask(ctx, "+CNMI=?", "+CNMI:")
	if err != nil {
		return err
	}
	try := []string{"+CNMI=2,1,0,0,0", "+CNMI=1,1,0,0,0", "+CNMI=0,0,0,0,0"}
	if ok {
		try = slices.Insert(try, 0, chooseRouting(line))
	}
	for _, cmd := range try {
		if _, err := s.query(ctx, cmd, &answer{}); err == nil || s.dirty != nil {
			return s.dirty
		}
	}
	return nil
}

// chooseRouting reads "+CNMI: (0-2),(0,1),(0,2),(0-2),(0,1)" and takes for each field the best it offers.
func chooseRouting(line string) string {
	offers := ranges(line)
	pick := func(field int, wishes ...int) int {
		if field >= len(offers) {
			return 0
		}
		for _, w := range wishes {
			if slices.Contains(offers[field], w) {
				return w
			}
		}
		if len(offers[field]) > 0 {
			return offers[field][0]
		}
		return 0
	}
	return fmt.Sprintf("+CNMI=%d,%d,%d,%d,%d",
		pick(0, 2, 1, 0, 3), // buffer indications while the line is busy
		pick(1, 1, 0),       // store messages and say so; never 2 or 3
		pick(2, 0),          // no cell broadcasts
		pick(3, 2, 0),       // store status reports and say so; never route them
		pick(4, 0, 1))
}

// ranges reads the value lists of a test command: "(0-2),(0,1)" gives {0,1,2},{0,1}.
func ranges(line string) [][]int {
	var out [][]int
	for {
		open := strings.IndexByte(line, '(')
		if open < 0 || len(out) == 16 {
			return out
		}
		end := strings.IndexByte(line[open:], ')')
		if end < 0 {
			return out
		}
		var list []int
		for item := range strings.SplitSeq(line[open+1:open+end], ",") {
			from, to, isRange := strings.Cut(strings.TrimSpace(item), "-")
			a, b := errorCode(from), errorCode(from)
			if isRange {
				b = errorCode(to)
			}
			for n := a; a >= 0 && n <= b && len(list) < 16; n++ {
				list = append(list, n)
			}
		}
		out = append(out, list)
		line = line[open+end+1:]
	}
}

// findStorages finds every place where the modem may put messages. All are polled: modems announce one and
// use another. "MT" is the sum of the others and is left out beside them.
func (s *session) findStorages(ctx context.Context) error {
	s.storages = nil
	line, ok, err := s.ask(ctx, "+CPMS=?", "+CPMS:")
	if err != nil {
		return err
	}
	if ok {
		first, _, _ := strings.Cut(line, ")")
		for _, name := range []string{"SM", "ME", "SR"} {
			if strings.Contains(first, `"`+name+`"`) {
				s.storages = append(s.storages, name)
			}
		}
	}
	if len(s.storages) == 0 {
		line, ok, err := s.ask(ctx, "+CPMS?", "+CPMS:")
		if err != nil {
			return err
		}
		if name := quoted(line); ok && len(name) == 2 {
			s.storages = []string{name}
		} else {
			s.storages = []string{"SM"}
		}
	}
	return nil
}
