package store_test

import (
	"testing"
	"time"

	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/internal/store"
)

var base = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

// enrol makes two devices.
func enrol(t *testing.T, s *store.Store) {
	t.Helper()
	for range 2 {
		if _, err := s.Enrol(t.Context(), base, func(i uint32) (intake.Device, error) {
			return intake.Device{Index: i, PSK: []byte("k")}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}
