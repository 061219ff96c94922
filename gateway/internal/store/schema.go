package store

import (
	"context"
	_ "embed" // the schemas
	"fmt"
)

//go:embed schema1.sql
var schema1 string

//go:embed schema2.sql
var schema2 string

// migrations bring a database from schema n to n+1. An entry that was ever released is frozen: a change is a new entry.
var migrations = []string{schema1, schema2}

// migrate runs the migrations that the file has not had yet, all in t: a power cut leaves the old schema or the new one.
func (t *tx) migrate(ctx context.Context, path string, migrations []string) error {
	var have int
	if err := t.row(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return explain(path, err)
	}
	if have > len(migrations) {
		return fmt.Errorf("database %s was written by a newer gateway (schema %d, this program knows %d): install that version or later; nothing was changed",
			path, have, len(migrations))
	}
	for ; have < len(migrations); have++ {
		if _, err := t.exec(ctx, migrations[have]); err != nil {
			return fmt.Errorf("database %s: bring it to schema %d: %w", path, have+1, err)
		}
		if _, err := t.exec(ctx, fmt.Sprintf("PRAGMA user_version = %d", have+1)); err != nil {
			return explain(path, err)
		}
	}
	return nil
}
