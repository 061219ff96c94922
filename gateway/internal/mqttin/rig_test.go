package mqttin

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/nats-io/nats-server/v2/server"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert, key, pool}
}

func (a *authority) issue(t testing.TB, name string, notAfter time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: notAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

type arrival struct {
	device  string
	payload string
}

// rig is a running server and what it was given.
type rig struct {
	t   testing.TB
	ca  *authority
	srv *Server
	log *lockedBuffer

	mu         sync.Mutex
	unknown    map[string]bool
	arrivals   []arrival
	heartbeats map[string]wire.Heartbeat
	refuse     func(a arrival) error // asked before an arrival is kept
	inFlight   func()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var fast = tuning{ackWait: 2 * time.Second, nakDelay: 10 * time.Millisecond, nakMax: 50 * time.Millisecond}

func (r *rig) config(dir string) Config {
	return Config{Listen: "127.0.0.1:0", StoreDir: dir, Cert: r.ca.issue(r.t, "gateway", time.Now().Add(time.Hour)), ClientCAs: r.ca.pool}
}

// open makes a server that Run has not been called on.
func open(t testing.TB, prepare ...func(*rig)) *rig {
	t.Helper()
	r := &rig{t: t, ca: newAuthority(t), log: &lockedBuffer{}, unknown: map[string]bool{}, heartbeats: map[string]wire.Heartbeat{}}
	for _, p := range prepare {
		p(r)
	}
	srv, err := newServer(r.config(t.TempDir()), fast, r.known, r.deliver, r.beat, slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	r.srv = srv
	t.Cleanup(srv.Close)
	return r
}

// start runs the server until the test ends.
func start(t testing.TB, prepare ...func(*rig)) *rig {
	t.Helper()
	r := open(t, prepare...)
	r.run()
	return r
}

func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.srv.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("Run: %v", err)
		}
	})
}

func (r *rig) known(device string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.unknown[device]
}

func (r *rig) deliver(_ context.Context, device string, payload []byte) error {
	a := arrival{device, string(payload)}
	if r.inFlight != nil {
		r.inFlight()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		if err := r.refuse(a); err != nil {
			return err
		}
	}
	r.arrivals = append(r.arrivals, a)
	return nil
}

func (r *rig) beat(device string, h wire.Heartbeat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heartbeats[device] = h
}

func (r *rig) got() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]arrival(nil), r.arrivals...)
}

func (r *rig) has(a arrival) bool {
	for _, b := range r.got() {
		if a == b {
			return true
		}
	}
	return false
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

type device struct {
	paho.Client
	lost chan error
}

// dial connects with the certificate of name, as client ID id.
func (r *rig) dial(name, id string, change ...func(*paho.ClientOptions)) (*device, error) {
	r.t.Helper()
	return dialWith(r.t, r.srv.Addr(), id, &tls.Config{RootCAs: r.ca.pool, Certificates: []tls.Certificate{r.ca.issue(r.t, name, time.Now().Add(time.Hour))}}, change...)
}

func dialWith(t testing.TB, addr, id string, c *tls.Config, change ...func(*paho.ClientOptions)) (*device, error) {
	d := &device{lost: make(chan error, 1)}
	o := paho.NewClientOptions().AddBroker("ssl://" + addr).SetClientID(id).SetProtocolVersion(4).SetTLSConfig(c).
		SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(false).
		SetConnectTimeout(patience).SetWriteTimeout(patience).
		SetConnectionLostHandler(func(_ paho.Client, err error) { d.lost <- err })
	for _, f := range change {
		f(o)
	}
	d.Client = paho.NewClient(o)
	token := d.Connect()
	if !token.WaitTimeout(2 * patience) {
		return nil, errors.New("connect: no answer")
	}
	if token.Error() != nil {
		return nil, token.Error()
	}
	t.Cleanup(func() { d.Disconnect(0) })
	return d, nil
}

func (r *rig) mustDial(name string, change ...func(*paho.ClientOptions)) *device {
	r.t.Helper()
	d, err := r.dial(name, name, change...)
	if err != nil {
		r.t.Fatalf("connect %s: %v", name, err)
	}
	return d
}

// publish waits for the carrier, whose word means nothing.
func (d *device) publish(topic string, qos byte, payload string) {
	d.Publish(topic, qos, false, payload).WaitTimeout(patience)
}

// subscribe gives what arrives on filter, and the return code of the SUBACK (MQTT 3.1.1, 3.9.3).
func (d *device) subscribe(filter string, qos byte) (<-chan string, byte) {
	in := make(chan string, 100)
	token := d.Subscribe(filter, qos, func(_ paho.Client, m paho.Message) { in <- string(m.Payload()) })
	if !token.WaitTimeout(patience) || token.Error() != nil {
		return in, 0x80
	}
	for _, code := range token.(*paho.SubscribeToken).Result() { // not by filter: paho strips $share from it
		return in, code
	}
	return in, 0x80
}

func receive(t testing.TB, in <-chan string) string {
	t.Helper()
	select {
	case s := <-in:
		return s
	case <-time.After(patience):
		t.Fatal("nothing arrived")
		return ""
	}
}

// connected names the devices that have logged in; one that has not claims an ID without proof.
func (r *rig) connected() (devices []string) {
	r.t.Helper()
	z, err := r.srv.ns.Connz(&server.ConnzOptions{Username: true})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range z.Conns {
		if c.MQTTClient != "" && c.AuthorizedUser == c.MQTTClient {
			devices = append(devices, c.MQTTClient)
		}
	}
	return devices
}
