package modem

import (
	"encoding/hex"
	"strings"
	"sync"
)

// maxDirect bounds the messages that came by themselves and wait to be stored.
const maxDirect = 64

// events gathers what a modem says unasked. A flood of it costs nothing: flags are set, and lines are
// neither kept nor logged, because they hold callers' numbers.
type events struct {
	wake chan struct{} // capacity 1: something is set

	mu      sync.Mutex
	set     happened
	inbound [][]byte
	dropped int
}

// happened is what the owner of the port should look at.
type happened struct {
	message bool // a message may have been stored
	ring    bool // somebody calls
	restart bool // the modem lost its settings
	network bool // registration or SIM may have changed
}

func newEvents() *events { return &events{wake: make(chan struct{}, 1)} }

// urc takes one unsolicited line. Hints only: everything is polled as well.
func (e *events) urc(line string) {
	var h happened
	word, _, _ := strings.Cut(line, ":")
	switch word {
	case "+CMTI", "+CDSI", "SMS Ready", "SMS DONE", "^SMMEMFULL", "+SMSFULL":
		h.message = true
	case "+QIND":
		h.message = strings.Contains(line, "SMS DONE")
	case "RING", "+CRING":
		h.ring = true
	case "RDY", "*ATREADY", "^SYSSTART":
		// Not ^BOOT, which some sticks say every few seconds for no reason.
		h.restart = true
	case "+CREG", "+CGREG", "+CEREG", "+CPIN", "^SIMST":
		h.network = true
	default:
		return
	}
	e.mu.Lock()
	e.set.message = e.set.message || h.message
	e.set.ring = e.set.ring || h.ring
	e.set.restart = e.set.restart || h.restart
	e.set.network = e.set.network || h.network
	e.mu.Unlock()
	e.poke()
}

// direct takes a message that was not stored but handed over. Cell broadcasts are nobody's report.
func (e *events) direct(kind, hexdump string) {
	raw, err := hex.DecodeString(hexdump)
	if kind == "+CBM:" || err != nil {
		return
	}
	e.mu.Lock()
	if len(e.inbound) < maxDirect {
		e.inbound = append(e.inbound, raw)
	} else {
		e.dropped++
	}
	e.mu.Unlock()
	e.poke()
}

func (e *events) poke() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// take gives what happened since the last call.
func (e *events) take() (h happened, inbound [][]byte, dropped int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h, inbound, dropped = e.set, e.inbound, e.dropped
	e.set, e.inbound, e.dropped = happened{}, nil, 0
	return h, inbound, dropped
}

// fresh forgets that the modem restarted: it has been brought in step since.
func (e *events) fresh() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.set.restart = false
}
