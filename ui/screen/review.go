package screen

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/ui/flow"
	"github.com/langnghe/langnghe/ui/theme"
)

// review shows what was said, offers to write more, says who reads and what may follow, and sends.
type review struct {
	*page
	*frame
	items     []item
	empty     *label
	write     *button
	who, then *label
	send      *button
}

// item is one answer: picture and words.
type item struct {
	image *canvas.Image
	label *label
}

func newReview(k kit) *review {
	v := &review{page: newPage(k)}
	w := v.words
	v.frame = v.framed("review.back", func(a area) {
		v.send = v.button("review.send", a, v.mainLook(), "send", w.Send, flow.Send{})
	})
	honest, rest := v.body.bottom(2*v.Text*lead+6, v.Gap)
	then, who := honest.bottom(v.Text*lead, 0)
	st := v.bodyStyle()
	v.who, v.then = v.label(who, st), v.label(then, st)

	answers, box := rest.left(rest.w*0.42, v.Gap)
	v.plate(answers, theme.Card, theme.Edge)
	in := answers.inset(v.Gap)
	v.empty = v.label(in, v.bodyStyle())
	for _, at := range in.rows(3, 0) {
		pic, words := at.left(v.Picture, v.Gap)
		i := item{image: v.image("self", pic.square(0.85*v.Picture)), label: v.label(words, style{size: v.Text, color: theme.Ink})}
		i.image.Hide()
		v.items = append(v.items, i)
	}

	l := v.cardLook()
	l.picture = 0.6 * v.Picture
	v.write = v.button("review.write", box, l, "write", "", flow.Write{})
	// The picture stands at the upper left, the words fill the rest.
	pic := area{2 * v.Gap, 2 * v.Gap, l.picture, l.picture}
	v.write.image.Move(pic.pos())
	v.write.image.Resize(pic.size())
	text := area{0, 0, box.w, box.h}.inset(1.5 * v.Gap)
	_, text = text.left(l.picture, 1.5*v.Gap)
	v.write.relabel(text, style{size: v.Text, color: theme.Ink, align: fyne.TextAlignLeading, top: true, free: true})
	return v
}

func (v *review) update(s flow.State) {
	w, who := v.words, s.Draft.Speaker
	v.frame.update(s, w.ReviewTitle)
	v.who.set(w.Readers.For(who))
	v.then.set(w.Limits.For(who))

	var answers [][2]string // picture, words
	if p := speakerPicture(who); p != "" {
		answers = append(answers, [2]string{p, map[report.Speaker]string{
			report.SpeakerSelf: w.SpeakerSelf, report.SpeakerFriend: w.SpeakerFriend, report.SpeakerAdult: w.SpeakerAdult,
		}[who]})
	}
	for _, c := range s.Draft.Categories {
		answers = append(answers, [2]string{string(c), w.Cards[c]})
	}
	if p := whenPicture(s.Draft.When); p != "" {
		answers = append(answers, [2]string{p, map[report.When]string{
			report.WhenNow: w.NowYes, report.WhenNotNow: w.NowNo, report.WhenRepeated: w.NowOften,
		}[s.Draft.When]})
	}
	for i, it := range v.items {
		if !s.CanSend() || i >= len(answers) {
			it.image.Hide()
			it.label.set("")
			continue
		}
		if r := theme.Picture(answers[i][0]); it.image.Resource != r {
			it.image.Resource = r
			it.image.Refresh()
		}
		it.image.Show()
		it.label.set(answers[i][1])
	}
	v.empty.set("")
	if !s.CanSend() {
		v.empty.set(w.ReviewEmpty.For(who))
	}
	v.write.label.style.free = len(s.Draft.Text) > 0
	if len(s.Draft.Text) > 0 {
		v.write.label.set(s.Draft.Text.Reveal())
	} else {
		v.write.label.set(w.ReviewInvite.For(who))
	}
	show(v.send, s.CanSend())
}
