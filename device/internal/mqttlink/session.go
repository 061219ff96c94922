package mqttlink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/langnghe/langnghe/device/internal/relay"
	"github.com/langnghe/langnghe/device/internal/supervise"
	"github.com/langnghe/langnghe/device/wire"
)

// session is one connection and the client that serves it. When either fails both are thrown away.
type session struct {
	client paho.Client
	lost   chan struct{} // closed when the connection is no more
	lose   func()        // closes lost
}

// connect opens a session with a broker and stays in it until it ends. ok tells whether it ever stood; else State says
// why not.
func (l *Link) connect(ctx context.Context, broker string) (ok bool) {
	s := &session{lost: make(chan struct{})}
	s.lose = sync.OnceFunc(func() { close(s.lost) })

	opened := make(chan net.Conn, 1)
	opt := paho.NewClientOptions().AddBroker("tls://" + broker).SetClientID(l.cfg.Device).SetProtocolVersion(4).
		// The client keeps nothing and tries nothing by itself: it would call a message sent that no broker took.
		SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).SetStore(paho.NewMemoryStore()).
		// In order, a handler that waits would stop the PUBACKs behind it.
		SetOrderMatters(false).
		SetKeepAlive(20 * time.Second).SetPingTimeout(5 * time.Second).SetWriteTimeout(5 * time.Second).
		SetConnectTimeout(l.cfg.Dial).
		SetConnectionLostHandler(func(paho.Client, error) { s.lose() }).
		SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
			// Fenced, like the handler below: the client calls both on goroutines of its own.
			var conn net.Conn
			err := supervise.Call(func() (err error) { conn, err = l.dial(ctx, broker); return err })
			if err != nil {
				return nil, err
			}
			opened <- conn
			return conn, nil
		})
	s.client = paho.NewClient(opt)
	defer func() {
		s.client.Disconnect(50)
		select {
		case conn := <-opened:
			conn.Close() // Disconnect may give up on a connection that takes no bytes
		default:
		}
	}()

	// dial and CONNACK are bounded by themselves, dial by ctx too.
	var err error = context.DeadlineExceeded
	if t := s.client.Connect(); await(ctx, t, 2*l.cfg.Dial) {
		err = t.Error()
	}
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		l.say(l.explain(broker, err))
		return false
	}
	topic := wire.TopicAck(l.cfg.Device)
	sub := s.client.Subscribe(topic, 0, func(_ paho.Client, m paho.Message) {
		if err := supervise.Call(func() error { l.receive(m.Payload()); return nil }); err != nil {
			l.log.Error("a frame from mqtt was given up", "error", err)
		}
	})
	if !await(ctx, sub, l.cfg.PubackWait) || sub.Error() != nil {
		if ctx.Err() == nil {
			l.say(fmt.Sprintf("the broker %s does not answer a subscription: trying again", broker))
		}
		return false
	}
	// A refusal is no error of the token.
	if sub, ok := sub.(*paho.SubscribeToken); !ok || sub.Result()[topic] != 0 {
		l.say(fmt.Sprintf("the broker %s refuses this device its ack topic, so nothing is sent there: check at the gateway that %s is enrolled and active",
			broker, l.cfg.Device))
		return false
	}
	l.state.Store(new(string))
	l.up.Store(s)
	defer l.up.Store(nil)
	l.log.Info("mqtt link is up", "broker", broker)
	select {
	case <-s.lost:
		l.say(fmt.Sprintf("the connection to the broker %s was lost: trying again", broker))
	case <-ctx.Done():
		l.say(stopped)
	}
	return true
}

// await waits for a token of the client: until it is done (true), ctx ends or d is over. A token may never be done.
func await(ctx context.Context, t paho.Token, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.Done():
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// errUnknown is the outcome of a publish that perhaps left.
var errUnknown = errors.New("perhaps sent")

// publish hands b to the client and waits up to d for the broker (QoS 1) or the network (QoS 0). A connection on which
// nobody answers is given up.
func (s *session) publish(topic string, qos byte, b []byte, d time.Duration) error {
	t := s.client.Publish(topic, qos, false, b)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.Done():
	case <-s.lost:
		return fmt.Errorf("mqtt: %w: the connection was lost", errUnknown)
	case <-timer.C:
		s.lose()
		return fmt.Errorf("mqtt: %w: no answer within %v", errUnknown, d)
	}
	switch err := t.Error(); {
	case err == nil:
		return nil
	case errors.Is(err, paho.ErrNotConnected):
		// The client asked for its connection before it did anything.
		return fmt.Errorf("mqtt: %w: %w", relay.ErrNotSent, err)
	default:
		s.lose()
		return fmt.Errorf("mqtt: %w: %w", errUnknown, err)
	}
}

// dial opens TCP and TLS 1.3 with our certificate; the broker's is judged at cfg.Now.
func (l *Link) dial(ctx context.Context, broker string) (net.Conn, error) {
	cfg, err := l.cfg.TLS()
	if err != nil {
		return nil, &setupError{err}
	}
	cfg = cfg.Clone()
	cfg.Time = l.cfg.Now
	cfg.MinVersion = tls.VersionTLS13
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(broker) // checked by New
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Dial)
	defer cancel()
	return (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", broker)
}
