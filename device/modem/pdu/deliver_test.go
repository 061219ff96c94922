package pdu

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"
)

func at(s int) time.Time {
	return time.Date(2026, 3, 9, 14, 5, s, 0, time.FixedZone("", 7*3600))
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	oa   = "0B914819325476F8" // +84912345678
	scts = "62309041500082"   // 2026-03-09 14:05:00 +07
)

// Real messages in the shapes that other decoders refuse: the words must come out of every one.
func TestWordsAreReadFromCrookedMessages(t *testing.T) {
	for _, tc := range []struct{ name, tpdu, text string }{
		{"plain", "04" + oa + "0000" + scts + "02E834", "hi"},
		{"reserved coding 0x80 is GSM 7-bit", "04" + oa + "0080" + scts + "02E834", "hi"},
		{"coding 0xF1, class 1", "04" + oa + "00F1" + scts + "02E834", "hi"},
		{"coding 0x11", "04" + oa + "0011" + scts + "02E834", "hi"},
		{"time stamp with a letter", "04" + oa + "0000" + "62A09041500082" + "02E834", "hi"},
		{"time stamp of zeros", "04" + oa + "0000" + "00000000000000" + "02E834", "hi"},
		{"missing fill in the address", "04" + "0B91481932547608" + "0000" + scts + "02E834", "hi"},
		{"sender with an escape septet", "04" + "04D01B0D" + "0000" + scts + "02E834", "hi"},
		{"length says more", "04" + oa + "0000" + scts + "05E834", "hi"},
		{"padded to a SIM record", "04" + oa + "0000" + scts + "02E834FFFFFFFF", "hi"},
		{"reserved message type", "07" + oa + "0000" + scts + "02E834", "hi"},
		{"ucs2", "04" + oa + "0008" + scts + "0401111ED9", "\u0111\u1ed9"},
		{"ucs2 with half a character", "04" + oa + "0008" + scts + "0501111ED900", "\u0111\u1ed9"},
		{"ucs2 with a lone surrogate", "04" + oa + "0008" + scts + "06D83D01111ED9", "\ufffd\u0111\u1ed9"},
		{"waiting message in ucs2 (0xE0)", "04" + oa + "00E0" + scts + "0401111ED9", "\u0111\u1ed9"},
		{"header cut short", "44" + oa + "0008" + scts + "05" + "0500030401", ""},
		{"sequence 0 is a message of its own", "44" + oa + "0008" + scts + "0A" + "050003070200" + "01111ED9", "\u0111\u1ed9"},
		{"empty", "04" + oa + "0000" + scts + "00", ""},
	} {
		d, err := DecodeDeliver(unhex(t, tc.tpdu))
		if err != nil || d.Text() != tc.text {
			t.Errorf("%s: %q, %v", tc.name, d.Text(), err)
		}
		if d.Concat != nil {
			t.Errorf("%s: got a concatenation %+v", tc.name, *d.Concat)
		}
	}
}

func TestDecodeDeliverFields(t *testing.T) {
	d, err := DecodeDeliver(unhex(t, "44"+oa+"41F5"+scts+"0E"+"0804BEEF0302"+"0504"+"0B8423F0"+"AA"))
	if err == nil && d.Concat != nil {
		t.Fatal("a cut header gave a concatenation")
	}
	d, err = DecodeDeliver(unhex(t, "44"+oa+"41F5"+scts+"0F"+"0C"+"0804BEEF0302"+"05040B8423F0"+"AA01"))
	if err != nil {
		t.Fatal(err)
	}
	if d.From.Number() != "+84912345678" || d.Coding != Binary || d.Class != 1 || d.PID != 0x41 || !d.SCTS.Equal(at(0)) {
		t.Errorf("fields: %v %v %d %#x %v", d.From.Number(), d.Coding, d.Class, d.PID, d.SCTS)
	}
	if d.Concat == nil || *d.Concat != (Concat{0xBEEF, 3, 2, true}) {
		t.Errorf("concatenation: %+v", d.Concat)
	}
	if d.Ports == nil || *d.Ports != (Ports{0x0B84, 0x23F0, true}) {
		t.Errorf("ports: %+v", d.Ports)
	}
	if !bytes.Equal(d.Data, []byte{0xAA, 0x01}) || d.Text() != "" {
		t.Errorf("data: %x %q", d.Data, d.Text())
	}
}

func TestNationalTableOfTheHeader(t *testing.T) {
	// Portuguese single shift table (identifier 0x24, not decimal 24): escape 0x09 is ç.
	d := Deliver{From: Address{Digits: "195", TON: 0x81}, Shift: 3, Data: []byte{0x1b, 0x09}}
	b, err := EncodeDeliver(d)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeDeliver(b)
	if err != nil || got.Shift != 3 || got.Text() != "ç" {
		t.Errorf("shift %d, %q, %v", got.Shift, got.Text(), err)
	}
}

func TestNotADeliver(t *testing.T) {
	for _, tc := range []struct {
		tpdu string
		want error
	}{
		{"", ErrTruncated},
		{"04", ErrTruncated},
		{"04" + oa, ErrTruncated},
		{"04" + oa + "0000" + scts, ErrTruncated},
		{"04FF91", ErrTruncated},
		{"05" + oa, ErrNotDeliver},
		{"06" + "07" + oa, ErrStatusReport},
	} {
		d, err := DecodeDeliver(unhex(t, tc.tpdu))
		if !errors.Is(err, tc.want) {
			t.Errorf("%q: %v, want %v", tc.tpdu, err, tc.want)
		}
		if d.IsReport() != errors.Is(err, ErrStatusReport) {
			t.Errorf("%q: IsReport() = %v", tc.tpdu, d.IsReport())
		}
	}
}

func TestStatusReport(t *testing.T) {
	to, _ := ParseAddress("0912345678")
	want := StatusReport{MR: 255, To: to, SCTS: at(0), Discharged: at(9), Status: 0x21}
	b, err := EncodeStatusReport(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeStatusReport(b)
	if err != nil || got.MR != 255 || !got.To.Equal(to) || !got.SCTS.Equal(at(0)) || !got.Discharged.Equal(at(9)) || got.Status != 0x21 {
		t.Errorf("%v %v", got.MR, err)
	}
	if got.Delivered() || got.Final() || !IsStatusReport(b) {
		t.Error("a message still being tried was taken for delivered or given up")
	}
	for i := range b {
		if _, err := DecodeStatusReport(b[:i]); err == nil {
			t.Errorf("cut to %d octets it was accepted", i)
		}
	}
	if _, err := DecodeStatusReport([]byte{0x04, 0, 0}); !errors.Is(err, ErrNotReport) {
		t.Errorf("a DELIVER: %v", err)
	}
}

// What decodes must encode to something that decodes to the same; nothing may panic; no piece of user data
// may come from outside the TPDU.
func FuzzDecodeDeliver(f *testing.F) {
	for _, s := range []string{
		"04" + oa + "0000" + scts + "02E834",
		"44" + oa + "41F5" + scts + "0F" + "0C" + "0804BEEF0302" + "05040B8423F0" + "AA01",
		"44" + oa + "0000" + scts + "0B" + "050003070201" + "9061391D",
		"04" + "0ED0D637396C7EBBCB" + "0008" + scts + "0401111ED9",
		"06" + "07" + oa + scts + scts + "00",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = DecodeSubmit(b)
		_, _ = DecodeStatusReport(b)
		d, err := DecodeDeliver(b)
		if err != nil {
			return
		}
		_ = d.Text()
		if len(d.Data) > 160 {
			t.Fatalf("%d units of user data", len(d.Data))
		}
		again, err := EncodeDeliver(d)
		if err != nil {
			return // a sender or a size that only a broken network writes
		}
		e, err := DecodeDeliver(again)
		if err != nil {
			t.Fatalf("its own encoding: %v", err)
		}
		if e.Text() != d.Text() || !bytes.Equal(e.Data, d.Data) || e.From != d.From || e.Coding != d.Coding ||
			e.DCS != d.DCS || e.PID != d.PID || !e.SCTS.Equal(d.SCTS) || !equal(e.Concat, d.Concat) || !equal(e.Ports, d.Ports) {
			t.Fatalf("changed on the way:\n%x\n%x", b, again)
		}
	})
}

func equal[T comparable](a, b *T) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}
