package modemtest

import (
	"fmt"
	"strconv"
	"strings"
)

type handler func(*modem, call) result

// handlers are the commands that a SIM7600 knows and a client of ours, or
// gammu, asks for. Everything else answers ERROR.
var handlers map[string]handler

func init() {
	handlers = map[string]handler{
		"E":  func(m *modem, c call) result { return flag(&m.echo, c.args) },
		"Q":  func(m *modem, c call) result { return flag(&m.quiet, c.args) },
		"V":  (*modem).verbose,
		"Z":  func(m *modem, _ call) result { m.reset(); return okay },
		"&F": func(m *modem, _ call) result { m.reset(); return okay },
		"&W": accept, "&D": accept, "&C": accept, "S": accept, "X": accept, "L": accept, "M": accept,
		"I": (*modem).identify,
		"H": accept,
		"D": func(m *modem, _ call) result { m.final("NO CARRIER", "3"); return silent },
		"A": func(m *modem, _ call) result { m.final("NO CARRIER", "3"); return silent },

		"+CMEE":    ranged(2, func(m *modem) *int { return &m.cmee }),
		"+CGMI":    says("SIMCOM INCORPORATED"),
		"+GMI":     says("SIMCOM INCORPORATED"),
		"+CGMM":    says("SIMCOM_SIM7600E-H"),
		"+GMM":     says("SIMCOM_SIM7600E-H"),
		"+CGMR":    says("+CGMR: LE20B04SIM7600M22"),
		"+GMR":     says("+CGMR: LE20B04SIM7600M22"),
		"+GCAP":    says("+GCAP: +CGSM,+DS,+ES"),
		"+CGSN":    (*modem).imei,
		"+GSN":     (*modem).imei,
		"+CIMI":    (*modem).imsi,
		"+CPIN":    (*modem).cpin,
		"+CNUM":    (*modem).cnum,
		"+CCLK":    (*modem).cclk,
		"+CTZU":    accept,
		"+CTZR":    accept,
		"+CSCS":    (*modem).cscs,
		"+CUSD":    (*modem).cusd,
		"+CPAS":    says("+CPAS: 0"),
		"+CHUP":    accept,
		"+CLIP":    accept,
		"+CRC":     accept,
		"+IPR":     accept,
		"+IFC":     accept,
		"+CSQ":     (*modem).csq,
		"+CREG":    registrationOf(0),
		"+CGREG":   registrationOf(1),
		"+CEREG":   registrationOf(2),
		"+CGATT":   (*modem).cgatt,
		"+COPS":    (*modem).cops,
		"+CFUN":    (*modem).cfun,
		"+CPSI":    (*modem).cpsi,
		"+CMGF":    (*modem).cmgf,
		"+CSDH":    func(m *modem, c call) result { return setOrShow(m, c, &m.showHeader) },
		"+CSMP":    (*modem).csmp,
		"+CSCA":    (*modem).csca,
		"+CSMS":    (*modem).setCSMS,
		"+CNMI":    (*modem).setCNMI,
		"+CPMS":    (*modem).cpms,
		"+CMGL":    (*modem).cmgl,
		"+CMGR":    (*modem).cmgr,
		"+CMGD":    (*modem).cmgd,
		"+CMGS":    (*modem).cmgs,
		"+CMMS":    (*modem).cmms,
		"+CNMA":    (*modem).cnma,
		"+CSAS":    accept,
		"+CRES":    accept,
		"+CGDCONT": accept,
	}
}

// needsSIM are the commands that a SIM waiting for its PIN refuses, and the
// kind of their errors.
var needsSIM = map[string]string{
	"+CMGF": "CMS", "+CNMI": "CMS", "+CPMS": "CMS", "+CMGL": "CMS", "+CMGR": "CMS", "+CMGD": "CMS",
	"+CMGS": "CMS", "+CSCA": "CMS", "+CNMA": "CMS", "+CIMI": "CME", "+CNUM": "CME", "+CUSD": "CME",
}

func (m *modem) run(c call) result {
	if kind := needsSIM[c.name]; kind != "" && m.sim.locked() {
		pin := m.sim.pinTries > 0
		switch {
		case kind == "CMS" && pin:
			return cms(311)
		case kind == "CMS":
			return cms(316)
		case pin:
			return cme(11)
		}
		return cme(12)
	}
	if h := handlers[c.name]; h != nil {
		return h(m, c)
	}
	return plain
}

// reset is ATZ: the settings of power-on, not a reboot.
func (m *modem) reset() {
	fresh := newModem(m.sim)
	fresh.radio, fresh.unlocked = m.radio, m.unlocked
	fresh.last, fresh.noisy, fresh.reported, fresh.unacked, fresh.after = m.last, m.noisy, m.reported, m.unacked, m.after
	*m = *fresh
}

func accept(*modem, call) result { return okay }

// says answers a fixed line to the plain and the read form.
func says(line string) handler {
	return func(m *modem, c call) result {
		if c.op != 't' {
			m.info(line)
		}
		return okay
	}
}

func flag(b *bool, arg string) result {
	switch arg {
	case "", "0":
		*b = false
	case "1":
		*b = true
	default:
		return plain
	}
	return okay
}

func (m *modem) verbose(c call) result {
	switch c.args {
	case "0":
		m.numeric = true
	case "", "1":
		m.numeric = false
	default:
		return plain
	}
	return okay
}

// ranged is a setting from 0 to limit.
func ranged(limit int, of func(*modem) *int) handler {
	return func(m *modem, c call) result {
		v := of(m)
		switch c.op {
		case '?':
			m.info(fmt.Sprintf("%s: %d", c.name, *v))
		case 't':
			m.info(fmt.Sprintf("%s: (0-%d)", c.name, limit))
		default:
			n, err := strconv.Atoi(c.args)
			if err != nil || n < 0 || n > limit {
				return cme(50)
			}
			*v = n
		}
		return okay
	}
}

func setOrShow(m *modem, c call, b *bool) result {
	switch c.op {
	case '?':
		m.info(fmt.Sprintf("%s: %d", c.name, bit(*b)))
		return okay
	case 't':
		m.info(c.name + ": (0,1)")
		return okay
	}
	return flag(b, c.args)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (m *modem) identify(call) result {
	m.info("Manufacturer: SIMCOM INCORPORATED", "Model: SIMCOM_SIM7600E-H",
		"Revision: SIM7600M22_V2.0", fmt.Sprintf("IMEI: 86147503%06d1", m.sim.serial()), "+GCAP: +CGSM,+DS,+ES")
	return okay
}

func (m *modem) imei(c call) result {
	if c.op != 't' {
		m.info(fmt.Sprintf("86147503%06d1", m.sim.serial()))
	}
	return okay
}

func (m *modem) imsi(c call) result {
	if c.op != 't' {
		m.info(fmt.Sprintf("452041000%06d", m.sim.serial()))
	}
	return okay
}

func (m *modem) cpin(c call) result {
	s := m.sim
	switch c.op {
	case '?':
		switch {
		case !s.locked():
			m.info("+CPIN: READY")
		case s.pinTries == 0:
			m.info("+CPIN: SIM PUK")
		default:
			m.info("+CPIN: SIM PIN")
		}
	case '=':
		switch {
		case !s.locked():
			return cme(3)
		case s.pinTries == 0:
			return cme(12)
		case c.fields()[0] != s.pin:
			s.pinTries--
			return cme(16)
		}
		m.unlocked, s.pinTries = true, 3
		return m.later(func() {
			m.urc("+CPIN: READY")
			m.urc("SMS DONE")
			s.changedRegistration()
		})
	}
	return okay
}

func (m *modem) cnum(c call) result {
	if c.op != 't' {
		m.info(fmt.Sprintf("+CNUM: \"\",%q,145", m.sim.number))
	}
	return okay
}

func (m *modem) cclk(c call) result {
	if c.op == '?' {
		m.info(`+CCLK: "` + m.sim.net.opts.Now().In(vietnam).Format("06/01/02,15:04:05") + `+28"`)
	}
	return okay
}

func (m *modem) cscs(c call) result {
	switch c.op {
	case '?':
		m.info(fmt.Sprintf("+CSCS: %q", m.charset))
	case 't':
		m.info(`+CSCS: ("IRA","GSM","UCS2")`)
	default:
		cs := c.fields()[0]
		if cs != "IRA" && cs != "GSM" && cs != "UCS2" {
			return cme(50)
		}
		m.charset = cs
	}
	return okay
}

// cusd answers every code with the same balance; the answer comes after OK.
func (m *modem) cusd(c call) result {
	switch {
	case c.op == 't':
		m.info("+CUSD: (0-2)")
		return okay
	case c.op == '?':
		m.info("+CUSD: 1")
		return okay
	case len(c.fields()) < 2:
		return okay
	case !m.sim.registered():
		return cme(30)
	}
	return m.later(func() { m.urc(`+CUSD: 0,"TK goc: 25000d, HSD: 31/12/2027.",15`) })
}

func (m *modem) csq(c call) result {
	switch {
	case c.op == 't':
		m.info("+CSQ: (0-31,99),(0-7,99)")
	case m.sim.registered():
		m.info("+CSQ: 20,99")
	default:
		m.info("+CSQ: 99,99")
	}
	return okay
}

// registrationOf is +CREG, +CGREG or +CEREG, TS 27.007 7.2, 10.1.20, 10.1.22.
func registrationOf(which int) handler {
	return func(m *modem, c call) result {
		n := &m.reg[which]
		switch c.op {
		case '?':
			m.info(m.registrationLine(which, true))
		case 't':
			m.info(c.name + ": (0-2)")
		default:
			v, err := strconv.Atoi(c.args)
			if err != nil || v < 0 || v > 2 {
				return cme(50)
			}
			*n = v
			m.reported[which] = m.sim.registration()
		}
		return okay
	}
}

var registrationNames = [3]string{"+CREG", "+CGREG", "+CEREG"}

func (m *modem) registrationLine(which int, read bool) string {
	var b strings.Builder
	b.WriteString(registrationNames[which] + ": ")
	if read {
		fmt.Fprintf(&b, "%d,", m.reg[which])
	}
	stat := m.sim.registration()
	fmt.Fprint(&b, stat)
	if m.reg[which] == 2 && stat == 1 {
		b.WriteString(`,"2B0C","01A3F205",7`)
	}
	return b.String()
}

// announceRegistration prints the URCs of a changed registration.
func (m *modem) announceRegistration() {
	for i, n := range m.reg {
		stat := m.sim.registration()
		if n > 0 && stat != m.reported[i] {
			m.urc(m.registrationLine(i, false))
		}
		m.reported[i] = stat
	}
}

func (m *modem) cgatt(c call) result {
	if c.op == '?' {
		m.info(fmt.Sprintf("+CGATT: %d", bit(m.sim.registered())))
	}
	return okay
}

func (m *modem) cops(c call) result {
	switch c.op {
	case '?':
		switch {
		case !m.sim.registered():
			m.info("+COPS: 0")
		case m.copsFormat == 2:
			m.info(`+COPS: 0,2,"45204",7`)
		default:
			m.info(fmt.Sprintf(`+COPS: 0,%d,"Viettel",7`, m.copsFormat))
		}
	case 't':
		m.info(`+COPS: (2,"Viettel","Viettel","45204",7),,(0,1,2,3,4),(0,1,2)`)
	default:
		f := c.fields()
		if len(f) > 1 {
			v, err := strconv.Atoi(f[1])
			if err != nil || v < 0 || v > 2 {
				return cme(50)
			}
			m.copsFormat = v
		}
	}
	return okay
}

// cfun switches the radio; =1,1 restarts the modem without leaving the bus.
func (m *modem) cfun(c call) result {
	switch c.op {
	case '?':
		m.info(fmt.Sprintf("+CFUN: %d", bit(m.radio)))
		return okay
	case 't':
		m.info("+CFUN: (0,1,4),(0,1)")
		return okay
	}
	f := c.fields()
	if len(f) > 1 && f[1] == "1" {
		return m.later(func() {
			*m = *newModem(m.sim)
			m.banner()
			m.sim.changedRegistration()
		})
	}
	switch f[0] {
	case "0", "4":
		m.radio = false
	case "1":
		m.radio = true
	default:
		return cme(50)
	}
	return m.later(m.sim.changedRegistration)
}

func (m *modem) cpsi(c call) result {
	if c.op == '?' {
		line := "+CPSI: NO SERVICE,Online"
		if m.sim.registered() {
			line = "+CPSI: LTE,Online,452-04,0x2B0C,27521541,123,EUTRAN-BAND3,1650,5,5,-94,-902,-611,15"
		}
		m.info(line)
	}
	return okay
}
