package flow

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/viet"
)

// onWords is the keyboard. Each edit makes new bytes (see State).
func (s State) onWords(e Event) State {
	switch e := e.(type) {
	case Key:
		if e.Rune == utf8.RuneError || !utf8.ValidRune(e.Rune) || unicode.IsControl(e.Rune) {
			return s
		}
		k := e.Rune
		if s.Layer == Upper {
			k = unicode.ToUpper(k)
			s.Layer = Lower
		}
		// A text that is normal and one rune more need not be normal together, if the rune is a combining one.
		text := report.Words(viet.Type(s.Draft.Text, k)).NFC()
		if utf8.RuneCount(text) > report.MaxTextRunes {
			text.Wipe()
			return s
		}
		s.Draft.Text = text
	case Backspace:
		_, n := utf8.DecodeLastRune(s.Draft.Text)
		s.Draft.Text = slices.Clone(s.Draft.Text[:len(s.Draft.Text)-n])
	case Shift:
		if s.Layer == Upper {
			s.Layer = Lower
		} else {
			s.Layer = Upper
		}
	case ToggleSymbols:
		if s.Layer == Symbols {
			s.Layer = Lower
		} else {
			s.Layer = Symbols
		}
	case Done, Back:
		s.Draft.Text = slices.Clone(bytes.TrimSpace(s.Draft.Text))
		s.Screen, s.Layer = Review, Lower
	}
	return s
}

// Room is how many characters the reporter can still write.
func (s State) Room() int { return report.MaxTextRunes - utf8.RuneCount(s.Draft.Text) }
