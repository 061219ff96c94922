package modemtest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

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

// Many phones write while the SIM is emptied and its modem falls off the bus:
// every segment arrives once, whatever the order of things.
func TestNothingIsLostOrDoubledInACrowd(t *testing.T) {
	n := New(Options{SlotsSM: 4})
	defer n.Close()
	sim := n.SIM(kiosk)
	te := ready(t, sim)
	var senders sync.WaitGroup
	for i := range 5 {
		senders.Go(func() {
			p := n.Phone(fmt.Sprintf("+8491000000%d", i))
			for range 20 {
				if err := p.Send(kiosk, strings.Repeat("ắ", 100)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	got := 0
	for round := 0; got < 200; round++ {
		for line := range strings.Lines(te.do("AT+CMGL=4")) {
			var i, stat, length int
			if _, err := fmt.Sscanf(line, "+CMGL: %d,%d,,%d", &i, &stat, &length); err == nil {
				te.do(fmt.Sprintf("AT+CMGD=%d", i))
				got++
			}
		}
		if round%20 == 19 {
			if err := sim.HangUp(); err != nil {
				t.Fatal(err)
			}
			te = ready(t, sim)
		}
	}
	senders.Wait()
	for _, s := range n.Truth() {
		if len(s.Delivered) != 1 {
			t.Errorf("segment %d delivered %d times", s.ID, len(s.Delivered))
		}
	}
	if len(n.Truth()) != 200 || len(sim.Stored()) != 0 {
		t.Errorf("%d segments submitted, %d left on the SIM", len(n.Truth()), len(sim.Stored()))
	}
}

// BenchmarkSubmit is the ceiling of the emulator: one segment from +CMGS to OK
// over the terminal, with a radio that takes no time.
func BenchmarkSubmit(b *testing.B) {
	n := New(Options{})
	defer n.Close()
	path, err := n.SIM(kiosk).OpenPTY("")
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	pdus, err := encodeText(villager, strings.Repeat("ắ", 70), new(reference))
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 4096)
	say := func(s, want string) {
		if _, err := f.WriteString(s); err != nil {
			b.Fatal(err)
		}
		for got := ""; !strings.Contains(got, want); {
			k, err := f.Read(buf)
			if err != nil {
				b.Fatal(err)
			}
			got += string(buf[:k])
		}
	}
	say("ATE0+CMGF=0\r", "OK\r\n")
	say("AT\r", "OK\r\n")
	for b.Loop() {
		say(fmt.Sprintf("AT+CMGS=%d\r", len(pdus[0])), "> ")
		say("00"+hex.EncodeToString(pdus[0])+"\x1a", "OK\r\n")
	}
}
