package outbox

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// ballast is the size in bytes of a file without content that lies beside the outbox. SQLite makes its journal and the
// journal's index (32 KiB) anew at each opening; on a disk without a free byte, a kiosk that starts could not even send
// what it has. Then the ballast is thrown off, and its room serves the opening and a full journal (maxJournal) of attempts
// and acks.
const ballast = 512 << 10

func (o *Outbox) ballastPath() string { return o.path + ".ballast" }

// dropBallast gives the ballast's room to the outbox and tells whether there was any.
func (o *Outbox) dropBallast() bool { return os.Remove(o.ballastPath()) == nil }

// keepBallast lays the ballast in where it is missing and the disk has room for it beyond the reserve. It is a precaution:
// where it can't be made, nothing is worse than without it, so it has no error.
func (o *Outbox) keepBallast() {
	if st, err := os.Lstat(o.ballastPath()); err == nil && st.Size() == ballast {
		return
	}
	var st unix.Statfs_t
	if unix.Statfs(o.path, &st) != nil || int64(st.Bavail)*int64(st.Bsize) < o.reserve+ballast {
		return
	}
	f, err := os.OpenFile(o.ballastPath(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return
	}
	// Written, not only given a size: a file with holes takes no room. Cut short by a power cut, it is made anew.
	_, err = f.Write(make([]byte, ballast))
	if errors.Join(err, f.Sync(), f.Close()) != nil {
		o.dropBallast()
	}
}
