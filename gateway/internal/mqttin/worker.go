package mqttin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

const (
	workers = 64 // concurrent calls of deliver; a store that commits in groups needs many
	fetch   = 4 * workers

	// maxStored bounds the stream, and maxPerDevice one device's part of it, so that no device can fill the disk or
	// crowd out the others. What does not fit is never acked, so the device keeps it and sends it again. The broker reserves
	// maxStored at its start and refuses to where it is more than three quarters of what the disk has free.
	maxStored    = 128 << 20
	maxPerDevice = 1024

	noRoom = 10047 // the server's code of "insufficient storage resources available"; its client has no name for it
)

// Run lets devices in and hands what they publish to deliver, until ctx ends (then it returns nil) or the broker fails. It
// may be called once, and closes the server at its end.
func (s *Server) Run(ctx context.Context) error {
	if !s.opened.CompareAndSwap(false, true) {
		return errors.New("mqttin: Run was called twice")
	}
	defer s.Close()
	if err := s.serve(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}

func (s *Server) serve(ctx context.Context) error {
	nc, err := s.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	consumer, err := s.consumer(ctx, nc)
	if err != nil {
		return err
	}
	if _, err := nc.Subscribe("$SYS.REQ.USER.AUTH", s.answerLogin); err != nil {
		return fmt.Errorf("listen for logins: %w", err)
	}
	// QoS 0 and no stream: the next heartbeat is worth more than the last.
	if _, err := nc.Subscribe(subject(wire.TopicHeartbeat("*")), s.takeHeartbeat); err != nil {
		return fmt.Errorf("listen for heartbeats: %w", err)
	}
	if err := nc.FlushTimeout(handshakeTimeout); err != nil {
		return fmt.Errorf("listen for logins: %w", err)
	}
	s.nc.Store(nc)
	close(s.gate)
	s.log.Info("MQTT is open", "addr", s.addr)

	err = s.drain(ctx, consumer)
	// What was stored and answered a moment ago need not come again at the next start.
	_ = nc.FlushTimeout(time.Second)
	return err
}

func (s *Server) connect() (*nats.Conn, error) {
	pub, err := s.worker.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("read the worker's login key: %w", err)
	}
	nc, err := nats.Connect("", nats.InProcessServer(s.ns), nats.Name("intake"), nats.Nkey(pub, s.worker.Sign),
		// With the defaults one node of a cluster that hangs stalls every device for 30 s.
		nats.PingInterval(2*time.Second), nats.MaxPingsOutstanding(2),
		nats.MaxReconnects(-1), nats.ReconnectWait(200*time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { s.log.Warn("broker connection", "err", err) }))
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded broker: %w", err)
	}
	return nc, nil
}

// consumer makes the stream and its durable consumer, or finds those of the last run with what waits in them.
func (s *Server) consumer(ctx context.Context, nc *nats.Conn) (jetstream.Consumer, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("open the MQTT store: %w", err)
	}
	stream, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "REPORTS", Subjects: []string{"r.>"},
		Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage, Replicas: 1,
		MaxBytes: maxStored, MaxMsgSize: MaxPayload, MaxMsgsPerSubject: maxPerDevice,
		Discard: jetstream.DiscardNew, DiscardNewPerSubject: true,
	})
	var full *jetstream.APIError
	switch {
	case errors.As(err, &full) && full.ErrorCode == noRoom:
		return nil, fmt.Errorf("the disk of the MQTT store %s has too little room: make at least %d MiB free, then start again; nothing was lost",
			s.cfg.StoreDir, maxStored*3/2>>20)
	case err != nil:
		return nil, fmt.Errorf("open the stream of reports: %w", err)
	}
	c, err := stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: "intake", AckPolicy: jetstream.AckExplicitPolicy, AckWait: s.tune.ackWait,
		MaxAckPending: 4 * fetch, MaxDeliver: -1, // never given up
	})
	if err != nil {
		return nil, fmt.Errorf("open the consumer of reports: %w", err)
	}
	return c, nil
}

// drain hands message after message to the workers until ctx ends or the broker does.
func (s *Server) drain(ctx context.Context, consumer jetstream.Consumer) error {
	it, err := consumer.Messages(jetstream.PullMaxMessages(fetch), jetstream.PullExpiry(4*time.Second), jetstream.PullHeartbeat(time.Second))
	if err != nil {
		return fmt.Errorf("read the stream of reports: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	defer context.AfterFunc(ctx, it.Stop)()
	queue := make(chan jetstream.Msg)
	for range workers {
		g.Go(func() error {
			for m := range queue {
				s.handOver(ctx, m)
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(queue)
		for {
			m, err := it.Next()
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, jetstream.ErrNoHeartbeat):
				s.log.Warn("the broker is silent; asking again")
			case err != nil:
				return fmt.Errorf("read the stream of reports: %w", err)
			default:
				queue <- m
			}
		}
	})
	return g.Wait()
}

// handOver calls deliver, and only then tells the broker that the message may go: if we die between the two, it comes again
// (invariant 5; TestKillBeforeDeliveredComesAgain).
func (s *Server) handOver(ctx context.Context, m jetstream.Msg) {
	device, ok := deviceOf(m.Subject(), "r.")
	if !ok {
		// No device may publish here; an operator's tool might have.
		s.log.Warn("message on no device's topic thrown away")
		s.answered(m.Term())
		return
	}
	err := s.deliver(ctx, device, m.Data())
	switch {
	case err == nil:
		if s.refused.Load() && s.refused.Swap(false) {
			s.log.Info("arrivals are stored again")
		}
		s.answered(m.Ack())
	case ctx.Err() != nil:
		s.answered(m.Nak())
	default:
		if !s.refused.Swap(true) { // once: on a full disk every device's every try would be a line
			s.log.Error("arrivals can't be stored; they come again until they can", "device", device, "err", err)
		}
		s.answered(m.NakWithDelay(s.pause(m)))
	}
}

// pause is how long to wait before m comes again: doubling, since what refuses it is a full or failing disk.
func (s *Server) pause(m jetstream.Msg) time.Duration {
	meta, err := m.Metadata()
	if err != nil {
		return s.tune.nakDelay
	}
	return min(s.tune.nakDelay<<min(meta.NumDelivered-1, 20), s.tune.nakMax)
}

// answered logs an answer to the broker that did not get there; the message then comes again by itself.
func (s *Server) answered(err error) {
	if err != nil {
		s.log.Warn("answer to the broker was lost", "err", err)
	}
}

func (s *Server) takeHeartbeat(m *nats.Msg) {
	device, ok := deviceOf(m.Subject, "hb.")
	if !ok {
		return
	}
	h, err := wire.ParseHeartbeat(m.Data)
	if err != nil {
		s.log.Warn("heartbeat thrown away", "device", device, "err", err)
		return
	}
	s.heartbeat(device, h)
}

// Ack publishes frame to device, at QoS 0: a device that is away misses it, sends its envelope again and is acked again.
// intake.ErrNotSent means that the broker is not open.
func (s *Server) Ack(ctx context.Context, device string, frame []byte) error {
	if _, err := wire.ParseDeviceName(device); err != nil {
		return fmt.Errorf("publish ack: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("publish ack: %w: %w", intake.ErrNotSent, err)
	}
	nc := s.nc.Load()
	if nc == nil {
		return fmt.Errorf("publish ack: %w: MQTT is not open yet", intake.ErrNotSent)
	}
	if err := nc.Publish(subject(wire.TopicAck(device)), frame); err != nil {
		return fmt.Errorf("publish ack: %w: %w", intake.ErrNotSent, err)
	}
	return nil
}

// subject is the NATS subject of an MQTT topic that has no dot.
func subject(topic string) string { return strings.ReplaceAll(topic, "/", ".") }

func deviceOf(subject, prefix string) (string, bool) {
	device, ok := strings.CutPrefix(subject, prefix)
	if !ok {
		return "", false
	}
	_, err := wire.ParseDeviceName(device)
	return device, err == nil
}
