// Package gateway is the server's composition root: it opens the store, and wires intake, the embedded MQTT broker, the
// modem and the officers' console to it. It is crash-only: whatever fails ends the process, and the next start takes up
// what is stored by the path that it always goes.
package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/langnghe/langnghe/device/modem"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/internal/console"
	"github.com/langnghe/langnghe/gateway/internal/mqttin"
	"github.com/langnghe/langnghe/gateway/internal/smsin"
	"github.com/langnghe/langnghe/gateway/internal/store"
	"github.com/langnghe/langnghe/gateway/triage"
)

// Gateway is the server.
type Gateway struct {
	log     *slog.Logger
	store   *store.Store
	intake  *intake.Intake
	mqtt    *mqttin.Server // nil: no MQTT
	sms     *smsin.Link    // nil: no modem
	console *console.Console
	fleet   *fleet
}

// New opens the store, the ports and the files that cfg names. Nobody is let in before Run; who does not call Run calls
// Close. ctx bounds what is asked of the store at logins, until Run ends. Errors are sentences for the person who runs the
// gateway.
func New(ctx context.Context, cfg Config, log *slog.Logger) (_ *Gateway, err error) {
	g := &Gateway{log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.Close())
		}
	}()
	id, err := readIdentity(cfg.Intake.Identity)
	if err != nil {
		return nil, err
	}
	if g.store, err = openStore(ctx, cfg, id); err != nil {
		return nil, err
	}
	g.fleet = newFleet(g.store)
	ackers := map[string]intake.Acker{}
	icfg := intake.Config{Store: g.store, Identity: id, Ackers: ackers, Log: log.With("part", "intake")}

	if cfg.MQTT.Listen != "" {
		if g.mqtt, err = g.openMQTT(ctx, cfg.MQTT, cfg.brokerDir()); err != nil {
			return nil, err
		}
		ackers[intake.LinkMQTT] = mqttAcker{g.mqtt}
	}
	if cfg.SMS.Port != "" {
		if g.sms, err = g.openSMS(cfg.SMS); err != nil {
			return nil, err
		}
		ackers[intake.LinkSMS] = g.sms
		icfg.Answerer = g.sms
		quiet, err := newQuiet(g.store, id, cfg.SMS.MSISDN)
		if err != nil {
			return nil, err
		}
		icfg.Silent = quiet.silent
	}
	if g.intake, err = intake.New(icfg); err != nil {
		return nil, err
	}
	if g.console, err = g.openConsole(cfg.Console); err != nil {
		return nil, err
	}
	return g, nil
}

func readIdentity(path string) (id seal.Identity, err error) {
	text, err := seal.ReadSecret(path)
	if err != nil {
		return id, fmt.Errorf("intake.identity: %w", ifAbsent(err, "restore the copy from the safe, or correct the path; a new one would open no report that is stored"))
	}
	defer clear(text)
	if err := id.UnmarshalText(text); err != nil {
		return id, fmt.Errorf("intake.identity %s: %w: restore the copy from the safe, or correct the path", path, err)
	}
	return id, nil
}

// readPair reads a certificate and its key, and refuses a key that others may read.
func readPair(what, cert, key string) (tls.Certificate, error) {
	c, err := os.ReadFile(cert)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s.cert can't be read: %w: restore it with its key, or correct the path", what, err)
	}
	k, err := seal.ReadSecret(key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s.key: %w", what, ifAbsent(err, "restore it with its certificate, or correct the path"))
	}
	defer clear(k)
	pair, err := tls.X509KeyPair(c, k)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s.cert %s and %s.key do not belong together or are damaged: %w", what, cert, what, err)
	}
	return pair, nil
}

func (g *Gateway) openMQTT(ctx context.Context, cfg MQTTConfig, dir string) (*mqttin.Server, error) {
	pair, err := readPair("mqtt", cfg.Cert, cfg.Key)
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(cfg.CA)
	if err != nil {
		return nil, fmt.Errorf("mqtt.ca can't be read: %w: restore the copy of ca.crt, or correct the path", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("mqtt.ca %s holds no certificate", cfg.CA)
	}
	known := func(device string) bool {
		index, err := wire.ParseDeviceName(device)
		if err != nil {
			return false
		}
		if _, err = g.store.Device(ctx, index); err != nil && !errors.Is(err, intake.ErrNoDevice) {
			g.log.Error("a device could not be looked up at its login", "device", device, "error", err)
		}
		return err == nil
	}
	deliver := func(ctx context.Context, device string, payload []byte) error {
		return g.intake.Receive(ctx, intake.Arrival{Link: intake.LinkMQTT, From: device, Raw: report.Words(payload)})
	}
	return mqttin.New(mqttin.Config{Listen: cfg.Listen, StoreDir: dir, Cert: pair, ClientCAs: pool, MaxConn: cfg.MaxConn},
		known, deliver, g.fleet.beat, g.log.With("part", "mqtt"))
}

func (g *Gateway) openSMS(cfg SMSConfig) (*smsin.Link, error) {
	mc := modem.Config{Port: cfg.Port, Baud: cfg.Baud}
	if cfg.PINFile != "" {
		pin, err := seal.ReadSecret(cfg.PINFile)
		if err != nil {
			return nil, fmt.Errorf("sms.pin_file: %w", ifAbsent(err, "write the SIM's PIN into it, with mode 0600"))
		}
		mc.PIN = strings.TrimSpace(string(pin))
		clear(pin)
	}
	log := g.log.With("part", "modem")
	m, err := modem.New(mc, log)
	if err != nil {
		return nil, err
	}
	receive := func(ctx context.Context, tpdu []byte) error {
		return g.intake.Receive(ctx, intake.Arrival{Link: intake.LinkSMS, Raw: report.Words(tpdu)})
	}
	return smsin.New(m, receive, log), nil
}

func (g *Gateway) openConsole(cfg ConsoleConfig) (*console.Console, error) {
	cc := console.Config{Listen: cfg.Listen}
	if cfg.Cert != "" {
		pair, err := readPair("console", cfg.Cert, cfg.Key)
		if err != nil {
			return nil, err
		}
		cc.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	return console.New(cc, console.Parts{
		Desk:       triage.NewDesk(g.store, g.intake.Vault(), g.intake.Opener(), nil),
		Accounts:   accounts{g.store},
		Fleet:      g.fleet,
		Quarantine: quarantine{g.store},
	}, g.log.With("part", "console"))
}

// ConsoleURL is where an officer's browser finds the console.
func (g *Gateway) ConsoleURL() string { return g.console.URL() }

// MQTTAddr is where kiosks find the broker; empty where there is none.
func (g *Gateway) MQTTAddr() string {
	if g.mqtt == nil {
		return ""
	}
	return g.mqtt.Addr()
}

// Run serves until ctx ends, then returns nil, or until a part fails, then returns its error: the process should end and
// start again. It closes the gateway.
func (g *Gateway) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, g.Close()) }()
	run, stop := errgroup.WithContext(ctx)
	run.Go(func() error { return g.intake.Run(stop) })
	run.Go(func() error { return g.fleet.run(stop, g.log) })
	run.Go(func() error { return g.console.Run(stop) })
	run.Go(func() error {
		// The console has listened since New; nobody is told that the gateway is up before kiosks can come in as well.
		select {
		case <-g.opened():
		case <-stop.Done():
			return nil
		}
		g.log.Info("the gateway is up", "console", g.ConsoleURL(), "mqtt", g.MQTTAddr())
		return g.watch(stop)
	})
	if g.mqtt != nil {
		run.Go(func() error { return g.mqtt.Run(stop) })
	}
	if g.sms != nil {
		// A modem that is missing is not an error: it is looked for until it comes, and MQTT goes on.
		run.Go(func() error { return g.sms.Run(stop) })
	}
	err = run.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// opened is closed when kiosks can log in; where there is no MQTT it is closed already.
func (g *Gateway) opened() <-chan struct{} {
	if g.mqtt != nil {
		return g.mqtt.Opened()
	}
	none := make(chan struct{})
	close(none)
	return none
}

// Close frees what New opened. Run does it too, at its end.
func (g *Gateway) Close() error {
	var errs []error
	if g.mqtt != nil {
		g.mqtt.Close()
	}
	if g.console != nil {
		// Run has closed the listener already: that is no error.
		_ = g.console.Close()
	}
	if g.store != nil {
		errs = append(errs, g.store.Close())
	}
	return errors.Join(errs...)
}

// flushEvery is how often heartbeats go to disk: the last few seconds of them may be lost.
const flushEvery = 3 * time.Second
