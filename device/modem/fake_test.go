package modem

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/langnghe/langnghe/device/modem/pdu"
)

// fake is a modem of few words on a pseudo-terminal, for the dialects that the emulated network does not
// speak. A test changes single answers with say.
type fake struct {
	link   string
	master *os.File
	slave  *os.File

	mu      sync.Mutex
	slots   map[int]string // hexadecimal digits with the service centre's address
	say     func(f *fake, cmd string) (answer string, ok bool)
	heard   []string // commands, in order
	pdus    []string // messages that ended with Ctrl-Z
	waiting bool     // a prompt is open
	ended   chan struct{}
}

// newFake plugs a fake in. say may be nil; it is called with the lock held, with a command line or, after
// a prompt, with the message and its Ctrl-Z.
func newFake(t *testing.T, say func(f *fake, cmd string) (string, bool)) *fake {
	t.Helper()
	blocking, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	master, err := pollable(blocking)
	if err != nil {
		t.Fatal(err)
	}
	if err := raw(slave); err != nil {
		t.Fatal(err)
	}
	f := &fake{
		link: filepath.Join(t.TempDir(), "fake"), master: master, slave: slave,
		slots: map[int]string{}, say: say, ended: make(chan struct{}),
	}
	if err := os.Symlink(slave.Name(), f.link); err != nil {
		t.Fatal(err)
	}
	go f.serve()
	t.Cleanup(f.hangUp)
	return f
}

func pollable(f *os.File) (*os.File, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func raw(tty *os.File) error {
	t, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, t)
}

func (f *fake) hangUp() {
	_ = f.master.Close()
	<-f.ended
	_ = f.slave.Close()
}

func (f *fake) serve() {
	defer close(f.ended)
	buf := make([]byte, 4096)
	var line []byte
	for {
		n, err := f.master.Read(buf)
		if err != nil {
			return
		}
		f.mu.Lock()
		for _, c := range buf[:n] {
			switch {
			case c == 0x1b:
				f.waiting, line = false, line[:0]
			case c == 0x1a:
				f.waiting = false
				f.pdus = append(f.pdus, string(line))
				f.answer(string(line) + "\x1a")
				line = line[:0]
			case c == '\r' && !f.waiting:
				if len(line) > 0 {
					f.answer(string(line))
				}
				line = line[:0]
			case c != '\n':
				line = append(line, c)
			}
		}
		f.mu.Unlock()
	}
}

func (f *fake) answer(cmd string) {
	f.heard = append(f.heard, cmd)
	out, ok := "", false
	if f.say != nil {
		out, ok = f.say(f, cmd)
	}
	if !ok {
		out = f.usual(cmd)
	}
	if strings.HasPrefix(cmd, "AT+CMGS=") && strings.HasSuffix(strings.TrimRight(out, " "), ">") {
		f.waiting = true
	}
	_, _ = f.master.WriteString(out)
}

const done = "\r\nOK\r\n"

func (f *fake) usual(cmd string) string {
	switch cmd {
	case "AT+CPIN?":
		return "\r\n+CPIN: READY\r\n" + done
	case "AT+CREG?":
		return "\r\n+CREG: 0,1\r\n" + done
	case "AT+CSQ":
		return "\r\n+CSQ: 11,99\r\n" + done
	case "AT+CMEE?":
		return "\r\n+CMEE: 1\r\n" + done
	case "AT+CNMI=?":
		return "\r\n+CNMI: (0-2),(0,1,2),(0,2),(0-2),(0,1)\r\n" + done
	case "AT+CPMS=?":
		return "\r\n+CPMS: (\"SM\"),(\"SM\"),(\"SM\")\r\n" + done
	case "AT+CMGL=4":
		var b strings.Builder
		for i, digits := range f.slots {
			fmt.Fprintf(&b, "\r\n+CMGL: %d,1,,%d\r\n%s\r\n", i, tpduLen(digits), digits)
		}
		return b.String() + done
	}
	if n, ok := strings.CutPrefix(cmd, "AT+CMGR="); ok {
		i, _ := strconv.Atoi(n)
		if digits := f.slots[i]; digits != "" {
			return fmt.Sprintf("\r\n+CMGR: 1,,%d\r\n%s\r\n", tpduLen(digits), digits) + done
		}
		return "\r\n+CMS ERROR: 321\r\n"
	}
	if n, ok := strings.CutPrefix(cmd, "AT+CMGD="); ok {
		i, _ := strconv.Atoi(n)
		delete(f.slots, i)
		return done
	}
	switch {
	case strings.HasPrefix(cmd, "AT+CPMS="):
		return fmt.Sprintf("\r\n+CPMS: %d,10,%d,10,%d,10\r\n", len(f.slots), len(f.slots), len(f.slots)) + done
	case strings.HasPrefix(cmd, "AT+CMGS="):
		return "\r\n> "
	case strings.HasSuffix(cmd, "\x1a"):
		return "\r\n+CMGS: 7\r\n" + done
	case strings.HasSuffix(cmd, "?"), strings.HasPrefix(cmd, "AT+CPINR"), strings.HasPrefix(cmd, "AT+SPIC"), strings.HasPrefix(cmd, "AT+QPINC"):
		return "\r\nERROR\r\n"
	}
	return done
}

// put stores a message; speak says something unasked.
func (f *fake) put(i int, digits string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slots[i] = digits
}

func (f *fake) speak(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _ = f.master.WriteString(s)
}

func (f *fake) commands() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.heard)
}

func (f *fake) count(cmd string) int {
	n := 0
	for _, c := range f.commands() {
		if c == cmd {
			n++
		}
	}
	return n
}

func (f *fake) left() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.slots)
}

const smsc = "0791489802000302"

func tpduLen(digits string) int { return (len(digits) - len(smsc)) / 2 }

// stored gives a message as a modem prints it.
func stored(t *testing.T, text string) string {
	t.Helper()
	from, err := pdu.ParseAddress(villager)
	if err != nil {
		t.Fatal(err)
	}
	coding, data := pdu.EncodeText(text)
	b, err := pdu.EncodeDeliver(pdu.Deliver{From: from, Coding: coding, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return smsc + strings.ToUpper(hex.EncodeToString(b))
}
