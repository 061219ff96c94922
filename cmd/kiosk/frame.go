package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/ui"
)

// A frame on the socket is four bytes of length (big endian), one byte that says what it is, and its body. A connection
// carries one question and its answer. A draft travels in the form in which it will be sealed, so the device process
// takes nothing that it could not seal.
const (
	maxFrame = 64 << 10

	askStatus = 'q' // no body
	askSubmit = 's' // a wire.Report
	okStatus  = 'Q' // one byte: bit 0 can store, bit 1 online
	okSubmit  = 'S' // the receipt's eight digits
	refused   = 'E' // one sentence without content
)

func writeFrame(w io.Writer, what byte, body []byte) error {
	b := make([]byte, 5, 5+len(body))
	binary.BigEndian.PutUint32(b, uint32(1+len(body)))
	b[4] = what
	b = append(b, body...)
	defer clear(b)
	_, err := w.Write(b)
	return err
}

// readFrame reads one frame. The caller clears the body, which may hold a draft.
func readFrame(r io.Reader) (what byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[:4])
	if n < 1 || n > maxFrame {
		return 0, nil, fmt.Errorf("a frame of %d bytes, at most %d are allowed", n, maxFrame)
	}
	body = make([]byte, n-1)
	if _, err := io.ReadFull(r, body); err != nil {
		clear(body)
		return 0, nil, err
	}
	return head[4], body, nil
}

// encodeDraft writes a draft. The caller clears the result to its capacity.
func encodeDraft(d report.Draft) ([]byte, error) {
	// One allocation of the largest size: a slice that grows would leave copies of the words behind.
	return wire.AppendBody(make([]byte, 0, wire.MaxEnvelope), wire.Report{Draft: d, Urgency: d.Urgency()})
}

func decodeDraft(b []byte) (report.Draft, error) {
	body, err := wire.ParseBody(b)
	if err != nil {
		return report.Draft{}, err
	}
	r, ok := body.(wire.Report)
	if !ok {
		return report.Draft{}, errors.New("not a report")
	}
	return r.Draft, nil
}

func encodeStatus(s ui.Status) []byte {
	var b byte
	if s.CanStore {
		b |= 1
	}
	if s.Online {
		b |= 2
	}
	return []byte{b}
}

func decodeStatus(b []byte) (ui.Status, error) {
	if len(b) != 1 || b[0] > 3 {
		return ui.Status{}, errors.New("not a status")
	}
	return ui.Status{CanStore: b[0]&1 != 0, Online: b[0]&2 != 0}, nil
}
