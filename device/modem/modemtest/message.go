package modemtest

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// The SMS commands of TS 27.005.

func (m *modem) cmgf(c call) result {
	switch c.op {
	case '?':
		m.info(fmt.Sprintf("+CMGF: %d", bit(m.textMode)))
		return okay
	case 't':
		m.info("+CMGF: (0,1)")
		return okay
	}
	if c.args != "" && c.args != "0" && c.args != "1" {
		return cms(305)
	}
	m.textMode = c.args == "1"
	return okay
}

func (m *modem) csmp(c call) result {
	switch c.op {
	case '?':
		m.info("+CSMP: 17,167,0,0")
	case 't':
		return okay
	}
	return okay
}

func (m *modem) csca(c call) result {
	switch c.op {
	case '?':
		m.info(fmt.Sprintf("+CSCA: %q,145", m.smsc))
	case '=':
		m.smsc = c.fields()[0]
	}
	return okay
}

func (m *modem) setCSMS(c call) result {
	switch c.op {
	case '?':
		m.info(fmt.Sprintf("+CSMS: %d,1,1,1", m.csms))
	case 't':
		m.info("+CSMS: (0-1)")
	default:
		if c.args != "0" && c.args != "1" {
			return cms(302)
		}
		m.csms = int(c.args[0] - '0')
		m.info("+CSMS: 1,1,1")
	}
	return okay
}

func (m *modem) setCNMI(c call) result {
	n := &m.cnmi
	limits := []string{"0123", "012", "02", "012", "01"} // no mt=3
	switch c.op {
	case '?':
		m.info(fmt.Sprintf("+CNMI: %d,%d,%d,%d,%d", n.mode, n.mt, n.bm, n.ds, n.bfr))
		return okay
	case 't':
		m.info("+CNMI: (0,1,2,3),(0,1,2),(0,2),(0,1,2),(0,1)")
		return okay
	}
	f := c.fields()
	if len(f) > len(limits) {
		return cms(302)
	}
	next := *n
	all := []*int{&next.mode, &next.mt, &next.bm, &next.ds, &next.bfr}
	for i, v := range f {
		if v == "" {
			continue
		}
		if len(v) != 1 || !strings.Contains(limits[i], v) {
			return cms(302)
		}
		*all[i] = int(v[0] - '0')
	}
	*n = next
	if n.bfr == 1 {
		m.said = nil
	}
	m.unacked = nil
	return m.later(m.room)
}

func (m *modem) cpms(c call) result {
	usage := func(mem string) (int, int) {
		st := m.sim.stores[mem]
		if m.sim.faults.full {
			return len(st.slots), len(st.slots)
		}
		return st.used(), len(st.slots)
	}
	switch c.op {
	case 't':
		m.info(`+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")`)
		return okay
	case '?':
		var parts []string
		for _, mem := range m.mem {
			used, total := usage(mem)
			parts = append(parts, fmt.Sprintf("%q,%d,%d", mem, used, total))
		}
		m.info("+CPMS: " + strings.Join(parts, ","))
		return okay
	}
	f := c.fields()
	if len(f) > 3 {
		return cms(302)
	}
	next := m.mem
	for i, mem := range f {
		if mem == "" && i > 0 {
			continue
		}
		if m.sim.stores[mem] == nil {
			return cms(302)
		}
		next[i] = mem
	}
	m.mem = next
	var parts []string
	for _, mem := range m.mem {
		used, total := usage(mem)
		parts = append(parts, fmt.Sprintf("%d,%d", used, total))
	}
	m.info("+CPMS: " + strings.Join(parts, ","))
	return m.later(m.room)
}

// room tells the service centre that there may be room again (RP-SMMA).
func (m *modem) room() {
	m.sim.net.pump(m.sim.number)
	m.sim.net.touch()
}

var stats = map[bool]string{false: "REC UNREAD", true: "REC READ"}

func (m *modem) cmgl(c call) result {
	if c.op == 't' {
		if m.textMode {
			m.info(`+CMGL: ("REC UNREAD","REC READ","STO UNSENT","STO SENT","ALL")`)
		} else {
			m.info("+CMGL: (0-4)")
		}
		return okay
	}
	want := c.fields()[0]
	if want == "" {
		want = map[bool]string{true: "REC UNREAD", false: "0"}[m.textMode]
	}
	names := []string{"REC UNREAD", "REC READ", "STO UNSENT", "STO SENT", "ALL"}
	if !m.textMode {
		names = []string{"0", "1", "2", "3", "4"}
	}
	kind := -1
	for i, n := range names {
		if n == want {
			kind = i
		}
	}
	if kind < 0 {
		return cms(305)
	}
	st := m.sim.stores[m.mem[0]]
	for _, i := range st.order() {
		s := st.slots[i]
		if kind != 4 && kind != bit(s.read) {
			continue
		}
		m.info(m.show(fmt.Sprintf("+CMGL: %d,", i), s)...)
		s.read = true
	}
	return okay
}

// show prints a stored message for +CMGL and +CMGR.
func (m *modem) show(prefix string, s *stored) []string {
	if !m.textMode {
		return []string{fmt.Sprintf("%s%d,,%d", prefix, bit(s.read), len(s.tpdu)), pduLine(s.tpdu)}
	}
	from, c, err := parseDeliver(s.tpdu)
	if err != nil {
		return []string{fmt.Sprintf("%s%q,%q", prefix, stats[s.read], ""), hex.EncodeToString(s.tpdu)}
	}
	return []string{
		fmt.Sprintf("%s%q,%q,,%q", prefix, stats[s.read], from, m.when(s.tpdu)),
		m.textOf(c),
	}
}

// when prints TP-SCTS as text mode does.
func (m *modem) when(tpdu []byte) string {
	at := 1 + 2 + (int(tpdu[1])+1)/2 + 2
	var d [7]int
	for i := range d {
		b := tpdu[at+i]
		d[i] = int(b&0x0F)*10 + int(b>>4)
	}
	return fmt.Sprintf("%02d/%02d/%02d,%02d:%02d:%02d+%02d", d[0], d[1], d[2], d[3], d[4], d[5], d[6])
}

// textOf prints user data in text mode: words for the default alphabet,
// hexadecimal otherwise, TS 27.005 3.1 <data>.
func (m *modem) textOf(c content) string {
	_, data := c.body()
	if c.coding() != GSM7 {
		return strings.ToUpper(hex.EncodeToString(data))
	}
	text := c.septets()
	if m.charset != "UCS2" {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		fmt.Fprintf(&b, "%04X", r)
	}
	return b.String()
}

func (m *modem) slot(arg string) (*store, int, bool) {
	st := m.sim.stores[m.mem[0]]
	i, err := strconv.Atoi(arg)
	return st, i, err == nil && i >= 0 && i < len(st.slots)
}

// cmgr reads one slot; an empty one answers a bare OK, as a SIM7600 does.
func (m *modem) cmgr(c call) result {
	if c.op == 't' {
		return okay
	}
	st, i, ok := m.slot(c.fields()[0])
	if !ok {
		return cms(321)
	}
	if s := st.slots[i]; s != nil {
		m.info(m.show("+CMGR: ", s)...)
		s.read = true
	}
	return okay
}

func (m *modem) cmgd(c call) result {
	if c.op == 't' {
		m.info(fmt.Sprintf("+CMGD: (0-%d),(0-4)", len(m.sim.stores[m.mem[0]].slots)-1))
		return okay
	}
	f := c.fields()
	st, i, ok := m.slot(f[0])
	if !ok {
		return cms(321)
	}
	mode := "0"
	if len(f) > 1 {
		mode = f[1]
	}
	switch mode {
	case "0", "":
		st.slots[i] = nil
	case "1", "2", "3": // all read ones; sent and unsent are not kept here
		for j, s := range st.slots {
			if s != nil && s.read {
				st.slots[j] = nil
			}
		}
	case "4":
		clear(st.slots)
	default:
		return cms(305)
	}
	return m.later(m.room)
}

func (m *modem) cmms(c call) result {
	switch c.op {
	case '?':
		m.info("+CMMS: 0")
	case 't':
		m.info("+CMMS: (0-2)")
	default:
		if len(c.args) != 1 || !strings.Contains("012", c.args) {
			return cms(302)
		}
	}
	return okay
}

func (m *modem) cmgs(c call) result {
	if c.op == 't' {
		return okay
	}
	if c.op != '=' {
		return plain
	}
	p := &prompt{}
	f := c.fields()
	if m.textMode {
		p.to = Normalise(f[0])
		if !digitsOnly(strings.TrimPrefix(p.to, "+")) {
			return cms(305)
		}
	} else {
		n, err := strconv.Atoi(f[0])
		if err != nil || n < 7 || n > 164 {
			return cms(304)
		}
		p.length = n
	}
	m.prompt = p
	m.emit("\r\n> ")
	m.disturb()
	return silent
}

// message takes one byte after the prompt.
func (m *modem) message(b byte) {
	p := m.prompt
	switch {
	case b == 0x1B:
		m.prompt = nil
		m.final("OK", "0") // TS 27.005 3.5.1: cancelled, and that is no error
		m.release()
	case b == 0x1A:
		m.prompt = nil
		m.submit(p)
		m.release()
	case b == '\r' && m.textMode:
		p.buf = append(p.buf, '\n')
		m.emit("\r\n> ")
	case b == '\r' || b == '\n':
	case len(p.buf) < 4096:
		p.buf = append(p.buf, b)
	}
}

// submit is the end of +CMGS: the point where a message leaves, or does not.
func (m *modem) submit(p *prompt) {
	s := m.sim
	var tpdu []byte
	if m.textMode {
		pdus, err := encodeText(p.to, string(p.buf), new(reference))
		if err != nil || len(pdus) != 1 {
			m.fail(cms(305))
			return
		}
		tpdu = pdus[0]
	} else {
		b, err := hex.DecodeString(string(p.buf))
		if err != nil || len(b) == 0 || len(b) != 1+int(b[0])+p.length {
			m.fail(cms(304))
			return
		}
		tpdu = b[1+int(b[0]):]
	}
	sub, err := parseSubmit(tpdu)
	if err != nil {
		m.fail(cms(304))
		return
	}
	switch {
	case s.faults.sendError != 0:
		m.fail(cms(s.faults.sendError))
		return
	case !s.registered():
		m.fail(cms(331))
		return
	}
	sub.mr = s.mr // the modem counts TP-MR itself, whatever the TPDU says
	s.mr++
	seg := s.net.accept(s.number, sub, tpdu, false)
	if s.faults.dropReply {
		return
	}
	seg.Replied = true
	m.info(fmt.Sprintf("+CMGS: %d", sub.mr))
	m.final("OK", "0")
}

// route hands a message to the terminal without storing it (+CNMI mt=2). With
// +CSMS: 1 the terminal must answer +CNMA before the network believes it.
func (m *modem) route(p *parcel) bool {
	if m.csms == 1 && m.unacked != nil {
		return false
	}
	if m.textMode {
		if from, c, err := parseDeliver(p.tpdu); err == nil {
			m.unsolicited(fmt.Sprintf("+CMT: %q,,%q", from, m.when(p.tpdu)), m.textOf(c))
		}
	} else {
		m.unsolicited(fmt.Sprintf("+CMT: ,%d", len(p.tpdu)), pduLine(p.tpdu))
	}
	if m.csms == 1 {
		m.unacked = p
		return false
	}
	return true
}

func (m *modem) cnma(c call) result {
	if c.op == 't' {
		m.info("+CNMA: (0-2)")
		return okay
	}
	p := m.unacked
	if p == nil {
		return cms(340)
	}
	m.unacked = nil
	net := m.sim.net
	if q := net.queues[p.to]; len(q) > 0 && q[0] == p {
		net.delivered(p)
	}
	return m.later(m.room)
}

// takeReport offers a status report as +CNMI ds says; ds=0 loses it.
func (m *modem) takeReport(p *parcel) bool {
	switch m.cnmi.ds {
	case 1:
		m.unsolicited(fmt.Sprintf("+CDS: %d", len(p.tpdu)), pduLine(p.tpdu))
	case 2:
		i, ok := m.sim.keep(m.mem[2], p.tpdu)
		if !ok {
			return false
		}
		m.unsolicited(fmt.Sprintf("+CDSI: %q,%d", m.mem[2], i))
	}
	return true
}
