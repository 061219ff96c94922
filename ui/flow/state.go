// Package flow is the conversation on the screen as a pure state machine: Next takes a state and an event and gives the
// next state and what is to be done. It knows no toolkit, no clock, no I/O; screen draws a State, ui runs the effects.
package flow

import (
	"slices"

	"github.com/langnghe/langnghe/device/report"
)

// Screen is which page is up.
type Screen uint8

// The pages, in the order in which a child meets them.
const (
	Home      Screen = iota // the messages, 111, and the way in
	Speaker                 // who is speaking
	What                    // what happened: picture cards
	Now                     // is it happening now
	Danger                  // it is: whom to call, and sending at once
	Review                  // what was said; write more, or send
	Words                   // free words on the keyboard
	Sending                 // Submit runs
	Receipt                 // stored: the code
	NotStored               // not stored, said honestly

	Screens = int(NotStored) + 1 // how many there are
)

// String is the screen's name in tests and golden files.
func (s Screen) String() string {
	names := []string{"home", "speaker", "what", "now", "danger", "review", "words", "sending", "receipt", "notstored"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// Layer is what the letter keys show.
type Layer uint8

// The layers of the keyboard. Upper lasts for one letter.
const (
	Lower Layer = iota
	Upper
	Symbols
)

// Status is what the screen must know of the appliance to stay honest.
type Status struct {
	CanStore bool // a report given now would reach stable storage
	Online   bool // some link to the people who read is up
}

// Messages is how many messages the home page shows in turn.
const Messages = 9

// CardsPerPage is how many picture cards stand on one page of What.
const CardsPerPage = 9

// State is all that the screen shows. The zero State is the start. A State is a value: Next never changes the one it was
// given, and it never writes into the bytes of its Draft. Draft.Text of a later state is memory of its own, so whoever
// keeps the states (package ui, alone) can wipe the words that a state no longer holds (invariant 10).
type State struct {
	Screen  Screen
	Draft   report.Draft
	Page    int            // page of picture cards, from 0
	Layer   Layer          // of the keyboard
	Receipt report.Receipt // on the receipt page only
	Unsure  bool           // on the not-stored page: the outcome is unknown, the report is perhaps stored
	Message int            // which message the home page shows, 0 to Messages-1
	Status  Status
	Attempt uint32 // counts submissions; the answer to another one is not ours
}

// cards are the categories that have a child's card, in the order in which they are offered: what children tell most,
// and what can't wait, on the first page.
var cards = []report.Category{
	"V1", "V2", "V3", "V4", "S1", "O1", "N2", "P1", "P2",
	"S2", "O2", "N1", "E1", "E3", "E4", "M1", "R1", "G9",
}

// Pages is how many pages of cards there are.
func Pages() int { return (len(cards) + CardsPerPage - 1) / CardsPerPage }

// Cards are the categories on a page, at most CardsPerPage. The slice is the caller's.
func Cards(page int) []report.Category {
	from := min(max(page, 0)*CardsPerPage, len(cards))
	return slices.Clone(cards[from:min(from+CardsPerPage, len(cards))])
}

// CanSend tells whether anything was said that can be sent.
func (s State) CanSend() bool { return s.Draft.Check() == nil }

// Reporting tells whether a reporter is in the middle of a session: everything but the start.
func (s State) Reporting() bool { return s.Screen != Home }

// home is the start: nothing of the draft, the receipt or the answers is left in it.
func (s State) home() State {
	return State{Message: s.Message, Status: s.Status, Attempt: s.Attempt}
}
