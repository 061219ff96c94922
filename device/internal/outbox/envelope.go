package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
)

// State is where an envelope stands on its way.
type State int

// Held to Awaiting stand on disk. Acked and Erased are one transaction, so no row is ever seen in them; Expired is an
// operator's order, and no row of this version has it.
const (
	Held       State = iota // a villager's SMS segment waits for its dialogue; it is not sent
	Queued                  // nothing of it has left this device
	Attempting              // an attempt is open
	Awaiting                // perhaps sent: an ack may come
	Acked
	Erased
	Expired
)

// String is the state's name.
func (s State) String() string {
	names := [...]string{"held", "queued", "attempting", "awaiting", "acked", "erased", "expired"}
	if s < 0 || int(s) >= len(names) {
		return fmt.Sprintf("state %d", int(s))
	}
	return names[s]
}

// Item is an envelope that waits for its ack, without its bytes: Envelope reads those when they are sent.
type Item struct {
	ID       wire.ID
	Urgent   bool // may race on all links
	Attempts int  // attempts begun in its life
	State    State
}

// Add stores s, to be sent. When it returns nil the envelope is on stable storage (invariant 1). Adding the same envelope
// again changes nothing. ErrFull and ErrReadOnly say that it was not stored.
func (o *Outbox) Add(ctx context.Context, s seal.Sealed, urgent bool) error {
	if err := o.room("store a report in"); err != nil {
		return err
	}
	return o.tx(ctx, "store a report in", func(tx *sql.Tx) error { return insert(ctx, tx, s, Queued, urgent) })
}

func insert(ctx context.Context, tx *sql.Tx, s seal.Sealed, st State, urgent bool) error {
	id := s.Envelope.ID()
	_, err := tx.ExecContext(ctx, `INSERT INTO envelope (id, ack, state, urgent, body) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`, id[:], s.AckHash[:], int(st), urgent, []byte(s.Envelope))
	return err
}

// Hold stores the sealed segment s of a villager's SMS, not to be sent before Replace or Release. digest is the SHA-256
// of the inbound TPDU: a TPDU that was held before and not forgotten is a duplicate, and nothing is stored (the modem
// lists a message again when its slot could not be freed). Words that nobody has read are U1 (taxonomy 3.2), and only U0
// races on all links: a segment that is released is not urgent here.
func (o *Outbox) Hold(ctx context.Context, s seal.Sealed, digest []byte) (dup bool, err error) {
	const doing = "store a message in"
	if err := o.room(doing); err != nil {
		return false, err
	}
	err = o.tx(ctx, doing, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `INSERT INTO slot (digest) VALUES (?) ON CONFLICT DO NOTHING`, digest)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			dup = err == nil
			return err
		}
		return insert(ctx, tx, s, Held, false)
	})
	return dup && err == nil, err
}

// Forget drops the digests of all TPDUs, once the modem has shown that every slot is free. A digest of so few words could
// be guessed from, so it stays no longer than it must.
func (o *Outbox) Forget(ctx context.Context) error {
	return o.tx(ctx, "forget messages in", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM slot`)
		return err
	})
}

// Replace stores s, to be sent, and erases the held segments that it is made of, in one transaction: at no moment are
// both there or neither. Of held, what has been released and perhaps sent stays until its ack; the gateway joins what
// belongs together. The reserve is open to it, as it frees what it replaces.
func (o *Outbox) Replace(ctx context.Context, held []wire.ID, s seal.Sealed, urgent bool) error {
	const doing = "store a report in"
	err := o.tx(ctx, doing, func(tx *sql.Tx) error {
		if err := insert(ctx, tx, s, Queued, urgent); err != nil {
			return err
		}
		self := s.Envelope.ID()
		for _, id := range held {
			if id == self {
				continue
			}
			_, err := tx.ExecContext(ctx, `DELETE FROM envelope WHERE id = ? AND state IN (?, ?) AND NOT perhaps`,
				id[:], int(Held), int(Queued))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// The report is stored: a journal that can't be cleaned now is no failure of it. The next checkpoint cleans it.
	_ = o.checkpoint()
	return nil
}

// Release lets held segments go out as they are: Held becomes Queued. nil releases all of them, at start and when a
// dialogue has waited long enough.
func (o *Outbox) Release(ctx context.Context, held []wire.ID) error {
	return o.tx(ctx, "release messages in", func(tx *sql.Tx) error {
		if held == nil {
			_, err := tx.ExecContext(ctx, `UPDATE envelope SET state = ? WHERE state = ?`, int(Queued), int(Held))
			return err
		}
		for _, id := range held {
			_, err := tx.ExecContext(ctx, `UPDATE envelope SET state = ? WHERE id = ? AND state = ?`,
				int(Queued), id[:], int(Held))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Drop erases held segments in which nothing is new: copies of what was already whole. What is no longer held stays, and
// so do the digests, as the slots may be full.
func (o *Outbox) Drop(ctx context.Context, held []wire.ID) error {
	err := o.tx(ctx, "drop messages of", func(tx *sql.Tx) error {
		for _, id := range held {
			_, err := tx.ExecContext(ctx, `DELETE FROM envelope WHERE id = ? AND state = ?`, id[:], int(Held))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// As in Replace: the next checkpoint cleans what this one can't.
	_ = o.checkpoint()
	return nil
}

// Due lists all that waits for an ack and is not held, oldest first. One that is Attempting is listed too: its attempt
// may be one that this process could not end.
func (o *Outbox) Due(ctx context.Context) ([]Item, error) {
	rows, err := o.db.QueryContext(ctx, `SELECT id, urgent, attempts, state FROM envelope WHERE state <> ? ORDER BY seq`, int(Held))
	if err != nil {
		return nil, o.say("list", err)
	}
	defer rows.Close()
	var items []Item
	for rows.Next() {
		var it Item
		var id []byte
		if err := rows.Scan(&id, &it.Urgent, &it.Attempts, &it.State); err != nil {
			return nil, o.say("list", err)
		}
		it.ID = wire.ID(id)
		items = append(items, it)
	}
	return items, o.say("list", rows.Err())
}

// Envelope reads the bytes of an envelope that waits. ErrGone: there is none.
func (o *Outbox) Envelope(ctx context.Context, id wire.ID) (wire.Envelope, error) {
	var body []byte
	err := o.db.QueryRowContext(ctx, `SELECT body FROM envelope WHERE id = ?`, id[:]).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, o.say("read", err)
	}
	env, err := wire.ParseEnvelope(body)
	if err != nil {
		return nil, o.say("read", fmt.Errorf("%w: %w", ErrCorrupt, err))
	}
	return env, nil
}

// Acked ends the envelope whose token has the hash h: its bytes are overwritten, its row and attempts are gone and the
// count of acked envelopes grows, in one transaction; then the journal is cut, so that the bytes are in no file of ours.
// found false: no envelope waits for this token, and nothing has changed (invariant 4).
func (o *Outbox) Acked(ctx context.Context, h wire.TokenHash) (id wire.ID, found bool, err error) {
	err = o.tx(ctx, "apply an ack to", func(tx *sql.Tx) error {
		var b []byte
		// secure_delete overwrites what is deleted with zeros.
		err := tx.QueryRowContext(ctx, `DELETE FROM envelope WHERE ack = ? RETURNING id`, h[:]).Scan(&b)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		id, found = wire.ID(b), true
		_, err = tx.ExecContext(ctx, `UPDATE tally SET n = n + 1 WHERE name = 'acked'`)
		return err
	})
	if err != nil || !found {
		return wire.ID{}, false, err
	}
	// If we die here, Open cleans the journal. If it can't be cleaned now, the next checkpoint does it.
	_ = o.checkpoint()
	return id, true, nil
}
