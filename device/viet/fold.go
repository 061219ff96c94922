// Package viet knows Vietnamese text: folding for keyword search, and the Telex way of typing. It is pure.
package viet

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold strips every tone and vowel mark and turns đ into d, so that "Cứu em với", "cuu em voi" and the same words in
// decomposed Unicode are equal. Case, spaces and everything that is not a Latin letter stay as they are.
func Fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	// An invalid byte would keep the normaliser from what follows it.
	for _, r := range norm.NFD.String(strings.ToValidUTF8(s, "\uFFFD")) {
		switch {
		case r == 'đ':
			r = 'd'
		case r == 'Đ':
			r = 'D'
		case unicode.Is(unicode.Mn, r):
			continue
		}
		b.WriteRune(r)
	}
	return norm.NFC.String(b.String())
}
