// Package seal seals a body to the gateway's intake recipient and opens it again, and derives from the same HPKE context
// the ack token and the receipt, so that neither costs a byte on the way.
//
// HPKE (RFC 9180) mode_psk, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305. The pre-shared key authenticates
// the device at no cost in bytes. No secret that a device keeps opens what it has sealed: the ephemeral key dies in RAM.
package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/hpke"
	"github.com/cloudflare/circl/kem"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/wire"
)

var suite = hpke.NewSuite(hpke.KEM_X25519_HKDF_SHA256, hpke.KDF_HKDF_SHA256, hpke.AEAD_ChaCha20Poly1305)

var scheme = hpke.KEM_X25519_HKDF_SHA256.Scheme()

// Labels of what is exported from an envelope's context (RFC 9180 5.3).
var (
	exportAck     = []byte("langnghe ack token v1")
	exportReceipt = []byte("langnghe receipt v1")
)

func info(env wire.Envelope) []byte { return append([]byte("langnghe envelope v1 "), env[0]) }

func pskID(h wire.Header) []byte { return append([]byte("langnghe psk v1 "), h.Append(nil)[1:]...) }

// Recipient is the public half of an intake identity: what a device seals to.
type Recipient struct {
	epoch uint8
	key   kem.PublicKey
}

// Epoch is the KEM epoch, 0..7.
func (r Recipient) Epoch() uint8 { return r.epoch }

// Identity is the private half, which only the gateway holds.
type Identity struct {
	epoch uint8
	key   kem.PrivateKey
}

// NewIdentity makes an intake identity for a KEM epoch, 0..7.
func NewIdentity(epoch uint8) (Identity, error) {
	if epoch > 7 {
		return Identity{}, fmt.Errorf("seal: KEM epoch %d is beyond 7", epoch)
	}
	_, sk, err := scheme.GenerateKeyPair()
	if err != nil {
		return Identity{}, fmt.Errorf("make intake identity: %w", err)
	}
	return Identity{epoch, sk}, nil
}

// Recipient is i's public half.
func (i Identity) Recipient() Recipient { return Recipient{i.epoch, i.key.Public()} }

// Epoch is the KEM epoch, 0..7.
func (i Identity) Epoch() uint8 { return i.epoch }

// PSK is the pre-shared key of one device: it proves that an envelope is the device's, and opens nothing.
type PSK struct {
	Device uint32 // device index
	Epoch  uint8  // 0..31
	Key    [32]byte
}

// NewPSK makes a key for a device.
func NewPSK(device uint32, epoch uint8) (PSK, error) {
	if device > wire.MaxDevice || epoch > 31 {
		return PSK{}, fmt.Errorf("seal: device %d or PSK epoch %d is out of range", device, epoch)
	}
	p := PSK{Device: device, Epoch: epoch}
	if _, err := rand.Read(p.Key[:]); err != nil {
		return PSK{}, fmt.Errorf("make device key: %w", err)
	}
	return p, nil
}

// Sealer seals for one device. It is safe for concurrent use.
type Sealer struct {
	to  Recipient
	psk PSK
}

// NewSealer returns a sealer of the device that p belongs to.
func NewSealer(to Recipient, p PSK) *Sealer { return &Sealer{to, p} }

// Sealed is an envelope with what the device may keep and show of its context. The receipt is for the reporter alone and
// is never stored.
type Sealed struct {
	Envelope wire.Envelope
	AckHash  wire.TokenHash
	Receipt  report.Receipt
}

// Seal encodes and seals b. The encoded plaintext is wiped; the caller wipes b.
func (s *Sealer) Seal(b wire.Body) (Sealed, error) { return s.sealFrom(rand.Reader, b) }

// sealFrom is Seal with the ephemeral key drawn from rnd: the vectors need it.
func (s *Sealer) sealFrom(rnd io.Reader, b wire.Body) (Sealed, error) {
	// One allocation of the largest size: a slice that grows would leave copies of the words behind.
	plain, err := wire.AppendBody(make([]byte, 0, wire.MaxEnvelope), b)
	if err != nil {
		return Sealed{}, err
	}
	defer clear(plain[:cap(plain)])
	h := wire.Header{KEMEpoch: s.to.epoch, Device: s.psk.Device, PSKEpoch: s.psk.Epoch}
	env := wire.Envelope(h.Append(make([]byte, 0, len(plain)+wire.Overhead)))
	sender, err := suite.NewSender(s.to.key, info(env))
	if err != nil {
		return Sealed{}, fmt.Errorf("seal: %w", err)
	}
	enc, ctx, err := sender.SetupPSK(rnd, s.psk.Key[:], pskID(h))
	if err != nil {
		return Sealed{}, fmt.Errorf("seal: %w", err)
	}
	ct, err := ctx.Seal(plain, env)
	if err != nil {
		return Sealed{}, fmt.Errorf("seal: %w", err)
	}
	env = append(append(env, enc...), ct...)
	return Sealed{
		Envelope: env,
		AckHash:  wire.Token(ctx.Export(exportAck, 16)).Hash(),
		Receipt:  report.NewReceipt(ctx.Export(exportReceipt, 8)),
	}, nil
}

// Opened is what stood in an envelope, with the ack that only its opener can make.
type Opened struct {
	Body    wire.Body
	Token   wire.Token
	Receipt report.Receipt
}

// ErrForged is the error of an envelope that does not open: not sealed to this identity, not by the device that it
// names, or changed on the way.
var ErrForged = errors.New("seal: the envelope does not open")

// Open opens env with i and the key of the device that env names.
func (i Identity) Open(env wire.Envelope, p PSK) (Opened, error) {
	h := env.Header()
	if h.KEMEpoch != i.epoch || h.Device != p.Device || h.PSKEpoch != p.Epoch {
		return Opened{}, fmt.Errorf("%w: it names another key", ErrForged)
	}
	rcv, err := suite.NewReceiver(i.key, info(env))
	if err != nil {
		return Opened{}, fmt.Errorf("open: %w", err)
	}
	ctx, err := rcv.SetupPSK(env.Enc(), p.Key[:], pskID(h))
	if err != nil {
		return Opened{}, ErrForged
	}
	plain, err := ctx.Open(env.Ciphertext(), env.AAD())
	if err != nil {
		return Opened{}, ErrForged
	}
	defer clear(plain)
	b, err := wire.ParseBody(plain)
	if err != nil {
		return Opened{}, err
	}
	return Opened{
		Body:    b,
		Token:   wire.Token(ctx.Export(exportAck, 16)),
		Receipt: report.NewReceipt(ctx.Export(exportReceipt, 8)),
	}, nil
}
