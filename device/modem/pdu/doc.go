// Package pdu turns SMS transfer-protocol data units (TPDUs, 3GPP TS 23.040) into Go values and back.
//
// It is pure: bytes in, values out, no clock, no I/O. The codecs under it are those of warthog618/sms
// (alphabets, semi-octets, time stamps, segmentation); the layout of what we *receive* is read here,
// because that library refuses a whole message for one odd nibble, and a refused message is a lost
// report. Decoding is lenient: whatever words can be read are given; it never panics.
//
// No value of this package prints its content: Address, Deliver and their kin format as a kind and a
// length, whatever the verb (invariant 8).
package pdu

import "errors"

var (
	// ErrTruncated means that a TPDU ends before its user data begins. The raw bytes are still worth keeping.
	ErrTruncated = errors.New("tpdu ends too early")

	// ErrNotDeliver means that a TPDU given to DecodeDeliver is not an SMS-DELIVER.
	ErrNotDeliver = errors.New("tpdu is not an SMS-DELIVER")

	// ErrStatusReport is the ErrNotDeliver for an SMS-STATUS-REPORT: use DecodeStatusReport.
	ErrStatusReport = errors.New("tpdu is an SMS-STATUS-REPORT")

	// ErrNotReport means that a TPDU given to DecodeStatusReport is not an SMS-STATUS-REPORT.
	ErrNotReport = errors.New("tpdu is not an SMS-STATUS-REPORT")

	// ErrNotSubmit means that a TPDU given to DecodeSubmit is not an SMS-SUBMIT.
	ErrNotSubmit = errors.New("tpdu is not an SMS-SUBMIT")

	// ErrTooLong means that a message does not fit in 255 segments, or user data not in 140 octets.
	ErrTooLong = errors.New("message is too long for SMS")

	// ErrEmpty means that there is nothing to send.
	ErrEmpty = errors.New("message is empty")

	// ErrAddress means that an address is neither a telephone number, a short code nor a sender's name.
	// The text never holds the address.
	ErrAddress = errors.New("not a telephone number, short code or sender name")
)

// TP-MTI, TS 23.040 9.2.3.1: the two low bits of the first octet. In the direction of the mobile,
// 3 is reserved and is processed like an SMS-DELIVER.
const (
	mtiMask         = 0x03
	mtiDeliver      = 0x00
	mtiSubmit       = 0x01
	mtiStatusReport = 0x02
	mtiReserved     = 0x03

	flagUDHI = 0x40 // TP-UDHI, 9.2.3.23
	flagSRR  = 0x20 // TP-SRR, 9.2.3.5
	flagMMS  = 0x04 // TP-MMS, 9.2.3.2: set means that no more messages wait
)

// MaxUserData is the largest user data of one TPDU in octets, header included (TP-UDL, TS 23.040 9.2.3.16).
const MaxUserData = 140

// IsStatusReport says that a TPDU received by a mobile is an SMS-STATUS-REPORT.
func IsStatusReport(tpdu []byte) bool {
	return len(tpdu) > 0 && tpdu[0]&mtiMask == mtiStatusReport
}
