package pdu

import (
	"fmt"
	"strings"
	"testing"
)

func TestOnePersonHasOneNumber(t *testing.T) {
	for _, tc := range []struct {
		in, number string
		toa        byte
	}{
		{"0912345678", "+84912345678", 0x91},
		{"+84912345678", "+84912345678", 0x91},
		{"84912345678", "+84912345678", 0x91},
		{"0084912345678", "+84912345678", 0x91},
		{"+84 (0)912 345 678", "+84912345678", 0x91},
		{"+840912345678", "+84912345678", 0x91},
		{"0841234567", "+84841234567", 0x91}, // a Vinaphone number that begins like the country code
		{"02438253663", "+842438253663", 0x91},
		{"+14155550123", "+14155550123", 0x91},
		{"111", "111", 0x81},
		{"195", "195", 0x81},
		{"900900", "900900", 0x81},
		{"19001234", "19001234", 0x81},
		{"*101#", "*101#", 0x81},
		{"Viettel", "Viettel", 0xD0},
	} {
		a, err := ParseAddress(tc.in)
		if err != nil || a.Number() != tc.number || a.TON != tc.toa {
			t.Errorf("ParseAddress(%q) = %q %#x, %v; want %q %#x", tc.in, a.Number(), a.TON, err, tc.number, tc.toa)
		}
	}
}

func TestBadAddressIsRefusedWithoutRepeatingIt(t *testing.T) {
	for _, in := range []string{"", "+", "12", "+1", "09-12x34567890123", "+84abc", "Tổng đài rất dài", strings.Repeat("9", 25), "!!"} {
		_, err := ParseAddress(in)
		if err == nil {
			t.Errorf("ParseAddress(%q) was accepted", in)
		} else if len(in) > 2 && strings.Contains(err.Error(), in) {
			t.Errorf("the error repeats the address: %v", err)
		}
	}
}

// The same subscriber as seven networks write him in TP-OA.
func TestReceivedAddressIsNormalised(t *testing.T) {
	for name, field := range map[string][]byte{
		"international":            {11, 0x91, 0x48, 0x19, 0x32, 0x54, 0x76, 0xF8},
		"national with zero":       {10, 0xA1, 0x90, 0x21, 0x43, 0x65, 0x87},
		"national without zero":    {9, 0xA1, 0x19, 0x32, 0x54, 0x76, 0xF8},
		"unknown with zero":        {10, 0x81, 0x90, 0x21, 0x43, 0x65, 0x87},
		"unknown with country":     {11, 0x81, 0x48, 0x19, 0x32, 0x54, 0x76, 0xF8},
		"wrongly international":    {10, 0x91, 0x90, 0x21, 0x43, 0x65, 0x87},
		"missing fill nibble":      {11, 0x91, 0x48, 0x19, 0x32, 0x54, 0x76, 0x08},
		"international with 00":    {13, 0x91, 0x00, 0x48, 0x19, 0x32, 0x54, 0x76, 0xF8},
		"subscriber, private plan": {10, 0xC9, 0x90, 0x21, 0x43, 0x65, 0x87},
	} {
		a, n, err := decodeAddress(field)
		if err != nil || n != len(field) || a.Number() != "+84912345678" {
			t.Errorf("%s: got %q, %d octets, %v", name, a.Number(), n, err)
		}
	}
	short, _, err := decodeAddress([]byte{3, 0xC9, 0x91, 0xF5})
	if err != nil || short.Number() != "195" || short.TON != 0x81 {
		t.Errorf("short code: %q %#x %v", short.Number(), short.TON, err)
	}
}

func TestAnswerable(t *testing.T) {
	for in, want := range map[string]bool{
		"0912345678": true, "+84912345678": true, "+14155550123": true, "195": false, "8055": false,
		"111": false, "19001234": false, "18001567": false, "Viettel": false, "*101#": false, "911911": true,
	} {
		a, err := ParseAddress(in)
		if err != nil || a.Answerable() != want {
			t.Errorf("%s: Answerable() = %v, %v", in, a.Answerable(), err)
		}
	}
	if (Address{}).Answerable() || (Address{}).Equal(Address{}) {
		t.Error("no address answers or equals nothing")
	}
}

// invariant 8: no verb of fmt tells a number, a name or a word.
func TestPrintingTellsNothing(t *testing.T) {
	number, _ := ParseAddress("0912345678")
	name, _ := ParseAddress("Viettel")
	subs, err := SubmitText(number, "canary", 1, SubmitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fields, err := DecodeSubmit(subs[0].TPDU)
	if err != nil {
		t.Fatal(err)
	}
	all := struct {
		A, B Address
		D    Deliver
		S    Submit
		F    SubmitFields
		P    []Part
	}{number, name, fields.Deliver(number, at(0)), subs[0], fields, []Part{{Deliver: fields.Deliver(name, at(0))}}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out := strings.ToLower(fmt.Sprintf(verb, all))
		for _, secret := range []string{"912345", "viettel", "canary", "63616e617279", "199 ", "48193"} {
			if strings.Contains(out, secret) {
				t.Errorf("%s tells %q: %s", verb, secret, out)
			}
		}
	}
}
