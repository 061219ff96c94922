package viet

// tone is one of the six tones; the numbers index toneRows.
type tone uint8

const (
	level  tone = iota // ngang
	acute              // sắc
	grave              // huyền
	hook               // hỏi
	tilde              // ngã
	dotted             // nặng
)

// toneRows holds each vowel with the six tones in the order of the constants above.
var toneRows = []string{
	"aáàảãạ", "ăắằẳẵặ", "âấầẩẫậ", "eéèẻẽẹ", "êếềểễệ", "iíìỉĩị",
	"oóòỏõọ", "ôốồổỗộ", "ơớờởỡợ", "uúùủũụ", "ưứừửữự", "yýỳỷỹỵ",
}

// marked is what a vowel with a tone is made of.
type marked struct {
	base rune // the vowel without tone, lower case; its shape (ă â ê ô ơ ư) stays
	tone tone
}

var (
	vowels = map[rune]marked{}  // every lower-case vowel, toned or not
	toned  = map[rune][6]rune{} // base vowel -> its six forms
	plain  = map[rune]rune{'đ': 'd', 'ă': 'a', 'â': 'a', 'ê': 'e', 'ô': 'o', 'ơ': 'o', 'ư': 'u'}
	shaped = map[rune]bool{'ă': true, 'â': true, 'ê': true, 'ô': true, 'ơ': true, 'ư': true}
)

func init() {
	for _, row := range toneRows {
		var forms [6]rune
		copy(forms[:], []rune(row))
		toned[forms[0]] = forms
		for t, r := range forms {
			vowels[r] = marked{forms[0], tone(t)}
		}
	}
}

// unshape takes the shape off a base letter: ơ gives o, đ gives d.
func unshape(r rune) rune {
	if p, ok := plain[r]; ok {
		return p
	}
	return r
}
