package modemtest

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
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
