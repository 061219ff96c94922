package intake

import (
	"context"
	"errors"
	"time"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/triage"
)

// ErrNoDevice is the error of a Store that knows no device with an index.
var ErrNoDevice = errors.New("intake: no such device")

// ErrUnavailable is in the errors of a Store that can't be used now and may be later: another program holds it, or its disk
// is full or does not answer. Nothing was written. Its text is a sentence for the person who runs the gateway.
var ErrUnavailable = errors.New("the store can't be used now")

// Store is intake's memory. What returns nil is durable (synchronous commit) and was done as a whole; every method may be
// called by many goroutines at once. Nothing that is handed over may be changed by the store, and nothing that it returns
// is shared. Times come back equal to the millisecond.
type Store interface {
	// Put stores raw arrivals in their order, each under an ID larger than every ID before, those of arrivals that are
	// done with too. Raw.ID is ignored.
	Put(ctx context.Context, raws []Raw) error

	// Arrivals returns at most limit arrivals with ID > after that are not done with, in the order of IDs.
	Arrivals(ctx context.Context, after int64, limit int) ([]Raw, error)

	// Known returns the parts whose ID or Mark is one of ids, under the ID or Mark that was asked for.
	Known(ctx context.Context, ids []wire.ID) (map[wire.ID]Part, error)

	// Parts returns what an officer may open as the report: the parts of its message that had come when the report was
	// registered, in the order in which they were added; none where there is no such report.
	Parts(ctx context.Context, report wire.ID) ([]Part, error)

	// Group returns the parts with this Group that were received after since, in the order in which they were added.
	// The zero group returns the parts of every group that belong to no report yet, however old they are.
	Group(ctx context.Context, group wire.ID, since time.Time) ([]Part, error)

	// Device returns an enrolled device; ErrNoDevice where there is none with this index.
	Device(ctx context.Context, index uint32) (Device, error)

	// Answers returns at most limit answers that are owed, oldest first.
	Answers(ctx context.Context, limit int) ([]Answer, error)

	// Update runs f in one transaction and commits where f returns nil. An error of f or of the commit leaves nothing
	// behind. Tx must not be used after f has returned, nor the Store within f.
	Update(ctx context.Context, f func(Tx) error) error
}

// Tx is one transaction of a Store. Its triage.Store methods act within the transaction, so that a report is recorded and
// its case opened together or not at all.
type Tx interface {
	triage.Store

	// Add records a part. Where a part with this ID is there already it changes nothing and returns fresh false. A Mark
	// that another part has is not stored again.
	Add(ctx context.Context, p Part) (fresh bool, err error)

	// Assign makes parts that belong to no report parts of report and of message.
	Assign(ctx context.Context, parts []wire.ID, report, message wire.ID) error

	// CaseOf returns the number of the case that a report opened or joined; triage.ErrNoCase where there is none.
	CaseOf(ctx context.Context, report wire.ID) (number string, err error)

	// Done takes arrivals away.
	Done(ctx context.Context, arrivals []int64) error

	// Count adds n to the counter of a reason on a link and notes at as its last time.
	Count(ctx context.Context, link, reason string, n int, at time.Time) error

	// Quarantine keeps a raw frame, sealed at rest, and forgets the oldest ones beyond keep.
	Quarantine(ctx context.Context, q Quarantined, keep int) error

	// Owe remembers that an answer is owed; Answer.ID is ignored.
	Owe(ctx context.Context, a Answer) error

	// Paid forgets an answer that is owed.
	Paid(ctx context.Context, id int64) error
}

// Raw is an arrival as it is stored before anything is known about it.
type Raw struct {
	ID       int64
	Link     string
	From     string // name in the device's certificate; empty on SMS, where the number is sealed with the bytes
	Received time.Time
	Bytes    []byte // MQTT: as they came. SMS: sealed at rest under the label "arrival"
}

// Part is one piece of a report: an envelope of a kiosk, or one SMS that came straight to the gateway. Most reports have
// one part; a villager's long message has several.
type Part struct {
	ID       wire.ID    // the envelope's ID; of an SMS, its Mark
	Link     string     // by which it came first
	Device   uint32     // device index; NoDevice for an SMS that came straight here
	Token    wire.Token // the ack; zero for an SMS that came straight here
	Received time.Time
	Body     []byte  // the envelope as it came, or the SMS sealed at rest under the label "report"
	Mark     wire.ID // keyed digest of the SMS inside, by which a second copy is known; zero where there is none
	Group    wire.ID // keyed digest of what the segments of one message have in common; zero where there is none
	Report   wire.ID // the report that brought it before officers; zero = it waits for its other parts
	Message  wire.ID // the first report of its message; parts that come late are brought by a report of their own
}

// NoDevice is the Part.Device of an SMS that came straight to the gateway.
const NoDevice = wire.MaxDevice + 1

// Device is what intake knows of an enrolled kiosk.
type Device struct {
	Index    uint32
	Place    string // where it stands, in words
	Province uint32 // official two-digit code; 0 = not known
	Commune  uint32 // official five-digit code; 0 = not known
	PSKEpoch uint8
	PSK      []byte // 32 bytes sealed at rest under the label "psk"
	MSISDN   []byte // sealed at rest under the label "msisdn"; nil where it has none
}

// Quarantined is a frame that became no report.
type Quarantined struct {
	Link     string
	Reason   string
	Received time.Time
	Sealed   []byte // sealed at rest under the label "quarantine"
}

// Answer is an automatic answer that is owed to the sender of an SMS.
type Answer struct {
	ID     int64
	Due    time.Time // when the SMS came
	Sealed []byte    // the number, sealed at rest under the label "answer"
}
