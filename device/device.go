package device

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/langnghe/langnghe/device/internal/health"
	"github.com/langnghe/langnghe/device/internal/inbox"
	"github.com/langnghe/langnghe/device/internal/mqttlink"
	"github.com/langnghe/langnghe/device/internal/outbox"
	"github.com/langnghe/langnghe/device/internal/relay"
	"github.com/langnghe/langnghe/device/internal/smslink"
	"github.com/langnghe/langnghe/device/internal/supervise"
	"github.com/langnghe/langnghe/device/modem"
	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
)

// Device is the appliance without its screen.
type Device struct {
	cfg    Config
	log    *slog.Logger
	clock  *health.Clock
	sealer *seal.Sealer
	outbox *outbox.Outbox
	inbox  *inbox.Inbox
	relay  *relay.Relay
	health *health.Health
	links  []relay.Link

	modem *modem.Modem   // nil: this kiosk has none
	sms   *smslink.Link  // nil where modem is
	mqtt  *mqttlink.Link // nil: no broker is configured
}

// New reads the keys and opens the outbox; it starts nothing. Its error is one sentence with what to do next. What may
// come back by itself is no error: a missing modem, a broker that is away, an expired certificate. Without them the
// kiosk takes and keeps reports all the same.
func New(cfg Config, log *slog.Logger) (*Device, error) {
	if err := os.MkdirAll(cfg.Device.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w: check the disk and device.state_dir", err)
	}
	d := &Device{cfg: cfg, log: log, clock: health.OpenClock(filepath.Join(cfg.Device.StateDir, "clock"), cfg.Build.Time)}
	recipient, psk, err := readKeys(cfg.Device)
	if err != nil {
		return nil, err
	}
	defer clear(psk.Key[:])
	d.sealer = seal.NewSealer(recipient, psk)
	var gateway pdu.Address
	if cfg.Gateway.MSISDN != "" {
		if gateway, err = pdu.ParseAddress(cfg.Gateway.MSISDN); err != nil {
			return nil, fmt.Errorf("key %q: %w", "gateway.msisdn", err)
		}
	}
	if len(cfg.Gateway.Brokers) > 0 {
		if err := d.newMQTT(wire.DeviceName(psk.Device)); err != nil {
			return nil, err
		}
	}
	if cfg.Modem.Port != "" {
		if err := d.newModem(); err != nil {
			return nil, err
		}
	}
	// Last, as it is what must be closed.
	if d.outbox, err = outbox.Open(filepath.Join(cfg.Device.StateDir, "outbox.db")); err != nil {
		return nil, err
	}
	d.inbox = inbox.New(inbox.Options{
		Outbox: d.outbox, Sealer: d.sealer, Gateway: gateway, Time: d.now, HoldFor: cfg.Inbox.HoldFor.Duration,
		Released: func() { d.relay.Wake() },
		Listing:  func() bool { return d.modem != nil && allFree(d.modem.Status()) },
		Log:      log.With("part", "inbox"),
	})
	if d.mqtt != nil {
		d.links = append(d.links, d.mqtt)
	}
	if d.modem != nil {
		d.sms = smslink.New(smslink.Options{
			Send: d.modem.Send, Ready: d.modem.Ready, Gateway: gateway, Inbox: d.inbox, Log: log.With("part", "sms"),
		})
		if cfg.Gateway.MSISDN != "" {
			d.links = append(d.links, d.sms)
		}
	}
	d.relay = relay.New(d.outbox, d.links, relay.Config{
		SMSAfter: cfg.Relay.SMSAfter.Duration, MQTTAckWait: cfg.Relay.AckTimeoutMQTT.Duration,
		SMSAckWait: cfg.Relay.AckTimeoutSMS.Duration, Patience: cfg.Relay.Patience.Duration,
	}, log.With("part", "relay"))
	o := health.Options{
		Outbox: d.outbox, Clock: d.clock, Every: cfg.Health.HeartbeatEvery.Duration, Program: cfg.Build.Version,
		Look: d.look, Log: log.With("part", "health"),
	}
	if d.mqtt != nil {
		o.Send = d.mqtt.Heartbeat
	}
	d.health = health.New(o)
	return d, nil
}

func readKeys(c DeviceConfig) (to seal.Recipient, psk seal.PSK, err error) {
	text, err := os.ReadFile(c.Recipient)
	if err != nil {
		return to, psk, fmt.Errorf("the intake's public key can't be read: %w: make a bundle with gateway enrol, or correct device.recipient", err)
	}
	if err := to.UnmarshalText(text); err != nil {
		return to, psk, fmt.Errorf("%s: %w: make a new bundle with gateway enrol", c.Recipient, err)
	}
	secret, err := seal.ReadSecret(c.Key)
	if err != nil {
		return to, psk, ifAbsent(err, "copy it again from this kiosk's bundle, which gateway enrol made, or correct device.key")
	}
	defer clear(secret)
	if err := psk.UnmarshalText(secret); err != nil {
		return to, psk, fmt.Errorf("%s: %w: make a new bundle with gateway enrol", c.Key, err)
	}
	return to, psk, nil
}

func (d *Device) newMQTT(name string) error {
	brokers := make([]string, len(d.cfg.Gateway.Brokers))
	for i, b := range d.cfg.Gateway.Brokers {
		_, brokers[i], _ = strings.Cut(b, "://") // check has seen that it is there
	}
	// A key that others may read is refused now, while a technician looks. An expired certificate is not: the kiosk still
	// has its modem, and a gateway that renews it.
	if _, err := tlsConfig(d.cfg.Gateway); err != nil {
		return err
	}
	var err error
	d.mqtt, err = mqttlink.New(mqttlink.Config{
		Device: name, Brokers: brokers, Now: d.clock.Now, TLS: tlsConfigOf(d.cfg.Gateway),
	}, d.log.With("part", "mqtt"))
	return err
}

func (d *Device) newModem() error {
	c := modem.Config{Port: d.cfg.Modem.Port, Baud: d.cfg.Modem.Baud}
	if d.cfg.Modem.PINFile != "" {
		pin, err := seal.ReadSecret(d.cfg.Modem.PINFile)
		if err != nil {
			return fmt.Errorf("modem.pin_file: %w", ifAbsent(err, "write the SIM's PIN into it, with mode 0600"))
		}
		c.PIN = strings.TrimSpace(string(pin))
	}
	var err error
	d.modem, err = modem.New(c, d.log.With("part", "modem"))
	return err
}

// now is the coarse time of this moment.
func (d *Device) now() report.Bucket { return report.NewBucket(d.clock.Now(), d.clock.Trusted()) }

// look tells health what the links and the modem are like.
func (d *Device) look(b *wire.Heartbeat) (network time.Time) {
	b.Link = relay.MQTT
	b.Signal = 99
	if d.modem == nil {
		return time.Time{}
	}
	s := d.modem.Status()
	b.Modem, b.ModemOpen, b.Signal, b.Registered = cut(s.Reason, 400), s.Open, s.Signal, s.Registered
	return s.NetworkTime
}

// allFree says that the modem lists its messages, and that none of those that it has shown is still in it.
func allFree(s modem.Status) bool { return s.Open && s.Kept == 0 }

// cut is the start of s, at most n bytes and not within a letter.
func cut(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// Run runs the device until ctx ends, then returns nil when all its tasks have returned; the one other return is the error
// of a task without which the process must start anew. What New found waiting in the outbox is due at once, by the
// same path as everything else.
func (d *Device) Run(ctx context.Context) error {
	talk := newTalk(d)
	tasks := []supervise.Task{
		{Name: "relay", Run: d.relay.Run},
		{Name: "health", Run: d.health.Run},
		{Name: "talk", Fenced: true, Run: func(ctx context.Context) error { return d.inbox.Run(ctx, talk.handle) }},
	}
	if d.modem != nil {
		tasks = append(tasks,
			supervise.Task{Name: "modem", Fenced: true, Run: func(ctx context.Context) error {
				return d.modem.Run(ctx, func(ctx context.Context, in modem.Inbound) error { return d.inbox.Receive(ctx, in.TPDU) })
			}},
			supervise.Task{Name: "link:sms", Fenced: true, Run: func(ctx context.Context) error { return d.sms.Run(ctx, d.relay.Deliver) }})
	}
	if d.mqtt != nil {
		tasks = append(tasks, supervise.Task{Name: "link:mqtt", Fenced: true, Run: func(ctx context.Context) error {
			return d.mqtt.Run(ctx, d.relay.Deliver)
		}})
	}
	d.log.Info("the kiosk is up", "version", d.cfg.Build.Version)
	defer d.log.Info("the kiosk stops")
	return supervise.Run(ctx, d.log, tasks...)
}

// Close closes the outbox. Call it after Run has returned.
func (d *Device) Close() error { return d.outbox.Close() }

// Status is what the screen and a technician may know. Nothing in it tells what a report says.
type Status struct {
	CanStore bool   // a report would be stored now
	Why      string // one sentence where CanStore is false
	Online   bool   // some link to the gateway is up
	MQTT     string // one sentence where MQTT is configured and down
	Modem    string // one sentence where a modem is configured and not usable
	Waiting  int    // envelopes that no ack has ended yet
	Acked    int    // envelopes that an ack has ended, ever
	ClockOK  bool   // the clock is trusted
}

// Status never blocks.
func (d *Device) Status() Status {
	h := d.health.State()
	s := Status{CanStore: h.CanStore == nil, Waiting: h.Counts.Waiting, Acked: h.Counts.Acked, ClockOK: h.ClockOK}
	if h.CanStore != nil {
		s.Why = h.CanStore.Error()
	}
	for _, l := range d.links {
		s.Online = s.Online || l.Ready()
	}
	if d.mqtt != nil {
		s.MQTT = d.mqtt.State()
	}
	if d.modem != nil {
		s.Modem = d.modem.Status().Reason
	}
	return s
}
