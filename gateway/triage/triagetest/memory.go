// Package triagetest holds the case desk's surroundings in memory, for tests of what stands on it: a Store with the
// contract of triage.Store, an Opener and a Vault, with faults that a test can switch on.
package triagetest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway/triage"
)

// ErrDown is the error of a store that a test has switched off.
var ErrDown = errors.New("triagetest: the store is down")

// Store keeps cases in memory. The zero Store is empty and ready.
type Store struct {
	mu      sync.Mutex
	cases   map[string]triage.Case
	reports []triage.Report
	years   map[int]int64
	events  []triage.Event

	readDown, writeDown bool
}

var _ triage.Store = (*Store)(nil)

// SetDown makes every later read or write fail with ErrDown.
func (s *Store) SetDown(reads, writes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readDown, s.writeDown = reads, writes
}

// Tamper hands the stored events to f, which may alter, remove or add what an attacker would.
func (s *Store) Tamper(f func([]triage.Event) []triage.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = f(s.events)
}

// All returns every event as it is stored.
func (s *Store) All() []triage.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

func (s *Store) append(e triage.Event) {
	var prev triage.Digest
	if n := len(s.events); n > 0 {
		prev = s.events[n-1].Hash
	}
	e.Seq = int64(len(s.events)) + 1
	e.Hash = e.Chain(prev)
	s.events = append(s.events, e)
}

func (s *Store) caseOf(envelope string) string {
	for _, r := range s.reports {
		if r.Envelope == envelope {
			return r.Case
		}
	}
	return ""
}

// Open implements triage.Store.
func (s *Store) Open(_ context.Context, c triage.Case, r triage.Report, e triage.Event) (string, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writeDown {
		return "", false, ErrDown
	}
	if n := s.caseOf(r.Envelope); n != "" {
		return n, false, nil
	}
	if s.cases == nil {
		s.cases, s.years = map[string]triage.Case{}, map[int]int64{}
	}
	year := c.Opened.In(triage.Zone).Year()
	s.years[year]++
	c.Number, c.Version = triage.Number(year, s.years[year]), 1
	r.Case, e.Case = c.Number, c.Number
	s.cases[c.Number] = c
	s.reports = append(s.reports, r)
	s.append(e)
	return c.Number, true, nil
}

// Apply implements triage.Store.
func (s *Store) Apply(_ context.Context, c triage.Case, r *triage.Report, e triage.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writeDown {
		return ErrDown
	}
	old, ok := s.cases[c.Number]
	if !ok {
		return triage.ErrNoCase
	}
	if old.Version != c.Version || (r != nil && s.caseOf(r.Envelope) != "") {
		return triage.ErrConflict
	}
	c.Version++
	s.cases[c.Number] = c
	if r != nil {
		s.reports = append(s.reports, *r)
	}
	s.append(e)
	return nil
}

// Record implements triage.Store.
func (s *Store) Record(_ context.Context, e triage.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writeDown {
		return ErrDown
	}
	s.append(e)
	return nil
}

// Case implements triage.Store.
func (s *Store) Case(_ context.Context, number string) (triage.Case, []triage.Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readDown {
		return triage.Case{}, nil, ErrDown
	}
	c, ok := s.cases[number]
	if !ok {
		return triage.Case{}, nil, triage.ErrNoCase
	}
	var rs []triage.Report
	for _, r := range s.reports {
		if r.Case == number {
			rs = append(rs, r)
		}
	}
	return c, rs, nil
}

// Cases implements triage.Store.
func (s *Store) Cases(_ context.Context, closed bool, limit int) ([]triage.Case, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readDown {
		return nil, ErrDown
	}
	var cs []triage.Case
	for _, c := range s.cases {
		if c.Status.Closed() == closed {
			cs = append(cs, c)
		}
	}
	slices.SortFunc(cs, func(a, b triage.Case) int { return b.Opened.Compare(a.Opened) })
	if closed && len(cs) > limit {
		cs = cs[:limit]
	}
	return cs, nil
}

// History implements triage.Store.
func (s *Store) History(_ context.Context, number string) ([]triage.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readDown {
		return nil, ErrDown
	}
	var es []triage.Event
	for _, e := range s.events {
		if e.Case == number {
			es = append(es, e)
		}
	}
	return es, nil
}

// Events implements triage.Store.
func (s *Store) Events(_ context.Context, after int64, limit int) ([]triage.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readDown {
		return nil, ErrDown
	}
	var es []triage.Event
	for _, e := range s.events {
		if e.Seq > after && len(es) < limit {
			es = append(es, e)
		}
	}
	return es, nil
}

// Head implements triage.Store.
func (s *Store) Head(context.Context) (int64, triage.Digest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readDown {
		return 0, triage.Digest{}, ErrDown
	}
	if len(s.events) == 0 {
		return 0, triage.Digest{}, nil
	}
	last := s.events[len(s.events)-1]
	return last.Seq, last.Hash, nil
}

// Opener holds drafts in place of sealed reports, by envelope.
type Opener struct {
	mu     sync.Mutex
	drafts map[string]report.Draft
	opened int
}

var _ triage.Opener = (*Opener)(nil)

// Put keeps d as what stands in an envelope.
func (o *Opener) Put(envelope string, d report.Draft) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.drafts == nil {
		o.drafts = map[string]report.Draft{}
	}
	o.drafts[envelope] = d
}

// Opened is how many times words were opened.
func (o *Opener) Opened() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.opened
}

// Open implements triage.Opener.
func (o *Opener) Open(_ context.Context, reports []triage.Report) ([]triage.Content, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var cs []triage.Content
	for _, r := range reports {
		d, ok := o.drafts[r.Envelope]
		if !ok {
			return nil, errors.New("triagetest: envelope " + r.Envelope + " does not open")
		}
		d.Text, d.Contact, d.Place.Name = d.Text.Clone(), d.Contact.Clone(), d.Place.Name.Clone()
		d.Categories = slices.Clone(d.Categories)
		if n := len(d.Sender); n > 3 {
			d.Sender = append(report.Words("•••• "), d.Sender[n-3:]...)
		}
		cs = append(cs, triage.Content{Envelope: r.Envelope, Draft: d})
	}
	o.opened++
	return cs, nil
}

// Sender implements triage.Opener.
func (o *Opener) Sender(_ context.Context, envelope string) (report.Words, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opened++
	return o.drafts[envelope].Sender.Clone(), nil
}

// Vault turns every bit of a note over: enough to see whether somebody stores it as it is.
type Vault struct{}

var _ triage.Vault = Vault{}

// Seal implements triage.Vault.
func (Vault) Seal(note []byte) ([]byte, error) { return turn(note), nil }

// Open implements triage.Vault.
func (Vault) Open(sealed []byte) ([]byte, error) { return turn(sealed), nil }

func turn(b []byte) []byte {
	t := make([]byte, len(b))
	for i := range b {
		t[i] = ^b[i]
	}
	return t
}
