// Package store keeps what the gateway must not lose, in one SQLite file: arrivals, reports, cases, the audit chain,
// devices, officers and counters. It implements intake.Store and triage.Store; storetest holds their contracts as tests,
// for this engine and the next.
//
// The file holds no word of a report and no MSISDN in clear: what could be one comes here sealed (invariant 8).
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"time"

	"github.com/mattn/go-sqlite3" // the SQLite driver, and its error codes

	"github.com/langnghe/langnghe/gateway/intake"
)

// Store is the gateway's database. Many goroutines may use it at once, and other processes may have it open as well:
// officers and devices are enrolled while the gateway runs.
type Store struct {
	w *sql.DB // one connection: SQLite has one writer, and a queue in Go is fairer than its busy handler
	r *sql.DB // readers; WAL lets them read beside the writer
}

// busyTimeout is how long a writer waits for one in another process, such as an enrolment.
const busyTimeout = 15 * time.Second

// Open opens the database at path, or makes it, and brings its schema up to date. Its folder must exist. A database of a
// newer program, a damaged one and one that cannot be written are refused with what to do next.
func Open(ctx context.Context, path string) (*Store, error) {
	// The file is made here and not by SQLite, so that it never exists with another mode than 0600.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if noRoom(err) {
		return nil, explain(path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("database %s can't be opened (%w): check that its folder exists and belongs to this user", path, errors.Unwrap(err))
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	// Pragmas stand in the DSN because a pool would lose what is set on one connection only.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1&_secure_delete=1" +
		fmt.Sprintf("&_busy_timeout=%d&_stmt_cache_size=64", busyTimeout.Milliseconds()) // preparing cost a third of a batch
	s := &Store{}
	if s.w, err = sql.Open("sqlite3", dsn+"&_txlock=immediate"); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s.w.SetMaxOpenConns(1)
	if s.r, err = sql.Open("sqlite3", dsn+"&_query_only=1"); err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), s.w.Close())
	}
	readers := max(2, runtime.NumCPU())
	s.r.SetMaxOpenConns(readers)
	s.r.SetMaxIdleConns(readers)
	if err := s.prepare(ctx, path); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// prepare checks the file and brings it to the newest schema.
func (s *Store) prepare(ctx context.Context, path string) error {
	var check string
	if err := s.w.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&check); err != nil {
		return explain(path, err)
	}
	if check != "ok" {
		return fmt.Errorf("database %s is damaged: stop the gateway, keep a copy of the file and restore the last backup", path)
	}
	// Asked without the lock of the one writer: a start waits for no enrolment and needs no room on the disk.
	var have int
	if err := s.w.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return explain(path, err)
	}
	if have == len(migrations) {
		return nil
	}
	return s.write(ctx, func(t *tx) error { return t.migrate(ctx, path, migrations) })
}

func explain(path string, err error) error {
	if noRoom(err) {
		return fmt.Errorf("database %s: the disk is full: make room, then start again", path)
	}
	var e sqlite3.Error
	if errors.As(err, &e) {
		switch e.Code {
		case sqlite3.ErrNotADB, sqlite3.ErrCorrupt:
			return fmt.Errorf("database %s is damaged or no database: keep a copy of it and restore the last backup", path)
		case sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrPerm:
			return fmt.Errorf("database %s can't be written: check that its folder belongs to this user and the disk is not mounted read-only", path)
		case sqlite3.ErrBusy, sqlite3.ErrLocked:
			return fmt.Errorf("database %s is held by another program: wait for it to end, then start again", path)
		}
	}
	return fmt.Errorf("database %s: %w", path, err)
}

// Close frees the database. Nothing may use it afterwards.
func (s *Store) Close() error {
	return errors.Join(s.r.Close(), s.w.Close())
}

// tx is one transaction; every statement of the package runs in one.
type tx struct{ tx *sql.Tx }

// write runs f in one transaction of the writer.
func (s *Store) write(ctx context.Context, f func(*tx) error) error { return run(ctx, s.w, f) }

// read runs f in one transaction of a reader: all that it reads is of one moment.
func (s *Store) read(ctx context.Context, f func(*tx) error) error { return run(ctx, s.r, f) }

func run(ctx context.Context, db *sql.DB, f func(*tx) error) error {
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return passing(fmt.Errorf("begin: %w", err))
	}
	if err := f(&tx{t}); err != nil {
		_ = t.Rollback() // the error that matters is f's; a transaction that cannot roll back cannot commit either
		return passing(err)
	}
	if err := t.Commit(); err != nil {
		return passing(fmt.Errorf("commit: %w", err))
	}
	return nil
}

// passing says in words what to do where the database can't be used now, and marks it intake.ErrUnavailable; other errors
// stay as they are.
func passing(err error) error {
	say := func(sentence string) error { return fmt.Errorf("%s: %w: %w", sentence, intake.ErrUnavailable, err) }
	if noRoom(err) {
		return say("the disk of the gateway's database is full: make room; what was acknowledged is safe")
	}
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return say("another program holds the gateway's database: wait for it to end, or end it")
	case sqlite3.ErrIoErr, sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrPerm, sqlite3.ErrNomem:
		return say("the gateway's database can't be read or written: look after its disk and its memory")
	}
	return err
}

func (t *tx) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.tx.ExecContext(ctx, query, args...)
}

func (t *tx) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.tx.QueryContext(ctx, query, args...)
}

func (t *tx) row(ctx context.Context, query string, args ...any) *sql.Row {
	return t.tx.QueryRowContext(ctx, query, args...)
}

// each calls scan for every row.
func (t *tx) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := t.query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// millis is t as it is stored; the zero time is 0, which is no moment that the gateway has seen.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
