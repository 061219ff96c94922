package wire

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Heartbeat is what a device says of itself on its heartbeat topic. Nothing in it depends on what a report says.
type Heartbeat struct {
	Program     string `json:"program"`     // the build's version
	UptimeS     int64  `json:"uptime_s"`    // seconds since the device process started
	Backlog     int    `json:"backlog"`     // envelopes that no ack has ended yet
	Quarantined int    `json:"quarantined"` // inbound frames that were not what they claimed
	Link        string `json:"link"`        // the link that carried this heartbeat
	Modem       string `json:"modem"`       // one clear sentence for a technician where the modem is unusable; else empty
	ModemOpen   bool   `json:"modem_open"`  // the modem answers, whether it has a network or not
	Signal      int    `json:"signal"`      // CSQ, 0..31; 99 unknown (TS 27.007 8.5)
	Registered  bool   `json:"registered"`  // on a GSM or LTE network
	CanStore    bool   `json:"can_store"`   // the outbox takes reports
	ClockOK     bool   `json:"clock_ok"`    // the wall clock is trusted
}

// MaxHeartbeat is the longest heartbeat in bytes.
const MaxHeartbeat = 2048

// ParseHeartbeat reads a heartbeat. Fields of a newer version are ignored, so that kiosks can be newer than their gateway.
func ParseHeartbeat(b []byte) (Heartbeat, error) {
	var h Heartbeat
	if len(b) > MaxHeartbeat {
		return h, errors.New("wire: heartbeat is too long")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&h); err != nil {
		return h, errors.New("wire: heartbeat is not valid JSON")
	}
	if d.More() || h.Backlog < 0 || h.Quarantined < 0 || h.UptimeS < 0 || len(h.Program) > 100 || len(h.Modem) > 400 || len(h.Link) > 20 {
		return h, errors.New("wire: heartbeat is out of range")
	}
	return h, nil
}
