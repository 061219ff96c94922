package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// display is where the kiosk's window is: the person's own, or a virtual one.
type display struct {
	name string   // ":0"
	env  []string // what an X client needs in its environment
	fb   string   // the virtual display's frame buffer as a file; "" on a real one
	vnc  *process
	x    *process
}

// openDisplay takes the display that there is, or starts Xvfb. A check always has its own: it must own the pointer.
func openDisplay(ctx context.Context, dir string, own bool, size string) (*display, error) {
	if name := os.Getenv("DISPLAY"); name != "" && !own {
		return &display{name: name}, nil
	}
	auth := filepath.Join(dir, "xauthority")
	if err := writeXAuthority(auth); err != nil {
		return nil, err
	}
	out := newFirstLine()
	// -displayfd picks a free number and says it when the server is ready; nothing listens on TCP.
	x, err := startProcess(dir, "xvfb", out, nil, "Xvfb", "-displayfd", "1", "-screen", "0", size+"x24",
		"-nolisten", "tcp", "-auth", auth, "-fbdir", dir, "-s", "0")
	if err != nil {
		return nil, fmt.Errorf("%w; make setup-demo installs it", err)
	}
	n, err := out.await(ctx, x, 20*time.Second)
	if err != nil {
		return nil, err
	}
	d := &display{name: ":" + strings.TrimSpace(n), fb: filepath.Join(dir, "Xvfb_screen0"), x: x}
	d.env = []string{"DISPLAY=" + d.name, "XAUTHORITY=" + auth}
	return d, nil
}

// writeXAuthority makes a cookie that fits any display number (family "wild", Xau(3)), so that only who can read the
// file may connect.
func writeXAuthority(path string) error {
	cookie := make([]byte, 16)
	if _, err := rand.Read(cookie); err != nil {
		return err
	}
	field := func(b []byte, v string) []byte {
		return append(binary.BigEndian.AppendUint16(b, uint16(len(v))), v...)
	}
	b := binary.BigEndian.AppendUint16(nil, 0xffff)
	for _, v := range []string{"", "", "MIT-MAGIC-COOKIE-1", string(cookie)} {
		b = field(b, v)
	}
	return os.WriteFile(path, b, 0o600)
}

// share serves the virtual display on a Unix socket that only this user can reach.
func (d *display) share(dir string) (socket string, err error) {
	socket = filepath.Join(dir, "vnc.sock")
	_ = os.Remove(socket)
	// No port at all: "-rfbport 0" switches off IPv4 only, and without "-rfbportv6 0" x11vnc opens 5900 to all of IPv6.
	d.vnc, err = startProcess(dir, "x11vnc", nil, d.env, "x11vnc", "-display", d.name, "-unixsock", socket, "-rfbport", "0",
		"-rfbportv6", "0", "-localhost", "-no6", "-noipv6", "-forever", "-shared", "-nopw", "-quiet", "-noxdamage", "-cursor", "arrow")
	if err != nil {
		return "", fmt.Errorf("%w; make setup-demo installs it", err)
	}
	return socket, nil
}

// tap is a finger: the pointer goes there, the button goes down and up.
func (d *display) tap(ctx context.Context, p image.Point) error {
	cmd := exec.CommandContext(ctx, "xdotool", "mousemove", fmt.Sprint(p.X), fmt.Sprint(p.Y), "mousedown", "1", "mouseup", "1")
	cmd.Env = append(os.Environ(), d.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("xdotool: %w: %s", err, out)
	}
	return nil
}

// picture reads the virtual display's frame buffer, which Xvfb keeps as an XWD file (X11/XWDFile.h, version 7).
func (d *display) picture() (*image.RGBA, error) {
	b, err := os.ReadFile(d.fb)
	if err != nil {
		return nil, err
	}
	if len(b) < 100 {
		return nil, fmt.Errorf("frame buffer of %d bytes", len(b))
	}
	at := func(i int) int { return int(binary.BigEndian.Uint32(b[4*i:])) }
	header, width, height, bpp, stride, colours := at(0), at(4), at(5), at(11), at(12), at(19)
	start := header + 12*colours
	if at(1) != 7 || bpp != 32 || len(b) < start+stride*height {
		return nil, fmt.Errorf("frame buffer of an unknown form")
	}
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		row := b[start+y*stride:]
		for x := range width {
			img.SetRGBA(x, y, color.RGBA{row[4*x+2], row[4*x+1], row[4*x], 255})
		}
	}
	return img, nil
}

func (d *display) stop() {
	if d.vnc != nil {
		d.vnc.terminate(3 * time.Second)
	}
	if d.x != nil {
		d.x.terminate(3 * time.Second)
	}
}

func writePNG(path string, img image.Image) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := png.Encode(f, img); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
