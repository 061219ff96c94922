package store_test

import (
	"errors"
	"testing"

	"github.com/langnghe/langnghe/gateway/internal/store"
)

func TestDatabaseKnowsTheIdentityThatItWasMadeWith(t *testing.T) {
	never := func([]byte) bool { return false }
	always := func([]byte) bool { return true }
	path, s := open(t)
	if err := s.Bind(t.Context(), []byte("one"), never); err != nil {
		t.Fatalf("a new database refuses an identity: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Bind(t.Context(), []byte("one"), never); err != nil {
		t.Errorf("its own identity: %v", err)
	}
	if err := s.Bind(t.Context(), []byte("two"), always); !errors.Is(err, store.ErrOtherIdentity) {
		t.Errorf("another identity: %v", err)
	}
}

// A database of the first schema has devices and no fingerprint: a wrong identity must not be taken for the right one.
func TestOlderDatabaseTakesOnlyAnIdentityThatOpensADevice(t *testing.T) {
	_, s := open(t)
	defer s.Close()
	enrol(t, s)
	if err := s.Bind(t.Context(), []byte("wrong"), func([]byte) bool { return false }); !errors.Is(err, store.ErrOtherIdentity) {
		t.Fatalf("an identity that opens no device: %v", err)
	}
	if err := s.Bind(t.Context(), []byte("right"), func([]byte) bool { return true }); err != nil {
		t.Errorf("the identity that opens the device: %v", err)
	}
}
