// Package uitest knows where things are on the screen without a display: for a driver that clicks the real window, and
// for looking at the pages. It draws with the toolkit's software painter and must not share a process with a real window.
package uitest

import (
	"image"
	"math"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"

	"github.com/langnghe/langnghe/ui/flow"
	"github.com/langnghe/langnghe/ui/keyboard"
	"github.com/langnghe/langnghe/ui/screen"
	"github.com/langnghe/langnghe/ui/text"
	"github.com/langnghe/langnghe/ui/theme"
)

// The two panels that the pages are made for, in pixels.
var (
	Large = image.Pt(1024, 600)
	Small = image.Pt(800, 480)
)

// stage is a deck of pages on a canvas without a display.
type stage struct {
	deck   *screen.Deck
	canvas fyne.Canvas
}

var (
	mu     sync.Mutex // the toolkit belongs to one goroutine at a time
	once   sync.Once
	stages = map[image.Point]*stage{}
)

func at(size image.Point) *stage {
	once.Do(func() {
		test.NewApp()
		fyne.CurrentApp().Settings().SetTheme(theme.Kiosk{})
	})
	if s, ok := stages[size]; ok {
		return s
	}
	panel := fyne.NewSize(float32(size.X), float32(size.Y))
	s := &stage{canvas: software.NewCanvas()}
	s.deck = screen.NewDeck(panel, &text.Vietnamese, func(string, flow.Event) {}, func() {})
	if c, ok := s.canvas.(interface{ SetPadded(bool) }); ok {
		c.SetPadded(false)
	}
	s.canvas.SetContent(s.deck.Object())
	if c, ok := s.canvas.(interface{ Resize(fyne.Size) }); ok {
		c.Resize(panel)
	}
	stages[size] = s
	return s
}

// Targets are the buttons that state shows on a panel of that size, by identifier, and the pixel in the middle of each.
func Targets(state flow.State, size image.Point) map[string]image.Point {
	mu.Lock()
	defer mu.Unlock()
	s := at(size)
	s.deck.Show(state)
	out := map[string]image.Point{}
	for id, p := range s.deck.Targets() {
		out[id] = image.Pt(int(p.X), int(p.Y))
	}
	return out
}

// Picture is what state looks like on a panel of that size.
func Picture(state flow.State, size image.Point) image.Image {
	mu.Lock()
	defer mu.Unlock()
	s := at(size)
	s.deck.Show(state)
	return s.canvas.Capture()
}

// Taps are the identifiers of the keys that type keys by Telex ("em bij ddanhs"), starting on the letters; ok is false
// where some rune has no key. A capital takes the shift key first, a digit or sign the layer key, and back.
func Taps(keys string) (ids []string, ok bool) {
	letters := map[string]bool{}
	for _, k := range keyboard.Letters(1, 1, 0, keyboard.Names{}) {
		letters[k.ID] = true
	}
	for _, r := range keys {
		id, known := keyboard.ID(r)
		switch {
		case !known:
			return nil, false
		case !letters[id]:
			ids = append(ids, "key.layer", id, "key.layer")
		case r >= 'A' && r <= 'Z':
			ids = append(ids, "key.shift", id)
		default:
			ids = append(ids, id)
		}
	}
	return ids, true
}

// Differ is the share of pixels, 0 to 1, in which two pictures of one size clearly differ; 1 where the sizes do. Two
// painters smooth edges differently, which makes well under 0.02; two pages differ by more than 0.05, other words on the
// same page by less.
func Differ(a, b image.Image) float64 {
	if a.Bounds().Size() != b.Bounds().Size() || a.Bounds().Empty() {
		return 1
	}
	const clear = 0x3000
	n := 0
	sz := a.Bounds().Size()
	for y := range sz.Y {
		for x := range sz.X {
			r, g, bl, _ := a.At(a.Bounds().Min.X+x, a.Bounds().Min.Y+y).RGBA()
			r2, g2, b2, _ := b.At(b.Bounds().Min.X+x, b.Bounds().Min.Y+y).RGBA()
			if dist(r, r2) > clear || dist(g, g2) > clear || dist(bl, b2) > clear {
				n++
			}
		}
	}
	return float64(n) / float64(sz.X*sz.Y)
}

func dist(a, b uint32) float64 { return math.Abs(float64(a) - float64(b)) }
