// Package text holds every word that the screen shows, in one catalogue a language. Wording rules: a child's words, first
// person; never a word that accuses, doubts or asks why; no promise of secrecy or of an outcome (domain rules of the
// child's screen). A catalogue is data: a new language is a new Catalogue value and nothing else.
package text

import (
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/ui/flow"
)

// Voiced is one text in the three ways of addressing who stands at the screen. An empty one falls back to Self.
type Voiced struct {
	Self   string // a child who speaks for itself, or has not said
	Friend string // a child who speaks for a friend
	Adult  string
}

// For is the text for a speaker.
func (v Voiced) For(s report.Speaker) string {
	switch {
	case s == report.SpeakerFriend && v.Friend != "":
		return v.Friend
	case s == report.SpeakerAdult && v.Adult != "":
		return v.Adult
	}
	return v.Self
}

// Number is an emergency number and what it is for.
type Number struct{ Digits, For string }

// Catalogue is all words of one language.
type Catalogue struct {
	Lang string // BCP 47

	Name            string
	Messages        [flow.Messages]string
	MessagesCaption string
	Tell            string
	TellHint        string
	Hotline         Number
	HotlineFree     string
	HotlineChip     string // the small reminder on every page
	CannotStore     Voiced // the small honest line when the appliance can't store

	Exit, Back, Skip string

	SpeakerTitle string
	SpeakerSelf, SpeakerFriend, SpeakerAdult,
	SpeakerHint string // that it is nobody's fault, and what the exit does

	WhatTitle Voiced
	More      string // the other page of cards
	Cards     map[report.Category]string

	NowTitle                   Voiced
	NowYes, NowNo, NowOften    string
	NowHint                    Voiced
	SendAtOnce                 string
	DangerTitle, DangerSafe    Voiced
	DangerNumbers              []Number
	DangerSend, DangerContinue string

	ReviewTitle, ReviewInvite, ReviewEmpty Voiced
	Readers, Limits                        Voiced
	Send                                   string

	WordsInvite           Voiced
	Room                  func(n int) string
	Done                  string
	Space, Digits, Letter string // the keys of the keyboard that bear words

	SendingTitle, SendingWait Voiced

	ReceiptTitle, ReceiptCode, ReceiptKeep Voiced
	ReceiptSteps                           [3]Voiced // locked and sent; who reads; what may follow
	ReceiptOffline                         Voiced

	NotStoredTitle, NotStoredUnsure, NotStoredFault, NotStoredCall Voiced
	Retry                                                          string
}
