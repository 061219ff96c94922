package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/device/wire/wiretest"
)

func TestAckVectors(t *testing.T) {
	wiretest.Each(t, "ack", func(t *testing.T, v wiretest.Vector) {
		a, err := wire.ParseAck(v.Hex(t, "ack"))
		if v.Expect == "ack" {
			if !errors.Is(err, wire.ErrNotAck) {
				t.Fatalf("got %v, want a refusal", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var tokens []byte
		for _, k := range a.Tokens {
			tokens = append(tokens, k[:]...)
		}
		if !bytes.Equal(tokens, v.Hex(t, "tokens")) || !bytes.Equal(a.Append(nil), v.Hex(t, "ack")) {
			t.Error("other tokens or other bytes")
		}
	})
}
