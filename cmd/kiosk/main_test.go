package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// Both programs answer alike: 0, 1 for a failure, 2 for a wrong command line.
func TestExitCodesAndHelp(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent.toml")
	for _, c := range []struct {
		args     []string
		code     int
		out, err string
	}{
		{nil, 2, "", "kiosk device"},
		{[]string{"help"}, 0, "kiosk device", ""},
		{[]string{"-h"}, 0, "kiosk device", ""},
		{[]string{"--help"}, 0, "kiosk device", ""},
		{[]string{"version"}, 0, "kiosk ", ""},
		{[]string{"dance"}, 2, "", `there is no command "dance"`},
		{[]string{"device", "-h"}, 0, "", "-config"},
		{[]string{"device", "-nonsense"}, 2, "", "-nonsense"},
		{[]string{"device", "kiosk.toml"}, 2, "", "is no flag"},
		{[]string{"device", "-config", absent}, 1, "", "gateway enrol"},
		{[]string{"screen", "-config", absent}, 1, "", "gateway enrol"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), c.args, &out, &errs)
		if code != c.code || !strings.Contains(out.String(), c.out) || !strings.Contains(errs.String(), c.err) || c.err == "" && errs.Len() > 0 {
			t.Errorf("kiosk %s: exit %d, want %d; said %q, %q", strings.Join(c.args, " "), code, c.code, out.String(), errs.String())
		}
	}
}
