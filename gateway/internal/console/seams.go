package console

import (
	"context"
	"time"

	"github.com/langnghe/langnghe/gateway/routing"
)

// Account is one person who may log in.
type Account struct {
	Name   string         // as it stands on the page: "Nguyễn Thị Hoa"
	Hash   string         // argon2id, as HashPassword writes it
	Viewer routing.Viewer // Viewer.ID is what is typed as "user", and what stands in the audit
}

// Accounts knows who may log in. Account returns ok false for a name that it does not know; an error is a store that
// cannot answer. The console asks again at every request, so that an account that is taken away is out at once.
type Accounts interface {
	Account(ctx context.Context, user string) (a Account, ok bool, err error)
}

// Device is one enrolled kiosk with its last heartbeat.
type Device struct {
	Name     string    // "d000001"
	Place    string    // where it stands, as enrolled
	Province uint32    // official two-digit code; 0 = not known
	Seen     time.Time // when the gateway had its last heartbeat; zero = never
	Link     string    // the link that carried it: "mqtt" or "sms"
	Program  string    // the build's version
	Modem    ModemState
	Backlog  int  // envelopes that wait on the kiosk
	Refused  int  // inbound frames that the kiosk has quarantined
	Signal   int  // CSQ 0..31; 99 unknown (TS 27.007 8.5)
	CanStore bool // its outbox takes reports
	ClockOK  bool // its clock is trusted
}

// ModemState is what officers need to know of a kiosk's modem. What exactly ails it stands in the kiosk's own log, for the
// technician.
type ModemState int

// The states.
const (
	ModemFine     ModemState = iota // usable, or the kiosk has none
	ModemNoSignal                   // it answers but is in no network
	ModemBroken                     // it does not answer, or its SIM can't be used
)

// Fleet knows the kiosks. Devices returns every enrolled one, those that were never heard of too, in the order of names.
type Fleet interface {
	Devices(ctx context.Context) ([]Device, error)
}

// Refusal counts what was quarantined for one reason on one link. The reason is a short lower-case word of intake
// ("forged", "truncated"; refusalText has them all); an unknown one is shown as it is.
type Refusal struct {
	Reason string
	Link   string // "mqtt" or "sms"
	Count  int64
	Last   time.Time
}

// Counters counts frames that became no report.
type Counters struct {
	Refused    []Refusal
	Duplicates int64 // copies of envelopes that had arrived before: harmless, acked again
}

// Quarantine counts what arrived and was put aside. Counters must be cheap: every page shows its sum.
type Quarantine interface {
	Counters(ctx context.Context) (Counters, error)
}
