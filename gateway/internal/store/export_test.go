package store

import (
	"context"
	"fmt"
	"testing"
)

// Pragmas tells how the writer's connection is set.
func (s *Store) Pragmas(t *testing.T) string {
	var mode string
	var sync, keys, del int
	for name, dst := range map[string]any{"journal_mode": &mode, "synchronous": &sync, "foreign_keys": &keys, "secure_delete": &del} {
		if err := s.w.QueryRow("PRAGMA " + name).Scan(dst); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprint(mode, " ", sync, " ", keys, " ", del)
}

// WriteByReader tries to write by a reader's connection.
func (s *Store) WriteByReader(t *testing.T, stmt string) error {
	return s.read(t.Context(), func(tx *tx) error { _, err := tx.exec(context.Background(), stmt); return err })
}
