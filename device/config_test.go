package device

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// minimal is the least that a kiosk's file says.
const minimal = `[device]
commune = 26734
place = "Trường Tiểu học Hoa Ban"

[gateway]
brokers = ["ssl://gateway.example.vn:8883"]
msisdn = "+84912345678"
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kiosk.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAbsentKeysHaveTheirDefaults(t *testing.T) {
	path := write(t, minimal)
	got, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.Device.Commune, want.Device.Place = 26734, "Trường Tiểu học Hoa Ban"
	want.Gateway.Brokers, want.Gateway.MSISDN = []string{"ssl://gateway.example.vn:8883"}, "+84912345678"
	want.resolve(filepath.Dir(path))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.Device.Key != filepath.Join(filepath.Dir(path), "device.key") {
		t.Errorf("device.key is %s: a relative path counts from the file's folder", got.Device.Key)
	}
}

func TestWrongConfigIsOneClearSentence(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":             {minimal + "\n\n\n\n\n[relay]\nsmsafter = \"9s\"\n", `kiosk.toml line 14: unknown key "relay.smsafter": correct its spelling or remove it`},
		"unknown table":           {minimal + "[printer]\nport = 1\n", `kiosk.toml line 8: unknown key "printer": correct`},
		"unknown key, dotted":     {"relay.nope = 1\n" + minimal, `kiosk.toml line 1: unknown key "relay.nope"`},
		"same name, other table":  {minimal + "[modem]\nport = \"/dev/x\"\n[health]\nport = 1\n", `line 11: unknown key "health.port"`},
		"wrong type":              {minimal + "[modem]\nbaud = \"fast\"\n", `kiosk.toml line 9: key "modem.baud": want a number without quotes`},
		"wrong duration":          {minimal + "[inbox]\nhold_for = \"ten\"\n", `kiosk.toml line 9: key "inbox.hold_for": want a duration such as "90s" or "10m"`},
		"number for a duration":   {minimal + "[inbox]\nhold_for = 10\n", `want a duration such as "90s" or "10m"`},
		"not TOML":                {"[device\n", `kiosk.toml line 1: expected`},
		"no way out":              {"[device]\ncommune = 1\n[gateway]\n", `key "gateway.brokers": give a broker or gateway.msisdn`},
		"no commune":              {"[gateway]\nmsisdn = \"0912345678\"\n", `key "device.commune": give the official code`},
		"MQTT without TLS":        {strings.Replace(minimal, "ssl://", "tcp://", 1), `reports never go without TLS`},
		"broker without port":     {strings.Replace(minimal, ":8883", "", 1), `each is like "ssl://gateway.example.vn:8883"`},
		"gateway is a name":       {strings.Replace(minimal, "+84912345678", "Gateway", 1), `key "gateway.msisdn": give a phone number`},
		"number without a modem":  {minimal + "[modem]\nport = \"\"\n", `key "modem.port": gateway.msisdn is set`},
		"size":                    {minimal + "[screen]\nsize = \"1024\"\n", `kiosk.toml line 9: key "screen.size": want width and height`},
		"size with a tail":        {minimal + "[screen]\nsize = \"1024x600px\"\n", `key "screen.size"`},
		"log level":               {minimal + "[health]\nlog_level = \"loud\"\n", `key "health.log_level"`},
		"too short a time":        {minimal + "[health]\nheartbeat_every = \"1ms\"\n", `key "health.heartbeat_every": want 1s to 1h0m0s`},
		"a socket's path is long": {minimal + "[screen]\nsocket = \"/" + strings.Repeat("x", 120) + "\"\n", `key "screen.socket"`},
	} {
		_, err := LoadConfig(write(t, c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
	_, err := LoadConfig(filepath.Join(t.TempDir(), "kiosk.toml"))
	if err == nil || !strings.Contains(err.Error(), "make it with gateway enrol, or correct -config") {
		t.Errorf("absent: %v", err)
	}
}

func TestDurationIsWrittenAsItIsRead(t *testing.T) {
	var d Duration
	if err := d.UnmarshalText([]byte("90s")); err != nil || d.Duration != 90*time.Second {
		t.Fatal(d, err)
	}
	if b, err := d.MarshalText(); err != nil || string(b) != "1m30s" {
		t.Error(string(b), err)
	}
}

// TestShippedConfigs reads every kiosk.toml that firmware-config ships. What it leaves to the enrolment is filled in here.
func TestShippedConfigs(t *testing.T) {
	err := filepath.WalkDir("../firmware-config", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() != "kiosk.toml" {
			return err
		}
		c, err := LoadConfig(path)
		if err != nil && !strings.Contains(err.Error(), `key "device.commune"`) && !strings.Contains(err.Error(), `key "gateway.`) {
			t.Errorf("%s: %v", path, err)
		}
		if err == nil && (c.Screen.Socket != DefaultConfig().Screen.Socket || c.Modem.Port != DefaultConfig().Modem.Port) {
			t.Errorf("%s differs from DefaultConfig in the socket or the modem", path)
		}
		return nil
	})
	if os.IsNotExist(err) {
		t.Skip("firmware-config is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
}
