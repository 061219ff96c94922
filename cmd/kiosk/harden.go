package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// harden makes this process leave nothing behind that it did not mean to: no core dump of what a child has typed, no
// reading of its memory by other processes of the same user, no file that others may read (invariant 2).
func harden() error {
	// A service manager may have done it and forbid the call.
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &now); err != nil || now != (unix.Rlimit{}) {
		if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
			return fmt.Errorf("switch core dumps off: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("switch core dumps off: %w", err)
	}
	unix.Umask(0o077)
	return nil
}
