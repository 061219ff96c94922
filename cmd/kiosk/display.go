package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// displayFor bounds how long the X server may take to answer.
const displayFor = 10 * time.Second

// checkDisplay asks the X server that DISPLAY names whether it would take us, and whether it has OpenGL: the toolkit panics
// where it would not, and waits for ever without a window where it has none. The error is one sentence with what to do next.
func checkDisplay(ctx context.Context) error {
	name := os.Getenv("DISPLAY")
	if name == "" {
		return errors.New("the screen has no display: DISPLAY is not set; start it from the graphical session, or set DISPLAY to the X server, such as :0")
	}
	host, number, err := parseDisplay(name)
	if err != nil {
		return fmt.Errorf("DISPLAY is %q, which is no display: set it to the X server, such as :0", name)
	}
	ctx, cancel := context.WithTimeout(ctx, displayFor)
	defer cancel()
	conn, err := dialDisplay(ctx, host, number)
	if err != nil {
		return fmt.Errorf("the display %s can't be reached: %w; start the X server (langnghe-xorg.service), or correct DISPLAY", name, err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("display %s: %w", name, err)
	}
	refusal, err := greet(conn, cookie(conn, number))
	if err != nil {
		return fmt.Errorf("what listens at the display %s does not answer as an X server: %w; correct DISPLAY", name, err)
	}
	if refusal != "" {
		return fmt.Errorf("the display %s refuses this program (%q); start it as the user of that session, or set XAUTHORITY to its file", name, refusal)
	}
	gl, err := hasGLX(conn)
	if err != nil {
		return fmt.Errorf("what listens at the display %s does not answer as an X server: %w; correct DISPLAY", name, err)
	}
	if !gl {
		return fmt.Errorf("the display %s has no OpenGL (the extension GLX), without which no window can be drawn; install Mesa's driver and don't switch GLX off", name)
	}
	return nil
}

// parseDisplay takes apart "[host]:number[.screen]" (X(7), DISPLAY NAMES). host is "" for this machine's socket.
func parseDisplay(name string) (host string, number int, err error) {
	colon := strings.LastIndexByte(name, ':')
	if colon < 0 {
		return "", 0, errors.New("no colon")
	}
	host = name[:colon]
	digits, _, _ := strings.Cut(name[colon+1:], ".")
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n > 65535-6000 {
		return "", 0, errors.New("no number")
	}
	if host == "unix" || strings.HasSuffix(host, "/unix") {
		host = ""
	}
	return strings.Trim(host, "[]"), int(n), nil
}

func dialDisplay(ctx context.Context, host string, number int) (net.Conn, error) {
	var d net.Dialer
	if host != "" {
		return d.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(6000+number)))
	}
	path := fmt.Sprintf("/tmp/.X11-unix/X%d", number)
	// A service with a network of its own reaches the file only, not the abstract name.
	if conn, err := d.DialContext(ctx, "unix", "@"+path); err == nil {
		return conn, nil
	}
	return d.DialContext(ctx, "unix", path)
}

const cookieName = "MIT-MAGIC-COOKIE-1"

// cookie finds what the X library would show the server at conn: the first fitting entry of the authority file (Xau(3)).
// nil: there is none, and the server decides by itself.
func cookie(conn net.Conn, number int) []byte {
	path := os.Getenv("XAUTHORITY")
	if path == "" {
		path = filepath.Join(os.Getenv("HOME"), ".Xauthority")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	defer clear(b)
	machine, _ := os.Hostname()
	remote, _ := conn.RemoteAddr().(*net.TCPAddr)
	for r := bytes.NewReader(b); ; {
		var family uint16
		if binary.Read(r, binary.BigEndian, &family) != nil {
			return nil
		}
		var fields [4][]byte // address, display number, name, data
		for i := range fields {
			var n uint16
			if binary.Read(r, binary.BigEndian, &n) != nil || int(n) > r.Len() {
				return nil
			}
			fields[i] = make([]byte, n)
			_, _ = io.ReadFull(r, fields[i]) // its length has been looked at
		}
		const internet, internet6, local, wild = 0, 6, 256, 65535
		fits := family == wild
		switch {
		case family == local && (remote == nil || remote.IP.IsLoopback()):
			fits = string(fields[0]) == machine
		case (family == internet || family == internet6) && remote != nil:
			fits = remote.IP.Equal(net.IP(fields[0]))
		}
		if n := string(fields[1]); fits && (n == "" || n == strconv.Itoa(number)) && string(fields[2]) == cookieName {
			return fields[3]
		}
	}
}

// greet sets up the connection (X Window System Protocol, chapter 8). refusal is the server's reason for not taking us.
func greet(conn net.Conn, cookie []byte) (refusal string, err error) {
	name := cookieName
	if cookie == nil {
		name = ""
	}
	hello := []byte{'l', 0}
	for _, n := range []int{11, 0, len(name), len(cookie), 0} {
		hello = binary.LittleEndian.AppendUint16(hello, uint16(n))
	}
	for _, field := range [][]byte{[]byte(name), cookie} {
		hello = append(append(hello, field...), make([]byte, -len(field)&3)...)
	}
	if _, err := conn.Write(hello); err != nil {
		return "", err
	}
	var head [8]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return "", err
	}
	rest := make([]byte, 4*int(binary.LittleEndian.Uint16(head[6:])))
	if _, err := io.ReadFull(conn, rest); err != nil {
		return "", err
	}
	switch head[0] {
	case 0: // Failed
		return strings.TrimSpace(string(rest[:min(int(head[1]), len(rest))])), nil
	case 1: // Success
		return "", nil
	case 2: // Authenticate
		return "it asks for more than a cookie", nil
	}
	return "", errors.New("unknown answer")
}

// hasGLX asks for the extension (QueryExtension, request 98).
func hasGLX(conn net.Conn) (bool, error) {
	if _, err := conn.Write([]byte{98, 0, 3, 0, 3, 0, 0, 0, 'G', 'L', 'X', 0}); err != nil {
		return false, err
	}
	var reply [32]byte
	for {
		if _, err := io.ReadFull(conn, reply[:]); err != nil {
			return false, err
		}
		switch reply[0] {
		case 0:
			return false, errors.New("it refuses a question")
		case 1:
			return reply[8] != 0, nil
		}
		// An event.
	}
}
