package screen

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/langnghe/langnghe/ui/flow"
	"github.com/langnghe/langnghe/ui/theme"
)

// home is the start: the messages of 2023 in turn, 111, and the way in.
type home struct {
	*page
	message, note *label
	dots          []*canvas.Circle
}

func newHome(k kit) *home {
	v := &home{page: newPage(k)}
	head, rest := v.all().top(v.Picture, v.Gap)
	tell, rest := rest.bottom(1.4*v.Target, v.Gap)
	logo, head := head.left(head.h, v.Gap)
	v.image("logo", logo)
	name, head := head.left(v.Panel.Width*0.26, v.Gap)
	v.fixedLabel(name, style{size: v.Title + 4, color: theme.Deep, bold: true}, v.words.Name)
	v.note = v.label(head, style{size: v.Text, color: theme.Hint, align: fyne.TextAlignTrailing})

	call, card := rest.right(v.Panel.Width*0.32, v.Gap)
	v.hotline(call)

	v.plate(card, theme.Card, theme.Edge)
	in := card.inset(2 * v.Gap)
	caption, in := in.top(v.Text*lead, v.Gap)
	heart, caption := caption.left(caption.h, v.Gap)
	v.image("heart", heart)
	v.fixedLabel(caption, style{size: v.Text, color: theme.Soft}, v.words.MessagesCaption)
	dots, in := in.bottom(12, v.Gap)
	v.message = v.label(in, style{size: v.Message, color: theme.Ink, bold: true})
	for i := range flow.Messages {
		c := canvas.NewCircle(theme.Edge)
		c.Move(fyne.NewPos(dots.x+float32(i)*26, dots.y))
		c.Resize(fyne.NewSize(12, 12))
		v.dots = append(v.dots, c)
		v.box.Add(c)
	}

	l := v.mainLook()
	l.size, l.picture = v.Title, 0.95*v.Target
	b := v.button("home.tell", tell, l, "tell", v.words.Tell, flow.Tell{})
	b.below(v.words.TellHint, v.Text, theme.OnDeep)
	return v
}

// hotline draws the panel with the number 111. It can't be touched: the appliance has no telephone for children.
func (p *page) hotline(at area) {
	p.plate(at, theme.Night, nil)
	in := at.inset(1.5 * p.Gap)
	free, in := in.bottom(2*p.Text*lead, p.Gap)
	what, in := in.bottom(2*p.Text*lead, 0)
	digits := in
	w := width(p.words.Hotline.Digits, p.Hotline, true)
	side := 0.62 * p.Hotline
	x := digits.x + (digits.w-w-side-p.Gap)/2
	p.image("phone", area{x, digits.y + (digits.h-side)/2, side, side})
	st := style{size: p.Hotline, color: theme.OnNight, bold: true}
	p.fixedLabel(area{x + side + p.Gap, digits.y, digits.x + digits.w - x - side - p.Gap, digits.h}, st, p.words.Hotline.Digits)
	st = style{size: p.Text, color: theme.OnNight, align: fyne.TextAlignCenter}
	p.fixedLabel(free, st, p.words.HotlineFree)
	st.bold = true
	p.fixedLabel(what, st, p.words.Hotline.For)
}

func (v *home) update(s flow.State) {
	v.message.set(v.words.Messages[s.Message%flow.Messages])
	for i, c := range v.dots {
		want := theme.Edge
		if i == s.Message {
			want = theme.Deep
		}
		if c.FillColor != want {
			c.FillColor = want
			c.Refresh()
		}
	}
	if s.Status.CanStore {
		v.note.set("")
	} else {
		v.note.set(v.words.CannotStore.Self)
	}
}
