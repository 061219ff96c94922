package smsin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/modem"
	"github.com/langnghe/langnghe/device/modem/modemtest"
	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway/intake"
)

const (
	gateway  = "+84900000002"
	kiosk    = "+84900000001"
	villager = "+84912345678"
	patience = 30 * time.Second
)

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

// rig is a gateway SIM in an emulated network, and a link over it.
type rig struct {
	t    *testing.T
	net  *modemtest.Network
	sim  *modemtest.SIM
	port string
	link *Link
	log  *lockedBuffer

	mu     sync.Mutex
	got    []string
	refuse int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, net: modemtest.New(modemtest.Options{}), log: &lockedBuffer{}, port: filepath.Join(t.TempDir(), "modem")}
	t.Cleanup(func() { _ = r.net.Close() })
	r.sim = r.net.SIM(gateway)
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	m, err := modem.New(modem.Config{Port: r.port, Poll: 20 * time.Millisecond, StatusEvery: 50 * time.Millisecond, SubmitTimeout: time.Second,
		ProbeTimeout: 500 * time.Millisecond, Quiet: 20 * time.Millisecond, MinBackoff: 10 * time.Millisecond, MaxBackoff: 50 * time.Millisecond}, log)
	if err != nil {
		t.Fatal(err)
	}
	r.link = New(m, r.receive, log)
	return r
}

func (r *rig) receive(_ context.Context, tpdu []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse > 0 {
		r.refuse--
		return errors.New("disk full")
	}
	d, err := pdu.DecodeDeliver(tpdu)
	if err != nil {
		r.got = append(r.got, "undecodable")
	} else {
		r.got = append(r.got, d.Text())
	}
	return nil
}

func (r *rig) arrived() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *rig) plug() {
	r.t.Helper()
	if _, err := r.sim.OpenPTY(r.port); err != nil {
		r.t.Fatal(err)
	}
}

// live runs f until the test ends.
func (r *rig) live(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			r.t.Errorf("Run: %v", err)
		}
	})
}

// start plugs the modem in, runs the link and waits for the network.
func start(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.plug()
	r.live(r.link.Run)
	eventually(t, "the modem", r.link.Ready)
	return r
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func TestArrivalIsStoredBeforeItsSlotIsFreed(t *testing.T) {
	r := newRig(t)
	r.refuse = 3
	r.plug()
	const words = "con sợ bố ở nhà"
	if err := r.net.Phone(villager).Send(gateway, words); err != nil {
		t.Fatal(err)
	}
	r.live(r.link.Run)
	eventually(t, "the refused arrival to come again (invariant 5)", func() bool { return slices.Equal(r.arrived(), []string{words}) })
	eventually(t, "a free slot", func() bool { return len(r.sim.Stored()) == 0 })
	if strings.Contains(r.log.String(), words) || strings.Contains(r.log.String(), villager[1:]) {
		t.Errorf("invariant 8: words or number in the log:\n%s", r.log)
	}
}

func TestStatusReportsAreFreedAndNoArrival(t *testing.T) {
	a, err := pdu.ParseAddress(villager)
	if err != nil {
		t.Fatal(err)
	}
	statusReport, err := pdu.EncodeStatusReport(pdu.StatusReport{To: a})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	if err := r.link.deliver(t.Context(), modem.Inbound{TPDU: statusReport}); err != nil {
		t.Error(err)
	}
	if err := r.link.deliver(t.Context(), modem.Inbound{TPDU: []byte{0x04}}); err != nil {
		t.Error(err)
	}
	if got := r.arrived(); !slices.Equal(got, []string{"undecodable"}) {
		t.Errorf("arrivals: %q; hostile bytes are intake's to judge, a status report is nobody's", got)
	}
}

func TestAckAndAnswerReachTheirSIMs(t *testing.T) {
	r := start(t)
	frame := bytes.Repeat([]byte{0x50, 0xff, 0x00}, 43)
	if err := r.link.Ack(t.Context(), intake.Downlink{Device: "d000001", MSISDN: report.Words(kiosk)}, frame); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("Cảm ơn bạn đã nhắn tin. ", 8)
	if err := r.link.Answer(t.Context(), villager, long); err != nil {
		t.Fatal(err)
	}
	truth := r.net.Truth()
	if truth[0].Coding != modemtest.Binary || !bytes.Equal(truth[0].Data, frame) || truth[0].To != kiosk {
		t.Errorf("ack as the network saw it: %v to %s", truth[0].Coding, truth[0].To)
	}
	inbox, err := r.net.Phone(villager).Wait(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if !inbox[0].Whole || inbox[0].Text != long {
		t.Errorf("answer: %+v", inbox[0])
	}
	for _, s := range []string{villager[1:], kiosk[1:], "Cảm ơn"} {
		if strings.Contains(r.log.String(), s) {
			t.Errorf("invariant 8: %q stands in the log", s)
		}
	}
	if strings.Count(r.log.String(), "outcome=accepted") != 2 {
		t.Errorf("outcomes are not logged:\n%s", r.log)
	}
}

func TestOutcomes(t *testing.T) {
	r := start(t)
	send := func() error { return r.link.SendBinary(t.Context(), kiosk, []byte("frame")) }
	if err := send(); err != nil {
		t.Errorf("accepted: %v", err)
	}
	r.sim.SetSendError(331) // no network service, TS 27.005 3.2.5
	if err := send(); !errors.Is(err, intake.ErrNotSent) {
		t.Errorf("not sent: %v", err)
	}
	eventually(t, "the modem", r.link.Ready)
	for code, link := range map[int]bool{1: false, 8: false, 10: false, 21: false, 28: false, 195: false, 304: false, 42: true, 192: true} {
		r.sim.SetSendError(code)
		err := send()
		if errors.Is(err, intake.ErrNotSent) != link || errors.Is(err, intake.ErrRefused) == link {
			t.Errorf("+CMS ERROR: %d gives %v", code, err)
		}
		eventually(t, "the modem", r.link.Ready)
	}
	r.sim.SetSendError(0)
	eventually(t, "the modem", r.link.Ready)
	r.sim.SetDropReply(true)
	if err := send(); err == nil || errors.Is(err, intake.ErrNotSent) {
		t.Errorf("unknown is perhaps sent (invariant 7): %v", err)
	}
	if got := len(r.net.Truth()); got != 2 {
		t.Errorf("the network saw %d messages, want 2", got)
	}
	for _, to := range []string{"", "Viettel", "12"} {
		if err := r.link.SendText(t.Context(), to, "x"); err == nil || errors.Is(err, intake.ErrNotSent) {
			t.Errorf("to %q: %v: what can never be sent must not be tried again", to, err)
		}
	}
}

// A message of which the first segments have left is not "not sent".
func TestPartOfAMessageIsUnknown(t *testing.T) {
	r := start(t)
	changed, _ := r.net.Changed()
	done := make(chan error, 1)
	go func() { done <- r.link.SendText(t.Context(), villager, strings.Repeat("x", 152*100)) }()
	<-changed
	eventually(t, "the first segment", func() bool { return len(r.net.Truth()) > 0 })
	r.sim.SetSendError(331)
	if err := <-done; err == nil || errors.Is(err, intake.ErrNotSent) {
		t.Errorf("after %d of 100 segments: %v", len(r.net.Truth()), err)
	}
}

func TestAcksGoBeforeAnswers(t *testing.T) {
	r := newRig(t)
	r.plug()
	r.live(func(ctx context.Context) error { return r.link.modem.Run(ctx, r.link.deliver) })
	eventually(t, "the modem", r.link.Ready)
	var all sync.WaitGroup
	for i := range 5 {
		all.Go(func() {
			if err := r.link.SendText(t.Context(), villager, fmt.Sprint("answer ", i)); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "the answers to wait", func() bool { return len(r.link.answers) == 5 })
	for range 5 {
		all.Go(func() {
			if err := r.link.SendBinary(t.Context(), kiosk, []byte("ack")); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "the acks to wait", func() bool { return len(r.link.acks) == 5 })
	r.live(r.link.sendAll)
	all.Wait()
	for i, s := range r.net.Truth() {
		if want := i < 5; (s.To == kiosk) != want {
			t.Errorf("message %d went to %s", i, s.To)
		}
	}
}

func TestQueueIsBoundedAndCanBeLeft(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, maxQueued)
	for range maxQueued {
		go func() { errs <- r.link.SendText(ctx, villager, "x") }()
	}
	eventually(t, "a full queue", func() bool { return len(r.link.answers) == maxQueued })
	if err := r.link.SendText(t.Context(), villager, "x"); !errors.Is(err, intake.ErrNotSent) {
		t.Errorf("full queue: %v", err)
	}
	cancel()
	for range maxQueued {
		if err := <-errs; !errors.Is(err, intake.ErrNotSent) {
			t.Errorf("given up while waiting: %v", err)
		}
	}
}

func TestNobodyWaitsForALinkThatStopped(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.link.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := r.link.SendText(t.Context(), villager, "x"); !errors.Is(err, intake.ErrNotSent) {
		t.Errorf("after Run: %v", err)
	}
	if err := r.link.Run(t.Context()); err == nil {
		t.Error("Run ran twice")
	}
}

func TestMissingModemIsSaidAndWaitedFor(t *testing.T) {
	r := newRig(t)
	r.live(r.link.Run)
	eventually(t, "a sentence on what is wrong", func() bool { return r.link.Status().Reason != "" })
	if err := r.link.SendBinary(t.Context(), kiosk, []byte("frame")); !errors.Is(err, intake.ErrNotSent) {
		t.Errorf("without a modem: %v", err)
	}
	r.plug()
	eventually(t, "the modem", r.link.Ready)
	if err := r.link.SendBinary(t.Context(), kiosk, []byte("frame")); err != nil {
		t.Errorf("with the modem: %v", err)
	}
}

func TestConcatReferencesDiffer(t *testing.T) {
	r := start(t)
	for range 2 {
		if err := r.link.SendText(t.Context(), villager, strings.Repeat("y", 200)); err != nil {
			t.Fatal(err)
		}
	}
	truth := r.net.Truth()
	if len(truth) != 4 || bytes.Equal(truth[0].Header, truth[2].Header) {
		t.Error("two messages carry one reference, so that a handset may splice them")
	}
	if bytes.Equal(truth[0].Header, start(t).firstHeader()) {
		t.Error("references start at the same number in each run")
	}
}

func (r *rig) firstHeader() []byte {
	if err := r.link.SendText(r.t.Context(), villager, strings.Repeat("y", 200)); err != nil {
		r.t.Fatal(err)
	}
	return r.net.Truth()[0].Header
}
