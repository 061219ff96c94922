package modem

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/warthog618/modem/at"
)

// submit sends one message. It has three outcomes, like Send.
func (m *Modem) submit(s *session, r *request) (mr byte, err error) {
	if err := r.ctx.Err(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	// A modem that restarted unnoticed is in text mode, where it would take the digits for words and the
	// length for a telephone number.
	if _, err := s.query(context.WithoutCancel(r.ctx), "+CMGF=0", &answer{}); err != nil {
		return 0, fmt.Errorf("%w: set PDU mode: %w", ErrNotSent, err)
	}

	tpdu := r.message.TPDU
	// Length 0 of the service centre's address: the modem uses the one on the SIM.
	digits := "00" + strings.ToUpper(hex.EncodeToString(tpdu))
	// Two deadlines, of which the second begins when the message is written. Both end the session: what
	// comes later must not become the answer to another command.
	s.filter.expect(&answer{prefixes: []string{"+CMGS:"}, needInfo: true, sms: true}, s.cfg.SubmitTimeout)
	prompt := time.AfterFunc(s.cfg.PromptTimeout, func() {
		if s.filter.giveUp() {
			s.port.shut()
		}
	})
	defer prompt.Stop()
	info, err := s.at.SMSCommand(fmt.Sprintf("+CMGS=%d", len(tpdu)), digits,
		at.WithTimeout(s.cfg.PromptTimeout+s.cfg.SubmitTimeout+s.cfg.CommandTimeout))
	handed, odd := s.filter.settle()
	switch {
	case err != nil && !answered(err):
		s.spoil(err)
	case odd:
		s.spoil(errOddOrder)
	}
	return outcome(info, err, handed)
}

var errOddOrder = errors.New("the modem said OK before +CMGS")

// outcome decides between the three. A message reference means taken, whatever came after it. Without the
// Ctrl-Z nothing was submitted. After it only a cause that rules out that the service centre has the
// message is a refusal; all else is unknown (invariant 7).
func outcome(info []string, err error, handed handover) (mr byte, _ error) {
	for _, line := range info {
		if n := numbers(line); strings.HasPrefix(line, "+CMGS:") && len(n) > 0 && n[0] >= 0 && n[0] <= 255 {
			return byte(n[0]), nil
		}
	}
	switch {
	case err == nil:
		return 0, errors.New("the modem took the message, but gave no reference for it")
	case handed != wholly && answered(err):
		return 0, fmt.Errorf("%w: the modem refused the command: %w", ErrNotSent, err)
	case handed != wholly:
		return 0, fmt.Errorf("%w: the modem gave no prompt: %w", ErrNotSent, err)
	case refused(err):
		return 0, fmt.Errorf("%w: the network or the modem refused it: %w", ErrNotSent, err)
	}
	return 0, fmt.Errorf("no certain answer after the message was handed over: %w", err)
}

// refused says that an error given after the message was handed over rules out that it was taken.
//
// +CMS ERROR below 128 is the RP-cause of TS 24.011 (table 8.4) and 128 to 255 the TP-FCS of TS 23.040
// 9.2.3.22: the network's definite answer. Not counted are the causes that also arise when only the answer
// was lost on the network's side (38, 41, 47, 111, 194, 255), and 197, by which the service centre says
// that it has this very message already. From 300 on (TS 27.005 3.2.5) the modem speaks for itself: definite
// where it had no SIM, no service or no valid message; not for 300, 320, 332 (time-out), 500 and vendors'
// codes.
func refused(err error) bool {
	var cms at.CMSError
	if errors.As(err, &cms) {
		switch n := errorCode(string(cms)); {
		case n == 38 || n == 41 || n == 47 || n == 111 || n == 194 || n == 197 || n == 255:
			return false
		case n >= 1 && n <= 254:
			return true
		case n >= 301 && n <= 305, n >= 310 && n <= 318, n == 321, n == 322, n == 330, n == 331:
			return true
		}
		return false
	}
	switch n := cmeCode(err); {
	case n == 3, n == 4, n >= 10 && n <= 18, n == 30: // not allowed, not supported, SIM, no network service
		return true
	}
	return false
}
