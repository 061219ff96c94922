package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/langnghe/langnghe/device/report"
)

func TestHeaderBits(t *testing.T) {
	for _, h := range []Header{{}, {7, MaxDevice, 31}, {3, 300_007, 5}, {0, 1, 0}} {
		b := h.Append(make([]byte, 0, MinEnvelope))
		b = append(b, make([]byte, MinEnvelope-len(b))...)
		e, err := ParseEnvelope(b)
		if err != nil {
			t.Fatal(err)
		}
		if e.Header() != h {
			t.Errorf("got %+v, want %+v", e.Header(), h)
		}
		if b[0]>>5 != Version {
			t.Errorf("version bits %d", b[0]>>5)
		}
	}
}

func TestPaddedSize(t *testing.T) {
	for _, c := range []struct{ n, want int }{{1, 140}, {140, 140}, {141, 266}, {266, 266}, {267, 399}, {MaxEnvelope, MaxEnvelope}} {
		if got := PaddedSize(c.n); got != c.want {
			t.Errorf("PaddedSize(%d) = %d, want %d", c.n, got, c.want)
		}
	}
}

// TestLongestReport: the limits of a draft fit an envelope, with the widest characters there are.
func TestLongestReport(t *testing.T) {
	long := report.Words(strings.Repeat("𝕊", report.MaxTextRunes))
	b, err := AppendBody(nil, Report{Draft: report.Draft{Text: long, Contact: long}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(b) + Overhead; n > MaxEnvelope {
		t.Errorf("%d bytes, the longest envelope has %d", n, MaxEnvelope)
	}
	if _, err := ParseBody(b); err != nil {
		t.Error(err)
	}
}

func TestBodyRefusesBadDraft(t *testing.T) {
	var fe *report.FieldError
	if _, err := AppendBody(nil, Report{Draft: report.Draft{Text: report.Words("e\u0302")}}); !errors.As(err, &fe) {
		t.Errorf("text in NFD: got %v", err)
	}
	if _, err := AppendBody(nil, Segment{TPDU: make([]byte, maxTPDU+1)}); err == nil {
		t.Error("an overlong TPDU was sealed")
	}
}

func TestAckRoundTrip(t *testing.T) {
	for n := 1; n <= MaxAckTokens; n++ {
		a := Ack{Tokens: make([]Token, n)}
		for i := range a.Tokens {
			a.Tokens[i][0] = byte(i + 1)
		}
		b := a.Append(nil)
		if len(b) > 140 {
			t.Errorf("%d tokens need %d bytes: more than one SMS", n, len(b))
		}
		got, err := ParseAck(b)
		if err != nil || !reflect.DeepEqual(got, a) {
			t.Errorf("%d tokens: got %v, %v", n, got, err)
		}
	}
	good := Ack{Tokens: []Token{{1}}}.Append(nil)
	for name, bad := range map[string][]byte{"empty": nil, "no token": good[:1], "cut": good[:16], "long": append(bytes.Clone(good), 1), "nine": append([]byte{good[0]}, make([]byte, 9*16)...), "first byte": append([]byte{good[0] ^ 1}, good[1:]...)} {
		if _, err := ParseAck(bad); !errors.Is(err, ErrNotAck) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestDeviceName(t *testing.T) {
	for _, i := range []uint32{0, 1, 42, MaxDevice} {
		if got, err := ParseDeviceName(DeviceName(i)); err != nil || got != i {
			t.Errorf("%d: got %d, %v", i, got, err)
		}
	}
	for _, s := range []string{"", "d1", "d0000001", "x000001", "d-00001", "d999999", "d00000a", "d+00001"} {
		if _, err := ParseDeviceName(s); err == nil {
			t.Errorf("%q passes", s)
		}
	}
}

func TestHeartbeat(t *testing.T) {
	b, err := json.Marshal(Heartbeat{Program: "x", Backlog: 3, Signal: 20, CanStore: true})
	if err != nil {
		t.Fatal(err)
	}
	if h, err := ParseHeartbeat(b); err != nil || h.Backlog != 3 || !h.CanStore {
		t.Errorf("got %+v, %v", h, err)
	}
	if _, err := ParseHeartbeat([]byte(`{"backlog":1,"of_a_newer_version":true}`)); err != nil {
		t.Errorf("a newer field: %v", err)
	}
	for _, bad := range []string{"", "{", `{"backlog":-1}`, `{} {}`, `{"program":"` + strings.Repeat("x", 101) + `"}`, strings.Repeat(" ", MaxHeartbeat+1)} {
		if _, err := ParseHeartbeat([]byte(bad)); err == nil {
			t.Errorf("%.20q passes", bad)
		}
	}
}

// FuzzParseBody: what parses marshals to the same bytes; nothing panics.
func FuzzParseBody(f *testing.F) {
	for _, b := range []Body{
		Report{Urgency: report.U0, Draft: report.Draft{Categories: []report.Category{"V1", "S1"}, Text: report.Words("Cứu em với")}},
		Segment{TPDU: report.Words{4, 11, 145}, Time: report.NoBucket},
	} {
		p, err := AppendBody(nil, b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		b, err := ParseBody(p)
		if err != nil {
			return
		}
		again, err := AppendBody(nil, b)
		if err != nil || !bytes.Equal(again, p) {
			t.Fatalf("parsed, but marshals to other bytes (%v)", err)
		}
	})
}

// FuzzParseEnvelope covers envelopes and acks: no frame passes for the other, and acks marshal to the same bytes.
func FuzzParseEnvelope(f *testing.F) {
	f.Add(Header{1, 2, 3}.Append(nil))
	f.Add(append(Header{1, 2, 3}.Append(nil), make([]byte, 136)...))
	f.Add(Ack{Tokens: []Token{{1}, {2}}}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, errE := ParseEnvelope(b)
		a, errA := ParseAck(b)
		if errE == nil && errA == nil {
			t.Fatal("one frame is an envelope and an ack")
		}
		if errE == nil && (!bytes.Equal(e, b) || !bytes.Equal(e.Header().Append(nil), b[:4])) {
			t.Fatal("header does not marshal to the same bytes")
		}
		if errA == nil && !bytes.Equal(a.Append(nil), b) {
			t.Fatal("ack does not marshal to the same bytes")
		}
	})
}
