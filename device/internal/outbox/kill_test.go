package outbox

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/langnghe/langnghe/device/wire"
)

// life is what happens to reports and segments; each step is acknowledged to its caller when it returns nil.
var life = func() []func(context.Context, *Outbox) error {
	attempts := map[int]int64{}
	id := func(n int) wire.ID { s, _ := sealed(n, n); return s.Envelope.ID() }
	add := func(n int) func(context.Context, *Outbox) error {
		return func(ctx context.Context, o *Outbox) error { s, _ := sealed(n, n); return o.Add(ctx, s, n%2 == 0) }
	}
	hold := func(n int) func(context.Context, *Outbox) error {
		return func(ctx context.Context, o *Outbox) error {
			s, _ := sealed(n, n)
			d := sha256.Sum256(fmt.Append(nil, "tpdu", n))
			_, err := o.Hold(ctx, s, d[:])
			return err
		}
	}
	begin := func(n int) func(context.Context, *Outbox) error {
		return func(ctx context.Context, o *Outbox) (err error) {
			attempts[n], err = o.BeginAttempt(ctx, id(n), "mqtt")
			return err
		}
	}
	end := func(n int, out Outcome) func(context.Context, *Outbox) error {
		return func(ctx context.Context, o *Outbox) error { return o.EndAttempt(ctx, attempts[n], out) }
	}
	ack := func(n int) func(context.Context, *Outbox) error {
		return func(ctx context.Context, o *Outbox) error {
			_, tok := sealed(n, n)
			_, found, err := o.Acked(ctx, tok.Hash())
			if err == nil && !found {
				return fmt.Errorf("ack %d found nothing", n)
			}
			return err
		}
	}
	return []func(context.Context, *Outbox) error{
		add(1), begin(1), end(1, NotSent), begin(1), end(1, Unknown),
		hold(2), hold(3),
		func(ctx context.Context, o *Outbox) error { return o.Forget(ctx) },
		func(ctx context.Context, o *Outbox) error {
			s, _ := sealed(4, 4)
			return o.Replace(ctx, []wire.ID{id(2), id(3)}, s, true)
		},
		begin(4), end(4, Accepted), add(5),
		func(ctx context.Context, o *Outbox) error {
			_, err := o.StoreInbound(ctx, "frame", []byte("an ack"))
			return err
		},
		ack(1),
		func(ctx context.Context, o *Outbox) error { return o.DropInbound(ctx, 1, false) },
		func(ctx context.Context, o *Outbox) error { return o.Quarantine(ctx) },
		hold(7),
		func(ctx context.Context, o *Outbox) error { return o.Drop(ctx, []wire.ID{id(7)}) },
		hold(6),
		func(ctx context.Context, o *Outbox) error { return o.Release(ctx, nil) },
		ack(4), begin(5), begin(6), end(6, Accepted), ack(5), ack(6),
	}
}()

// snapshot is all that the outbox remembers, as a restart would see it.
func snapshot(t *testing.T, o *Outbox) string {
	t.Helper()
	var s string
	must(t, o.db.QueryRow(`SELECT
		coalesce((SELECT group_concat(hex(id) || ' ' || (CASE state WHEN 2 THEN 3 ELSE state END) || ' ' || urgent || ' ' || attempts || ' ' || hex(body), char(10))
			FROM (SELECT * FROM envelope ORDER BY seq)), '') ||
		'; slots ' || coalesce((SELECT group_concat(hex(digest)) FROM slot), '') ||
		'; inbound ' || coalesce((SELECT group_concat(hex(body)) FROM inbound), '') ||
		'; ' || (SELECT group_concat(name || n) FROM tally)`).Scan(&s))
	return s
}

// TestKill proves invariants 1 and 3 for the store: it runs itself as another process that lives through life, kills it
// with SIGKILL between any two steps and at random moments inside of each, and opens the file again. What was
// acknowledged is there, once; a step that was cut off has happened in full or not at all.
func TestKill(t *testing.T) {
	if script := os.Getenv("OUTBOX_KILL"); script != "" {
		live(t, script)
		return
	}
	// What each number of whole steps leaves.
	var after []string
	o := fresh(t)
	after = append(after, snapshot(t, o))
	for _, step := range life {
		must(t, step(t.Context(), o))
		after = append(after, snapshot(t, o))
	}
	moments, inside := 0, 0
	for n := range life {
		for _, delay := range []time.Duration{0, time.Duration(rand.IntN(1500)) * time.Microsecond, -1} {
			path := filepath.Join(t.TempDir(), "outbox.db")
			cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
			cmd.Env = append(os.Environ(), fmt.Sprintf("OUTBOX_KILL=%s %d %d", path, n, delay))
			out, err := cmd.StdoutPipe()
			must(t, err)
			must(t, cmd.Start())
			done := 0
			for lines := bufio.NewScanner(out); lines.Scan(); {
				if !strings.HasPrefix(lines.Text(), "done ") {
					t.Errorf("the child says %q", lines.Text())
					continue
				}
				done++
			}
			err = cmd.Wait()
			if cmd.ProcessState.Sys().(interface{ Signaled() bool }).Signaled() != true {
				t.Fatalf("the child was not killed: %v", err)
			}
			moments++
			o := open(t, path)
			got := snapshot(t, o)
			switch {
			case got == after[done]:
			case done < len(life) && got == after[done+1]: // it was cut off after its commit
				inside++
			default:
				t.Fatalf("killed %v in step %d with %d steps acknowledged:\n%s\nwant\n%s", delay, n, done, got, after[done])
			}
			var left int
			must(t, o.db.QueryRow(`SELECT (SELECT count(*) FROM attempt) + (SELECT count(*) FROM envelope WHERE state = 2)`).Scan(&left))
			if left != 0 {
				t.Error("an attempt of the killed process is still open")
			}
			disk := files(t, path)
			for k := 1; k <= 7; k++ {
				s, _ := sealed(k, k)
				if _, err := o.Envelope(t.Context(), s.Envelope.ID()); err != nil && bytes.Contains(disk, s.Envelope[4:36]) {
					t.Errorf("killed in step %d: the bytes of an erased envelope are on disk", n)
				}
			}
			must(t, o.Close())
		}
	}
	t.Logf("%d moments; %d steps were cut off after their commit", moments, inside)
	if moments < 20 {
		t.Fatalf("only %d moments", moments)
	}
}

// live is the child: it says on stdout what was acknowledged, and kills itself in step n.
func live(t *testing.T, script string) {
	f := strings.Fields(script)
	n, err := strconv.Atoi(f[1])
	must(t, err)
	delay, err := strconv.ParseInt(f[2], 10, 64)
	must(t, err)
	die := func() { unix.Kill(os.Getpid(), unix.SIGKILL) }
	o, err := Open(f[0])
	must(t, err)
	for i, step := range life {
		if i == n && delay == 0 {
			die()
		}
		if i == n && delay > 0 {
			go func() {
				for start := time.Now(); time.Since(start) < time.Duration(delay); {
				}
				die()
			}()
		}
		must(t, step(t.Context(), o))
		fmt.Printf("done %d\n", i)
		if i == n {
			for { // the other goroutine kills us, if it has not yet
				die()
			}
		}
	}
}
