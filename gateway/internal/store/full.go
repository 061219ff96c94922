package store

import (
	"errors"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

// noRoom tells whether err says that the disk is full. SQLite has its own code for it where a page can't be written, and
// calls it an I/O error where a file can't be made or grown, as it is with the shared memory and the log at an opening.
func noRoom(err error) bool {
	var e sqlite3.Error
	if errors.As(err, &e) && (e.Code == sqlite3.ErrFull || e.SystemErrno == syscall.ENOSPC || e.SystemErrno == syscall.EDQUOT) {
		return true
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
