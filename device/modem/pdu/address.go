package pdu

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/warthog618/sms/encoding/gsm7"
	"github.com/warthog618/sms/encoding/tpdu"
)

// Type-of-address octets, TS 23.040 9.1.2.5: bit 8 set, type of number, numbering plan E.164 (1) or none (0).
const (
	toaUnknown       = 0x81
	toaInternational = 0x91
	toaAlphanumeric  = 0xD0
)

// countryCode is that of Viet Nam (ITU-T E.164). National numbers are taken to be of this country.
const countryCode = "84"

// maxAlpha is the number of characters of a sender's name: 10 octets hold 11 septets (TS 23.040 9.1.2.5).
const maxAlpha = 11

// maxDigits bounds the digits of an address. The standard's limit is 20; E.164's is 15.
const maxDigits = 20

// Address is a TP-OA, TP-DA or TP-RA (TS 23.040 9.1.2.5), normalised: however a person's number was
// written (0912…, 84912…, 0084912…, TON national), the same person has the same Address.
//
// It formats as its kind only; use Number for the number itself, and never in a log or an error.
type Address struct {
	Digits string // 0-9 * # a b c, without '+'; empty for a name
	TON    byte   // the whole type-of-address octet: 0x91 international, 0x81 unknown, 0xD0 name
	Alpha  string // a sender's name, such as an operator's brand
}

// ParseAddress reads what a person or a configuration writes: "0912 345 678", "+84912345678", "195",
// "Viettel". A word with a letter is a sender's name of at most 11 characters of the GSM alphabet.
// The error is ErrAddress and does not repeat the input.
func ParseAddress(s string) (Address, error) {
	s = strings.TrimSpace(s)
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" .-()\u00a0", r) {
			return -1
		}
		return r
	}, s)
	international := strings.HasPrefix(digits, "+")
	digits = strings.TrimPrefix(digits, "+")
	if isDecimal(digits) || (!international && isDialable(digits)) {
		if len(digits) < 3 || len(digits) > maxDigits {
			return Address{}, ErrAddress
		}
		toa := byte(toaUnknown)
		if international {
			toa = toaInternational
		}
		a := normalise(toa, digits)
		if a.TON == toaInternational && (len(a.Digits) < 7 || len(a.Digits) > 15) {
			return Address{}, ErrAddress
		}
		return a, nil
	}
	if international || !strings.ContainsFunc(s, isLetter) {
		return Address{}, ErrAddress
	}
	a := Address{TON: toaAlphanumeric, Alpha: trimAlpha(s)}
	if _, err := a.marshal(); err != nil || len([]rune(a.Alpha)) > maxAlpha {
		return Address{}, ErrAddress
	}
	return a, nil
}

// Number gives "+84912345678", the bare digits of a short code ("195"), or a sender's name.
// It is the one way to the number; do not log it.
func (a Address) Number() string {
	switch {
	case a.isAlpha():
		return a.Alpha
	case a.TON == toaInternational && a.Digits != "":
		return "+" + a.Digits
	default:
		return a.Digits
	}
}

// Answerable says that a reply to this sender can reach a person: false for a sender's name, for a short
// code (fewer than 6 digits), for the toll numbers 1800 and 1900, and for no address at all. Services
// answer services, and each turn costs money.
func (a Address) Answerable() bool {
	if a.isAlpha() || !isDecimal(a.Digits) || len(a.Digits) < 6 || len(a.Digits) > 15 {
		return false
	}
	if a.TON == toaInternational {
		return len(a.Digits) >= 8
	}
	return !strings.HasPrefix(a.Digits, "1800") && !strings.HasPrefix(a.Digits, "1900")
}

// Equal says that both are the same subscriber, short code or name: 0912… is +84912….
// No address equals nothing, itself included.
func (a Address) Equal(b Address) bool {
	if a.Number() == "" {
		return false
	}
	return a.isAlpha() == b.isAlpha() && a.Number() == b.Number()
}

func (a Address) isAlpha() bool { return a.TON&0x70 == 0x50 }

// String gives the kind of address, never the address.
func (a Address) String() string {
	switch {
	case a.isAlpha():
		return "(name)"
	case a.Digits == "":
		return "(no address)"
	case len(a.Digits) < 7:
		return "(short code)"
	default:
		return "(number)"
	}
}

// Format writes String for every verb, so that no %+v or %q of a struct that holds an Address tells it.
func (a Address) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(a.String())) }

// LogValue is String, for log/slog.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }

// normalise writes a number in the one form this project keeps. Its result normalises to itself.
func normalise(toa byte, digits string) Address {
	if !isDecimal(digits) {
		return Address{Digits: digits, TON: toaUnknown}
	}
	if len(digits) <= 6 {
		// A short code, whatever type of number the network put on it (0x81, 0xB1, 0xC9 are all seen).
		return Address{Digits: digits, TON: toaUnknown}
	}
	ton := toa >> 4 & 7
	bare := digits
	if strings.HasPrefix(bare, "00") && len(bare) >= 11 {
		bare, ton = strings.TrimLeft(bare, "0"), 1
	}
	switch {
	case ton == 1 && !strings.HasPrefix(bare, "0"):
		// No country code begins with 0: "international" 0912… is a national number with a wrong label.
	case strings.HasPrefix(bare, "0") && len(bare) >= 9 && len(bare) <= 12:
		bare, ton = countryCode+strings.TrimLeft(bare, "0"), 1
	case ton == 2 && len(bare) >= 8 && len(bare) <= 10:
		bare, ton = countryCode+bare, 1
	case strings.HasPrefix(bare, countryCode) && len(bare) >= 11 && len(bare) <= 12:
		ton = 1
	default:
		ton = 0
	}
	if ton != 1 || len(bare) <= 6 {
		return Address{Digits: digits, TON: toaUnknown}
	}
	if rest, ok := strings.CutPrefix(bare, countryCode+"0"); ok { // +84 (0)912…
		if rest = strings.TrimLeft(rest, "0"); len(rest) >= 8 {
			bare = countryCode + rest
		}
	}
	return Address{Digits: bare, TON: toaInternational}
}

// decodeAddress reads an address field and gives the number of octets it took. A missing fill nibble and
// septets outside the alphabet are passed over, not refused.
func decodeAddress(src []byte) (Address, int, error) {
	if len(src) < 2 {
		return Address{}, 0, ErrTruncated
	}
	length, toa := int(src[0]), src[1]
	octets := (length + 1) / 2
	if length > 2*maxDigits || len(src) < 2+octets {
		return Address{}, 0, ErrTruncated
	}
	field := src[2 : 2+octets]
	if toa&0x70 == 0x50 {
		septets := gsm7.Unpack7Bit(field, 0)
		septets = septets[:min(len(septets), length*4/7)]
		return Address{TON: toaAlphanumeric, Alpha: trimAlpha(decodeName(septets))}, 2 + octets, nil
	}
	digits := make([]byte, 0, length)
	for i := range length {
		nibble := field[i/2] >> (4 * (i % 2)) & 0x0f
		if nibble != 0x0f {
			digits = append(digits, "0123456789*#abc"[nibble])
		}
	}
	return normalise(toa, string(digits)), 2 + octets, nil
}

// marshal writes the address field. Digits, not octets, are counted (TS 23.040 9.1.2.5).
func (a Address) marshal() ([]byte, error) {
	t := tpdu.Address{TOA: a.TON | 0x80, Addr: a.Digits}
	if a.isAlpha() {
		t.Addr = a.Alpha
	} else if len(a.Digits) > 2*maxDigits {
		return nil, ErrAddress
	}
	b, err := t.MarshalBinary()
	if err != nil { // the codec's own error quotes the digit or letter it stumbled over
		return nil, ErrAddress
	}
	if a.isAlpha() && len(b) > 2+10 {
		return nil, ErrAddress
	}
	return b, nil
}

// trimAlpha takes off the spaces and the '@' (septet 0) that pad names.
func trimAlpha(s string) string {
	return strings.TrimLeft(strings.TrimRight(s, "@ \r\n"), " \r\n")
}

func isDecimal(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func isDialable(s string) bool {
	return s != "" && strings.Trim(s, "0123456789*#") == ""
}

func isLetter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f
}
