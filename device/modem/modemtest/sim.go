package modemtest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
)

// SIM is a subscriber's card in an AT modem. The card (number, stored
// messages, PIN) lives as long as the network; the modem around it boots anew
// whenever its pseudo-terminal is opened, and forgets its settings then.
type SIM struct {
	net    *Network
	number string

	// All of this is guarded by net.mu.
	gsm      bool
	pin      string
	pinTries int
	mr       byte
	stores   map[string]*store
	faults   faults
	port     *port  // nil while unplugged
	modem    *modem // the settings since the last boot; nil while unplugged
	link     string
	ignored  int // bytes that came while mute
}

type faults struct {
	dropReply, mute, noise, full bool
	sendError                    int
	pace                         Pace
}

// Pace is how a modem's output is cut into reads.
type Pace string

// The ways in which the same bytes may arrive.
const (
	Whole   Pace = ""        // as written
	Partial Pace = "partial" // a few bytes at a time
	Merged  Pace = "merged"  // what is said within 20 ms comes at once
)

// SIM returns the SIM with this number, making it at first use: registered,
// no PIN, empty. It receives nothing until OpenPTY plugs its modem in.
func (n *Network) SIM(msisdn string) *SIM {
	n.mu.Lock()
	defer n.mu.Unlock()
	number := Normalise(msisdn)
	s := n.sims[number]
	if s == nil {
		s = &SIM{
			net: n, number: number, gsm: true, pinTries: 3,
			stores: map[string]*store{
				"SM": newStore(n.opts.SlotsSM),
				"ME": newStore(n.opts.SlotsME),
			},
		}
		n.sims[number] = s
		n.touch()
	}
	return s
}

// Number is the SIM's own number, normalised.
func (s *SIM) Number() string { return s.number }

// OpenPTY plugs the modem in: a new pseudo-terminal in raw mode, and if link is
// not empty a symbolic link at that path, replaced in one step. The modem boots
// with echo on and text mode. It serves AT until Close or HangUp. The result
// is the path of the terminal itself.
func (s *SIM) OpenPTY(link string) (string, error) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	if s.net.closed {
		return "", ErrClosed
	}
	if s.port != nil {
		return "", errors.New("the modem is plugged in already")
	}
	p, err := openPort(link)
	if err != nil {
		return "", err
	}
	s.link, s.port, s.modem = link, p, newModem(s)
	p.setPace(s.faults.pace)
	p.run(s.feed)
	s.modem.banner()
	s.net.pump(s.number)
	s.net.touch()
	return p.path, nil
}

// feed hands bytes from the terminal to the modem they were written for.
func (s *SIM) feed(p *port, b []byte) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	switch {
	case s.port != p:
	case s.faults.mute:
		s.ignored += len(b)
		s.net.touch()
	default:
		s.modem.feed(b)
	}
}

// HangUp pulls the modem out: whoever has the terminal open sees it hang up,
// and the link goes. The SIM keeps its messages; OpenPTY brings it back,
// under the same link or another. It returns when nothing serves the old
// terminal any more.
func (s *SIM) HangUp() error {
	s.net.mu.Lock()
	p := s.port
	s.port, s.modem = nil, nil
	s.net.touch()
	s.net.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.close()
}

// Replug is HangUp and OpenPTY under the same link: a modem that fell off the
// bus and came back with all settings lost.
func (s *SIM) Replug() (string, error) {
	if err := s.HangUp(); err != nil {
		return "", err
	}
	s.net.mu.Lock()
	link := s.link
	s.net.mu.Unlock()
	return s.OpenPTY(link)
}

// Close unplugs the modem for good or until OpenPTY; it is HangUp by the name
// that a deferred call expects.
func (s *SIM) Close() error { return s.HangUp() }

// SetGSM takes the SIM out of radio coverage and back. Without coverage its
// sends fail with +CMS ERROR: 331 and the service centre keeps what is for it.
func (s *SIM) SetGSM(on bool) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	if s.gsm == on {
		return
	}
	s.gsm = on
	s.changedRegistration()
}

// GSM reports whether the SIM has radio coverage.
func (s *SIM) GSM() bool {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	return s.gsm
}

// Plugged reports whether the modem has a terminal now.
func (s *SIM) Plugged() bool {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	return s.port != nil
}

// SetPIN protects the SIM with a PIN from the next boot on; "" removes it.
func (s *SIM) SetPIN(pin string) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	s.pin, s.pinTries = pin, 3
}

// PINTries is how many wrong PINs the SIM still takes before it asks for the
// PUK, 3 to 0.
func (s *SIM) PINTries() int {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	return s.pinTries
}

// SetDropReply makes the modem send what it is given and then say nothing:
// neither +CMGS nor OK. The sender cannot know the outcome.
func (s *SIM) SetDropReply(on bool) { s.setFault(func(f *faults) { f.dropReply = on }) }

// SetMute makes the modem ignore every byte and stay silent. Messages still
// reach its memory.
func (s *SIM) SetMute(on bool) { s.setFault(func(f *faults) { f.mute = on }) }

// SetNoise makes the modem utter unsolicited lines in the middle of its
// answers, and between a prompt and the PDU, as Huawei and ZTE sticks do.
func (s *SIM) SetNoise(on bool) { s.setFault(func(f *faults) { f.noise = on }) }

// SetStorageFull makes the SIM claim that its memory is full; the service
// centre keeps the messages until it is off again.
func (s *SIM) SetStorageFull(on bool) { s.setFault(func(f *faults) { f.full = on }) }

// SetSendError makes every send fail with this +CMS ERROR (TS 27.005 3.2.5)
// without leaving the modem; 0 lets them pass again.
func (s *SIM) SetSendError(code int) { s.setFault(func(f *faults) { f.sendError = code }) }

// SetPace says how the modem's output is cut into reads.
func (s *SIM) SetPace(p Pace) { s.setFault(func(f *faults) { f.pace = p }) }

func (s *SIM) setFault(set func(*faults)) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	set(&s.faults)
	if s.port != nil {
		s.port.setPace(s.faults.pace)
	}
	s.net.pump(s.number)
	s.net.touch()
}

// Stored returns the TPDUs that lie in the SIM's and the modem's memory, "SM"
// before "ME", by slot.
func (s *SIM) Stored() [][]byte {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	var out [][]byte
	for _, mem := range memories {
		for _, slot := range s.stores[mem].slots {
			if slot != nil {
				out = append(out, slot.tpdu)
			}
		}
	}
	return out
}

// locked reports whether the SIM waits for its PIN. Callers hold mu, as below.
func (s *SIM) locked() bool { return s.pin != "" && (s.modem == nil || !s.modem.unlocked) }

func (s *SIM) registered() bool {
	return s.port != nil && s.gsm && !s.locked() && s.modem.radio
}

// registration is the <stat> of +CREG, TS 27.007 7.2: 1 registered at home,
// 2 searching, 0 not searching.
func (s *SIM) registration() int {
	switch {
	case s.registered():
		return 1
	case s.port == nil || s.locked() || !s.modem.radio:
		return 0
	}
	return 2
}

func (s *SIM) changedRegistration() {
	if s.modem != nil {
		s.modem.announceRegistration()
	}
	s.net.pump(s.number)
	s.net.touch()
}

// take offers one TPDU to the modem; false: not now, keep it.
func (s *SIM) take(p *parcel) bool {
	if !s.registered() {
		return false
	}
	m := s.modem
	if p.report {
		return m.takeReport(p)
	}
	_, c, err := parseDeliver(p.tpdu)
	if err == nil && c.pid == 0x40 {
		return true // type 0: acknowledged, neither shown nor stored, TS 23.040 9.2.3.9
	}
	if m.cnmi.mt == 2 && (err != nil || !classSIM(c)) {
		return m.route(p)
	}
	i, ok := s.keep(m.mem[2], p.tpdu)
	if ok && m.cnmi.mt > 0 {
		m.unsolicited(fmt.Sprintf("+CMTI: %q,%d", m.mem[2], i))
	}
	return ok
}

// classSIM: class 2 belongs on the SIM whatever +CNMI says, TS 27.005 3.4.1.
func classSIM(c content) bool {
	return c.dcs&0xD0 == 0x10 && c.dcs&0x03 == 2 || c.dcs&0xF3 == 0xF2
}

func (s *SIM) keep(mem string, tpdu []byte) (int, bool) {
	if s.faults.full {
		return 0, false
	}
	return s.stores[mem].add(tpdu)
}

// smsc is the service centre's address as modems print it before a TPDU.
var smsc = func() []byte {
	a := encodeAddress("+84980200030")
	a[0] = byte(len(a) - 1) // in this one place the length counts octets
	return a
}()

// pduLine prints a TPDU as modems do, with the address of the service centre.
func pduLine(tpdu []byte) string {
	return strings.ToUpper(hex.EncodeToString(smsc) + hex.EncodeToString(tpdu))
}

// serial derives digits that differ between SIMs and stay the same between
// runs, for IMEI and IMSI.
func (s *SIM) serial() uint32 {
	h := fnv.New32a()
	h.Write([]byte(s.number))
	return h.Sum32() % 1_000_000
}

// memories are the storages in the order in which +CPMS=? lists them.
var memories = []string{"SM", "ME"}

// store is one message memory. Index 0 is used: modems differ, and a client
// that takes 0 for "none" loses a message.
type store struct{ slots []*stored }

type stored struct {
	tpdu []byte
	read bool
}

func newStore(n int) *store { return &store{slots: make([]*stored, n)} }

func (m *store) add(tpdu []byte) (int, bool) {
	for i, s := range m.slots {
		if s == nil {
			m.slots[i] = &stored{tpdu: tpdu}
			return i, true
		}
	}
	return 0, false
}

func (m *store) used() int {
	n := 0
	for _, s := range m.slots {
		if s != nil {
			n++
		}
	}
	return n
}

// order lists the used slots unsorted, odd ones first, as some modems do.
func (m *store) order() []int {
	var odd, even []int
	for i, s := range m.slots {
		switch {
		case s == nil:
		case i%2 == 1:
			odd = append(odd, i)
		default:
			even = append(even, i)
		}
	}
	return append(odd, even...)
}
