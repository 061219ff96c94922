// Package mqttin takes arrivals over MQTT 3.1.1. It embeds a NATS server whose MQTT listener speaks TLS 1.3 with client
// certificates, keeps what devices publish in a stream on disk until the intake has it, and carries acks back.
//
// A PUBACK means nothing here (the broker sends it before the stream has the message): only the ack that intake makes ends
// a device's retries. Decisions and their measurements are in DESIGN.md beside this file.
package mqttin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

const (
	// MaxPayload is the longest message in bytes that the broker takes; wire.MaxEnvelope fits.
	MaxPayload = 32 << 10
	// DefaultMaxConn is the number of connections that are allowed where Config names none.
	DefaultMaxConn = 65_536

	// handshakeTimeout bounds the TLS handshake and, after it, the login. The server's own 2 s drop handshakes when
	// every device of a province comes back at once.
	handshakeTimeout = 20 * time.Second
	// renewBefore is how long before its end the server's certificate is asked to be renewed.
	renewBefore = 60 * 24 * time.Hour
	// account holds devices and worker; nothing else is in the server.
	account = "$G"
)

// Config says where to listen and who may come.
type Config struct {
	// Listen is the TCP address of the MQTT listener, as "0.0.0.0:8883". Port 0 takes any free port.
	Listen string
	// StoreDir holds what has arrived and is not yet in the intake. It is made with mode 0700, and one process may use it.
	StoreDir string
	// Cert is shown to the devices.
	Cert tls.Certificate
	// ClientCAs sign the devices' certificates.
	ClientCAs *x509.CertPool
	// MaxConn bounds the connections; 0 is DefaultMaxConn. The process needs twice as many file descriptors.
	MaxConn int
}

// Server is the broker and the worker that empties it.
type Server struct {
	cfg       Config
	tune      tuning
	known     func(device string) bool
	deliver   func(ctx context.Context, device string, payload []byte) error
	heartbeat func(device string, h wire.Heartbeat)
	log       *slog.Logger

	ns     *server.Server
	addr   string
	lock   *os.File      // held on StoreDir until Close
	issuer nkeys.KeyPair // signs what the callout answers; made at New, never stored
	worker nkeys.KeyPair // the one internal user; made at New, never stored

	gate    chan struct{} // closed by Run when logins can be answered; handshakes wait for it
	opened  atomic.Bool   // Run was called
	refused atomic.Bool   // the last arrival that was handed over was not taken
	nc      atomic.Pointer[nats.Conn]
	stop    sync.Once
}

// tuning is what tests make shorter.
type tuning struct {
	ackWait  time.Duration // a delivery that was not answered by then is made again
	nakDelay time.Duration // first pause before a refused delivery is made again; doubles up to nakMax
	nakMax   time.Duration
	room     int64 // what the broker may store in bytes; 0 = three quarters of what the disk has free
}

var defaultTuning = tuning{ackWait: 15 * time.Second, nakDelay: time.Second, nakMax: time.Minute}

// New opens the listener and the store, and lets nobody in before Run. known says whether a device may connect; it is asked
// at every login, must be quick and safe for concurrent use. deliver must return nil only when payload is on stable
// storage; after an error the payload comes again later. It is called for up to 64 messages at once, in no order, and may
// see one message more than once. heartbeat is called for one heartbeat at a time and must be quick.
//
// The errors are sentences for the person who runs the gateway: no address, port in use, no certificate, store in use.
func New(cfg Config, known func(device string) bool, deliver func(ctx context.Context, device string, payload []byte) error,
	heartbeat func(device string, h wire.Heartbeat), log *slog.Logger) (*Server, error) {
	return newServer(cfg, defaultTuning, known, deliver, heartbeat, log)
}

func newServer(cfg Config, tune tuning, known func(string) bool, deliver func(context.Context, string, []byte) error,
	heartbeat func(string, wire.Heartbeat), log *slog.Logger) (_ *Server, err error) {
	s := &Server{cfg: cfg, tune: tune, known: known, deliver: deliver, heartbeat: heartbeat, log: log, gate: make(chan struct{})}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := s.checkCertificate(time.Now()); err != nil {
		return nil, err
	}
	host, port, err := checkListen(cfg.Listen)
	if err != nil {
		return nil, err
	}
	if s.lock, err = lockDir(cfg.StoreDir); err != nil {
		return nil, err
	}
	if s.issuer, err = nkeys.CreateAccount(); err != nil {
		return nil, fmt.Errorf("make the broker's login key: %w", err)
	}
	if s.worker, err = nkeys.CreateUser(); err != nil {
		return nil, fmt.Errorf("make the worker's login key: %w", err)
	}
	opts, err := s.options(host, port)
	if err != nil {
		return nil, err
	}
	if s.ns, err = server.NewServer(opts); err != nil {
		return nil, fmt.Errorf("set up the MQTT broker: %w", err)
	}
	fatal := make(chan string, 1)
	s.ns.SetLoggerV2(&brokerLog{log: log, fatal: fatal}, false, false, false)
	s.ns.Start() // returns once it listens, as it has no accept loop of its own
	select {
	case said := <-fatal:
		return nil, fmt.Errorf("start the MQTT broker on %s with store %s: %s", cfg.Listen, cfg.StoreDir, said)
	default:
	}
	if !s.ns.ReadyForConnections(handshakeTimeout) {
		return nil, fmt.Errorf("start the MQTT broker on %s: it was not ready after %v", cfg.Listen, handshakeTimeout)
	}
	// The server writes the port it took into its options; it has no getter.
	s.addr = net.JoinHostPort(host, strconv.Itoa(opts.MQTT.Port))
	return s, nil
}

// options are the eight rules of DESIGN.md as far as they are options.
func (s *Server) options(host string, port int) (*server.Options, error) {
	issuer, err := s.issuer.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("read the broker's login key: %w", err)
	}
	worker, err := s.worker.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("read the worker's login key: %w", err)
	}
	maxConn := s.cfg.MaxConn
	if maxConn == 0 {
		maxConn = DefaultMaxConn
	}
	if port == 0 {
		port = -1
	}
	return &server.Options{
		ServerName: "gateway", NoSigs: true, NoLog: true,
		DontListen: true,        // MQTT is the only way in; NATS clients exist in this process alone
		MaxConn:    maxConn + 1, // the worker is one
		MaxPayload: MaxPayload,
		// Logins of MQTT wait for the callout for AuthTimeout of the server, not of MQTT.
		AuthTimeout: handshakeTimeout.Seconds(),
		JetStream:   true, StoreDir: s.cfg.StoreDir, JetStreamMaxStore: s.tune.room,
		SyncAlways: true, // one node: without it a power cut loses every message of the last two minutes
		// The worker proves itself with a key made a moment ago, by a signature that MQTT cannot carry, and from inside
		// this process only.
		Nkeys:       []*server.NkeyUser{{Nkey: worker, AllowedConnectionTypes: map[string]struct{}{jwt.ConnectionTypeInProcess: {}}}},
		AuthCallout: &server.AuthCallout{Issuer: issuer, Account: account, AuthUsers: []string{worker}},
		MQTT: server.MQTTOpts{
			Host: host, Port: port, TLSConfig: s.tlsConfig(),
			TLSTimeout: handshakeTimeout.Seconds(), AuthTimeout: handshakeTimeout.Seconds(),
			JSAPITimeout: 1500 * time.Millisecond,
		},
	}, nil
}

func (s *Server) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{s.cfg.Cert},
		ClientCAs:    s.cfg.ClientCAs,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		// Nobody can answer a login before Run has the worker up, and a login that is not answered waits in vain for
		// 20 s. Those who come early wait here instead.
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			select {
			case <-s.gate:
				return nil, nil
			case <-time.After(handshakeTimeout):
				return nil, errors.New("the gateway is not yet ready")
			}
		},
	}
}

// checkCertificate refuses what no device could ever accept, and warns of what they will not accept now.
func (s *Server) checkCertificate(now time.Time) error {
	if s.cfg.ClientCAs == nil {
		return errors.New("MQTT has no certificate authority for devices: name its file in the gateway's configuration")
	}
	c := s.cfg.Cert
	if len(c.Certificate) == 0 || c.PrivateKey == nil {
		return errors.New("MQTT has no server certificate with its key: name both files in the gateway's configuration")
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return fmt.Errorf("the MQTT server certificate cannot be read; make a new one: %w", err)
	}
	if now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		// SMS and the console must live on, so this is no reason to stop.
		s.log.Error("the MQTT server certificate is not valid today: devices will refuse it and use SMS; make a new one with gateway renew -server, or set the clock",
			"not_before", leaf.NotBefore, "not_after", leaf.NotAfter, "now", now)
	} else if now.Add(renewBefore).After(leaf.NotAfter) {
		s.log.Warn("the MQTT server certificate expires soon: make a new one with gateway renew -server", "not_after", leaf.NotAfter)
	}
	return nil
}

// checkListen tries the address, so that a port in use is said in words and before anything is opened.
func checkListen(addr string) (host string, port int, err error) {
	l, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "", 0, fmt.Errorf("MQTT cannot listen on %s: another program has this port; stop it or choose another port in the gateway's configuration", addr)
	case err != nil:
		return "", 0, fmt.Errorf("MQTT cannot listen on %s: check the address in the gateway's configuration: %w", addr, err)
	}
	if err := l.Close(); err != nil {
		return "", 0, fmt.Errorf("free %s: %w", addr, err)
	}
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("read the MQTT address %s: %w", addr, err)
	}
	if port, err = net.LookupPort("tcp", p); err != nil {
		return "", 0, fmt.Errorf("read the MQTT port of %s: %w", addr, err)
	}
	return host, port, nil
}

// lockDir makes dir and keeps every other process out of it: the broker itself does not, and two would ruin the store.
func lockDir(dir string) (*os.File, error) {
	if dir == "" {
		return nil, errors.New("MQTT has no store directory: name one in the gateway's configuration")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the MQTT store: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the MQTT store: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("the MQTT store %s is in use by another gateway: stop that one first: %w", dir, err)
	}
	return f, nil
}

// Addr is the address of the MQTT listener.
func (s *Server) Addr() string { return s.addr }

// Opened is closed when Run lets devices in.
func (s *Server) Opened() <-chan struct{} { return s.gate }

// Close frees what New opened. Run does it too, at its end; call Close only where Run is never called.
func (s *Server) Close() {
	s.stop.Do(func() {
		if s.ns != nil {
			s.ns.Shutdown()
			s.ns.WaitForShutdown()
		}
		if s.lock != nil {
			_ = s.lock.Close() // gives the lock back
		}
	})
}
