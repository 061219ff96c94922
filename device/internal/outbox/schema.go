package outbox

import (
	"database/sql"
	"fmt"
)

// migrations[i] brings a file of version i to version i+1. A step that was ever shipped never changes.
//
// No column holds a time: a stolen card must not tell when a report was made. No key grows for ever: seq starts again at
// 1 when the table is empty, attempts have random keys.
var migrations = []string{`
CREATE TABLE envelope (
	seq      INTEGER PRIMARY KEY,                        -- order of arrival
	id       BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
	ack      BLOB NOT NULL UNIQUE CHECK (length(ack) = 32), -- hash of the token that ends it (invariant 4)
	state    INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
	urgent   INTEGER NOT NULL CHECK (urgent IN (0, 1)),
	perhaps  INTEGER NOT NULL DEFAULT 0 CHECK (perhaps IN (0, 1)), -- an attempt ended accepted or unknown (invariant 7)
	attempts INTEGER NOT NULL DEFAULT 0,
	body     BLOB NOT NULL
) STRICT;
CREATE TABLE attempt (                                   -- attempts that have begun and not ended
	id       INTEGER PRIMARY KEY,
	envelope INTEGER NOT NULL REFERENCES envelope (seq) ON DELETE CASCADE,
	link     TEXT NOT NULL
) STRICT;
CREATE INDEX attempt_envelope ON attempt (envelope);
CREATE TABLE slot (                                      -- SIM slots whose message is stored and not yet deleted there
	digest BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE inbound (                                   -- frames stored, acknowledged to the carrier, not yet parsed
	id   INTEGER PRIMARY KEY,
	kind TEXT NOT NULL,
	body BLOB NOT NULL
) STRICT;
CREATE TABLE tally (
	name TEXT PRIMARY KEY,
	n    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO tally VALUES ('acked', 0), ('quarantined', 0);
`}

// migrate brings the file to the newest version, after a look at its health.
func (o *Outbox) migrate() error {
	var version int
	if err := o.db.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil {
		return o.say("open", err)
	}
	if version > len(migrations) {
		return fmt.Errorf("outbox: open %s: %w (version %d, this program knows %d); install the newer kiosk program again",
			o.path, ErrNewer, version, len(migrations))
	}
	var health string
	if err := o.db.QueryRow(`PRAGMA quick_check(1)`).Scan(&health); err != nil {
		return o.say("open", err)
	}
	if health != "ok" {
		return o.say("open", ErrCorrupt)
	}
	for ; version < len(migrations); version++ {
		tx, err := o.db.Begin()
		err = o.finish("set up", tx, err, func(tx *sql.Tx) error {
			if _, err := tx.Exec(migrations[version]); err != nil {
				return err
			}
			_, err := tx.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, version+1))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
