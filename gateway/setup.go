package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
)

// Setup is what a new gateway needs to know of itself.
type Setup struct {
	Dir     string   // where everything is put; made where it is absent, and must be empty
	Hosts   []string // names and IP addresses by which kiosks reach it; they stand in its certificate
	MQTT    string   // address to listen on for kiosks; "" = 0.0.0.0:8883
	Console string   // address of the console; "" = 127.0.0.1:8443
	Modem   string   // serial device; "" = no modem
	MSISDN  string   // the modem's number; "" = not known
}

const tomlHead = `# Made by gateway init. Every key and its meaning stand in the documentation of the package gateway, type Config.
# Secrets are the files intake.identity, ca.key and server.key: keep copies of the first two in a safe, not on this machine.

`

// Init makes a gateway's folder: configuration, intake identity, certificate authority, server certificate and an empty
// database. It overwrites nothing.
func Init(ctx context.Context, s Setup, now time.Time) (err error) {
	if len(s.Hosts) == 0 {
		return errors.New("init: give -host: the names or IP addresses by which kiosks reach this gateway")
	}
	for _, h := range s.Hosts {
		if h == "" || strings.ContainsAny(h, " /:") && net.ParseIP(h) == nil {
			return fmt.Errorf("init: -host %q is neither a name nor an IP address", h)
		}
	}
	if err := emptyDir("init", "dir", s.Dir); err != nil {
		return err
	}
	c := DefaultConfig()
	for _, f := range []struct {
		key *string
		v   string
	}{{&c.MQTT.Listen, s.MQTT}, {&c.Console.Listen, s.Console}, {&c.SMS.Port, s.Modem}, {&c.SMS.MSISDN, s.MSISDN}} {
		if f.v != "" {
			*f.key = f.v
		}
	}
	if err := c.check(); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	id, err := seal.NewIdentity(0)
	if err != nil {
		return err
	}
	secret, err := id.MarshalText()
	if err != nil {
		return err
	}
	defer clear(secret)
	recipient, err := id.Recipient().MarshalText()
	if err != nil {
		return err
	}
	ca, err := newAuthority(now)
	if err != nil {
		return err
	}
	caKey, err := keyPEM(ca.key)
	if err != nil {
		return err
	}
	cert, key, err := ca.issue(s.Hosts[0], s.Hosts, now)
	if err != nil {
		return err
	}
	text, err := toml.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	if err := writeFiles(s.Dir, []file{
		{"intake.identity", secret, true}, {"intake.recipient", recipient, false},
		{"ca.crt", certPEM(ca.cert), false}, {"ca.key", caKey, true},
		{"server.crt", cert, false}, {"server.key", key, true},
		// Last: where it is, everything is.
		{"gateway.toml", append([]byte(tomlHead), text...), false},
	}); err != nil {
		return err
	}
	c, err = LoadConfig(filepath.Join(s.Dir, "gateway.toml"))
	if err != nil {
		return err
	}
	db, err := openStore(ctx, c, id)
	if err != nil {
		return err
	}
	return db.Close()
}

// file is one file of a folder that is made.
type file struct {
	name   string
	text   []byte
	secret bool
}

// writeFiles writes new files and syncs them with their folder.
func writeFiles(dir string, files []file) error {
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := seal.WriteSecret(path, f.text); err != nil {
			return withNext(err)
		}
		if !f.secret {
			if err := os.Chmod(path, 0o644); err != nil {
				return fmt.Errorf("write %s: %w", f.name, err)
			}
		}
	}
	return nil
}

// emptyDir makes dir with mode 0700, or checks that it is empty.
func emptyDir(what, flag, dir string) error {
	if dir == "" {
		return fmt.Errorf("%s: -%s: name a new or empty folder for what is made", what, flag)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("%s: make folder %s: %w", what, dir, withNext(err))
	}
	have, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", what, withNext(err))
	}
	if len(have) > 0 {
		return fmt.Errorf("%s: folder %s is not empty (it has %s): choose another one; nothing was changed", what, dir, have[0].Name())
	}
	return nil
}

// Enrolment is what is known of a new kiosk.
type Enrolment struct {
	Dir      string // where the bundle is put; made where it is absent, and must be empty
	Place    string // where it stands, as officers read it
	Commune  uint32 // official code of that commune, 1 to 99999
	Province uint32 // official code of its province, 1 to 99; 0 = not known, then only the centre sees its reports
	MSISDN   string // number of its SIM; "" = it has no modem
	Broker   string // host:port of the gateway; "" = it has no internet
	Gateway  string // number of the gateway's modem; "" = no SMS
	Modem    string // its serial device; "" = the kiosk's default
}

func (e Enrolment) check() error {
	bad := func(flag, why string) error { return fmt.Errorf("enrol: -%s: %s", flag, why) }
	switch {
	case strings.TrimSpace(e.Place) == "" || len([]rune(e.Place)) > 120:
		return bad("place", "say in at most 120 characters where the kiosk stands")
	case e.Commune == 0 || e.Commune > 99999:
		return bad("commune", "give the official code of the commune, 1 to 99999")
	case e.Province > 99:
		return bad("province", "give the official code of the province, 1 to 99")
	case e.Broker == "" && e.Gateway == "":
		return bad("broker", "give the gateway's host:port, or -gateway-msisdn: without both no report can leave the kiosk")
	case e.Gateway != "" && e.MSISDN == "":
		return bad("msisdn", "give the number of the kiosk's SIM: acks by SMS go to it")
	}
	if e.Broker != "" && !validBroker(e.Broker) {
		return bad("broker", "give host:port, such as gateway.example.vn:8883; a port is a number from 1 to 65535")
	}
	for flag, n := range map[string]string{"msisdn": e.MSISDN, "gateway-msisdn": e.Gateway} {
		if a, err := pdu.ParseAddress(n); n != "" && (err != nil || !a.Answerable()) {
			return bad(flag, `give a phone number such as "+84912345678"`)
		}
	}
	return nil
}

// Enrol gives the next device index to a kiosk, stores its key and number sealed, and writes its bundle: kiosk.toml, the
// recipient, the device's key, and its certificate. It may run while the gateway serves. It returns the device's name.
func Enrol(ctx context.Context, cfg Config, e Enrolment, now time.Time) (name string, err error) {
	if err := e.check(); err != nil {
		return "", err
	}
	id, err := readIdentity(cfg.Intake.Identity)
	if err != nil {
		return "", err
	}
	ca, err := readAuthority(cfg.Enrol, now)
	if err != nil {
		return "", err
	}
	if err := emptyDir("enrol", "out", e.Dir); err != nil {
		return "", err
	}
	db, err := openStore(ctx, cfg, id)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := freeNumber(ctx, db, id, e.MSISDN); err != nil {
		return "", err
	}
	// The bundle is written first, so that no device has an index without one, and outside any transaction: a slow stick
	// must not keep the gateway from its database.
	_, err = db.Enrol(ctx, now, func(index uint32) (intake.Device, error) {
		e.clear() // another enrolment took the index of the bundle that is there
		name = wire.DeviceName(index)
		return bundle(e, id.Recipient(), ca, index, now)
	})
	if err != nil {
		e.clear() // a bundle without a device would be refused in the field, far from here
		return "", err
	}
	return name, nil
}

// clear removes what was written of a bundle. Its keys open nothing.
func (e Enrolment) clear() {
	for _, f := range bundleFiles {
		_ = os.Remove(filepath.Join(e.Dir, f))
	}
}

// bundleFiles are the files of a bundle.
var bundleFiles = []string{"intake.recipient", "device.key", "tls.crt", "tls.key", "ca.crt", "kiosk.toml"}

func bundle(e Enrolment, to seal.Recipient, ca *authority, index uint32, now time.Time) (d intake.Device, err error) {
	psk, err := seal.NewPSK(index, 0)
	if err != nil {
		return d, err
	}
	defer clear(psk.Key[:])
	d = intake.Device{Index: index, Place: e.Place, Province: e.Province, Commune: e.Commune, PSKEpoch: psk.Epoch}
	if d.PSK, err = to.SealAtRest(intake.LabelPSK, psk.Key[:]); err != nil {
		return d, err
	}
	if e.MSISDN != "" {
		a, err := pdu.ParseAddress(e.MSISDN)
		if err != nil {
			return d, err
		}
		if d.MSISDN, err = to.SealAtRest(intake.LabelMSISDN, []byte(a.Number())); err != nil {
			return d, err
		}
	}
	key, err := psk.MarshalText()
	if err != nil {
		return d, err
	}
	defer clear(key)
	recipient, err := to.MarshalText()
	if err != nil {
		return d, err
	}
	cert, tlsKey, err := ca.issue(wire.DeviceName(index), nil, now)
	if err != nil {
		return d, err
	}
	config, err := e.kioskTOML(wire.DeviceName(index))
	if err != nil {
		return d, err
	}
	return d, writeFiles(e.Dir, []file{
		{"intake.recipient", recipient, false}, {"device.key", key, true},
		{"tls.crt", cert, false}, {"tls.key", tlsKey, true}, {"ca.crt", certPEM(ca.cert), false},
		{"kiosk.toml", config, false},
	})
}

// kioskTOML is the kiosk's configuration: what enrolment knows, in the keys of the package device. Its paths are the names
// of the bundle's files; every other key keeps the kiosk's default.
func (e Enrolment) kioskTOML(name string) ([]byte, error) {
	type m = map[string]any
	gw := m{"brokers": []string{}, "msisdn": e.Gateway, "tls_cert": "tls.crt", "tls_key": "tls.key", "tls_ca": "ca.crt"}
	if e.Broker != "" {
		gw["brokers"] = []string{"ssl://" + e.Broker}
	}
	c := m{
		"device":  m{"recipient": "intake.recipient", "key": "device.key", "commune": e.Commune, "place": e.Place},
		"gateway": gw,
	}
	switch {
	case e.MSISDN == "":
		c["modem"] = m{"port": ""}
	case e.Modem != "":
		c["modem"] = m{"port": e.Modem}
	}
	text, err := toml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write the kiosk's configuration: %w", err)
	}
	return append(fmt.Appendf(nil, "# The configuration of %s, made by gateway enrol. Copy the whole folder to the kiosk.\n\n", name), text...), nil
}
