package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// xserver answers one client as an X server would, after it has read its greeting, and gives the name of its display.
func xserver(t *testing.T, answer func(conn net.Conn, cookie string)) (display string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var head [12]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			t.Error(err)
			return
		}
		name, data := int(binary.LittleEndian.Uint16(head[6:])), int(binary.LittleEndian.Uint16(head[8:]))
		rest := make([]byte, (name+3)&^3+(data+3)&^3)
		if _, err := io.ReadFull(conn, rest); err != nil {
			t.Error(err)
			return
		}
		answer(conn, string(rest[(name+3)&^3:][:data]))
	}()
	return fmt.Sprintf("127.0.0.1:%d", l.Addr().(*net.TCPAddr).Port-6000)
}

func takes(glx byte) func(net.Conn, string) {
	return func(conn net.Conn, _ string) {
		_, _ = conn.Write([]byte{1, 0, 11, 0, 0, 0, 1, 0, 0, 0, 0, 0})
		_, _ = io.ReadFull(conn, make([]byte, 12))
		event, reply := make([]byte, 32), make([]byte, 32)
		event[0], reply[0], reply[8] = 34, 1, glx
		_, _ = conn.Write(append(event, reply...))
	}
}

// Whatever is wrong with the display, a technician reads one sentence: what, where, what next.
func TestDisplayThatCannotBeUsedIsOneSentence(t *testing.T) {
	for name, c := range map[string]struct {
		display string
		server  func(net.Conn, string)
		want    []string // nil: it can be used
	}{
		"none":       {display: "", want: []string{"DISPLAY is not set", "set DISPLAY"}},
		"no display": {display: "nonsense", want: []string{`"nonsense"`, "set it to"}},
		"too high":   {display: ":99999", want: []string{`":99999"`, "set it to"}},
		"nobody":     {display: ":4711", want: []string{":4711 can't be reached", "start the X server"}},
		"takes us":   {server: takes(1)},
		"without GL": {server: takes(0), want: []string{"no OpenGL", "install"}},
		"refuses": {server: func(conn net.Conn, _ string) {
			_, _ = conn.Write([]byte("\x00\x05\x0b\x00\x00\x00\x02\x00No ok\x00\x00\x00"))
		}, want: []string{`refuses this program ("No ok")`, "XAUTHORITY"}},
		"no X server": {server: func(conn net.Conn, _ string) { _, _ = conn.Write([]byte("HTTP/1.1")) },
			want: []string{"does not answer as an X server", "correct DISPLAY"}},
		"hangs up": {server: func(net.Conn, string) {}, want: []string{"does not answer as an X server"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.server != nil {
				c.display = xserver(t, c.server)
			}
			t.Setenv("DISPLAY", c.display)
			t.Setenv("XAUTHORITY", "")
			err := checkDisplay(t.Context())
			if c.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
					t.Fatalf("%v, which does not say %q", err, want)
				}
			}
		})
	}
}

func TestFittingCookieIsShown(t *testing.T) {
	shown := make(chan string, 1)
	display := xserver(t, func(conn net.Conn, cookie string) { shown <- cookie; takes(1)(conn, "") })
	_, number, err := parseDisplay(display)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, e := range []struct {
		family          uint16
		address, number string
		name, data      string
	}{
		{65535, "", "9999", cookieName, "of another display"},
		{0, "\x0a\x00\x00\x01", "", cookieName, "of another machine"},
		{256, "elsewhere.invalid", "", cookieName, "of another name"},
		{65535, "", "", "XDM-AUTHORIZATION-1", "of another kind"},
		{65535, "", fmt.Sprint(number), cookieName, "fits"},
		{65535, "", "", cookieName, "fits too"},
	} {
		b = binary.BigEndian.AppendUint16(b, e.family)
		for _, f := range []string{e.address, e.number, e.name, e.data} {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(f))), f...)
		}
	}
	path := filepath.Join(t.TempDir(), "auth")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DISPLAY", display)
	t.Setenv("XAUTHORITY", path)
	if err := checkDisplay(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-shown; got != "fits" {
		t.Errorf("shown is %q", got)
	}
	// A file that is cut short anywhere is as good as none.
	for n := range b {
		if err := os.WriteFile(path, b[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		conn, other := net.Pipe()
		if got := cookie(conn, number); got != nil && string(got) != "fits" {
			t.Errorf("cut at %d: %q", n, got)
		}
		conn.Close()
		other.Close()
	}
}
