package mqttin

import (
	"fmt"
	"log/slog"
)

// maxSaid bounds one line of the server, since a client chooses its topics.
const maxSaid = 300

// brokerLog sends the server's log to slog. Payloads stand only in its trace, which is never switched on; topics and client
// IDs may stand in the rest, and only who holds a certificate of ours gets far enough to name one (invariant 8;
// TestNothingOfAPayloadIsLogged).
type brokerLog struct {
	log   *slog.Logger
	fatal chan<- string // the first sentence that the server died of
}

func (b *brokerLog) Noticef(format string, v ...any) { b.log.Debug("broker", "said", said(format, v)) }
func (b *brokerLog) Warnf(format string, v ...any)   { b.log.Warn("broker", "said", said(format, v)) }
func (b *brokerLog) Errorf(format string, v ...any)  { b.log.Warn("broker", "said", said(format, v)) }
func (b *brokerLog) Debugf(string, ...any)           {}
func (b *brokerLog) Tracef(string, ...any)           {}

// Fatalf is called while the server starts, of files and ports. The server expects to die of it; New gives the error.
func (b *brokerLog) Fatalf(format string, v ...any) {
	sentence := said(format, v)
	select {
	case b.fatal <- sentence:
	default:
		b.log.Error("broker", "said", sentence)
	}
}

func said(format string, v []any) string {
	s := fmt.Sprintf(format, v...)
	if len(s) > maxSaid {
		s = s[:maxSaid] + "…"
	}
	return s
}
