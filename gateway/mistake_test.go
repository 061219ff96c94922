package gateway

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// said checks that an error is one line with want in it and nothing of never.
func said(t *testing.T, what string, err error, want, never string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || never != "" && strings.Contains(err.Error(), never) {
		t.Errorf("%s: got %v, want one line with %q", what, err, want)
	}
}

// commands runs all that opens the database.
func commands(t *testing.T, cfg Config) map[string]error {
	t.Helper()
	g, serve := New(t.Context(), cfg, discard)
	if serve == nil {
		serve = errors.Join(errors.New("it serves"), g.Close())
	}
	_, enrol := Enrol(t.Context(), cfg, Enrolment{Dir: filepath.Join(t.TempDir(), "b"), Place: "Trường", Commune: 26734, Broker: "localhost:8883"}, time.Now())
	_, officer := AddOfficer(t.Context(), cfg, NewOfficer{User: "hoa", Role: "duty", Scope: "national"})
	return map[string]error{"serve": serve, "enrol": enrol, "officer add": officer}
}

// Nothing may be sealed to an identity that does not open the rest: neither a device's key nor an SMS.
func TestForeignIdentityIsRefusedBeforeAnythingIsSealedToIt(t *testing.T) {
	_, cfg := made(t, Setup{})
	_, other := made(t, Setup{})
	enrolled(t, cfg, Enrolment{Broker: "localhost:8883"})
	wrong := cfg
	wrong.Intake.Identity = other.Intake.Identity
	for what, err := range commands(t, wrong) {
		said(t, what, err, "is not the one that the database", "")
		said(t, what, err, "restore the copy from the safe", "gateway enrol")
	}
	for what, err := range commands(t, cfg) {
		if err != nil && err.Error() != "it serves" {
			t.Errorf("%s with the right identity: %v", what, err)
		}
	}
}

// A hint to "make it" cost the reports of a whole fleet: there is one identity, and its copy lies in a safe.
func TestLostSecretsAreSaidWithTheirOwnNextStep(t *testing.T) {
	dir, cfg := made(t, Setup{})
	absent := filepath.Join(dir, "absent")
	c := cfg
	c.Intake.Identity = absent
	for what, err := range commands(t, c) {
		said(t, what, err, "restore the copy from the safe", "enrol")
	}
	c = cfg
	c.Enrol.CAKey = absent
	said(t, "ca.key", commands(t, c)["enrol"], "it is kept offline: bring it", "")
	c = cfg
	c.SMS.Port, c.SMS.PINFile = "/dev/absent", absent
	said(t, "PIN", commands(t, c)["serve"], "write the SIM's PIN into it", "")
	c = cfg
	c.MQTT.Key = absent
	said(t, "server.key", commands(t, c)["serve"], "mqtt.key: secret file "+absent+" can't be read: no such file or directory: restore it", "")
}

func TestLostDatabaseIsNotMadeAnew(t *testing.T) {
	dir, cfg := made(t, Setup{})
	g, err := New(t.Context(), cfg, discard)
	must(t, err)
	must(t, g.Close())
	must(t, os.Remove(cfg.database()))
	for what, err := range commands(t, cfg) {
		said(t, what, err, "restore its last backup", "")
	}
	cfg.Gateway.DataDir = write(t, dir, "file", "x")
	for what, err := range commands(t, cfg) {
		said(t, what, err, "is a file: name a folder", "")
	}
}

func TestOneNumberIsOneKiosk(t *testing.T) {
	dir, cfg := made(t, Setup{})
	enrolled(t, cfg, Enrolment{Broker: "localhost:8883", MSISDN: kioskNumber, Gateway: gatewayNumber})
	again := Enrolment{Dir: filepath.Join(dir, "b"), Place: "Trường", Commune: 26734, MSISDN: "0900 000 001", Gateway: gatewayNumber}
	_, err := Enrol(t.Context(), cfg, again, time.Now())
	said(t, "the same number written in another way", err, "d000001 has this number already", kioskNumber)
	again.MSISDN = villager
	if _, err := Enrol(t.Context(), cfg, again, time.Now()); err != nil {
		t.Errorf("another number into the same folder: %v", err)
	}
}

func TestBrokerThatTheCertificateIsNotForIsWarnedOf(t *testing.T) {
	_, cfg := made(t, Setup{})
	for broker, warns := range map[string]bool{"localhost:8883": false, "127.0.0.1:1": false, "": false, "gw.example.vn:8883": true, "10.0.0.1:1": true} {
		if w := BrokerWarning(cfg, broker); (w != "") != warns {
			t.Errorf("%q: %q", broker, w)
		}
	}
}
