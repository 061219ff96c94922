package intake_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/internal/store"
)

// counting lets the benchmark go when every envelope is acked.
type counting struct {
	left atomic.Int64
	all  chan struct{}
}

func (c *counting) Ack(_ context.Context, _ intake.Downlink, frame []byte) error {
	ack, err := wire.ParseAck(frame)
	if c.left.Add(-int64(len(ack.Tokens))) == 0 {
		close(c.all)
	}
	return err
}

// BenchmarkAcks is the whole way of an envelope through intake, with 64 deliveries at once as the broker makes them:
// stored, opened, recorded with its case and audit line, acked. "bare" is the same two durable steps with nothing between:
// 300 bytes in batches of 64, inserted and then deleted again.
func BenchmarkAcks(b *testing.B) {
	const devices = 256
	ctx := b.Context()
	id, err := seal.NewIdentity(0)
	must(b, err)
	open := func(b *testing.B) *store.Store {
		s, err := store.Open(ctx, filepath.Join(b.TempDir(), "gateway.db"))
		must(b, err)
		b.Cleanup(func() { must(b, s.Close()) })
		return s
	}
	b.Run("intake", func(b *testing.B) {
		s := open(b)
		var sealers []*seal.Sealer
		for range devices {
			_, err := s.Enrol(ctx, noon, func(i uint32) (intake.Device, error) {
				psk, err := seal.NewPSK(i, 0)
				must(b, err)
				sealers = append(sealers, seal.NewSealer(id.Recipient(), psk))
				key, err := id.Recipient().SealAtRest(intake.LabelPSK, psk.Key[:])
				return intake.Device{Index: i, Commune: commune, Province: province, PSK: key}, err
			})
			must(b, err)
		}
		envs := make([]wire.Envelope, b.N)
		for i := range envs {
			e, err := sealers[i%devices].Seal(draft(fmt.Sprint("report ", i)))
			must(b, err)
			envs[i] = e.Envelope
		}
		c := &counting{all: make(chan struct{})}
		c.left.Store(int64(b.N))
		in, err := intake.New(intake.Config{Store: s, Identity: id, Log: slog.New(slog.DiscardHandler),
			Ackers: map[string]intake.Acker{intake.LinkMQTT: c}})
		must(b, err)
		run, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- in.Run(run) }()
		b.ResetTimer()
		var next atomic.Int64
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
					a := intake.Arrival{Link: intake.LinkMQTT, From: wire.DeviceName(envs[i].Header().Device), Raw: []byte(envs[i])}
					if err := in.Receive(ctx, a); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		<-c.all
		b.StopTimer()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acks/s")
		stop()
		must(b, <-done)
	})
	b.Run("bare", func(b *testing.B) {
		s := open(b)
		batch := make([]intake.Raw, 64)
		for i := range batch {
			batch[i] = intake.Raw{Link: intake.LinkMQTT, From: "d000001", Received: noon, Bytes: make([]byte, 300)}
		}
		var after int64
		b.ResetTimer()
		for n := 0; n < b.N; n += len(batch) {
			must(b, s.Put(ctx, batch))
			got, err := s.Arrivals(ctx, after, len(batch))
			must(b, err)
			var done []int64
			for _, r := range got {
				done, after = append(done, r.ID), r.ID
			}
			must(b, s.Update(ctx, func(tx intake.Tx) error { return tx.Done(ctx, done) }))
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}
