package triage

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Action is what was done. The words are stored and hashed: they never change.
type Action string

// The actions.
const (
	ActionOpened   Action = "opened"   // a case was opened for a report
	ActionAdded    Action = "added"    // a report joined a case
	ActionRead     Action = "read"     // an officer opened the words
	ActionUnopened Action = "unopened" // an officer asked for the words and they could not be opened
	ActionSender   Action = "sender"   // an officer had the sender's number shown; Subject is the envelope
	ActionStatus   Action = "status"   // From and To are statuses
	ActionUrgency  Action = "urgency"  // From and To are urgencies
	ActionNote     Action = "note"     // a note alone
	ActionDenied   Action = "denied"   // an officer asked for a case that is not his, or that does not exist
	ActionLogin    Action = "login"    // a person came in
	ActionRefused  Action = "refused"  // a wrong password; Officer is empty, Subject the account where there is such
	ActionLogout   Action = "logout"   // a person left
	ActionVerified Action = "verified" // a supervisor had the chain checked
)

// Label is the officers' Vietnamese phrase.
func (a Action) Label() string {
	switch a {
	case ActionOpened:
		return "mở hồ sơ"
	case ActionAdded:
		return "thêm tin báo vào hồ sơ"
	case ActionRead:
		return "đọc nội dung"
	case ActionUnopened:
		return "không mở được nội dung"
	case ActionSender:
		return "xem số người gửi"
	case ActionStatus:
		return "đổi trạng thái"
	case ActionUrgency:
		return "đổi mức khẩn cấp"
	case ActionNote:
		return "ghi chú"
	case ActionDenied:
		return "bị từ chối xem hồ sơ"
	case ActionLogin:
		return "đăng nhập"
	case ActionRefused:
		return "đăng nhập sai"
	case ActionLogout:
		return "đăng xuất"
	case ActionVerified:
		return "kiểm tra nhật ký"
	}
	return string(a)
}

// System is the Officer of events that no person made.
const System = "gateway"

// Digest is a SHA-256 value.
type Digest [sha256.Size]byte

// Event is one line of who did what when. Events are only ever appended; each carries the hash of itself and of all
// before it, so that a line that was altered, removed or put in shows.
type Event struct {
	Seq     int64     // 1, 2, 3 ... without gaps; given by the store
	At      time.Time // to the millisecond
	Officer string    // account name, or System
	Action  Action
	Case    string // "" where it concerns none
	Subject string // what else it concerns: an envelope's ID; never content
	From    string // state before
	To      string // state after
	Note    []byte // sealed by a Vault; nil = none
	Hash    Digest // Chain of the event before; given by the store
}

// Chain returns the hash of e after prev, the hash of the event before it (zero for the first). The store calls it in the
// transaction that appends e, with Seq and Case set. Every field is counted in with its length, so that no two events
// give the same bytes.
func (e Event) Chain(prev Digest) Digest {
	h := sha256.New()
	h.Write([]byte("langnghe audit 1\x00"))
	h.Write(prev[:])
	var n [8]byte
	number := func(v int64) {
		binary.BigEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	number(e.Seq)
	number(e.At.UnixMilli())
	for _, f := range [][]byte{[]byte(e.Officer), []byte(e.Action), []byte(e.Case), []byte(e.Subject), []byte(e.From), []byte(e.To), e.Note} {
		number(int64(len(f)))
		h.Write(f)
	}
	return Digest(h.Sum(nil))
}
