package modemtest

import (
	"bytes"
	"slices"
	"time"
)

// Segment is one short message as the network itself saw it.
type Segment struct {
	ID       int    `json:"id"` // counts from 1 in order of submission
	From     string `json:"from"`
	To       string `json:"to"`
	Coding   Coding `json:"coding"`
	Header   []byte `json:"-"` // user data header with its length octet, nil without
	Data     []byte `json:"-"` // user data after the header; packed septets for GSM7
	TPDU     []byte `json:"-"` // as submitted (SMS-SUBMIT), nil if injected
	Deliver  []byte `json:"-"` // as delivered (SMS-DELIVER), for InjectTPDU to replay
	Injected bool   `json:"injected"`

	Submitted time.Time `json:"submitted"`
	// Replied: the submitter was told of the success (+CMGS). False while
	// SetDropReply is on: the message is under way and its sender cannot know.
	Replied bool `json:"replied"`
	// Delivered holds one time for each delivery; more than one is a duplicate.
	Delivered []time.Time `json:"delivered"`
}

// Truth returns what was really submitted and delivered, oldest first. The
// copy is the caller's.
func (n *Network) Truth() []Segment {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]Segment, len(n.truth))
	for i, s := range n.truth {
		out[i] = *s
		out[i].Delivered = slices.Clone(s.Delivered)
	}
	return out
}

// record opens the truth of a new segment. Callers hold mu.
func (n *Network) record(from, to string, c content, raw []byte, now time.Time) *Segment {
	seg := &Segment{
		ID: len(n.truth) + 1, From: from, To: to, Coding: c.coding(),
		TPDU: bytes.Clone(raw), Submitted: now,
	}
	seg.Header, seg.Data = c.body()
	n.truth = append(n.truth, seg)
	n.touch()
	return seg
}

// Inject puts an 8-bit message from one number to another into the service
// centre, as if from a phone that sends whatever it likes; the sender's number
// may be forged. More than 140 octets are cut into concatenated segments.
func (n *Network) Inject(from, to string, data []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	from, to = Normalise(from), Normalise(to)
	if len(data) <= maxUserData {
		n.inject(from, to, content{dcs: 0x04, udl: byte(len(data)), ud: bytes.Clone(data)})
		return
	}
	parts := slices.Collect(slices.Chunk(data, maxUserData-7))
	ref := len(n.truth) + 1
	for i, p := range parts[:min(len(parts), 255)] {
		ud := append([]byte{6, 0x08, 4, byte(ref >> 8), byte(ref), byte(len(parts)), byte(i + 1)}, p...)
		n.inject(from, to, content{udhi: true, dcs: 0x04, udl: byte(len(ud)), ud: ud})
	}
}

func (n *Network) inject(from, to string, c content) {
	now := n.opts.Now()
	seg := n.record(from, to, c, nil, now)
	seg.Injected, seg.Deliver = true, deliverTPDU(from, c, now)
	n.forward(&parcel{to: to, from: from, sent: now, truth: seg, tpdu: seg.Deliver})
}

// InjectTPDU delivers these bytes to a number as they are, as an SMS-DELIVER
// without the SMSC address. They need not be well formed.
func (n *Network) InjectTPDU(to string, tpdu []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	to = Normalise(to)
	now := n.opts.Now()
	from, c, err := parseDeliver(tpdu)
	if err != nil {
		from, c = "", content{dcs: 0x04, ud: bytes.Clone(tpdu)}
	}
	seg := n.record(from, to, c, nil, now)
	seg.Injected, seg.Deliver = true, bytes.Clone(tpdu)
	n.forward(&parcel{to: to, from: from, sent: now, truth: seg, tpdu: seg.Deliver})
}
