// Package keyboard is the plan of the keyboard that is drawn in the window: which keys, where, and what each one means.
// The marks of Telex stand small on the keys that make them. It draws nothing; package screen does.
package keyboard

import (
	"unicode"

	"github.com/langnghe/langnghe/ui/flow"
)

// Key is one key. X, Y, W and H are pixels from the keyboard's top left corner.
type Key struct {
	ID         string // stable, "key.a"
	Cap        string // what is written on it
	Hint       string // what Telex makes with it, written small; empty for most
	Picture    string // instead of a cap
	Letter     bool   // the cap follows the shift key
	Event      flow.Event
	X, Y, W, H float32
}

// Names are the words on keys, from the catalogue.
type Names struct{ Space, Digits, Letters string }

// rows is how many rows of keys there are, on every layer; units how many ordinary keys make the width.
const (
	rows  = 4
	units = 10
)

// hints are what the Telex keys do to the vowel a, or to their own letter.
var hints = map[rune]string{
	's': "á", 'f': "à", 'r': "ả", 'x': "ã", 'j': "ạ", 'a': "â", 'e': "ê", 'o': "ô", 'd': "đ", 'w': "ư",
}

// signNames name the keys that are neither letter nor digit.
var signNames = map[rune]string{
	',': "comma", '.': "dot", '?': "question", '!': "bang", '-': "dash", '/': "slash", ':': "colon", ';': "semicolon",
	'(': "open", ')': "close", '"': "quote", '\'': "apostrophe", '@': "at", '+': "plus", '=': "equals", '%': "percent",
	'&': "and", '#': "hash", '*': "star", '_': "underline", ' ': "space",
}

// ID is the identifier of the key that types r on one of the layers; ok is false where no key does. A capital letter has
// the key of the small one.
func ID(r rune) (id string, ok bool) {
	r = unicode.ToLower(r)
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return "key." + string(r), true
	}
	n, ok := signNames[r]
	return "key." + n, ok
}

// Letters is the plan of the letters, in w by h pixels with gap between two keys.
func Letters(w, h, gap float32, n Names) []Key {
	p := plan{w: w, h: h, gap: gap}
	p.row(0, 0, "qwertyuiop")
	p.row(1, 0.5, "asdfghjkl")
	p.place(2, 0, 1.5, Key{ID: "key.shift", Picture: "shift", Event: flow.Shift{}})
	p.row(2, 1.5, "zxcvbnm")
	p.place(2, 8.5, 1.5, Key{ID: "key.backspace", Picture: "erase", Event: flow.Backspace{}})
	p.last(n.Digits, n.Space)
	return p.keys
}

// Signs is the plan of digits and signs.
func Signs(w, h, gap float32, n Names) []Key {
	p := plan{w: w, h: h, gap: gap}
	p.row(0, 0, "1234567890")
	p.row(1, 0.5, "-/:;()\"'@")
	p.row(2, 0.5, "!+=%&#*_")
	p.place(2, 8.5, 1.5, Key{ID: "key.backspace", Picture: "erase", Event: flow.Backspace{}})
	p.last(n.Letters, n.Space)
	return p.keys
}

type plan struct {
	w, h, gap float32
	keys      []Key
}

// place puts k in a row, from and wide in units. Its gap is on its right and below, so the last of both falls outside.
func (p *plan) place(row int, from, wide float32, k Key) {
	ux, uy := (p.w+p.gap)/units, (p.h+p.gap)/rows
	k.X, k.Y = from*ux, float32(row)*uy
	k.W, k.H = wide*ux-p.gap, uy-p.gap
	p.keys = append(p.keys, k)
}

func (p *plan) row(row int, from float32, letters string) {
	for i, r := range []rune(letters) {
		p.place(row, from+float32(i), 1, sign(r))
	}
}

// last is the bottom row, the same on both layers but for the key that changes them.
func (p *plan) last(layer, space string) {
	p.place(3, 0, 1.5, Key{ID: "key.layer", Cap: layer, Event: flow.ToggleSymbols{}})
	p.place(3, 1.5, 1, sign(','))
	k := sign(' ')
	k.Cap = space
	p.place(3, 2.5, 5, k)
	p.place(3, 7.5, 1, sign('.'))
	p.place(3, 8.5, 1.5, sign('?'))
}

func sign(r rune) Key {
	id, _ := ID(r)
	return Key{ID: id, Cap: string(r), Hint: hints[r], Letter: unicode.IsLetter(r), Event: flow.Key{Rune: r}}
}
