package store

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/mattn/go-sqlite3"
)

// SQLite calls a full disk an I/O error where it happens at an opening.
func TestFullDiskIsSaidAsSuchWhateverSQLiteCallsIt(t *testing.T) {
	for _, err := range []error{
		sqlite3.Error{Code: sqlite3.ErrFull},
		sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.ENOSPC},
		sqlite3.Error{Code: sqlite3.ErrCantOpen, SystemErrno: syscall.EDQUOT},
		fmt.Errorf("open: %w", syscall.ENOSPC),
	} {
		if said := explain("gateway.db", err).Error(); !strings.Contains(said, "the disk is full: make room") {
			t.Errorf("%v becomes %q", err, said)
		}
	}
	if said := explain("gateway.db", sqlite3.Error{Code: sqlite3.ErrIoErr}).Error(); strings.Contains(said, "room") {
		t.Errorf("a broken disk is called full: %q", said)
	}
}
