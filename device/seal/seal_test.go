package seal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/langnghe/langnghe/device/wire"
)

func newKeys(t testing.TB) (Identity, PSK) {
	t.Helper()
	id, err := NewIdentity(1)
	if err != nil {
		t.Fatal(err)
	}
	psk, err := NewPSK(7, 0)
	if err != nil {
		t.Fatal(err)
	}
	return id, psk
}

// TestAckNeedsOpener protects invariant 4: the token comes from the envelope's own context, so neither the device's key
// nor another identity makes it.
func TestAckNeedsOpener(t *testing.T) {
	id, psk := newKeys(t)
	a, err := NewSealer(id.Recipient(), psk).Seal(sampleReport())
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewSealer(id.Recipient(), psk).Seal(sampleReport())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a.Envelope, b.Envelope) || a.AckHash == b.AckHash || a.Receipt == b.Receipt {
		t.Fatal("two seals of one body share bytes")
	}
	o, err := id.Open(a.Envelope, psk)
	if err != nil {
		t.Fatal(err)
	}
	if o.Token.Hash() != a.AckHash || o.Token.Hash() == b.AckHash {
		t.Error("the token is not the envelope's own")
	}
	other, otherPSK := newKeys(t)
	for name, open := range map[string]func() (Opened, error){
		"another identity": func() (Opened, error) { return other.Open(a.Envelope, psk) },
		"another key":      func() (Opened, error) { return id.Open(a.Envelope, otherPSK) },
		"another device":   func() (Opened, error) { p := psk; p.Device++; return id.Open(a.Envelope, p) },
		"another epoch":    func() (Opened, error) { p := psk; p.Epoch++; return id.Open(a.Envelope, p) },
	} {
		if _, err := open(); !errors.Is(err, ErrForged) {
			t.Errorf("%s: got %v, want ErrForged", name, err)
		}
	}
}

// TestEveryBitCounts flips each bit of an envelope: none may open (the seal is not malleable, so one ID is one content).
func TestEveryBitCounts(t *testing.T) {
	id, psk := newKeys(t)
	s, err := NewSealer(id.Recipient(), psk).Seal(wire.Segment{TPDU: []byte{1, 2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(s.Envelope) * 8 {
		e := wire.Envelope(bytes.Clone(s.Envelope))
		e[i/8] ^= 1 << (i % 8)
		if _, err := id.Open(e, psk); err == nil {
			t.Fatalf("bit %d of byte %d changed and it still opens", i%8, i/8)
		}
	}
}

func TestAtRest(t *testing.T) {
	id, _ := newKeys(t)
	b, err := id.Recipient().SealAtRest("psk", []byte("words"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("words")) {
		t.Error("stored in clear")
	}
	if p, err := id.OpenAtRest("psk", b); err != nil || string(p) != "words" {
		t.Errorf("got %q, %v", p, err)
	}
	if _, err := id.OpenAtRest("arrival", b); !errors.Is(err, ErrForged) {
		t.Errorf("another label: got %v", err)
	}
	for n := range b {
		if _, err := id.OpenAtRest("psk", b[:n]); !errors.Is(err, ErrForged) {
			t.Fatalf("cut to %d bytes: got %v", n, err)
		}
	}
}

func TestKeyFiles(t *testing.T) {
	id, psk := newKeys(t)
	idText, err := id.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var id2 Identity
	if err := id2.UnmarshalText(idText); err != nil || id2.epoch != id.epoch || !id2.key.Equal(id.key) {
		t.Errorf("identity: %v", err)
	}
	rText, err := id.Recipient().MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var r Recipient
	if err := r.UnmarshalText(rText); err != nil || !r.key.Equal(id.Recipient().key) {
		t.Errorf("recipient: %v", err)
	}
	pText, err := psk.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var p PSK
	if err := p.UnmarshalText(pText); err != nil || p != psk {
		t.Errorf("device key: %v", err)
	}
	if err := r.UnmarshalText(idText); err == nil {
		t.Error("an identity passes for a recipient")
	}
	for _, bad := range []string{"", "langnghe-device-key-v1 device=1 epoch=0 AAAA\n", "langnghe-device-key-v1 device=524288 epoch=0 " + strings.Repeat("A", 43) + "=\n"} {
		if err := p.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q passes for a device key", bad)
		}
	}
}

// TestSecretFiles: what others could read is refused, with the way out in the sentence.
func TestSecretFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "device.key")
	if err := WriteSecret(path, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadSecret(path); err != nil || string(b) != "x" {
		t.Fatalf("got %q, %v", b, err)
	}
	if err := WriteSecret(path, []byte("y")); err == nil {
		t.Error("an existing key was overwritten")
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSecret(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: got %v", mode, err)
		}
	}
	// What an absent file is only its reader knows: a hint given here once told a gateway to make a new identity.
	if _, err := ReadSecret(path + ".none"); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "gateway") {
		t.Errorf("missing file: got %v", err)
	}
}

// FuzzOpen feeds anything that looks like an envelope to the opener: it must refuse without a panic.
func FuzzOpen(f *testing.F) {
	id, psk := vectorKeys(f)
	// From a fixed seed: the fuzzer's workers are processes of their own and must know the same envelope.
	s, err := NewSealer(id.Recipient(), psk).sealFrom(bytes.NewReader(make([]byte, 32)), sampleReport())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(s.Envelope))
	f.Add(make([]byte, wire.MinEnvelope))
	f.Fuzz(func(t *testing.T, b []byte) {
		env, err := wire.ParseEnvelope(b)
		if err != nil {
			return
		}
		if _, err := id.Open(env, psk); err == nil && !bytes.Equal(b, s.Envelope) {
			t.Fatal("something else than what was sealed opens")
		}
	})
}
