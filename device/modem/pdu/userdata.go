package pdu

import (
	"encoding/binary"

	"github.com/warthog618/sms/encoding/gsm7"
	"github.com/warthog618/sms/encoding/tpdu"
)

// Information element identifiers, TS 23.040 9.2.3.24.
const (
	ieConcat8  = 0x00
	iePorts8   = 0x04
	iePorts16  = 0x05
	ieConcat16 = 0x08
	ieShift    = 0x24
	ieLocking  = 0x25
)

// Concat places a segment in its message (TS 23.040 9.2.3.24.1 and .8). 1 <= Seq <= Total.
type Concat struct {
	Ref        uint16
	Total, Seq uint8
	Wide       bool // 16-bit reference (identifier 0x08) rather than 8-bit (0x00)
}

// Ports are application ports (TS 23.040 9.2.3.24.3 and .4), as WAP push uses them.
type Ports struct {
	Dst, Src uint16
	Wide     bool // 16-bit ports (identifier 0x05) rather than 8-bit (0x04)
}

// userData is what Deliver and SubmitFields have in common.
type userData struct {
	coding         Coding
	concat         *Concat
	ports          *Ports
	locking, shift byte
	data           []byte
}

// decodeUserData reads TP-UDL and TP-UD. Less data than TP-UDL says gives what is there; more is cut.
func decodeUserData(src []byte, dcs byte, header bool) (userData, error) {
	u := userData{coding: codingOf(dcs)}
	if len(src) < 1 {
		return u, ErrTruncated
	}
	udl, ud := int(src[0]), src[1:]
	octets := udl
	if u.coding == GSM7 {
		octets = (udl*7 + 7) / 8
	}
	ud = ud[:min(len(ud), octets, MaxUserData)]

	headerLen := 0 // with its own length octet
	if header && len(ud) > 0 {
		headerLen = min(1+int(ud[0]), len(ud))
		u.decodeHeader(ud[1:headerLen])
	}
	body := ud[headerLen:]
	if u.coding != GSM7 {
		u.data = append([]byte{}, body...)
		return u, nil
	}
	// After a header the septets begin on a septet boundary counted from the start of the user data.
	fill := (7 - headerLen%7) % 7
	count := udl - (headerLen*8+fill)/7
	septets := gsm7.Unpack7Bit(body, fill)
	available := max((len(body)*8-fill)/7, 0)
	u.data = append([]byte{}, septets[:max(min(count, available, len(septets)), 0)]...)
	return u, nil
}

// decodeHeader reads information elements up to the first that is cut short. Elements that contradict the
// standard are ignored, as 9.2.3.24.1 asks: the segment is then a message of its own and its words are kept.
func (u *userData) decodeHeader(h []byte) {
	for len(h) >= 2 {
		id, n := h[0], int(h[1])
		if len(h) < 2+n {
			return
		}
		v := h[2 : 2+n]
		h = h[2+n:]
		switch {
		case id == ieConcat8 && n == 3:
			u.setConcat(Concat{Ref: uint16(v[0]), Total: v[1], Seq: v[2]})
		case id == ieConcat16 && n == 4:
			u.setConcat(Concat{Ref: binary.BigEndian.Uint16(v), Total: v[2], Seq: v[3], Wide: true})
		case id == iePorts8 && n == 2:
			u.ports = &Ports{Dst: uint16(v[0]), Src: uint16(v[1])}
		case id == iePorts16 && n == 4:
			u.ports = &Ports{Dst: binary.BigEndian.Uint16(v), Src: binary.BigEndian.Uint16(v[2:]), Wide: true}
		case id == ieShift && n == 1:
			u.shift = v[0]
		case id == ieLocking && n == 1:
			u.locking = v[0]
		}
	}
}

func (u *userData) setConcat(c Concat) {
	if c.Total >= 1 && c.Seq >= 1 && c.Seq <= c.Total {
		u.concat = &c
	}
}

func (u *userData) header() tpdu.UserDataHeader {
	var h tpdu.UserDataHeader
	if c := u.concat; c != nil && c.Wide {
		h = append(h, tpdu.InformationElement{ID: ieConcat16, Data: []byte{byte(c.Ref >> 8), byte(c.Ref), c.Total, c.Seq}})
	} else if c != nil {
		h = append(h, tpdu.InformationElement{ID: ieConcat8, Data: []byte{byte(c.Ref), c.Total, c.Seq}})
	}
	if p := u.ports; p != nil && p.Wide {
		h = append(h, tpdu.InformationElement{ID: iePorts16, Data: []byte{byte(p.Dst >> 8), byte(p.Dst), byte(p.Src >> 8), byte(p.Src)}})
	} else if p != nil {
		h = append(h, tpdu.InformationElement{ID: iePorts8, Data: []byte{byte(p.Dst), byte(p.Src)}})
	}
	if u.coding == GSM7 && u.shift != 0 {
		h = append(h, tpdu.InformationElement{ID: ieShift, Data: []byte{u.shift}})
	}
	if u.coding == GSM7 && u.locking != 0 {
		h = append(h, tpdu.InformationElement{ID: ieLocking, Data: []byte{u.locking}})
	}
	return h
}

// encode gives TP-UDL and TP-UD, and whether they hold a header.
func (u *userData) encode() (field []byte, hasHeader bool, err error) {
	h, err := u.header().MarshalBinary()
	if err != nil {
		return nil, false, err
	}
	body, udl := u.data, len(h)+len(u.data)
	if u.coding == GSM7 {
		fill := (7 - len(h)%7) % 7
		body = gsm7.Pack7Bit(u.data, fill)
		udl = (len(h)*8+fill)/7 + len(u.data)
		if len(u.data) == 0 {
			udl = (len(h)*8 + 6) / 7
		}
	}
	if len(h)+len(body) > MaxUserData || udl > 160 {
		return nil, false, ErrTooLong
	}
	field = append([]byte{byte(udl)}, h...)
	return append(field, body...), len(h) > 0, nil
}
