package pdu

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"time"
)

// Part is one received TPDU on its way through a Joiner.
type Part struct {
	Deliver Deliver
	Key     any // the caller's handle, given back as it came

	// Also holds the keys of exact duplicates of this part that came while it waited.
	Also []any

	// Repeat is set by Expire on the parts of a set that only repeats parts of a message which was whole, stamped
	// anew perhaps: the handset or the network sent them again, and nothing new is in them.
	Repeat bool
}

const (
	// maxSpread is how far apart the service centre's time stamps of one message may lie. Handsets count
	// their references modulo 256, and some always use the same one, so the reference alone does not tell
	// two messages of one sender apart.
	maxSpread = 10 * time.Minute

	// remember is how long a completed message is known again.
	remember = 24 * time.Hour

	defaultLimit = 1024
)

// Joiner puts the segments of concatenated messages together. It would rather leave a message incomplete
// than splice two: a set takes a segment only if sender, reference, total, reference width and alphabet
// are the same, the time stamps are near, and the place is free or holds the same bytes. Where a segment
// fits two sets equally well it joins neither.
//
// It is pure and bounded. The caller keeps the durable copy; one goroutine uses a Joiner at a time.
type Joiner struct {
	limit   int
	sets    []*set // oldest first
	evicted []*set
	whole   map[fingerprint]memory // parts of completed messages
}

type setKey struct {
	sender string
	ref    uint16
	total  uint8
	wide   bool
	coding Coding
}

type set struct {
	key   setKey
	begun time.Time
	parts []*Part // by Seq-1
	have  int
}

type fingerprint [sha256.Size]byte

// memory is the last time that a part was seen in a whole message.
type memory struct{ stamp, at time.Time }

// NewJoiner makes a Joiner of at most limit incomplete messages (1024 if limit is not positive). Beyond
// that the sender with most incomplete messages loses his oldest: Expire hands it over as incomplete.
func NewJoiner(limit int) *Joiner {
	if limit <= 0 {
		limit = defaultLimit
	}
	return &Joiner{limit: limit, whole: make(map[fingerprint]memory)}
}

// Add takes one part. If it makes a message whole, ok is true and whole holds its parts in order; a
// message of one part is whole at once. Otherwise the part waits, or is added to Also of its duplicate.
func (j *Joiner) Add(p Part, now time.Time) (whole []Part, ok bool) {
	c := p.Deliver.Concat
	if c == nil || c.Total <= 1 || c.Seq < 1 || c.Seq > c.Total {
		return []Part{p}, true
	}
	key := setKey{p.Deliver.From.Number(), c.Ref, c.Total, c.Wide, p.Deliver.Coding}
	s := j.find(key, p.Deliver)
	if s == nil {
		s = &set{key: key, begun: now, parts: make([]*Part, c.Total)}
		j.sets = append(j.sets, s)
	}
	if held := s.parts[c.Seq-1]; held != nil {
		held.Also = append(held.Also, p.Key)
		return nil, false
	}
	s.parts[c.Seq-1] = &p
	s.have++
	if s.have < len(s.parts) {
		j.bound()
		return nil, false
	}
	j.sets = slices.DeleteFunc(j.sets, func(other *set) bool { return other == s })
	whole = s.taken()
	j.recall(whole, now)
	return whole, true
}

// find gives the one set that d belongs to, or nil if none or no single one does.
func (j *Joiner) find(key setKey, d Deliver) *set {
	var best *set
	var bestGap time.Duration
	tie := false
	for _, s := range j.sets {
		if s.key != key {
			continue
		}
		if held := s.parts[d.Concat.Seq-1]; held != nil {
			if _, near := s.gap(d); near && same(held.Deliver, d) {
				return s
			}
			continue
		}
		gap, near := s.gap(d)
		switch {
		case !near:
		case best == nil || gap < bestGap:
			best, bestGap, tie = s, gap, false
		case gap == bestGap:
			tie = true
		}
	}
	if tie {
		return nil
	}
	return best
}

// gap is the distance of d's time stamp from those of the set. An unreadable stamp is as far as may be.
func (s *set) gap(d Deliver) (gap time.Duration, near bool) {
	for _, p := range s.parts {
		if p == nil {
			continue
		}
		apart := maxSpread
		if !d.SCTS.IsZero() && !p.Deliver.SCTS.IsZero() {
			apart = d.SCTS.Sub(p.Deliver.SCTS).Abs()
		}
		gap = max(gap, apart)
	}
	return gap, gap <= maxSpread
}

// same says that two segments of one place are copies: the same words, coded with the same tables. The
// time stamps may differ, because a handset that missed its confirmation sends the segment again.
func same(a, b Deliver) bool {
	return bytes.Equal(a.Data, b.Data) && a.Locking == b.Locking && a.Shift == b.Shift
}

func (s *set) taken() []Part {
	out := make([]Part, 0, s.have)
	for _, p := range s.parts {
		if p != nil {
			out = append(out, *p)
		}
	}
	return out
}

// bound evicts one set if there are too many.
func (j *Joiner) bound() {
	if len(j.sets) <= j.limit {
		return
	}
	count := make(map[string]int)
	most := 0
	for _, s := range j.sets {
		count[s.key.sender]++
		most = max(most, count[s.key.sender])
	}
	i := slices.IndexFunc(j.sets, func(s *set) bool { return count[s.key.sender] == most })
	j.evicted = append(j.evicted, j.sets[i])
	j.sets = slices.Delete(j.sets, i, i+1)
	if len(j.evicted) > j.limit {
		// Nobody asks for them. The caller's durable copies are released at its next start.
		j.evicted = slices.Delete(j.evicted, 0, 1)
	}
}

// recall remembers the parts of a whole message, so that a late second copy of one is known.
func (j *Joiner) recall(whole []Part, now time.Time) {
	for _, p := range whole {
		if len(j.whole) >= 16*j.limit {
			return // only the mark Repeat is lost
		}
		j.whole[identify(p.Deliver)] = memory{p.Deliver.SCTS, now}
	}
}

// repeats says that all of s was seen before in whole messages. The time stamps may differ as those of one message may;
// the same words of another hour are new. An unreadable stamp tells nothing, so there our own clock is asked.
func (j *Joiner) repeats(s *set) bool {
	for _, p := range s.parts {
		if p == nil {
			continue
		}
		m, known := j.whole[identify(p.Deliver)]
		apart := p.Deliver.SCTS.Sub(m.stamp)
		if p.Deliver.SCTS.IsZero() || m.stamp.IsZero() {
			apart = s.begun.Sub(m.at)
		}
		if !known || apart.Abs() > maxSpread {
			return false
		}
	}
	return true
}

// identify marks a part with its sender, its place in its message and its words, but not with its time stamp: a segment
// that is sent again is stamped anew.
func identify(d Deliver) fingerprint {
	h := sha256.New()
	c := d.Concat
	h.Write([]byte{byte(d.Coding), d.Locking, d.Shift, byte(c.Ref >> 8), byte(c.Ref), c.Total, c.Seq})
	h.Write([]byte(d.From.Number() + "\x00"))
	h.Write(d.Data)
	return fingerprint(h.Sum(nil))
}

// Expire takes out and gives the incomplete messages that began longer than after ago, or later than now (the clock was
// set back, and nobody knows how long they have waited), and those that had to make room, each with its parts in order.
// Call it regularly; it also forgets old messages.
func (j *Joiner) Expire(now time.Time, after time.Duration) (out [][]Part) {
	ended := j.evicted
	j.evicted = nil
	j.sets = slices.DeleteFunc(j.sets, func(s *set) bool {
		if now.Sub(s.begun) <= after && !s.begun.After(now) {
			return false
		}
		ended = append(ended, s)
		return true
	})
	for _, s := range ended {
		parts, repeat := s.taken(), j.repeats(s)
		for i := range parts {
			parts[i].Repeat = repeat
		}
		out = append(out, parts)
	}
	for f, m := range j.whole {
		if now.Sub(m.at).Abs() > remember {
			delete(j.whole, f)
		}
	}
	return out
}

// JoinText gives the words of a message from its parts in order. Surrogate pairs and escape sequences
// that were cut between segments are whole again. Binary parts add nothing.
func JoinText(parts []Part) string {
	var text []byte
	for i := 0; i < len(parts); {
		first := parts[i].Deliver
		run := i + 1 // parts[i:run] share alphabet and tables
		for run < len(parts) && alike(first, parts[run].Deliver) {
			run++
		}
		switch first.Coding {
		case GSM7:
			text = append(text, decodeSeptets(JoinBytes(parts[i:run]), first.Locking, first.Shift)...)
		case UCS2:
			text = append(text, decodeUTF16(joinUTF16(parts[i:run]))...)
		}
		i = run
	}
	return string(text)
}

func alike(a, b Deliver) bool {
	return a.Coding == b.Coding && a.Locking == b.Locking && a.Shift == b.Shift
}

// joinUTF16 joins segments that some senders cut at an odd octet. If the sum is odd, an octet was lost:
// then each segment stands for itself, so that one cannot shift the others.
func joinUTF16(parts []Part) []byte {
	octets := JoinBytes(parts)
	if len(octets)%2 == 0 {
		return octets
	}
	octets = nil
	for _, p := range parts {
		octets = append(octets, p.Deliver.Data[:len(p.Deliver.Data)&^1]...)
	}
	return octets
}

// JoinBytes gives the user data of the parts one after another.
func JoinBytes(parts []Part) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p.Deliver.Data...)
	}
	return out
}
