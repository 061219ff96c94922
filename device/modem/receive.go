package modem

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// slot is one place of the modem's message storage.
type slot struct {
	storage string
	index   int
}

// entry is one message of a listing.
type entry struct {
	index  int
	stat   int // TS 27.005 3.1: 0 and 1 received, 2 and 3 stored by us or somebody else
	length int // of the TPDU in octets; -1 if the modem did not say
	digits string
}

// maxSuspect is how often a message that looks cut short is looked at again before it is handed on as it
// is. Lost characters on the line come right at the next look; a message damaged in the storage does not.
const maxSuspect = 3

// receive hands on all messages, those that came by themselves first, then those of each storage. Only a
// lost or dirty session is an error.
func (m *Modem) receive(ctx context.Context, s *session, full bool, deliver func(context.Context, Inbound) error) error {
	defer func() { m.update(func(st *Status) { st.Kept = len(m.stored) }) }()
	m.receiveDirect(ctx, deliver)
	for _, storage := range s.storages {
		if err := m.receiveFrom(ctx, s, storage, full, deliver); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// receiveDirect delivers what the modem gave away unstored. It is in memory only, so this goes first.
func (m *Modem) receiveDirect(ctx context.Context, deliver func(context.Context, Inbound) error) {
	kept := m.direct[:0]
	for _, raw := range m.direct {
		tpdu, _ := stripSMSC(raw, -1)
		if len(tpdu) == 0 {
			continue
		}
		if err := fenced(func() error { return deliver(ctx, Inbound{TPDU: tpdu}) }); err != nil {
			m.refusal("message not stored; it is kept in memory", err)
			kept = append(kept, raw)
		}
	}
	if len(kept) > maxDirect {
		m.log.Error("messages dropped that could not be stored", "count", len(kept)-maxDirect)
		kept = kept[len(kept)-maxDirect:]
	}
	m.direct = kept
}

func (m *Modem) receiveFrom(ctx context.Context, s *session, storage string, full bool, deliver func(context.Context, Inbound) error) error {
	// One value selects the storage to read and delete from; some modems refuse three.
	info, err := s.query(ctx, `+CPMS="`+storage+`"`, &answer{prefixes: []string{"+CPMS:"}})
	if s.dirty != nil {
		return s.dirty
	}
	if err != nil {
		return s.listFailed(err)
	}
	if len(info) > 0 && !full {
		if n := numbers(info[len(info)-1]); len(n) > 0 && n[0] == 0 {
			s.listFailures = 0
			return nil
		}
	}
	info, err = s.do(ctx, "+CMGL=4", &answer{prefixes: []string{"+CMGL:"}, body: true}, s.cfg.ListTimeout)
	if s.dirty != nil {
		return s.dirty
	}
	if err != nil {
		return s.listFailed(err)
	}
	s.listFailures = 0
	seen := make(map[int]bool)
	for _, e := range parseList(info) {
		if e.stat > 1 || seen[e.index] {
			continue // a draft, or a line said twice
		}
		seen[e.index] = true
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.take(ctx, s, slot{storage, e.index}, e, deliver); err != nil {
			return err
		}
	}
	m.forget(storage, seen)
	return nil
}

// listFailed bears a refusal or two: a SIM can be busy. Then the modem is started anew, which finds out
// what ails it.
func (s *session) listFailed(err error) error {
	if s.listFailures++; s.listFailures < 3 {
		return nil
	}
	return &fault{fmt.Sprintf("the modem at %s does not list its messages: check the SIM", s.cfg.Port), err}
}

// take delivers one message and then frees its place. If we die between the two, the message is listed
// and delivered again (invariant 5: stored, then acknowledged). Whatever is wrong with one message, the
// next has its turn.
func (m *Modem) take(ctx context.Context, s *session, at slot, e entry, deliver func(context.Context, Inbound) error) error {
	raw, err := hex.DecodeString(e.digits)
	if err != nil && m.suspicious(at) {
		return nil
	}
	tpdu, whole := stripSMSC(raw, e.length)
	if !whole && m.suspicious(at) {
		return nil
	}
	if len(tpdu) == 0 {
		return nil // an empty place that this modem lists
	}
	sum := sha256.Sum256([]byte(strings.ToUpper(e.digits)))
	again := m.stored[at] == sum
	if !again {
		if err := fenced(func() error { return deliver(ctx, Inbound{TPDU: tpdu}) }); err != nil {
			m.refusal("message not stored; it stays in the modem", err)
			return nil
		}
		m.stored[at] = sum
	}
	freed, err := s.free(ctx, at, e)
	if err != nil {
		return err
	}
	if !freed {
		if !again {
			m.log.Warn("message stored, but the modem does not delete it; it is tried again", "storage", at.storage, "index", at.index)
		}
		return nil
	}
	delete(m.stored, at)
	delete(m.suspect, at)
	return nil
}

// refusal logs that deliver refused a message: each sentence once, as a line for each message, or for each look at it,
// would tell when somebody texted, and fill the journal.
func (m *Modem) refusal(what string, err error) {
	const enough = 32 // different sentences; more are one that changes each time
	if text := err.Error(); !m.refusals[text] && len(m.refusals) < enough {
		m.refusals[text] = true
		m.log.Warn(what, "err", err)
	}
}

// suspicious says that a message that looks damaged should be looked at again before it is believed.
func (m *Modem) suspicious(at slot) bool {
	m.suspect[at]++
	return m.suspect[at] < maxSuspect
}

// forget drops what is known of places that are empty now.
func (m *Modem) forget(storage string, seen map[int]bool) {
	for at := range m.stored {
		if at.storage == storage && !seen[at.index] {
			delete(m.stored, at)
		}
	}
	for at := range m.suspect {
		if at.storage == storage && !seen[at.index] {
			delete(m.suspect, at)
		}
	}
}

// free deletes a message after reading once more that it is the one we mean: the modem may have put
// another into its place. freed is true also when the place is empty or another's by now.
func (s *session) free(ctx context.Context, at slot, e entry) (freed bool, err error) {
	index := strconv.Itoa(at.index)
	info, err := s.query(ctx, "+CMGR="+index, &answer{prefixes: []string{"+CMGR:"}, body: true})
	if s.dirty != nil {
		return false, s.dirty
	}
	if err != nil || len(info) < 2 {
		// Refused (321, no such message) or empty. If it is there all the same, the next listing shows it.
		return false, nil
	}
	if !strings.EqualFold(info[len(info)-1], e.digits) {
		return true, nil
	}
	if _, err := s.do(ctx, "+CMGD="+index, &answer{}, s.cfg.ListTimeout); s.dirty != nil {
		return false, s.dirty
	} else if err != nil {
		return false, nil
	}
	return true, nil
}

// parseList reads the lines of +CMGL in PDU mode: a header "+CMGL: <index>,<stat>,[<alpha>],<length>"
// (TS 27.005 4.1) and a line of digits each. A header without digits is passed over: its line was damaged.
func parseList(info []string) []entry {
	var out []entry
	for i := 0; i+1 < len(info); i++ {
		rest, ok := strings.CutPrefix(info[i], "+CMGL:")
		if !ok || !isHex(info[i+1]) {
			continue
		}
		fields := strings.Split(rest, ",")
		index := errorCode(fields[0])
		if index < 0 {
			continue
		}
		e := entry{index: index, length: -1, digits: info[i+1]}
		if len(fields) > 1 {
			e.stat = max(errorCode(fields[1]), 0)
		}
		if len(fields) > 2 { // the name between may hold commas
			e.length = errorCode(fields[len(fields)-1])
		}
		out = append(out, e)
		i++
	}
	return out
}

// stripSMSC takes the service centre's address off the front (TS 27.005 4.1 <pdu>). What is longer than
// the modem said is kept: some pad, some count wrong, and the TPDU tells its own length. whole is false if
// it is shorter, or if nothing fits.
func stripSMSC(raw []byte, length int) (tpdu []byte, whole bool) {
	if len(raw) == 0 {
		return nil, false
	}
	n := 1 + int(raw[0])
	if n > 13 || n >= len(raw) {
		if length > 0 && length < len(raw) {
			return raw[len(raw)-length:], false
		}
		return raw, false
	}
	tpdu = raw[n:]
	return tpdu, len(tpdu) >= length
}
