package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWrongConfigIsSaidWithKeyAndLine(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "[mqtt]\nlisten = \"0.0.0.0:1\"\nlistne = \"x\"\n", `line 3: unknown key "mqtt.listne"`},
		{"unknown table", "[gateway]\n\n[mqt]\nlisten = \"x:1\"\n", `line 3: unknown key "mqt"`},
		{"dotted table", "[mqtt]\n\n[mqtt . extra]\nx = 1\n", `line 3: unknown key "mqtt.extra"`},
		{"quoted table", "[sms]\n[\"mqtt\".'extra']\nx = 1\n", `line 2: unknown key "mqtt.extra"`},
		{"dotted key in a table", "[sms]\n[gateway]\nlog.level = 1\n", `line 3: unknown key "gateway.log.level"`},
		{"key in words", "[mqtt]\ncert = \"\"\"\nlistne = 1\n\"\"\"\n# listne = 2\nlistne = 3\n", `line 6: unknown key "mqtt.listne"`},
		{"value of several lines", "[mqtt]\nports = [\n1,\n]\n", `line 2: unknown key "mqtt.ports"`},
		{"dotted key", "gateway.data = \"x\"\n", `line 1: unknown key "gateway.data"`},
		{"wrong type", "[mqtt]\nmax_conn = \"many\"\n", `gateway.toml line 2: key "mqtt.max_conn": want a number without quotes`},
		{"not TOML", "[gateway\n", "gateway.toml line 1: expected"},
		{"level", "[gateway]\nlog_level = \"loud\"\n", `gateway.toml line 2: key "gateway.log_level": want "debug"`},
		{"listen", "[mqtt]\nlisten = \"8883\"\n", `key "mqtt.listen": give host and port`},
		{"no way in", "[mqtt]\nlisten = \"\"\n", `key "mqtt.listen": give an address or sms.port`},
		{"half a pair", "[console]\ncert = \"a\"\n", `key "console.cert": give both`},
		{"number", "[sms]\nmsisdn = \"Viettel\"\n", `key "sms.msisdn": give a phone number`},
		{"speed", "[sms]\nbaud = 0\n", `key "sms.baud"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := LoadConfig(write(t, t.TempDir(), "gateway.toml", c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := LoadConfig(filepath.Join(t.TempDir(), "gateway.toml")); err == nil || !strings.Contains(err.Error(), "gateway init") {
		t.Errorf("an absent file gives %v", err)
	}
}

func TestEmptyConfigIsTheDefaultBesideItsFile(t *testing.T) {
	dir := t.TempDir()
	got, err := LoadConfig(write(t, dir, "gateway.toml", ""))
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.resolve(dir)
	if got != want || got.Intake.Identity != filepath.Join(dir, "intake.identity") {
		t.Errorf("got %+v", got)
	}
}

func made(t *testing.T, s Setup) (string, Config) {
	t.Helper()
	if s.Dir == "" {
		s.Dir = filepath.Join(t.TempDir(), "gw")
	}
	s.Hosts, s.MQTT, s.Console = []string{"localhost", "127.0.0.1"}, "127.0.0.1:0", "127.0.0.1:0"
	if err := Init(t.Context(), s, time.Now()); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig(filepath.Join(s.Dir, "gateway.toml"))
	if err != nil {
		t.Fatal(err)
	}
	return s.Dir, cfg
}

func TestWhatATechnicianCanDoWrongIsOneClearSentence(t *testing.T) {
	dir, cfg := made(t, Setup{})
	ctx, now := t.Context(), time.Now()
	full := filepath.Join(dir, "full")
	if err := os.Mkdir(full, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, full, "x", "")
	good := Enrolment{Dir: filepath.Join(dir, "b"), Place: "Trường", Commune: 26734, Broker: "gw:8883"}
	change := func(f func(*Enrolment)) error {
		e := good
		f(&e)
		_, err := Enrol(ctx, cfg, e, now)
		return err
	}
	readable := cfg
	readable.Intake.Identity = write(t, dir, "open.identity", "x")
	if err := os.Chmod(readable.Intake.Identity, 0o644); err != nil {
		t.Fatal(err)
	}
	other := cfg
	other.Intake.Identity = write(t, dir, "no.identity", "x")
	nokey := cfg
	nokey.MQTT.Key = filepath.Join(dir, "absent")
	mixed := cfg
	mixed.MQTT.Key = filepath.Join(dir, "ca.key")
	nomodem := cfg
	nomodem.SMS.Port, nomodem.SMS.Baud = "/dev/absent", 12345
	serve := func(c Config) error {
		g, err := New(ctx, c, discard)
		if err == nil {
			_ = g.Close()
		}
		return err
	}
	officer := func(n NewOfficer) error { _, err := AddOfficer(ctx, cfg, n); return err }
	if err := officer(NewOfficer{User: "lan", Role: "duty", Scope: "commune:26734", Password: "mot mat khau dai"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"init twice", Init(ctx, Setup{Dir: dir, Hosts: []string{"a"}}, now), "is not empty"},
		{"no host", Init(ctx, Setup{Dir: full}, now), "-host"},
		{"a URL as host", Init(ctx, Setup{Dir: full, Hosts: []string{"https://a"}}, now), "-host"},
		{"no place", change(func(e *Enrolment) { e.Place = " " }), "-place"},
		{"no commune", change(func(e *Enrolment) { e.Commune = 0 }), "-commune"},
		{"no way out", change(func(e *Enrolment) { e.Broker = "" }), "-broker"},
		{"broker with a word as port", change(func(e *Enrolment) { e.Broker = "gw:mqtt" }), "1 to 65535"},
		{"broker with no such port", change(func(e *Enrolment) { e.Broker = "gw:88830" }), "1 to 65535"},
		{"broker as a URL", change(func(e *Enrolment) { e.Broker = "ssl://gw:8883" }), "host:port"},
		{"no folder", change(func(e *Enrolment) { e.Dir = "" }), "enrol: -out: name"},
		{"a file in the path", change(func(e *Enrolment) { e.Dir = filepath.Join(cfg.MQTT.Cert, "b") }), "a part of the path is a file"},
		{"broker without port", change(func(e *Enrolment) { e.Broker = "gw" }), "host:port"},
		{"short code as number", change(func(e *Enrolment) { e.MSISDN = "195" }), "-msisdn"},
		{"SMS without a number", change(func(e *Enrolment) { e.Gateway = "+84912345678" }), "-msisdn"},
		{"bundle over something", change(func(e *Enrolment) { e.Dir = full }), "is not empty"},
		{"user", officer(NewOfficer{User: "Hoa!", Role: "duty", Scope: "national"}), "-user"},
		{"role", officer(NewOfficer{User: "hoa", Role: "boss", Scope: "national"}), "-role"},
		{"scope", officer(NewOfficer{User: "hoa", Role: "duty", Scope: "province:100"}), "-scope"},
		{"password", officer(NewOfficer{User: "hoa", Role: "duty", Scope: "national", Password: "12345678901"}), "fewer than 12"},
		{"officer twice", officer(NewOfficer{User: "lan", Role: "duty", Scope: "national"}), "exists already"},
		{"identity that others read", serve(readable), "chmod 600"},
		{"identity that is none", serve(other), "not an intake identity"},
		{"no key", serve(nokey), "mqtt.key"},
		{"wrong key", serve(mixed), "do not belong together"},
		{"wrong speed", serve(nomodem), "speed 12345"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) || strings.Contains(c.err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line with %q", c.name, c.err, c.want)
		}
	}
	if err := change(func(*Enrolment) {}); err != nil {
		t.Errorf("after all refusals an enrolment fails: %v", err)
	}
}
