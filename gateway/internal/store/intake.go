package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/triage"
)

var _ intake.Store = (*Store)(nil)

// Put implements intake.Store.
func (s *Store) Put(ctx context.Context, raws []intake.Raw) error {
	err := s.write(ctx, func(t *tx) error {
		for _, r := range raws {
			if _, err := t.exec(ctx, "INSERT INTO arrivals (link, sender, received, bytes) VALUES (?, ?, ?, ?)",
				r.Link, r.From, millis(r.Received), blob(r.Bytes)); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("store arrivals", err)
}

// blob is b as SQLite takes it: an empty slice is an empty BLOB and not NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Arrivals implements intake.Store.
func (s *Store) Arrivals(ctx context.Context, after int64, limit int) ([]intake.Raw, error) {
	var out []intake.Raw
	err := s.read(ctx, func(t *tx) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			var r intake.Raw
			var ms int64
			err := rows.Scan(&r.ID, &r.Link, &r.From, &ms, &r.Bytes)
			r.Received = moment(ms)
			out = append(out, r)
			return err
		}, "SELECT id, link, sender, received, bytes FROM arrivals WHERE id > ? ORDER BY id LIMIT ?", after, limit)
	})
	return out, wrap("read arrivals", err)
}

const partColumns = "id, link, device, token, received, body, mark, grp, report, message"

func scanPart(rows *sql.Rows) (intake.Part, error) {
	var p intake.Part
	var id, token, mark, grp, rep, msg []byte
	var ms int64
	if err := rows.Scan(&id, &p.Link, &p.Device, &token, &ms, &p.Body, &mark, &grp, &rep, &msg); err != nil {
		return p, err
	}
	p.Received = moment(ms)
	copy(p.Token[:], token)
	for dst, src := range map[*wire.ID][]byte{&p.ID: id, &p.Mark: mark, &p.Group: grp, &p.Report: rep, &p.Message: msg} {
		copy(dst[:], src)
	}
	return p, nil
}

// key is an ID as a column: the zero ID is NULL.
func key(id wire.ID) any {
	if id == (wire.ID{}) {
		return nil
	}
	return id[:]
}

func (t *tx) parts(ctx context.Context, where string, args ...any) ([]intake.Part, error) {
	var out []intake.Part
	err := t.each(ctx, func(rows *sql.Rows) error {
		p, err := scanPart(rows)
		out = append(out, p)
		return err
	}, "SELECT "+partColumns+" FROM parts WHERE "+where+" ORDER BY n", args...)
	return out, err
}

// Known implements intake.Store.
func (s *Store) Known(ctx context.Context, ids []wire.ID) (map[wire.ID]intake.Part, error) {
	out := map[wire.ID]intake.Part{}
	err := s.read(ctx, func(t *tx) error {
		for _, id := range ids {
			found, err := t.parts(ctx, "id = ?1 OR mark = ?1", id[:])
			if err != nil {
				return err
			}
			if len(found) > 0 {
				out[id] = found[0]
			}
		}
		return nil
	})
	return out, wrap("look for copies", err)
}

// Parts implements intake.Store.
func (s *Store) Parts(ctx context.Context, report wire.ID) (out []intake.Part, err error) {
	err = s.read(ctx, func(t *tx) (err error) {
		out, err = t.parts(ctx, `message = (SELECT message FROM parts WHERE report = ?1 LIMIT 1)
			AND n <= (SELECT max(n) FROM parts WHERE report = ?1)`, report[:])
		return err
	})
	return out, wrap("read a report's parts", err)
}

// Group implements intake.Store.
func (s *Store) Group(ctx context.Context, group wire.ID, since time.Time) (out []intake.Part, err error) {
	err = s.read(ctx, func(t *tx) (err error) {
		if group == (wire.ID{}) {
			out, err = t.parts(ctx, "report IS NULL")
		} else {
			out, err = t.parts(ctx, "grp = ? AND received > ?", group[:], millis(since))
		}
		return err
	})
	return out, wrap("read segments", err)
}

// Device implements intake.Store.
func (s *Store) Device(ctx context.Context, index uint32) (d intake.Device, err error) {
	err = s.read(ctx, func(t *tx) error {
		err := t.row(ctx, "SELECT idx, place, province, commune, psk_epoch, psk, msisdn FROM devices WHERE idx = ?", index).
			Scan(&d.Index, &d.Place, &d.Province, &d.Commune, &d.PSKEpoch, &d.PSK, &d.MSISDN)
		if errors.Is(err, sql.ErrNoRows) {
			return intake.ErrNoDevice
		}
		return err
	})
	return d, wrap("find a device", err)
}

// Answers implements intake.Store.
func (s *Store) Answers(ctx context.Context, limit int) (out []intake.Answer, err error) {
	err = s.read(ctx, func(t *tx) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			var a intake.Answer
			var ms int64
			err := rows.Scan(&a.ID, &ms, &a.Sealed)
			a.Due = moment(ms)
			out = append(out, a)
			return err
		}, "SELECT id, due, sealed FROM answers ORDER BY id LIMIT ?", limit)
	})
	return out, wrap("read answers that are owed", err)
}

// Update implements intake.Store.
func (s *Store) Update(ctx context.Context, f func(intake.Tx) error) error {
	return wrap("record reports", s.write(ctx, func(t *tx) error { return f(t) }))
}

// Add implements intake.Tx.
func (t *tx) Add(ctx context.Context, p intake.Part) (bool, error) {
	res, err := t.exec(ctx, `INSERT INTO parts (`+partColumns+`)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, CASE WHEN EXISTS (SELECT 1 FROM parts WHERE mark = ?7) THEN NULL ELSE ?7 END, ?8, ?9, ?10
		WHERE true ON CONFLICT (id) DO NOTHING`,
		p.ID[:], p.Link, p.Device, p.Token[:], millis(p.Received), blob(p.Body), key(p.Mark), key(p.Group), key(p.Report), key(p.Message))
	if err != nil {
		return false, wrap("record a part", err)
	}
	n, err := res.RowsAffected()
	return n == 1, wrap("record a part", err)
}

// Assign implements intake.Tx.
func (t *tx) Assign(ctx context.Context, parts []wire.ID, report, message wire.ID) error {
	for _, id := range parts {
		if _, err := t.exec(ctx, "UPDATE parts SET report = ?, message = ? WHERE id = ? AND report IS NULL",
			report[:], message[:], id[:]); err != nil {
			return wrap("join parts", err)
		}
	}
	return nil
}

// CaseOf implements intake.Tx.
func (t *tx) CaseOf(ctx context.Context, report wire.ID) (number string, err error) {
	err = t.row(ctx, "SELECT case_number FROM reports WHERE envelope = ?", report.String()).Scan(&number)
	if errors.Is(err, sql.ErrNoRows) {
		err = triage.ErrNoCase
	}
	return number, wrap("find a report's case", err)
}

// Done implements intake.Tx.
func (t *tx) Done(ctx context.Context, arrivals []int64) error {
	for _, id := range arrivals {
		if _, err := t.exec(ctx, "DELETE FROM arrivals WHERE id = ?", id); err != nil {
			return wrap("take arrivals away", err)
		}
	}
	return nil
}

// Count implements intake.Tx.
func (t *tx) Count(ctx context.Context, link, reason string, n int, at time.Time) error {
	_, err := t.exec(ctx, `INSERT INTO counters (link, reason, count, last) VALUES (?, ?, ?, ?)
		ON CONFLICT (link, reason) DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)`,
		link, reason, n, millis(at))
	return wrap("count a frame", err)
}

// Quarantine implements intake.Tx.
func (t *tx) Quarantine(ctx context.Context, q intake.Quarantined, keep int) error {
	if _, err := t.exec(ctx, "INSERT INTO quarantine (link, reason, received, sealed) VALUES (?, ?, ?, ?)",
		q.Link, q.Reason, millis(q.Received), blob(q.Sealed)); err != nil {
		return wrap("quarantine a frame", err)
	}
	_, err := t.exec(ctx, "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", keep)
	return wrap("quarantine a frame", err)
}

// Owe implements intake.Tx.
func (t *tx) Owe(ctx context.Context, a intake.Answer) error {
	_, err := t.exec(ctx, "INSERT INTO answers (due, sealed) VALUES (?, ?)", millis(a.Due), blob(a.Sealed))
	return wrap("note an answer", err)
}

// Paid implements intake.Tx.
func (t *tx) Paid(ctx context.Context, id int64) error {
	_, err := t.exec(ctx, "DELETE FROM answers WHERE id = ?", id)
	return wrap("forget an answer", err)
}
