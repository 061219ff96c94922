package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/internal/store"
	"github.com/langnghe/langnghe/gateway/internal/store/storetest"
)

// suite shows counters to the conformance suite.
type suite struct{ *store.Store }

func (s suite) CounterValues(ctx context.Context) (map[[2]string]int64, error) {
	out := map[[2]string]int64{}
	all, err := s.Counters(ctx)
	for _, c := range all {
		out[[2]string{c.Link, c.Reason}] = c.Count
	}
	return out, err
}

func (s suite) QuarantineLen(ctx context.Context) (int, error) {
	all, err := s.Quarantined(ctx)
	return len(all), err
}

func TestSQLiteKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		path := filepath.Join(t.TempDir(), "g w?.db") // a name that a DSN must escape
		return func() storetest.Store {
			s, err := store.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			return suite{s}
		}
	})
}

func open(t *testing.T) (string, *store.Store) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gateway.db")
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return path, s
}

func exec(t *testing.T, path, stmt string) error {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec(stmt)
	return err
}

func TestNewerDatabaseIsRefusedUnchanged(t *testing.T) {
	path, s := open(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := exec(t, path, "PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "newer gateway (schema 99, this program knows 2)") {
		t.Fatalf("a newer database gives %v", err)
	}
}

func TestBadDatabasesAreNamedWithWhatToDo(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("no database at all ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, want string }{
		{garbage, "damaged or no database"},
		{filepath.Join(dir, "absent", "x.db"), "check that its folder exists"},
	} {
		_, err := store.Open(t.Context(), c.path)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s gives %v, want %q", filepath.Base(c.path), err, c.want)
		}
	}
}

func TestDatabaseIsPrivateAndSynchronous(t *testing.T) {
	path, s := open(t)
	defer s.Close()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		st, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s%s has mode %o", filepath.Base(path), suffix, st.Mode().Perm())
		}
	}
	if got := s.Pragmas(t); got != "wal 2 1 1" {
		t.Errorf("journal_mode synchronous foreign_keys secure_delete are %q", got)
	}
}

func TestAuditLinesCannotBeChangedOrRemoved(t *testing.T) {
	path, s := open(t)
	defer s.Close()
	if err := exec(t, path, "INSERT INTO events VALUES (1, 1, '', '', '', '', '', '', NULL, x'00')"); err != nil {
		t.Fatal(err)
	}
	for _, stmt := range []string{"UPDATE events SET officer = 'x'", "DELETE FROM events"} {
		if err := exec(t, path, stmt); err == nil {
			t.Errorf("%q went through", stmt)
		}
	}
}

func TestReadersCannotWrite(t *testing.T) {
	_, s := open(t)
	defer s.Close()
	if err := s.WriteByReader(t, "DELETE FROM cases"); err == nil {
		t.Error("a reader's connection took a write")
	}
}

func TestHeartbeatsKeepTheNewest(t *testing.T) {
	_, s := open(t)
	defer s.Close()
	enrol(t, s)
	ctx := t.Context()
	beat := func(device uint32, at int, backlog int) store.Beat {
		b := store.Beat{Device: device, Seen: base.Add(minutes(at))}
		b.Body.Backlog, b.Body.Link = backlog, "mqtt"
		return b
	}
	if err := s.PutHeartbeats(ctx, []store.Beat{beat(1, 5, 3), beat(1, 2, 9), beat(77, 1, 1)}); err != nil {
		t.Fatal(err)
	}
	ks, err := s.Kiosks(ctx)
	if err != nil || len(ks) != 2 {
		t.Fatalf("%d kiosks, %v", len(ks), err)
	}
	if ks[0].Last.Backlog != 3 || !ks[0].Seen.Equal(base.Add(minutes(5))) || ks[0].Last.Link != "mqtt" {
		t.Errorf("kept %+v", ks[0])
	}
	if !ks[1].Seen.IsZero() {
		t.Errorf("a kiosk that was never heard of was seen at %v", ks[1].Seen)
	}
}

func TestOfficers(t *testing.T) {
	_, s := open(t)
	defer s.Close()
	o := store.Officer{Name: "Nguyễn Thị Hoa", Hash: "h"}
	o.Viewer.ID, o.Viewer.Role, o.Viewer.Scope, o.Viewer.Province, o.Viewer.Commune = "hoa", 2, 3, 79, 26734
	if err := s.AddOfficer(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	got, ok, err := s.Officer(t.Context(), "hoa")
	if err != nil || !ok || got != o {
		t.Errorf("stored %+v %v %v", got, ok, err)
	}
	if _, ok, err := s.Officer(t.Context(), "lan"); err != nil || ok {
		t.Errorf("nobody is somebody: %v %v", ok, err)
	}
	if err := s.AddOfficer(t.Context(), o); err == nil || !strings.Contains(fmt.Sprint(err), "exists already") {
		t.Errorf("a second officer of a name: %v", err)
	}
}

func TestFullDiskIsSaidAndKeepsWhatIsThere(t *testing.T) {
	path, s := open(t)
	put := func(n int) error {
		return s.Put(t.Context(), []intake.Raw{{Link: "mqtt", Received: base, Bytes: make([]byte, n)}})
	}
	if err := put(100); err != nil {
		t.Fatal(err)
	}
	s.FillUp(t)
	if err := put(1 << 20); !errors.Is(err, intake.ErrUnavailable) || !strings.Contains(err.Error(), "disk of the gateway's database is full: make room") {
		t.Errorf("a full disk gives %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, err := s.Arrivals(t.Context(), 0, 9); err != nil || len(got) != 1 {
		t.Errorf("%d arrivals, %v", len(got), err)
	}
}

func TestDatabaseThatAnotherProgramHoldsIsSaid(t *testing.T) {
	path, s := open(t)
	defer s.Close()
	s.Impatient(t)
	release := hold(t, path)
	put := func() error { return s.Put(t.Context(), []intake.Raw{{Link: "mqtt", Received: base}}) }
	if err := put(); !errors.Is(err, intake.ErrUnavailable) || !strings.Contains(err.Error(), "another program holds the gateway's database") {
		t.Errorf("a database that is held gives %v", err)
	}
	release()
	if err := put(); err != nil {
		t.Errorf("after it was let go: %v", err)
	}
}

// A start must not wait for an enrolment, nor end because one takes long.
func TestOpeningNeedsNoWriteLock(t *testing.T) {
	path, s := open(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	defer hold(t, path)()
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A bundle is written to a stick, which may take long: reports go on meanwhile.
func TestEnrolmentHoldsNoLockWhileTheBundleIsMade(t *testing.T) {
	_, s := open(t)
	defer s.Close()
	var asked []uint32
	d, err := s.Enrol(t.Context(), base, func(i uint32) (intake.Device, error) {
		if asked = append(asked, i); i == 1 {
			if err := s.Put(t.Context(), []intake.Raw{{Link: "mqtt", Received: base}}); err != nil {
				t.Error(err)
			}
			enrol(t, s) // others are quicker
		}
		return intake.Device{Index: i, PSK: []byte("k")}, nil
	})
	if err != nil || d.Index != 3 || fmt.Sprint(asked) != "[1 3]" {
		t.Errorf("enrolled %d after %v, %v", d.Index, asked, err)
	}
}

// hold takes the lock of the one writer, as another program does.
func hold(t *testing.T, path string) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(tx.Rollback(), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
