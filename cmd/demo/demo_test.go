package main

import (
	"context"
	"encoding/binary"
	"errors"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSetTOML(t *testing.T) {
	const text = "# head\n[relay]\n  sms_after = \"20s\"\n\n[screen]\nsize = \"x\"\n"
	for name, c := range map[string]struct{ table, key, value, want string }{
		"a key that is there":      {"relay", "sms_after", `"3s"`, "# head\n[relay]\nsms_after = \"3s\"\n\n[screen]\nsize = \"x\"\n"},
		"a new key":                {"relay", "patience", `"1m"`, "# head\n[relay]\npatience = \"1m\"\n  sms_after = \"20s\"\n\n[screen]\nsize = \"x\"\n"},
		"a new table":              {"health", "every", `"5s"`, text + "\n[health]\nevery = \"5s\"\n"},
		"a key of another table":   {"screen", "sms_after", `"3s"`, strings.Replace(text, "[screen]\n", "[screen]\nsms_after = \"3s\"\n", 1)},
		"the end of another's key": {"screen", "ize", "1", strings.Replace(text, "[screen]\n", "[screen]\nize = 1\n", 1)},
	} {
		if got := setTOML(text, c.table, c.key, c.value); got != c.want {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func TestBenchLine(t *testing.T) {
	m := benchLine.FindStringSubmatch("BenchmarkSubmit/device-2         \t    3244\t    371606 ns/op\t         0.3222 p50-ms")
	if m == nil || m[1] != "Submit/device" || !strings.HasPrefix(m[2], "371606 ns/op") {
		t.Errorf("%q", m)
	}
	if benchLine.MatchString("ok  	github.com/langnghe/langnghe/cmd	6.1s") {
		t.Error("a line that is none")
	}
	figures := []figure{{"Submit/bare", map[string]float64{"p50-ms": 2}}, {"Submit/device", map[string]float64{"p50-ms": 4}}}
	if v, ok := peerValue(figures, "Submit", "p50-ms"); !ok || v != 2 {
		t.Errorf("peer %v, %v", v, ok)
	}
	if _, ok := peerValue(figures, "Ack", "p50-ms"); ok {
		t.Error("a peer for what has none")
	}
}

// TestPicture reads a frame buffer of two pixels in Xvfb's form, and refuses what is none.
func TestPicture(t *testing.T) {
	header := make([]uint32, 25)
	header[0], header[1], header[4], header[5], header[11], header[12] = 100, 7, 2, 1, 32, 8
	var b []byte
	for _, v := range header {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	b = append(b, 3, 2, 1, 0, 30, 20, 10, 0)
	d := &display{fb: filepath.Join(t.TempDir(), "fb")}
	if err := os.WriteFile(d.fb, b, 0o600); err != nil {
		t.Fatal(err)
	}
	img, err := d.picture()
	if err != nil {
		t.Fatal(err)
	}
	if img.RGBAAt(0, 0) != (color.RGBA{1, 2, 3, 255}) || img.RGBAAt(1, 0) != (color.RGBA{10, 20, 30, 255}) {
		t.Errorf("%v %v", img.RGBAAt(0, 0), img.RGBAAt(1, 0))
	}
	for _, bad := range [][]byte{nil, b[:50], b[:len(b)-1]} {
		if err := os.WriteFile(d.fb, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := d.picture(); err == nil {
			t.Errorf("%d bytes pass for a frame buffer", len(bad))
		}
	}
}

func TestPollSaysWhatItWaitedFor(t *testing.T) {
	err := poll(t.Context(), "godot", 0, func() (bool, error) { return false, nil })
	if err == nil || !strings.Contains(err.Error(), "godot") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := poll(ctx, "x", time.Hour, func() (bool, error) { return false, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
