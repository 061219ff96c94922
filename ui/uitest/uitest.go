// Package uitest knows where things are on the screen without a display: for a driver that clicks the real window, and
// for looking at the pages. It draws with the toolkit's software painter and must not share a process with a real window.
package uitest

import (
	"image"
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

// block is the side, in pixels, of the squares that Differ compares.
const block = 16

// Differ is the share of squares of 16x16 pixels, 0 to 1, whose mean colour differs between two pictures of one size; 1
// where the sizes are not the same. Means, because a window's painter smooths edges otherwise than the software painter
// does. Measured on a real window: the same page with the same words at most 0.03, with other words or footer up to 0.15,
// another page at least 0.18.
func Differ(a, b image.Image) float64 {
	if a.Bounds().Size() != b.Bounds().Size() || a.Bounds().Empty() {
		return 1
	}
	return differ(means(a), means(b))
}

func differ(x, y [][3]int) float64 {
	const clear = 12 // of 255
	n := 0
	for i := range x {
		for c := range x[i] {
			if max(x[i][c], y[i][c])-min(x[i][c], y[i][c]) > clear {
				n++
				break
			}
		}
	}
	return float64(n) / float64(len(x))
}

// means are the mean red, green and blue of each whole square of img, 0 to 255.
func means(img image.Image) [][3]int {
	size := img.Bounds().Size()
	w, h := size.X/block, size.Y/block
	out := make([][3]int, w*h)
	at := pixels(img)
	for y := range h * block {
		for x := range w * block {
			r, g, b := at(x, y)
			m := &out[y/block*w+x/block]
			m[0] += r
			m[1] += g
			m[2] += b
		}
	}
	for i := range out {
		for c := range out[i] {
			out[i][c] /= block * block
		}
	}
	return out
}

// pixels reads img from its own corner; its common kinds quickly. Pages have no transparency.
func pixels(img image.Image) func(x, y int) (r, g, b int) {
	quick := func(pix []uint8, stride, from int) func(x, y int) (r, g, b int) {
		return func(x, y int) (int, int, int) {
			i := from + y*stride + x*4
			return int(pix[i]), int(pix[i+1]), int(pix[i+2])
		}
	}
	min := img.Bounds().Min
	switch img := img.(type) {
	case *image.NRGBA:
		return quick(img.Pix, img.Stride, img.PixOffset(min.X, min.Y))
	case *image.RGBA:
		return quick(img.Pix, img.Stride, img.PixOffset(min.X, min.Y))
	}
	return func(x, y int) (int, int, int) {
		r, g, b, _ := img.At(min.X+x, min.Y+y).RGBA()
		return int(r >> 8), int(g >> 8), int(b >> 8)
	}
}
