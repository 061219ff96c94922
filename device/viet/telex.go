package viet

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Type returns text with key typed at its end, by the rules of Telex. The result never shares memory with text, so that
// the caller can wipe what it replaces. Text and result are UTF-8 in form NFC.
//
// The rules: aa ee oo dd give â ê ô đ; w gives ă ơ ư, and ư where no vowel stands before it; s f r x j set the tone
// sắc, huyền, hỏi, ngã, nặng; z takes the tone away; the same key again undoes itself and is written ("ass" is "as").
// Marks may come late ("nguoiwf" is "người"). A tone stands on the main vowel in the newer spelling (hoà, thuý), as the
// project's own texts have it. A word that can't be a Vietnamese syllable is left alone, so that names pass.
func Type(text []byte, key rune) []byte {
	start := len(text)
	for start > 0 {
		r, n := utf8.DecodeLastRune(text[:start])
		if !unicode.IsLetter(r) {
			break
		}
		start -= n
	}
	word := compose([]rune(string(text[start:])), key)
	out := make([]byte, start, len(text)+2*utf8.UTFMax)
	copy(out, text)
	for _, r := range word {
		out = utf8.AppendRune(out, r)
	}
	return out
}

// longest is the length of the longest syllable, "nghiêng", with two letters of room for a mark not yet used.
const longest = 9

var toneKeys = map[rune]tone{'s': acute, 'f': grave, 'r': hook, 'x': tilde, 'j': dotted}

// compose is one key on one word. It looks at the word as it stands, not at the keys that made it: so a word of which
// letters were deleted goes on as if it had been typed.
func compose(word []rune, key rune) []rune {
	k := unicode.ToLower(key)
	if s, ok := parse(word); ok && len(word) <= longest {
		if done := s.apply(k, key); done {
			return s.runes()
		}
		// An ordinary letter: it may move the tone (hoá, hoán) and complete ươ (thuơ, thương).
		if t, ok := parse(append(s.bare(), key)); ok {
			t.tone = s.tone
			t.completeHorn()
			return t.runes()
		}
	}
	return append(slices.Clone(word), key)
}

// syllable is a word taken apart. The letters are lower-case without tone; upper remembers the case of each.
type syllable struct {
	initial, nucleus, final []rune
	tone                    tone
	upper                   []bool
}

const (
	initials = " b c ch d đ g gh gi h k kh l m n ng ngh nh p ph qu q r s t th tr v x "
	finals   = " c ch k m n ng nh p t "
	// Clusters of vowels: those of the language, and the bare forms that still wait for their marks.
	nuclei = " a ă â e ê i o ô ơ u ư y ai ao au ay âu ây eo êu eu ia iê ie iu oa oă oe oi ôi ơi oo ua uâ uă uê ue ui uô uo uơ uy ưa ưi ươ ưo ưu " +
		"yê ye iêu ieu yêu yeu oai oay oao oeo uay uây uôi uoi ươi ưoi uơi ươu ưou uơu uou uu uya uyê uye uyu uôu "
)

func among(list string, s []rune) bool {
	return len(s) == 0 || strings.Contains(list, " "+string(s)+" ")
}

// parse takes word apart; ok is false where it can't be (the beginning of) a Vietnamese syllable.
func parse(word []rune) (s syllable, ok bool) {
	letters := make([]rune, len(word))
	s.upper = make([]bool, len(word))
	for i, r := range word {
		s.upper[i] = unicode.IsUpper(r)
		letters[i] = unicode.ToLower(r)
		if v, isVowel := vowels[letters[i]]; isVowel {
			letters[i] = v.base
			if v.tone != level {
				s.tone = v.tone
			}
		}
	}
	isVowel := func(i int) bool { return i < len(letters) && toned[letters[i]][0] != 0 }
	i := 0
	for i < len(letters) && !isVowel(i) {
		i++
	}
	// The u of qu and the i of gi belong to the initial where another vowel follows.
	if i == 1 && isVowel(i+1) && (letters[0] == 'q' && letters[1] == 'u' || letters[0] == 'g' && letters[1] == 'i') {
		i++
	}
	j := i
	for isVowel(j) {
		j++
	}
	s.initial, s.nucleus, s.final = letters[:i:i], letters[i:j:j], letters[j:]
	if len(s.nucleus) == 0 {
		return s, among(initials, s.initial)
	}
	return s, among(initials, s.initial) && among(nuclei, s.nucleus) && among(finals, s.final)
}

// apply tries k as a mark. key is the same with the case that was typed.
func (s *syllable) apply(k, key rune) bool {
	if t, ok := toneKeys[k]; ok && len(s.nucleus) > 0 {
		if s.tone == t {
			s.tone = level
			s.append(key)
			return true
		}
		s.tone = t
		return true
	}
	switch k {
	case 'z':
		if s.tone == level {
			return false
		}
		s.tone = level
		return true
	case 'd':
		if len(s.initial) != 1 {
			return false
		}
		switch s.initial[0] {
		case 'd':
			s.initial[0] = 'đ'
			return true
		case 'đ':
			s.initial[0] = 'd'
			s.append(key)
			return true
		}
		return false
	case 'w':
		if len(s.nucleus) == 0 {
			if string(s.initial) == "q" {
				return false
			}
			s.nucleus = []rune{'ư'}
			s.upper = append(s.upper, unicode.IsUpper(key))
			return true
		}
		return s.shape(horns, key)
	case 'a':
		return s.shape(hatsA, key)
	case 'e':
		return s.shape(hatsE, key)
	case 'o':
		return s.shape(hatsO, key)
	}
	return false
}

// What each key makes of a cluster. A cluster that is a result here gives the key back (the double key escapes).
var (
	horns = map[string]string{
		"a": "ă", "â": "ă", "o": "ơ", "ô": "ơ", "u": "ư", "oa": "oă", "ua": "ưa", "uâ": "ưa", "ui": "ưi", "uu": "ưu",
		"oi": "ơi", "ôi": "ơi", "uo": "ươ", "ưo": "ươ", "uô": "ươ", "uoi": "ươi", "uôi": "ươi", "ưoi": "ươi",
		"uou": "ươu", "uôu": "ươu", "ưou": "ươu", "uơi": "ươi", "uơu": "ươu",
	}
	hatsA = map[string]string{"a": "â", "ă": "â", "ua": "uâ", "ưa": "uâ", "au": "âu", "ay": "ây", "uay": "uây"}
	hatsE = map[string]string{"e": "ê", "ie": "iê", "ye": "yê", "ue": "uê", "uye": "uyê", "eu": "êu", "ieu": "iêu", "yeu": "yêu"}
	hatsO = map[string]string{
		"o": "ô", "ơ": "ô", "uo": "uô", "uơ": "uô", "ươ": "uô", "ưo": "uô", "oi": "ôi", "ơi": "ôi", "uoi": "uôi", "ươi": "uôi",
	}
)

func (s *syllable) shape(table map[string]string, key rune) bool {
	from := string(s.nucleus)
	to, ok := table[from]
	if from == "uo" && to == "ươ" && len(s.final) == 0 && string(s.initial) != "" {
		to = "uơ" // open: huơ, thuở; completeHorn makes it ươ when the word goes on
	}
	if ok {
		s.nucleus = []rune(to)
		return true
	}
	result := from == "uơ" && to == "" && table["uo"] == "ươ"
	for _, v := range table {
		result = result || v == from
	}
	if !result {
		return false
	}
	for i, r := range s.nucleus {
		s.nucleus[i] = unshape(r)
	}
	s.append(key)
	return true
}

// append writes key as an ordinary letter after everything else.
func (s *syllable) append(key rune) {
	s.final = append(slices.Clone(s.final), unicode.ToLower(key))
	s.upper = append(s.upper, unicode.IsUpper(key))
}

// completeHorn makes ươ of a half-marked pair: no syllable has "ưo", and "uơ" stands only at the end of one.
func (s *syllable) completeHorn() {
	n := string(s.nucleus)
	goesOn := len(s.final) > 0 || len(s.nucleus) > 2
	switch {
	case strings.HasPrefix(n, "ưo") && goesOn: // until then a w may still come: "dduwow"
		s.nucleus[1] = 'ơ'
	case strings.HasPrefix(n, "uơ") && goesOn:
		s.nucleus[0] = 'ư'
	}
}

// bare is the word without its tone.
func (s *syllable) bare() []rune {
	t := s.tone
	s.tone = level
	r := s.runes()
	s.tone = t
	return r
}

// runes writes the syllable, its tone on the main vowel.
func (s *syllable) runes() []rune {
	out := slices.Concat(s.initial, s.nucleus, s.final)
	if s.tone != level && len(s.nucleus) > 0 {
		i := s.main()
		out[len(s.initial)+i] = toned[s.nucleus[i]][s.tone]
	}
	for i := range out {
		if s.upper[i] {
			out[i] = unicode.ToUpper(out[i])
		}
	}
	return out
}

// main is the index in the nucleus of the vowel that bears the tone.
func (s *syllable) main() int {
	for i := len(s.nucleus) - 1; i >= 0; i-- { // from the end: ươ bears it on ơ
		if shaped[s.nucleus[i]] {
			return i
		}
	}
	switch len(s.nucleus) {
	case 1:
		return 0
	case 2:
		switch n := string(s.nucleus); {
		case len(s.final) > 0, n == "oa", n == "oe", n == "uy", n == "ue":
			return 1
		}
		return 0
	}
	return 1
}
