package modemtest

import (
	"bytes"
	"testing"
)

// The emulator is fed by programs under test, wrong ones included: no input
// may break it, and a TPDU that it accepts must be carried whole.
func FuzzModemLine(f *testing.F) {
	for _, s := range []string{
		"AT\r", "ATE0V1+CMGF=0;+CNMI=2,1,0,1,0\r", "AT+CMGS=20\r0011\x1a", "A/", "AT+CPMS=\"SM\",\"ME\r",
		"AT+CMGL=4\rAT+CMGR=0\rAT+CMGD=0,4\rAT+CNMA\r", "ATS0=1&F&\r", "AT+CMGS=\"0912\"\rxin chao\x1a",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := New(Options{})
		s := n.SIM(kiosk)
		s.port = &port{wake: make(chan struct{}, 1)} // output goes nowhere
		s.modem = newModem(s)
		s.faults.noise = true
		n.Inject(villager, kiosk, []byte{1, 2, 3})
		n.InjectTPDU(kiosk, b)
		s.feed(s.port, b)
		n.Phone(villager).Inbox()
	})
}

func FuzzTPDU(f *testing.F) {
	for _, text := range []string{"a", "ẫ"} {
		pdus, err := encodeText(villager, text, new(reference))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(pdus[0])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := New(Options{})
		n.InjectTPDU(villager, b)
		n.Phone(villager).Inbox()
		s, err := parseSubmit(b)
		if err != nil {
			return
		}
		from, c, err := parseDeliver(deliverTPDU(kiosk, s.content, n.opts.Now()))
		if err != nil || from != kiosk || !bytes.Equal(c.ud, s.ud) || c.udhi != s.udhi || c.dcs != s.dcs {
			t.Errorf("%x became %+v, %v", b, c, err)
		}
	})
}
