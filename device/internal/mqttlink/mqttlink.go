// Package mqttlink is the relay's link over MQTT 3.1.1 and TLS 1.3. The MQTT client is used for its protocol alone: it
// keeps nothing, connects once and is thrown away with its connection, because its own memory and its own reconnecting
// lose messages and call them sent. The outbox is the memory, and nothing that the broker says is an ack.
package mqttlink

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/langnghe/langnghe/device/internal/relay"
	"github.com/langnghe/langnghe/device/internal/supervise"
	"github.com/langnghe/langnghe/device/wire"
)

// Config is what the link needs. A zero duration takes its default.
type Config struct {
	Device  string   // wire.DeviceName: certificate CN, client ID and topic level
	Brokers []string // "host:port", at least one; tried in an order of chance
	// TLS gives the client certificate and the CA pool. It is called for each connection, so that renewed files are
	// taken without a restart.
	TLS func() (*tls.Config, error)
	// Now judges the validity of certificates: the latest of the clock, the build's time and the last trusted time, as
	// a Pi starts without a clock.
	Now func() time.Time

	PubackWait time.Duration // for the broker to take an envelope, before the connection is given up; 10 s
	Dial       time.Duration // for TCP, TLS and CONNACK together; 15 s
	Backoff    time.Duration // first pause between connections; 1 s, doubled up to 60 s
}

// window is how many Sends may wait for their PUBACK.
const window = 8

// maxInbound bounds the frames that wait to be stored; maxFrame what is kept of one, in bytes (an ack has 129 at most).
const (
	maxInbound = 64
	maxFrame   = 1024
)

// steady is how long a connection must stand for the next one to be tried as soon as after no failure: two devices with
// one name throw each other out for ever, and should not do so every second.
const steady = 10 * time.Second

// Link is a relay.Link. It also carries heartbeats.
type Link struct {
	cfg    Config
	log    *slog.Logger
	places chan struct{}           // one for each Send under way
	frames chan []byte             // from the session to deliver
	up     atomic.Pointer[session] // nil while there is no connection
	state  atomic.Pointer[string]
}

var _ relay.Link = (*Link)(nil)

// New checks cfg. It opens nothing.
func New(cfg Config, log *slog.Logger) (*Link, error) {
	if _, err := wire.ParseDeviceName(cfg.Device); err != nil {
		return nil, fmt.Errorf("mqtt: device name %q: %w", cfg.Device, err)
	}
	if len(cfg.Brokers) == 0 {
		return nil, errors.New("mqtt: no broker is named")
	}
	for _, b := range cfg.Brokers {
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("mqtt: broker %q is not host:port", b)
		}
	}
	if cfg.TLS == nil || cfg.Now == nil {
		return nil, errors.New("mqtt: TLS and Now must be given")
	}
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{{&cfg.PubackWait, 10 * time.Second}, {&cfg.Dial, 15 * time.Second}, {&cfg.Backoff, time.Second}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	l := &Link{cfg: cfg, log: log, places: make(chan struct{}, window), frames: make(chan []byte, maxInbound)}
	l.say("not connected yet")
	return l, nil
}

// Name is relay.MQTT.
func (l *Link) Name() string { return relay.MQTT }

// Ready tells whether there is a connection whose ack subscription stands.
func (l *Link) Ready() bool {
	s := l.up.Load()
	return s != nil && s.client.IsConnectionOpen()
}

// State is empty while the link is up; else one sentence: what is wrong and what to do.
func (l *Link) State() string {
	if l.Ready() {
		return ""
	}
	if s := *l.state.Load(); s != "" {
		return s
	}
	return "the connection has just been lost: trying again"
}

const stopped = "stopped"

// say keeps the sentence of State, and logs it when it is new.
func (l *Link) say(sentence string) {
	old := l.state.Swap(&sentence)
	if old != nil && *old != sentence && sentence != stopped {
		l.log.Warn("mqtt link is down", "reason", sentence)
	}
}

// Send publishes env with QoS 1 and waits for the PUBACK. See relay.Link. nil says that the broker took the bytes, and no
// more: brokers have been seen to say so and lose them.
func (l *Link) Send(ctx context.Context, env wire.Envelope) error {
	select {
	case l.places <- struct{}{}:
		defer func() { <-l.places }()
	case <-ctx.Done():
		return fmt.Errorf("mqtt: %w: %w", relay.ErrNotSent, ctx.Err())
	}
	s := l.up.Load()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("mqtt: %w: %w", relay.ErrNotSent, ctx.Err())
	case s == nil || !s.client.IsConnectionOpen():
		return fmt.Errorf("mqtt: %w: no connection", relay.ErrNotSent)
	}
	// From here on bytes may be on their way: the time for the PUBACK counts, and ctx no longer does.
	return s.publish(wire.TopicReport(l.cfg.Device), 1, env, l.cfg.PubackWait)
}

// Heartbeat publishes h with QoS 0. It returns nil when the bytes were handed to the network; nobody answers them.
func (l *Link) Heartbeat(ctx context.Context, h wire.Heartbeat) error {
	b, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("mqtt: heartbeat: %w", err)
	}
	if len(b) > wire.MaxHeartbeat {
		return fmt.Errorf("mqtt: heartbeat has %d bytes, %d are allowed", len(b), wire.MaxHeartbeat)
	}
	s := l.up.Load()
	if ctx.Err() != nil || s == nil || !s.client.IsConnectionOpen() {
		return fmt.Errorf("mqtt: heartbeat: %w: no connection", relay.ErrNotSent)
	}
	return s.publish(wire.TopicHeartbeat(l.cfg.Device), 0, b, l.cfg.PubackWait)
}

// Run keeps a connection until ctx ends, and returns nil then. It calls deliver for each frame on the ack topic, again
// until it returns nil: with QoS 0 nobody else would repeat the frame soon.
func (l *Link) Run(ctx context.Context, deliver func(context.Context, []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.deliver(ctx, deliver)
	}()
	defer func() { <-done }()
	defer cancel() // also when this goroutine breaks: its supervisor waits for it
	for failed := 0; ctx.Err() == nil; failed++ {
		for _, i := range rand.Perm(len(l.cfg.Brokers)) {
			began := time.Now()
			if l.connect(ctx, l.cfg.Brokers[i]) {
				if time.Since(began) > steady {
					failed = 0
				}
				break
			}
			if ctx.Err() != nil {
				return nil
			}
		}
		rest(ctx, pause(failed, l.cfg.Backoff, rand.Float64()))
	}
	return nil
}

// pause is the time before connection attempt n+1, when the n before it in a row have failed: first, doubled up to 60 s,
// and by chance (in [0, 1)) between half and one and a half of that, so that kiosks whose broker failed together don't
// come back together.
func pause(n int, first time.Duration, chance float64) time.Duration {
	const most = time.Minute
	d := first
	for ; n > 0 && d < most; n-- {
		d *= 2
	}
	return time.Duration(float64(min(d, most)) * (0.5 + chance))
}

// rest waits for d or the end of ctx.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// deliver hands frames on, one after the other. A frame that breaks what reads it is given up: the gateway acks again when
// the envelope comes again.
func (l *Link) deliver(ctx context.Context, deliver func(context.Context, []byte) error) {
	for {
		var frame []byte
		select {
		case frame = <-l.frames:
		case <-ctx.Done():
			return
		}
		for n := 0; ; n++ {
			err := supervise.Call(func() error { return deliver(ctx, frame) })
			var broken *supervise.PanicError
			if errors.As(err, &broken) {
				l.log.Error("a frame from mqtt was given up", "error", err)
				break
			}
			if err == nil {
				break
			}
			if n == 0 {
				l.log.Warn("a frame from mqtt could not be stored; trying again", "error", err)
			}
			rest(ctx, pause(n, l.cfg.Backoff, rand.Float64()))
			if ctx.Err() != nil {
				return
			}
		}
	}
}

// receive takes a frame from the session. It never blocks: what has no room is lost, and the gateway acks again when the
// envelope comes again.
func (l *Link) receive(payload []byte) {
	frame := append([]byte{}, payload[:min(len(payload), maxFrame)]...)
	select {
	case l.frames <- frame:
	default:
	}
}
