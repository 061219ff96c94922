package pdu

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var begin = time.Date(2026, 3, 9, 8, 0, 0, 0, time.UTC)

func segment(from string, ref uint16, total, seq uint8, words string, stamp time.Time) Part {
	a, err := ParseAddress(from)
	if err != nil {
		panic(err)
	}
	coding, data := EncodeText(words)
	return Part{
		Deliver: Deliver{From: a, Coding: coding, Concat: &Concat{Ref: ref, Total: total, Seq: seq}, SCTS: stamp, Data: data},
		Key:     words,
	}
}

func TestJoinAnyOrderWithDuplicates(t *testing.T) {
	for _, order := range [][]int{{1, 2, 3}, {3, 2, 1}, {2, 2, 3, 1}, {3, 1, 3, 1, 2}} {
		j := NewJoiner(0)
		var got string
		for i, seq := range order {
			from := "0912345678"
			if i%2 == 1 {
				from = "+84912345678" // the same person, written otherwise
			}
			whole, ok := j.Add(segment(from, 9, 3, uint8(seq), fmt.Sprint("w", seq), at(i)), begin)
			if ok != (i == len(order)-1) {
				t.Fatalf("%v: whole after %d parts: %v", order, i+1, ok)
			}
			got = JoinText(whole)
		}
		if got != "w1w2w3" || len(j.sets) != 0 {
			t.Errorf("%v: %q, %d sets left", order, got, len(j.sets))
		}
	}
}

func TestDuplicatesAreHandedBackWithTheirTwin(t *testing.T) {
	j := NewJoiner(0)
	p := segment("0912345678", 9, 2, 1, "a", at(0))
	j.Add(p, begin)
	p.Key = "again"
	if whole, ok := j.Add(p, begin); ok || whole != nil {
		t.Fatal("a duplicate made it whole")
	}
	whole, _ := j.Add(segment("0912345678", 9, 2, 2, "b", at(1)), begin)
	if len(whole) != 2 || !slices.Equal(whole[0].Also, []any{"again"}) {
		t.Errorf("%d parts", len(whole))
	}
}

// The defect of other collectors: A1, A2 lost, then B1 and B2 with the same reference gave "A1B2".
func TestNoSpliceOfTwoMessages(t *testing.T) {
	person := "0912345678"
	for name, arrivals := range map[string][]Part{
		"conflict, then nearness": {
			segment(person, 1, 2, 1, "A1", at(0)),
			segment(person, 1, 2, 1, "B1", at(0).Add(5*time.Minute)),
			segment(person, 1, 2, 2, "B2", at(1).Add(5*time.Minute)),
		},
		"second segment first": {
			segment(person, 1, 2, 1, "A1", at(0)),
			segment(person, 1, 2, 2, "B2", at(1).Add(30*time.Minute)),
			segment(person, 1, 2, 1, "B1", at(0).Add(30*time.Minute)),
		},
	} {
		j := NewJoiner(0)
		var words []string
		for _, p := range arrivals {
			if whole, ok := j.Add(p, begin); ok {
				words = append(words, JoinText(whole))
			}
		}
		left := j.Expire(begin.Add(2*time.Hour), time.Hour)
		if !slices.Equal(words, []string{"B1B2"}) || len(left) != 1 || JoinText(left[0]) != "A1" {
			t.Errorf("%s: %q, %d left", name, words, len(left))
		}
	}
}

func TestAmbiguousSegmentJoinsNeither(t *testing.T) {
	j := NewJoiner(0)
	j.Add(segment("0912345678", 1, 2, 1, "A1", at(0)), begin)
	j.Add(segment("0912345678", 1, 2, 1, "B1", at(0)), begin)
	if whole, ok := j.Add(segment("0912345678", 1, 2, 2, "?2", at(0)), begin); ok {
		t.Fatalf("joined to %q", JoinText(whole))
	}
	if left := j.Expire(begin.Add(2*time.Hour), time.Hour); len(left) != 3 {
		t.Errorf("%d incomplete messages", len(left))
	}
}

func TestOthersDoNotMix(t *testing.T) {
	base := segment("0912345678", 1, 2, 1, "A1", at(0))
	for name, change := range map[string]func(*Deliver){
		"sender":    func(d *Deliver) { d.From.Digits = "84987654321" },
		"reference": func(d *Deliver) { d.Concat.Ref = 2 },
		"width":     func(d *Deliver) { d.Concat.Wide = true },
		"total":     func(d *Deliver) { d.Concat.Total = 3 },
		"alphabet":  func(d *Deliver) { d.Coding = Binary },
		"time":      func(d *Deliver) { d.SCTS = at(0).Add(time.Hour) },
	} {
		j := NewJoiner(0)
		j.Add(base, begin)
		other := segment("0912345678", 1, 2, 2, "A2", at(0))
		change(&other.Deliver)
		if whole, ok := j.Add(other, begin); ok {
			t.Errorf("another %s was joined: %q", name, JoinText(whole))
		}
	}
	for _, c := range []*Concat{nil, {Total: 1, Seq: 1}, {Total: 2, Seq: 0}, {Total: 2, Seq: 3}} {
		p := base
		p.Deliver.Concat = c
		if whole, ok := NewJoiner(0).Add(p, begin); !ok || len(whole) != 1 {
			t.Errorf("%+v is not whole by itself", c)
		}
	}
}

func TestUnreadableTimeStampStillJoins(t *testing.T) {
	j := NewJoiner(0)
	j.Add(segment("0912345678", 1, 2, 1, "A1", time.Time{}), begin)
	if whole, ok := j.Add(segment("0912345678", 1, 2, 2, "A2", at(0)), begin); !ok || JoinText(whole) != "A1A2" {
		t.Error("not joined")
	}
}

func TestLateCopyOfAWholeMessageIsMarked(t *testing.T) {
	j := NewJoiner(0)
	a1, a2 := segment("0912345678", 1, 2, 1, "A1", at(0)), segment("0912345678", 1, 2, 2, "A2", at(1))
	j.Add(a1, begin)
	j.Add(a2, begin)
	j.Add(a2, begin.Add(time.Minute))
	j.Add(segment("0912345678", 2, 2, 2, "new", at(1)), begin.Add(time.Minute))
	left := j.Expire(begin.Add(2*time.Hour), time.Hour)
	if len(left) != 2 || !left[0][0].Repeat || left[1][0].Repeat {
		t.Errorf("%d left", len(left))
	}
	if len(j.Expire(begin.Add(48*time.Hour), time.Hour)) != 0 || len(j.whole) != 0 {
		t.Error("old messages are remembered for ever")
	}
}

// A handset that missed its confirmation sends a segment again, and the network stamps it anew: that is nothing new. The
// same words of another hour are, and so is a set that holds one segment nobody has seen.
func TestSegmentStampedAnewIsARepeat(t *testing.T) {
	person := "0912345678"
	for name, c := range map[string]struct {
		stamp  time.Time // of the message
		again  []Part
		came   time.Duration // after the message was whole
		repeat bool
	}{
		"a little later":         {at(0), []Part{segment(person, 1, 3, 1, "A1", at(0).Add(9*time.Minute))}, time.Hour, true},
		"two of three":           {at(0), []Part{segment(person, 1, 3, 1, "A1", at(9)), segment(person, 1, 3, 3, "A3", at(9))}, 0, true},
		"another hour":           {at(0), []Part{segment(person, 1, 3, 1, "A1", at(0).Add(time.Hour))}, time.Hour, false},
		"other words":            {at(0), []Part{segment(person, 1, 3, 1, "B1", at(0))}, 0, false},
		"with a new segment":     {at(0), []Part{segment(person, 1, 3, 1, "A1", at(9)), segment(person, 1, 3, 2, "B2", at(9))}, 0, false},
		"another person":         {at(0), []Part{segment("0987654321", 1, 3, 1, "A1", at(0))}, 0, false},
		"no stamp, soon after":   {at(0), []Part{segment(person, 1, 3, 1, "A1", time.Time{})}, 9 * time.Minute, true},
		"no stamp, hours after":  {at(0), []Part{segment(person, 1, 3, 1, "A1", time.Time{})}, 2 * time.Hour, false},
		"no stamps, soon after":  {time.Time{}, []Part{segment(person, 1, 3, 1, "A1", time.Time{})}, time.Minute, true},
		"no stamps, hours after": {time.Time{}, []Part{segment(person, 1, 3, 1, "A1", time.Time{})}, 2 * time.Hour, false},
	} {
		j := NewJoiner(0)
		for seq := range uint8(3) {
			j.Add(segment(person, 1, 3, 1+seq, fmt.Sprint("A", 1+seq), c.stamp), begin)
		}
		for _, p := range c.again {
			j.Add(p, begin.Add(c.came))
		}
		left := j.Expire(begin.Add(c.came+2*time.Hour), time.Hour)
		if len(left) != 1 || len(left[0]) != len(c.again) {
			t.Fatalf("%s: %d sets left", name, len(left))
		}
		for _, p := range left[0] {
			if p.Repeat != c.repeat {
				t.Errorf("%s: repeat is %v", name, p.Repeat)
			}
		}
	}
}

// What was received while the clock ran ahead does not wait until it catches up.
func TestClockSetBackKeepsNothingWaiting(t *testing.T) {
	j := NewJoiner(0)
	ahead := begin.AddDate(10, 0, 0)
	for seq := range uint8(2) {
		j.Add(segment("0912345678", 1, 2, 1+seq, "whole", at(0)), ahead)
	}
	j.Add(segment("0912345678", 2, 2, 1, "half", at(0)), ahead)
	if left := j.Expire(begin, time.Hour); len(left) != 1 || JoinText(left[0]) != "half" || len(j.sets) != 0 || len(j.whole) != 0 {
		t.Errorf("%d expired, %d sets and %d parts remembered", len(left), len(j.sets), len(j.whole))
	}
}

func TestFloodCostsTheFlooder(t *testing.T) {
	j := NewJoiner(10)
	j.Add(segment("0912345678", 1, 2, 1, "child ", at(0)), begin)
	for ref := range uint16(1000) {
		j.Add(segment("0999999999", ref, 255, 1, "x", at(0)), begin)
	}
	if len(j.sets) > 10 || len(j.evicted) > 10 {
		t.Errorf("%d sets, %d evicted", len(j.sets), len(j.evicted))
	}
	if whole, ok := j.Add(segment("0912345678", 1, 2, 2, "speaks", at(1)), begin); !ok || JoinText(whole) != "child speaks" {
		t.Error("the flood pushed another sender's segment out")
	}
}

func TestCharactersSplitBetweenSegments(t *testing.T) {
	_, data := EncodeText("em 😀 sợ")
	for cut := range len(data) {
		parts := []Part{
			{Deliver: Deliver{Coding: UCS2, Data: data[:cut]}},
			{Deliver: Deliver{Coding: UCS2, Data: data[cut:]}},
		}
		if got := JoinText(parts); got != "em 😀 sợ" {
			t.Errorf("cut at octet %d: %q", cut, got)
		}
	}
	_, data = EncodeText("5€ a")
	for cut := range len(data) {
		parts := []Part{{Deliver: Deliver{Data: data[:cut]}}, {Deliver: Deliver{Data: data[cut:]}}}
		if got := JoinText(parts); got != "5€ a" {
			t.Errorf("cut at septet %d: %q", cut, got)
		}
	}
	odd := []Part{{Deliver: Deliver{Coding: UCS2, Data: []byte{0, 'a', 0}}}, {Deliver: Deliver{Coding: UCS2, Data: []byte{0, 'b'}}}}
	if got := JoinText(odd); got != "ab" {
		t.Errorf("a lost octet shifted the next segment: %q", got)
	}
}

// Every part comes out exactly once (as a part, as Also or from Expire), never more than one place from
// two payload families is joined, and memory stays bounded.
func FuzzJoiner(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 0x11, 0x22, 0x33})
	f.Add([]byte{0x21, 0x01, 0x41, 0x61, 0x05, 0x85})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 256 {
			return // longer is only slower
		}
		const limit = 8
		j := NewJoiner(limit)
		now := begin
		seen := map[any]int{}
		give := func(parts []Part) {
			for _, p := range parts {
				seen[p.Key]++
				for _, k := range p.Also {
					seen[k]++
				}
			}
		}
		added, evictable := 0, 0
		for i := 0; i+1 < len(script); i += 2 {
			a, b := script[i], script[i+1]
			if a == 0xff {
				now = now.Add(time.Duration(b) * time.Minute)
				for _, set := range j.Expire(now, time.Hour) {
					give(set)
				}
				evictable = 0
				continue
			}
			p := segment([]string{"0912345678", "0987654321"}[a&1], uint16(a>>1&1), 2+a>>2&1, 1+a>>3&3,
				string(rune('A'+a>>5&1)), now.Add(time.Duration(b&7)*4*time.Minute))
			p.Key = added
			added++
			whole, ok := j.Add(p, now)
			if ok {
				give(whole)
				if c := whole[0].Deliver.Concat; len(whole) > 1 {
					for k, w := range whole {
						if w.Deliver.Concat.Seq != uint8(k+1) || w.Deliver.Concat.Total != c.Total || w.Deliver.From != whole[0].Deliver.From {
							t.Fatal("parts are out of order or of two messages")
						}
					}
				}
			} else if whole != nil {
				t.Fatal("parts without ok")
			}
			evictable++
			if len(j.sets) > limit || len(j.evicted) > limit {
				t.Fatal("not bounded")
			}
			if evictable == limit { // the caller's regular visit, in time for nothing to be forgotten
				for _, set := range j.Expire(now, time.Hour) {
					give(set)
				}
				evictable = 0
			}
		}
		for _, set := range j.Expire(now.Add(100*time.Hour), time.Hour) {
			give(set)
		}
		for k := range added {
			if seen[k] != 1 {
				t.Fatalf("part %d came out %d times", k, seen[k])
			}
		}
	})
}
