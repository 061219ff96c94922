package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/langnghe/langnghe/device/report"
)

// Body is what stands inside an envelope: a Report or a Segment.
type Body interface{ kind() kind }

type kind uint8

const (
	kindReport  kind = 1
	kindSegment kind = 2
)

// schema 1 in the upper three bits, codec in the next four, continuation in the last. Codec 0 is UTF-8; the compact coder
// and continuation envelopes will take their numbers here.
const (
	schema1   = 1 << 5
	codecUTF8 = 0
)

// Report is a draft at the moment of sealing: with its urgency and its coarse time.
type Report struct {
	Draft   report.Draft
	Urgency report.Urgency // as the device raised it
	Time    report.Bucket
}

func (Report) kind() kind { return kindReport }

// Segment is one SMS that a kiosk received from a villager, sealed by itself before its slot in the modem was freed. It
// goes out as it is when a restart or a missing segment keeps the kiosk from making a report of it; the gateway joins
// what belongs together. TPDU is the SMS-DELIVER (TS 23.040 9.2.2.1) without the SMSC's address, at most 176 bytes.
type Segment struct {
	TPDU report.Words
	Time report.Bucket
}

func (Segment) kind() kind { return kindSegment }

// ErrNotBody is the root of every error of ParseBody.
var ErrNotBody = errors.New("wire: not a body")

const (
	flagInjured = 1 << iota
	flagCannotGoHome
	flagTimeTrusted
	flagsKnown = 1<<iota - 1
)

// AppendBody writes b, then zeros until the sealed envelope has a full size class. The error names the limit that was passed.
func AppendBody(dst []byte, b Body) ([]byte, error) {
	start := len(dst)
	dst = append(dst, schema1|codecUTF8<<1, byte(b.kind()))
	switch b := b.(type) {
	case Report:
		d := b.Draft
		if err := d.Check(); err != nil {
			return nil, err
		}
		if !b.Urgency.Valid() {
			return nil, fmt.Errorf("wire: urgency %d is beyond U4", b.Urgency)
		}
		var flags byte
		if d.Injured {
			flags |= flagInjured
		}
		if d.CannotGoHome {
			flags |= flagCannotGoHome
		}
		dst = appendTime(dst, b.Time, flags)
		dst = append(dst, byte(b.Urgency), byte(d.Door), byte(d.Speaker), byte(d.When), byte(d.Age), byte(d.Sex),
			byte(d.Alleged), byte(d.Environment), byte(d.Place.Commune>>16), byte(d.Place.Commune>>8), byte(d.Place.Commune))
		dst = append(dst, byte(len(d.Categories)))
		for _, c := range d.Categories {
			dst = append(dst, c...)
		}
		for _, w := range []report.Words{d.Place.Name, d.Sender, d.Text, d.Contact} {
			dst = appendWords(dst, w)
		}
	case Segment:
		if len(b.TPDU) == 0 || len(b.TPDU) > maxTPDU {
			return nil, fmt.Errorf("wire: a segment holds 1 to %d bytes of TPDU, not %d", maxTPDU, len(b.TPDU))
		}
		dst = appendTime(dst, b.Time, 0)
		dst = appendWords(dst, b.TPDU)
	}
	want := PaddedSize(len(dst)-start+Overhead) - Overhead
	for len(dst)-start < want {
		dst = append(dst, 0)
	}
	return dst, nil
}

// maxTPDU is the longest SMS-DELIVER: 1+12+1+1+7+1+140 bytes, with room for odd networks.
const maxTPDU = 176

func appendTime(dst []byte, t report.Bucket, flags byte) []byte {
	if t.Trusted {
		flags |= flagTimeTrusted
	}
	dst = append(dst, flags)
	return binary.BigEndian.AppendUint16(dst, t.HalfDay)
}

func appendWords(dst []byte, w report.Words) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(w)))
	return append(dst, w...)
}

// reader takes fields off a body; after the first short read it only remembers that.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) bytes(n int) []byte {
	if r.bad || len(r.b) < n {
		r.bad = true
		return make([]byte, min(n, 4))
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte { return r.bytes(1)[0] }

func (r *reader) words(max int) report.Words {
	n := int(binary.BigEndian.Uint16(r.bytes(2)))
	if n > max {
		r.bad = true
	}
	if r.bad || n == 0 {
		return nil
	}
	return report.Words(r.bytes(n)).Clone()
}

// ParseBody reads what was sealed, strictly: a known schema and codec, lengths within their limits, valid UTF-8, and
// nothing but zeros after the last field. Facets and categories of a newer version are kept as they are. What parses
// marshals to the same bytes. The result shares no memory with b.
func ParseBody(b []byte) (Body, error) {
	if len(b) < 2 || b[0] != schema1|codecUTF8<<1 {
		return nil, fmt.Errorf("%w: schema or codec", ErrNotBody)
	}
	if PaddedSize(len(b)+Overhead) != len(b)+Overhead {
		return nil, fmt.Errorf("%w: %d bytes is no size class", ErrNotBody, len(b))
	}
	r := &reader{b: b[2:]}
	switch kind(b[1]) {
	case kindReport:
		return parseReport(r, len(b))
	case kindSegment:
		flags := r.byte()
		t := parseTime(r, flags)
		s := Segment{TPDU: r.words(maxTPDU), Time: t}
		if len(s.TPDU) == 0 || flags&^flagTimeTrusted != 0 {
			r.bad = true
		}
		return s, r.end(len(b))
	}
	return nil, fmt.Errorf("%w: kind %d", ErrNotBody, b[1])
}

func parseTime(r *reader, flags byte) report.Bucket {
	return report.Bucket{HalfDay: binary.BigEndian.Uint16(r.bytes(2)), Trusted: flags&flagTimeTrusted != 0}
}

func parseReport(r *reader, total int) (Body, error) {
	flags := r.byte()
	if flags&^flagsKnown != 0 {
		r.bad = true
	}
	v := Report{Time: parseTime(r, flags)}
	v.Urgency = report.Urgency(r.byte())
	d := &v.Draft
	d.Injured, d.CannotGoHome = flags&flagInjured != 0, flags&flagCannotGoHome != 0
	f := r.bytes(7)
	if r.bad {
		return nil, fmt.Errorf("%w: cut short", ErrNotBody)
	}
	d.Door, d.Speaker, d.When = report.Door(f[0]), report.Speaker(f[1]), report.When(f[2])
	d.Age, d.Sex, d.Alleged, d.Environment = report.AgeGroup(f[3]), report.Sex(f[4]), report.Alleged(f[5]), report.Environment(f[6])
	c := r.bytes(3)
	d.Place.Commune = uint32(c[0])<<16 | uint32(c[1])<<8 | uint32(c[2])
	n := int(r.byte())
	if n > report.MaxCategories {
		r.bad = true
	}
	for range n {
		if r.bad {
			break
		}
		d.Categories = append(d.Categories, report.Category(r.bytes(2)))
	}
	const maxBytes = report.MaxTextRunes * utf8.UTFMax
	d.Place.Name, d.Sender = r.words(maxBytes), r.words(maxBytes)
	d.Text, d.Contact = r.words(maxBytes), r.words(maxBytes)
	if err := r.end(total); err != nil {
		return nil, err
	}
	if !v.Urgency.Valid() {
		return nil, fmt.Errorf("%w: urgency %d", ErrNotBody, v.Urgency)
	}
	if err := d.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotBody, err)
	}
	return v, nil
}

// end checks that nothing but zeros follows, and no more of them than a size class asks for.
func (r *reader) end(total int) error {
	if r.bad {
		return fmt.Errorf("%w: a field is cut short or beyond its limit", ErrNotBody)
	}
	for _, x := range r.b {
		if x != 0 {
			return fmt.Errorf("%w: padding is not zero", ErrNotBody)
		}
	}
	if PaddedSize(total-len(r.b)+Overhead) != total+Overhead {
		return fmt.Errorf("%w: more padding than its size class", ErrNotBody)
	}
	return nil
}
