package outbox

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
)

// fill adds reports until one is refused, and returns those that were taken.
func fill(t *testing.T, o *Outbox) (stored []seal.Sealed, tokens []wire.Token) {
	t.Helper()
	for n := range 5000 {
		s, tok := sealed(n, 100)
		err := o.Add(t.Context(), s, false)
		if err == nil {
			stored, tokens = append(stored, s), append(tokens, tok)
			continue
		}
		if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), o.path) || !strings.Contains(err.Error(), "free some space") {
			t.Fatalf("refused with %v", err)
		}
		if len(stored) == 0 {
			t.Fatal("nothing could be stored at all")
		}
		return stored, tokens
	}
	t.Fatal("the disk never filled")
	return nil, nil
}

func intact(t *testing.T, o *Outbox, stored []seal.Sealed) {
	t.Helper()
	got := states(t, o)
	if len(got) != len(stored) {
		t.Fatalf("%d envelopes, %d were stored", len(got), len(stored))
	}
	for _, s := range stored {
		env, err := o.Envelope(t.Context(), s.Envelope.ID())
		must(t, err)
		if string(env) != string(s.Envelope) {
			t.Fatal("an envelope has changed")
		}
	}
}

// tmpfs mounts a disk of its own, where the test may.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("this machine lets the test mount no disk: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// A full disk refuses new reports and keeps what it has; what it has still goes out, and the acks make room again.
func TestFullDiskStillSends(t *testing.T) {
	// Of several sizes: what the journal holds when the disk is full is a matter of chance.
	for _, size := range []string{"3m", "5m", "5500k", "6m", "8m"} {
		t.Run(size, func(t *testing.T) { fullDiskStillSends(t, tmpfs(t, size)) })
	}
}

func fullDiskStillSends(t *testing.T, dir string) {
	o := open(t, filepath.Join(dir, "outbox.db"))
	ctx := t.Context()
	must(t, o.CanStore(ctx))
	stored, tokens := fill(t, o)
	intact(t, o, stored)
	if err := o.CanStore(ctx); !errors.Is(err, ErrFull) {
		t.Fatalf("a full outbox says it can store: %v", err)
	}
	if _, err := o.Hold(ctx, stored[0], []byte("A")); !errors.Is(err, ErrFull) {
		t.Fatalf("hold: %v", err)
	}
	// A day without an ack: the attempts go on.
	for n := range 1500 {
		a, err := o.BeginAttempt(ctx, stored[n%len(stored)].Envelope.ID(), "mqtt")
		must(t, err)
		must(t, o.EndAttempt(ctx, a, Unknown))
	}
	for i, s := range stored {
		a, err := o.BeginAttempt(ctx, s.Envelope.ID(), "mqtt")
		must(t, err)
		must(t, o.EndAttempt(ctx, a, Accepted))
		in, err := o.StoreInbound(ctx, "frame", tokens[i][:])
		must(t, err)
		if _, found, err := o.Acked(ctx, tokens[i].Hash()); err != nil || !found {
			t.Fatal(found, err)
		}
		must(t, o.DropInbound(ctx, in, false))
	}
	// The file keeps its size and uses its free pages again, so the room to ask for is in it.
	o.reserve = 0
	s, _ := sealed(-1, 100)
	must(t, o.Add(ctx, s, false))
}

// Another program takes the last byte.
func TestDiskFilledByOthers(t *testing.T) {
	dir := tmpfs(t, "6m")
	o := open(t, filepath.Join(dir, "outbox.db"))
	o.reserve = 0
	s, _ := sealed(-1, 3)
	must(t, o.Add(t.Context(), s, false))
	f := takeAll(t, dir)
	var refused int
	for n := range 400 { // the journal's last page takes a few
		s, _ := sealed(n, 100)
		if err := o.Add(t.Context(), s, false); errors.Is(err, ErrFull) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		} else {
			t.Fatal("a report was stored on a disk without a free byte")
		}
	}
	intact(t, o, []seal.Sealed{s})
	must(t, os.Remove(f))
	late, _ := sealed(-2, 3)
	must(t, o.Add(t.Context(), late, false))
	must(t, o.Close())
	intact(t, open(t, o.path), []seal.Sealed{s, late})
}

// takeAll writes a file until the disk has no free byte, and returns its name.
func takeAll(t *testing.T, dir string) string {
	t.Helper()
	f, err := os.CreateTemp(dir, "log")
	must(t, err)
	for chunk := 1 << 20; chunk > 0; chunk /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, chunk))
		}
	}
	must(t, f.Close())
	return f.Name()
}

// A kiosk that starts on a disk without a free byte opens its outbox all the same, and sends what waits there: the
// ballast gives way. When there is room again, the ballast is there for the next time.
func TestOpenOnAFullDisk(t *testing.T) {
	dir := tmpfs(t, "6m")
	path := filepath.Join(dir, "outbox.db")
	ctx := t.Context()
	o := open(t, path)
	s, tok := sealed(1, 3)
	must(t, o.Add(ctx, s, false))
	must(t, o.Close())
	for range 2 {
		log := takeAll(t, dir)
		o = open(t, path)
		intact(t, o, []seal.Sealed{s})
		for range 500 {
			a, err := o.BeginAttempt(ctx, s.Envelope.ID(), "mqtt")
			must(t, err)
			must(t, o.EndAttempt(ctx, a, Accepted))
		}
		if err := o.CanStore(ctx); !errors.Is(err, ErrFull) {
			t.Fatalf("a full outbox says it can store: %v", err)
		}
		must(t, os.Remove(log))
		must(t, o.CanStore(ctx)) // the look that health takes
		must(t, o.Close())
	}
	takeAll(t, dir)
	o = open(t, path)
	in, err := o.StoreInbound(ctx, "frame", tok[:])
	must(t, err)
	if _, found, err := o.Acked(ctx, tok.Hash()); err != nil || !found {
		t.Fatal(found, err)
	}
	must(t, o.DropInbound(ctx, in, false))
}

// Where not even the ballast helps, the sentence says what to do now: nothing goes out of a kiosk that does not start.
func TestOpenOnAFullDiskWithoutBallastSaysWhatToDo(t *testing.T) {
	dir := tmpfs(t, "6m")
	takeAll(t, dir)
	_, err := Open(filepath.Join(dir, "outbox.db"))
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "start the kiosk again") {
		t.Fatalf("opened with %v", err)
	}
	if strings.Contains(err.Error(), "still goes out") {
		t.Errorf("it says that reports go out: %v", err)
	}
	t.Log(err)
}

// The same as far as SQLite is concerned, for machines where no disk can be mounted.
func TestFullFile(t *testing.T) {
	o := fresh(t)
	_, err := o.db.Exec(`PRAGMA max_page_count = 100`)
	must(t, err)
	stored, tokens := fill(t, o)
	intact(t, o, stored)
	if _, found, err := o.Acked(t.Context(), tokens[0].Hash()); err != nil || !found {
		t.Fatal(found, err)
	}
	s, _ := sealed(-1, 100)
	must(t, o.Add(t.Context(), s, false))
	must(t, o.Close())
	intact(t, open(t, o.path), append(stored[1:], s))
}
