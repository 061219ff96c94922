package intake_test

import (
	"bufio"
	"context"
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/internal/store"
)

const killDir = "LANGNGHE_INTAKE_KILL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		if err := victim(context.Background(), dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// printer tells of each ack that would have left.
type printer struct{ out io.Writer }

func (p printer) Ack(_ context.Context, _ intake.Downlink, frame []byte) error {
	ack, err := wire.ParseAck(frame)
	for _, t := range ack.Tokens {
		fmt.Fprintf(p.out, "ack %s\n", hex.EncodeToString(t[:]))
	}
	return err
}

// victim is the process that gets killed: it hands arrivals to an intake that runs, and says which ones were taken.
func victim(ctx context.Context, dir string) error {
	text, err := seal.ReadSecret(filepath.Join(dir, "identity"))
	if err != nil {
		return err
	}
	var id seal.Identity
	if err := id.UnmarshalText(text); err != nil {
		return err
	}
	s, err := store.Open(ctx, filepath.Join(dir, "gateway.db"))
	if err != nil {
		return err
	}
	in, err := intake.New(intake.Config{
		Store: s, Identity: id, Log: slog.New(slog.DiscardHandler),
		Ackers: map[string]intake.Acker{"mqtt": printer{os.Stdout}, "sms": printer{os.Stdout}},
	})
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- in.Run(ctx) }()
	var todo map[int]intake.Arrival
	f, err := os.Open(filepath.Join(dir, "todo"))
	if err != nil {
		return err
	}
	if err := gob.NewDecoder(f).Decode(&todo); err != nil {
		return err
	}
	for i, a := range todo {
		if err := in.Receive(ctx, a); err != nil {
			return err
		}
		fmt.Printf("took %d\n", i)
	}
	return <-failed // lives until it is killed
}

// Invariants 5, 6 and 7: killed at any moment around Receive and Run, no message is lost, none makes two cases, and no ack
// leaves for what is not on disk.
func TestKillAtAnyMomentKeepsEveryMessageOnce(t *testing.T) {
	r := newRig(t)
	dir := filepath.Dir(r.path)
	text, err := r.id.MarshalText()
	must(t, err)
	must(t, seal.WriteSecret(filepath.Join(dir, "identity"), text))

	all := map[int]intake.Arrival{}
	add := func(a intake.Arrival) { all[len(all)] = a }
	const reports, texts, relayed = 40, 12, 12
	for i := range reports {
		add(intake.Arrival{Link: "mqtt", From: d1, Raw: []byte(r.seal(1, draft(fmt.Sprint("report ", i))).Envelope)})
	}
	for i := range texts + relayed {
		for _, p := range tpdus(t, villager, fmt.Sprintf("%d %s", i, long), noon.Add(time.Duration(i)*time.Hour), uint16(i)) {
			if i < texts {
				add(intake.Arrival{Link: "sms", Raw: p})
			} else {
				add(intake.Arrival{Link: "mqtt", From: d2, Raw: []byte(r.seal(2, seg(p)).Envelope)})
			}
		}
	}
	left := map[int]intake.Arrival{}
	for i, a := range all {
		left[i] = a
	}
	must(t, r.store.Close())

	kills := 0
	round := func(lines int) {
		// The carrier hands over again what it has no word of, and one that it has, as after a kill between the two.
		again := map[int]intake.Arrival{}
		for i, a := range left {
			again[i] = a
		}
		extra := rand.IntN(len(all))
		again[extra] = all[extra]
		f, err := os.Create(filepath.Join(dir, "todo"))
		must(t, err)
		must(t, gob.NewEncoder(f).Encode(again))
		must(t, f.Close())
		// A child that has nothing more to say is killed too.
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), killDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		var tokens []string
		sc := bufio.NewScanner(out)
		note := func() {
			what, arg, _ := strings.Cut(sc.Text(), " ")
			switch what {
			case "took":
				i, err := strconv.Atoi(arg)
				must(t, err)
				delete(left, i)
			case "ack":
				tokens = append(tokens, arg)
			}
		}
		for n := 0; n < lines && sc.Scan(); n++ {
			note()
		}
		for range rand.IntN(20_000) { // somewhere within the next steps
			_ = kills
		}
		if err := cmd.Process.Kill(); err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		kills++
		for sc.Scan() { // what it had written before it died
			note()
		}
		_ = cmd.Wait() // "signal: killed"
		s, err := store.Open(t.Context(), r.path)
		must(t, err)
		defer s.Close()
		for _, token := range tokens {
			if !onDisk(t, s, all, token) {
				t.Errorf("kill %d: an ack left for an envelope that is not on disk", kills)
			}
		}
	}
	for lines := 0; len(left) > 0 || kills < 24; lines++ {
		if len(left) == 0 {
			round(1) // a lone copy: a child has no more to say for sure
			continue
		}
		round(lines%9 + 1)
		if kills > 100 {
			t.Fatal("no progress")
		}
	}
	r.start()
	r.drain()
	if n := len(r.cases()); n != reports+texts+relayed {
		t.Errorf("%d messages made %d cases after %d kills", reports+texts+relayed, n, kills)
	}
	for _, c := range r.cases() {
		for _, content := range r.contents(c.Number) {
			if content.Partial || c.Reports != 1 {
				t.Errorf("%s: partial %v, %d reports", c.Number, content.Partial, c.Reports)
			}
		}
	}
	if r.arrivals() != 0 {
		t.Errorf("%d arrivals are left", r.arrivals())
	}
	t.Logf("%d kills, %d arrivals", kills, len(all))
}

// onDisk tells whether one of the envelopes is recorded with this token.
func onDisk(t *testing.T, s *store.Store, all map[int]intake.Arrival, token string) bool {
	t.Helper()
	for _, a := range all {
		if a.Link != "mqtt" {
			continue
		}
		env, err := wire.ParseEnvelope(a.Raw)
		must(t, err)
		known, err := s.Known(t.Context(), []wire.ID{env.ID()})
		must(t, err)
		if p, ok := known[env.ID()]; ok && hex.EncodeToString(p.Token[:]) == token {
			return true
		}
	}
	return false
}
