// Package modem owns one AT modem: it opens and locks the serial port, brings the modem from any state to
// one we know, receives by listing the message storage, and submits SMS in PDU mode. DESIGN.md tells why
// it is built as it is, and which defects of modems and libraries it steps around.
//
// No log line, error or status of this package holds a message, a number or an unsolicited line.
package modem

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/langnghe/langnghe/device/modem/pdu"
)

// ErrNotSent means that nothing left this device: the message may be sent again at no risk.
var ErrNotSent = errors.New("message not sent")

// Config says where the modem is. Zero durations mean the defaults; tests make them short.
type Config struct {
	// Port is the modem's AT port, best a stable name such as /dev/kiosk/modem-at.
	Port string
	// Baud is the line speed; 0 means 115200. USB modems ignore it.
	Baud int
	// PIN of the SIM, 4 to 8 digits; empty if the SIM asks for none. A PIN that was refused once is not
	// tried again until the program starts anew.
	PIN string

	Poll           time.Duration // between looks into the message storage; 5 s
	StatusEvery    time.Duration // between looks at SIM, registration and signal; 15 s
	CommandTimeout time.Duration // for common commands; 5 s
	ListTimeout    time.Duration // for listing and deleting, which can take 10 s and more; 60 s
	PromptTimeout  time.Duration // until the modem asks for the message; 10 s
	SubmitTimeout  time.Duration // from Ctrl-Z to the network's answer; 60 s
	WriteTimeout   time.Duration // for the port to take what we write; 5 s
	ReadyTimeout   time.Duration // for SIM and SMS service to be ready after power-on; 30 s
	ProbeTimeout   time.Duration // for each question that finds out whether the modem is in step; 3 s
	Quiet          time.Duration // how long the line must be quiet before the first command; 200 ms
	MinBackoff     time.Duration // before the first try to open again; 1 s
	MaxBackoff     time.Duration // before any later try; 30 s
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.Poll, 5 * time.Second}, {&c.StatusEvery, 15 * time.Second}, {&c.CommandTimeout, 5 * time.Second},
		{&c.ListTimeout, time.Minute}, {&c.PromptTimeout, 10 * time.Second}, {&c.SubmitTimeout, time.Minute},
		{&c.WriteTimeout, 5 * time.Second}, {&c.ReadyTimeout, 30 * time.Second}, {&c.ProbeTimeout, 3 * time.Second},
		{&c.Quiet, 200 * time.Millisecond}, {&c.MinBackoff, time.Second}, {&c.MaxBackoff, 30 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.Baud == 0 {
		c.Baud = 115200
	}
	return c
}

func (c Config) check() error {
	switch {
	case c.Port == "":
		return errors.New("modem: no port is configured: set it to the modem's AT port")
	case c.PIN != "" && (len(c.PIN) < 4 || len(c.PIN) > 8 || strings.Trim(c.PIN, "0123456789") != ""):
		return errors.New("modem: the PIN must be 4 to 8 digits")
	}
	switch c.Baud {
	case 0, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600:
	default:
		return fmt.Errorf("modem: the speed %d is not one that modems use: take 115200", c.Baud)
	}
	for _, d := range []time.Duration{
		c.Poll, c.StatusEvery, c.CommandTimeout, c.ListTimeout, c.PromptTimeout, c.SubmitTimeout, c.WriteTimeout,
		c.ReadyTimeout, c.ProbeTimeout, c.Quiet, c.MinBackoff, c.MaxBackoff,
	} {
		if d < 0 {
			return errors.New("modem: a time is negative")
		}
	}
	return nil
}

// Inbound is an SMS-DELIVER or SMS-STATUS-REPORT TPDU without the service centre's address. A TPDU that
// cannot be decoded comes all the same.
type Inbound struct{ TPDU []byte }

// String tells the size only.
func (in Inbound) String() string { return fmt.Sprintf("inbound(%d octets)", len(in.TPDU)) }

// Format writes String for every verb.
func (in Inbound) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(in.String())) }

// LogValue is String, for log/slog.
func (in Inbound) LogValue() slog.Value { return slog.StringValue(in.String()) }

// Modem is one modem on one port.
type Modem struct {
	cfg Config
	log *slog.Logger

	mu      sync.Mutex
	running bool
	now     snapshot
	desk    *desk // where Send finds the owner of the port; nil while there is none

	// Only Run's goroutine, and beyond the life of one session:
	pinTries   int               // PINs given without success
	pinRefused bool              // the SIM said that this PIN is wrong
	stored     map[slot][32]byte // delivered, but still in the modem
	suspect    map[slot]int      // how often a message looked cut short
	direct     [][]byte          // came without being stored by the modem, not yet delivered
	polls      int
	away       bool            // the port could not be opened, so "starting" is news when it can
	lastReason string          // what was logged last
	refusals   map[string]bool // sentences with which deliver refused, told to the log
}

// desk takes messages to send while one session lasts.
type desk struct {
	requests chan *request
	gone     chan struct{}
}

type request struct {
	ctx     context.Context
	message pdu.Submit
	mr      byte
	err     error
	done    chan struct{}
}

// New checks the configuration. It opens nothing and starts nothing.
func New(cfg Config, log *slog.Logger) (*Modem, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	m := &Modem{
		cfg: cfg.withDefaults(), log: log,
		stored: make(map[slot][32]byte), suspect: make(map[slot]int), refusals: make(map[string]bool), away: true,
	}
	m.now = snapshot{Status: Status{Signal: unknownSignal, Reason: "the modem has not been started"}}
	return m, nil
}

// Run owns the port until ctx ends, then closes it and returns ctx's error. It opens the port, brings the
// modem into a known state, and starts anew, after a pause that grows, whenever the modem is lost or has
// not answered: after a time-out nothing that the modem says can be trusted to be the answer to the
// question asked.
//
// It calls deliver, one at a time, for each received message, and frees the message's place in the modem
// only after deliver has returned nil and the place still holds that message. A message may be delivered
// again after a crash. deliver must not call Send.
func (m *Modem) Run(ctx context.Context, deliver func(context.Context, Inbound) error) error {
	m.mu.Lock()
	twice := m.running
	m.running = true
	m.mu.Unlock()
	if twice {
		return errors.New("modem: already running")
	}
	defer func() {
		m.mu.Lock()
		m.running = false
		m.mu.Unlock()
		m.lost("the modem is switched off")
	}()

	pause := m.cfg.MinBackoff
	for {
		err := fenced(func() error { return m.session(ctx, deliver) })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if m.Status().Open { // it worked for a while
			pause = m.cfg.MinBackoff
		}
		m.lost(reasonOf(err, m.cfg.Port))
		m.note(err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, m.cfg.MaxBackoff)
	}
}

// note logs what is wrong, once until something else is.
func (m *Modem) note(err error) {
	if reason := reasonOf(err, m.cfg.Port); reason != m.lastReason {
		m.lastReason = reason
		log := m.log.With("reason", reason)
		var f *fault
		if errors.As(err, &f) {
			err = f.err // its reason is said already
		}
		if err != nil {
			log = log.With("err", err)
		}
		log.Warn("modem not usable")
	}
}

func reasonOf(err error, port string) string {
	var f *fault
	if errors.As(err, &f) {
		return f.reason
	}
	return fmt.Sprintf("the modem at %s failed: unplug it and plug it in again", port)
}

// session is one open port, from opening to loss.
func (m *Modem) session(ctx context.Context, deliver func(context.Context, Inbound) error) (err error) {
	s, err := openSession(m.cfg)
	if err != nil {
		m.away = true
		return err
	}
	defer func() {
		if cerr := s.close(); cerr != nil {
			m.log.Debug("modem port closed with an error", "err", cerr)
		}
	}()
	if m.away { // else what ailed it last, a SIM without PIN perhaps, stays in sight until it is known to be over
		m.update(func(st *Status) {
			st.Reason = fmt.Sprintf("the modem at %s is starting: wait a moment", m.cfg.Port)
		})
		m.away = false
	}
	if err := m.start(ctx, s); err != nil {
		return err
	}
	return m.serve(ctx, s, deliver)
}

// serve is the life of a modem that is ready for commands. It alone talks to the modem.
func (m *Modem) serve(ctx context.Context, s *session, deliver func(context.Context, Inbound) error) error {
	d := &desk{requests: make(chan *request), gone: make(chan struct{})}
	m.setDesk(d)
	defer func() { // in this order: nobody new comes in, who stands there is sent away
		m.setDesk(nil)
		close(d.gone)
	}()

	poll, status := time.NewTicker(m.cfg.Poll), time.NewTicker(m.cfg.StatusEvery)
	defer poll.Stop()
	defer status.Stop()
	looks := 0
	refresh, list, full := true, true, true
	for {
		if refresh {
			if err := m.refresh(ctx, s, looks%4 == 0); err != nil {
				return err
			}
			looks++
		}
		if list {
			if err := m.receive(ctx, s, full, deliver); err != nil {
				return err
			}
		}
		refresh, list, full = false, false, false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.at.Closed():
			return s.gone()
		case r := <-d.requests:
			m.attend(s, r)
		case <-poll.C:
			// The modem's own count of its messages saves most listings; it is not always right.
			m.polls++
			list, full = true, m.polls%12 == 0
		case <-status.C:
			refresh = true
		case <-s.events.wake:
			h, inbound, dropped := s.events.take()
			if h.restart {
				m.log.Warn("modem restarted by itself")
				m.lost(fmt.Sprintf("the modem at %s restarted by itself: check its power supply if this repeats", m.cfg.Port))
				m.setDesk(nil)
				if err := m.start(ctx, s); err != nil {
					return err
				}
				m.setDesk(d)
				h.network, h.message, looks = true, true, 0
			}
			if h.ring {
				if err := s.hangUpCall(ctx); err != nil {
					return err
				}
			}
			if dropped > 0 {
				m.log.Error("messages dropped that the modem handed over unasked", "count", dropped)
			}
			if len(inbound) > 0 {
				m.direct = append(m.direct, inbound...)
				if err := s.routing(ctx); err != nil { // somebody switched routing on
					return err
				}
				h.message = true
			}
			refresh, list, full = h.network, h.message, h.message
		}
		if s.dirty != nil {
			return s.dirty
		}
	}
}

// attend answers one who stands at the desk, whatever happens: a panic is an unknown outcome (invariant 7).
func (m *Modem) attend(s *session, r *request) {
	defer close(r.done)
	r.err = fenced(func() (err error) { r.mr, err = m.submit(s, r); return err })
	var p *panicError
	if errors.As(r.err, &p) {
		s.spoil(r.err)
	}
	if s.dirty != nil {
		m.setDesk(nil) // before the answer: who has it must not find a session ready that is being given up
	}
}

func (m *Modem) setDesk(d *desk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.desk = d
	if d != nil {
		m.now.Open, m.lastReason = true, ""
	}
}

// Send submits one SMS-SUBMIT and waits for the network's answer, which can take a minute.
//
// nil means that the service centre took it, and mr is its TP-MR (TS 23.040 9.2.3.6). ErrNotSent means
// that nothing left the device: the modem was not ready, gave no prompt, or the network or the modem
// refused the message with a cause that rules out that it was taken. Any other error means that the
// outcome is unknown. Once the message is handed over Send heeds the modem's deadline, no longer ctx.
func (m *Modem) Send(ctx context.Context, message pdu.Submit) (mr byte, err error) {
	if len(message.TPDU) == 0 {
		return 0, fmt.Errorf("empty message: %w", ErrNotSent)
	}
	m.mu.Lock()
	d, st := m.desk, m.now.Status
	m.mu.Unlock()
	if d == nil || !st.Open || !st.Registered {
		return 0, fmt.Errorf("%w: %s", ErrNotSent, st.Reason)
	}
	r := &request{ctx: ctx, message: message, done: make(chan struct{})}
	select {
	case d.requests <- r:
	case <-d.gone:
		return 0, fmt.Errorf("%w: the modem was lost", ErrNotSent)
	case <-ctx.Done():
		return 0, fmt.Errorf("%w: %w", ErrNotSent, ctx.Err())
	}
	<-r.done // the owner of the port answers within the deadlines of the configuration
	return r.mr, r.err
}
