-- Frozen once released: a change is a new migration.

-- The fingerprint of the intake identity that everything here is sealed to. A wrong identity is noticed by it before
-- anything is sealed to a key that nobody keeps.
CREATE TABLE identity (
	id        INTEGER PRIMARY KEY CHECK (id = 1),
	recipient BLOB NOT NULL
) STRICT;
