package device

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/tomlfile"
)

// Config is the kiosk's one file, kiosk.toml, and its manual. Both processes read it; it holds no secret: secrets are
// files of mode 0600 that it names, and only the device process opens them. Relative paths count from the folder of
// the file. An absent key has the value of DefaultConfig; an unknown key is an error, so that a misspelt one does not
// go unnoticed. Durations are strings such as "90s" or "10m".
type Config struct {
	Device  DeviceConfig  `toml:"device"`
	Gateway GatewayConfig `toml:"gateway"`
	Modem   ModemConfig   `toml:"modem"`
	Relay   RelayConfig   `toml:"relay"`
	Inbox   InboxConfig   `toml:"inbox"`
	Screen  ScreenConfig  `toml:"screen"`
	Health  HealthConfig  `toml:"health"`

	// Build is what the program knows of itself; it stands in no file.
	Build Build `toml:"-"`
}

// Build is the program's version and when it was built, which is the earliest that it can be now. Zero: not known.
type Build struct {
	Version string
	Time    time.Time
}

// DeviceConfig is who this kiosk is and where it keeps what it must not lose.
type DeviceConfig struct {
	// StateDir is the folder of the outbox (outbox.db) and of the last trusted time. It must be on a disk that survives
	// a restart. The device process makes it with mode 0700 where it is absent.
	StateDir string `toml:"state_dir"`
	// Recipient is the file of the intake's public key, made by gateway enrol. It is no secret.
	Recipient string `toml:"recipient"`
	// Key is the file of this device's pre-shared key, made by gateway enrol. Secret. It opens no report.
	Key string `toml:"key"`
	// Commune is the official code of the commune where the kiosk stands, 1 to 99999. It is the place of a report whose
	// reporter named no other.
	Commune uint32 `toml:"commune"`
	// Place is the name of that place as officers read it, at most 120 characters.
	Place string `toml:"place"`
}

// GatewayConfig is how the gateway is reached. Brokers or MSISDN may be empty, but not both.
type GatewayConfig struct {
	// Brokers are the gateway's MQTT addresses, such as "ssl://gateway.example.vn:8883". They are tried in a random order.
	// Empty: no MQTT, everything goes by SMS.
	Brokers []string `toml:"brokers"`
	// MSISDN is the gateway's phone number in international form, such as "+84912345678". Binary messages from this
	// number, and no other, are the gateway's frames. Empty: nothing goes by SMS.
	MSISDN string `toml:"msisdn"`
	// TLSCert is the file of this device's certificate. Its CN is the device's name.
	TLSCert string `toml:"tls_cert"`
	// TLSKey is the file of the certificate's private key. Secret.
	TLSKey string `toml:"tls_key"`
	// TLSCA is the file of the authority that signed the gateway's certificate.
	TLSCA string `toml:"tls_ca"`
}

// ModemConfig is the AT modem.
type ModemConfig struct {
	// Port is the serial device. Empty: this kiosk has no modem.
	Port string `toml:"port"`
	// Baud is the line speed; USB modems ignore it.
	Baud int `toml:"baud"`
	// PINFile is the file of the SIM's PIN. Secret. Empty: the SIM asks for none.
	PINFile string `toml:"pin_file"`
}

// RelayConfig is when envelopes leave.
type RelayConfig struct {
	// SMSAfter is how long an envelope waits for MQTT before SMS may carry it. An urgent one does not wait.
	SMSAfter Duration `toml:"sms_after"`
	// AckTimeoutMQTT and AckTimeoutSMS are how long an ack may take before the envelope is sent again by that link, the
	// first time; later waits grow.
	AckTimeoutMQTT Duration `toml:"ack_timeout_mqtt"`
	AckTimeoutSMS  Duration `toml:"ack_timeout_sms"`
	// Patience is how long a report may go without an ack before it goes by SMS too, though MQTT is up.
	Patience Duration `toml:"patience"`
}

// InboxConfig is about villagers' messages.
type InboxConfig struct {
	// HoldFor is how long the segments of a villager's message wait for the missing ones before they go out as they are.
	HoldFor Duration `toml:"hold_for"`
}

// ScreenConfig is the window, and the socket between it and the device process.
type ScreenConfig struct {
	// Socket is the Unix socket at which the device process serves the screen process.
	Socket string `toml:"socket"`
	// User is the name of the user that the screen process runs as; besides it only root and the device process's own
	// user may connect. Empty: only those two. It must belong to the device process's group, which the socket is open to.
	User string `toml:"user"`
	// Size is the window's size in pixels, "1024x600" or "800x480".
	Size string `toml:"size"`
	// Fullscreen fills the display and ignores Size.
	Fullscreen bool `toml:"fullscreen"`
	// IdleAfter is how long nobody touches the screen before everything that was typed is wiped.
	IdleAfter Duration `toml:"idle_after"`
}

// HealthConfig is what the kiosk says of itself.
type HealthConfig struct {
	// HeartbeatEvery is the time between two heartbeats over MQTT.
	HeartbeatEvery Duration `toml:"heartbeat_every"`
	// LogLevel is "debug", "info", "warn" or "error". No level shows what a report says.
	LogLevel string `toml:"log_level"`
}

// Duration is a time.Duration that is written as a string.
type Duration struct{ time.Duration }

// UnmarshalText reads "90s".
func (d *Duration) UnmarshalText(b []byte) (err error) {
	if d.Duration, err = time.ParseDuration(string(b)); err != nil {
		return errors.New(`want a duration such as "90s" or "10m"`)
	}
	return nil
}

// MarshalText writes "1m30s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.Duration.String()), nil }

func seconds(n int) Duration { return Duration{time.Duration(n) * time.Second} }

// DefaultConfig is the configuration of an absent key. Its paths are those of an enrolled bundle.
func DefaultConfig() Config {
	return Config{
		Device:  DeviceConfig{StateDir: "state", Recipient: "intake.recipient", Key: "device.key"},
		Gateway: GatewayConfig{TLSCert: "tls.crt", TLSKey: "tls.key", TLSCA: "ca.crt"},
		Modem:   ModemConfig{Port: "/dev/kiosk/modem-at", Baud: 115200},
		Relay:   RelayConfig{SMSAfter: seconds(20), AckTimeoutMQTT: seconds(10), AckTimeoutSMS: seconds(180), Patience: seconds(600)},
		Inbox:   InboxConfig{HoldFor: seconds(600)},
		Screen: ScreenConfig{
			Socket: "/run/langnghe/kiosk.sock", Size: "1024x600", Fullscreen: true, IdleAfter: seconds(45),
		},
		Health: HealthConfig{HeartbeatEvery: seconds(60), LogLevel: "info"},
	}
}

// LoadConfig reads and checks the file at path. It opens no other file, so the screen process may call it too. Every
// error names the key, and the line where there is one.
func LoadConfig(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("configuration can't be read: %w; make it with gateway enrol, or correct -config", err)
	}
	name, c := filepath.Base(path), DefaultConfig()
	if err := tomlfile.Decode(name, text, &c); err != nil {
		return Config{}, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	c.resolve(filepath.Dir(abs))
	if err := c.check(); err != nil {
		return Config{}, tomlfile.At(name, text, err)
	}
	return c, nil
}

// resolve makes every path absolute, counted from dir.
func (c *Config) resolve(dir string) {
	tomlfile.Resolve(dir,
		&c.Device.StateDir, &c.Device.Recipient, &c.Device.Key, &c.Gateway.TLSCert, &c.Gateway.TLSKey, &c.Gateway.TLSCA,
		&c.Modem.Port, &c.Modem.PINFile, &c.Screen.Socket)
}

// check tells what is missing or out of range, naming the key. Files are looked at by New.
func (c *Config) check() error {
	bad := tomlfile.Bad
	switch {
	case c.Device.StateDir == "":
		return bad("device.state_dir", "name the folder where reports are kept until the gateway has them")
	case c.Device.Commune == 0 || c.Device.Commune > 99999:
		return bad("device.commune", "give the official code of the commune, 1 to 99999")
	case len([]rune(c.Device.Place)) > 120:
		return bad("device.place", "at most 120 characters")
	case len(c.Gateway.Brokers) == 0 && c.Gateway.MSISDN == "":
		return bad("gateway.brokers", "give a broker or gateway.msisdn: without both no report can leave this kiosk")
	case c.Gateway.MSISDN != "" && c.Modem.Port == "":
		return bad("modem.port", "gateway.msisdn is set, so a modem is needed: name its serial device")
	case c.Modem.Baud <= 0:
		return bad("modem.baud", "give a speed such as 115200")
	case c.Screen.Socket == "":
		return bad("screen.socket", "name the socket between the device and the screen process")
	case len(c.Screen.Socket) > 107:
		return bad("screen.socket", "a Unix socket's path has at most 107 bytes: choose a shorter one")
	}
	for _, b := range c.Gateway.Brokers {
		u, err := url.Parse(b)
		if err != nil || u.Scheme != "ssl" && u.Scheme != "tls" && u.Scheme != "mqtts" || u.Port() == "" || u.Hostname() == "" {
			return bad("gateway.brokers", `each is like "ssl://gateway.example.vn:8883"; reports never go without TLS`)
		}
	}
	if c.Gateway.MSISDN != "" {
		if a, err := pdu.ParseAddress(c.Gateway.MSISDN); err != nil || a.Alpha != "" {
			return bad("gateway.msisdn", `give a phone number such as "+84912345678"`)
		}
	}
	if _, _, err := c.Screen.Pixels(); err != nil {
		return bad("screen.size", err.Error())
	}
	switch c.Health.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		return bad("health.log_level", `want "debug", "info", "warn" or "error"`)
	}
	for _, d := range []struct {
		key      string
		v        Duration
		min, max time.Duration
	}{
		{"relay.sms_after", c.Relay.SMSAfter, time.Second, time.Hour},
		{"relay.ack_timeout_mqtt", c.Relay.AckTimeoutMQTT, 100 * time.Millisecond, time.Hour},
		{"relay.ack_timeout_sms", c.Relay.AckTimeoutSMS, time.Second, 24 * time.Hour},
		{"relay.patience", c.Relay.Patience, time.Second, 24 * time.Hour},
		{"inbox.hold_for", c.Inbox.HoldFor, time.Second, 24 * time.Hour},
		{"screen.idle_after", c.Screen.IdleAfter, time.Second, time.Hour},
		{"health.heartbeat_every", c.Health.HeartbeatEvery, time.Second, time.Hour},
	} {
		if d.v.Duration < d.min || d.v.Duration > d.max {
			return bad(d.key, fmt.Sprintf("want %v to %v", d.min, d.max))
		}
	}
	return nil
}

// Pixels is the window's width and height.
func (s ScreenConfig) Pixels() (width, height int, err error) {
	if n, err := fmt.Sscanf(s.Size, "%dx%d", &width, &height); n != 2 || err != nil || fmt.Sprintf("%dx%d", width, height) != s.Size ||
		width < 320 || height < 240 || width > 7680 || height > 4320 {
		return 0, 0, errors.New(`want width and height such as "1024x600"`)
	}
	return width, height, nil
}
