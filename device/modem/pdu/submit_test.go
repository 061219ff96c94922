package pdu

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var villager = Address{Digits: "84912345678", TON: 0x91}

// carry takes messages over an imaginary service centre.
func carry(t testing.TB, subs []Submit) []Part {
	t.Helper()
	parts := make([]Part, len(subs))
	for i, s := range subs {
		fields, err := DecodeSubmit(s.TPDU)
		if err != nil {
			t.Fatal(err)
		}
		if !fields.To.Equal(villager) || s.Seq != i+1 || s.Total != len(subs) {
			t.Fatalf("segment %d of %d is labelled %v", i+1, len(subs), s)
		}
		b, err := EncodeDeliver(fields.Deliver(villager, at(i%60)))
		if err != nil {
			t.Fatal(err)
		}
		d, err := DecodeDeliver(b)
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = Part{Deliver: d, Key: i}
	}
	return parts
}

func TestSubmitBinarySizes(t *testing.T) {
	for _, tc := range []struct{ size, segments int }{
		{1, 1}, {139, 1}, {140, 1}, {141, 2}, {266, 2}, {267, 3}, {255 * 133, 255},
	} {
		data := make([]byte, tc.size)
		for i := range data {
			data[i] = byte(i * 7)
		}
		subs, err := SubmitBinary(villager, data, 0xA1B2, SubmitOptions{})
		if err != nil || len(subs) != tc.segments {
			t.Fatalf("%d octets: %d segments, %v", tc.size, len(subs), err)
		}
		parts := carry(t, subs)
		if !bytes.Equal(JoinBytes(parts), data) {
			t.Errorf("%d octets came back changed", tc.size)
		}
		for i, p := range parts {
			if p.Deliver.Coding != Binary || p.Deliver.DCS != 0x04 || p.Deliver.Class != -1 {
				t.Errorf("coding %v %#x", p.Deliver.Coding, p.Deliver.DCS)
			}
			want := &Concat{0xA1B2, uint8(tc.segments), uint8(i + 1), true}
			if tc.segments == 1 {
				want = nil
			}
			if !equal(p.Deliver.Concat, want) {
				t.Errorf("concatenation %+v", p.Deliver.Concat)
			}
		}
	}
}

func TestSubmitRefusals(t *testing.T) {
	name, _ := ParseAddress("Viettel")
	for _, tc := range []struct {
		to   Address
		data []byte
		want error
	}{
		{villager, nil, ErrEmpty},
		{villager, make([]byte, 255*133+1), ErrTooLong},
		{name, []byte("x"), ErrAddress},
		{Address{}, []byte("x"), ErrAddress},
		{Address{Digits: "12x", TON: 0x81}, []byte("x"), ErrAddress},
	} {
		if _, err := SubmitBinary(tc.to, tc.data, 1, SubmitOptions{}); !errors.Is(err, tc.want) {
			t.Errorf("got %v, want %v", err, tc.want)
		}
	}
	if _, err := SubmitText(villager, "", 1, SubmitOptions{}); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty text: %v", err)
	}
	if _, err := SubmitText(villager, strings.Repeat("ă", 255*66+1), 1, SubmitOptions{}); !errors.Is(err, ErrTooLong) {
		t.Errorf("long text: %v", err)
	}
}

// Short codes and national numbers get their own type of number; the library calls all international.
func TestSubmitAddressType(t *testing.T) {
	for in, want := range map[string]string{"195": "038191F5", "0912345678": "0B914819325476F8"} {
		to, err := ParseAddress(in)
		if err != nil {
			t.Fatal(err)
		}
		subs, err := SubmitBinary(to, []byte{1}, 1, SubmitOptions{})
		if err != nil || !bytes.Equal(subs[0].TPDU[2:2+len(want)/2], unhex(t, want)) {
			t.Errorf("%s: %x %v", in, subs[0].TPDU, err)
		}
	}
}

func TestSubmitOptions(t *testing.T) {
	subs, err := SubmitText(villager, "hi", 1, SubmitOptions{StatusReport: true, Validity: time.Hour})
	if err != nil || !bytes.Equal(subs[0].TPDU, unhex(t, "31000B914819325476F800000B02E834")) {
		t.Errorf("%x %v", subs[0].TPDU, err)
	}
	fields, err := DecodeSubmit(subs[0].TPDU)
	if err != nil || !fields.StatusReport {
		t.Errorf("status report lost: %v", err)
	}
}

func TestSubmitTextChoosesTheAlphabet(t *testing.T) {
	for _, tc := range []struct {
		text     string
		coding   Coding
		segments int
	}{
		{"Xin chao", GSM7, 1},
		{strings.Repeat("a", 160), GSM7, 1},
		{strings.Repeat("a", 161), GSM7, 2},
		{strings.Repeat("a", 304), GSM7, 2},
		{strings.Repeat("a", 305), GSM7, 3},
		{strings.Repeat("a", 151) + "€" + strings.Repeat("b", 100), GSM7, 2}, // an escape at the seam
		{"Cháu bị đánh", UCS2, 1},
		{strings.Repeat("ệ", 70), UCS2, 1},
		{strings.Repeat("ệ", 71), UCS2, 2},
		{strings.Repeat("ệ", 65) + "😀" + strings.Repeat("ệ", 10), UCS2, 2}, // a pair at the seam
		{"a\x1bb", GSM7, 1},
		{"a\xffb", UCS2, 1},
	} {
		subs, err := SubmitText(villager, tc.text, 7, SubmitOptions{})
		if err != nil {
			t.Fatal(err)
		}
		parts := carry(t, subs)
		want := strings.ReplaceAll(strings.ToValidUTF8(tc.text, "\ufffd"), "\x1b", " ")
		if len(parts) != tc.segments || parts[0].Deliver.Coding != tc.coding || JoinText(parts) != want {
			t.Errorf("%.20q: %d segments of %v", tc.text, len(parts), parts[0].Deliver.Coding)
		}
		for i, p := range parts { // nothing is cut inside a character
			if strings.Contains(p.Deliver.Text(), "\ufffd") && !strings.Contains(want, "\ufffd") {
				t.Errorf("%.20q: segment %d holds half a character", tc.text, i+1)
			}
		}
	}
}

func TestAnyTextComesBack(t *testing.T) {
	letters := []rune("abcXYZ @€{}^\n_ăâđêôơưĂÂĐÊÔƠƯệộờ😀👧Ω漢")
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		text := make([]rune, 1+r.IntN(400))
		n := len(letters)
		if r.IntN(2) == 0 {
			n = 13 // GSM 7-bit only
		}
		for i := range text {
			text[i] = letters[r.IntN(n)]
		}
		subs, err := SubmitText(villager, string(text), uint16(r.Uint32()), SubmitOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := JoinText(carry(t, subs)); got != string(text) {
			t.Fatalf("%q came back as %q", string(text), got)
		}
	}
}
