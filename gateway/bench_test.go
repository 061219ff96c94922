package gateway_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	_ "github.com/mattn/go-sqlite3"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway"
)

const (
	benchReports = 4096 // a round
	benchDevices = 32
	benchWindow  = 8  // envelopes that one kiosk has under way, as its link does
	benchBatch   = 64 // rows in one transaction, as intake has
)

// BenchmarkAcks measures acks a second at full load, and how long one takes from its publish, through the whole gateway:
// TLS, broker with its stream synced to disk, intake's two transactions, opening, triage, ack. Beside it stands what the
// disk could do at best: inserts of envelopes as long in transactions of 64, with the same guarantees.
func BenchmarkAcks(b *testing.B) {
	b.Run("bare", benchmarkInserts)
	b.Run("gateway", benchmarkGateway)
}

func benchmarkInserts(b *testing.B) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(b.TempDir(), "bare.db")+"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE arrival (id BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID`); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		envelopes := make([][]byte, benchReports)
		for i := range envelopes {
			envelopes[i] = make([]byte, 266)
			_, _ = rand.Read(envelopes[i])
		}
		b.StartTimer()
		for batch := range slices.Chunk(envelopes, benchBatch) {
			t0 := time.Now()
			tx, err := db.Begin()
			if err != nil {
				b.Fatal(err)
			}
			for _, e := range batch {
				if _, err := tx.Exec(`INSERT INTO arrival (id, body) VALUES (?, ?) ON CONFLICT DO NOTHING`, e[:16], e); err != nil {
					b.Fatal(err)
				}
			}
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
			for range batch {
				took = append(took, time.Since(t0))
			}
		}
	}
	tell(b, took)
}

func benchmarkGateway(b *testing.B) {
	addr, kiosks := benchGateway(b)
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		var load [benchDevices][]seal.Sealed
		for i := range benchReports {
			k := kiosks[i%benchDevices]
			s, err := k.sealer.Seal(benchReport(i))
			if err != nil {
				b.Fatal(err)
			}
			load[i%benchDevices] = append(load[i%benchDevices], s)
		}
		runs := make([]*benchRun, benchDevices)
		for i, k := range kiosks {
			runs[i] = k.connect(b, addr, load[i])
		}
		b.StartTimer()
		var all sync.WaitGroup
		for _, r := range runs {
			all.Go(r.publish)
		}
		all.Wait()
		for _, r := range runs {
			select {
			case <-r.done:
			case <-time.After(2 * time.Minute):
				b.Fatalf("%d of %d envelopes were never acked", len(r.sent), len(r.load))
			}
		}
		b.StopTimer()
		for _, r := range runs {
			took = append(took, r.took...)
			r.client.Disconnect(100)
		}
		b.StartTimer()
	}
	tell(b, took)
}

// tell reports what one operation of this benchmark, a round, says of one report.
func tell(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	at := func(q float64) float64 {
		return float64(took[int(q*float64(len(took)-1))]) / float64(time.Millisecond)
	}
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "reports/s")
	b.ReportMetric(at(0.50), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
}

// benchKiosk is an enrolled device, as far as the gateway can tell.
type benchKiosk struct {
	name   string
	sealer *seal.Sealer
	tls    *tls.Config
}

// benchGateway makes a gateway with its kiosks as a technician does, and runs it.
func benchGateway(b *testing.B) (addr string, kiosks []benchKiosk) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	dir := filepath.Join(b.TempDir(), "gateway")
	setup := gateway.Setup{Dir: dir, Hosts: []string{"127.0.0.1"}, MQTT: "127.0.0.1:0", Console: "127.0.0.1:0"}
	if err := gateway.Init(ctx, setup, time.Now()); err != nil {
		b.Fatal(err)
	}
	cfg, err := gateway.LoadConfig(filepath.Join(dir, "gateway.toml"))
	if err != nil {
		b.Fatal(err)
	}
	for i := range benchDevices {
		bundle := filepath.Join(b.TempDir(), "bundle")
		name, err := gateway.Enrol(ctx, cfg, gateway.Enrolment{Dir: bundle, Place: fmt.Sprint("school ", i), Commune: 2998, Province: 11, Broker: "127.0.0.1:1"}, time.Now())
		if err != nil {
			b.Fatal(err)
		}
		kiosks = append(kiosks, openBundle(b, name, bundle))
	}
	g, err := gateway.New(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Errorf("gateway: %v", err)
		}
	})
	return g.MQTTAddr(), kiosks
}

func openBundle(b *testing.B, name, dir string) benchKiosk {
	b.Helper()
	read := func(file string) []byte {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			b.Fatal(err)
		}
		return text
	}
	var to seal.Recipient
	if err := to.UnmarshalText(bytes.TrimSpace(read("intake.recipient"))); err != nil {
		b.Fatal(err)
	}
	var psk seal.PSK
	if err := psk.UnmarshalText(bytes.TrimSpace(read("device.key"))); err != nil {
		b.Fatal(err)
	}
	pair, err := tls.X509KeyPair(read("tls.crt"), read("tls.key"))
	if err != nil {
		b.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(read("ca.crt")) {
		b.Fatal("the bundle has no authority")
	}
	return benchKiosk{name, seal.NewSealer(to, psk), &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}}
}

func benchReport(i int) wire.Report {
	return wire.Report{
		Draft: report.Draft{
			Door: report.DoorScreen, Speaker: report.SpeakerSelf, Categories: []report.Category{"V1"}, When: report.WhenToday,
			Alleged: report.AllegedNeighbour, Environment: report.EnvironmentCommunity,
			Place: report.Place{Commune: 2998}, Text: report.Words(fmt.Sprintf("Chú hàng xóm hay đánh bạn em, lần thứ %d.", i)),
		},
		Urgency: report.U2, Time: report.NewBucket(time.Now(), true),
	}
}

// benchRun is one kiosk's part of a round.
type benchRun struct {
	kiosk  benchKiosk
	client paho.Client
	load   []seal.Sealed
	window chan struct{}
	done   chan struct{} // closed when all is acked

	mu   sync.Mutex // guards the rest
	sent map[wire.TokenHash]time.Time
	took []time.Duration
}

func (k benchKiosk) connect(b *testing.B, addr string, load []seal.Sealed) *benchRun {
	b.Helper()
	r := &benchRun{kiosk: k, load: load, window: make(chan struct{}, benchWindow), done: make(chan struct{}), sent: map[wire.TokenHash]time.Time{}}
	r.client = paho.NewClient(paho.NewClientOptions().AddBroker("ssl://" + addr).SetClientID(k.name).SetProtocolVersion(4).
		SetTLSConfig(k.tls).SetAutoReconnect(false).SetOrderMatters(false))
	for _, step := range []func() paho.Token{
		r.client.Connect,
		func() paho.Token { return r.client.Subscribe(wire.TopicAck(k.name), 0, r.acked) },
	} {
		if token := step(); !token.WaitTimeout(time.Minute) || token.Error() != nil {
			b.Fatalf("connect %s: %v", k.name, token.Error())
		}
	}
	return r
}

func (r *benchRun) publish() {
	for _, s := range r.load {
		r.window <- struct{}{}
		r.mu.Lock()
		r.sent[s.AckHash] = time.Now()
		r.mu.Unlock()
		r.client.Publish(wire.TopicReport(r.kiosk.name), 1, false, []byte(s.Envelope))
	}
}

func (r *benchRun) acked(_ paho.Client, m paho.Message) {
	ack, err := wire.ParseAck(m.Payload())
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, token := range ack.Tokens {
		t0, ok := r.sent[token.Hash()]
		if !ok {
			continue // acked before
		}
		delete(r.sent, token.Hash())
		r.took = append(r.took, time.Since(t0))
		<-r.window
		if len(r.took) == len(r.load) {
			close(r.done)
		}
	}
}
