package report

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestUrgencyRules(t *testing.T) {
	cases := []struct {
		name string
		d    Draft
		want Urgency
	}{
		{"nothing said", Draft{}, U3},
		{"only words", Draft{Text: Words("alo")}, U1},
		{"unclear card without words", Draft{Categories: []Category{"G9"}}, U3},
		{"unclear card with words", Draft{Categories: []Category{"G9"}, Text: Words("x")}, U1},
		{"code of a newer version", Draft{Categories: []Category{"Z7"}, Text: Words("x")}, U1},
		{"bullying", Draft{Categories: []Category{"V3"}}, U2},
		{"beaten now", Draft{Categories: []Category{"V1"}, When: WhenNow}, U0},
		{"bullied now", Draft{Categories: []Category{"V3"}, When: WhenNow}, U1},
		{"now, of a kind nobody named", Draft{When: WhenNow}, U0},
		{"sexual abuse", Draft{Categories: []Category{"S1"}}, U1},
		{"small child", Draft{Categories: []Category{"V2"}, Age: Age6to8}, U1},
		{"again and again", Draft{Categories: []Category{"N2"}, When: WhenRepeated}, U1},
		{"lives with the child", Draft{Categories: []Category{"V1"}, Alleged: AllegedStepParent}, U1},
		{"injured", Draft{Categories: []Category{"V3"}, Injured: true}, U0},
		{"cannot go home", Draft{Categories: []Category{"P1"}, CannotGoHome: true}, U0},
		{"sad", Draft{Categories: []Category{"P1"}}, U3},
		{"idea", Draft{Categories: []Category{"G2"}, Text: Words("x")}, U4},
		{"the worst of several", Draft{Categories: []Category{"G2", "P1", "E3"}}, U1},
	}
	for _, c := range cases {
		if got := c.d.Urgency(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestUrgencyOnlyRaises: another category or a worse answer never makes a report less urgent.
func TestUrgencyOnlyRaises(t *testing.T) {
	for _, a := range Categories() {
		for _, b := range Categories() {
			one := Draft{Categories: []Category{a.Code}}
			two := Draft{Categories: []Category{a.Code, b.Code}}
			if a.Code != "G9" && two.Urgency() > one.Urgency() {
				t.Errorf("%s alone is %v, with %s it falls to %v", a.Code, one.Urgency(), b.Code, two.Urgency())
			}
		}
		one := Draft{Categories: []Category{a.Code}}
		worse := one
		worse.When, worse.Alleged, worse.Age = WhenNow, AllegedParent, AgeUnder6
		if worse.Urgency() > one.Urgency() {
			t.Errorf("%s: answers lowered the urgency", a.Code)
		}
	}
	if U3.Raise(U1) != U1 || U0.Raise(U4) != U0 {
		t.Error("Raise lowers")
	}
}

func TestTaxonomy(t *testing.T) {
	seen := map[Category]bool{}
	for _, c := range Categories() {
		if seen[c.Code] || !c.Code.wellFormed() || c.Officer == "" || c.English == "" {
			t.Errorf("category %q is doubled or incomplete", c.Code)
		}
		seen[c.Code] = true
	}
	if len(seen) != 31 {
		t.Errorf("%d categories, the taxonomy has 31", len(seen))
	}
	if Category("Z7").Officer() != "Z7" {
		t.Error("an unknown code is not shown as it is")
	}
}

func TestCheck(t *testing.T) {
	ok := Draft{Categories: []Category{"V1"}}
	for name, d := range map[string]Draft{
		"card":        ok,
		"words only":  {Text: Words("giúp em")},
		"now only":    {When: WhenNow},
		"longest":     {Text: Words(strings.Repeat("ệ", MaxTextRunes))},
		"emoji":       {Text: Words("😢👩‍👧")},
		"newer codes": {Categories: []Category{"Z9"}, Alleged: 77},
	} {
		if err := d.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Draft{}).Check(); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	for field, d := range map[string]Draft{
		"categories": {Categories: []Category{"V1", "V1"}},
		"text":       {Text: Words(strings.Repeat("a", MaxTextRunes+1))},
		"contact":    {Categories: []Category{"V1"}, Contact: Words{0xff}},
		"place":      {Categories: []Category{"V1"}, Place: Place{Commune: 100_000}},
		"place name": {Categories: []Category{"V1"}, Place: Place{Name: Words("e\u0302")}},
	} {
		var fe *FieldError
		if err := d.Check(); !errors.As(err, &fe) || fe.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	bad := Draft{Text: Words("bí mật " + strings.Repeat("a", MaxTextRunes))}
	if err := bad.Check(); strings.Contains(err.Error(), "bí mật") {
		t.Error("the error holds the words (invariant 8)")
	}
}

func TestNormalise(t *testing.T) {
	nfd := Words("e\u0323\u0302m")
	d := Draft{Text: nfd}
	d.Normalise()
	if d.Text.Reveal() != "ệm" {
		t.Errorf("got %q", d.Text.Reveal())
	}
	if !bytes.Equal(nfd, make([]byte, len(nfd))) {
		t.Error("the words in the other form were left in memory")
	}
}

// TestWordsHide protects invariants 2 and 8: no formatter, error or log shows what a reporter wrote, or a receipt.
func TestWordsHide(t *testing.T) {
	const canary = "chim-hoàng-yến"
	d := Draft{Text: Words(canary), Contact: Words(canary), Place: Place{Name: Words(canary)}, Sender: Words(canary)}
	r := NewReceipt([]byte{1, 2, 3, 4, 5, 6, 7, 8})
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "draft", d, "text", d.Text, "receipt", r)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "draft", d, "text", d.Text, "receipt", r)
	out := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out += fmt.Sprintf(verb, d) + fmt.Sprintf(verb, d.Text) + fmt.Sprintf(verb, &d) + fmt.Sprintf(verb, r)
	}
	hex := fmt.Sprintf("%x", canary)
	for _, leak := range []string{canary, hex, r.Digits(), r.Grouped(), fmt.Sprintf("%x", r.Digits())} {
		if strings.Contains(out, leak) {
			t.Errorf("%q is shown", leak)
		}
	}
}

func TestWipe(t *testing.T) {
	text := Words("bí mật")
	cats := []Category{"S1"}
	d := Draft{Text: text, Categories: cats, When: WhenNow}
	d.Wipe()
	if !bytes.Equal(text, make([]byte, len(text))) || cats[0] != "" || d.When != WhenUnknown || d.Text != nil {
		t.Error("something of the draft is left (invariant 10)")
	}
}

func TestReceipt(t *testing.T) {
	r := NewReceipt([]byte{0, 0, 0, 0, 0, 0, 0, 42})
	if r.Digits() != "00000042" || r.Grouped() != "0000 0042" {
		t.Errorf("got %s", r.Grouped())
	}
	for _, s := range []string{"00000042", "0000 0042", " 0000.0042 "} {
		if got, err := ParseReceipt(s); err != nil || got != r {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"", "1234567", "123456789", "1234567a"} {
		if _, err := ParseReceipt(s); err == nil {
			t.Errorf("%q passes", s)
		}
	}
}

func TestBucket(t *testing.T) {
	at := time.Date(2026, 11, 21, 5, 0, 0, 0, time.UTC) // 12:00 in Viet Nam
	b := NewBucket(at, true)
	if b.String() != "chiều tối 21/11/2026" {
		t.Errorf("got %s", b)
	}
	if NewBucket(at.Add(7*time.Hour), true) != b {
		t.Error("two times of one half-day differ")
	}
	if got := NewBucket(at.Add(-time.Second), true).String(); got != "sáng 21/11/2026" {
		t.Errorf("got %s", got)
	}
	for _, never := range []time.Time{time.Unix(0, 0), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if NewBucket(never, true) != NoBucket {
			t.Errorf("%v is taken for a time", never)
		}
	}
	if !strings.Contains(NewBucket(at, false).String(), "chưa chắc") {
		t.Error("an untrusted clock is not said")
	}
}
