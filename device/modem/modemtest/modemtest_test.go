package modemtest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	kiosk    = "+84900000001"
	gateway  = "+84900000002"
	villager = "+84912345678"
)

// terminal is a person at a terminal program: types, and reads what comes.
type terminal struct {
	t   *testing.T
	f   *os.File
	got string
}

func network(t *testing.T) *Network {
	t.Helper()
	n := New(Options{})
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close the network: %v", err)
		}
	})
	return n
}

// plugged opens the modem of a SIM and reads its banner.
func plugged(t *testing.T, s *SIM) *terminal {
	t.Helper()
	path, err := s.OpenPTY("")
	if err != nil {
		t.Fatal(err)
	}
	te := open(t, path)
	te.until("PB DONE\r\n")
	return te
}

// ready is plugged with echo off and PDU mode.
func ready(t *testing.T, s *SIM) *terminal {
	t.Helper()
	te := plugged(t, s)
	te.do("ATE0")
	te.do("AT+CMGF=0")
	return te
}

func open(t *testing.T, path string) *terminal {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &terminal{t: t, f: f}
}

func (te *terminal) write(s string) {
	te.t.Helper()
	if _, err := te.f.WriteString(s); err != nil {
		te.t.Fatalf("write: %v", err)
	}
}

// until reads up to and including want and returns all of it.
func (te *terminal) until(want string) string {
	te.t.Helper()
	if err := te.f.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		te.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		if i := strings.Index(te.got, want); i >= 0 {
			out := te.got[:i+len(want)]
			te.got = te.got[i+len(want):]
			return out
		}
		n, err := te.f.Read(buf)
		if err != nil {
			te.t.Fatalf("waiting for %q, have %q: %v", want, te.got, err)
		}
		te.got += string(buf[:n])
	}
}

// do sends a command that ends in OK and returns what came before.
func (te *terminal) do(command string) string {
	te.t.Helper()
	te.write(command + "\r")
	return te.until("\r\nOK\r\n")
}

// fails sends a command that ends in this error.
func (te *terminal) fails(command, want string) {
	te.t.Helper()
	te.write(command + "\r")
	if got := te.until("ERROR"); strings.Contains(got, "\r\nOK\r\n") {
		te.t.Fatalf("%s succeeded: %q", command, got)
	} else if rest := te.until("\r\n"); !strings.HasSuffix(strings.TrimSpace(got+rest), want) {
		te.t.Fatalf("%s: got %q, want %q", command, got+rest, want)
	}
}

// send submits a TPDU in PDU mode and returns the modem's answer.
func (te *terminal) send(tpdu []byte) string {
	te.t.Helper()
	te.write(fmt.Sprintf("AT+CMGS=%d\r", len(tpdu)))
	te.until("\r\n> ")
	te.write("00" + strings.ToUpper(hex.EncodeToString(tpdu)) + "\x1a")
	return te.until("\r\n") + te.until("\r\n")
}

// submits encodes a text as a handset would.
func submits(t *testing.T, to, text string) [][]byte {
	t.Helper()
	out, err := encodeText(Normalise(to), text, new(reference))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

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

func TestBothWaysBetweenPhoneAndSIM(t *testing.T) {
	for name, text := range map[string]string{
		"7-bit":             "Hello @ home",
		"7-bit long":        strings.Repeat("Toi can giup do. ", 20) + "@",
		"Vietnamese":        "Cháu sợ lắm, cứu cháu với",
		"Vietnamese long":   strings.Repeat("Ở xóm Đồng Nà có chuyện. ", 9),
		"emoji over border": strings.Repeat("a", 66) + "ẫ" + strings.Repeat("😀", 40),
		"empty":             "",
	} {
		t.Run(name, func(t *testing.T) {
			n := network(t)
			sim, phone := n.SIM(gateway), n.Phone(villager)
			te := ready(t, sim)
			for _, b := range submits(t, "0912345678", text) {
				if got := te.send(b); !strings.Contains(got, "+CMGS: ") {
					t.Fatalf("answer %q", got)
				}
				te.until("\r\nOK\r\n")
			}
			inbox, err := phone.Wait(within(t), 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(inbox) != 1 || inbox[0].Text != text || inbox[0].From != gateway {
				t.Errorf("inbox %+v, want %q", inbox, text)
			}

			if err := phone.Send(gateway, text); err != nil {
				t.Fatal(err)
			}
			other := n.Phone("+84988888888")
			for i := range Segments(text) {
				te.until(fmt.Sprintf("+CMTI: \"SM\",%d\r\n", i))
			}
			if got := len(sim.Stored()); got != Segments(text) {
				t.Fatalf("%d stored, want %d", got, Segments(text))
			}
			// What lies on the SIM reads the same on a second phone.
			for _, b := range sim.Stored() {
				n.InjectTPDU(other.Number(), b)
			}
			if inbox = other.Inbox(); len(inbox) != 1 || inbox[0].Text != text || inbox[0].From != villager {
				t.Errorf("stored %+v, want %q", inbox, text)
			}
		})
	}
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
	te.do("AT+CMGD=1,4")
	if got := te.do("AT+CPMS?"); !strings.Contains(got, "\"SM\",0,30") {
		t.Errorf("after delete all: %q", got)
	}
}

func TestFullStorageLosesNothing(t *testing.T) {
	n := network(t)
	sim := n.SIM(kiosk)
	te := ready(t, sim)
	for i := range 33 {
		if err := n.Phone(villager).Send(kiosk, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := n.Waiting(kiosk); got != 3 {
		t.Fatalf("%d wait at the service centre, want 3", got)
	}
	te.do("AT+CMGD=7")
	te.until("+CMTI: \"SM\",7\r\n")
	te.do("AT+CMGD=1,4")
	if got := n.Waiting(kiosk); got != 0 {
		t.Errorf("%d still wait", got)
	}
	for _, s := range n.Truth() {
		if len(s.Delivered) != 1 {
			t.Errorf("segment %d delivered %d times", s.ID, len(s.Delivered))
		}
	}
}

func TestNetworkKeepsMessagesWhileGSMIsOff(t *testing.T) {
	n := network(t)
	sim := n.SIM(kiosk)
	te := ready(t, sim)
	te.do("AT+CEREG=1")
	sim.SetGSM(false)
	te.until("\r\n+CEREG: 2\r\n")
	if got := te.do("AT+CSQ"); !strings.Contains(got, "99,99") {
		t.Errorf("signal: %q", got)
	}
	if err := n.Phone(villager).Send(kiosk, "mot"); err != nil {
		t.Fatal(err)
	}
	if got := te.send(submits(t, villager, "hai")[0]); !strings.Contains(got, "+CMS ERROR: 331") {
		t.Errorf("send without network: %q", got)
	}
	if n.Waiting(kiosk) != 1 || len(n.Truth()) != 1 {
		t.Errorf("waiting %d, submitted %d", n.Waiting(kiosk), len(n.Truth()))
	}
	sim.SetGSM(true)
	te.until("\r\n+CEREG: 1\r\n")
	te.until("+CMTI: \"SM\",0\r\n")
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

func TestDroppedReplyIsStillASend(t *testing.T) {
	n := network(t)
	sim := n.SIM(kiosk)
	te := ready(t, sim)
	sim.SetDropReply(true)
	b := submits(t, villager, "x")[0]
	te.write(fmt.Sprintf("AT+CMGS=%d\r", len(b)))
	te.until("\r\n> ")
	te.write("00" + hex.EncodeToString(b) + "\x1a")
	if _, err := n.Phone(villager).Wait(within(t), 1); err != nil {
		t.Fatal(err)
	}
	if got := te.do("AT+CSQ"); strings.Contains(got, "CMGS") {
		t.Errorf("the reply came: %q", got)
	}
	if s := n.Truth()[0]; s.Replied || len(s.Delivered) != 1 {
		t.Errorf("truth %+v", s)
	}
	sim.SetDropReply(false)
	te.send(b)
	if s := n.Truth()[1]; !s.Replied {
		t.Errorf("truth %+v", s)
	}
}

func TestSendErrorLeavesNothing(t *testing.T) {
	n := network(t)
	sim := n.SIM(kiosk)
	te := ready(t, sim)
	sim.SetSendError(38)
	if got := te.send(submits(t, villager, "x")[0]); !strings.Contains(got, "+CMS ERROR: 38") {
		t.Errorf("got %q", got)
	}
	if len(n.Truth()) != 0 {
		t.Error("a refused message was submitted")
	}
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

func TestReorderDuplicateDelay(t *testing.T) {
	n := network(t)
	phone := n.Phone(villager)
	n.SetReorder(true)
	n.SetDuplicate(true)
	n.SetDelay(time.Millisecond)
	long := strings.Repeat("Ngày mai. ", 15)
	if err := n.Phone("0977000111").Send(villager, long); err != nil {
		t.Fatal(err)
	}
	inbox, err := phone.Wait(within(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	if inbox[0].Text != long {
		t.Errorf("joined %q", inbox[0].Text)
	}
	for _, s := range n.Truth() {
		if len(s.Delivered) != 2 {
			t.Errorf("segment %d delivered %d times, want 2", s.ID, len(s.Delivered))
		}
	}
}

func TestSegmentsReallyArriveReversed(t *testing.T) {
	for name, send := range map[string]func(*Network, string) error{
		"network": func(n *Network, s string) error {
			n.SetReorder(true)
			return n.Phone(villager).Send(kiosk, s)
		},
		"phone": func(n *Network, s string) error { return n.Phone(villager).SendReordered(kiosk, s) },
	} {
		t.Run(name, func(t *testing.T) {
			n := network(t)
			sim := n.SIM(kiosk)
			plugged(t, sim)
			if err := send(n, strings.Repeat("ắ", 150)); err != nil {
				t.Fatal(err)
			}
			var seqs []uint8
			for _, b := range sim.Stored() {
				_, c, err := parseDeliver(b)
				if err != nil {
					t.Fatal(err)
				}
				k, _ := c.concat()
				seqs = append(seqs, k.seq)
			}
			if fmt.Sprint(seqs) != "[3 2 1]" {
				t.Errorf("arrived as %v", seqs)
			}
		})
	}
}

func TestInjectedBytesArriveAsTheyAre(t *testing.T) {
	n := network(t)
	sim := n.SIM(gateway)
	plugged(t, sim)
	small, large := []byte{0, 1, 0xFF, 0x1A}, make([]byte, 300)
	n.Inject(villager, gateway, small)
	n.Inject("VIETTEL", gateway, large)
	n.InjectTPDU(gateway, []byte{0x04, 0xFF})
	truth := n.Truth()
	if len(truth) != 5 || len(sim.Stored()) != 5 {
		t.Fatalf("%d in truth, %d stored, want 5", len(truth), len(sim.Stored()))
	}
	if s := truth[0]; s.Coding != Binary || string(s.Data) != string(small) || s.From != villager || !s.Injected {
		t.Errorf("truth %+v", s)
	}
	if got := len(truth[1].Data) + len(truth[2].Data) + len(truth[3].Data); got != 300 {
		t.Errorf("%d octets in three segments", got)
	}
	from, _, err := parseDeliver(sim.Stored()[1])
	if err != nil || from != "VIETTEL" {
		t.Errorf("from %q, %v", from, err)
	}
	if got := hex.EncodeToString(sim.Stored()[4]); got != "04ff" {
		t.Errorf("raw TPDU became %s", got)
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

func TestHangUpAndReturnUnderTheSameLink(t *testing.T) {
	n := network(t)
	sim := n.SIM(kiosk)
	link := filepath.Join(t.TempDir(), "modem")
	if _, err := sim.OpenPTY(link); err != nil {
		t.Fatal(err)
	}
	te := open(t, link)
	te.do("ATE0+CMGF=0")
	if err := sim.HangUp(); err != nil {
		t.Fatal(err)
	}
	if _, err := te.f.WriteString("AT\r"); err == nil {
		t.Error("a write to a terminal that hung up succeeded")
	}
	if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the link is still there: %v", err)
	}
	if err := n.Phone(villager).Send(kiosk, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := sim.Replug(); err != nil {
		t.Fatal(err)
	}
	te = open(t, link)
	te.until("+CMTI: \"SM\",0\r\n") // kept by the network meanwhile
	if got := te.do("AT+CMGF?"); !strings.HasPrefix(got, "AT+CMGF?\r\r\n+CMGF: 1") {
		t.Errorf("settings outlived the unplugging: %q", got)
	}
}

// A client that dies holding TIOCEXCL must not lock its successor out: on real
// hardware the last close ends exclusive use, but we hold the terminal open.
func TestExclusiveUseEndsWithItsOwner(t *testing.T) {
	sim := network(t).SIM(kiosk)
	path, err := sim.OpenPTY("")
	if err != nil {
		t.Fatal(err)
	}
	te := open(t, path)
	te.until("PB DONE\r\n")
	if err := unix.IoctlSetInt(int(te.f.Fd()), unix.TIOCEXCL, 0); err != nil {
		t.Fatal(err)
	}
	if !exclusive(t, sim.port.slave) {
		t.Fatal("TIOCEXCL had no effect")
	}
	te.f.Close()
	for ctx := within(t); exclusive(t, sim.port.slave); {
		if ctx.Err() != nil {
			t.Fatal("the terminal is still exclusive")
		}
	}
}

func exclusive(t *testing.T, f *os.File) bool {
	t.Helper()
	v, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGEXCL)
	if err != nil {
		t.Fatal(err)
	}
	return v != 0
}

func TestLinkNeverReplacesAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := network(t).SIM(kiosk).OpenPTY(file); err == nil {
		t.Error("a file was replaced by a link")
	}
}

func TestCloseEndsEverything(t *testing.T) {
	n := New(Options{})
	sim := n.SIM(kiosk)
	te := plugged(t, sim)
	n.SetDelay(time.Hour)
	if err := n.Phone(villager).Send(kiosk, "x"); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := te.f.WriteString("AT\r"); err == nil {
		t.Error("the terminal still lives")
	}
	if _, err := sim.OpenPTY(""); !errors.Is(err, ErrClosed) {
		t.Errorf("open after close: %v", err)
	}
	if err := n.Phone(villager).Send(kiosk, "x"); !errors.Is(err, ErrClosed) {
		t.Errorf("send after close: %v", err)
	}
}

func TestNormalise(t *testing.T) {
	for in, want := range map[string]string{
		"0912345678": "+84912345678", "+84912345678": "+84912345678", "84912345678": "+84912345678",
		"0084 912 345 678": "+84912345678", "111": "111", "18001567": "18001567", "VIETTEL": "VIETTEL", "": "",
	} {
		if got := Normalise(in); got != want {
			t.Errorf("Normalise(%q) = %q, want %q", in, got, want)
		}
	}
}
