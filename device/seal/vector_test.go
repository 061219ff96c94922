package seal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/device/wire/wiretest"
)

var update = flag.Bool("update", false, "write the wire vectors anew (only for a new version of the format)")

// vectorKeys are the keys of every vector: published, so good for nothing else.
func vectorKeys(t testing.TB) (Identity, PSK) {
	sk, err := scheme.UnmarshalBinaryPrivateKey(bytes.Repeat([]byte{0x42}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return Identity{epoch: 3, key: sk}, PSK{Device: 300_007, Epoch: 5, Key: [32]byte(bytes.Repeat([]byte{0x17}, 32))}
}

func sampleReport() wire.Report {
	return wire.Report{
		Urgency: report.U1,
		Time:    report.Bucket{HalfDay: 2113, Trusted: true},
		Draft: report.Draft{
			Door: report.DoorScreen, Speaker: report.SpeakerSelf, Categories: []report.Category{"V1", "P1"},
			When: report.WhenRepeated, Age: report.Age9to11, Sex: report.SexFemale, Alleged: report.AllegedStepParent,
			Environment: report.EnvironmentFamily, Injured: true,
			Place: report.Place{Commune: 26734, Name: report.Words("thôn Nà Lâu")},
			Text:  report.Words("Dượng hay đánh em, em sợ lắm ạ."), Contact: report.Words("giờ ra chơi, ở thư viện"),
		},
	}
}

// TestVectors seals and opens the published vectors; the gateway's intake opens the same files.
func TestVectors(t *testing.T) {
	id, psk := vectorKeys(t)
	if *update {
		writeVectors(t, id, psk)
		t.Skip("vectors written: run again without -update")
	}
	wiretest.Each(t, "envelope", func(t *testing.T, v wiretest.Vector) {
		raw := v.Hex(t, "envelope")
		env, err := wire.ParseEnvelope(raw)
		if v.Expect == "envelope" {
			if !errors.Is(err, wire.ErrNotEnvelope) {
				t.Fatalf("got %v, want a refusal of the outside", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := env.ID().String(); v.Text("id") != "" && got != v.Text("id") {
			t.Errorf("id %s, want %s", got, v.Text("id"))
		}
		o, err := id.Open(env, psk)
		switch v.Expect {
		case "forged":
			if !errors.Is(err, ErrForged) {
				t.Fatalf("got %v, want ErrForged", err)
			}
			return
		case "body":
			if !errors.Is(err, wire.ErrNotBody) {
				t.Fatalf("got %v, want ErrNotBody", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(o.Token[:]); got != v.Text("token") {
			t.Errorf("token %s, want %s", got, v.Text("token"))
		}
		if o.Receipt.Digits() != v.Text("receipt") {
			t.Errorf("receipt differs")
		}
		s, err := NewSealer(id.Recipient(), psk).sealFrom(bytes.NewReader(v.Hex(t, "ephemeral-seed")), o.Body)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(s.Envelope, raw) {
			t.Error("the body sealed again from the same seed gives other bytes")
		}
		if s.AckHash != o.Token.Hash() || s.Receipt != o.Receipt {
			t.Error("sealer and opener export different tokens or receipts")
		}
	})
}

func writeVectors(t *testing.T, id Identity, psk PSK) {
	write := func(name, remark, expect string, env wire.Envelope, seed []byte, s Sealed, token wire.Token) {
		var b bytes.Buffer
		fmt.Fprintf(&b, "# %s\nkind: envelope\nexpect: %s\nidentity: %x\nkem-epoch: %d\npsk: %x\n", remark, expect, bytes.Repeat([]byte{0x42}, 32), id.epoch, psk.Key)
		fmt.Fprintf(&b, "envelope: %x\n", []byte(env))
		if expect == "ok" {
			fmt.Fprintf(&b, "ephemeral-seed: %x\nid: %s\ntoken: %x\nreceipt: %s\n", seed, env.ID(), token, s.Receipt.Digits())
		}
		if err := os.WriteFile(filepath.Join("..", "wire", "wiretest", "testdata", name+".txt"), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sealOne := func(n byte, b wire.Body) (Sealed, []byte, wire.Token) {
		seed := bytes.Repeat([]byte{n}, 32)
		s, err := NewSealer(id.Recipient(), psk).sealFrom(bytes.NewReader(seed), b)
		if err != nil {
			t.Fatal(err)
		}
		o, err := id.Open(s.Envelope, psk)
		if err != nil {
			t.Fatal(err)
		}
		return s, seed, o.Token
	}
	s, seed, tok := sealOne(1, sampleReport())
	write("report", "a child's report with every kind of field", "ok", s.Envelope, seed, s, tok)
	short := wire.Report{Urgency: report.U3, Time: report.NoBucket, Draft: report.Draft{Door: report.DoorScreen, Categories: []report.Category{"R1"}}}
	one, seed1, tok1 := sealOne(2, short)
	write("report-smallest", "one card and nothing else: one SMS", "ok", one.Envelope, seed1, one, tok1)
	newer := wire.Report{Urgency: report.U2, Draft: report.Draft{Categories: []report.Category{"Z9"}, Alleged: 200, When: 99}}
	nw, seedn, tokn := sealOne(3, newer)
	write("report-newer", "a category and facets that this version does not know survive", "ok", nw.Envelope, seedn, nw, tokn)
	seg, segSeed, segTok := sealOne(4, wire.Segment{TPDU: bytes.Repeat([]byte{0xA5}, 30), Time: report.NoBucket})
	write("segment", "a villager's SMS segment", "ok", seg.Envelope, segSeed, seg, segTok)

	flip := func(i int) wire.Envelope {
		e := bytes.Clone(one.Envelope)
		e[i] ^= 0x80
		return e
	}
	write("forged-tag", "last byte changed", "forged", flip(len(one.Envelope)-1), nil, Sealed{}, wire.Token{})
	write("forged-body", "a byte of the ciphertext changed", "forged", flip(60), nil, Sealed{}, wire.Token{})
	write("forged-enc-high-bit", "X25519 ignores the highest bit of enc; the key schedule does not, so this must not open", "forged", flip(35), nil, Sealed{}, wire.Token{})
	write("forged-device", "another device index in the header", "forged", flip(2), nil, Sealed{}, wire.Token{})
	write("truncated", "one byte short", "envelope", one.Envelope[:139], nil, Sealed{}, wire.Token{})
	write("no-size-class", "one byte more than an SMS", "envelope", append(bytes.Clone(one.Envelope), 0), nil, Sealed{}, wire.Token{})
	v2 := bytes.Clone(one.Envelope)
	v2[0] = v2[0]&0x1f | 2<<5
	write("version-2", "a version that this program does not read", "envelope", v2, nil, Sealed{}, wire.Token{})
}

// TestVectorBodies seals hostile bodies with the right keys: a device gone wrong must not reach the gateway's tables.
func TestVectorBodies(t *testing.T) {
	id, psk := vectorKeys(t)
	good, err := wire.AppendBody(nil, sampleReport())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(b []byte) []byte{
		"schema":       func(b []byte) []byte { b[0] ^= 0x20; return b },
		"codec":        func(b []byte) []byte { b[0] ^= 0x02; return b },
		"kind":         func(b []byte) []byte { b[1] = 9; return b },
		"urgency":      func(b []byte) []byte { b[5] = 7; return b },
		"padding":      func(b []byte) []byte { b[len(b)-1] = 1; return b },
		"more padding": func(b []byte) []byte { return append(b, make([]byte, 133)...) },
		"cut":          func(b []byte) []byte { return b[:wire.MinEnvelope-wire.Overhead] },
	} {
		t.Run(name, func(t *testing.T) {
			env := sealRaw(t, id, psk, change(bytes.Clone(good)))
			if _, err := id.Open(env, psk); !errors.Is(err, wire.ErrNotBody) {
				t.Errorf("got %v, want ErrNotBody", err)
			}
		})
	}
}

func sealRaw(t *testing.T, id Identity, psk PSK, plain []byte) wire.Envelope {
	t.Helper()
	h := wire.Header{KEMEpoch: id.epoch, Device: psk.Device, PSKEpoch: psk.Epoch}
	env := wire.Envelope(h.Append(nil))
	snd, err := suite.NewSender(id.Recipient().key, info(env))
	if err != nil {
		t.Fatal(err)
	}
	enc, ctx, err := snd.SetupPSK(bytes.NewReader(bytes.Repeat([]byte{9}, 32)), psk.Key[:], pskID(h))
	if err != nil {
		t.Fatal(err)
	}
	ct, err := ctx.Seal(plain, env)
	if err != nil {
		t.Fatal(err)
	}
	return append(append(env, enc...), ct...)
}
