package cmd

import (
	"context"
	"crypto/rand"
	"database/sql"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway"
)

// BenchmarkSubmit is the time from "Gửi" to the receipt, beside what the disk can do at best: one insert of as many bytes
// into a bare SQLite file with the same guarantees.
func BenchmarkSubmit(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		db, err := sql.Open("sqlite3", "file:"+filepath.Join(b.TempDir(), "bare.db")+"?_journal_mode=WAL&_synchronous=FULL")
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		if _, err := db.Exec(`CREATE TABLE e (id BLOB PRIMARY KEY, body BLOB NOT NULL)`); err != nil {
			b.Fatal(err)
		}
		body := make([]byte, 140)
		measure(b, func() {
			_, _ = rand.Read(body)
			if _, err := db.Exec(`INSERT INTO e VALUES (?, ?)`, body[:16], body); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("device", func(b *testing.B) {
		_, kioskConfig, _ := provision(b, false)
		d := openDevice(b, kioskConfig)
		measure(b, func() {
			if _, err := d.Submit(context.Background(), benchDraft()); err != nil {
				b.Fatal(err)
			}
		})
	})
}

// BenchmarkAck is the time from "Gửi" to the moment when the sealed body is gone from the kiosk's disk: the whole way and
// back, by each link. The radio of the emulated network costs no time.
func BenchmarkAck(b *testing.B) {
	for _, link := range []string{"mqtt", "sms"} {
		b.Run(link, func(b *testing.B) {
			gatewayConfig, kioskConfig, _ := provision(b, link == "mqtt")
			cfg, err := gateway.LoadConfig(gatewayConfig)
			if err != nil {
				b.Fatal(err)
			}
			g, err := gateway.New(b.Context(), cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			runUntilEnd(b, g.Run)
			d := openDevice(b, kioskConfig)
			runUntilEnd(b, d.Run)
			for !d.Status().Online {
				time.Sleep(time.Millisecond)
			}
			out, err := sql.Open("sqlite3", "file:"+filepath.Join(filepath.Dir(kioskConfig), "state", "outbox.db")+"?mode=ro")
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { out.Close() })
			measure(b, func() {
				if _, err := d.Submit(context.Background(), benchDraft()); err != nil {
					b.Fatal(err)
				}
				for n := 1; n > 0; {
					if err := out.QueryRow(`SELECT count(*) FROM envelope`).Scan(&n); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func benchDraft() report.Draft {
	return report.Draft{Categories: []report.Category{"V1"}, When: report.WhenNotNow, Text: report.Words("em bị đánh ở nhà, em sợ")}
}

func openDevice(b *testing.B, config string) *device.Device {
	b.Helper()
	cfg, err := device.LoadConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	d, err := device.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.Close() })
	return d
}

// runUntilEnd runs a program's Run beside the benchmark and stops it at the end.
func runUntilEnd(b *testing.B, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
}

// measure times each call of f and reports the percentiles.
func measure(b *testing.B, f func()) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		f()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	at := func(q float64) float64 {
		return float64(took[int(q*float64(len(took)-1))]) / float64(time.Millisecond)
	}
	b.ReportMetric(at(0.50), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
}
