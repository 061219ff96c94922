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

// FillUp lets the file grow no further.
func (s *Store) FillUp(t *testing.T) {
	var pages int
	if err := s.w.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := s.w.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
		t.Fatal(err)
	}
}

// Impatient lets the writer wait for nobody.
func (s *Store) Impatient(t *testing.T) {
	if _, err := s.w.Exec("PRAGMA busy_timeout = 0"); err != nil {
		t.Fatal(err)
	}
}
