package outbox

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"fmt"

	"github.com/langnghe/langnghe/device/wire"
)

// Outcome is how an attempt ended.
type Outcome int

// The three outcomes. An outcome that we do not know counts as perhaps sent (invariant 7).
const (
	NotSent  Outcome = iota // nothing left this device
	Accepted                // the carrier took it, which is no ack
	Unknown                 // perhaps sent
)

// String is the outcome's name.
func (out Outcome) String() string {
	switch out {
	case NotSent:
		return "not sent"
	case Accepted:
		return "accepted"
	case Unknown:
		return "unknown"
	}
	return fmt.Sprintf("outcome %d", int(out))
}

// BeginAttempt records that id is about to leave by link. When it returns nil the record is on stable storage: only now
// may the first byte leave (invariant 3). One envelope may have open attempts on several links. ErrGone: nothing to send.
func (o *Outbox) BeginAttempt(ctx context.Context, id wire.ID, link string) (attempt int64, err error) {
	// A random key: one that grows would count attempts, and one that is used again could let the late end of an
	// attempt end another envelope's.
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("outbox: begin an attempt: %w", err)
	}
	attempt = int64(binary.BigEndian.Uint64(b[:]) >> 1)
	err = o.tx(ctx, "begin an attempt in", func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `INSERT INTO attempt (id, envelope, link)
			SELECT ?, seq, ? FROM envelope WHERE id = ? AND state <> ?`, attempt, link, id[:], int(Held))
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return ErrGone
		}
		_, err = tx.ExecContext(ctx, `UPDATE envelope SET state = ?, attempts = attempts + 1 WHERE id = ?`, int(Attempting), id[:])
		return err
	})
	return attempt, err
}

// EndAttempt records how an attempt ended: the envelope is Queued again when nothing of it has ever left, else Awaiting;
// while another attempt of it is open it stays Attempting. An attempt whose envelope was acked meanwhile is gone, which
// is no error.
func (o *Outbox) EndAttempt(ctx context.Context, attempt int64, out Outcome) error {
	return o.tx(ctx, "end an attempt in", func(tx *sql.Tx) error { return endAttempts(tx, attempt, out) })
}

// everyAttempt stands for all open attempts: those of a process that is no more.
const everyAttempt = -1

// endAttempts is the one way in which an attempt ends, in daily work and after a crash.
func endAttempts(tx *sql.Tx, attempt int64, out Outcome) error {
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`UPDATE envelope SET perhaps = perhaps OR ?2 WHERE seq IN (SELECT envelope FROM attempt WHERE id = ?1 OR ?1 = -1)`,
			[]any{attempt, out != NotSent}},
		{`DELETE FROM attempt WHERE id = ?1 OR ?1 = -1`, []any{attempt}},
		{`UPDATE envelope SET state = CASE WHEN perhaps THEN ? ELSE ? END
			WHERE state = ? AND seq NOT IN (SELECT envelope FROM attempt)`, []any{int(Awaiting), int(Queued), int(Attempting)}},
	} {
		if _, err := tx.Exec(step.sql, step.args...); err != nil {
			return err
		}
	}
	return nil
}
