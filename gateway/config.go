package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/tomlfile"
)

// Config is the gateway's one file, gateway.toml, and its manual. It holds no secret: secrets are files of mode 0600 that
// it names. Relative paths count from the folder of the file. An absent key has the value of DefaultConfig; an unknown key
// is an error, so that a misspelt one does not go unnoticed.
type Config struct {
	Gateway GatewayConfig `toml:"gateway"`
	Intake  IntakeConfig  `toml:"intake"`
	MQTT    MQTTConfig    `toml:"mqtt"`
	SMS     SMSConfig     `toml:"sms"`
	Console ConsoleConfig `toml:"console"`
	Enrol   EnrolConfig   `toml:"enrol"`
}

// GatewayConfig is where the gateway keeps what it must not lose.
type GatewayConfig struct {
	// DataDir is the folder of the database (gateway.db) and of the broker's store (mqtt). It is made with mode 0700 where
	// it is absent. It must be on a disk that survives a restart; it holds no word of a report in clear.
	DataDir string `toml:"data_dir"`
	// LogLevel is "debug", "info", "warn" or "error". No level shows what a report says.
	LogLevel string `toml:"log_level"`
}

// IntakeConfig is who can open reports.
type IntakeConfig struct {
	// Identity is the file of the intake's private key. Secret. Whoever has it and the database can read every report;
	// without it nobody can: keep a copy in a safe.
	Identity string `toml:"identity"`
}

// MQTTConfig is the embedded broker.
type MQTTConfig struct {
	// Listen is the address for the kiosks, such as "0.0.0.0:8883". Empty: no MQTT, kiosks reach this gateway by SMS only.
	Listen string `toml:"listen"`
	// Cert and Key are the files of the server's certificate and of its private key. The key is secret.
	Cert string `toml:"cert"`
	Key  string `toml:"key"`
	// CA is the file of the authority that signs the kiosks' certificates.
	CA string `toml:"ca"`
	// MaxConn bounds the connections; 0 is 65,536. The process needs twice as many file descriptors.
	MaxConn int `toml:"max_conn"`
}

// SMSConfig is the gateway's own AT modem.
type SMSConfig struct {
	// Port is the modem's serial device. Empty: this gateway has no modem.
	Port string `toml:"port"`
	// Baud is the line speed; USB modems ignore it.
	Baud int `toml:"baud"`
	// PINFile is the file of the SIM's PIN. Secret. Empty: the SIM asks for none.
	PINFile string `toml:"pin_file"`
	// MSISDN is the modem's own number, such as "+84912345678". It is never answered.
	MSISDN string `toml:"msisdn"`
}

// ConsoleConfig is the officers' web console.
type ConsoleConfig struct {
	// Listen is the console's address. Without a certificate it must be a loopback address.
	Listen string `toml:"listen"`
	// Cert and Key are the files of its certificate and private key, both or neither. The key is secret.
	Cert string `toml:"cert"`
	Key  string `toml:"key"`
}

// EnrolConfig is what gateway enrol signs kiosks' certificates with. gateway serve does not read it: the files may lie on
// another machine or a stick.
type EnrolConfig struct {
	// CA and CAKey are the files of the authority's certificate and private key. The key is secret.
	CA    string `toml:"ca"`
	CAKey string `toml:"ca_key"`
}

// DefaultConfig is the configuration of an absent key. Its paths are those that gateway init makes.
func DefaultConfig() Config {
	return Config{
		Gateway: GatewayConfig{DataDir: "data", LogLevel: "info"},
		Intake:  IntakeConfig{Identity: "intake.identity"},
		MQTT:    MQTTConfig{Listen: "0.0.0.0:8883", Cert: "server.crt", Key: "server.key", CA: "ca.crt"},
		SMS:     SMSConfig{Baud: 115200},
		Console: ConsoleConfig{Listen: "127.0.0.1:8443"},
		Enrol:   EnrolConfig{CA: "ca.crt", CAKey: "ca.key"},
	}
}

// LoadConfig reads and checks the file at path; it opens no other file. Every error names the key, and the line where there
// is one.
func LoadConfig(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("configuration can't be read: %w; make it with gateway init, or correct -config", err)
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
		&c.Gateway.DataDir, &c.Intake.Identity, &c.MQTT.Cert, &c.MQTT.Key, &c.MQTT.CA, &c.SMS.Port, &c.SMS.PINFile,
		&c.Console.Cert, &c.Console.Key, &c.Enrol.CA, &c.Enrol.CAKey)
}

// check tells what is missing or out of range, naming the key. Files are looked at by New.
func (c *Config) check() error {
	bad := tomlfile.Bad
	switch {
	case c.Gateway.DataDir == "":
		return bad("gateway.data_dir", "name the folder where reports are kept")
	case c.Intake.Identity == "":
		return bad("intake.identity", "name the file of the intake's private key")
	case c.MQTT.Listen == "" && c.SMS.Port == "":
		return bad("mqtt.listen", "give an address or sms.port: without both no report can come in")
	case c.MQTT.Listen != "" && (c.MQTT.Cert == "" || c.MQTT.Key == "" || c.MQTT.CA == ""):
		return bad("mqtt.cert", "mqtt.listen is set, so mqtt.cert, mqtt.key and mqtt.ca are needed")
	case c.MQTT.MaxConn < 0:
		return bad("mqtt.max_conn", "give a number of connections, or 0")
	case (c.Console.Cert == "") != (c.Console.Key == ""):
		return bad("console.cert", "give both console.cert and console.key, or neither")
	case c.SMS.Baud <= 0:
		return bad("sms.baud", "give a speed such as 115200")
	}
	if c.MQTT.Listen != "" {
		if _, _, err := net.SplitHostPort(c.MQTT.Listen); err != nil {
			return bad("mqtt.listen", `give host and port, such as "0.0.0.0:8883"`)
		}
	}
	if _, _, err := net.SplitHostPort(c.Console.Listen); err != nil {
		return bad("console.listen", `give host and port, such as "127.0.0.1:8443"`)
	}
	if c.SMS.MSISDN != "" {
		if a, err := pdu.ParseAddress(c.SMS.MSISDN); err != nil || a.Alpha != "" {
			return bad("sms.msisdn", `give a phone number such as "+84912345678"`)
		}
	}
	if _, err := c.Level(); err != nil {
		return bad("gateway.log_level", `want "debug", "info", "warn" or "error"`)
	}
	return nil
}

// Level is the log level.
func (c *Config) Level() (slog.Level, error) {
	var l slog.Level
	switch c.Gateway.LogLevel {
	case "debug", "info", "warn", "error":
		return l, l.UnmarshalText([]byte(c.Gateway.LogLevel))
	}
	return l, errors.New("no log level")
}

func (c *Config) database() string { return filepath.Join(c.Gateway.DataDir, "gateway.db") }

func (c *Config) brokerDir() string { return filepath.Join(c.Gateway.DataDir, "mqtt") }
