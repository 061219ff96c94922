package console

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/langnghe/langnghe/gateway/triage"
)

// Config is where the console listens. The zero SilentAfter is 15 minutes.
type Config struct {
	Listen string // "127.0.0.1:8443"; port 0 takes a free one
	// TLS serves https. Without it only loopback addresses are taken: officers' passwords and children's words do not
	// cross a network in clear.
	TLS *tls.Config
	// SilentAfter is how long a kiosk may send no heartbeat before it is marked as silent.
	SilentAfter time.Duration
}

// Parts is what the console shows and asks. All are needed but Now, which is time.Now by default.
type Parts struct {
	Desk       *triage.Desk
	Accounts   Accounts
	Fleet      Fleet
	Quarantine Quarantine
	Now        func() time.Time
}

// Session lengths: 30 minutes without a person's doing, and a shift in all.
const (
	idleTimeout = 30 * time.Minute
	lifetime    = 12 * time.Hour
)

// Console is the officers' web server.
type Console struct {
	cfg      Config
	p        Parts
	log      *slog.Logger
	sessions *scs.SessionManager
	throttle *throttle
	hashing  chan struct{} // one token for each password that is being hashed: 64 MiB each
	listener net.Listener
	handler  http.Handler
}

// New checks cfg and takes the port. Run serves; who does not call Run calls Close.
func New(cfg Config, p Parts, log *slog.Logger) (*Console, error) {
	if p.Desk == nil || p.Accounts == nil || p.Fleet == nil || p.Quarantine == nil {
		return nil, errors.New("console: desk, accounts, fleet and quarantine are all needed")
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if cfg.SilentAfter == 0 {
		cfg.SilentAfter = 15 * time.Minute
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c := &Console{cfg: cfg, p: p, log: log, throttle: newThrottle(), hashing: make(chan struct{}, 2)}
	c.sessions = newSessions(cfg.TLS != nil)
	c.handler = c.routes()
	listen := cfg.Listen
	if host, port, err := net.SplitHostPort(listen); err == nil && host == "localhost" {
		// RFC 6761 6.3: this name means the loopback interface, even where no resolver knows it.
		listen = net.JoinHostPort("127.0.0.1", port)
	}
	l, err := net.Listen("tcp", listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("console: another program already listens on %s: stop it, or set another address for the console", cfg.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("console: listen: %w", err)
	}
	if cfg.TLS != nil {
		l = tls.NewListener(l, cfg.TLS)
	}
	c.listener = l
	return c, nil
}

func (cfg Config) check() error {
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return fmt.Errorf("console: listen address %q is not host:port, like 127.0.0.1:8443", cfg.Listen)
	}
	if cfg.TLS == nil && !loopback(host) {
		return fmt.Errorf("console: %s can be reached from other machines and has no TLS: give it a certificate and key, or listen on 127.0.0.1", cfg.Listen)
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.IsLoopback()
}

// newSessions keeps sessions in memory: a restart logs everybody out, and no token lies on disk.
func newSessions(secure bool) *scs.SessionManager {
	s := scs.New()
	// scs starts a cleaner that nobody would stop. An expired session is refused without it, and the few bytes that stay
	// are a shift's worth of officers.
	if m, ok := s.Store.(*memstore.MemStore); ok {
		m.StopCleanup()
	}
	s.Store = memstore.NewWithCleanupInterval(0)
	s.IdleTimeout, s.Lifetime = idleTimeout, lifetime
	s.HashTokenInStore = true
	s.Cookie.Name = "langnghe"
	if secure {
		s.Cookie.Name = "__Host-langnghe"
	}
	s.Cookie.Secure = secure
	s.Cookie.HttpOnly = true
	s.Cookie.SameSite = http.SameSiteStrictMode
	s.Cookie.Persist = false
	return s
}

// Handler is the console without its listener, for tests.
func (c *Console) Handler() http.Handler { return c.handler }

// URL is where an officer's browser finds the console.
func (c *Console) URL() string {
	scheme := "http"
	if c.cfg.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.listener.Addr().String() + "/"
}

// Close frees the port of a console that was never run.
func (c *Console) Close() error { return c.listener.Close() }

// Run serves until ctx ends, then lets what is being served finish for a few seconds.
func (c *Console) Run(ctx context.Context) error {
	s := &http.Server{
		Handler:           c.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(c.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(c.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("console: serve: %w", err)
	case <-ctx.Done():
	}
	// The stop has come; what is left runs on a clock of its own.
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(stop); err != nil {
		_ = s.Close()
	}
	<-served
	return ctx.Err()
}
