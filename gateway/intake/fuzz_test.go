package intake_test

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/internal/store"
)

// FuzzIntakeFrame: no bytes without a device's key become a report, whatever the link, and none crash the intake.
func FuzzIntakeFrame(f *testing.F) {
	id, err := seal.NewIdentity(0)
	must(f, err)
	s, err := store.Open(context.Background(), filepath.Join(f.TempDir(), "gateway.db"))
	must(f, err)
	f.Cleanup(func() { must(f, s.Close()) })
	psk, err := seal.NewPSK(1, 0)
	must(f, err)
	key, err := id.Recipient().SealAtRest(intake.LabelPSK, psk.Key[:])
	must(f, err)
	_, err = s.Enrol(context.Background(), noon, func(i uint32) (intake.Device, error) {
		return intake.Device{Index: i, PSK: key}, nil
	})
	must(f, err)
	stranger, err := seal.NewPSK(1, 0)
	must(f, err)
	forged, err := seal.NewSealer(id.Recipient(), stranger).Seal(draft("x"))
	must(f, err)
	f.Add([]byte(forged.Envelope), d1)
	f.Add([]byte(forged.Envelope)[:100], d2)
	f.Add(wire.Ack{Tokens: []wire.Token{{}}}.Append(nil), d1)
	f.Add([]byte{0x44, 0x0b, 0x91, 0x48, 0x19, 0x32, 0x54, 0x76, 0xf8, 0, 4, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3}, "")
	f.Add([]byte(nil), "")
	in, err := intake.New(intake.Config{Store: s, Identity: id, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	must(f, err)
	f.Fuzz(func(t *testing.T, raw []byte, from string) {
		records, refused, err := in.Frame(t.Context(), from, raw)
		if err != nil || records != 0 || refused != 1 {
			t.Fatalf("as a frame: %d records, %d refused, %v", records, refused, err)
		}
		records, refused, err = in.TPDU(t.Context(), raw)
		if err != nil || records+refused > 1 {
			t.Fatalf("as an SMS: %d records, %d refused, %v", records, refused, err)
		}
	})
}
