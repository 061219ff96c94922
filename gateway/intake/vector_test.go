package intake_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/device/wire/wiretest"
	"github.com/langnghe/langnghe/gateway/intake"
)

// oneDevice is a store in which the vectors' device is enrolled.
type oneDevice struct {
	intake.Store
	index uint32
	epoch uint8
	psk   []byte // sealed
}

func (o *oneDevice) Device(_ context.Context, index uint32) (intake.Device, error) {
	if index != o.index {
		return intake.Device{}, intake.ErrNoDevice
	}
	return intake.Device{Index: index, PSKEpoch: o.epoch, PSK: o.psk}, nil
}

// TestVectors has the published vectors come in as arrivals: the kiosk's seal reads the same files.
func TestVectors(t *testing.T) {
	var device wire.Header // of the vectors' device
	wiretest.Each(t, "envelope", func(t *testing.T, v wiretest.Vector) {
		if env, err := wire.ParseEnvelope(v.Hex(t, "envelope")); err == nil && v.Expect == "ok" {
			device = env.Header()
		}
	})
	wiretest.Each(t, "envelope", func(t *testing.T, v wiretest.Vector) {
		r := newRig(t)
		must(t, r.id.UnmarshalText(fmt.Appendf(nil, "langnghe-intake-identity-v1 epoch=%s %s\n", v.Text("kem-epoch"),
			base64.StdEncoding.EncodeToString(v.Hex(t, "identity")))))
		key, err := r.id.Recipient().SealAtRest(intake.LabelPSK, v.Hex(t, "psk"))
		must(t, err)
		r.wrap = func(s intake.Store) intake.Store { return &oneDevice{s, device.Device, device.PSKEpoch, key} }
		r.restart()
		raw := v.Hex(t, "envelope")
		from := wire.DeviceName(device.Device)
		if env, err := wire.ParseEnvelope(raw); err == nil {
			from = wire.DeviceName(env.Header().Device)
		}
		r.mqtt(from, raw)
		r.drain()
		reasons := map[string][]string{
			"envelope": {intake.ReasonMalformed, intake.ReasonTruncated},
			"forged":   {intake.ReasonForged, intake.ReasonUnknown, intake.ReasonUnknownKey},
			"body":     {intake.ReasonUnreadable},
		}[v.Expect]
		if v.Expect != "ok" {
			var n int64
			for _, reason := range reasons {
				n += r.counts()["mqtt "+reason]
			}
			if n != 1 || len(r.acks) != 0 || len(r.cases()) != 0 {
				t.Errorf("counters %v, %d acks, %d cases", r.counts(), len(r.acks), len(r.cases()))
			}
			return
		}
		acks := r.acked("mqtt", from)
		if len(acks) != 1 || hex.EncodeToString(acks[0][:]) != v.Text("token") {
			t.Fatalf("%d acks, or not with the vector's token", len(acks))
		}
		known, err := r.store.Known(t.Context(), []wire.ID{wire.Envelope(raw).ID()})
		must(t, err)
		if p := known[wire.Envelope(raw).ID()]; p.ID.String() != v.Text("id") {
			t.Errorf("recorded as %s", p.ID)
		}
	})
}
