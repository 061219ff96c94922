package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/triage"
)

// The links by which arrivals come.
const (
	LinkMQTT = "mqtt"
	LinkSMS  = "sms"
)

// ErrNotSent and ErrRefused are the errors of an Acker or Answerer that knows that nothing has left. With ErrNotSent the
// link is down: intake tries again, with this and with all that waits. With ErrRefused the link works and does not take this
// message or number: intake tries a few times more while the others go on. Any other error means that it may have been
// sent, and is not tried again.
var (
	ErrNotSent = errors.New("nothing was sent")
	ErrRefused = errors.New("it was refused")
)

// A number may be refused for a passing reason. maxRefused is how often it is tried, refusedRest for how long it rests.
const (
	maxRefused  = 3
	refusedRest = 30 * time.Second
)

// Acker carries acks to devices on one link. An ack may be lost or repeated: the device asks again by sending again.
type Acker interface {
	Ack(ctx context.Context, to Downlink, frame []byte) error
}

// Downlink is the device an ack is for.
type Downlink struct {
	Device string       // "d000001"
	MSISDN report.Words // as enrolled; empty where the device has no modem
}

// Answerer sends one text message to the sender of an SMS. It returns nil when the carrier has taken it.
type Answerer interface {
	Answer(ctx context.Context, number, text string) error
}

// Config is what intake works with. Store, Identity and Log are needed.
type Config struct {
	Store    Store
	Identity seal.Identity
	Ackers   map[string]Acker // by link; where a link has none, no ack goes out on it
	Answerer Answerer         // nil: senders of SMS are not answered
	// Silent tells whether a number must never be answered: the gateway's own, and those of kiosks. nil: none.
	Silent func(ctx context.Context, number string) (bool, error)
	// Patience is how long the missing segments of a message are waited for. 0 means an hour.
	Patience time.Duration
	// Keep is how many quarantined frames are kept for inspection. 0 means 1000.
	Keep int
	Now  func() time.Time // the wall clock; nil means time.Now
	Log  *slog.Logger
}

const (
	// batchSize is how many arrivals one transaction takes. Beyond it SQLite gains nothing (notes: 64 rows give the peak).
	batchSize = 64
	// maxArrival bounds what is stored of one arrival. What is longer can't be a frame; it is cut and then refused.
	maxArrival = wire.MaxEnvelope + 1
	// lateFor is how long after a message a missing segment of it is still recognised.
	lateFor = 7 * 24 * time.Hour
)

// Intake is the gateway's intake. Receive may be called by many goroutines, before and while Run runs.
type Intake struct {
	cfg  Config
	to   seal.Recipient
	keys *keys
	log  *slog.Logger

	gather gather
	wake   chan struct{} // holds one token when arrivals were stored since work last looked

	// Owned by work.
	after   int64                  // ID of the last arrival that was looked at
	single  int64                  // arrivals up to this ID are taken one by one: one of them made a batch fail
	direct  *pdu.Joiner            // SMS that came straight here; Part.Key is a *waiting
	relayed map[uint32]*pdu.Joiner // segments that kiosks relayed, by device; Part.Key is a *Part
	apart   map[int64]bool         // arrivals that can't be worked off; they stay stored, for the next start
	unread  map[wire.ID]bool       // relayed segments of which that is true

	away    atomic.Bool          // the log says that the store can't be used
	acks    map[string]*ackQueue // by link
	answers *answers
}

// New returns an intake over cfg. It starts nothing.
func New(cfg Config) (*Intake, error) {
	if cfg.Store == nil || cfg.Log == nil {
		return nil, errors.New("intake: a store and a log are needed")
	}
	if cfg.Patience == 0 {
		cfg.Patience = time.Hour
	}
	if cfg.Keep == 0 {
		cfg.Keep = 1000
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	k, err := newKeys(cfg.Identity)
	if err != nil {
		return nil, err
	}
	in := &Intake{
		cfg: cfg, to: cfg.Identity.Recipient(), keys: k, log: cfg.Log,
		wake:   make(chan struct{}, 1),
		gather: gather{writing: make(chan struct{}, 1)},
		apart:  map[int64]bool{},
		unread: map[wire.ID]bool{},
		acks:   map[string]*ackQueue{},
	}
	in.forget()
	for link, a := range cfg.Ackers {
		in.acks[link] = newAckQueue(link, a, cfg.Log)
	}
	in.answers = newAnswers(in)
	return in, nil
}

// Arrival is what a carrier handed over.
type Arrival struct {
	Link string       // LinkMQTT or LinkSMS
	From string       // MQTT: the name in the device's certificate. SMS: not read, as the TPDU names its sender
	Raw  report.Words // MQTT: the payload. SMS: the SMS-DELIVER TPDU, which may hold a villager's words and number
}

// Receive stores an arrival and returns nil when it is on stable storage; only then may the carrier be told that we have it
// (invariant 5). Nothing of it is parsed before. After an error the carrier still holds it and hands it over again.
func (in *Intake) Receive(ctx context.Context, a Arrival) error {
	b := []byte(a.Raw[:min(len(a.Raw), maxArrival)])
	raw := Raw{Link: a.Link, Received: in.now()}
	switch a.Link {
	case LinkMQTT:
		raw.From, raw.Bytes = a.From, b
	case LinkSMS:
		sealed, err := in.to.SealAtRest(labelArrival, b)
		if err != nil {
			return fmt.Errorf("receive an arrival: %w", err)
		}
		raw.Bytes = sealed
	default:
		return fmt.Errorf("receive an arrival: %q is no link", a.Link)
	}
	if err := in.gather.put(ctx, in.cfg.Store, raw); err != nil {
		return fmt.Errorf("receive an arrival: %w", err)
	}
	// It is on disk. If we die now, work finds it at the next start by the path that it always goes.
	in.nudge()
	return nil
}

func (in *Intake) now() time.Time { return in.cfg.Now().Truncate(time.Millisecond) }

// gather puts arrivals that come at the same time into one transaction: whoever finds no group open leads one, waits for
// the group before it, and writes for all who have joined meanwhile. It needs no goroutine of its own.
type gather struct {
	mu      sync.Mutex // guards open
	open    *group
	writing chan struct{} // holds a token while a group or a batch is written
}

type group struct {
	raws []Raw
	done chan struct{}
	err  error
}

func (g *gather) put(ctx context.Context, s Store, r Raw) error {
	g.mu.Lock()
	gr := g.open
	leads := gr == nil || len(gr.raws) == 4*batchSize
	if leads {
		gr = &group{done: make(chan struct{})}
		g.open = gr
	}
	gr.raws = append(gr.raws, r)
	g.mu.Unlock()
	if !leads {
		<-gr.done
		return gr.err
	}
	g.writing <- struct{}{}
	g.mu.Lock()
	if g.open == gr {
		g.open = nil
	}
	g.mu.Unlock()
	// The others' arrivals must not be lost because the leader's caller went away.
	gr.err = s.Put(context.WithoutCancel(ctx), gr.raws)
	<-g.writing
	close(gr.done)
	return gr.err
}

// Run takes stored arrivals in their order until ctx ends. While the store can't be used it waits. An error says that
// the store is broken: the process should end, and may start again at any moment.
func (in *Intake) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, q := range in.acks {
		g.Go(func() error { return q.run(ctx) })
	}
	if in.cfg.Answerer != nil {
		g.Go(func() error { return in.answers.run(ctx) })
	}
	g.Go(func() error { return in.work(ctx) })
	err := g.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// work serves until ctx ends. Where the store could not be used it starts anew, by the path of every start: what was not
// committed has not happened, and what is in memory is read again.
func (in *Intake) work(ctx context.Context) error {
	for {
		err := in.serve(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !in.patient(err) {
			return err
		}
		if err := pause(ctx, storeRetry); err != nil {
			return err
		}
		in.forget()
	}
}

func (in *Intake) serve(ctx context.Context) error {
	// Segments of kiosks are recorded and acked while they wait for the others; the joiners are filled with them again.
	if err := in.resume(ctx); err != nil {
		return err
	}
	sweep := time.NewTicker(min(in.cfg.Patience/4+time.Millisecond, 30*time.Second))
	defer sweep.Stop()
	for {
		n, err := in.step(ctx)
		if err != nil {
			return err
		}
		if n == batchSize || in.after < in.single {
			in.nudge() // there may be more
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-in.wake:
		case <-sweep.C:
			if err := in.expire(ctx); err != nil {
				return err
			}
		}
	}
}

func (in *Intake) nudge() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// step works off the next arrivals in one transaction and returns how many it looked at. Those that wait for other
// segments stay in the store: after a restart they come again by this same path.
func (in *Intake) step(ctx context.Context) (int, error) {
	size := batchSize
	if in.after < in.single {
		size = 1
	}
	raws, err := in.cfg.Store.Arrivals(ctx, in.after, size)
	if err != nil {
		return 0, err
	}
	if len(raws) == 0 {
		in.single = 0
		return 0, nil
	}
	if err := in.take(ctx, raws); err != nil {
		return len(raws), in.mend(ctx, raws, err)
	}
	return len(raws), nil
}

// take judges arrivals and commits.
func (in *Intake) take(ctx context.Context, raws []Raw) error {
	b := in.newBatch()
	if err := b.prefetch(ctx, raws); err != nil {
		return err
	}
	for _, r := range raws {
		if !in.apart[r.ID] {
			if err := b.judge(ctx, r); err != nil {
				return err
			}
		}
		in.after = r.ID
	}
	return in.commit(ctx, b)
}

// commit writes what b decided and then, and only then, lets the acks go.
func (in *Intake) commit(ctx context.Context, b *batch) error {
	if b.empty() {
		return nil
	}
	// Arrivals that come meanwhile gather into one group. Without the token each would take a transaction of its own in
	// the queue for the one writer that a store has.
	in.gather.writing <- struct{}{}
	err := in.update(ctx, func(tx Tx) error { return b.write(ctx, tx) })
	<-in.gather.writing
	if err != nil {
		return err
	}
	for _, a := range b.acks {
		if q := in.acks[a.link]; q != nil {
			q.add(a.to, a.token)
		}
	}
	if len(b.owed) > 0 {
		in.answers.nudge()
	}
	return nil
}

// desk opens cases within a transaction; it shows nothing to anybody.
func (in *Intake) desk(tx Tx) *triage.Desk { return triage.NewDesk(tx, nil, nil, in.cfg.Now) }
