package mqttin

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
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
func (b *brokerLog) Warnf(format string, v ...any)   { b.warn(format, v) }
func (b *brokerLog) Errorf(format string, v ...any)  { b.warn(format, v) }
func (b *brokerLog) Debugf(string, ...any)           {}
func (b *brokerLog) Tracef(string, ...any)           {}

// warn says once and in words why a device was refused. What the server says of it is several lines; of a login that the
// callout has refused, the callout has told why.
func (b *brokerLog) warn(format string, v []any) {
	switch {
	case strings.Contains(format, "TLS handshake error") && len(v) > 0:
		err, ok := v[0].(error)
		if !ok {
			break
		}
		from, _, _ := strings.Cut(format, " - ")
		log := b.log.With("from", from)
		claims, why := whyRefused(err, time.Now())
		if claims != "" {
			log = log.With("device", claims)
		}
		log.Warn("device refused", "err", said("%s", []any{why}))
		b.log.Debug("broker", "said", said(format, v))
		return
	case strings.Contains(format, "authentication error"), strings.HasPrefix(format, "Auth callout service returned an error"):
		b.log.Debug("broker", "said", said(format, v))
		return
	}
	b.log.Warn("broker", "said", said(format, v))
}

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
