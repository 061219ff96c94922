package modemtest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/warthog618/sms/encoding/gsm7"
)

// The SMSC moves user data untouched; it reads only the header fields below.
// TS 23.040 9.2.2.2 (SMS-SUBMIT) and 9.2.2.1 (SMS-DELIVER).

// Coding says how the user data of a segment are coded (TP-DCS, TS 23.038 4).
type Coding string

// The three alphabets of TS 23.038.
const (
	GSM7   Coding = "gsm7"
	Binary Coding = "8bit"
	UCS2   Coding = "ucs2"
)

// maxUserData is the size of TP-UD in octets, TS 23.040 9.2.3.24.
const maxUserData = 140

var errTPDU = errors.New("malformed SMS-SUBMIT")

// content is the part of a TPDU that survives the service centre unchanged.
type content struct {
	udhi     bool
	pid, dcs byte
	udl      byte // septets for GSM7, octets otherwise
	ud       []byte
}

type submit struct {
	content
	statusReport bool // TP-SRR
	mr           byte
	to           string // normalised
	da           []byte // as it came: length, type, semi-octets
}

// parseSubmit reads an SMS-SUBMIT strictly: what a real SMSC refuses is an
// error here, so that a sloppy encoder is found out.
func parseSubmit(b []byte) (submit, error) {
	var s submit
	if len(b) < 7 || b[0]&0x03 != 0x01 {
		return s, errTPDU
	}
	fo := b[0]
	s.udhi, s.statusReport, s.mr = fo&0x40 != 0, fo&0x20 != 0, b[1]
	digits := int(b[2])
	n := 2 + (digits+1)/2
	if digits == 0 || digits > 20 || len(b) < 2+n+3 {
		return s, fmt.Errorf("%w: destination address", errTPDU)
	}
	s.da = bytes.Clone(b[2 : 2+n])
	to, err := decodeAddress(s.da)
	if err != nil {
		return s, err
	}
	s.to = to
	b = b[2+n:]
	s.pid, s.dcs = b[0], b[1]
	b = b[2:]
	vp := [4]int{0, 7, 1, 7}[fo>>3&0x03] // TP-VPF: none, enhanced, relative, absolute
	if len(b) < vp+1 {
		return s, fmt.Errorf("%w: validity period", errTPDU)
	}
	b = b[vp:]
	s.udl, s.ud = b[0], bytes.Clone(b[1:])
	want := int(s.udl)
	if s.coding() == GSM7 {
		want = (want*7 + 7) / 8
	}
	if want > maxUserData || len(s.ud) != want {
		return s, fmt.Errorf("%w: user data length", errTPDU)
	}
	if _, err := s.header(); err != nil {
		return s, err
	}
	return s, nil
}

// coding reads TP-DCS. Compressed and reserved values count as 8-bit: the
// network does not understand them, it only must not touch them.
func (c content) coding() Coding {
	switch {
	case c.dcs&0xC0 == 0x00 || c.dcs&0xC0 == 0x40:
		if c.dcs&0x20 != 0 {
			return Binary
		}
		return [4]Coding{GSM7, Binary, UCS2, GSM7}[c.dcs>>2&0x03]
	case c.dcs&0xF0 == 0xE0:
		return UCS2
	case c.dcs&0xF0 == 0xC0, c.dcs&0xF0 == 0xD0:
		return GSM7
	case c.dcs&0xF0 == 0xF0 && c.dcs&0x04 == 0:
		return GSM7
	}
	return Binary
}

// header returns the user data header without its length octet.
func (c content) header() ([]byte, error) {
	if !c.udhi {
		return nil, nil
	}
	if len(c.ud) < 1 || int(c.ud[0])+1 > len(c.ud) {
		return nil, fmt.Errorf("%w: user data header", errTPDU)
	}
	return c.ud[1 : 1+int(c.ud[0])], nil
}

// body returns the user data after the header, and the header with its length
// octet. For GSM7 the body is still packed and begins at an octet boundary
// only by accident: use text for words.
func (c content) body() (header, data []byte) {
	h, err := c.header()
	if err != nil || h == nil {
		return nil, c.ud
	}
	return c.ud[:1+len(h)], c.ud[1+len(h):]
}

// concat is the concatenation element of a segment, TS 23.040 9.2.3.24.1 and .8.
type concat struct {
	ref   uint16
	total uint8
	seq   uint8
	wide  bool
}

func (c content) concat() (concat, bool) {
	h, err := c.header()
	if err != nil {
		return concat{}, false
	}
	for len(h) >= 2 && len(h) >= 2+int(h[1]) {
		v := h[2 : 2+int(h[1])]
		switch {
		case h[0] == 0x00 && len(v) == 3:
			return concat{ref: uint16(v[0]), total: v[1], seq: v[2]}, v[1] > 0 && v[2] > 0 && v[2] <= v[1]
		case h[0] == 0x08 && len(v) == 4:
			return concat{ref: uint16(v[0])<<8 | uint16(v[1]), total: v[2], seq: v[3], wide: true}, v[2] > 0 && v[3] > 0 && v[3] <= v[2]
		}
		h = h[2+len(v):]
	}
	return concat{}, false
}

// deliverTPDU makes the SMS-DELIVER that the receiver of c gets.
func deliverTPDU(from string, c content, at time.Time) []byte {
	fo := byte(0x04) // TP-MMS: no more messages are waiting
	if c.udhi {
		fo |= 0x40
	}
	b := []byte{fo}
	b = append(b, encodeAddress(from)...)
	b = append(b, c.pid, c.dcs)
	b = append(b, timestamp(at)...)
	b = append(b, c.udl)
	return append(b, c.ud...)
}

// statusReportTPDU makes the SMS-STATUS-REPORT for a delivered segment,
// TS 23.040 9.2.2.3, TP-ST 0x00: received by the SME.
func statusReportTPDU(s submit, sent, done time.Time) []byte {
	b := []byte{0x06, s.mr}
	b = append(b, s.da...)
	b = append(b, timestamp(sent)...)
	b = append(b, timestamp(done)...)
	return append(b, 0x00)
}

// parseDeliver reads back what a phone received. Hostile TPDUs are injected on
// purpose, so every error only means that a handset shows nothing.
func parseDeliver(b []byte) (from string, c content, err error) {
	bad := errors.New("malformed SMS-DELIVER")
	if len(b) < 2 || b[0]&0x03 != 0x00 {
		return "", c, bad
	}
	c.udhi = b[0]&0x40 != 0
	n := 2 + (int(b[1])+1)/2
	if len(b) < 1+n+10 {
		return "", c, bad
	}
	if from, err = decodeAddress(b[1 : 1+n]); err != nil {
		return "", c, err
	}
	b = b[1+n:]
	c.pid, c.dcs, c.udl, c.ud = b[0], b[1], b[9], bytes.Clone(b[10:])
	if _, err := c.header(); err != nil {
		return "", c, err
	}
	want := int(c.udl)
	if c.coding() == GSM7 {
		want = (want*7 + 7) / 8
	}
	if want != len(c.ud) {
		return "", c, bad
	}
	return from, c, nil
}

// Normalise gives a number the one form under which the network knows it:
// "+84…" for Vietnamese subscribers however they were dialled, short codes and
// names unchanged.
func Normalise(number string) string {
	n := strings.NewReplacer(" ", "", ".", "", "-", "").Replace(strings.TrimSpace(number))
	switch {
	case n == "" || !digitsOnly(strings.TrimPrefix(n, "+")):
		return strings.TrimSpace(number) // an alphanumeric sender
	case strings.HasPrefix(n, "+"):
		return n
	case strings.HasPrefix(n, "00"):
		return "+" + n[2:]
	case strings.HasPrefix(n, "0") && len(n) > 6:
		return "+84" + n[1:]
	case strings.HasPrefix(n, "84") && len(n) >= 11:
		return "+" + n
	}
	return n
}

func digitsOnly(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// encodeAddress makes an address field (TS 23.040 9.1.2.5): international for
// "+…", unknown for short codes, alphanumeric for names.
func encodeAddress(number string) []byte {
	number = Normalise(number)
	digits := strings.TrimPrefix(number, "+")
	if !digitsOnly(digits) {
		septets, err := gsm7.Encode([]byte(number))
		if err != nil || len(septets) > 11 {
			septets, _ = gsm7.Encode([]byte("UNKNOWN"))
		}
		packed := gsm7.Pack7Bit(septets, 0)
		return append([]byte{byte((len(septets)*7 + 3) / 4), 0xD0}, packed...)
	}
	toa := byte(0x81)
	if number != digits {
		toa = 0x91
	}
	return append([]byte{byte(len(digits)), toa}, swapped(digits)...)
}

func decodeAddress(b []byte) (string, error) {
	if len(b) < 2 || len(b) != 2+(int(b[0])+1)/2 {
		return "", errors.New("malformed address")
	}
	if b[1]&0x70 == 0x50 {
		septets := gsm7.Unpack7Bit(b[2:], 0)
		name, err := gsm7.Decode(septets[:min(len(septets), int(b[0])*4/7)])
		return string(name), err
	}
	var d strings.Builder
	for i := range int(b[0]) {
		nibble := b[2+i/2] >> (4 * (i % 2)) & 0x0F
		if nibble > 9 {
			return "", errors.New("malformed address digit")
		}
		d.WriteByte('0' + nibble)
	}
	if b[1]&0x70 == 0x10 {
		return "+" + d.String(), nil
	}
	return Normalise(d.String()), nil
}

// swapped packs digits as semi-octets, low nibble first, F-filled.
func swapped(digits string) []byte {
	out := make([]byte, (len(digits)+1)/2)
	for i := range out {
		hi := byte(0x0F)
		if 2*i+1 < len(digits) {
			hi = digits[2*i+1] - '0'
		}
		out[i] = hi<<4 | (digits[2*i] - '0')
	}
	return out
}

// timestamp codes TP-SCTS in the zone of Viet Nam, +7 h = 28 quarters
// (TS 23.040 9.2.3.11).
func timestamp(t time.Time) []byte {
	t = t.In(vietnam)
	return swapped(fmt.Sprintf("%02d%02d%02d%02d%02d%02d%02d",
		t.Year()%100, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 28))
}

var vietnam = time.FixedZone("+07", 7*60*60)
