package seal

import (
	"crypto/rand"
	"fmt"
)

// What lies at rest is sealed in HPKE base mode: who holds only the recipient can store, and nobody can read without
// the identity. Layout: one byte of KEM epoch, enc (32), ciphertext with tag.

func restInfo(label string) []byte { return []byte("langnghe at rest v1 " + label) }

// SealAtRest seals plain for storage. The label says what it is ("psk", "arrival"): what was sealed under one label does
// not open under another. The caller wipes plain.
func (r Recipient) SealAtRest(label string, plain []byte) ([]byte, error) {
	sender, err := suite.NewSender(r.key, restInfo(label))
	if err != nil {
		return nil, fmt.Errorf("seal at rest: %w", err)
	}
	enc, ctx, err := sender.Setup(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("seal at rest: %w", err)
	}
	ct, err := ctx.Seal(plain, []byte{r.epoch})
	if err != nil {
		return nil, fmt.Errorf("seal at rest: %w", err)
	}
	return append(append([]byte{r.epoch}, enc...), ct...), nil
}

// OpenAtRest opens what SealAtRest made under the same label.
func (i Identity) OpenAtRest(label string, sealed []byte) ([]byte, error) {
	if len(sealed) < 1+32+16 || sealed[0] != i.epoch {
		return nil, fmt.Errorf("%w: not sealed at rest to KEM epoch %d", ErrForged, i.epoch)
	}
	rcv, err := suite.NewReceiver(i.key, restInfo(label))
	if err != nil {
		return nil, fmt.Errorf("open at rest: %w", err)
	}
	ctx, err := rcv.Setup(sealed[1:33])
	if err != nil {
		return nil, ErrForged
	}
	plain, err := ctx.Open(sealed[33:], sealed[:1])
	if err != nil {
		return nil, ErrForged
	}
	return plain, nil
}
