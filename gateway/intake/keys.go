package intake

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
)

// Labels of what is sealed at rest.
const (
	labelArrival    = "arrival"    // an SMS as it came
	labelReport     = "report"     // an SMS that is part of a report
	labelQuarantine = "quarantine" // a refused frame
	labelAnswer     = "answer"     // a number that is owed an answer
	LabelPSK        = "psk"        // a device's pre-shared key
	LabelMSISDN     = "msisdn"     // a device's number
)

// keys opens what devices have been given and marks what must be recognised without being readable.
type keys struct {
	identity seal.Identity
	mark     []byte // key of the marks; it follows from the identity, so that it needs no place of its own

	mu   sync.Mutex // guards psks and numbers; officers open reports beside work
	psks map[uint32]cached
	nums map[uint32]cached
	told map[uint32]bool // devices of which it was logged that they don't open
}

// cached is an opened secret beside the sealed one that it came from: a device that is enrolled anew has another.
type cached struct{ sealed, plain []byte }

func newKeys(id seal.Identity) (*keys, error) {
	secret, err := id.MarshalText()
	if err != nil {
		return nil, fmt.Errorf("intake keys: %w", err)
	}
	defer clear(secret)
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("langnghe intake marks v1"))
	return &keys{identity: id, mark: m.Sum(nil), psks: map[uint32]cached{}, nums: map[uint32]cached{}, told: map[uint32]bool{}}, nil
}

// errLocked is the error of a device whose secrets do not open: its row was made with another identity, or is damaged. It
// concerns that device alone and must never end intake for the others.
var errLocked = errors.New("it was enrolled with another intake.identity, or its row is damaged: enrol it anew")

// unseal opens a device's secret once and keeps it in memory.
func (k *keys) unseal(cache map[uint32]cached, label string, index uint32, sealed []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c, ok := cache[index]; ok && bytes.Equal(c.sealed, sealed) {
		return c.plain, nil
	}
	plain, err := k.identity.OpenAtRest(label, sealed)
	if err != nil {
		return nil, fmt.Errorf("open the %s of %s: %w (%w)", label, wire.DeviceName(index), errLocked, err)
	}
	cache[index] = cached{sealed, plain}
	return plain, nil
}

// device is an enrolled device with its secrets opened.
type device struct {
	Device
	psk    seal.PSK
	number pdu.Address // zero where it has none
}

func (d *device) name() string { return wire.DeviceName(d.Index) }

func (d *device) downlink() Downlink {
	return Downlink{Device: d.name(), MSISDN: report.Words(d.number.Number())}
}

// open opens the secrets of d.
func (k *keys) open(d Device) (*device, error) {
	key, err := k.unseal(k.psks, LabelPSK, d.Index, d.PSK)
	if err != nil {
		return nil, err
	}
	out := &device{Device: d, psk: seal.PSK{Device: d.Index, Epoch: d.PSKEpoch}}
	if len(key) != len(out.psk.Key) {
		return nil, fmt.Errorf("the key of %s has %d bytes: %w", wire.DeviceName(d.Index), len(key), errLocked)
	}
	copy(out.psk.Key[:], key)
	if d.MSISDN == nil {
		return out, nil
	}
	n, err := k.unseal(k.nums, LabelMSISDN, d.Index, d.MSISDN)
	if err != nil {
		return nil, err
	}
	if out.number, err = pdu.ParseAddress(string(n)); err != nil {
		return nil, fmt.Errorf("the number of %s is none: %w", wire.DeviceName(d.Index), errLocked)
	}
	return out, nil
}

// device returns an enrolled device, or nil where there is none with this index. Its error is errLocked or the store's.
func (b *batch) device(ctx context.Context, index uint32) (*device, error) {
	if d, asked := b.devs[index]; asked {
		return d, nil
	}
	d, err := b.in.device(ctx, index)
	switch {
	case errors.Is(err, ErrNoDevice):
		d, err = nil, nil
	case errors.Is(err, errLocked) && b.in.keys.first(index):
		b.in.log.Error("what is stored of a device does not open; what it sends is put aside, all others are served",
			"device", wire.DeviceName(index), "error", err)
	}
	if err == nil {
		b.devs[index] = d
	}
	return d, err
}

func (in *Intake) device(ctx context.Context, index uint32) (*device, error) {
	d, err := in.cfg.Store.Device(ctx, index)
	if err != nil {
		return nil, err
	}
	return in.keys.open(d)
}

// first tells whether it is asked for the first time about the device since the process began.
func (k *keys) first(index uint32) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	told := k.told[index]
	k.told[index] = true
	return !told
}

// digest is a keyed digest: it recognises a message or a number without telling what it is, even to one who holds the
// database and tries all numbers.
func (k *keys) digest(what string, fields ...[]byte) wire.ID {
	m := hmac.New(sha256.New, k.mark)
	for _, f := range append([][]byte{[]byte(what)}, fields...) {
		m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(f))))
		m.Write(f)
	}
	return wire.ID(m.Sum(nil)[:16])
}

// markOf names an SMS by all that two copies of it have in common. Without a time stamp there is no telling a copy from
// the same words sent again: then it is zero, and both are kept.
func (k *keys) markOf(source uint32, d pdu.Deliver) wire.ID {
	if d.SCTS.IsZero() {
		return wire.ID{}
	}
	head := binary.BigEndian.AppendUint32(nil, source)
	head = binary.BigEndian.AppendUint64(head, uint64(d.SCTS.Unix()))
	head = append(head, byte(d.Coding), d.Locking, d.Shift)
	if c := d.Concat; c != nil {
		head = append(binary.BigEndian.AppendUint16(head, c.Ref), c.Total, c.Seq)
	}
	return k.digest("sms", head, []byte(d.From.Number()), d.Data)
}

// groupOf names what the segments of one message have in common; zero for a message of one segment.
func (k *keys) groupOf(source uint32, d pdu.Deliver) wire.ID {
	c := d.Concat
	if c == nil || c.Total <= 1 {
		return wire.ID{}
	}
	head := binary.BigEndian.AppendUint32(nil, source)
	head = binary.BigEndian.AppendUint16(head, c.Ref)
	head = append(head, c.Total, byte(d.Coding))
	if c.Wide {
		head = append(head, 1)
	}
	return k.digest("group", head, []byte(d.From.Number()))
}
