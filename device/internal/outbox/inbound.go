package outbox

import (
	"context"
	"database/sql"
	"fmt"
)

// Inbound is a frame that was stored before it was acknowledged to its carrier, and is not parsed yet (invariant 5).
type Inbound struct {
	ID   int64
	Kind string
	Body []byte
}

// MaxInbound is how many inbound frames may wait. Whoever can send frames could else fill the disk with them.
const MaxInbound = 1000

// StoreInbound stores an inbound frame. When it returns nil the frame is on stable storage and the carrier may be told.
// ErrFull: it was not stored.
func (o *Outbox) StoreInbound(ctx context.Context, kind string, body []byte) (int64, error) {
	var id int64
	const doing = "store an inbound frame in"
	err := o.tx(ctx, doing, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `INSERT INTO inbound (kind, body) SELECT ?, ? WHERE (SELECT count(*) FROM inbound) < ?`,
			kind, append([]byte{}, body...), MaxInbound)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return fmt.Errorf("%w for more than %d inbound frames", ErrFull, MaxInbound)
		}
		id, err = r.LastInsertId()
		return err
	})
	return id, err
}

// Inbound lists the frames that wait to be parsed, oldest first.
func (o *Outbox) Inbound(ctx context.Context) ([]Inbound, error) {
	rows, err := o.db.QueryContext(ctx, `SELECT id, kind, body FROM inbound ORDER BY id`)
	if err != nil {
		return nil, o.say("list inbound frames of", err)
	}
	defer rows.Close()
	var list []Inbound
	for rows.Next() {
		var in Inbound
		if err := rows.Scan(&in.ID, &in.Kind, &in.Body); err != nil {
			return nil, o.say("list inbound frames of", err)
		}
		list = append(list, in)
	}
	return list, o.say("list inbound frames of", rows.Err())
}

// Quarantine counts something that was not what it claimed, and of which nothing is stored.
func (o *Outbox) Quarantine(ctx context.Context) error {
	return o.tx(ctx, "count a quarantined message in", func(tx *sql.Tx) error { return quarantine(ctx, tx) })
}

func quarantine(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE tally SET n = n + 1 WHERE name = 'quarantined'`)
	return err
}

// DropInbound removes a frame that has been taken up; quarantined counts it as one that was not what it claimed.
func (o *Outbox) DropInbound(ctx context.Context, id int64, quarantined bool) error {
	return o.tx(ctx, "drop an inbound frame of", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM inbound WHERE id = ?`, id); err != nil {
			return err
		}
		if !quarantined {
			return nil
		}
		return quarantine(ctx, tx)
	})
}
