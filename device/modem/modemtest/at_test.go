package modemtest

import (
	"fmt"
	"strings"
	"testing"
)

func TestModemBootsWithEchoAndTextMode(t *testing.T) {
	te := plugged(t, network(t).SIM(kiosk))
	if got := te.do("AT+CMGF?"); got != "AT+CMGF?\r\r\n+CMGF: 1\r\n\r\nOK\r\n" {
		t.Errorf("got %q", got)
	}
	te.do("ATE0")
	if got := te.do("AT"); got != "\r\nOK\r\n" {
		t.Errorf("after ATE0: %q", got)
	}
}

func TestCommandsAnswerLikeASIM7600(t *testing.T) {
	te := ready(t, network(t).SIM(kiosk))
	for command, want := range map[string]string{
		"AT+CPIN?":                "\r\n+CPIN: READY\r\n\r\nOK\r\n",
		"at+csq":                  "\r\n+CSQ: 20,99\r\n\r\nOK\r\n",
		"AT+CREG?":                "\r\n+CREG: 0,1\r\n\r\nOK\r\n",
		"AT+CEREG=2;+CEREG?":      "\r\n+CEREG: 2,1,\"2B0C\",\"01A3F205\",7\r\n\r\nOK\r\n",
		"AT+COPS?":                "\r\n+COPS: 0,0,\"Viettel\",7\r\n\r\nOK\r\n",
		"AT+CPMS?":                "\r\n+CPMS: \"SM\",0,30,\"SM\",0,30,\"SM\",0,30\r\n\r\nOK\r\n",
		"AT+CPMS=\"ME\",\"ME\"":   "\r\n+CPMS: 0,23,0,23,0,30\r\n\r\nOK\r\n",
		"AT+CNMI=2,1,0,2,0":       "\r\nOK\r\n",
		"AT+CNMI?":                "\r\n+CNMI: 2,1,0,2,0\r\n\r\nOK\r\n",
		"AT+CNUM":                 "\r\n+CNUM: \"\",\"+84900000001\",145\r\n\r\nOK\r\n",
		"AT+CUSD=1,\"*101#\",15":  "\r\nOK\r\n",
		"garbage\x01\x02AT+CSCA?": "\r\n+CSCA: \"+84980200030\",145\r\n\r\nOK\r\n",
		"ATE0V1Q0+CMEE=1;+CMEE?":  "\r\n+CMEE: 1\r\n\r\nOK\r\n",
		"AT+CMGR=0":               "\r\nOK\r\n",
		"AT+CMGL=4":               "\r\nOK\r\n",
		"AT+CMGD=?":               "\r\n+CMGD: (0-29),(0-4)\r\n\r\nOK\r\n",
	} {
		t.Run(command, func(t *testing.T) {
			te := ready(t, network(t).SIM(kiosk))
			if got := te.do(command); got != want && !strings.Contains(want, "CNMI: ") {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	te.fails("AT+NONSENSE", "ERROR")
	te.fails("AT+CNMI=2,3", "+CMS ERROR: 302")
	te.fails("AT+CMGD=30", "+CMS ERROR: 321")
	te.fails("AT+CMGS=999", "+CMS ERROR: 304")
	te.do("AT+CMEE=2")
	te.fails("AT+CMGR=77", "+CMS ERROR: Invalid memory index")
}

func TestListReadDelete(t *testing.T) {
	n := network(t)
	te := ready(t, n.SIM(kiosk))
	for range 4 {
		if err := n.Phone(villager).Send(kiosk, "abc"); err != nil {
			t.Fatal(err)
		}
	}
	te.until("\"SM\",3\r\n")
	var order []int
	for line := range strings.Lines(te.do("AT+CMGL=4")) {
		var i, stat, length int
		if _, err := fmt.Sscanf(line, "+CMGL: %d,%d,,%d", &i, &stat, &length); err == nil {
			order = append(order, i)
		}
	}
	if fmt.Sprint(order) != "[1 3 0 2]" {
		t.Errorf("listed %v: lists are not sorted here, and index 0 is used", order)
	}
	if got := te.do("AT+CMGR=0"); !strings.Contains(got, "+CMGR: 1,,") || !strings.Contains(got, "07914889200") {
		t.Errorf("+CMGR: %q", got)
	}
	te.do("AT+CMGD=0")
	if got := te.do("AT+CPMS?"); !strings.Contains(got, "\"SM\",3,30") {
		t.Errorf("after delete: %q", got)
	}
	te.do("AT+CMGF=1")
	if got := te.do("AT+CMGR=2"); !strings.Contains(got, "+CMGR: \"REC READ\",\"+84912345678\",,\"") || !strings.Contains(got, "\r\nabc\r\n") {
		t.Errorf("text mode: %q", got)
	}
	te.do("AT+CMGD=1;+CMGD=2")
	if got := te.do("AT+CPMS?"); !strings.Contains(got, "\"SM\",1,30") {
		t.Errorf("after two deletes on one line: %q", got)
	}
	te.do("AT+CMGD=1,4")
	if got := te.do("AT+CPMS?"); !strings.Contains(got, "\"SM\",0,30") {
		t.Errorf("after delete all: %q", got)
	}
}

func TestPromptCanBeCancelled(t *testing.T) {
	n := network(t)
	te := ready(t, n.SIM(kiosk))
	te.write("AT+CMGS=20\r")
	te.until("\r\n> ")
	// An indication waits until the prompt is over (+CNMI mode 2).
	if err := n.Phone(villager).Send(kiosk, "x"); err != nil {
		t.Fatal(err)
	}
	te.write("0011\x1b")
	if got := te.until("+CMTI: \"SM\",0\r\n"); !strings.HasPrefix(got, "\r\nOK\r\n") {
		t.Errorf("got %q", got)
	}
	if got := len(n.Truth()); got != 1 {
		t.Errorf("%d segments submitted, want the phone's only", got)
	}
	te.write("AT+CMGS=20\r")
	te.until("\r\n> ")
	te.write("0011\x1a")
	te.until("+CMS ERROR: 304\r\n")
}

func TestMuteModemSaysNothing(t *testing.T) {
	n := network(t)
	sim := n.SIM(kiosk)
	te := ready(t, sim)
	sim.SetMute(true)
	te.write("AT+CSQ\r")
	if err := n.Phone(villager).Send(kiosk, "x"); err != nil {
		t.Fatal(err)
	}
	if got := te.until("+CMTI: \"SM\",0\r\n"); strings.Contains(got, "CSQ") {
		t.Errorf("a mute modem answered: %q", got)
	}
	// A mute modem reads and forgets, so unmute only after it has read.
	for ctx := within(t); ; {
		changed, _ := n.Changed()
		n.mu.Lock()
		ignored := sim.ignored
		n.mu.Unlock()
		if ignored == len("AT+CSQ\r") {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the modem took %d bytes", ignored)
		case <-changed:
		}
	}
	sim.SetMute(false)
	if got := te.do("AT+CREG?"); !strings.HasPrefix(got, "\r\n+CREG:") {
		t.Errorf("got %q", got)
	}
}

func TestNoiseComesInsideAnswers(t *testing.T) {
	sim := network(t).SIM(kiosk)
	te := ready(t, sim)
	sim.SetNoise(true)
	got := te.do("AT+CREG?")
	if !strings.HasPrefix(got, noise[0]+"\r\n+CREG: 0,1\r\n"+noise[1]) {
		t.Errorf("got %q", got)
	}
}

func TestPacesChangeNoByte(t *testing.T) {
	for _, pace := range []Pace{Whole, Partial, Merged} {
		t.Run(string(pace), func(t *testing.T) {
			n := network(t)
			sim := n.SIM(kiosk)
			te := ready(t, sim)
			sim.SetPace(pace)
			if got := te.do("AT+CSQ"); got != "\r\n+CSQ: 20,99\r\n\r\nOK\r\n" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestRoutedMessageStaysUntilCNMA(t *testing.T) {
	n := network(t)
	te := ready(t, n.SIM(kiosk))
	te.do("AT+CSMS=1")
	te.do("AT+CNMI=2,2,0,1,0")
	for range 2 {
		if err := n.Phone(villager).Send(kiosk, "abc"); err != nil {
			t.Fatal(err)
		}
	}
	te.until("\r\n+CMT: ,")
	if got := n.Waiting(kiosk); got != 2 {
		t.Fatalf("%d wait, want both until +CNMA", got)
	}
	te.do("AT+CNMA")
	te.until("\r\n+CMT: ,")
	te.do("AT+CNMA")
	te.fails("AT+CNMA", "+CMS ERROR: 340")
	if got := n.Waiting(kiosk); got != 0 {
		t.Errorf("%d still wait", got)
	}

	// A client that routes, does not acknowledge and goes back to storing.
	if err := n.Phone(villager).Send(kiosk, "def"); err != nil {
		t.Fatal(err)
	}
	te.until("\r\n+CMT: ,")
	te.do("AT+CNMI=2,1,0,1,0")
	te.until("+CMTI: \"SM\",0\r\n")
}

func TestStatusReport(t *testing.T) {
	n := network(t)
	te := ready(t, n.SIM(kiosk))
	te.do("AT+CNMI=2,1,0,1,0")
	b := submits(t, villager, "x")[0]
	b[0] |= 0x20 // TP-SRR
	te.send(b)
	n.Phone(villager) // only now there is a receiver
	if got := te.until("+CDS: ") + te.until("\r\n") + te.until("\r\n"); !strings.Contains(got, "06000B914819325476F8") {
		t.Errorf("status report %q", got)
	}
}

func TestPIN(t *testing.T) {
	n := network(t)
	sim := n.SIM(kiosk)
	sim.SetPIN("1234")
	path, err := sim.OpenPTY("")
	if err != nil {
		t.Fatal(err)
	}
	te := open(t, path)
	te.until("+CPIN: SIM PIN\r\n")
	te.do("ATE0+CMEE=1")
	te.fails("AT+CMGF=0", "+CMS ERROR: 311")
	te.fails("AT+CPIN=\"9999\"", "+CME ERROR: 16")
	if got := sim.PINTries(); got != 2 {
		t.Errorf("%d tries left", got)
	}
	if err := n.Phone(villager).Send(kiosk, "x"); err != nil {
		t.Fatal(err)
	}
	te.do("AT+CREG=1")
	te.do("AT+CPIN=\"1234\"")
	te.until("\r\n+CREG: 1\r\n")
	te.until("+CMTI: \"SM\",0\r\n")
}

// A client that dies holding TIOCEXCL must not lock its successor out: on real
// hardware the last close ends exclusive use, but we hold the terminal open.
