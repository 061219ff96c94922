// Package dialogue is the conversation with villagers by SMS as a pure state machine: no clock, no I/O, no memory but
// the Session it is given. In this first version every message is a report, and gets one automatic answer.
//
// It never decides that something is not a report: a wrong guess there would lose a child's words. What it can decide is
// not to answer, so that two machines don't talk to each other at a villager's cost.
package dialogue

import (
	"strings"
	"unicode"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/viet"
)

// SlotsPerHour is the number of Message.Slot's steps in an hour: a slot is ten minutes.
const SlotsPerHour = 6

const (
	// MaxAnswers is how many answers one number gets in 24 hours (domain: SMS dialogue, 6.5).
	MaxAnswers = 6
	daySlots   = 24 * SlotsPerHour
	// sameSlots is longer than an hour by up to one slot: two messages an hour apart may lie six slots apart.
	sameSlots = SlotsPerHour
)

// Message is one whole SMS from a villager.
type Message struct {
	From       report.Words // who sent it, for the officers; sealed with the report
	Answerable bool         // an answer can reach a person: no brand name, no short code
	Text       report.Words // as it was written; may be empty
	// Digest stands for the text in Session. The caller makes it under a key that lives in memory only, so that no state
	// tells what was said.
	Digest [16]byte
	// Slot counts ten-minute steps of the monotonic clock. It never goes back.
	Slot int64
}

// Session is what is remembered of one number: which answers it got. The zero value is a number never heard of.
type Session struct {
	given [MaxAnswers]answered
	n     int
}

type answered struct {
	digest [16]byte
	slot   int64
}

// Idle tells whether nothing in s matters any more at slot, so that the caller can forget it.
func (s Session) Idle(slot int64) bool { return s.recent(slot).n == 0 }

// An Effect is something for the caller to do, in order.
type Effect interface{ effect() }

// Submit makes a report. The draft owns its memory; the caller wipes it.
type Submit struct {
	Draft report.Draft
	// Urgency is what the words call for. It may only raise what the draft's own answers give.
	Urgency report.Urgency
}

// Answer sends the automatic answer. It comes after the Submit whose receipt it tells.
type Answer struct{}

func (Submit) effect() {}
func (Answer) effect() {}

// The answers are unaccented ASCII, so that each is one SMS of at most 160 characters that every phone shows.
const (
	ackStart = "Da nhan tin cua ban"
	ackHelp  = " Neu tre dang gap nguy hiem, goi ngay 113 hoac 115. Tu van 24/7 mien phi: 111. May dung chung thi nen xoa tin nay."
)

// Text is the answer with the receipt of the report.
func (Answer) Text(r report.Receipt) string {
	return ackStart + ". Ma cua ban: " + r.Grouped() + "." + ackHelp
}

// TextWithoutReceipt is the answer where the message is kept but no report could be made of it here, so that there is no
// receipt yet.
func (Answer) TextWithoutReceipt() string { return ackStart + " va se co nguoi doc." + ackHelp }

// Next takes one message: always a Submit with all of its words, and an Answer unless that could feed a loop.
func Next(s Session, m Message) (Session, []Effect) {
	d := report.Draft{
		Door:       report.DoorSMS,
		Categories: []report.Category{"G9"}, // nobody has read it yet; officers name what it is
		Text:       m.Text.Clone(),
		Sender:     m.From.Clone(),
	}
	words := split(m.Text.Reveal())
	own := isOwnAnswer(words)
	e := []Effect{Submit{Draft: d, Urgency: urgency(words, own)}}
	s = s.recent(m.Slot)
	if !m.Answerable || own || s.n == MaxAnswers || s.has(m.Digest, m.Slot) {
		return s, e
	}
	s.given[s.n] = answered{m.Digest, m.Slot}
	s.n++
	return s, append(e, Answer{})
}

// recent is s without the answers of more than a day ago.
func (s Session) recent(slot int64) Session {
	var r Session
	for _, a := range s.given[:s.n] {
		if slot-a.slot <= daySlots {
			r.given[r.n] = a
			r.n++
		}
	}
	return r
}

// has tells whether the same words from the same number were answered within the hour. A machine that answers our
// answers says the same every time; a person who sends twice has one receipt already.
func (s Session) has(digest [16]byte, slot int64) bool {
	for _, a := range s.given[:s.n] {
		if a.digest == digest && slot-a.slot <= sameSlots {
			return true
		}
	}
	return false
}

// split gives the words in lower case, accents kept.
func split(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
}

// isOwnAnswer tells whether our own answer came back, whole, cut or quoted.
func isOwnAnswer(words []string) bool {
	return contains(words, strings.Fields(strings.ToLower(ackStart)), func(have, want string) bool { return viet.Fold(have) == want })
}

func contains(words, phrase []string, equal func(have, want string) bool) bool {
next:
	for i := 0; i+len(phrase) <= len(words); i++ {
		for k, want := range phrase {
			if !equal(words[i+k], want) {
				continue next
			}
		}
		return true
	}
	return false
}
