package modem

import (
	"bytes"
	"strings"
	"testing"
)

type heard struct {
	out    string
	urcs   []string
	direct []string
}

// through feeds in pieces of the given size, and marks the message as written where the text says so.
func through(in []byte, a *answer, size int) heard {
	var h heard
	l := lines{
		urc:    func(s string) { h.urcs = append(h.urcs, s) },
		direct: func(kind, digits string) { h.direct = append(h.direct, kind+digits) },
	}
	var out []byte
	for len(in) > 0 {
		n := min(size, len(in))
		out = l.feed(in[:n], a, out)
		in = in[n:]
	}
	h.out = string(out)
	return h
}

func TestOnlyTheAnswerPasses(t *testing.T) {
	csq := func() *answer { return &answer{prefixes: []string{"+CSQ:"}} }
	list := func() *answer { return &answer{prefixes: []string{"+CMGL:"}, body: true} }
	sms := func() *answer { return &answer{prefixes: []string{"+CMGS:"}, needInfo: true, sms: true} }
	sent := func() *answer {
		return &answer{prefixes: []string{"+CMGS:"}, needInfo: true, sms: true, prompted: true, written: true}
	}
	probe := func() *answer { return &answer{prefixes: []string{"+CMEE:"}, needInfo: true} }
	for name, tc := range map[string]struct {
		a    *answer
		in   string
		want string
	}{
		"idle":                      {nil, "\r\nOK\r\n+CSQ: 1,2\r\n> ", ""},
		"plain":                     {csq(), "\r\n+CSQ: 20,99\r\n\r\nOK\r\n", "+CSQ: 20,99\r\nOK\r\n"},
		"echo":                      {csq(), "AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n", "+CSQ: 20,99\r\nOK\r\n"},
		"announced in between":      {csq(), "\r\n+CMTI: \"SM\",3\r\n+CSQ: 20,99\r\n^RSSI:1\r\r\nOK\r\n", "+CSQ: 20,99\r\nOK\r\n"},
		"a second answer":           {csq(), "OK\r\nERROR\r\n+CSQ: 1,1\r\n", "OK\r\n"},
		"error spelt oddly":         {csq(), "\r\nCME Error:49\r\n", "+CME ERROR: 49\r\n"},
		"OK inside a line":          {csq(), "NOT OK\r\nOKAY\r\n", ""},
		"listing":                   {list(), "+CMGL: 1,1,,20\r\n0791AB\r\nOK\r\n", "+CMGL: 1,1,,20\r\n0791AB\r\nOK\r\n"},
		"digits without header":     {list(), "0791AB\r\nOK\r\n", "OK\r\n"},
		"routed into a listing":     {list(), "+CMGL: 1,1,,20\r\n+CMT: ,20\r\nFFFF\r\nAAAA\r\nOK\r\n", "+CMGL: 1,1,,20\r\nAAAA\r\nOK\r\n"},
		"prompt":                    {sms(), "\r\n> ", ">"},
		"prompt twice":              {sms(), "\r\n> \r\n> ", ">"},
		"prompt nobody waits for":   {csq(), "\r\n> \r\nOK\r\n", "OK\r\n"},
		"OK before the message":     {sms(), "\r\nOK\r\n", ""},
		"reference before message":  {sms(), "\r\n+CMGS: 1\r\n", ""},
		"OK before the reference":   {sent(), "\r\nOK\r\n+CMGS: 1\r\n", "+CMGS: 1\r\nOK\r\n"},
		"stale OK before the probe": {probe(), "OK\r\nOK\r\n+CMEE: 1\r\nOK\r\n", "+CMEE: 1\r\nOK\r\n"},
		"too long":                  {csq(), strings.Repeat("x", 70000) + "\r\nOK\r\n", "OK\r\n"},
		"too long, then the rest":   {csq(), strings.Repeat("x", maxLine) + "OK\r\n", ""},
	} {
		for _, size := range []int{1, 2, 7, 1 << 20} {
			if tc.a != nil {
				fresh := *tc.a
				if got := through([]byte(tc.in), &fresh, size).out; got != tc.want {
					t.Errorf("%s, %d at a time: %q, want %q", name, size, got, tc.want)
				}
			} else if got := through([]byte(tc.in), nil, size).out; got != tc.want {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
}

// A routed message's second line may come late, after blank lines and others.
func TestSecondLineOfARoutedMessage(t *testing.T) {
	h := through([]byte("+CMT: ,24\r\n\r\n+CREG: 2\r\n0791AB\r\n+CDS: 5\r\n06FF\r\n"), nil, 3)
	if strings.Join(h.direct, " ") != "+CMT:0791AB +CDS:06FF" || strings.Join(h.urcs, " ") != "+CREG: 2" {
		t.Errorf("%q", h)
	}
}

// Whatever a modem says: how it is cut makes no difference, nothing but the answer passes, one final result
// at most, and memory stays bounded.
func FuzzATLines(f *testing.F) {
	f.Add([]byte("AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n"), byte(0), byte(3))
	f.Add([]byte("\r\n+CMGL: 1,1,,20\r\n+CMT: ,20\r\nFFFF\r\nAAAA\r\nOK\r\n"), byte(1), byte(1))
	f.Add([]byte("\r\n^BOOT:1\r\r\n\x00> 0011\x1a\r\nOK\r\n+CMGS: 7\r\n"), byte(2), byte(2))
	f.Add([]byte("OK\r\nERROR\r\n+CMGS: 3\r\n"), byte(3), byte(9))
	f.Fuzz(func(t *testing.T, in []byte, kind, size byte) {
		if len(in) > 1<<12 {
			return // longer is only slower
		}
		fresh := func() *answer {
			switch kind % 5 {
			case 0:
				return &answer{prefixes: []string{"+CSQ:"}}
			case 1:
				return &answer{prefixes: []string{"+CMGL:"}, body: true}
			case 2:
				return &answer{prefixes: []string{"+CMGS:"}, needInfo: true, sms: true}
			case 3:
				return &answer{prefixes: []string{"+CMGS:"}, needInfo: true, sms: true, prompted: true, written: true}
			}
			return nil
		}
		a := fresh()
		whole, cut := through(in, a, 1<<20), through(in, fresh(), 1+int(size))
		if whole.out != cut.out || strings.Join(whole.urcs, "\n") != strings.Join(cut.urcs, "\n") || len(whole.direct) != len(cut.direct) {
			t.Fatalf("cut into %d: %q, else %q", 1+int(size), cut.out, whole.out)
		}
		out, prompts := whole.out, strings.Count(whole.out, ">")
		if a == nil {
			if out != "" {
				t.Fatalf("nobody asked: %q", out)
			}
			return
		}
		if prompts > 0 && !a.sms && strings.HasPrefix(out, ">") {
			t.Fatalf("a prompt for no message: %q", out)
		}
		if a.sms && strings.HasPrefix(out, ">") {
			out = out[1:]
		}
		finals := 0
		for line := range strings.SplitSeq(strings.TrimSuffix(out, "\r\n"), "\r\n") {
			final, isFinal := finalOf(line)
			switch {
			case line == "" && out == "":
			case isFinal && final == line:
				finals++
			case a.prefixes != nil && strings.HasPrefix(line, a.prefixes[0]):
			case a.body && isHex(line):
			default:
				t.Fatalf("passed: %q", line)
			}
			if finals > 1 || finals == 1 && !isFinal {
				t.Fatalf("something after the end: %q", out)
			}
		}
		l := lines{urc: func(string) {}, direct: func(string, string) {}}
		l.feed(bytes.Repeat(in, 3), fresh(), nil)
		if len(l.buf) > maxLine || len(l.open) > maxOpen {
			t.Fatal("not bounded")
		}
	})
}
