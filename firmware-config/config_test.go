// Package firmwareconfig holds the tests of what an appliance is configured with: the files beside it.
package firmwareconfig

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/langnghe/langnghe/device"
	"github.com/langnghe/langnghe/gateway"
)

func TestKioskConfigIsTheDefault(t *testing.T) {
	checkConfig(t, "kiosk.toml", device.LoadConfig)
}

func TestGatewayConfigIsTheDefault(t *testing.T) {
	checkConfig(t, "gateway.toml", gateway.LoadConfig)
}

// checkConfig loads the file that we ship, and it again with nothing but the lines marked "set": what is not marked must be
// what the program does anyway. Every key must stand in it, since it is what a technician reads.
func checkConfig[C any](t *testing.T, name string, load func(string) (C, error)) {
	t.Helper()
	text := read(t, name)
	var own []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "[") || strings.Contains(line, "# set") && !strings.HasPrefix(line, "#") {
			own = append(own, line)
		}
	}
	// Two folders would make two sets of absolute paths.
	path := filepath.Join(t.TempDir(), name)
	var got [2]C
	for i, text := range []string{text, strings.Join(own, "")} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		if got[i], err = load(path); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(got[0], got[1]) {
		t.Errorf("a line of %s that is not marked \"set\" is not the default:\n%+v\n%+v", name, got[0], got[1])
	}
	var keys map[string]map[string]any
	if _, err := toml.Decode(text, &keys); err != nil {
		t.Fatal(err)
	}
	tables := reflect.TypeFor[C]()
	for i := range tables.NumField() {
		table := tables.Field(i)
		if table.Tag.Get("toml") == "-" {
			continue // in no file
		}
		for j := range table.Type.NumField() {
			key := table.Type.Field(j).Tag.Get("toml")
			if _, ok := keys[table.Tag.Get("toml")][key]; !ok {
				t.Errorf("%s does not show %s.%s", name, table.Tag.Get("toml"), key)
			}
		}
	}
}

// The files name each other's users, folders and ports.
func TestFilesAgree(t *testing.T) {
	var kiosk device.Config
	if _, err := toml.Decode(read(t, "kiosk.toml"), &kiosk); err != nil {
		t.Fatal(err)
	}
	var gw gateway.Config
	if _, err := toml.Decode(read(t, "gateway.toml"), &gw); err != nil {
		t.Fatal(err)
	}
	dev, screen, server := unit(t, "langnghe-kiosk-device"), unit(t, "langnghe-kiosk-screen"), unit(t, "langnghe-gateway")
	if got := screen.one(t, "User"); got != kiosk.Screen.User {
		t.Errorf("the screen runs as %s, and %s may connect", got, kiosk.Screen.User)
	}
	if got := "/run/" + dev.one(t, "RuntimeDirectory"); got != filepath.Dir(kiosk.Screen.Socket) {
		t.Errorf("the socket is %s, and the folder %s", kiosk.Screen.Socket, got)
	}
	if dev.one(t, "Group") != "langnghe" || !strings.Contains(screen.one(t, "SupplementaryGroups"), "langnghe") {
		t.Error("the screen cannot reach the socket of the device")
	}
	for _, c := range []struct {
		u         unitFile
		dir, conf string
	}{{dev, kiosk.Device.StateDir, "kiosk.toml"}, {server, gw.Gateway.DataDir, "gateway.toml"}} {
		folder, sub := filepath.Split(c.u.one(t, "StateDirectory"))
		if sub != c.dir {
			t.Errorf("%s: %s can be written, and %s is", c.conf, sub, c.dir)
		}
		if want := "/var/lib/" + folder + c.conf; !strings.HasSuffix(c.u.one(t, "ExecStart"), want) {
			t.Errorf("the configuration is not %s", want)
		}
	}
	rules := read(t, "udev/70-langnghe-modem.rules")
	for _, port := range []string{kiosk.Modem.Port, gw.SMS.Port} {
		if !strings.Contains(rules, strings.TrimPrefix(port, "/dev/")) {
			t.Errorf("no rule makes %s", port)
		}
	}
	users := read(t, "sysusers.d/langnghe.conf")
	for _, u := range []unitFile{dev, screen, server} {
		if name := u.one(t, "User"); !strings.Contains(users, "u "+name+" ") {
			t.Errorf("nobody makes the user %s", name)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
