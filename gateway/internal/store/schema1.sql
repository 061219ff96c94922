-- Frozen once released: a change is a new migration. Times are milliseconds since 1970, 0 = none.

-- What a carrier handed over and nobody has worked off yet. AUTOINCREMENT: an ID is never used again, so that the
-- gateway's place in the queue stays true when rows go.
CREATE TABLE arrivals (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	link     TEXT NOT NULL,
	sender   TEXT NOT NULL,
	received INTEGER NOT NULL,
	bytes    BLOB NOT NULL
) STRICT;

-- The pieces of reports, sealed. n is the order in which they were added.
CREATE TABLE parts (
	n        INTEGER PRIMARY KEY AUTOINCREMENT,
	id       BLOB NOT NULL UNIQUE,
	link     TEXT NOT NULL,
	device   INTEGER NOT NULL,
	token    BLOB NOT NULL,
	received INTEGER NOT NULL,
	body     BLOB NOT NULL,
	mark     BLOB UNIQUE,
	grp      BLOB,
	report   BLOB,
	message  BLOB
) STRICT;
CREATE INDEX parts_report ON parts (report);
CREATE INDEX parts_message ON parts (message);
CREATE INDEX parts_grp ON parts (grp, received) WHERE grp IS NOT NULL;

CREATE TABLE cases (
	number      TEXT PRIMARY KEY,
	version     INTEGER NOT NULL,
	status      TEXT NOT NULL,
	closed      INTEGER NOT NULL,
	urgency     INTEGER NOT NULL,
	category    TEXT NOT NULL,
	door        INTEGER NOT NULL,
	link        TEXT NOT NULL,
	device      TEXT NOT NULL,
	place       TEXT NOT NULL,
	reports     INTEGER NOT NULL,
	opened      INTEGER NOT NULL,
	since       INTEGER NOT NULL,
	breach      INTEGER NOT NULL,
	read_at     INTEGER NOT NULL,
	read_by     TEXT NOT NULL,
	holder      TEXT NOT NULL,
	province    INTEGER NOT NULL,
	commune     INTEGER NOT NULL,
	alleged     INTEGER NOT NULL,
	environment INTEGER NOT NULL,
	restricted  INTEGER NOT NULL
) STRICT;
CREATE INDEX cases_queue ON cases (closed, opened);

-- The next number of each year's cases.
CREATE TABLE numbers (
	year INTEGER PRIMARY KEY,
	last INTEGER NOT NULL
) STRICT;

CREATE TABLE reports (
	n           INTEGER PRIMARY KEY AUTOINCREMENT,
	envelope    TEXT NOT NULL UNIQUE,
	case_number TEXT NOT NULL REFERENCES cases (number),
	received    INTEGER NOT NULL,
	half_day    INTEGER NOT NULL,
	trusted     INTEGER NOT NULL,
	link        TEXT NOT NULL,
	device      TEXT NOT NULL,
	place       TEXT NOT NULL,
	door        INTEGER NOT NULL,
	urgency     INTEGER NOT NULL,
	categories  TEXT NOT NULL,
	province    INTEGER NOT NULL,
	commune     INTEGER NOT NULL,
	alleged     INTEGER NOT NULL,
	environment INTEGER NOT NULL,
	restricted  INTEGER NOT NULL
) STRICT;
CREATE INDEX reports_case ON reports (case_number, n);

-- Who did what when. The hashes show what was altered; the triggers keep a mistake in this program from doing it.
CREATE TABLE events (
	seq         INTEGER PRIMARY KEY,
	at          INTEGER NOT NULL,
	officer     TEXT NOT NULL,
	action      TEXT NOT NULL,
	case_number TEXT NOT NULL,
	subject     TEXT NOT NULL,
	before      TEXT NOT NULL,
	after       TEXT NOT NULL,
	note        BLOB,
	hash        BLOB NOT NULL
) STRICT;
CREATE INDEX events_case ON events (case_number, seq);
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;
CREATE TRIGGER events_remain BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'an event is never removed'); END;

CREATE TABLE devices (
	idx       INTEGER PRIMARY KEY,
	place     TEXT NOT NULL,
	province  INTEGER NOT NULL,
	commune   INTEGER NOT NULL,
	psk_epoch INTEGER NOT NULL,
	psk       BLOB NOT NULL,
	msisdn    BLOB,
	enrolled  INTEGER NOT NULL
) STRICT;

-- The last heartbeat of each device.
CREATE TABLE heartbeats (
	device INTEGER PRIMARY KEY REFERENCES devices (idx),
	seen   INTEGER NOT NULL,
	body   TEXT NOT NULL
) STRICT;

CREATE TABLE officers (
	user     TEXT PRIMARY KEY,
	name     TEXT NOT NULL,
	hash     TEXT NOT NULL,
	role     INTEGER NOT NULL,
	scope    INTEGER NOT NULL,
	province INTEGER NOT NULL,
	commune  INTEGER NOT NULL
) STRICT;

-- Frames that became no report, counted by reason.
CREATE TABLE counters (
	link   TEXT NOT NULL,
	reason TEXT NOT NULL,
	count  INTEGER NOT NULL,
	last   INTEGER NOT NULL,
	PRIMARY KEY (link, reason)
) STRICT;

-- The newest of those frames, sealed, for whoever looks into an attack.
CREATE TABLE quarantine (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	link     TEXT NOT NULL,
	reason   TEXT NOT NULL,
	received INTEGER NOT NULL,
	sealed   BLOB NOT NULL
) STRICT;

-- Automatic answers that are owed; the number is sealed.
CREATE TABLE answers (
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	due    INTEGER NOT NULL,
	sealed BLOB NOT NULL
) STRICT;
