package outbox

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
)

// sealed makes the outside of an envelope; what is inside does not matter to the store. The same n gives the same bytes.
func sealed(n, segments int) (seal.Sealed, wire.Token) {
	rnd := rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, n)))
	size := wire.MinEnvelope
	if segments > 1 {
		size = segments * 133
	}
	env := make([]byte, size)
	rnd.Read(env)
	copy(env, wire.Header{Device: 7}.Append(nil))
	e, err := wire.ParseEnvelope(env)
	if err != nil {
		panic(err)
	}
	var tok wire.Token
	rnd.Read(tok[:])
	return seal.Sealed{Envelope: e, AckHash: tok.Hash()}, tok
}

func open(t *testing.T, path string) *Outbox {
	t.Helper()
	o, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func fresh(t *testing.T) *Outbox { return open(t, filepath.Join(t.TempDir(), "outbox.db")) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func states(t *testing.T, o *Outbox) map[wire.ID]State {
	t.Helper()
	items, err := o.Due(t.Context())
	must(t, err)
	m := map[wire.ID]State{}
	for _, it := range items {
		if _, twice := m[it.ID]; twice {
			t.Fatal("an envelope is listed twice")
		}
		m[it.ID] = it.State
	}
	return m
}

// Invariant 7: what perhaps left stays Awaiting, whatever a later attempt says, on the same link or another, and over a
// restart.
func TestAttemptStates(t *testing.T) {
	type step struct {
		attempt int // which attempt, in order of beginning
		end     Outcome
		begin   bool
	}
	begin := func(a int) step { return step{attempt: a, begin: true} }
	end := func(a int, out Outcome) step { return step{attempt: a, end: out} }
	for name, c := range map[string]struct {
		steps []step
		want  State
		after State // after a restart
	}{
		"nothing":                       {nil, Queued, Queued},
		"open":                          {[]step{begin(0)}, Attempting, Awaiting},
		"not sent":                      {[]step{begin(0), end(0, NotSent)}, Queued, Queued},
		"accepted":                      {[]step{begin(0), end(0, Accepted)}, Awaiting, Awaiting},
		"unknown":                       {[]step{begin(0), end(0, Unknown)}, Awaiting, Awaiting},
		"unknown, then not sent":        {[]step{begin(0), end(0, Unknown), begin(1), end(1, NotSent)}, Awaiting, Awaiting},
		"not sent, then unknown":        {[]step{begin(0), end(0, NotSent), begin(1), end(1, Unknown)}, Awaiting, Awaiting},
		"race, one open":                {[]step{begin(0), begin(1), end(0, NotSent)}, Attempting, Awaiting},
		"race, both not sent":           {[]step{begin(0), begin(1), end(0, NotSent), end(1, NotSent)}, Queued, Queued},
		"race, accepted and not sent":   {[]step{begin(0), begin(1), end(1, Accepted), end(0, NotSent)}, Awaiting, Awaiting},
		"ended twice: the first counts": {[]step{begin(0), end(0, NotSent), end(0, Unknown)}, Queued, Queued},
	} {
		t.Run(name, func(t *testing.T) {
			o := fresh(t)
			s, _ := sealed(1, 1)
			must(t, o.Add(t.Context(), s, true))
			var attempts []int64
			for _, st := range c.steps {
				if st.begin {
					a, err := o.BeginAttempt(t.Context(), s.Envelope.ID(), "mqtt")
					must(t, err)
					attempts = append(attempts, a)
					continue
				}
				must(t, o.EndAttempt(t.Context(), attempts[st.attempt], st.end))
			}
			if got := states(t, o)[s.Envelope.ID()]; got != c.want {
				t.Errorf("state %v, want %v", got, c.want)
			}
			must(t, o.Close())
			o = open(t, o.path)
			items, err := o.Due(t.Context())
			must(t, err)
			if len(items) != 1 || items[0].State != c.after || items[0].Attempts != len(attempts) || !items[0].Urgent {
				t.Errorf("after a restart %+v, want state %v and %d attempts", items, c.after, len(attempts))
			}
		})
	}
}

func TestAddIsKeptOnceAndInOrder(t *testing.T) {
	o := fresh(t)
	var want []wire.ID
	for n := range 5 {
		s, _ := sealed(n, n+1)
		must(t, o.Add(t.Context(), s, n%2 == 0))
		must(t, o.Add(t.Context(), s, n%2 == 0))
		want = append(want, s.Envelope.ID())
		env, err := o.Envelope(t.Context(), s.Envelope.ID())
		must(t, err)
		if !bytes.Equal(env, s.Envelope) {
			t.Fatal("the envelope has changed")
		}
	}
	items, err := o.Due(t.Context())
	must(t, err)
	if len(items) != len(want) {
		t.Fatalf("%d items, want %d", len(items), len(want))
	}
	for i, it := range items {
		if it.ID != want[i] || it.Urgent != (i%2 == 0) {
			t.Errorf("item %d is another", i)
		}
	}
}

func TestHoldReplaceRelease(t *testing.T) {
	o := fresh(t)
	ctx := t.Context()
	a, _ := sealed(1, 2)
	b, _ := sealed(2, 2)
	again, _ := sealed(3, 2) // the same TPDU sealed anew: another envelope
	report, _ := sealed(4, 3)
	hold := func(s seal.Sealed, digest string) bool {
		t.Helper()
		dup, err := o.Hold(ctx, s, []byte(digest))
		must(t, err)
		return dup
	}
	if hold(a, "A") || !hold(again, "A") || hold(b, "B") {
		t.Fatal("a TPDU is a duplicate exactly when its digest is known")
	}
	if n := len(states(t, o)); n != 0 {
		t.Fatalf("%d held segments are due", n)
	}
	if _, err := o.BeginAttempt(ctx, a.Envelope.ID(), "sms"); !errors.Is(err, ErrGone) {
		t.Fatalf("a held segment could be sent: %v", err)
	}
	if _, err := o.Envelope(ctx, a.Envelope.ID()); err != nil {
		t.Fatal(err)
	}
	must(t, o.Replace(ctx, []wire.ID{a.Envelope.ID()}, report, true))
	must(t, o.Release(ctx, nil))
	got := states(t, o)
	if len(got) != 2 || got[report.Envelope.ID()] != Queued || got[b.Envelope.ID()] != Queued {
		t.Fatalf("after replace and release: %v", got)
	}
	// What was released and perhaps sent is not erased; what never left is.
	c, _ := sealed(5, 1)
	hold(c, "C")
	must(t, o.Release(ctx, []wire.ID{c.Envelope.ID()}))
	at, err := o.BeginAttempt(ctx, b.Envelope.ID(), "sms")
	must(t, err)
	must(t, o.EndAttempt(ctx, at, Unknown))
	second, _ := sealed(6, 2)
	must(t, o.Replace(ctx, []wire.ID{b.Envelope.ID(), c.Envelope.ID(), second.Envelope.ID()}, second, false))
	got = states(t, o)
	if _, there := got[c.Envelope.ID()]; there || got[b.Envelope.ID()] != Awaiting || got[second.Envelope.ID()] != Queued {
		t.Fatalf("after the second replace: %v", got)
	}
	must(t, o.Forget(ctx))
	if hold(again, "B") { // a villager who sends the same words again
		t.Fatal("a forgotten TPDU is a duplicate")
	}
}

// Words that nobody has read are not U0: they neither race on all links nor go before the reports that do.
func TestReleasedSegmentsAreNotUrgent(t *testing.T) {
	o := fresh(t)
	for n := range 2 {
		s, _ := sealed(n, 2)
		_, err := o.Hold(t.Context(), s, []byte{byte(n)})
		must(t, err)
	}
	must(t, o.Release(t.Context(), nil))
	items, err := o.Due(t.Context())
	must(t, err)
	if len(items) != 2 || items[0].Urgent || items[1].Urgent {
		t.Errorf("%+v", items)
	}
}

// What only repeats other segments is erased, bytes and all, if it is still held; nothing else is.
func TestDropErasesWhatIsHeld(t *testing.T) {
	o := fresh(t)
	ctx := t.Context()
	var all []seal.Sealed
	var ids []wire.ID
	for n := range 4 {
		s, _ := sealed(n, 2)
		all, ids = append(all, s), append(ids, s.Envelope.ID())
		if n == 3 {
			must(t, o.Add(ctx, s, false))
			continue
		}
		_, err := o.Hold(ctx, s, []byte{byte(n)})
		must(t, err)
	}
	must(t, o.Release(ctx, ids[1:2]))
	must(t, o.Drop(ctx, []wire.ID{ids[0], ids[1], ids[3], {1}}))
	if got := states(t, o); len(got) != 2 || got[ids[1]] != Queued || got[ids[3]] != Queued {
		t.Fatalf("after the drop: %v", got)
	}
	c, err := o.Counts(ctx)
	must(t, err)
	if c != (Counts{Waiting: 3}) { // the held one that nobody named is there, and no ack was counted
		t.Errorf("counts %+v", c)
	}
	if bytes.Contains(files(t, o.path), all[0].Envelope[4:36]) {
		t.Error("the bytes of a dropped segment are on disk")
	}
	if dup, err := o.Hold(ctx, all[0], []byte{0}); err != nil || !dup {
		t.Errorf("the digest of a dropped segment is forgotten while its slot may be full: %v", err)
	}
}

// Invariant 4, and the promise that a stolen card holds no acked report: neither the database nor its journal does.
func TestAckErasesTheBytes(t *testing.T) {
	o := fresh(t)
	ctx := t.Context()
	rnd := rand.New(rand.NewPCG(1, 2))
	live := map[int]seal.Sealed{}
	tokens := map[int]wire.Token{}
	var erased []seal.Sealed
	for n := range 120 {
		s, tok := sealed(n, 1+rnd.IntN(40))
		must(t, o.Add(ctx, s, false))
		live[n], tokens[n] = s, tok
		if n%3 == 0 {
			a, err := o.BeginAttempt(ctx, s.Envelope.ID(), "mqtt")
			must(t, err)
			must(t, o.EndAttempt(ctx, a, Accepted))
		}
		for k, s := range live {
			if rnd.IntN(3) > 0 {
				continue
			}
			id, found, err := o.Acked(ctx, tokens[k].Hash())
			must(t, err)
			if !found || id != s.Envelope.ID() {
				t.Fatal("the ack ended another envelope or none")
			}
			delete(live, k)
			erased = append(erased, s)
			break
		}
	}
	if len(erased) < 50 || len(live) < 10 {
		t.Fatalf("%d erased, %d live: the test covers nothing", len(erased), len(live))
	}
	disk := files(t, o.path)
	for _, s := range erased {
		for at := 4; at+16 <= len(s.Envelope); at += 16 {
			if bytes.Contains(disk, s.Envelope[at:at+16]) {
				t.Fatal("bytes of an acked envelope are still on disk")
			}
		}
	}
	for _, s := range live {
		// The longer ones are cut into pages; the first bytes of each are in one piece.
		if !bytes.Contains(disk, s.Envelope[4:20]) {
			t.Fatal("the search does not find what must be there")
		}
	}
	c, err := o.Counts(ctx)
	must(t, err)
	if c != (Counts{Waiting: len(live), Acked: len(erased)}) {
		t.Errorf("counts %+v", c)
	}
}

func files(t *testing.T, path string) []byte {
	t.Helper()
	var all []byte
	list, err := filepath.Glob(path + "*")
	must(t, err)
	for _, p := range list {
		if strings.HasSuffix(p, "-shm") {
			continue // page numbers only
		}
		b, err := os.ReadFile(p)
		must(t, err)
		all = append(all, b...)
	}
	return all
}

// Invariant 4: nothing but the token of a waiting envelope changes anything; the same token twice neither.
func TestUnknownTokenChangesNothing(t *testing.T) {
	o := fresh(t)
	ctx := t.Context()
	s, tok := sealed(1, 1)
	must(t, o.Add(ctx, s, false))
	for _, h := range []wire.TokenHash{{}, wire.TokenHash(sha256.Sum256(s.Envelope)), wire.TokenHash(append(tok[:], make([]byte, 16)...))} {
		if _, found, err := o.Acked(ctx, h); err != nil || found {
			t.Fatalf("found %v, %v", found, err)
		}
	}
	if len(states(t, o)) != 1 {
		t.Fatal("a forged ack erased an envelope")
	}
	a, err := o.BeginAttempt(ctx, s.Envelope.ID(), "sms")
	must(t, err)
	for i := range 2 {
		if _, found, err := o.Acked(ctx, tok.Hash()); err != nil || found != (i == 0) {
			t.Fatalf("ack %d: found %v, %v", i, found, err)
		}
	}
	must(t, o.EndAttempt(ctx, a, Accepted)) // it was in flight when the ack came
	if _, err := o.BeginAttempt(ctx, s.Envelope.ID(), "sms"); !errors.Is(err, ErrGone) {
		t.Fatalf("an acked envelope could be sent: %v", err)
	}
	if _, err := o.Envelope(ctx, s.Envelope.ID()); !errors.Is(err, ErrGone) {
		t.Fatalf("an acked envelope could be read: %v", err)
	}
}

// A copied card tells how many reports were acked in its life, and nothing of when: no column could hold a time, no key
// grows for ever.
func TestDiskKeepsNoTimeAndNoGrowingKey(t *testing.T) {
	o := fresh(t)
	for n := range 4 {
		s, tok := sealed(n, 1)
		must(t, o.Add(t.Context(), s, false))
		var seq int
		must(t, o.db.QueryRow(`SELECT max(seq) FROM envelope`).Scan(&seq))
		if seq != 1 {
			t.Errorf("seq %d tells how many went before", seq)
		}
		if _, found, err := o.Acked(t.Context(), tok.Hash()); !found || err != nil {
			t.Fatal(found, err)
		}
	}
	rows, err := o.db.Query(`SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY 1`)
	must(t, err)
	defer rows.Close()
	var cols []string
	for rows.Next() {
		var c string
		must(t, rows.Scan(&c))
		cols = append(cols, c)
	}
	want := "attempt.envelope attempt.id attempt.link envelope.ack envelope.attempts envelope.body envelope.id envelope.perhaps " +
		"envelope.seq envelope.state envelope.urgent inbound.body inbound.id inbound.kind slot.digest tally.n tally.name"
	if got := strings.Join(cols, " "); got != want {
		t.Errorf("columns %s\nwant %s: does the new one hold a time?", got, want)
	}
}

// Invariant 5: what was stored is listed until it is dropped, in order, over a restart.
func TestInbound(t *testing.T) {
	o := fresh(t)
	ctx := t.Context()
	var ids []int64
	for _, body := range [][]byte{{1}, {}, nil, {4}} {
		id, err := o.StoreInbound(ctx, "frame", body)
		must(t, err)
		ids = append(ids, id)
	}
	must(t, o.DropInbound(ctx, ids[0], true))
	must(t, o.DropInbound(ctx, ids[1], false))
	must(t, o.Quarantine(ctx))
	must(t, o.Close())
	o = open(t, o.path)
	list, err := o.Inbound(ctx)
	must(t, err)
	if len(list) != 2 || list[0].ID != ids[2] || len(list[0].Body) != 0 || list[1].ID != ids[3] || list[1].Kind != "frame" || list[1].Body[0] != 4 {
		t.Fatalf("%+v", list)
	}
	c, err := o.Counts(ctx)
	must(t, err)
	if c != (Counts{Quarantined: 2}) {
		t.Errorf("counts %+v", c)
	}
	_, err = o.db.Exec(`INSERT INTO inbound (kind, body) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT 'x', x'00' FROM n`, MaxInbound)
	must(t, err)
	if _, err := o.StoreInbound(ctx, "frame", []byte{1}); !errors.Is(err, ErrFull) {
		t.Fatalf("frames without end fill the disk: %v", err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	valid := func(name string) string {
		p := filepath.Join(dir, name)
		o, err := Open(p)
		must(t, err)
		for n := range 60 {
			s, _ := sealed(n, 9)
			must(t, o.Add(t.Context(), s, false))
		}
		must(t, o.Close())
		return p
	}
	for name, c := range map[string]struct {
		path string
		want error
		next string
	}{
		"no folder": {filepath.Join(dir, "none", "outbox.db"), ErrReadOnly, "check that the folder exists"},
		"not a database": {func() string {
			p := filepath.Join(dir, "text")
			must(t, os.WriteFile(p, bytes.Repeat([]byte("this is a letter\n"), 400), 0o600))
			return p
		}(), ErrCorrupt, "move the file aside and keep it"},
		"damaged": {func() string {
			p := valid("damaged")
			b, err := os.ReadFile(p)
			must(t, err)
			for i := 4096; i < len(b); i += 4096 { // the head of each page but the first
				copy(b[i:], "\xff\xff\xff\xff\xff\xff\xff\xff")
			}
			must(t, os.WriteFile(p, b, 0o600))
			return p
		}(), ErrCorrupt, "move the file aside and keep it"},
		"newer": {func() string {
			p := valid("newer")
			db, err := sql.Open("sqlite3", p)
			must(t, err)
			_, err = db.Exec(`PRAGMA user_version = 99`)
			must(t, err)
			must(t, db.Close())
			return p
		}(), ErrNewer, "install the newer kiosk program"},
		"busy": {func() string {
			p := valid("busy")
			open(t, p)
			return p
		}(), ErrBusy, "only one kiosk process"},
		"folder": {dir, ErrReadOnly, "check that the folder"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "folder" {
				must(t, os.Mkdir(filepath.Join(dir, "d.db"), 0o700))
				c.path = filepath.Join(dir, "d.db")
			}
			_, err := Open(c.path)
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if s := err.Error(); !strings.Contains(s, c.path) || !strings.Contains(s, c.next) || strings.Contains(s, "\n") {
				t.Errorf("%q is no sentence of what, where and what next", s)
			}
		})
	}
}

// A file that was hit anywhere opens with ErrCorrupt or works; it never panics.
func TestOpenDamagedAnywhere(t *testing.T) {
	p := filepath.Join(t.TempDir(), "outbox.db")
	o, err := Open(p)
	must(t, err)
	for n := range 8 {
		s, _ := sealed(n, 3)
		must(t, o.Add(t.Context(), s, false))
	}
	must(t, o.Close())
	good, err := os.ReadFile(p)
	must(t, err)
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		bad := bytes.Clone(good)
		for range 1 + rnd.IntN(20) {
			bad[rnd.IntN(len(bad))] ^= byte(1 + rnd.IntN(255))
		}
		must(t, os.WriteFile(p, bad, 0o600))
		o, err := Open(p)
		if err == nil {
			items, err := o.Due(t.Context())
			for _, it := range items {
				_, _ = o.Envelope(t.Context(), it.ID)
			}
			_ = err
			must(t, o.Close())
		}
	}
}

func TestFilesBelongToTheKioskAlone(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	o := fresh(t)
	s, _ := sealed(1, 1)
	must(t, o.Add(t.Context(), s, false))
	list, err := filepath.Glob(o.path + "*")
	must(t, err)
	if len(list) < 3 {
		t.Fatalf("files %v", list)
	}
	for _, p := range list {
		st, err := os.Stat(p)
		must(t, err)
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %04o", filepath.Base(p), st.Mode().Perm())
		}
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "secure_delete": "1", "foreign_keys": "1"} {
		var got string
		must(t, o.db.QueryRow(`PRAGMA `+pragma).Scan(&got))
		if got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
	}
}
