package modemtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf16"

	"github.com/warthog618/sms"
	"github.com/warthog618/sms/encoding/gsm7"
	"github.com/warthog618/sms/encoding/tpdu"
)

// Message is what a phone shows in its inbox.
type Message struct {
	From string    `json:"from"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
	// Whole is false while segments are missing; "…" stands in their place.
	Whole bool `json:"whole"`
}

// Sent is what a phone shows in its outbox.
type Sent struct {
	To       string    `json:"to"`
	Text     string    `json:"text"`
	At       time.Time `json:"at"`
	Segments int       `json:"segments"`
	// Reached counts the segments that the receiver has.
	Reached int `json:"reached"`
}

// Phone is the handset of a villager. It writes GSM 7-bit when the text fits
// that alphabet and UCS-2 otherwise, cuts long texts with an 8-bit reference,
// and joins what it receives, as handsets do. Data messages it ignores.
type Phone struct {
	net    *Network
	number string
	ref    reference
	inbox  []*received
	sent   []*sent
}

type received struct {
	from  string
	at    time.Time
	ref   concat
	parts []content // by seq-1; nil user data where missing
	have  int
}

type sent struct {
	Sent
	truth []*Segment
}

// reference counts for sms.Encoder, which reads it through tpdu.Counter.
type reference struct{ n atomic.Int32 }

func (r *reference) Count() int { return int(r.n.Add(1)) }

// Phone returns the phone with this number, making it at first use: "+84…",
// "09…", a short code, or a name, which can send and not be answered.
func (n *Network) Phone(msisdn string) *Phone {
	n.mu.Lock()
	defer n.mu.Unlock()
	number := Normalise(msisdn)
	p := n.phones[number]
	if p == nil {
		p = &Phone{net: n, number: number}
		n.phones[number] = p
		n.pump(number)
		n.touch()
	}
	return p
}

// Number is the phone's own number, normalised.
func (p *Phone) Number() string { return p.number }

// Send submits a text. It returns when the service centre has all segments;
// that is no promise that anybody receives them.
func (p *Phone) Send(to, text string) error { return p.send(to, text, false) }

// SendReordered is Send with the segments submitted last first.
func (p *Phone) SendReordered(to, text string) error { return p.send(to, text, true) }

func (p *Phone) send(to, text string, reversed bool) error {
	to = Normalise(to)
	if !digitsOnly(strings.TrimPrefix(to, "+")) {
		return errors.New("a phone cannot send to a name")
	}
	raw, err := encodeText(to, text, &p.ref)
	if err != nil {
		return err
	}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.net.closed {
		return ErrClosed
	}
	out := &sent{Sent: Sent{To: to, Text: text, At: p.net.opts.Now(), Segments: len(raw)}}
	for i := range raw {
		b := raw[i]
		if reversed {
			b = raw[len(raw)-1-i]
		}
		s, err := parseSubmit(b)
		if err != nil {
			return fmt.Errorf("segment %d of %d: %w", i+1, len(raw), err)
		}
		seg := p.net.accept(p.number, s, b, reversed)
		seg.Replied = true
		out.truth = append(out.truth, seg)
	}
	p.sent = append(p.sent, out)
	p.net.touch()
	return nil
}

func encodeText(to, text string, ref tpdu.Counter) ([][]byte, error) {
	if text == "" {
		return [][]byte{append(append([]byte{0x01, 0}, encodeAddress(to)...), 0, 0, 0)}, nil
	}
	e := sms.NewEncoder(sms.AsSubmit, sms.To("0"))
	e.ConcatRef = ref
	pdus, err := e.Encode([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("encode text: %w", err)
	}
	if len(pdus) > 255 {
		return nil, errors.New("text needs more than 255 segments")
	}
	out := make([][]byte, len(pdus))
	for i := range pdus {
		b, err := pdus[i].MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("encode text: %w", err)
		}
		// The library knows only international addresses; short codes need
		// their own type. b[2:5] is the placeholder address "0".
		out[i] = append(append(bytes.Clone(b[:2]), encodeAddress(to)...), b[5:]...)
	}
	return out, nil
}

// Segments says into how many messages a handset cuts this text, 0 when it
// cannot send it at all.
func Segments(text string) int {
	raw, err := encodeText("0", text, new(reference))
	if err != nil {
		return 0
	}
	return len(raw)
}

// Inbox returns what the phone received, oldest first.
func (p *Phone) Inbox() []Message {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	out := make([]Message, len(p.inbox))
	for i, r := range p.inbox {
		out[i] = Message{From: r.from, Text: r.text(), At: r.at, Whole: r.have == len(r.parts)}
	}
	return out
}

// Outbox returns what the phone sent, oldest first.
func (p *Phone) Outbox() []Sent {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	out := make([]Sent, len(p.sent))
	for i, s := range p.sent {
		out[i] = s.Sent
		for _, seg := range s.truth {
			if len(seg.Delivered) > 0 {
				out[i].Reached++
			}
		}
	}
	return out
}

// Wait returns the inbox once it holds at least n whole messages, or the
// error of ctx.
func (p *Phone) Wait(ctx context.Context, n int) ([]Message, error) {
	for {
		changed, _ := p.net.Changed()
		inbox, whole := p.Inbox(), 0
		for _, m := range inbox {
			if m.Whole {
				whole++
			}
		}
		if whole >= n {
			return inbox, nil
		}
		select {
		case <-ctx.Done():
			return inbox, fmt.Errorf("waiting for message %d, have %d: %w", n, whole, ctx.Err())
		case <-changed:
		}
	}
}

// take receives one TPDU. Callers hold the network's mu.
func (p *Phone) take(q *parcel) {
	if q.report {
		return
	}
	from, c, err := parseDeliver(q.tpdu)
	if err != nil || c.coding() == Binary || c.pid == 0x40 {
		return // garbage, data for an application, silent message: nothing to show
	}
	now := p.net.opts.Now()
	k, long := c.concat()
	if !long {
		p.inbox = append(p.inbox, &received{from: from, at: now, parts: []content{c}, have: 1})
		return
	}
	key := concat{ref: k.ref, total: k.total, wide: k.wide}
	for i := len(p.inbox) - 1; i >= 0; i-- {
		r := p.inbox[i]
		if r.from != from || r.ref != key {
			continue
		}
		old := &r.parts[k.seq-1]
		if old.ud == nil {
			*old = c
			r.have++
			return
		}
		if bytes.Equal(old.ud, c.ud) {
			return // the network delivered it again
		}
		break // the reference came round: a new message
	}
	r := &received{from: from, at: now, ref: key, parts: make([]content, k.total), have: 1}
	r.parts[k.seq-1] = c
	p.inbox = append(p.inbox, r)
}

// text joins what is there. UCS-2 octets are joined before they are decoded,
// so a surrogate pair may lie across two segments.
func (r *received) text() string {
	var out strings.Builder
	var wide []byte
	flush := func() {
		if len(wide) > 0 {
			u := make([]uint16, 0, len(wide)/2)
			for i := 0; i+1 < len(wide); i += 2 {
				u = append(u, uint16(wide[i])<<8|uint16(wide[i+1]))
			}
			out.WriteString(string(utf16.Decode(u)))
			wide = nil
		}
	}
	for _, c := range r.parts {
		switch {
		case c.ud == nil:
			flush()
			out.WriteString("…")
		case c.coding() == UCS2:
			_, data := c.body()
			wide = append(wide, data...)
		default:
			flush()
			out.WriteString(c.septets())
		}
	}
	flush()
	return out.String()
}

// septets decodes 7-bit user data. The header takes whole septets, so the text
// starts at the next septet boundary (TS 23.040 9.2.3.24).
func (c content) septets() string {
	header, data := c.body()
	skip := (len(header)*8 + 6) / 7
	u := gsm7.Unpack7Bit(data, skip*7-len(header)*8)
	if n := int(c.udl) - skip; n >= 0 && n < len(u) {
		u = u[:n]
	}
	text, err := gsm7.Decode(u)
	if err != nil {
		return "\uFFFD"
	}
	return string(text)
}
