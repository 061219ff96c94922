package pdu

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/warthog618/sms/encoding/tpdu"
)

// maxSegments is what TP-UDH's one octet can count.
const maxSegments = 255

// Segment sizes with a 16-bit concatenation element (7 octets of header).
const (
	segmentOctets  = MaxUserData - 7 // 133
	segmentSeptets = (MaxUserData*8)/7 - 8
	segmentUTF16   = segmentOctets &^ 1
)

// Submit is one encoded SMS-SUBMIT (TS 23.040 9.2.2.2), ready for AT+CMGS in PDU mode.
type Submit struct {
	TPDU       []byte // without the service centre's address
	Seq, Total int    // place in its message, from 1
}

// String tells the place and the size, never the content.
func (s Submit) String() string {
	return fmt.Sprintf("submit(segment %d of %d, %d octets)", s.Seq, s.Total, len(s.TPDU))
}

// Format writes String for every verb.
func (s Submit) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue is String, for log/slog.
func (s Submit) LogValue() slog.Value { return slog.StringValue(s.String()) }

// SubmitOptions are the choices of a sender; the zero value is right for most.
type SubmitOptions struct {
	StatusReport bool          // ask for an SMS-STATUS-REPORT (TP-SRR)
	Validity     time.Duration // TP-VP, 5 minutes to 63 weeks; 0 leaves it to the service centre
}

// SubmitBinary cuts data into 8-bit messages without class (TP-DCS 0x04): one without header if it is at
// most 140 octets, else segments of 133 octets with the 16-bit reference ref. The caller must not use a
// reference again soon for the same recipient. Errors: ErrEmpty, ErrTooLong (over 33,915 octets), ErrAddress.
func SubmitBinary(to Address, data []byte, ref uint16, o SubmitOptions) ([]Submit, error) {
	return submit(to, Binary, data, ref, o)
}

// SubmitText sends text in the GSM 7-bit default alphabet if all of it fits there, else in UTF-16.
// A message is one TPDU of 160 septets or 70 UTF-16 units, or segments of 152 or 66 with the 16-bit
// reference ref; no escape sequence and no surrogate pair is cut. Errors as SubmitBinary.
func SubmitText(to Address, text string, ref uint16, o SubmitOptions) ([]Submit, error) {
	coding, data := EncodeText(text)
	return submit(to, coding, data, ref, o)
}

// fixedRef gives the segmentation code of the library our reference; its own always begins with 1.
type fixedRef uint16

func (r fixedRef) Count() int { return int(r) }

func submit(to Address, coding Coding, data []byte, ref uint16, o SubmitOptions) ([]Submit, error) {
	size := segmentOctets
	switch coding {
	case GSM7:
		size = segmentSeptets
	case UCS2:
		size = segmentUTF16
	}
	switch {
	case len(data) == 0:
		return nil, ErrEmpty // the library would answer with no TPDU at all
	case len(data) > maxSegments*size:
		return nil, ErrTooLong
	case to.Number() == "" || to.isAlpha():
		return nil, ErrAddress
	}
	t, err := tpdu.NewSubmit(tpdu.WithDA(tpdu.Address{TOA: to.TON | 0x80, Addr: to.Digits}), tpdu.DCS(coding.dcs()))
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	if o.StatusReport {
		t.FirstOctet |= flagSRR
	}
	if o.Validity > 0 {
		var vp tpdu.ValidityPeriod
		vp.SetRelative(o.Validity)
		t.SetVP(vp)
	}
	segments := t.Segment(data, tpdu.With16BitConcatRef, tpdu.WithConcatRef(fixedRef(ref)))
	if len(segments) > maxSegments { // where pairs were kept whole
		return nil, ErrTooLong
	}
	out := make([]Submit, len(segments))
	for i := range segments {
		b, err := segments[i].MarshalBinary()
		if err != nil {
			return nil, ErrAddress // all else is ours and valid; the library's error would quote a digit
		}
		out[i] = Submit{TPDU: b, Seq: i + 1, Total: len(segments)}
	}
	return out, nil
}

// SubmitFields is a decoded SMS-SUBMIT, as the emulated network sees it. Fields mean what they do in Deliver.
type SubmitFields struct {
	MR             byte
	To             Address // TP-DA
	Coding         Coding
	Concat         *Concat
	Ports          *Ports
	PID, DCS       byte
	Locking, Shift byte
	StatusReport   bool // TP-SRR
	Data           []byte
}

// Format tells the kind and the size only, for every verb.
func (s SubmitFields) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "submit(%v, %d units)", s.Coding, len(s.Data))
}

// DecodeSubmit reads an SMS-SUBMIT TPDU without the service centre's address. Errors: ErrTruncated, and
// ErrNotSubmit.
func DecodeSubmit(b []byte) (SubmitFields, error) {
	if len(b) < 2 {
		return SubmitFields{}, ErrTruncated
	}
	if b[0]&mtiMask != mtiSubmit {
		return SubmitFields{}, ErrNotSubmit
	}
	to, n, err := decodeAddress(b[2:])
	if err != nil {
		return SubmitFields{}, fmt.Errorf("destination address: %w", err)
	}
	s := SubmitFields{MR: b[1], To: to, StatusReport: b[0]&flagSRR != 0}
	rest := b[2+n:]
	validity := []int{0, 7, 1, 7}[b[0]>>3&3] // TP-VPF, 9.2.3.3: none, enhanced, relative, absolute
	if len(rest) < 2+validity {
		return s, fmt.Errorf("fixed fields: %w", ErrTruncated)
	}
	s.PID, s.DCS = rest[0], rest[1]
	u, err := decodeUserData(rest[2+validity:], s.DCS, b[0]&flagUDHI != 0)
	if err != nil {
		return s, fmt.Errorf("user data: %w", err)
	}
	s.Coding, s.Concat, s.Ports, s.Data = u.coding, u.concat, u.ports, u.data
	s.Locking, s.Shift = u.locking, u.shift
	return s, nil
}

// Deliver is the SMS-DELIVER that a service centre makes of this SMS-SUBMIT: the same user data, the
// sender's address and the time it was taken.
func (s SubmitFields) Deliver(from Address, at time.Time) Deliver {
	return Deliver{
		From: from, Coding: s.Coding, Class: classOf(s.DCS), Concat: s.Concat, Ports: s.Ports, PID: s.PID, DCS: s.DCS,
		Locking: s.Locking, Shift: s.Shift, SCTS: at, Data: s.Data,
	}
}
