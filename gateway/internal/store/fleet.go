package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/routing"
)

// Kiosk is an enrolled device with its last heartbeat.
type Kiosk struct {
	Index    uint32
	Place    string
	Province uint32
	Seen     time.Time // when its last heartbeat came; zero = never
	Last     wire.Heartbeat
}

// Enrol gives the next free index to a device and stores what makes returns for it. makes runs outside any transaction,
// because it may be slow and the gateway takes reports meanwhile; where another enrolment was quicker it is called again
// with a higher index. After an error nothing is stored. The first index is 1.
func (s *Store) Enrol(ctx context.Context, at time.Time, makes func(index uint32) (intake.Device, error)) (d intake.Device, err error) {
	for stored := false; err == nil && !stored; {
		var next uint32
		if next, err = s.nextIndex(ctx); err != nil {
			break
		}
		if d, err = makes(next); err != nil {
			break
		}
		stored, err = s.insertDevice(ctx, at, next, d)
	}
	return d, wrap("enrol a device", err)
}

func (s *Store) nextIndex(ctx context.Context) (next uint32, err error) {
	err = s.read(ctx, func(t *tx) error {
		return t.row(ctx, "SELECT coalesce(max(idx), 0) + 1 FROM devices").Scan(&next)
	})
	if err == nil && next > wire.MaxDevice {
		err = fmt.Errorf("no device index is left: the format has %d", wire.MaxDevice)
	}
	return next, err
}

// insertDevice stores a device, or nothing where its index is taken.
func (s *Store) insertDevice(ctx context.Context, at time.Time, index uint32, d intake.Device) (stored bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		res, err := t.exec(ctx, `INSERT INTO devices (idx, place, province, commune, psk_epoch, psk, msisdn, enrolled)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (idx) DO NOTHING`,
			index, d.Place, d.Province, d.Commune, d.PSKEpoch, blob(d.PSK), d.MSISDN, millis(at))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		stored = n == 1
		return err
	})
	return stored, err
}

// Beat is a heartbeat and when it came.
type Beat struct {
	Device uint32
	Seen   time.Time
	Body   wire.Heartbeat
}

// PutHeartbeats stores the last heartbeats of devices; those of devices that are not enrolled are dropped.
func (s *Store) PutHeartbeats(ctx context.Context, beats []Beat) error {
	err := s.write(ctx, func(t *tx) error {
		for _, b := range beats {
			body, err := json.Marshal(b.Body)
			if err != nil {
				return err
			}
			if _, err := t.exec(ctx, `INSERT INTO heartbeats (device, seen, body)
				SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM devices WHERE idx = ?1)
				ON CONFLICT (device) DO UPDATE SET seen = excluded.seen, body = excluded.body WHERE excluded.seen >= seen`,
				b.Device, millis(b.Seen), string(body)); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("store heartbeats", err)
}

// Kiosks returns every enrolled device in the order of indexes.
func (s *Store) Kiosks(ctx context.Context) (out []Kiosk, err error) {
	err = s.read(ctx, func(t *tx) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			var k Kiosk
			var seen sql.NullInt64
			var body sql.NullString
			if err := rows.Scan(&k.Index, &k.Place, &k.Province, &seen, &body); err != nil {
				return err
			}
			k.Seen = moment(seen.Int64)
			if body.Valid {
				if err := json.Unmarshal([]byte(body.String), &k.Last); err != nil {
					return fmt.Errorf("heartbeat of %s: %w", wire.DeviceName(k.Index), err)
				}
			}
			out = append(out, k)
			return nil
		}, `SELECT idx, place, province, seen, body FROM devices LEFT JOIN heartbeats ON device = idx ORDER BY idx`)
	})
	return out, wrap("list devices", err)
}

// Numbers returns the sealed numbers of all devices that have one, by index.
func (s *Store) Numbers(ctx context.Context) (map[uint32][]byte, error) {
	out := map[uint32][]byte{}
	err := s.read(ctx, func(t *tx) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			var index uint32
			var sealed []byte
			err := rows.Scan(&index, &sealed)
			out[index] = sealed
			return err
		}, "SELECT idx, msisdn FROM devices WHERE msisdn IS NOT NULL")
	})
	return out, wrap("list devices", err)
}

// Officer is a person who may log in.
type Officer struct {
	Name   string
	Hash   string // argon2id
	Viewer routing.Viewer
}

// ErrOfficerExists is the error of AddOfficer for a name that is taken.
var ErrOfficerExists = errors.New("an officer with this name exists already")

// AddOfficer stores an officer under Viewer.ID.
func (s *Store) AddOfficer(ctx context.Context, o Officer) error {
	err := s.write(ctx, func(t *tx) error {
		v := o.Viewer
		res, err := t.exec(ctx, `INSERT INTO officers (user, name, hash, role, scope, province, commune) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (user) DO NOTHING`, v.ID, o.Name, o.Hash, uint8(v.Role), uint8(v.Scope), v.Province, v.Commune)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrOfficerExists)
		}
		return nil
	})
	return wrap("add an officer", err)
}

// Officer returns the officer with a name; ok is false where there is none.
func (s *Store) Officer(ctx context.Context, user string) (o Officer, ok bool, err error) {
	err = s.read(ctx, func(t *tx) error {
		v := &o.Viewer
		err := t.row(ctx, "SELECT user, name, hash, role, scope, province, commune FROM officers WHERE user = ?", user).
			Scan(&v.ID, &o.Name, &o.Hash, &v.Role, &v.Scope, &v.Province, &v.Commune)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		ok = err == nil
		return err
	})
	return o, ok, wrap("find an officer", err)
}

// Counter counts frames that became no report, for one reason on one link.
type Counter struct {
	Link, Reason string
	Count        int64
	Last         time.Time
}

// Counters returns every counter, by link and reason.
func (s *Store) Counters(ctx context.Context) (out []Counter, err error) {
	err = s.read(ctx, func(t *tx) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			var c Counter
			var last int64
			err := rows.Scan(&c.Link, &c.Reason, &c.Count, &last)
			c.Last = moment(last)
			out = append(out, c)
			return err
		}, "SELECT link, reason, count, last FROM counters ORDER BY link, reason")
	})
	return out, wrap("read counters", err)
}

// Quarantined returns the frames that are kept for inspection, oldest first.
func (s *Store) Quarantined(ctx context.Context) (out []intake.Quarantined, err error) {
	err = s.read(ctx, func(t *tx) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			var q intake.Quarantined
			var received int64
			err := rows.Scan(&q.Link, &q.Reason, &received, &q.Sealed)
			q.Received = moment(received)
			out = append(out, q)
			return err
		}, "SELECT link, reason, received, sealed FROM quarantine ORDER BY id")
	})
	return out, wrap("read the quarantine", err)
}
