// Package theme is how the screen looks: calm colours, sizes for two panels, and pictures of our own. Fonts and pictures
// are made once for the program: Fyne keeps a parsed font for ever for each new resource.
package theme

import (
	"image/color"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
)

// The colours. Each text colour stands only on the grounds that Pairs names; a test holds them to 7:1.
var (
	Paper   = color.NRGBA{0xF1, 0xF6, 0xF3, 0xFF} // the ground of every page
	Card    = color.NRGBA{0xFF, 0xFF, 0xFF, 0xFF} // what can be chosen
	Edge    = color.NRGBA{0x8F, 0xB0, 0xA6, 0xFF} // the line around a card
	Ink     = color.NRGBA{0x12, 0x35, 0x30, 0xFF} // text
	Soft    = color.NRGBA{0x2F, 0x4F, 0x49, 0xFF} // text of less weight
	Deep    = color.NRGBA{0x0D, 0x4F, 0x45, 0xFF} // the one thing to do next
	OnDeep  = color.NRGBA{0xFF, 0xFF, 0xFF, 0xFF}
	Quiet   = color.NRGBA{0xDA, 0xE9, 0xE3, 0xFF} // going back, skipping
	Play    = color.NRGBA{0xF3, 0xE7, 0xCF, 0xFF} // the way out; neutral, the same on every page
	Night   = color.NRGBA{0x26, 0x3C, 0x66, 0xFF} // the hotline
	OnNight = color.NRGBA{0xFF, 0xFF, 0xFF, 0xFF}
	Hint    = color.NRGBA{0x7A, 0x42, 0x06, 0xFF} // what a Telex key makes; the honest line
)

// Pair is a text colour and a ground on which it stands.
type Pair struct{ Text, Ground color.NRGBA }

// Pairs are all that the screens use.
func Pairs() []Pair {
	return []Pair{
		{Ink, Paper}, {Ink, Card}, {Ink, Quiet}, {Ink, Play}, {Soft, Paper}, {Soft, Card},
		{Deep, Paper}, {Deep, Card}, {OnDeep, Deep}, {OnNight, Night}, {Hint, Card}, {Hint, Paper},
	}
}

// Sizes are the measures of one panel, in pixels at scale 1.
type Sizes struct {
	Panel                              fyne.Size
	Gap                                float32 // between two targets, and around the page
	Target                             float32 // the least height and width of what can be touched
	Exit, Button                       float32 // widths
	Text, Title, Message, Key, Receipt float32 // text sizes; none below 24
	Hotline, Number                    float32 // digits to be read from afar
	Picture                            float32 // a picture beside text
	Round                              float32 // of corners
}

// For gives the sizes for a panel: those of 1024x600, or of 800x480 where the panel is smaller than that.
func For(panel fyne.Size) Sizes {
	if panel.Width >= 1024 && panel.Height >= 600 {
		return Sizes{
			Panel: panel, Gap: 12, Target: 88, Exit: 236, Button: 196, Text: 26, Title: 34, Message: 36, Key: 34,
			Receipt: 92, Hotline: 96, Number: 56, Picture: 80, Round: 16,
		}
	}
	return Sizes{
		Panel: panel, Gap: 8, Target: 72, Exit: 216, Button: 168, Text: 24, Title: 28, Message: 29, Key: 30,
		Receipt: 72, Hotline: 76, Number: 46, Picture: 52, Round: 12,
	}
}

// Kiosk is the theme given to Fyne: its own font, our ground, no colour for hovering (a touch leaves the pointer where it
// was, so a hover colour would stay) and no focus.
type Kiosk struct{}

var base = fynetheme.DefaultTheme()

// Color gives our ground and ink, and nothing for hover, press and focus.
func (Kiosk) Color(n fyne.ThemeColorName, _ fyne.ThemeVariant) color.Color {
	switch n {
	case fynetheme.ColorNameBackground:
		return Paper
	case fynetheme.ColorNameForeground:
		return Ink
	case fynetheme.ColorNameHover, fynetheme.ColorNamePressed, fynetheme.ColorNameFocus:
		return color.Transparent
	}
	return base.Color(n, fynetheme.VariantLight)
}

// Font is the bundled Noto Sans, which has all of Vietnamese.
func (Kiosk) Font(s fyne.TextStyle) fyne.Resource { return base.Font(s) }

// Icon is the toolkit's own; our screens use Picture.
func (Kiosk) Icon(n fyne.ThemeIconName) fyne.Resource { return base.Icon(n) }

// Size is the toolkit's own, without padding: the screens place everything themselves.
func (Kiosk) Size(n fyne.ThemeSizeName) float32 {
	if n == fynetheme.SizeNamePadding || n == fynetheme.SizeNameInnerPadding {
		return 0
	}
	return base.Size(n)
}
