package screen_test

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"github.com/langnghe/langnghe/ui/flow"
	"github.com/langnghe/langnghe/ui/screen"
	"github.com/langnghe/langnghe/ui/text"
	"github.com/langnghe/langnghe/ui/theme"
	"github.com/langnghe/langnghe/ui/uitest"
)

var panels = map[string]fyne.Size{"1024x600": fyne.NewSize(1024, 600), "800x480": fyne.NewSize(800, 480)}

// least is the smallest height and width of a target on each panel.
var least = map[string][2]float32{"1024x600": {88, 88}, "800x480": {72, 72}}

func deck(t *testing.T, panel fyne.Size) *screen.Deck {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(theme.Kiosk{})
	d := screen.NewDeck(panel, &text.Vietnamese, func(string, flow.Event) {}, func() {})
	d.Object().Resize(panel)
	return d
}

// thing is one visible object of a page, in the page's pixels.
type thing struct {
	kind       string // "text", "plate", "picture", "dot", "button"
	what       string
	pos        fyne.Position
	size       fyne.Size
	color      color.Color // of a text
	ground     color.Color // what a text stands on
	textHeight float32
	object     fyne.CanvasObject
}

// things walks what is visible. Grounds are known because a plate or a button's face always comes before its text.
func things(o fyne.CanvasObject, at fyne.Position, all *[]thing) {
	if !o.Visible() {
		return
	}
	at = at.Add(o.Position())
	t := thing{pos: at, size: o.Size(), object: o}
	switch o := o.(type) {
	case *canvas.Text:
		if o.Text == "" {
			return
		}
		t.kind, t.what, t.color, t.textHeight, t.ground = "text", o.Text, o.Color, o.TextSize, theme.Paper
		wide := o.MinSize().Width
		switch o.Alignment {
		case fyne.TextAlignCenter:
			t.pos.X += (t.size.Width - wide) / 2
		case fyne.TextAlignTrailing:
			t.pos.X += t.size.Width - wide
		}
		t.size = fyne.NewSize(wide, o.MinSize().Height)
		for _, g := range *all {
			if r, ok := g.object.(*canvas.Rectangle); ok && inside(t, g, 0) {
				t.ground = r.FillColor
			}
		}
	case *canvas.Rectangle:
		t.kind = "plate"
	case *canvas.Image:
		t.kind, t.what = "picture", o.Resource.Name()
	case *canvas.Circle:
		t.kind = "dot"
	case *fyne.Container:
		for _, c := range o.Objects {
			things(c, at, all)
		}
		return
	case fyne.Widget:
		if _, ok := o.(fyne.SecondaryTappable); !ok {
			return // the ground
		}
		t.kind = "button"
		*all = append(*all, t)
		for _, c := range test.WidgetRenderer(o).Objects() {
			things(c, at, all)
		}
		return
	default:
		t.kind = fmt.Sprintf("%T", o)
	}
	*all = append(*all, t)
}

func inside(a, b thing, slack float32) bool {
	return a.pos.X >= b.pos.X-slack && a.pos.Y >= b.pos.Y-slack &&
		a.pos.X+a.size.Width <= b.pos.X+b.size.Width+slack && a.pos.Y+a.size.Height <= b.pos.Y+b.size.Height+slack
}

// TestEveryPageOnEveryPanel walks every state on both panels: it fits, nothing is cut, targets are big and apart, texts
// are large and clear, the way out is where it always is, and nothing on it scrolls, drags or hovers.
func TestEveryPageOnEveryPanel(t *testing.T) {
	for size, panel := range panels {
		d := deck(t, panel)
		if got := d.Object().MinSize(); got.Width > panel.Width || got.Height > panel.Height {
			t.Errorf("%s: asks for %v", size, got)
		}
		var exit fyne.Position
		for name, s := range uitest.States() {
			d.Show(s)
			where := name + " at " + size
			var all []thing
			things(d.Object(), fyne.Position{}, &all)
			page := thing{size: panel}
			for i, a := range all {
				if !inside(a, page, 0.5) {
					t.Errorf("%s: %s %q lies outside the panel", where, a.kind, a.what)
				}
				switch a.kind {
				case "text":
					if a.textHeight < 24 {
						t.Errorf("%s: text %q of %v", where, a.what, a.textHeight)
					}
					if !paired(a.color, a.ground) {
						t.Errorf("%s: text %q in %v on %v, which no pair of the theme allows", where, a.what, a.color, a.ground)
					}
					if strings.HasSuffix(a.what, "…") && s.Screen != flow.Sending && name != "review-long" {
						t.Errorf("%s: text %q is cut", where, a.what)
					}
				case "plate", "picture", "dot", "button":
				default:
					t.Errorf("%s: holds a %s", where, a.kind)
				}
				if a.kind != "button" {
					continue
				}
				if a.size.Height < least[size][0]-0.5 || a.size.Width < least[size][1] {
					t.Errorf("%s: a target of %v", where, a.size)
				}
				for _, b := range all[:i] {
					if b.kind == "button" && near(a, b, theme.For(panel).Gap*2/3-0.5) {
						t.Errorf("%s: two targets are nearer than the gap", where)
					}
				}
				if _, ok := a.object.(fyne.Draggable); ok {
					t.Errorf("%s: something can be dragged", where)
				}
				if _, ok := a.object.(fyne.Scrollable); ok {
					t.Errorf("%s: something scrolls", where)
				}
			}
			for i, a := range all {
				for _, b := range all[:i] {
					if a.kind == "text" && b.kind == "text" && overlap(a, b, 8) {
						t.Errorf("%s: %q and %q overlap", where, a.what, b.what)
					}
				}
			}
			at, ok := d.Targets()["exit"]
			if ok != s.Reporting() {
				t.Errorf("%s: exit there: %v", where, ok)
			}
			if ok && exit.IsZero() {
				exit = at
			}
			if ok && at != exit {
				t.Errorf("%s: the exit moved from %v to %v", where, exit, at)
			}
		}
	}
}

// near tells whether two targets are nearer than gap.
func near(a, b thing, gap float32) bool { return overlap(a, b, -gap) }

// overlap tells whether a and b share more than by on both axes. Lines of text stand closer than their full height.
func overlap(a, b thing, by float32) bool {
	return a.pos.X+by < b.pos.X+b.size.Width && b.pos.X+by < a.pos.X+a.size.Width &&
		a.pos.Y+by < b.pos.Y+b.size.Height && b.pos.Y+by < a.pos.Y+a.size.Height
}

func paired(c, ground color.Color) bool {
	for _, p := range theme.Pairs() {
		if p.Text == c && p.Ground == ground {
			return true
		}
	}
	return false
}

// TestGolden compares every page with its description in testdata: what is where, in words. Set UPDATE=1 to write them
// anew, and look at the difference before committing.
func TestGolden(t *testing.T) {
	for size, panel := range panels {
		d := deck(t, panel)
		for name, s := range uitest.States() {
			d.Show(s)
			got := describe(d)
			file := filepath.Join("testdata", name+"-"+size+".txt")
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s changed; if that is meant, UPDATE=1 go test and look. Now:\n%s", file, got)
			}
		}
	}
}

func describe(d *screen.Deck) string {
	var all []thing
	things(d.Object(), fyne.Position{}, &all)
	var b strings.Builder
	for _, a := range all {
		fmt.Fprintf(&b, "%s %.0f,%.0f %.0fx%.0f", a.kind, a.pos.X, a.pos.Y, a.size.Width, a.size.Height)
		if a.kind == "text" {
			fmt.Fprintf(&b, " size %.0f %v", a.textHeight, a.color)
		}
		if a.what != "" {
			fmt.Fprintf(&b, " %q", a.what)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestAPageShowsItsStateAlone: a page looks the same whatever was up before, so that a driver knows it by its picture.
func TestAPageShowsItsStateAlone(t *testing.T) {
	panel := panels["800x480"]
	d := deck(t, panel)
	fresh := map[string]string{}
	for name, s := range uitest.States() {
		n := screen.NewDeck(panel, &text.Vietnamese, func(string, flow.Event) {}, func() {})
		n.Object().Resize(panel)
		n.Show(s)
		fresh[name] = describe(n)
	}
	for range 3 { // maps come in another order each time
		for name, s := range uitest.States() {
			d.Show(s)
			if describe(d) != fresh[name] {
				t.Errorf("%s depends on what was up before", name)
			}
		}
	}
}

// TestTapsMeanWhatTheySay taps the middle of every target through the canvas, also as a long press, which the
// framebuffer driver calls a secondary tap, and at a corner, as a wobbling finger does.
func TestTapsMeanWhatTheySay(t *testing.T) {
	for size, panel := range panels {
		test.NewTempApp(t).Settings().SetTheme(theme.Kiosk{})
		var got []string
		pads := 0
		d := screen.NewDeck(panel, &text.Vietnamese, func(id string, e flow.Event) {
			if e == nil {
				t.Errorf("%s means nothing", id)
			}
			got = append(got, id)
		}, func() { pads++ })
		w := test.NewTempWindow(t, d.Object())
		w.SetPadded(false)
		w.Resize(panel)
		for name, s := range uitest.States() {
			d.Show(s)
			for id, at := range d.Targets() {
				got = nil
				test.TapCanvas(w.Canvas(), at)
				test.TapCanvas(w.Canvas(), at.AddXY(-least[size][1]/2+2, -least[size][0]/2+2))
				if len(got) != 2 || got[0] != id || got[1] != id {
					t.Errorf("%s at %s: tapping %s gave %v", name, size, id, got)
				}
			}
			if len(d.Targets()) == 0 {
				t.Errorf("%s has nothing to tap", name)
			}
		}
		test.TapCanvas(w.Canvas(), fyne.NewPos(2, 2))
		if pads != 1 {
			t.Error("a tap on nothing is not noticed")
		}
		var all []thing
		things(d.Object(), fyne.Position{}, &all)
		for _, a := range all {
			if b, ok := a.object.(fyne.SecondaryTappable); ok {
				got = nil
				b.TappedSecondary(&fyne.PointEvent{})
				if len(got) != 1 {
					t.Error("a long press means nothing")
				}
			}
		}
	}
}
