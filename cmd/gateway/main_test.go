package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// command runs one command line to its end.
func command(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, streams{strings.NewReader(stdin), &o, &e})
	return code, o.String(), e.String()
}

func TestCommandsMakeAGatewayAndAKiosk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gw")
	config := filepath.Join(dir, "gateway.toml")
	for _, c := range []struct {
		stdin string
		args  []string
		code  int
		says  string
	}{
		{"", []string{"init", "-dir", dir, "-host", "localhost, 127.0.0.1", "-mqtt", "127.0.0.1:0", "-console", "127.0.0.1:0"}, 0, "intake.identity"},
		{"", []string{"init", "-dir", dir, "-host", "localhost"}, 1, "is not empty"},
		{"", []string{"officer", "add", "-config", config, "-user", "hoa", "-scope", "national"}, 0, "shown this once"},
		{"mot mat khau dai\n", []string{"officer", "add", "-config", config, "-user", "lan", "-scope", "province:79", "-password-stdin"}, 0, "lan may log in"},
		{"", []string{"officer", "add", "-config", config, "-user", "an", "-scope", "national", "-password-stdin"}, 1, "holds no password"},
		{"", []string{"officer", "remove"}, 2, "gateway officer add"},
		{"", []string{"enrol", "-config", config, "-out", filepath.Join(dir, "k1"), "-place", "Trường", "-commune", "26734", "-broker", "localhost:8883"}, 0, "d000001 is enrolled"},
		{"", []string{"enrol", "-config", config, "-out", filepath.Join(dir, "k2"), "-place", "Trường", "-commune", "99999999999", "-broker", "a:1"}, 1, "-commune"},
		{"", []string{"enrol", "-config", config, "-out", filepath.Join(dir, "k3"), "-place", "Trường", "-commune", "26734", "-broker", "gw.example.vn:8883"}, 0, "certificate " + filepath.Join(dir, "server.crt") + " is for localhost, 127.0.0.1 only"},
		{"", []string{"enrol", "-config", config, "place"}, 2, "is no flag"},
		{"", []string{"renew", "-config", config, "-server"}, 0, "Restart the gateway"},
		{"", []string{"renew", "-config", config, "-device", "d000001", "-out", filepath.Join(dir, "r1")}, 0, "The kiosk needs no restart"},
		{"", []string{"renew", "-config", config, "-device", "d000009", "-out", filepath.Join(dir, "r2")}, 1, "is not enrolled here"},
		{"", []string{"renew", "-config", config}, 2, "either -server or -device"},
		{"", []string{"renew", "-config", config, "-device", "d000001"}, 2, "-out goes with -device"},
		{"", []string{"serve", "-config", filepath.Join(dir, "absent.toml")}, 1, "gateway init"},
		{"", []string{"serve", "-nonsense"}, 2, "-nonsense"},
		{"", []string{"dance"}, 2, "no command"},
		{"", nil, 2, "gateway serve"},
		{"", []string{"help"}, 0, "gateway serve"},
		{"", []string{"enrol", "-h"}, 0, "-gateway-msisdn"},
	} {
		code, out, errs := command(t, c.stdin, c.args...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("gateway %s: exit %d, want %d; said %q, want %q", strings.Join(c.args, " "), code, c.code, out+errs, c.says)
		}
		if code == 1 && strings.Count(strings.TrimSpace(errs), "\n") > 0 {
			t.Errorf("gateway %s: more than one sentence: %q", strings.Join(c.args, " "), errs)
		}
	}
}

func TestServeStopsAtASignal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gw")
	if code, _, errs := command(t, "", "init", "-dir", dir, "-host", "localhost", "-mqtt", "127.0.0.1:0", "-console", "127.0.0.1:0"); code != 0 {
		t.Fatal(errs)
	}
	ctx, stop := context.WithCancel(t.Context())
	up := &waiter{want: "the gateway is up", found: stop}
	code := run(ctx, []string{"serve", "-config", filepath.Join(dir, "gateway.toml")}, streams{strings.NewReader(""), up, up})
	if code != 0 || !strings.Contains(up.String(), "has stopped") {
		t.Errorf("exit %d: %s", code, up.String())
	}
	// Whoever waits for this line, a person or a script, may then send.
	if _, before, _ := strings.Cut(up.String(), "MQTT is open"); !strings.Contains(before, "the gateway is up") {
		t.Errorf("it says to be up before MQTT is: %s", up.String())
	}
}
