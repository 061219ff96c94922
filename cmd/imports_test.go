// Package cmd holds the rule of who may import whom, as a test. Anything a reviewer must remember will be forgotten.
package cmd

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/langnghe/langnghe/"

// allowed lists, for each package of the project, the packages of the project that it may import. What is absent is
// forbidden. "x/..." stands for everything below x. The arrow is gateway → device's contract ← ui; device depends on
// nothing of the others, and device/internal is closed to both.
var allowed = map[string][]string{
	// What the programs agree on. Leaves, so that a reviewer can read them alone.
	"device/report":        {},
	"device/viet":          {},
	"device/tomlfile":      {}, // what is wrong with a configuration is said in one form by both programs
	"device/wire":          {"device/report"},
	"device/wire/wiretest": {},
	"device/seal":          {"device/report", "device/wire"}, // the token and the receipt come out of the envelope's context
	// The carrier.
	"device/modem/pdu":       {},
	"device/modem":           {"device/modem/pdu"},
	"device/modem/modemtest": {"device/modem/pdu"},
	// The device. Only outbox touches the disk, only relay decides what leaves.
	"device/internal/outbox":         {"device/report", "device/seal", "device/wire"},
	"device/internal/relay":          {"device/internal/outbox", "device/internal/supervise", "device/report", "device/seal", "device/wire"},
	"device/internal/relay/linktest": {"device/internal/relay", "device/report", "device/seal", "device/wire"},
	"device/internal/mqttlink":       {"device/internal/relay", "device/internal/supervise", "device/wire"},
	"device/internal/dialogue":       {"device/report", "device/viet", "device/modem/pdu"},
	"device/internal/inbox":          {"device/internal/dialogue", "device/internal/outbox", "device/internal/supervise", "device/modem", "device/modem/pdu", "device/report", "device/seal", "device/wire"},
	"device/internal/smslink":        {"device/internal/relay", "device/internal/inbox", "device/internal/supervise", "device/modem", "device/modem/pdu", "device/wire"},
	"device/internal/supervise":      {},                                                         // the fence; imported where strangers' bytes are read
	"device/internal/health":         {"device/internal/outbox", "device/report", "device/wire"}, // the watchdog is fed after a read of the outbox
	"device":                         {"device/..."},
	// The screen: no keys, no database, no modem, no network. It declares the interface that it needs.
	"ui/flow":     {"device/report", "device/viet"},
	"ui/text":     {"device/report", "ui/flow"},
	"ui/theme":    {"device/report"},
	"ui/keyboard": {"device/report", "device/viet", "ui/flow", "ui/text", "ui/theme"},
	"ui/screen":   {"device/report", "device/viet", "ui/flow", "ui/keyboard", "ui/text", "ui/theme"},
	"ui/uitest":   {"device/report", "ui", "ui/flow", "ui/keyboard", "ui/screen", "ui/text", "ui/theme"},
	"ui":          {"device/report", "ui/..."},
	// The gateway.
	"gateway/routing":                  {"device/report"},
	"gateway/triage":                   {"device/report", "gateway/routing"},
	"gateway/triage/triagetest":        {"device/report", "gateway/routing", "gateway/triage"},
	"gateway/intake":                   {"device/report", "device/wire", "device/seal", "device/modem/pdu", "gateway/routing", "gateway/triage"},
	"gateway/internal/store":           {"device/report", "device/wire", "device/seal", "gateway/intake", "gateway/routing", "gateway/triage"},
	"gateway/internal/store/storetest": {"device/report", "device/wire", "device/seal", "gateway/intake", "gateway/internal/store", "gateway/routing", "gateway/triage"},
	"gateway/internal/mqttin":          {"device/wire", "gateway/intake"},
	"gateway/internal/smsin":           {"device/modem", "device/modem/pdu", "gateway/intake"},
	"gateway/internal/console":         {"device/report", "device/viet", "gateway/intake", "gateway/routing", "gateway/triage"},
	"gateway":                          {"gateway/...", "device/report", "device/wire", "device/seal", "device/tomlfile", "device/modem", "device/modem/pdu"},
	// The programs.
	"cmd/kiosk":    {"device", "device/report", "device/wire", "ui"}, // wire: a draft crosses the socket as a body
	"cmd/gateway":  {"gateway", "device/seal", "device/wire"},
	"cmd/modemsim": {"device/modem/modemtest", "device/modem/pdu"},
	"cmd/demo":     {"device/report", "ui/flow", "ui/uitest"},
}

// walls are the outside packages that only some may import, with the reason.
var walls = []struct {
	pkg, why string
	only     []string
}{
	{"database/sql", "one package a program knows what is on disk", []string{"device/internal/outbox", "device/internal/inbox", "gateway/internal/store", "gateway/internal/store/storetest"}},
	{"github.com/mattn/go-sqlite3", "the same", []string{"device/internal/outbox", "device/internal/inbox", "gateway/internal/store"}},
	{"github.com/tarm/serial", "the port has one owner", []string{"device/modem"}},
	{"github.com/warthog618/modem", "its defects are fenced there", []string{"device/modem"}},
	{"github.com/eclipse/paho.mqtt.golang", "it must be believed nothing, and that is known there", []string{"device/internal/mqttlink"}},
	{"github.com/nats-io", "the broker stays behind one seam", []string{"gateway/internal/mqttin"}},
	{"fyne.io/fyne/v2/app", "it links OpenGL; tests of ui need no display", []string{"cmd/kiosk"}},
	{"fyne.io/fyne/v2", "the conversation is not the view", []string{"cmd/kiosk", "ui", "ui/screen", "ui/theme", "ui/keyboard", "ui/uitest"}},
	{"github.com/cloudflare/circl", "cryptography in one place", []string{"device/seal"}},
	{"github.com/chromedp", "only the demo's driver has a browser", []string{"cmd/demo"}},
	{"github.com/creack/pty", "only the emulator makes terminals", []string{"device/modem/modemtest"}},
}

// nowhere lists what the device must never import: it runs no other program and serves no web.
var nowhere = map[string][]string{
	"device": {"os/exec", "net/http"},
	"ui":     {"os/exec", "net", "net/http", "database/sql", "os/user"},
}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		pkg, ok := strings.CutPrefix(fields[0], module)
		if !ok || pkg == "cmd" || pkg == "firmware-config" {
			continue // tests only
		}
		seen++
		rule, known := allowed[pkg]
		if !known {
			t.Errorf("%s is not in the table: say there what it may import, and why it exists", pkg)
			continue
		}
		for _, imp := range fields[1:] {
			if own, ours := strings.CutPrefix(imp, module); ours {
				if !matches(rule, own) {
					t.Errorf("%s imports %s, which the table does not allow", pkg, own)
				}
				continue
			}
			checkOutside(t, pkg, imp)
		}
	}
	if seen < 10 {
		t.Fatalf("go list named %d packages: the test looked at nothing", seen)
	}
}

func checkOutside(t *testing.T, pkg, imp string) {
	t.Helper()
	for _, w := range walls {
		if (imp == w.pkg || strings.HasPrefix(imp, w.pkg+"/")) && !slices.Contains(w.only, pkg) {
			if w.pkg == "fyne.io/fyne/v2" && strings.HasPrefix(imp, "fyne.io/fyne/v2/app") {
				continue // has its own row
			}
			t.Errorf("%s imports %s: %s", pkg, imp, w.why)
		}
	}
	for top, bad := range nowhere {
		if (pkg == top || strings.HasPrefix(pkg, top+"/")) && slices.Contains(bad, imp) && pkg != "device/modem/modemtest" {
			t.Errorf("%s imports %s, which nothing under %s may", pkg, imp, top)
		}
	}
}

func matches(rule []string, pkg string) bool {
	for _, r := range rule {
		if r == pkg {
			return true
		}
		if top, ok := strings.CutSuffix(r, "/..."); ok && strings.HasPrefix(pkg, top+"/") {
			return true
		}
	}
	return false
}
