package pdu

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/warthog618/sms/encoding/tpdu"
)

// Deliver is an SMS-DELIVER (TS 23.040 9.2.2.1): one message, or one segment, received by a mobile.
type Deliver struct {
	From   Address // TP-OA
	Coding Coding
	Class  int8    // message class 0..3, or -1 for none; given by DCS, not written by EncodeDeliver
	Concat *Concat // nil: a message of its own
	Ports  *Ports  // nil: none
	PID    byte    // TP-PID
	DCS    byte    // TP-DCS as received

	// Locking and Shift are national language identifiers (TS 23.038 6.2.1.2.4), 0 for the default tables.
	Locking, Shift byte

	// SCTS is the service centre's time stamp; zero if it could not be read.
	SCTS time.Time

	// Data is the user data without its header: octets for Binary, UTF-16BE for UCS2, and one septet a
	// byte for GSM7. Text gives the words.
	Data []byte

	report bool
}

// DecodeDeliver reads an SMS-DELIVER TPDU, without the service centre's address that AT commands put
// before it. It reads what can be read: a wrong time stamp, a missing fill nibble, a reserved coding
// scheme or a wrong length do not hide the words. Errors are ErrTruncated, ErrNotDeliver, ErrStatusReport.
func DecodeDeliver(b []byte) (Deliver, error) {
	if len(b) == 0 {
		return Deliver{}, ErrTruncated
	}
	switch b[0] & mtiMask {
	case mtiStatusReport:
		return Deliver{report: true}, ErrStatusReport
	case mtiSubmit:
		return Deliver{}, ErrNotDeliver
	}
	from, n, err := decodeAddress(b[1:])
	if err != nil {
		return Deliver{}, fmt.Errorf("originating address: %w", err)
	}
	d := Deliver{From: from, Class: -1}
	rest := b[1+n:]
	if len(rest) < 2+7 {
		return d, fmt.Errorf("fixed fields: %w", ErrTruncated)
	}
	d.PID, d.DCS = rest[0], rest[1]
	d.SCTS = decodeTime(rest[2:9])
	u, err := decodeUserData(rest[9:], d.DCS, b[0]&flagUDHI != 0)
	if err != nil {
		return d, fmt.Errorf("user data: %w", err)
	}
	d.Class = classOf(d.DCS)
	d.Coding, d.Concat, d.Ports, d.Data = u.coding, u.concat, u.ports, u.data
	if u.coding == GSM7 {
		d.Locking, d.Shift = u.locking, u.shift
	}
	return d, nil
}

// EncodeDeliver writes the SMS-DELIVER that DecodeDeliver reads, for the emulated network and tests.
// DCS is written as given if it means Coding, else the plain scheme of Coding is. A zero SCTS is written
// as an unreadable one. Errors: ErrAddress, ErrTooLong.
func EncodeDeliver(d Deliver) ([]byte, error) {
	from, err := d.From.marshal()
	if err != nil {
		return nil, fmt.Errorf("originating address: %w", err)
	}
	u := d.userData()
	ud, hasHeader, err := u.encode()
	if err != nil {
		return nil, fmt.Errorf("user data: %w", err)
	}
	first := byte(mtiDeliver | flagMMS)
	if hasHeader {
		first |= flagUDHI
	}
	dcs := d.DCS
	if codingOf(dcs) != d.Coding {
		dcs = d.Coding.dcs()
	}
	b := append([]byte{first}, from...)
	b = append(b, d.PID, dcs)
	b = append(b, encodeTime(d.SCTS)...)
	return append(b, ud...), nil
}

func (d Deliver) userData() userData {
	return userData{
		coding: d.Coding, concat: d.Concat, ports: d.Ports,
		locking: d.Locking, shift: d.Shift, data: d.Data,
	}
}

// Text gives the words of this one TPDU as UTF-8, or "" for Binary. A character that is split between
// segments needs JoinText.
func (d Deliver) Text() string {
	switch d.Coding {
	case GSM7:
		return decodeSeptets(d.Data, d.Locking, d.Shift)
	case UCS2:
		return decodeUTF16(d.Data)
	}
	return ""
}

// IsReport says that the TPDU was an SMS-STATUS-REPORT, for which DecodeDeliver gave ErrStatusReport.
func (d Deliver) IsReport() bool { return d.report }

// String tells the kind and the size, never the words nor the sender.
func (d Deliver) String() string {
	return fmt.Sprintf("deliver(%v, %d units)", d.Coding, len(d.Data))
}

// Format writes String for every verb.
func (d Deliver) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(d.String())) }

// LogValue is String, for log/slog.
func (d Deliver) LogValue() slog.Value { return slog.StringValue(d.String()) }

// StatusReport is an SMS-STATUS-REPORT (TS 23.040 9.2.2.3): what became of a message we sent.
type StatusReport struct {
	MR         byte      // TP-MR of the SMS-SUBMIT it answers
	To         Address   // TP-RA
	SCTS       time.Time // when the service centre took the message; zero if unreadable
	Discharged time.Time // TP-DT; zero if unreadable
	Status     byte      // TP-ST, 9.2.3.15
}

// Delivered says that the message reached the handset: TP-ST 0x00 to 0x02.
func (r StatusReport) Delivered() bool { return r.Status <= 0x02 }

// Final says that the service centre tries no more: everything but TP-ST 0x20 to 0x3F.
func (r StatusReport) Final() bool { return r.Status < 0x20 || r.Status > 0x3F }

// DecodeStatusReport reads an SMS-STATUS-REPORT TPDU without the service centre's address.
func DecodeStatusReport(b []byte) (StatusReport, error) {
	if len(b) < 2 {
		return StatusReport{}, ErrTruncated
	}
	if !IsStatusReport(b) {
		return StatusReport{}, ErrNotReport
	}
	r := StatusReport{MR: b[1]}
	to, n, err := decodeAddress(b[2:])
	if err != nil {
		return r, fmt.Errorf("recipient address: %w", err)
	}
	r.To = to
	rest := b[2+n:]
	if len(rest) < 7+7+1 {
		return r, fmt.Errorf("fixed fields: %w", ErrTruncated)
	}
	r.SCTS, r.Discharged, r.Status = decodeTime(rest[0:7]), decodeTime(rest[7:14]), rest[14]
	return r, nil
}

// EncodeStatusReport writes the TPDU that DecodeStatusReport reads.
func EncodeStatusReport(r StatusReport) ([]byte, error) {
	to, err := r.To.marshal()
	if err != nil {
		return nil, fmt.Errorf("recipient address: %w", err)
	}
	b := append([]byte{mtiStatusReport | flagMMS, r.MR}, to...)
	b = append(b, encodeTime(r.SCTS)...)
	b = append(b, encodeTime(r.Discharged)...)
	return append(b, r.Status), nil
}

// decodeTime reads a time stamp (TS 23.040 9.2.3.11), or gives zero if it is none.
func decodeTime(b []byte) time.Time {
	for i, limit := range []byte{99, 12, 31, 23, 59, 59} {
		tens, ones := b[i]&0x0f, b[i]>>4
		if tens > 9 || ones > 9 || tens*10+ones > limit || (i == 1 || i == 2) && b[i] == 0 {
			return time.Time{}
		}
	}
	var t tpdu.Timestamp
	if err := t.UnmarshalBinary(b); err != nil {
		return time.Time{}
	}
	return t.Time
}

func encodeTime(t time.Time) []byte {
	stamp := tpdu.Timestamp{Time: t}
	b, err := stamp.MarshalBinary()
	if t.IsZero() || err != nil {
		return make([]byte, 7) // month 0: read back as "unknown"
	}
	return b
}
