package screen

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/ui/flow"
	"github.com/langnghe/langnghe/ui/text"
	"github.com/langnghe/langnghe/ui/theme"
)

// page collects what stands on one page while it is built, and is drawn as a whole.
type page struct {
	theme.Sizes
	words   *text.Catalogue
	tap     func(id string, e flow.Event)
	box     *fyne.Container
	buttons []*button
	labels  []*label
}

func newPage(k kit) *page {
	return &page{Sizes: k.sizes, words: k.words, tap: k.tap, box: container.NewWithoutLayout()}
}

// all is the whole panel inside its margin.
func (p *page) all() area { return area{0, 0, p.Panel.Width, p.Panel.Height}.inset(p.Gap) }

func (p *page) label(at area, st style) *label {
	l := newLabel(at, st)
	p.labels = append(p.labels, l)
	for _, o := range l.objects() {
		p.box.Add(o)
	}
	return l
}

func (p *page) fixedLabel(at area, st style, s string) {
	p.label(at, st).set(s)
}

func (p *page) image(name string, at area) *canvas.Image {
	i := newImage(name)
	i.Move(at.pos())
	i.Resize(at.size())
	p.box.Add(i)
	return i
}

// plate is a ground that can't be touched.
func (p *page) plate(at area, fill color.Color, edge color.Color) {
	r := canvas.NewRectangle(fill)
	r.CornerRadius = p.Round
	if edge != nil {
		r.StrokeColor, r.StrokeWidth = edge, 2
	}
	r.Move(at.pos())
	r.Resize(at.size())
	p.box.Add(r)
}

func (p *page) button(id string, at area, l look, picture, s string, e flow.Event) *button {
	b := newButton(id, at, l, picture, s, e, p.tap)
	p.buttons = append(p.buttons, b)
	p.box.Add(b)
	return b
}

// The looks.

func (p *page) cardLook() look {
	return look{face: theme.Card, edge: theme.Edge, text: theme.Ink, size: p.Text, picture: p.Picture, round: p.Round}
}

func (p *page) tallLook() look {
	l := p.cardLook()
	l.above, l.picture, l.size = true, 2*p.Picture, p.Text+2
	return l
}

func (p *page) quietLook() look {
	return look{face: theme.Quiet, text: theme.Ink, size: p.Text, picture: 0.4 * p.Target, middle: true, round: p.Round}
}

func (p *page) mainLook() look {
	return look{face: theme.Deep, text: theme.OnDeep, size: p.Text, bold: true, picture: 0.42 * p.Target, middle: true, round: p.Round}
}

func (p *page) bodyStyle() style {
	return style{size: p.Text, color: theme.Ink, align: fyne.TextAlignCenter}
}

// frame is what every reporting page has: the title, the way out at the top right, and a footer with the way back and
// the small line about 111.
type frame struct {
	title *label
	note  *label
	body  area
	lang  *text.Catalogue
}

// head builds the title and the exit; it returns what is below.
func (p *page) head() (*label, area) {
	head, rest := p.all().top(p.Target, p.Gap)
	exit, left := head.right(p.Exit, 2*p.Gap)
	l := p.quietLook()
	l.face = theme.Play
	p.button("exit", exit, l, "exit", p.words.Exit, flow.Exit{})
	left.x += p.Gap
	left.w -= p.Gap
	return p.label(left, style{size: p.Title, color: theme.Ink, bold: true}), rest
}

// framed builds the frame; right are the footer's buttons from right to left, each p.Button wide.
func (p *page) framed(back string, right ...func(area)) *frame {
	f := &frame{lang: p.words}
	var rest, foot area
	f.title, rest = p.head()
	foot, f.body = rest.bottom(p.Target, p.Gap)
	if back != "" {
		var at area
		at, foot = foot.left(p.Button, p.Gap)
		p.button(back, at, p.quietLook(), "back", p.words.Back, flow.Back{})
	}
	for _, build := range right {
		var at area
		at, foot = foot.right(p.Button, p.Gap)
		build(at)
	}
	f.note = p.label(foot, style{size: p.Text, color: theme.Soft, align: fyne.TextAlignCenter})
	return f
}

// update writes the title and the small line.
func (f *frame) update(s flow.State, title text.Voiced) {
	f.title.set(title.For(s.Draft.Speaker))
	if s.Status.CanStore {
		f.note.paint(theme.Soft)
		f.note.set(f.lang.HotlineChip)
	} else {
		f.note.paint(theme.Hint)
		f.note.set(f.lang.CannotStore.For(s.Draft.Speaker))
	}
}

func speakerPicture(s report.Speaker) string {
	switch s {
	case report.SpeakerSelf:
		return "self"
	case report.SpeakerFriend:
		return "friend"
	case report.SpeakerAdult:
		return "adult"
	}
	return ""
}

func whenPicture(w report.When) string {
	switch w {
	case report.WhenNow:
		return "now"
	case report.WhenNotNow:
		return "notnow"
	case report.WhenRepeated:
		return "often"
	}
	return ""
}
