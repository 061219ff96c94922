package intake_test

import (
	"strings"
	"testing"

	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/gateway/intake"
)

// A row that another identity made must not take the others' way to the centre: invariant 5 holds for them still.
func TestDeviceWhoseSecretsDoNotOpenIsRefusedAlone(t *testing.T) {
	r := newRig(t)
	own := r.id
	foreign, err := seal.NewIdentity(0)
	must(t, err)
	r.id = foreign
	r.enrol("+84900000003")
	locked := r.seal(3, draft("khoá"))
	r.id = own

	r.mqtt("d000003", locked.Envelope)
	r.sms(binary(t, "+84900000003", locked.Envelope, noon, 3)...)
	r.mqtt("d000003", r.seal(3, draft("nữa")).Envelope)
	good := r.seal(1, draft("mở"))
	r.mqtt("d000001", good.Envelope)
	r.drain()
	if _, content := r.one(); string(content[0].Draft.Text) != "mở" {
		t.Error("the other device's report is not the one that came")
	}
	if c := r.counts(); c["mqtt "+intake.ReasonDeviceKey] != 2 || c["sms "+intake.ReasonDeviceKey] != 1 {
		t.Errorf("counters %v", c)
	}
	if len(r.acked(intake.LinkMQTT, "d000003")) != 0 || len(r.acked(intake.LinkMQTT, "d000001")) != 1 {
		t.Error("acks went to the wrong device")
	}
	if n := strings.Count(r.logs.String(), "what is stored of a device does not open"); n != 1 {
		t.Errorf("it was said %d times, want once", n)
	}
}
