package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The numbers of the emulated network.
const (
	kioskMSISDN   = "+84900000101"
	gatewayMSISDN = "+84900000111"
)

// system is everything that runs: each program a process, as in the field.
type system struct {
	dir     string // data, bundles, logs; mode 0700
	lock    *os.File
	bin     string // our programs
	keep    bool
	driven  bool // a check or a measurement: own display, quick timings
	size    string
	ports   ports
	officer login
	panel   *panel
	screen  *display
	viewer  *viewer
	modems  *process
	gateway *process
	device  *process
	window  *process
}

// ports stay the same for a data folder: certificates and configurations name them.
type ports struct {
	MQTT     int `json:"mqtt"`
	Console  int `json:"console"`
	Internet int `json:"internet"`
}

type login struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

func newSystem(dir string, keep, driven bool, size string) (*system, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &system{dir: dir, bin: filepath.Dir(self), keep: keep, driven: driven, size: size}
	// One demo at a time in a folder, asked before anything of the other one's is deleted.
	if err := s.lockFolder(); err != nil {
		return nil, err
	}
	if !keep {
		if err := os.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("clear the last run's data: %w", err)
		}
	}
	for _, d := range []string{dir, filepath.Join(dir, "log")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	return s, s.loadRun()
}

// lockFolder takes the lock beside the folder; it is let go when the process ends.
func (s *system) lockFolder() error {
	if err := os.MkdirAll(filepath.Dir(s.dir), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(s.dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("a demo already runs in %s: stop it with Ctrl-C there, or use another folder with -dir", s.dir)
	}
	s.lock = f
	return nil
}

// loadRun takes the ports and the login of the kept run, or makes new ones.
func (s *system) loadRun() error {
	path := filepath.Join(s.dir, "run.json")
	var kept struct {
		Ports ports `json:"ports"`
		Login login `json:"login"`
	}
	if b, err := os.ReadFile(path); err == nil && json.Unmarshal(b, &kept) == nil {
		s.ports, s.officer = kept.Ports, kept.Login
		return nil
	}
	for _, p := range []*int{&s.ports.MQTT, &s.ports.Console, &s.ports.Internet} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		*p = l.Addr().(*net.TCPAddr).Port
	}
	s.officer = login{User: "canbo", Password: newToken()[:16]}
	kept.Ports, kept.Login = s.ports, s.officer
	b, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func (s *system) program(name string) string { return filepath.Join(s.bin, name) }

func (s *system) gatewayConfig() string { return filepath.Join(s.dir, "gateway", "gateway.toml") }

func (s *system) kioskConfig() string { return filepath.Join(s.dir, "kiosk", "kiosk.toml") }

func (s *system) outboxFile() string { return filepath.Join(s.dir, "kiosk", "state", "outbox.db") }

// start brings up the network, the gateway, the kiosk and its window, in this order.
func (s *system) start(ctx context.Context) error {
	if err := s.startModems(ctx); err != nil {
		return err
	}
	if _, err := os.Stat(s.gatewayConfig()); err != nil {
		if err := s.provision(ctx); err != nil {
			return err
		}
	}
	if err := s.startGateway(ctx); err != nil {
		return err
	}
	if err := s.startDevice(ctx); err != nil {
		return err
	}
	var err error
	if s.screen, err = openDisplay(ctx, s.dir, s.driven, s.size); err != nil {
		return err
	}
	if s.screen.fb != "" && !s.driven {
		socket, err := s.screen.share(s.dir)
		if err != nil {
			return err
		}
		if s.viewer, err = startViewer(socket); err != nil {
			return err
		}
	}
	return s.startWindow()
}

func (s *system) startModems(ctx context.Context) error {
	out := newFirstLine()
	token := newToken()
	tokenFile := filepath.Join(s.dir, "panel.token")
	if err := os.WriteFile(tokenFile, []byte(token), 0o600); err != nil {
		return err
	}
	var err error
	s.modems, err = startProcess(s.dir, "modemsim", out, nil, s.program("modemsim"), "-dir", s.dir, "-kiosk-sim", kioskMSISDN,
		"-gateway-sim", gatewayMSISDN, "-internet", loopback(s.ports.Internet)+"="+loopback(s.ports.MQTT), "-panel", "127.0.0.1:0", "-token-file", tokenFile, "-thief", filepath.Join(s.dir, "kiosk"))
	if err != nil {
		return err
	}
	line, err := out.await(ctx, s.modems, 20*time.Second)
	if err != nil {
		return err
	}
	s.panel, err = newPanel(line, token)
	return err
}

// provision does what a technician does once: make the gateway, an officer, and enrol the kiosk.
func (s *system) provision(ctx context.Context) error {
	gw := s.program("gateway")
	steps := []struct {
		stdin string
		args  []string
	}{
		{"", []string{"init", "-dir", filepath.Join(s.dir, "gateway"), "-host", "localhost,127.0.0.1", "-mqtt", loopback(s.ports.MQTT),
			"-console", loopback(s.ports.Console), "-modem", filepath.Join(s.dir, "gateway-modem"), "-msisdn", gatewayMSISDN}},
		{s.officer.Password + "\n", []string{"officer", "add", "-config", s.gatewayConfig(), "-user", s.officer.User, "-name", "Cán bộ trực thử", "-role", "supervisor", "-scope", "national", "-password-stdin"}},
		{"", append([]string{"enrol"}, s.enrolArgs("kiosk", "Trường Tiểu học Hoa Ban (máy thử)", kioskMSISDN)...)},
	}
	for _, st := range steps {
		if _, err := runTool(ctx, s.dir, st.stdin, gw, st.args...); err != nil {
			return err
		}
	}
	return s.tuneKiosk()
}

// enrolArgs are the flags that make a bundle in the folder out.
func (s *system) enrolArgs(out, place, msisdn string) []string {
	return []string{"-config", s.gatewayConfig(), "-out", filepath.Join(s.dir, out), "-place", place, "-commune", "26734", "-province", "79",
		"-msisdn", msisdn, "-broker", loopback(s.ports.Internet), "-gateway-msisdn", gatewayMSISDN}
}

// tuneKiosk turns the field's configuration into this machine's: the emulated modem, a socket in the run's folder, and
// waits short enough to watch. A school's kiosk waits longer before it spends an SMS.
func (s *system) tuneKiosk() error {
	b, err := os.ReadFile(s.kioskConfig())
	if err != nil {
		return err
	}
	text := string(b)
	for _, kv := range [][3]string{
		{"modem", "port", quote(filepath.Join(s.dir, "kiosk-modem"))},
		{"screen", "socket", quote(filepath.Join(s.dir, "kiosk.sock"))},
		{"screen", "size", quote(s.size)},
		{"screen", "fullscreen", fmt.Sprint(os.Getenv("DISPLAY") == "" || s.driven)},
		{"relay", "sms_after", quote("3s")},
		{"relay", "ack_timeout_sms", quote("20s")},
		{"health", "heartbeat_every", quote("5s")},
	} {
		text = setTOML(text, kv[0], kv[1], kv[2])
	}
	return os.WriteFile(s.kioskConfig(), []byte(text), 0o600)
}

func quote(s string) string { return fmt.Sprintf("%q", s) }

// setTOML sets one key in one table of a configuration as gateway enrol writes it: a table has one header, a key one line.
func setTOML(text, table, key, value string) string {
	lines := strings.Split(text, "\n")
	in := ""
	for i, l := range lines {
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "[") {
			in = strings.Trim(l, "[]")
		}
		if k, _, ok := strings.Cut(l, "="); ok && in == table && strings.TrimSpace(k) == key {
			lines[i] = key + " = " + value
			return strings.Join(lines, "\n")
		}
	}
	for i, l := range lines {
		if strings.TrimSpace(l) == "["+table+"]" {
			return strings.Join(append(lines[:i+1:i+1], append([]string{key + " = " + value}, lines[i+1:]...)...), "\n")
		}
	}
	return strings.TrimRight(text, "\n") + "\n\n[" + table + "]\n" + key + " = " + value + "\n"
}

func (s *system) startGateway(ctx context.Context) error {
	var err error
	if s.gateway, err = startProcess(s.dir, "gateway", nil, nil, s.program("gateway"), "serve", "-config", s.gatewayConfig()); err != nil {
		return err
	}
	return s.awaitPort(ctx, s.gateway, s.ports.Console)
}

func (s *system) startDevice(ctx context.Context) error {
	var err error
	if s.device, err = startProcess(s.dir, "kiosk-device", nil, []string{"LANG=vi_VN.UTF-8"}, s.program("kiosk"), "device", "-config", s.kioskConfig()); err != nil {
		return err
	}
	return poll(ctx, "the kiosk's device process to open its socket", 20*time.Second, func() (bool, error) {
		if !s.device.running() {
			return false, s.device.failure()
		}
		c, err := net.Dial("unix", filepath.Join(s.dir, "kiosk.sock"))
		if err != nil {
			return false, nil
		}
		return true, c.Close()
	})
}

func (s *system) startWindow() error {
	env := append([]string{"FYNE_SCALE=1", "FYNE_CACHE=10s", "LANG=vi_VN.UTF-8", "HOME=" + s.dir, "XDG_CONFIG_HOME=" + s.dir, "XDG_CACHE_HOME=" + s.dir}, s.screen.env...)
	var err error
	s.window, err = startProcess(s.dir, "kiosk-screen", nil, env, s.program("kiosk"), "screen", "-config", s.kioskConfig())
	return err
}

func (s *system) awaitPort(ctx context.Context, p *process, port int) error {
	return poll(ctx, p.name+" to listen", 30*time.Second, func() (bool, error) {
		if !p.running() {
			return false, p.failure()
		}
		c, err := net.DialTimeout("tcp", loopback(port), time.Second)
		if err != nil {
			return false, nil
		}
		return true, c.Close()
	})
}

// watch waits for Ctrl-C, and starts again what ends in between, as systemd does in the field.
func (s *system) watch(ctx context.Context) error {
	for {
		var again func() error
		var ended *process
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.modems.done:
			return s.modems.failure()
		case <-s.gateway.done:
			ended, again = s.gateway, func() error { return s.startGateway(ctx) }
		case <-s.device.done:
			ended, again = s.device, func() error { return s.startDevice(ctx) }
		case <-s.window.done:
			if s.screen.fb == "" && s.window.err == nil {
				fmt.Println("\nThe kiosk's window was closed.")
				return nil
			}
			ended, again = s.window, s.startWindow
		}
		fmt.Printf("%s ended (%v); starting it again\n", ended.name, ended.err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		if err := again(); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
}

// announce says where everything is.
func (s *system) announce() {
	where := "in its window on your display"
	if s.viewer != nil {
		where = s.viewer.url()
	}
	fmt.Printf(`
Lắng Nghe is running on this machine.

  The kiosk's screen   %s
  Officers' console    http://%s
                       user %s   password %s
  Demo panel           %s
                       villagers' phones; switches for the kiosk's internet and GSM network

  A power cut: kill -9 %d (kiosk) or %d (gateway); each is started again at once.
  Kiosk %s, gateway %s. Logs and data: %s
  Ctrl-C stops everything. The next "make demo" starts clean; "make demo KEEP=1" keeps the data.

`, where, loopback(s.ports.Console), s.officer.User, s.officer.Password, s.panel.url, s.device.cmd.Process.Pid, s.gateway.cmd.Process.Pid, kioskMSISDN, gatewayMSISDN, s.dir)
}

// stop ends everything, the screen first and the network last, and leaves nothing running.
func (s *system) stop() {
	for _, p := range []*process{s.window, s.device, s.gateway} {
		if p != nil {
			p.terminate(15 * time.Second)
		}
	}
	if s.viewer != nil {
		s.viewer.stop()
	}
	if s.screen != nil {
		s.screen.stop()
	}
	if s.modems != nil {
		s.modems.terminate(5 * time.Second)
	}
}

func need(tool, group string) error {
	if _, err := exec.LookPath(tool); err != nil {
		return fmt.Errorf("%s is not installed: run make setup-%s", tool, group)
	}
	return nil
}
