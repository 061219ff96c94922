package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/internal/console"
	"github.com/langnghe/langnghe/gateway/internal/mqttin"
	"github.com/langnghe/langnghe/gateway/internal/store"
)

// mqttAcker is the broker as intake sees it.
type mqttAcker struct{ s *mqttin.Server }

// Ack implements intake.Acker.
func (a mqttAcker) Ack(ctx context.Context, to intake.Downlink, frame []byte) error {
	return a.s.Ack(ctx, to.Device, frame)
}

// fleet holds the last heartbeat of each device in memory and writes them to the store every few seconds.
type fleet struct {
	store *store.Store
	put   func(context.Context, []store.Beat) error

	mu    sync.Mutex // guards the rest
	beats map[uint32]store.Beat
	dirty map[uint32]bool
}

func newFleet(s *store.Store) *fleet {
	return &fleet{store: s, put: s.PutHeartbeats, beats: map[uint32]store.Beat{}, dirty: map[uint32]bool{}}
}

func (f *fleet) beat(device string, h wire.Heartbeat) {
	index, err := wire.ParseDeviceName(device)
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.beats[index] = store.Beat{Device: index, Seen: time.Now(), Body: h}
	f.dirty[index] = true
}

func (f *fleet) run(ctx context.Context, log *slog.Logger) error {
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			// What came in the last seconds is worth one more write.
			if err := f.flush(context.WithoutCancel(ctx)); err != nil {
				log.Warn("the last heartbeats were not stored", "error", err)
			}
			return ctx.Err()
		case <-t.C:
			// A heartbeat is worth no restart: the devices' page shows what is in memory, and the next flush tries again.
			switch err := f.flush(ctx); {
			case err != nil && !failing && ctx.Err() == nil:
				failing = true
				log.Error("heartbeats can't be stored; they are kept in memory and tried again", "error", err)
			case err == nil && failing:
				failing = false
				log.Info("heartbeats are stored again")
			}
		}
	}
}

func (f *fleet) flush(ctx context.Context) error {
	f.mu.Lock()
	var beats []store.Beat
	for index := range f.dirty {
		beats = append(beats, f.beats[index])
	}
	clear(f.dirty)
	f.mu.Unlock()
	if len(beats) == 0 {
		return nil
	}
	err := f.put(ctx, beats)
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, b := range beats {
			f.dirty[b.Device] = true
		}
	}
	return err
}

// Devices implements console.Fleet.
func (f *fleet) Devices(ctx context.Context) ([]console.Device, error) {
	kiosks, err := f.store.Kiosks(ctx)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]console.Device, 0, len(kiosks))
	for _, k := range kiosks {
		seen, h := k.Seen, k.Last
		if b, ok := f.beats[k.Index]; ok {
			seen, h = b.Seen, b.Body
		}
		out = append(out, console.Device{
			Name: wire.DeviceName(k.Index), Place: k.Place, Province: k.Province, Seen: seen, Link: h.Link, Program: h.Program,
			Modem: modemState(h), Backlog: h.Backlog, Refused: h.Quarantined, Signal: h.Signal, CanStore: h.CanStore, ClockOK: h.ClockOK,
		})
	}
	return out, nil
}

func modemState(h wire.Heartbeat) console.ModemState {
	switch {
	case h.Modem == "":
		return console.ModemFine
	case h.ModemOpen:
		return console.ModemNoSignal
	}
	return console.ModemBroken
}

// accounts is the store's officers as the console sees them.
type accounts struct{ s *store.Store }

// Account implements console.Accounts.
func (a accounts) Account(ctx context.Context, user string) (console.Account, bool, error) {
	o, ok, err := a.s.Officer(ctx, user)
	return console.Account{Name: o.Name, Hash: o.Hash, Viewer: o.Viewer}, ok, err
}

// quarantine is the store's counters as the console sees them.
type quarantine struct{ s *store.Store }

// Counters implements console.Quarantine.
func (q quarantine) Counters(ctx context.Context) (c console.Counters, err error) {
	all, err := q.s.Counters(ctx)
	for _, n := range all {
		if n.Reason == intake.ReasonDuplicate {
			c.Duplicates += n.Count
			continue
		}
		c.Refused = append(c.Refused, console.Refusal{Reason: n.Reason, Link: n.Link, Count: n.Count, Last: n.Last})
	}
	return c, err
}

// quiet knows the numbers that are never answered: the gateway's own and those of the kiosks, which answer by themselves.
type quiet struct {
	s   *store.Store
	id  seal.Identity
	own pdu.Address

	mu     sync.Mutex             // guards opened
	opened map[string]pdu.Address // by the sealed number
}

func newQuiet(s *store.Store, id seal.Identity, own string) (*quiet, error) {
	q := &quiet{s: s, id: id, opened: map[string]pdu.Address{}}
	if own == "" {
		return q, nil
	}
	var err error
	if q.own, err = pdu.ParseAddress(own); err != nil {
		return nil, fmt.Errorf("sms.msisdn: %w", err)
	}
	return q, nil
}

// silent implements intake.Config's Silent.
func (q *quiet) silent(ctx context.Context, number string) (bool, error) {
	a, err := pdu.ParseAddress(number)
	if err != nil || q.own.Equal(a) {
		return true, nil
	}
	sealed, err := q.s.Numbers(ctx)
	if err != nil {
		return false, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for index, s := range sealed {
		kiosk, ok := q.opened[string(s)]
		if !ok {
			plain, err := q.id.OpenAtRest(intake.LabelMSISDN, s)
			if err != nil {
				return false, fmt.Errorf("open the number of %s: %w", wire.DeviceName(index), err)
			}
			if kiosk, err = pdu.ParseAddress(string(plain)); err != nil {
				return false, fmt.Errorf("read the number of %s: %w", wire.DeviceName(index), err)
			}
			q.opened[string(s)] = kiosk
		}
		if kiosk.Equal(a) {
			return true, nil
		}
	}
	return false, nil
}
