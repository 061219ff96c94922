package screen

import (
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/ui/flow"
	"github.com/langnghe/langnghe/ui/text"
)

// speaker asks who is speaking, and says that it is nobody's fault and how to leave.
type speaker struct {
	*page
	*frame
}

func newSpeaker(k kit) *speaker {
	v := &speaker{page: newPage(k)}
	v.frame = v.framed("speaker.back", func(a area) {
		v.button("speaker.skip", a, v.quietLook(), "skip", v.words.Skip, flow.Skip{})
	})
	hint, cards := v.body.bottom(2*v.Text*lead+4, v.Gap)
	v.fixedLabel(hint, v.bodyStyle(), v.words.SpeakerHint)
	w := v.words
	for i, c := range []struct {
		id, text string
		who      report.Speaker
	}{
		{"speaker.self", w.SpeakerSelf, report.SpeakerSelf},
		{"speaker.friend", w.SpeakerFriend, report.SpeakerFriend},
		{"speaker.adult", w.SpeakerAdult, report.SpeakerAdult},
	} {
		v.button(c.id, cards.columns(3, v.Gap)[i], v.tallLook(), speakerPicture(c.who), c.text, flow.ChooseSpeaker{Speaker: c.who})
	}
	return v
}

func (v *speaker) update(s flow.State) {
	v.frame.update(s, text.Voiced{Self: v.words.SpeakerTitle})
}

// what asks what happened, with picture cards on pages of nine.
type what struct {
	*page
	*frame
	cards [][]*button // by page
}

func newWhat(k kit) *what {
	v := &what{page: newPage(k)}
	v.frame = v.framed("what.back",
		func(a area) { v.button("what.more", a, v.quietLook(), "more", v.words.More, flow.MoreCards{}) },
		func(a area) { v.button("what.skip", a, v.quietLook(), "skip", v.words.Skip, flow.Skip{}) })
	const side = 3
	for n := range flow.Pages() {
		var on []*button
		for i, c := range flow.Cards(n) {
			at := v.body.rows(side, v.Gap)[i/side].columns(side, v.Gap)[i%side]
			b := v.button("what."+string(c), at, v.cardLook(), string(c), v.words.Cards[c], flow.ChooseWhat{Category: c})
			on = append(on, b)
		}
		v.cards = append(v.cards, on)
	}
	return v
}

func (v *what) update(s flow.State) {
	v.frame.update(s, v.words.WhatTitle)
	for n, on := range v.cards {
		for _, b := range on {
			show(b, n == s.Page)
		}
	}
}

// now asks whether it is happening now.
type now struct {
	*page
	*frame
	hint *label
	send *button
}

func newNow(k kit) *now {
	v := &now{page: newPage(k)}
	w := v.words
	v.frame = v.framed("now.back",
		func(a area) { v.send = v.button("now.send", a, v.mainLook(), "send", w.SendAtOnce, flow.Send{}) },
		func(a area) { v.button("now.skip", a, v.quietLook(), "skip", w.Skip, flow.Skip{}) })
	hint, cards := v.body.bottom(2*v.Text*lead+4, v.Gap)
	v.hint = v.label(hint, v.bodyStyle())
	for i, c := range []struct {
		id, text string
		when     report.When
	}{
		{"now.yes", w.NowYes, report.WhenNow}, {"now.no", w.NowNo, report.WhenNotNow}, {"now.often", w.NowOften, report.WhenRepeated},
	} {
		v.button(c.id, cards.columns(3, v.Gap)[i], v.tallLook(), whenPicture(c.when), c.text, flow.ChooseWhen{When: c.when})
	}
	return v
}

func (v *now) update(s flow.State) {
	v.frame.update(s, v.words.NowTitle)
	v.hint.set(v.words.NowHint.For(s.Draft.Speaker))
	show(v.send, s.CanSend())
}

// show shows or hides b, and does nothing where that is so already.
func show(b *button, visible bool) {
	if b.Visible() == visible {
		return
	}
	if visible {
		b.Show()
	} else {
		b.Hide()
	}
}
