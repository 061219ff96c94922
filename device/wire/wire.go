// Package wire is the bytes that the kiosk and the gateway agree on: envelopes, acks, what is sealed inside an envelope,
// and heartbeats. SPEC.md beside it is normative; the vectors in testdata are run by both programs. It does no I/O and no
// cryptography.
package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

// Version is the only version of envelopes and acks that this program writes. Parse reads every version ever shipped.
const Version = 1

// Profile says what kind of frame follows byte 0.
type Profile uint8

// Profiles; 1 and 3 are kept for the compact envelope and for test frames.
const (
	ProfileEnvelope Profile = 0
	ProfileAck      Profile = 2
)

// Sizes in bytes.
const (
	headerLen = 4
	encLen    = 32 // X25519 ephemeral public key, RFC 9180 7.1
	tagLen    = 16 // Poly1305, RFC 8439
	// Overhead is what an envelope adds to the padded body.
	Overhead = headerLen + encLen + tagLen
	// MinEnvelope is one SMS of 8-bit data without a UDH (TS 23.040 9.2.3.24). No envelope is shorter.
	MinEnvelope = 140
	// segmentLen is one segment of a concatenated 8-bit SMS whose UDH holds a 16-bit reference (TS 23.040 9.2.3.24.8).
	segmentLen = 133
	// MaxEnvelope is the longest envelope: 128 segments.
	MaxEnvelope = 128 * segmentLen
	// MaxDevice is the largest device index: 19 bits.
	MaxDevice = 1<<19 - 1
)

// Header is the clear part of an envelope: 4 bytes, authenticated by the seal.
type Header struct {
	KEMEpoch uint8  // which intake identity opens it, 0..7
	Device   uint32 // device index, 0..MaxDevice
	PSKEpoch uint8  // which pre-shared key of the device, 0..31
}

// Append writes the four bytes of h.
func (h Header) Append(dst []byte) []byte {
	d := h.Device<<5 | uint32(h.PSKEpoch&31)
	return append(dst, Version<<5|byte(ProfileEnvelope)<<3|h.KEMEpoch&7, byte(d>>16), byte(d>>8), byte(d))
}

// Envelope is a sealed body as it travels, byte for byte the same on every link: header, encapsulated key, ciphertext
// with its tag. Make one only with ParseEnvelope or seal.
type Envelope []byte

// ErrNotEnvelope is the root of every error of ParseEnvelope.
var ErrNotEnvelope = errors.New("wire: not an envelope")

// ParseEnvelope checks the outside of b: version, profile and a size that an envelope can have. It keeps b.
func ParseEnvelope(b []byte) (Envelope, error) {
	switch {
	case len(b) < MinEnvelope || len(b) > MaxEnvelope:
		return nil, fmt.Errorf("%w: %d bytes, want %d to %d", ErrNotEnvelope, len(b), MinEnvelope, MaxEnvelope)
	case b[0]>>5 != Version:
		return nil, fmt.Errorf("%w: version %d, this program reads %d", ErrNotEnvelope, b[0]>>5, Version)
	case Profile(b[0]>>3&3) != ProfileEnvelope:
		return nil, fmt.Errorf("%w: profile %d", ErrNotEnvelope, b[0]>>3&3)
	case PaddedSize(len(b)) != len(b):
		return nil, fmt.Errorf("%w: %d bytes is no size class", ErrNotEnvelope, len(b))
	}
	return Envelope(b), nil
}

// Header returns the clear part.
func (e Envelope) Header() Header {
	d := uint32(e[1])<<16 | uint32(e[2])<<8 | uint32(e[3])
	return Header{KEMEpoch: e[0] & 7, Device: d >> 5, PSKEpoch: uint8(d & 31)}
}

// AAD is what the seal authenticates besides the body: the header.
func (e Envelope) AAD() []byte { return e[:headerLen] }

// Enc is the encapsulated key (RFC 9180 4).
func (e Envelope) Enc() []byte { return e[headerLen : headerLen+encLen] }

// Ciphertext is the sealed body with its tag.
func (e Envelope) Ciphertext() []byte { return e[headerLen+encLen:] }

// ID is the envelope's name on both sides: the first 16 bytes of SHA-256 over all of its bytes. The seal is not malleable,
// so two envelopes with one content have two IDs and one envelope has one.
func (e Envelope) ID() ID {
	h := sha256.Sum256(e)
	return ID(h[:16])
}

// ID names an envelope.
type ID [16]byte

// String is the ID in hex; it tells nothing of the content.
func (i ID) String() string { return hex.EncodeToString(i[:]) }

// ParseID reads what String wrote.
func ParseID(s string) (ID, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(ID{}) {
		return ID{}, errors.New("wire: an envelope ID is 32 hex digits")
	}
	return ID(b), nil
}

// PaddedSize is the smallest size class that holds n bytes of envelope: one whole SMS, or a number of whole segments. An
// observer learns the number of segments and nothing finer, and the padding costs nothing, as an SMS costs the same full
// or empty.
func PaddedSize(n int) int {
	if n <= MinEnvelope {
		return MinEnvelope
	}
	return (n + segmentLen - 1) / segmentLen * segmentLen
}

// Token is an ack for one envelope: 16 bytes that only who opened the envelope can make (invariant 4).
type Token [16]byte

// Hash is what the device keeps of a token it has not yet been shown.
func (t Token) Hash() TokenHash { return sha256.Sum256(t[:]) }

// TokenHash is the SHA-256 of a token.
type TokenHash [32]byte

// MaxAckTokens fit one 8-bit SMS beside the first byte.
const MaxAckTokens = 8

// Ack is the gateway's acknowledgement of one to eight envelopes.
type Ack struct{ Tokens []Token }

// ErrNotAck is the root of every error of ParseAck.
var ErrNotAck = errors.New("wire: not an ack")

// Append writes a to dst. It panics for no tokens or more than MaxAckTokens: that is a programming error.
func (a Ack) Append(dst []byte) []byte {
	if len(a.Tokens) == 0 || len(a.Tokens) > MaxAckTokens {
		panic("wire: an ack holds 1 to 8 tokens, not " + strconv.Itoa(len(a.Tokens)))
	}
	dst = append(dst, Version<<5|byte(ProfileAck)<<3)
	for _, t := range a.Tokens {
		dst = append(dst, t[:]...)
	}
	return dst
}

// ParseAck reads an ack. What parses marshals to the same bytes.
func ParseAck(b []byte) (Ack, error) {
	if len(b) == 0 || b[0] != Version<<5|byte(ProfileAck)<<3 {
		return Ack{}, fmt.Errorf("%w: first byte", ErrNotAck)
	}
	b = b[1:]
	if len(b) == 0 || len(b)%16 != 0 || len(b)/16 > MaxAckTokens {
		return Ack{}, fmt.Errorf("%w: %d bytes of tokens", ErrNotAck, len(b))
	}
	var a Ack
	for ; len(b) > 0; b = b[16:] {
		a.Tokens = append(a.Tokens, Token(b[:16]))
	}
	return a, nil
}

// DeviceName is the name of the device with index i everywhere outside an envelope: certificate CN, MQTT client ID and
// topic level.
func DeviceName(i uint32) string { return fmt.Sprintf("d%06d", i) }

// ParseDeviceName reads what DeviceName wrote.
func ParseDeviceName(s string) (uint32, error) {
	n, err := strconv.ParseUint(strTail(s), 10, 32)
	if err != nil || n > MaxDevice || s != DeviceName(uint32(n)) {
		return 0, errors.New("wire: a device name is d and six digits")
	}
	return uint32(n), nil
}

func strTail(s string) string {
	if len(s) != 7 || s[0] != 'd' {
		return ""
	}
	return s[1:]
}

// TopicReport is where a device publishes its envelopes. A device may publish to its report and heartbeat topics and
// subscribe to its ack topic, and to no other.
func TopicReport(device string) string { return "r/" + device }

// TopicHeartbeat is where a device publishes its heartbeats.
func TopicHeartbeat(device string) string { return "hb/" + device }

// TopicAck is where the gateway publishes the acks for a device.
func TopicAck(device string) string { return "d/" + device + "/ack" }
