package modem

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// A technician reads the log: one fault is one line, and its sentence stands there once.
func TestFaultIsSaidOnce(t *testing.T) {
	for name, err := range map[string]error{
		"with a cause":    &fault{reason: "no modem at /dev/x: plug it in", err: errors.New("no such file")},
		"without a cause": fmt.Errorf("open: %w", &fault{reason: "no modem at /dev/x: plug it in"}),
	} {
		var b strings.Builder
		m := &Modem{log: slog.New(slog.NewTextHandler(&b, nil))}
		m.note(err)
		m.note(err)
		if n := strings.Count(b.String(), "plug it in"); n != 1 {
			t.Errorf("%s: %d times: %s", name, n, &b)
		}
	}
}
