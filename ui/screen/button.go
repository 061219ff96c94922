package screen

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/langnghe/langnghe/ui/flow"
	"github.com/langnghe/langnghe/ui/theme"
)

// look is how a button looks.
type look struct {
	face, edge, text color.Color // edge nil: none
	size             float32
	bold             bool
	picture          float32 // side of the picture
	above            bool    // the picture above the text instead of left of it
	middle           bool    // picture and text together in the middle, instead of the picture at the left edge
	round            float32
}

// button is the one thing on the screen that can be touched. It acts on release, however long the finger stayed and
// wherever inside it moved; it has no hover, press or focus state, so nothing about it can get stuck. There is no drag
// and no scroll.
type button struct {
	widget.BaseWidget
	id      string
	event   flow.Event
	tap     func(id string, e flow.Event)
	face    *canvas.Rectangle
	image   *canvas.Image // nil where the button has no picture
	label   *label
	hint    *label // a second, smaller text; nil for most
	bounds  area   // where it stands on the page
	objects []fyne.CanvasObject
}

// pictureGap is the room between a picture and the text beside it.
const pictureGap = 8

var (
	_ fyne.Tappable          = (*button)(nil)
	_ fyne.SecondaryTappable = (*button)(nil)
)

func newButton(id string, at area, l look, picture, text string, e flow.Event, tap func(string, flow.Event)) *button {
	b := &button{id: id, event: e, tap: tap, bounds: at, face: canvas.NewRectangle(l.face)}
	b.face.CornerRadius = l.round
	if l.edge != nil {
		b.face.StrokeColor, b.face.StrokeWidth = l.edge, 2
	}
	b.face.Resize(at.size())
	b.objects = append(b.objects, b.face)
	inner := area{0, 0, at.w, at.h}.inset(7)
	st := style{size: l.size, color: l.text, bold: l.bold, align: fyne.TextAlignCenter}
	if picture != "" {
		b.image = newImage(picture)
		var place area
		switch {
		case text == "":
			place = inner.square(l.picture)
		case l.above:
			place, inner = inner.top(inner.h*0.55, 4)
			place = place.square(l.picture)
		default:
			if l.middle {
				want := min(l.picture, inner.h) + pictureGap + width(text, l.size, l.bold) + 2
				if spare := (inner.w - want) / 2; spare > 0 {
					inner.x, inner.w = inner.x+spare, want
				}
			}
			place, inner = inner.left(min(l.picture, inner.h), pictureGap)
			place = place.square(l.picture)
			st.align = fyne.TextAlignLeading
		}
		b.image.Move(place.pos())
		b.image.Resize(place.size())
		b.objects = append(b.objects, b.image)
	}
	b.label = newLabel(inner, st)
	b.label.set(text)
	b.objects = append(b.objects, b.label.objects()...)
	b.ExtendBaseWidget(b)
	b.Move(at.pos())
	b.Resize(at.size())
	return b
}

// corner writes a small text into the upper right corner.
func (b *button) corner(text string, size float32, c color.Color) {
	at := area{0, 0, b.bounds.w - 8, size * lead}
	b.hint = newLabel(at, style{size: size, color: c, align: fyne.TextAlignTrailing, top: true})
	b.hint.set(text)
	b.objects = append(b.objects, b.hint.objects()...)
}

// below writes a second text under the first.
func (b *button) below(text string, size float32, c color.Color) {
	first, second := b.label.at.top(b.label.at.h*0.55, 0)
	old := b.label.text
	b.label.at = first
	b.label.set("")
	b.label.set(old)
	second.h -= 4
	b.hint = newLabel(second, style{size: size, color: c, align: b.label.style.align})
	b.hint.set(text)
	b.objects = append(b.objects, b.hint.objects()...)
}

// setPicture changes the picture of a button that has one.
func (b *button) setPicture(name string) {
	if r := theme.Picture(name); b.image != nil && b.image.Resource != r {
		b.image.Resource = r
		b.image.Refresh()
	}
}

// Tapped says what the button means.
func (b *button) Tapped(*fyne.PointEvent) { b.tap(b.id, b.event) }

// TappedSecondary is the same: the toolkit's framebuffer driver counts a press of over 300 ms as a secondary one, and a
// child's finger stays long.
func (b *button) TappedSecondary(e *fyne.PointEvent) { b.Tapped(e) }

// MinSize is the size that the page gave it.
func (b *button) MinSize() fyne.Size { return b.bounds.size() }

// CreateRenderer is for the toolkit.
func (b *button) CreateRenderer() fyne.WidgetRenderer { return &fixed{&b.objects, b.bounds.size()} }

// fixed renders objects that keep the places they were given.
type fixed struct {
	objects *[]fyne.CanvasObject
	size    fyne.Size
}

func (f *fixed) Layout(fyne.Size)             {}
func (f *fixed) MinSize() fyne.Size           { return f.size }
func (f *fixed) Objects() []fyne.CanvasObject { return *f.objects }
func (f *fixed) Destroy()                     {}
func (f *fixed) Refresh() {
	for _, o := range *f.objects {
		o.Refresh()
	}
}

// pad is the ground of the window: it notices a finger that hits nothing.
type pad struct {
	widget.BaseWidget
	touched func()
}

func newPad(touched func()) *pad {
	p := &pad{touched: touched}
	p.ExtendBaseWidget(p)
	return p
}

// Tapped counts as a sign of life and does nothing else.
func (p *pad) Tapped(*fyne.PointEvent) { p.touched() }

// CreateRenderer is for the toolkit.
func (p *pad) CreateRenderer() fyne.WidgetRenderer { return &fixed{objects: &[]fyne.CanvasObject{}} }

func newImage(name string) *canvas.Image {
	i := canvas.NewImageFromResource(theme.Picture(name))
	i.FillMode = canvas.ImageFillContain
	return i
}

// relabel gives the button's text another place and style.
func (b *button) relabel(at area, st style) {
	b.objects = b.objects[:len(b.objects)-len(b.label.lines)]
	b.label = newLabel(at, st)
	b.objects = append(b.objects, b.label.objects()...)
}
