package device

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/wire"
)

const childEnv = "LANGNGHE_TEST_KIOSK"

// TestKillChild is the process that TestKillAtTwentyMoments kills: a kiosk that reports without end, and says after each
// Submit what it was promised.
func TestKillChild(t *testing.T) {
	setup := os.Getenv(childEnv)
	if setup == "" {
		t.Skip("run by TestKillAtTwentyMoments")
	}
	path, life, _ := strings.Cut(setup, "|")
	cfg, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = d.Run(t.Context()) }()
	for n := 0; ; n++ {
		text := fmt.Sprintf("screen %s %d", life, n)
		if _, err := d.Submit(t.Context(), report.Draft{Text: report.Words(text)}); err != nil {
			t.Fatal(err)
		}
		fmt.Println("stored:" + text)
		<-time.After(20 * time.Millisecond)
	}
}

// TestKillAtTwentyMoments kills a kiosk with SIGKILL at twenty moments, while a child reports at the screen and villagers
// text: what Submit has promised and what the modem no longer holds is in the outbox, exactly once (invariants 1, 5, 6).
func TestKillAtTwentyMoments(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	k := enrol(t)
	n, sim := k.withModem()
	path := strings.TrimSuffix(k.cfg.Device.Key, "device.key") + "kiosk.toml"
	text := fmt.Sprintf("[device]\ncommune = 26734\n[gateway]\nmsisdn = %q\n[modem]\nport = %q\n", gatewayNumber, k.cfg.Modem.Port)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	promised := map[string]bool{}
	texted := map[string]bool{}
	for life := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		c := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKillChild$")
		c.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%d", childEnv, path, life))
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		read := func() bool {
			if !lines.Scan() {
				return false
			}
			if s, ok := strings.CutPrefix(lines.Text(), "stored:"); ok {
				promised[s] = true
			} else {
				t.Errorf("the kiosk says %q", lines.Text())
			}
			return true
		}
		read() // it lives
		for i := range 3 {
			msg := fmt.Sprintf("villager %d %d", life, i)
			if err := n.Phone(villager).Send(kioskNumber, msg); err != nil {
				t.Fatal(err)
			}
			texted[msg] = true
		}
		// Some lives end before the modem has started, some while it hands messages over, some after.
		moment := time.Duration(rand.IntN(900)) * time.Millisecond
		kill := time.AfterFunc(moment, func() { _ = c.Process.Kill() })
		for read() {
		}
		kill.Stop()
		_ = c.Wait() // killed
		cancel()
	}
	// One whole life takes what the modem still holds.
	k.cfg = must(LoadConfig(path))
	stop := k.run()
	k.eventually("the modem is empty", func() bool { return len(sim.Stored()) == 0 && n.Waiting(kioskNumber) == 0 })
	k.eventually("no message is held", func() bool {
		return must(k.outbox.Counts(t.Context())).Waiting == len(must(k.outbox.Due(t.Context())))
	})
	stop()
	found := map[string]int{}
	for _, b := range k.stored() {
		switch b := b.(type) {
		case wire.Report:
			found[b.Draft.Text.Reveal()]++
		case wire.Segment:
			found[must(pdu.DecodeDeliver(b.TPDU)).Text()]++
		}
	}
	for _, want := range []map[string]bool{promised, texted} {
		for s := range want {
			if found[s] != 1 {
				t.Errorf("%q is in the outbox %d times", s, found[s])
			}
		}
	}
	for s, times := range found {
		if times > 1 {
			t.Errorf("%q is in the outbox %d times", s, times)
		}
	}
	t.Logf("%d reports were promised, %d messages texted, %d found", len(promised), len(texted), len(found))
}
