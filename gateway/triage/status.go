package triage

import (
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Status is where a case stands (taxonomy 3.3). The codes are stable: they are stored and counted.
type Status string

// The statuses, in the order of the work.
const (
	New       Status = "N"  // arrived
	Received  Status = "R"  // taken on by an officer (form 01)
	Verifying Status = "V"  // first assessment (form 02)
	Emergency Status = "X"  // emergency measures taken
	Needs     Status = "A"  // needs assessed (form 03)
	Planned   Status = "L"  // plan approved
	Working   Status = "I"  // plan being carried out
	Review    Status = "W"  // results reviewed (form 06)
	Question  Status = "Q"  // the reporter must be asked
	Reopened  Status = "O"  // open again
	Supported Status = "K"  // ended: supported
	Forwarded Status = "F"  // ended here: another agency has taken it over
	Unusable  Status = "Z1" // ended: too little to act on
	Duplicate Status = "Z2" // ended: the same as another case
	Outside   Status = "Z3" // ended: not within the service's scope
	Mistake   Status = "Z4" // ended: a test or a mistake
)

var statusLabels = map[Status]string{
	New:       "Mới đến",
	Received:  "Đã tiếp nhận",
	Verifying: "Đang xác minh, đánh giá ban đầu",
	Emergency: "Đã áp dụng biện pháp khẩn cấp",
	Needs:     "Xác định nhu cầu",
	Planned:   "Đã phê duyệt kế hoạch",
	Working:   "Đang thực hiện kế hoạch",
	Review:    "Rà soát kết quả",
	Question:  "Cần hỏi thêm người báo tin",
	Reopened:  "Đã mở lại",
	Supported: "Kết thúc – đã hỗ trợ",
	Forwarded: "Đã chuyển nơi khác",
	Unusable:  "Kết thúc – không đủ thông tin",
	Duplicate: "Kết thúc – trùng với hồ sơ khác",
	Outside:   "Kết thúc – ngoài phạm vi",
	Mistake:   "Kết thúc – thử máy hoặc nhầm",
}

// transitions is every allowed change of status. A status never leads to itself; a closed case only opens again.
var transitions = map[Status][]Status{
	New:       {Received, Verifying, Emergency, Forwarded, Unusable, Duplicate, Outside, Mistake},
	Received:  {Verifying, Emergency, Question, Forwarded, Unusable, Duplicate, Outside, Mistake},
	Verifying: {Emergency, Needs, Question, Supported, Forwarded, Unusable, Duplicate, Outside, Mistake},
	Emergency: {Verifying, Needs, Question, Supported, Forwarded},
	Needs:     {Planned, Emergency, Question, Supported, Forwarded},
	Planned:   {Working, Needs, Emergency, Question, Supported, Forwarded},
	Working:   {Review, Emergency, Question, Supported, Forwarded},
	Review:    {Working, Needs, Emergency, Question, Supported, Forwarded},
	Question:  {Verifying, Emergency, Needs, Planned, Working, Supported, Forwarded, Unusable, Duplicate, Outside, Mistake},
	Reopened:  {Received, Verifying, Emergency, Question, Needs, Supported, Forwarded, Unusable, Duplicate, Outside, Mistake},
	Supported: {Reopened},
	Forwarded: {Reopened},
	Unusable:  {Reopened},
	Duplicate: {Reopened},
	Outside:   {Reopened},
	Mistake:   {Reopened},
}

// Statuses returns every status, in the order of the work.
func Statuses() []Status {
	return []Status{New, Received, Verifying, Emergency, Needs, Planned, Working, Review, Question, Reopened,
		Supported, Forwarded, Unusable, Duplicate, Outside, Mistake}
}

// Valid tells whether s is a status.
func (s Status) Valid() bool { _, ok := statusLabels[s]; return ok }

// Label is the officers' Vietnamese word.
func (s Status) Label() string {
	if l, ok := statusLabels[s]; ok {
		return l
	}
	return string(s)
}

// Closed tells whether work on a case with status s has ended. A person chose it, with a reason (invariant 13).
func (s Status) Closed() bool {
	switch s {
	case Supported, Forwarded, Unusable, Duplicate, Outside, Mistake:
		return true
	}
	return false
}

// Next returns the statuses that may follow s. The slice is the caller's.
func (s Status) Next() []Status { return slices.Clone(transitions[s]) }

func (s Status) mayBecome(to Status) bool { return slices.Contains(transitions[s], to) }

// NeedsReason tells whether changing to s asks for a note: to end a case, and to open an ended one.
func (s Status) NeedsReason() bool { return s.Closed() || s == Reopened }

// Number is the name of the n-th case of a year.
func Number(year int, n int64) string { return fmt.Sprintf("VN-%04d-%06d", year, n) }

var numberForm = regexp.MustCompile(`^VN-[0-9]{4}-[0-9]{6,12}$`)

// ValidNumber tells whether s has the form of a case's number.
func ValidNumber(s string) bool { return numberForm.MatchString(s) }

// Zone is Viet Nam's clock; it has no summer time.
var Zone = time.FixedZone("ICT", 7*3600)
