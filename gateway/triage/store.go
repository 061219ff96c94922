package triage

import (
	"context"
	"errors"
	"time"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway/routing"
)

// Errors of a Store.
var (
	ErrNoCase   = errors.New("triage: no such case")
	ErrConflict = errors.New("triage: the case changed meanwhile")
)

// Store keeps cases, their reports and the chain of events. Every method is durable when it returns nil (synchronous
// commit), atomic (all or nothing), and may be called by many goroutines at once. Times come back equal to the
// millisecond, zero times as zero times.
type Store interface {
	// Open registers r under a new case made of c, and appends e, in one transaction. The store gives the case its
	// number, Number(year, next): year is that of c.Opened in Zone and next counts from 1 within the year without gaps;
	// it sets c.Version to 1, and the number in r.Case and e.Case. It may be repeated any number of times: where a
	// report with r.Envelope is registered already it writes nothing and returns that report's case and fresh false.
	Open(ctx context.Context, c Case, r Report, e Event) (number string, fresh bool, err error)

	// Apply replaces the case c.Number by c, registers r under it where r is not nil, and appends e, in one transaction.
	// c.Version is the version that was read: where the stored one differs, or r.Envelope is registered already, it
	// writes nothing and returns ErrConflict; else it stores c.Version+1. No such case: ErrNoCase.
	Apply(ctx context.Context, c Case, r *Report, e Event) error

	// Record appends e alone: a reading, a login.
	Record(ctx context.Context, e Event) error

	// Case returns a case and its reports, oldest first; ErrNoCase where there is none.
	Case(ctx context.Context, number string) (Case, []Report, error)

	// Cases returns the open cases (Status.Closed false), all of them, or the closed ones, newest Opened first and at
	// most limit. The order of open cases does not matter.
	Cases(ctx context.Context, closed bool, limit int) ([]Case, error)

	// History returns the events of one case, oldest first.
	History(ctx context.Context, number string) ([]Event, error)

	// Events returns at most limit events with Seq > after, oldest first: the chain as it is stored, not as it was
	// written, so that Verify sees what was altered.
	Events(ctx context.Context, after int64, limit int) ([]Event, error)

	// Head returns the Seq and Hash of the newest event; zeros where there is none.
	Head(ctx context.Context) (seq int64, hash Digest, err error)
}

// Case is the record about one child's situation. None of it is content: words, names and numbers stay sealed.
type Case struct {
	Number   string // "VN-2026-000123": year and count, no place, so that it may be said on the telephone
	Version  int64  // for compare-and-set; counts changes from 1
	Status   Status
	Urgency  report.Urgency
	Category report.Category // primary one of its most urgent report; "" = none given
	Door     report.Door     // of its first report
	Link     string          // of its first report: "mqtt" or "sms"
	Device   string          // of its first report: "d000001"; "" where no kiosk stood between
	Place    string          // where that kiosk stands, as enrolled
	Reports  int             // how many reports it holds, at least 1
	Opened   time.Time       // when the gateway had its first report
	Since    time.Time       // what the clocks count from: Opened, or when it was last opened again
	Breach   time.Time       // when the running clock runs out; zero = no clock runs
	ReadAt   time.Time       // when an officer first saw all its words; zero = some of them nobody has read
	ReadBy   string          // who that was
	Holder   string          // officer who last changed its status; "" = nobody has taken it
	Facts    routing.Facts   // joined over its reports
}

// Report is one submission as triage keeps it: where it came from and what routing needs.
type Report struct {
	Envelope   string // the envelope's ID in lower-case hex; unique
	Case       string // its case's number. Given to Desk.Open it adds the report to that case; "" opens one
	Received   time.Time
	When       report.Bucket // the device's coarse time
	Link       string        // "mqtt" or "sms"
	Device     string        // "d000001"; "" where no kiosk stood between
	Place      string        // where that kiosk stands, as enrolled
	Door       report.Door
	Urgency    report.Urgency
	Categories []report.Category // first is the primary one; may be empty
	Facts      routing.Facts
}

// Content is one report opened in memory for an officer. It is never stored, logged or put in a URL. Its Sender is
// masked; Opener.Sender gives the number, which is audited.
type Content struct {
	Envelope string
	Draft    report.Draft
	Partial  bool // an SMS of which a segment never came: the words are not all there
}

// Opener opens sealed reports in memory; intake implements it with the gateway's identity.
type Opener interface {
	// Open returns the contents of reports, in their order. A report that cannot be opened is an error naming its
	// envelope, never an empty content: an officer must not take a lost key for an empty report. Draft.Sender is
	// masked ("•••• 678") or empty.
	Open(ctx context.Context, reports []Report) ([]Content, error)
	// Sender returns the whole MSISDN of the villager who sent one report; empty where there is none.
	Sender(ctx context.Context, envelope string) (report.Words, error)
}

// Vault seals officers' notes before they are stored and opens them to be shown: a note may hold names.
type Vault interface {
	Seal(note []byte) (sealed []byte, err error)
	Open(sealed []byte) (note []byte, err error)
}
