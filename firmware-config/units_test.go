package firmwareconfig

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// exposure is the most that systemd-analyze security may find, in tenths of its 0 to 10. What remains of the first three is
// network, devices and no root of their own.
var exposure = map[string]string{
	"langnghe-kiosk-device": "22", "langnghe-gateway": "17", "langnghe-kiosk-screen": "12", "langnghe-xorg": "40",
}

// unitFile is section.key → values, in order.
type unitFile map[string][]string

var (
	section = regexp.MustCompile(`^\[(Unit|Service|Install|Journal)\]$`)
	setting = regexp.MustCompile(`^([A-Z][A-Za-z]+)=(.*)$`)
)

func unit(t *testing.T, name string) unitFile {
	t.Helper()
	return parseUnit(t, "systemd/"+name+".service")
}

func parseUnit(t *testing.T, path string) unitFile {
	t.Helper()
	u := unitFile{}
	in := ""
	for i, line := range strings.Split(read(t, path), "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case section.MatchString(line):
			in = line
		case in != "" && setting.MatchString(line):
			m := setting.FindStringSubmatch(line)
			u[m[1]] = append(u[m[1]], m[2])
		default:
			t.Errorf("%s line %d is no setting: %q", path, i+1, line)
		}
	}
	return u
}

// one is the value of a setting that stands once.
func (u unitFile) one(t *testing.T, key string) string {
	t.Helper()
	if len(u[key]) != 1 {
		t.Errorf("%s stands %d times, want once", key, len(u[key]))
		return ""
	}
	return u[key][0]
}

func TestUnitsAreHardened(t *testing.T) {
	files, err := filepath.Glob("systemd/*.service")
	if err != nil || len(files) != len(exposure) {
		t.Fatalf("units: %v, %v", files, err)
	}
	for name := range exposure {
		u := unit(t, name)
		for key, want := range map[string]string{
			"LimitCORE": "0", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "DevicePolicy": "closed",
			"RestrictSUIDSGID": "yes", "SystemCallArchitectures": "native", "Restart": "always",
		} {
			if got := u.one(t, key); got != want {
				t.Errorf("%s: %s=%s, want %s", name, key, got, want)
			}
		}
		if name == "langnghe-xorg" {
			continue
		}
		if got := u.one(t, "CapabilityBoundingSet"); got != "" {
			t.Errorf("%s keeps capabilities %s", name, got)
		}
		if u.one(t, "User") == "" || u.one(t, "UMask") != "0077" {
			t.Errorf("%s: user or mask is missing", name)
		}
	}
	if got := unit(t, "langnghe-kiosk-screen"); got.one(t, "PrivateNetwork") != "yes" || got.one(t, "RestrictAddressFamilies") != "AF_UNIX" {
		t.Error("the screen has a network")
	}
}

// The modem's deadline for a message under way: 10 s for the prompt and 60 s for the network (device/modem.Config).
func TestStopIsLongerThanTheModemsDeadline(t *testing.T) {
	for _, name := range []string{"langnghe-kiosk-device", "langnghe-gateway"} {
		stop, err := time.ParseDuration(unit(t, name).one(t, "TimeoutStopSec") + "s")
		if err != nil || stop <= 75*time.Second {
			t.Errorf("%s is killed after %v, %v", name, stop, err)
		}
	}
}

// A unit that waits for a word that its program never says is killed again and again, and a watchdog likewise.
func TestOnlyWhoSpeaksIsListenedTo(t *testing.T) {
	for name := range exposure {
		u := unit(t, name)
		// By device/internal/health, cmd/kiosk's watchScreen and gateway's watch.
		speaks := name != "langnghe-xorg"
		if got := u.one(t, "Type") == "notify"; got != speaks {
			t.Errorf("%s: Type=notify is %v", name, got)
		}
		if got := len(u["WatchdogSec"]) > 0; got != speaks {
			t.Errorf("%s: a watchdog is %v", name, got)
		}
	}
}

func TestSystemdTakesTheUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed (package systemd); the units were parsed by the other tests")
	}
	// verify looks for the programs, which are not installed here.
	program := regexp.MustCompile(`(?m)^ExecStart=/usr/bin/\S+`)
	dir := t.TempDir()
	var paths []string
	for name := range exposure {
		path := filepath.Join(dir, name+".service")
		text := program.ReplaceAllString(read(t, "systemd/"+name+".service"), "ExecStart=/bin/true")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
		out, err := exec.Command(analyze, "security", "--no-pager", "--offline=yes", "--threshold="+exposure[name], path).CombinedOutput()
		if err != nil {
			t.Errorf("%s is exposed more than %s: %v\n%s", name, exposure[name], err, out)
		}
	}
	slices.Sort(paths)
	// An unknown setting is only a warning, so any word counts.
	if out, err := exec.Command(analyze, append([]string{"verify", "--man=no"}, paths...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

func TestUsersAreMade(t *testing.T) {
	tool, err := exec.LookPath("systemd-sysusers")
	if err != nil {
		t.Skip("systemd-sysusers is not installed (package systemd)")
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	conf, err := filepath.Abs("sysusers.d/langnghe.conf")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, "--root="+root, conf).CombinedOutput(); err != nil {
		t.Fatalf("systemd-sysusers: %v\n%s", err, out)
	}
	group, err := os.ReadFile(filepath.Join(root, "etc", "group"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(group)) {
		if strings.HasPrefix(line, "dialout:") && strings.Contains(line, "langnghe-screen") {
			t.Error("the screen may open the modem")
		}
	}
	if !regexp.MustCompile(`(?m)^langnghe:.*langnghe-kiosk.*langnghe-screen`).Match(group) {
		t.Errorf("the group of the socket lacks a member:\n%s", group)
	}
}

func TestUdevRulesParse(t *testing.T) {
	token := regexp.MustCompile(`^[A-Z]+(\{[A-Za-z_]+\})?(==|!=|=|\+=)"[^"]*"$`)
	rules := 0
	for i, line := range strings.Split(read(t, "udev/70-langnghe-modem.rules"), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		rules++
		for _, f := range strings.Split(line, ", ") {
			if !token.MatchString(f) {
				t.Errorf("line %d: %q is neither match nor assignment", i+1, f)
			}
		}
	}
	if rules == 0 {
		t.Error("there is no rule")
	}
	if !strings.Contains(read(t, "udev/70-langnghe-modem.rules"), `ENV{ID_MM_DEVICE_IGNORE}="1"`) {
		t.Error("ModemManager is not kept away")
	}
}

func TestJournalIsInMemory(t *testing.T) {
	if got := parseUnit(t, "journald/langnghe.conf").one(t, "Storage"); got != "volatile" {
		t.Errorf("the kiosk's journal is %s", got)
	}
}
