package intake_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/internal/store"
	"github.com/langnghe/langnghe/gateway/triage"
)

const (
	kiosk1   = "+84900000001"
	kiosk2   = "+84900000002"
	villager = "+84912345678"
	commune  = 26734
	province = 79
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, triage.Zone)

// rig is an intake over a real store, with two kiosks. Its clock stands still until it is moved.
type rig struct {
	t    *testing.T
	path string
	id   seal.Identity
	psks map[uint32]seal.PSK
	logs *bytes.Buffer

	mu      sync.Mutex // guards the rest: acks come from Run's goroutines
	now     time.Time
	acks    []sent
	answers []string // number and text
	refuse  error    // what Answer returns
	refuses func(number string) error

	store *store.Store
	in    *intake.Intake
	wrap  func(intake.Store) intake.Store
}

type sent struct {
	link string
	to   intake.Downlink
	ack  wire.Ack
}

type acker struct {
	r    *rig
	link string
}

func (a acker) Ack(_ context.Context, to intake.Downlink, frame []byte) error {
	ack, err := wire.ParseAck(frame)
	if err != nil {
		return err
	}
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	a.r.acks = append(a.r.acks, sent{a.link, to, ack})
	return nil
}

func (r *rig) Answer(_ context.Context, number, text string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		return r.refuse
	}
	if r.refuses != nil {
		if err := r.refuses(number); err != nil {
			return err
		}
	}
	r.answers = append(r.answers, number+" "+text)
	return nil
}

func newRig(t *testing.T) *rig {
	t.Helper()
	id, err := seal.NewIdentity(0)
	must(t, err)
	r := &rig{t: t, path: filepath.Join(t.TempDir(), "gateway.db"), id: id, psks: map[uint32]seal.PSK{}, now: noon, logs: &bytes.Buffer{}}
	r.start()
	for _, number := range []string{kiosk1, kiosk2} {
		r.enrol(number)
	}
	t.Cleanup(func() { must(t, r.store.Close()) })
	return r
}

func (r *rig) enrol(number string) {
	r.t.Helper()
	_, err := r.store.Enrol(r.t.Context(), noon, func(index uint32) (intake.Device, error) {
		psk, err := seal.NewPSK(index, 0)
		must(r.t, err)
		r.psks[index] = psk
		to := r.id.Recipient()
		key, err := to.SealAtRest(intake.LabelPSK, psk.Key[:])
		must(r.t, err)
		num, err := to.SealAtRest(intake.LabelMSISDN, []byte(number))
		must(r.t, err)
		return intake.Device{Index: index, Place: "Trường Bản Qua", Province: province, Commune: commune, PSK: key, MSISDN: num}, nil
	})
	must(r.t, err)
}

// start opens the store and a new intake over it, as a start of the process does.
func (r *rig) start() {
	r.t.Helper()
	var err error
	r.store, err = store.Open(r.t.Context(), r.path)
	must(r.t, err)
	var s intake.Store = r.store
	if r.wrap != nil {
		s = r.wrap(s)
	}
	r.in, err = intake.New(intake.Config{
		Store: s, Identity: r.id,
		Ackers:   map[string]intake.Acker{intake.LinkMQTT: acker{r, intake.LinkMQTT}, intake.LinkSMS: acker{r, intake.LinkSMS}},
		Answerer: r,
		Silent:   func(_ context.Context, n string) (bool, error) { return n == kiosk1 || n == kiosk2, nil },
		Now:      func() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return r.now },
		Log:      slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	must(r.t, err)
	must(r.t, r.in.Resume(r.t.Context()))
}

// restart is a power cut as far as the intake's memory goes.
func (r *rig) restart() {
	r.t.Helper()
	must(r.t, r.store.Close())
	r.start()
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *rig) drain() {
	r.t.Helper()
	must(r.t, r.in.Drain(r.t.Context()))
}

func (r *rig) sweep() {
	r.t.Helper()
	must(r.t, r.in.Sweep(r.t.Context()))
	r.drain()
}

func (r *rig) mqtt(from string, raw []byte) {
	r.t.Helper()
	must(r.t, r.in.Receive(r.t.Context(), intake.Arrival{Link: intake.LinkMQTT, From: from, Raw: raw}))
}

func (r *rig) sms(tpdus ...[]byte) {
	r.t.Helper()
	for _, tpdu := range tpdus {
		must(r.t, r.in.Receive(r.t.Context(), intake.Arrival{Link: intake.LinkSMS, Raw: slices.Clone(tpdu)}))
	}
}

func (r *rig) seal(device uint32, b wire.Body) seal.Sealed {
	r.t.Helper()
	s, err := seal.NewSealer(r.id.Recipient(), r.psks[device]).Seal(b)
	must(r.t, err)
	return s
}

func draft(text string) wire.Report {
	return wire.Report{
		Draft: report.Draft{
			Door: report.DoorScreen, Speaker: report.SpeakerSelf, Categories: []report.Category{"V1"}, When: report.WhenToday,
			Alleged: report.AllegedNeighbour, Environment: report.EnvironmentCommunity,
			Place: report.Place{Commune: commune}, Text: report.Words(text),
		},
		Urgency: report.U2, Time: report.NewBucket(noon, true),
	}
}

// tpdus are the SMS-DELIVERs of a text, in order.
func tpdus(t *testing.T, from, text string, at time.Time, ref uint16) [][]byte {
	t.Helper()
	to, err := pdu.ParseAddress(kiosk1)
	must(t, err)
	subs, err := pdu.SubmitText(to, text, ref, pdu.SubmitOptions{})
	must(t, err)
	return delivers(t, from, at, subs)
}

func binary(t *testing.T, from string, data []byte, at time.Time, ref uint16) [][]byte {
	t.Helper()
	to, err := pdu.ParseAddress(kiosk1)
	must(t, err)
	subs, err := pdu.SubmitBinary(to, data, ref, pdu.SubmitOptions{})
	must(t, err)
	return delivers(t, from, at, subs)
}

func delivers(t *testing.T, from string, at time.Time, subs []pdu.Submit) (out [][]byte) {
	t.Helper()
	a, err := pdu.ParseAddress(from)
	must(t, err)
	for _, s := range subs {
		f, err := pdu.DecodeSubmit(s.TPDU)
		must(t, err)
		b, err := pdu.EncodeDeliver(f.Deliver(a, at))
		must(t, err)
		out = append(out, b)
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) cases() []triage.Case {
	r.t.Helper()
	cs, err := r.store.Cases(r.t.Context(), false, 0)
	must(r.t, err)
	slices.SortFunc(cs, func(a, b triage.Case) int { return strings.Compare(a.Number, b.Number) })
	return cs
}

// one returns the one case that there should be, with what an officer reads in it.
func (r *rig) one() (triage.Case, []triage.Content) {
	r.t.Helper()
	cs := r.cases()
	if len(cs) != 1 {
		r.t.Fatalf("%d cases, want one", len(cs))
	}
	return cs[0], r.contents(cs[0].Number)
}

func (r *rig) contents(number string) []triage.Content {
	r.t.Helper()
	_, reports, err := r.store.Case(r.t.Context(), number)
	must(r.t, err)
	out, err := r.in.Opener().Open(r.t.Context(), reports)
	must(r.t, err)
	return out
}

// counts returns the counters as "link reason" to number.
func (r *rig) counts() map[string]int64 {
	r.t.Helper()
	all, err := r.store.Counters(r.t.Context())
	must(r.t, err)
	out := map[string]int64{}
	for _, c := range all {
		out[c.Link+" "+c.Reason] = c.Count
	}
	return out
}

func (r *rig) arrivals() int {
	r.t.Helper()
	all, err := r.store.Arrivals(r.t.Context(), 0, 1000)
	must(r.t, err)
	return len(all)
}

// acked returns the tokens that were sent to a device on a link, in order.
func (r *rig) acked(link, device string) (out []wire.Token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.acks {
		if a.link == link && a.to.Device == device {
			out = append(out, a.ack.Tokens...)
		}
	}
	return out
}
