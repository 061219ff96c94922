// Package screen draws a flow.State: one view for each page, all built once and kept, because the toolkit holds what
// was drawn for a while and pages made anew would fill the memory. It decides nothing and remembers nothing.
package screen

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/langnghe/langnghe/ui/flow"
	"github.com/langnghe/langnghe/ui/text"
	"github.com/langnghe/langnghe/ui/theme"
)

// kit is what every view is built with.
type kit struct {
	sizes theme.Sizes
	words *text.Catalogue
	tap   func(id string, e flow.Event)
}

// view is one page. update draws a state; the zero State leaves nothing of an earlier one in it.
type view interface {
	base() *page
	update(s flow.State)
}

func (p *page) base() *page { return p }

// Deck is all pages of one panel, of which one is up. Its methods belong to the toolkit's goroutine.
type Deck struct {
	sizes theme.Sizes
	views [flow.Screens]view
	up    flow.Screen
	pad   *pad
	root  *fyne.Container
}

// NewDeck builds the pages for a panel of the given size in pixels, at least 800x480. tap is called for each button that
// is touched, with its identifier and its meaning; touched for a finger that hit none.
func NewDeck(panel fyne.Size, words *text.Catalogue, tap func(id string, e flow.Event), touched func()) *Deck {
	k := kit{theme.For(panel), words, tap}
	d := &Deck{sizes: k.sizes, pad: newPad(touched)}
	d.views = [flow.Screens]view{
		flow.Home: newHome(k), flow.Speaker: newSpeaker(k), flow.What: newWhat(k), flow.Now: newNow(k),
		flow.Danger: newDanger(k), flow.Review: newReview(k), flow.Words: newWords(k), flow.Sending: newSending(k),
		flow.Receipt: newReceipt(k), flow.NotStored: newNotStored(k),
	}
	d.root = container.New(stage{panel})
	d.root.Add(d.pad)
	for _, v := range d.views {
		v.base().box.Hide()
		d.root.Add(v.base().box)
	}
	d.views[flow.Home].base().box.Show()
	d.Show(flow.State{})
	return d
}

// Object is what to put into the window. It asks for the panel's size and stands in the middle of a larger window.
func (d *Deck) Object() fyne.CanvasObject { return d.root }

// Show draws s. The page that goes away is emptied, so that no words stay in what is only hidden (invariant 10).
func (d *Deck) Show(s flow.State) {
	if int(s.Screen) >= len(d.views) {
		s = flow.State{}
	}
	d.views[s.Screen].update(s)
	if s.Screen == d.up {
		return
	}
	d.views[s.Screen].base().box.Show()
	d.views[d.up].base().box.Hide()
	d.views[d.up].update(flow.State{})
	d.up = s.Screen
}

// Targets are the buttons of the page that is up, by identifier, and the middle of each in pixels of the panel.
func (d *Deck) Targets() map[string]fyne.Position {
	out := map[string]fyne.Position{}
	for _, b := range d.views[d.up].base().buttons {
		if b.Visible() {
			out[b.id] = fyne.NewPos(b.bounds.x+b.bounds.w/2, b.bounds.y+b.bounds.h/2)
		}
	}
	return out
}

// stage gives every page the panel's size, in the middle of the window, and the ground all of it.
type stage struct{ panel fyne.Size }

// MinSize is the panel.
func (s stage) MinSize([]fyne.CanvasObject) fyne.Size { return s.panel }

// Layout places the ground and the pages.
func (s stage) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	at := fyne.NewPos((size.Width-s.panel.Width)/2, (size.Height-s.panel.Height)/2)
	for _, o := range objects {
		if _, ground := o.(*pad); ground {
			o.Move(fyne.NewPos(0, 0))
			o.Resize(size)
			continue
		}
		o.Move(at)
		o.Resize(s.panel)
	}
}
