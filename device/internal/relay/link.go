package relay

import (
	"context"
	"errors"

	"github.com/langnghe/langnghe/device/wire"
)

// Link is a way out of this device and back. linktest.Run proves that an implementation keeps this contract.
type Link interface {
	// Name is MQTT or SMS.
	Name() string
	// Ready tells whether Send has a chance now. It never blocks.
	Ready() bool
	// Send hands env to the carrier; nil means the carrier took it, which is not an ack. ErrNotSent means nothing left
	// this device. Any other error means the outcome is unknown, and the envelope counts as perhaps sent. After its
	// first byte has left, Send heeds the carrier's deadline, no longer ctx. It may be called from many goroutines.
	Send(ctx context.Context, env wire.Envelope) error
	// Run keeps the link up until ctx ends. It calls deliver for each inbound payload, and acknowledges it to the
	// carrier only after deliver has returned nil; a payload that deliver refused is delivered again.
	Run(ctx context.Context, deliver func(context.Context, []byte) error) error
}

// The names of the two links.
const (
	MQTT = "mqtt"
	SMS  = "sms"
)

// ErrNotSent is the error of a Send of which nothing has left this device.
var ErrNotSent = errors.New("not sent")
