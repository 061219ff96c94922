package mqttlink

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/langnghe/langnghe/device/wire"
)

var device = wire.DeviceName(7)

// authority signs certificates of one CA.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	a := &authority{pool: x509.NewCertPool()}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-100 * 24 * time.Hour), NotAfter: time.Now().Add(1000 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	must(t, err)
	a.cert, err = x509.ParseCertificate(der)
	must(t, err)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) issue(t testing.TB, cn string, from, to time.Time, ips ...net.IP) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: cn}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, IPAddresses: ips,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

const day = 24 * time.Hour

func (a *authority) current(t testing.TB, cn string, ips ...net.IP) tls.Certificate {
	return a.issue(t, cn, time.Now().Add(-10*day), time.Now().Add(100*day), ips...)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var loopback = net.IPv4(127, 0, 0, 1)

// broker is a real NATS server with MQTT over TLS, as the gateway embeds it.
type broker struct {
	t    testing.TB
	opts server.Options
	srv  *server.Server
	addr string // of MQTT
	nc   *nats.Conn

	mu    sync.Mutex
	taken [][]byte
	beats [][]byte
}

func newBroker(t testing.TB, a *authority, cert tls.Certificate, change func(*server.Options)) *broker {
	t.Helper()
	port := freePort(t)
	b := &broker{t: t, addr: fmt.Sprintf("127.0.0.1:%d", port)}
	b.opts = server.Options{ServerName: "test", Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true,
		StoreDir: t.TempDir(), MaxPayload: 32 << 10,
		MQTT: server.MQTTOpts{Host: "127.0.0.1", Port: port, TLSTimeout: 10, AuthTimeout: 10, TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, ClientCAs: a.pool,
			ClientAuth: tls.RequireAndVerifyClientCert}}}
	if change != nil {
		change(&b.opts)
	}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func freePort(t testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (b *broker) start() {
	b.t.Helper()
	opts := b.opts
	var err error
	b.srv, err = server.NewServer(&opts)
	must(b.t, err)
	b.srv.Start()
	if !b.srv.ReadyForConnections(30 * time.Second) {
		b.t.Fatal("the broker does not start")
	}
	b.nc, err = nats.Connect("", nats.InProcessServer(b.srv), nats.UserInfo("gateway", "test"))
	must(b.t, err)
	note := func(list *[][]byte) nats.MsgHandler {
		return func(m *nats.Msg) {
			b.mu.Lock()
			defer b.mu.Unlock()
			*list = append(*list, m.Data)
		}
	}
	_, err = b.nc.Subscribe("r."+device, note(&b.taken))
	must(b.t, err)
	_, err = b.nc.Subscribe("hb."+device, note(&b.beats))
	must(b.t, err)
	must(b.t, b.nc.Flush())
}

func (b *broker) stop() {
	if b.srv != nil {
		b.nc.Close()
		b.srv.Shutdown()
		b.srv.WaitForShutdown()
		b.srv = nil
	}
}

func (b *broker) list(l *[][]byte) [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([][]byte{}, *l...)
}

// cable is the way to the broker: it can be cut, and it can take bytes and give them to nobody.
type cable struct {
	addr, target string

	mu        sync.Mutex
	listener  net.Listener
	conns     map[net.Conn]bool
	swallowed chan struct{} // not nil: bytes are swallowed
}

func newCable(t testing.TB, target string) *cable {
	c := &cable{target: target, conns: map[net.Conn]bool{}, addr: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	c.up(t)
	t.Cleanup(c.down)
	return c
}

func (c *cable) up(t testing.TB) {
	t.Helper()
	c.mu.Lock()
	was := c.swallowed != nil
	c.swallowed = nil
	l := c.listener
	c.mu.Unlock()
	if was {
		c.cut()
	}
	if l != nil {
		return
	}
	l, err := net.Listen("tcp", c.addr)
	must(t, err)
	c.mu.Lock()
	c.listener = l
	c.mu.Unlock()
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", c.target)
			if err != nil {
				in.Close()
				continue
			}
			c.mu.Lock()
			c.conns[in], c.conns[out] = true, true
			c.mu.Unlock()
			go c.copy(out, in)
			go c.copy(in, out)
		}
	}()
}

func (c *cable) copy(dst, src net.Conn) {
	defer src.Close()
	defer dst.Close()
	buf := make([]byte, 4096)
	for {
		n, err := src.Read(buf)
		if err != nil {
			return
		}
		c.mu.Lock()
		if s := c.swallowed; s != nil {
			select {
			case <-s:
			default:
				close(s)
			}
			c.mu.Unlock()
			continue
		}
		c.mu.Unlock()
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (c *cable) swallow() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.swallowed = make(chan struct{})
	return c.swallowed
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		conn.Close()
	}
	c.conns = map[net.Conn]bool{}
}

func (c *cable) down() {
	c.mu.Lock()
	if c.listener != nil {
		c.listener.Close()
		c.listener = nil
	}
	c.mu.Unlock()
	c.cut()
}
