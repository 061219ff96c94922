package theme

import (
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
	"github.com/langnghe/langnghe/ui/flow"
)

// luminance is the relative luminance of WCAG 2.1.
func luminance(c color.NRGBA) float64 {
	lin := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(c.R) + 0.7152*lin(c.G) + 0.0722*lin(c.B)
}

func TestContrastIsAtLeastSeven(t *testing.T) {
	for _, p := range Pairs() {
		a, b := luminance(p.Text), luminance(p.Ground)
		if r := (max(a, b) + 0.05) / (min(a, b) + 0.05); r < 7 {
			t.Errorf("%v on %v: %.1f:1, want at least 7:1", p.Text, p.Ground, r)
		}
	}
}

func TestTextIsAtLeastTwentyFour(t *testing.T) {
	for _, panel := range []fyne.Size{{Width: 1024, Height: 600}, {Width: 800, Height: 480}} {
		s := For(panel)
		for _, v := range []float32{s.Text, s.Title, s.Message, s.Key, s.Receipt, s.Hotline, s.Number} {
			if v < 24 {
				t.Errorf("%v: a text of %v", panel, v)
			}
		}
	}
}

func TestHoverShowsNothing(t *testing.T) {
	for _, n := range []fyne.ThemeColorName{fynetheme.ColorNameHover, fynetheme.ColorNamePressed, fynetheme.ColorNameFocus} {
		if _, _, _, a := (Kiosk{}).Color(n, fynetheme.VariantDark).RGBA(); a != 0 {
			t.Errorf("%s has a colour", n)
		}
	}
}

func TestEveryCardHasItsPicture(t *testing.T) {
	for p := range flow.Pages() {
		for _, c := range flow.Cards(p) {
			if Picture(string(c)) == nil {
				t.Errorf("no picture for %s", c)
			}
		}
	}
	if Picture("V1") != Picture("V1") {
		t.Error("a picture is made anew each time")
	}
}
