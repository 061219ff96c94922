package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
)

// ErrOtherIdentity is the error of Bind for an identity that is not the one of this database.
var ErrOtherIdentity = errors.New("the database was made with another intake identity")

// Bind compares the fingerprint of an intake identity with the one that the database was made with; ErrOtherIdentity where
// it is another. A database that has none yet takes this one, unless it has devices and opens (asked with the sealed key of
// one after the other) opens none of them.
func (s *Store) Bind(ctx context.Context, fingerprint []byte, opens func(sealed []byte) bool) error {
	var have []byte
	err := s.read(ctx, func(t *tx) error { return t.row(ctx, "SELECT recipient FROM identity").Scan(&have) })
	if errors.Is(err, sql.ErrNoRows) {
		err = s.write(ctx, func(t *tx) error { return t.bind(ctx, fingerprint, opens, &have) })
	}
	if err == nil && !bytes.Equal(have, fingerprint) {
		err = ErrOtherIdentity
	}
	return wrap("compare the identity with that of the database", err)
}

func (t *tx) bind(ctx context.Context, fingerprint []byte, opens func([]byte) bool, have *[]byte) error {
	devices, fits := 0, false
	if err := t.each(ctx, func(rows *sql.Rows) error {
		devices++
		if fits {
			return nil
		}
		var sealed []byte
		err := rows.Scan(&sealed)
		fits = err == nil && opens(sealed)
		return err
	}, "SELECT psk FROM devices ORDER BY idx"); err != nil {
		return err
	}
	if devices > 0 && !fits {
		return ErrOtherIdentity
	}
	// Another process may have been quicker; what is there first stays.
	if _, err := t.exec(ctx, "INSERT INTO identity (id, recipient) VALUES (1, ?) ON CONFLICT DO NOTHING", fingerprint); err != nil {
		return err
	}
	return t.row(ctx, "SELECT recipient FROM identity").Scan(have)
}
