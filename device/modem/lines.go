package modem

import "strings"

// maxLine is the longest line that a modem may say: a PDU of 176 octets is 352 digits. What is longer is
// the noise of a wrong baud rate.
const maxLine = 1024

// maxOpen bounds the headers that wait for their second line.
const maxOpen = 8

// answer is what the running command may be told. Every line that is not in it is unsolicited, whatever it
// says: modems have hundreds of lines of their own, and a list of them is never whole.
type answer struct {
	prefixes []string // of information lines, such as "+CSQ:"
	needInfo bool     // an OK before any information line is not ours but a late one
	body     bool     // a line of hexadecimal digits follows each information line
	sms      bool     // a prompt is expected, and +CMGS only after the message was written

	prompted, written bool // the prompt was passed on; the message went out
	informed          bool
	earlyOK           bool // OK came before +CMGS
	done              bool
}

// lines cuts a modem's bytes into lines, hands each answer through and everything else to urc. It is pure:
// how the bytes are split into reads makes no difference.
type lines struct {
	urc    func(line string)
	direct func(kind, hexdump string) // a message that came by itself (+CMT, +CDS)

	buf  []byte
	skip bool     // the line is too long; wait for its end
	open []string // headers whose second line has not come: "body", "+CMT:", ...
}

// feed takes bytes and appends what the answer may hold to out, in the one form that the AT engine reads
// without fail: whole lines ended by CR LF, and ">" for a prompt.
func (l *lines) feed(in []byte, a *answer, out []byte) []byte {
	for _, c := range in {
		switch {
		case c == '\r' || c == '\n':
			line := strings.TrimSpace(string(l.buf))
			l.buf = l.buf[:0]
			if line != "" && !l.skip {
				out = l.line(line, a, out)
			}
			l.skip = false
		case c == 0x00 || c == 0xff: // line noise
		case len(l.buf) == 0 && c == ' ':
		case len(l.buf) == 0 && c == '>' && a.waitsForPrompt():
			a.prompted = true
			out = append(out, '>')
		case len(l.buf) == 0 && c == '>' && a != nil && a.sms && !a.done: // modems repeat it after the message
		case l.skip:
		case len(l.buf) == maxLine:
			l.skip = true
		default:
			l.buf = append(l.buf, c)
		}
	}
	return out
}

func (a *answer) waitsForPrompt() bool { return a != nil && a.sms && !a.prompted && !a.done }

// live says that a command is running.
func (a *answer) live() bool { return a != nil && !a.done }

// selfSent are the headers of messages that a modem hands over without being asked, each with the PDU on
// its next line. We configure modems not to, but find them in any state.
var selfSent = []string{"+CMT:", "+CDS:", "+CBM:"}

func (l *lines) line(line string, a *answer, out []byte) []byte {
	if n := len(l.open); n > 0 && isHex(line) {
		kind := l.open[n-1]
		l.open = l.open[:n-1]
		if kind != "body" {
			l.direct(kind, line)
			return out
		}
		if a.live() {
			return appendLine(out, line)
		}
		return out
	}
	for _, header := range selfSent {
		if strings.HasPrefix(line, header) {
			l.wait(header)
			return out
		}
	}
	if !a.live() {
		l.urc(line)
		return out
	}
	if final, ok := finalOf(line); ok {
		return l.final(final, a, out)
	}
	for _, p := range a.prefixes {
		if strings.HasPrefix(line, p) && (!a.sms || a.written) {
			a.informed = true
			if a.body {
				l.wait("body")
			}
			out = appendLine(out, line)
			if a.earlyOK {
				out = l.finish(a, appendLine(out, "OK"))
			}
			return out
		}
	}
	l.urc(line)
	return out
}

func (l *lines) wait(header string) {
	if len(l.open) == maxOpen {
		l.open = append(l.open[:0], l.open[1:]...)
	}
	l.open = append(l.open, header)
}

func (l *lines) final(line string, a *answer, out []byte) []byte {
	if line == "OK" && a.needInfo && !a.informed {
		a.earlyOK = a.sms && a.written
		return out
	}
	return l.finish(a, appendLine(out, line))
}

// finish ends the command: whatever comes now belongs to nobody.
func (l *lines) finish(a *answer, out []byte) []byte {
	a.done = true
	kept := l.open[:0]
	for _, kind := range l.open {
		if kind != "body" {
			kept = append(kept, kind)
		}
	}
	l.open = kept
	return out
}

// finalOf recognises final result codes and gives them the spelling of the standard. Seen in the field:
// "CMS Error: 38", "+CME ERROR:49", "COMMAND NOT SUPPORT".
func finalOf(line string) (string, bool) {
	switch line {
	case "OK", "ERROR":
		return line, true
	case "COMMAND NOT SUPPORT", "TOO MANY PARAMETERS":
		return "ERROR", true
	}
	upper := strings.ToUpper(strings.TrimPrefix(line, "+"))
	for _, kind := range []string{"CMS ERROR:", "CME ERROR:"} {
		if rest, ok := strings.CutPrefix(upper, kind); ok {
			return "+" + kind + " " + strings.TrimSpace(rest), true
		}
	}
	return "", false
}

func appendLine(out []byte, line string) []byte {
	return append(append(out, line...), '\r', '\n')
}

func isHex(s string) bool {
	if len(s) < 2 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'F') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
