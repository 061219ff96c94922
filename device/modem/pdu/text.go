package pdu

import (
	"encoding/binary"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/warthog618/sms/encoding/gsm7"
	"github.com/warthog618/sms/encoding/gsm7/charset"
	"github.com/warthog618/sms/encoding/tpdu"
	"github.com/warthog618/sms/encoding/ucs2"
)

// Coding is the alphabet of user data (TP-DCS, TS 23.038 clause 4).
type Coding byte

// The three alphabets. A reserved coding is read as GSM7, as TS 23.038 clause 4 asks.
const (
	GSM7   Coding = iota // septets of the default alphabet or of a national language table
	Binary               // octets
	UCS2                 // UTF-16, big endian
)

// String names the alphabet.
func (c Coding) String() string {
	switch c {
	case GSM7:
		return "gsm7"
	case Binary:
		return "binary"
	case UCS2:
		return "ucs2"
	}
	return "unknown"
}

// dcs gives the plain TP-DCS of an alphabet: no class, not compressed.
func (c Coding) dcs() byte {
	switch c {
	case Binary:
		return byte(tpdu.Dcs8BitData)
	case UCS2:
		return byte(tpdu.DcsUCS2Data)
	}
	return 0
}

func codingOf(dcs byte) Coding {
	alphabet, err := tpdu.DCS(dcs).Alphabet()
	if err != nil {
		return GSM7
	}
	switch alphabet {
	case tpdu.Alpha8Bit:
		return Binary
	case tpdu.AlphaUCS2:
		return UCS2
	}
	return GSM7
}

// classOf gives the message class 0..3, or -1 where the coding scheme carries none.
func classOf(dcs byte) int8 {
	class, err := tpdu.DCS(dcs).Class()
	if err != nil || class == tpdu.MClassUnknown {
		return -1
	}
	return int8(class)
}

// tables are built once: the codec fills its maps on first use without a lock.
var tables = sync.OnceValue(func() (t struct {
	set, shift [charset.End]charset.Decoder
	encoder    gsm7.Encoder
}) {
	t.set[0], t.shift[0] = charset.DefaultDecoder(), charset.DefaultExtDecoder()
	for n := charset.Start; n < charset.End; n++ {
		t.set[n], t.shift[n] = charset.NewDecoder(n), charset.NewExtDecoder(n)
	}
	t.encoder = gsm7.NewEncoder()
	return t
})

// decodeSeptets gives UTF-8. Unknown septets become spaces, unknown tables the default ones.
func decodeSeptets(septets []byte, locking, shift byte) string {
	t := tables()
	if int(locking) >= len(t.set) {
		locking = 0
	}
	if int(shift) >= len(t.shift) {
		shift = 0
	}
	var d gsm7.Decoder
	d = d.WithCharset(t.set[locking]).WithExtCharset(t.shift[shift])
	b, err := d.Decode(septets)
	if err != nil {
		return "" // not reached: only a strict decoder fails
	}
	return string(b)
}

func decodeName(septets []byte) string {
	var d gsm7.Decoder
	d = d.WithCharset(tables().set[0])
	b, err := d.Decode(septets)
	if err != nil {
		return ""
	}
	return string(b)
}

// decodeUTF16 gives UTF-8. A lone surrogate becomes U+FFFD and takes nothing else with it, which the
// codec's decoder does not promise; a last odd octet is dropped.
func decodeUTF16(octets []byte) string {
	units := make([]uint16, len(octets)/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(octets[2*i:])
	}
	return string(utf16.Decode(units))
}

// EncodeText codes a text for user data: septets of the default alphabet where it fits, else UTF-16.
// Invalid UTF-8 becomes U+FFFD; an escape character, which GSM 7-bit cannot say, becomes a space.
func EncodeText(text string) (Coding, []byte) {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x1b", " ")
	e := tables().encoder
	if septets, err := e.Encode([]byte(text)); err == nil {
		return GSM7, septets
	}
	return UCS2, ucs2.Encode([]rune(text))
}
