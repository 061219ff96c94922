package modemtest

import (
	"fmt"
	"strings"
)

// modem is the AT interpreter of one boot: the settings that a reset forgets,
// and the state of the line. Everything in it is guarded by the network's mu.
type modem struct {
	sim *SIM

	echo, quiet, numeric bool
	cmee                 int
	textMode             bool
	charset              string
	cnmi                 struct{ mode, mt, bm, ds, bfr int }
	mem                  [3]string // +CPMS: read and delete, write and send, receive
	csms                 int
	smsc                 string
	reg                  [3]int // <n> of +CREG, +CGREG, +CEREG
	showHeader           bool   // +CSDH
	copsFormat           int
	radio, unlocked      bool // +CFUN, PIN given

	line     []byte
	last     string  // for A/
	prompt   *prompt // not nil while the modem waits for a message after "> "
	said     []string
	after    []func() // what the command line in hand sets off once it is answered
	unacked  *parcel  // routed by +CMT, waits for +CNMA
	noisy    int      // which noise comes next
	reported [3]int   // registration last announced
}

// prompt is a +CMGS or +CMGW that waits for its message.
type prompt struct {
	length int    // of the TPDU in octets, PDU mode
	to     string // text mode
	buf    []byte
}

func newModem(s *SIM) *modem {
	m := &modem{
		sim: s, echo: true, textMode: true, charset: "IRA", radio: true,
		mem: [3]string{"SM", "SM", "SM"}, smsc: "+84980200030",
	}
	m.cnmi.mode, m.cnmi.mt = 2, 1 // the power-on default of a SIM7600
	return m
}

// banner is what a SIM7600 says when it boots.
func (m *modem) banner() {
	m.urc("RDY")
	if m.sim.locked() {
		m.urc("+CPIN: SIM PIN")
		return
	}
	m.urc("+CPIN: READY")
	m.urc("SMS DONE")
	m.urc("PB DONE")
}

func (m *modem) emit(s string) { m.sim.port.send(s) }

// urc prints an unsolicited result code now.
func (m *modem) urc(lines ...string) {
	m.emit("\r\n" + strings.Join(lines, "\r\n") + "\r\n")
}

// unsolicited prints a message indication as +CNMI <mode> demands: while the
// link is taken by a prompt, mode 2 keeps it until the end of the command and
// mode 1 throws it away; mode 0 always keeps it (TS 27.005 3.4.1).
func (m *modem) unsolicited(lines ...string) {
	s := "\r\n" + strings.Join(lines, "\r\n") + "\r\n"
	switch {
	case m.cnmi.mode == 0, m.prompt != nil && m.cnmi.mode >= 2:
		if len(m.said) < 256 {
			m.said = append(m.said, s)
		}
	case m.prompt != nil:
	default:
		m.emit(s)
	}
}

// release prints the indications that were kept back.
func (m *modem) release() {
	if m.cnmi.mode == 0 || m.prompt != nil {
		return
	}
	for _, s := range m.said {
		m.emit(s)
	}
	m.said = nil
}

// info prints one information response; its lines stay together.
func (m *modem) info(lines ...string) {
	m.disturb()
	if !m.quiet {
		m.emit("\r\n" + strings.Join(lines, "\r\n") + "\r\n")
	}
}

// final prints a final result code. numeric is its ATV0 form, "" for codes
// that have none.
func (m *modem) final(text, numeric string) {
	m.disturb()
	switch {
	case m.quiet:
	case m.numeric && numeric != "":
		m.emit(numeric + "\r")
	default:
		m.emit("\r\n" + text + "\r\n")
	}
}

// disturb utters the next of the unsolicited lines that real sticks interject.
func (m *modem) disturb() {
	if !m.sim.faults.noise {
		return
	}
	m.emit(noise[m.noisy%len(noise)])
	m.noisy++
}

var noise = []string{
	"\r\n^RSSI:18\r\n",
	"\r\n^HCSQ:\"LTE\",52,48,131,22\r\n",
	"\r\n+ZUSIMR:2\r\n",
	"\r\n^BOOT:91409020,0,0,0,6\r\r\n",
	"\r\n+CIEV: \"MESSAGE\",1\r\n",
	"\r\n*PSUTTZ: 26/11/21,14:00:57\",\"+28\",0\r\n",
	"\r\nRING\r\n",
	"\r\n^DSFLOWRPT:000001A4,00000000,00000000,00000000000,00000000000,00000000,00000000\r\n",
	"\r\n+QIND: \"csq\",21,99\r\n",
}

// feed takes what the terminal wrote.
func (m *modem) feed(b []byte) {
	for _, c := range b {
		if m.echo {
			m.emit(string([]byte{c}))
		}
		if m.prompt != nil {
			m.message(c)
			continue
		}
		switch {
		case c == '\r':
			line := string(m.line)
			m.line = m.line[:0]
			m.command(line)
		case c == 0x08:
			m.line = m.line[:max(len(m.line)-1, 0)]
		case c < 0x20: // line feeds, ESC and Ctrl-Z outside a prompt
		case len(m.line) < 4096:
			m.line = append(m.line, c)
		}
		if strings.EqualFold(string(m.line), "A/") {
			m.line = m.line[:0]
			m.command(m.last)
		}
	}
}

// command runs one command line, V.250 5.2: everything before "AT" is ignored,
// commands may follow one another, the first error ends the line.
func (m *modem) command(line string) {
	at := strings.IndexAny(line, "Aa")
	for at >= 0 && !strings.EqualFold(line[at:min(at+2, len(line))], "AT") {
		more := strings.IndexAny(line[at+1:], "Aa")
		if more < 0 {
			return
		}
		at += 1 + more
	}
	if at < 0 {
		return
	}
	m.last = line
	m.answer(strings.TrimSpace(line[at+2:]))
	m.release()
	after := m.after
	m.after = nil
	for _, f := range after {
		f()
	}
}

// answer runs the commands of one line and prints the final result code.
func (m *modem) answer(rest string) {
	for rest != "" {
		var c call
		c, rest = next(rest)
		switch r := m.run(c); {
		case r == silent:
			return
		case r != okay:
			m.fail(r)
			return
		}
	}
	m.final("OK", "0")
}

// later puts off what a command sets off until the line is answered.
func (m *modem) later(f func()) result {
	m.after = append(m.after, f)
	return okay
}

// result is the outcome of one command.
type result struct {
	kind string // "", "CME", "CMS", "plain", "silent"
	code int
}

var (
	okay   = result{}
	plain  = result{kind: "plain"}
	silent = result{kind: "silent"} // no final result code (now)
)

func cme(code int) result { return result{"CME", code} }
func cms(code int) result { return result{"CMS", code} }

// fail prints an error as +CMEE wants it.
func (m *modem) fail(r result) {
	if r.kind == "plain" || r.kind == "CME" && m.cmee == 0 {
		m.final("ERROR", "4")
		return
	}
	text := errorTexts[r]
	if m.cmee < 2 || text == "" {
		text = fmt.Sprint(r.code)
	}
	m.final(fmt.Sprintf("+%s ERROR: %s", r.kind, text), "")
}

var errorTexts = map[result]string{
	cme(3): "operation not allowed", cme(4): "operation not supported",
	cme(10): "SIM not inserted", cme(11): "SIM PIN required", cme(12): "SIM PUK required",
	cme(16): "incorrect password", cme(30): "no network service", cme(50): "Incorrect parameters",
	cms(301): "SMS service of ME reserved", cms(302): "Operation not allowed",
	cms(304): "Invalid PDU mode parameter", cms(305): "Invalid text mode parameter",
	cms(311): "SIM PIN required", cms(316): "SIM PUK required", cms(321): "Invalid memory index",
	cms(322): "SIM memory full", cms(331): "no network service", cms(332): "network timeout",
	cms(340): "no +CNMA acknowledgement expected", cms(500): "unknown error",
}

// call is one command of a line.
type call struct {
	name string // "+CMGS", "E", "&F", "D"
	op   byte   // 0 execute, '?' read, '=' set, 't' test ("=?")
	args string
}

// next cuts the first command off a line.
func next(line string) (call, string) {
	if strings.ContainsRune("+^*$%", rune(line[0])) {
		end, quoted := len(line), false
		for i := range len(line) {
			if line[i] == '"' {
				quoted = !quoted
			}
			if line[i] == ';' && !quoted {
				end = i
				break
			}
		}
		rest := strings.TrimSpace(strings.TrimPrefix(line[end:], ";"))
		name, args, set := strings.Cut(line[:end], "=")
		c := call{name: strings.ToUpper(strings.TrimSpace(name)), args: strings.TrimSpace(args)}
		switch {
		case set && c.args == "?":
			c.op, c.args = 't', ""
		case set:
			c.op = '='
		case strings.HasSuffix(c.name, "?"):
			c.op, c.name = '?', strings.TrimSuffix(c.name, "?")
		}
		return c, rest
	}
	i := 1
	if line[0] == '&' && len(line) > 1 {
		i = 2
	}
	c := call{name: strings.ToUpper(line[:i])}
	if c.name == "D" { // the rest is a number to dial
		c.args = line[1:]
		return c, ""
	}
	if c.name == "S" { // S-register: Sn=v or Sn?
		end := i
		for end < len(line) && strings.ContainsRune("0123456789=?", rune(line[end])) {
			end++
		}
		c.args = line[i:end]
		return c, strings.TrimSpace(line[end:])
	}
	end := i
	for end < len(line) && line[end] >= '0' && line[end] <= '9' {
		end++
	}
	c.args = line[i:end]
	return c, strings.TrimSpace(strings.TrimPrefix(line[end:], ";"))
}

// fields splits the arguments of a command at commas outside quotes and takes
// the quotes off.
func (c call) fields() []string {
	var out []string
	var f strings.Builder
	quoted := false
	for _, r := range c.args {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ',' && !quoted:
			out = append(out, strings.TrimSpace(f.String()))
			f.Reset()
		default:
			f.WriteRune(r)
		}
	}
	return append(out, strings.TrimSpace(f.String()))
}
