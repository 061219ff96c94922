package viet

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func typed(keys string) string {
	var text []byte
	for _, k := range keys {
		text = Type(text, k)
	}
	return string(text)
}

func TestTelexRules(t *testing.T) {
	for keys, want := range map[string]string{
		// marks
		"aa": "â", "aw": "ă", "ee": "ê", "oo": "ô", "ow": "ơ", "uw": "ư", "dd": "đ", "w": "ư", "tw": "tư", "duw": "dư",
		// tones
		"as": "á", "af": "à", "ar": "ả", "ax": "ã", "aj": "ạ", "asz": "a", "asf": "à", "az": "az",
		// double key escapes
		"ass": "as", "aaa": "aa", "eee": "ee", "ooo": "oo", "ddd": "dd", "aww": "aw", "uww": "uw", "oww": "ow", "uwoww": "uow",
		"asss": "ass", "dddd": "ddd", "xooong": "xoong",
		// free order
		"nguoiwf": "người", "nguowfi": "người", "nguwowfi": "người", "ngwowif": "người", "nguwofi": "người", "nguoifw": "người",
		"dduwojc": "được", "dduwowcj": "được", "duocdwj": "được", "dduocwj": "được", "dangd": "đang", "tana": "tân",
		"tuans": "tuán", "tuaans": "tuấn", "tuansa": "tuấn", "truongwf": "trường", "truwowngf": "trường", "truowngf": "trường",
		"vietej": "việt", "vieejt": "việt", "nghieeng": "nghiêng", "khuyur": "khuỷu", "ruouwj": "rượu", "rwowuj": "rượu",
		// tone on the main vowel, and its moves
		"hoaf": "hoà", "hoafn": "hoàn", "hoas": "hoá", "hoasn": "hoán", "khoer": "khoẻ", "thuys": "thuý", "thuowr": "thuở",
		"huow": "huơ", "huowng": "hương", "muaf": "mùa", "muawf": "mừa", "cuar": "của", "cuawr": "cửa", "chiaj": "chịa",
		"quas": "quá", "quys": "quý", "quocos": "quốc", "quyeenr": "quyển", "gif": "gì", "gias": "giá", "gieengs": "giếng",
		"giof": "giò", "giowf": "giờ", "toans": "toán", "toais": "toái", "xoays": "xoáy", "ngoawnf": "ngoằn", "ngoeof": "ngoèo",
		"khuya": "khuya", "yeeus": "yếu", "eemj": "ệm", "uoongs": "uống", "oaif": "oài", "ddaay": "đây", "maayr": "mẩy",
		// changing one's mind
		"aaw": "ă", "awa": "â", "oow": "ơ", "owo": "ô", "uoow": "ươ",
		// case
		"DDoongf": "Đồng", "Nguyeenx": "Nguyễn", "VIEETJ": "VIỆT", "Dd": "Đ", "W": "Ư", "AS": "Á", "Aas": "Ấ",
		// more than a word
		"em bij ddanhs": "em bị đánh", "lowps 5a": "lớp 5a", "cuuws em voiws": "cứu em với", "hai ddwas": "hai đứa",
		// what is no syllable stays
		"zalo": "zalo", "facebook": "facebook", "email": "email", "tiktok": "tiktok", "bff": "bff",
		"sdt": "sdt", "a1s": "a1s", "z": "z", "s": "s", "ghf": "ghf",
	} {
		if got := typed(keys); got != want {
			t.Errorf("%q gave %q, want %q", keys, got, want)
		}
	}
}

// TestTelexWordList types every word of the list in five orders of its marks.
func TestTelexWordList(t *testing.T) {
	f, err := os.Open("testdata/words.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for sc := bufio.NewScanner(f); sc.Scan(); n++ {
		word := sc.Text()
		for order, keys := range spellings(word) {
			if got := typed(keys); got != word {
				t.Errorf("%s: %q gave %q, want %q", order, keys, got, word)
			}
		}
	}
	if n < 500 {
		t.Errorf("the list has %d words, want a decent list", n)
	}
}

// spellings are the ways in which people type word.
func spellings(word string) map[string]string {
	shapeKeys := map[rune]string{'ă': "aw", 'â': "aa", 'ê': "ee", 'ô': "oo", 'ơ': "ow", 'ư': "uw", 'đ': "dd"}
	toneKey := []string{"", "s", "f", "r", "x", "j"}
	var atOnce, toneLast, late, short strings.Builder
	var tone, marks, dd, w string
	for _, r := range word {
		base := r
		tk := ""
		if v, ok := vowels[r]; ok {
			base, tk = v.base, toneKey[v.tone]
		}
		tone += tk
		keys, ok := shapeKeys[base]
		if !ok {
			keys = string(base)
		}
		atOnce.WriteString(keys + tk)
		toneLast.WriteString(keys)
		late.WriteString(keys[:1])
		if ok && base == 'đ' {
			dd = "d"
		} else if ok && !strings.Contains(marks, keys[1:]) {
			marks += keys[1:] // one w marks both letters of ươ
		}
		switch {
		case base == 'ư' && word != "ư":
			short.WriteString("w")
		default:
			short.WriteString(keys)
		}
		w = tone
	}
	ways := map[string]string{
		"mark and tone at once": atOnce.String(),
		"tone last":             toneLast.String() + tone,
		"everything last":       late.String() + dd + marks + tone,
		"tone, then marks":      late.String() + tone + marks + dd,
		"w alone stands for ư":  short.String() + w,
	}
	if strings.Contains(word, "giư") || strings.Contains(word, "gữ") || strings.HasPrefix(word, "gi") || strings.Contains(word, "quơ") {
		delete(ways, "w alone stands for ư") // after gi the i is a vowel until another follows
	}
	return ways
}

func TestTypeNeverSharesMemory(t *testing.T) {
	text := append(make([]byte, 0, 64), "em "...)
	before := string(text)
	out := Type(text, 'a')
	clear(text)
	if string(out) != before+"a" {
		t.Error("wiping the replaced text changed the new one")
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"Cứu em với, ở trường ạ": "Cuu em voi, o truong a", "ĐƯỜNG đi": "DUONG di", "Tiếng Việt": "Tieng Viet",
		norm.NFD.String("khuỷu tay"): "khuyu tay", "": "", "123 – ok 👍": "123 – ok 👍", "ខ្មែរ": "ខមែរ",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzType(f *testing.F) {
	for _, s := range []string{"nguoiwf", "dduwowcj", "quyeenr", "ƠWo", "aaaaaaaas", "ß\u0301w"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, keys string) {
		if len(keys) > 200 {
			keys = keys[:200]
		}
		var text []byte
		for _, k := range keys {
			if k == utf8.RuneError || !norm.NFC.IsNormalString(string(k)) {
				continue
			}
			before := utf8.RuneCount(text)
			text = Type(text, k)
			if !utf8.Valid(text) {
				t.Fatalf("%q gave invalid UTF-8", keys)
			}
			if n := utf8.RuneCount(text); n > before+1 || n < before {
				t.Fatalf("one key changed the length from %d to %d", before, n)
			}
		}
	})
}

func FuzzFold(f *testing.F) {
	f.Add("Cứu em với")
	f.Fuzz(func(t *testing.T, s string) {
		once := Fold(s)
		if Fold(once) != once {
			t.Fatal("folding twice is not folding once")
		}
	})
}
