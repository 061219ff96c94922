// Package outbox is the device's one store: sealed envelopes until their ack, the attempts to send them, and inbound
// frames until they are parsed, in one SQLite file. It knows bytes and states, and neither links nor time. DESIGN.md
// beside it draws the states and says what a crash on each line leaves.
package outbox

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	sqlite3 "github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"
)

// Errors that a caller may ask for with errors.Is. The error that wraps one is a whole sentence: what is wrong, with
// which file, what to do next. None holds content.
var (
	// ErrFull: nothing was stored, and all that was stored before is still there and still goes out.
	ErrFull = errors.New("no room on the disk")
	// ErrCorrupt: the file is damaged or is no outbox.
	ErrCorrupt = errors.New("the file is damaged")
	// ErrNewer: a newer program has written the file.
	ErrNewer = errors.New("the file belongs to a newer program")
	// ErrBusy: another process holds the file.
	ErrBusy = errors.New("another process holds the file")
	// ErrReadOnly: the file, its folder or the disk can't be written.
	ErrReadOnly = errors.New("the file can't be written")
	// ErrGone: there is no such envelope, or it is held: there is nothing to send.
	ErrGone = errors.New("no such envelope waits")
)

// reserve is the free space, in bytes, that new reports may not use: without it a full disk could take neither the
// attempts nor the acks that empty it again.
const reserve = 1 << 20

// Outbox is the open store. It is safe for concurrent use.
type Outbox struct {
	path    string
	db      *sql.DB
	lock    *os.File // flock: one process per outbox
	reserve int64    // see the constant; tests change it
	opened  bool     // written by Open alone
}

// Open opens the outbox at path or makes a new one (mode 0600, in a folder that exists). What an earlier process left
// open is settled here, by the statement that ends an attempt every day: its attempts count as perhaps sent (invariant 7).
// On a full disk the ballast gives way, so that what waits still goes out.
func Open(path string) (*Outbox, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("outbox path: %w", err)
	}
	o := &Outbox{path: path, reserve: reserve}
	err = o.open()
	if errors.Is(err, ErrFull) && o.dropBallast() {
		o.Close()
		err = o.open()
	}
	if err != nil {
		o.Close()
		return nil, err
	}
	o.opened = true
	o.keepBallast()
	return o, nil
}

func (o *Outbox) open() (err error) {
	if o.lock, err = os.OpenFile(o.path+".lock", os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return o.say("open", err)
	}
	if err := unix.Flock(int(o.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return o.say("open", fmt.Errorf("%w: %w", ErrBusy, err))
	}
	// SQLite would make the file readable by others. The journals inherit its mode.
	f, err := os.OpenFile(o.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return o.say("open", err)
	}
	if err := f.Close(); err != nil {
		return o.say("open", err)
	}
	dsn := url.URL{Scheme: "file", Path: o.path, RawQuery: url.Values{
		// In the DSN, not by PRAGMA: what is set once on a pool is lost on its next connection.
		"_journal_mode":  {"WAL"},
		"_synchronous":   {"FULL"},
		"_secure_delete": {"on"},
		"_foreign_keys":  {"on"},
		"_busy_timeout":  {"5000"},
		"_txlock":        {"immediate"},
	}.Encode()}
	o.db = sql.OpenDB(connector(dsn.String()))
	o.db.SetMaxOpenConns(1)
	if err := o.migrate(); err != nil {
		return err
	}
	tx, err := o.db.Begin()
	err = o.finish("open", tx, err, func(tx *sql.Tx) error { return endAttempts(tx, everyAttempt, Unknown) })
	if err != nil {
		return err
	}
	// A process that died between an ack's commit and its checkpoint has left sealed bytes in the journal.
	if err := o.checkpoint(); err != nil {
		return err
	}
	return o.sync()
}

// connector makes each connection with its journal kept short: the DSN has no word for that.
type connector string

// maxJournal is the journal's size, in pages of 4 KiB, at which it is moved into the file. What is in the journal needs
// its room a second time then, and on a full disk the reserve must hold that: at SQLite's own 1000 pages it did not, and
// the journal grew over the reserve until nothing could be sent.
const maxJournal = 64

func (c connector) Connect(context.Context) (driver.Conn, error) {
	return (&sqlite3.SQLiteDriver{ConnectHook: func(conn *sqlite3.SQLiteConn) error {
		_, err := conn.Exec(fmt.Sprintf(`PRAGMA wal_autocheckpoint = %d`, maxJournal), nil)
		return err
	}}).Open(string(c))
}

func (c connector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// sync puts the file and its name on stable storage: a report in a file without a name is lost with the power.
func (o *Outbox) sync() error {
	for _, p := range []string{o.path, filepath.Dir(o.path)} {
		f, err := os.Open(p)
		if err != nil {
			return o.say("open", err)
		}
		err = errors.Join(f.Sync(), f.Close())
		if err != nil {
			return o.say("open", err)
		}
	}
	return nil
}

// Close releases the file. Calls after it fail.
func (o *Outbox) Close() error {
	var err error
	if o.db != nil {
		err = o.db.Close()
	}
	if o.lock != nil {
		err = errors.Join(err, o.lock.Close())
	}
	return err
}

// checkpoint moves the journal into the file and cuts it to nothing: an erased envelope must not live on in the journal.
func (o *Outbox) checkpoint() error {
	var busy, frames, moved int
	err := o.db.QueryRow(`PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved)
	if err != nil {
		return o.say("clean the journal", err)
	}
	// busy: another program reads the file just now. The next checkpoint does it.
	return nil
}

// tx runs f in one transaction that is on stable storage when tx returns nil.
func (o *Outbox) tx(ctx context.Context, doing string, f func(*sql.Tx) error) error {
	tx, err := o.db.BeginTx(ctx, nil)
	return o.finish(doing, tx, err, f)
}

func (o *Outbox) finish(doing string, tx *sql.Tx, err error, f func(*sql.Tx) error) error {
	if err != nil {
		return o.say(doing, err)
	}
	if err := f(tx); err != nil {
		// Rollback can only repeat what err says.
		_ = tx.Rollback()
		return o.say(doing, err)
	}
	return o.say(doing, tx.Commit())
}

// say makes the one sentence of an error: what we were doing, with which file, what to do next.
func (o *Outbox) say(doing string, err error) error {
	if err == nil {
		return nil
	}
	next, kind := classify(err)
	if kind == ErrFull && !o.opened {
		next = startAgain
	}
	if kind == nil {
		return fmt.Errorf("outbox: %s: %w", doing, err)
	}
	if errors.Is(err, kind) {
		return fmt.Errorf("outbox: %s %s: %w; %s", doing, o.path, err, next)
	}
	return fmt.Errorf("outbox: %s %s: %w (%w); %s", doing, o.path, kind, err, next)
}

// What to do about ErrFull.
const (
	stillSends = "free some space: what is stored is kept and still goes out"
	startAgain = "free 1 MiB at least and start the kiosk again: what is stored is kept, and goes out then"
)

func classify(err error) (next string, kind error) {
	const (
		full     = stillSends
		corrupt  = "stop the kiosk, move the file aside and keep it, then start again"
		busy     = "only one kiosk process may use it: stop the other one"
		readOnly = "check that the folder exists, belongs to the kiosk's user and that the disk is mounted for writing"
	)
	for _, known := range []struct {
		kind error
		next string
	}{{ErrFull, full}, {ErrCorrupt, corrupt}, {ErrBusy, busy}, {ErrReadOnly, readOnly}} {
		if errors.Is(err, known.kind) {
			return known.next, known.kind
		}
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return full, ErrFull
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) ||
		errors.Is(err, unix.EISDIR) {
		return readOnly, ErrReadOnly
	}
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return "", nil
	}
	switch e.Code {
	case sqlite3.ErrFull:
		return full, ErrFull
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return corrupt, ErrCorrupt
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return busy, ErrBusy
	case sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrPerm:
		return readOnly, ErrReadOnly
	case sqlite3.ErrIoErr:
		if e.SystemErrno == unix.ENOSPC || e.SystemErrno == unix.EDQUOT {
			return full, ErrFull
		}
	}
	return "", nil
}

// room refuses new reports where they would use the reserve.
func (o *Outbox) room(doing string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(o.path, &st); err != nil {
		return o.say(doing, err)
	}
	if free := int64(st.Bavail) * int64(st.Bsize); free < o.reserve {
		// How much is free stays unsaid: it changes with each look, and one and the same trouble is logged once.
		return o.say(doing, fmt.Errorf("%w: the last %d bytes are kept for sending", ErrFull, o.reserve))
	}
	return nil
}

// CanStore tells whether a report could be stored now: nil, or the sentence that says why not. Where there is room again
// it lays the ballast in again, and it writes nothing else. Call it from time to time, never because of a report: the
// ballast's file shows when.
func (o *Outbox) CanStore(ctx context.Context) error {
	if err := unix.Access(o.path, unix.W_OK); err != nil {
		return o.say("write", err)
	}
	if err := o.room("write"); err != nil {
		return err
	}
	o.keepBallast()
	var n int
	return o.say("read", o.db.QueryRowContext(ctx, `SELECT n FROM tally WHERE name='acked'`).Scan(&n))
}

// Counts is what the outbox may tell of its past and present. Nothing in it has a time.
type Counts struct {
	Waiting     int // envelopes that no ack has ended yet, held ones included
	Acked       int // envelopes that an ack has ended since the file was made
	Quarantined int // inbound frames that were not what they claimed, since the file was made
}

// Counts reads the counts.
func (o *Outbox) Counts(ctx context.Context) (Counts, error) {
	var c Counts
	err := o.db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM envelope),
		(SELECT n FROM tally WHERE name='acked'), (SELECT n FROM tally WHERE name='quarantined')`).
		Scan(&c.Waiting, &c.Acked, &c.Quarantined)
	return c, o.say("count", err)
}
