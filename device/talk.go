package device

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/langnghe/langnghe/device/internal/dialogue"
	"github.com/langnghe/langnghe/device/internal/inbox"
	"github.com/langnghe/langnghe/device/report"
)

// maxSessions bounds the numbers that are remembered. Beyond it the first that comes to hand is forgotten, which costs at
// most a few answers too many.
const maxSessions = 5000

// talk carries out what dialogue decides. It knows numbers and words only as tokens under a key that is never stored, so
// that the memory of who was answered dies with the process.
type talk struct {
	d        *Device
	key      [32]byte
	began    time.Time
	sessions map[[16]byte]dialogue.Session
}

func newTalk(d *Device) *talk {
	t := &talk{d: d, began: time.Now(), sessions: make(map[[16]byte]dialogue.Session)}
	_, _ = rand.Read(t.key[:]) // never fails: it ends the program instead (crypto/rand)
	return t
}

func (t *talk) token(kind byte, b []byte) (out [16]byte) {
	h := hmac.New(sha256.New, t.key[:])
	h.Write([]byte{kind})
	h.Write(b)
	copy(out[:], h.Sum(nil))
	return out
}

// handle makes a report of a villager's message and answers it. After an error the message's sealed segments go out as
// they are: a report may lack its answer, and an answer its receipt, but no word is lost.
func (t *talk) handle(ctx context.Context, m inbox.Message) error {
	from := report.Words(m.From.Number())
	defer from.Wipe()
	who := t.token('n', from)
	slot := int64(time.Since(t.began) / (time.Hour / dialogue.SlotsPerHour))
	session, effects := dialogue.Next(t.sessions[who], dialogue.Message{
		From: from, Answerable: m.From.Answerable(), Text: m.Text, Digest: t.token('t', m.Text), Slot: slot,
	})
	t.remember(who, session, slot)
	var receipt report.Receipt
	var failed error
	for _, e := range effects {
		switch e := e.(type) {
		case dialogue.Submit:
			receipt, failed = t.submit(ctx, e, m)
		case dialogue.Answer:
			// The report is stored. If we die now, the answer is missing and the report is not.
			if failed != nil {
				t.d.sms.Answer(m.From, e.TextWithoutReceipt())
			} else {
				t.d.sms.Answer(m.From, e.Text(receipt))
			}
		}
	}
	return failed
}

func (t *talk) submit(ctx context.Context, e dialogue.Submit, m inbox.Message) (report.Receipt, error) {
	defer e.Draft.Wipe()
	sealed, urgent, err := t.d.seal(&e.Draft, e.Urgency)
	if err != nil {
		return report.Receipt{}, err // such as a text longer than any report
	}
	err = t.d.store(ctx, func(ctx context.Context) error { return t.d.outbox.Replace(ctx, m.Held, sealed, urgent) })
	return sealed.Receipt, err
}

func (t *talk) remember(who [16]byte, s dialogue.Session, slot int64) {
	if _, known := t.sessions[who]; !known && len(t.sessions) >= maxSessions {
		for k, old := range t.sessions {
			if old.Idle(slot) || len(t.sessions) >= maxSessions {
				delete(t.sessions, k)
			}
		}
	}
	t.sessions[who] = s
}
