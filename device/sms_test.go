package device

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/langnghe/langnghe/device/modem/modemtest"
	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/wire"
)

const villager = "+84912345678"

// answer waits for the n-th whole message on a phone.
func answer(t *testing.T, p *modemtest.Phone, n int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	m, err := p.Wait(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	return m[n-1].Text
}

func TestVillagersMessageIsAReportAndIsAnswered(t *testing.T) {
	k := enrol(t)
	n, sim := k.withModem()
	stop := k.run()
	defer stop()
	const words = "Cháu hàng xóm bị bố dượng đánh mỗi tối, nhà ở cuối thôn Nà Lâu, gần cây đa. Mong các anh chị đến xem giúp."
	p := n.Phone(villager)
	if err := p.SendReordered(kioskNumber, words); err != nil {
		t.Fatal(err)
	}
	text := answer(t, p, 1)
	if !strings.Contains(text, "111") || !strings.Contains(text, "113") || len(text) > 160 {
		t.Errorf("answer %q", text)
	}
	k.eventually("the slots are free", func() bool { return len(sim.Stored()) == 0 })
	stop()
	all := k.stored()
	if len(all) != 1 {
		t.Fatalf("%d envelopes, want one report", len(all))
	}
	got := all[0].(wire.Report)
	if got.Draft.Text.Reveal() != words || got.Draft.Sender.Reveal() != villager || got.Draft.Door != report.DoorSMS {
		t.Error("the report is not what the villager wrote")
	}
}

func TestMessageTooLongForAReportIsKeptAndAnswered(t *testing.T) {
	k := enrol(t)
	n, sim := k.withModem()
	stop := k.run()
	defer stop()
	p := n.Phone(villager)
	if err := p.Send(kioskNumber, strings.Repeat("dai qua ", 300)); err != nil {
		t.Fatal(err)
	}
	if text := answer(t, p, 1); strings.Contains(text, "Ma cua ban") || !strings.Contains(text, "111") {
		t.Errorf("answer %q", text)
	}
	k.eventually("the slots are free", func() bool { return len(sim.Stored()) == 0 })
	stop()
	parts := k.stored()
	if len(parts) < 10 {
		t.Fatalf("%d envelopes, want every segment", len(parts))
	}
	for _, b := range parts {
		if _, ok := b.(wire.Segment); !ok {
			t.Error("not a segment")
		}
	}
}

// TestPowerCutBetweenReportAndAnswer ends the process where the report is stored and the answer is not sent, and lists the
// same slot to the next lives: exactly one report, and no answer, which may be missing (invariants 5 and 6).
func TestPowerCutBetweenReportAndAnswer(t *testing.T) {
	k := enrol(t)
	n, sim := k.withModem()
	sim.SetSendError(331) // no network service for what goes out
	stop := k.run()
	p := n.Phone(villager)
	if err := p.Send(kioskNumber, "cuu em"); err != nil {
		t.Fatal(err)
	}
	k.eventually("the report is stored", func() bool { return len(must(k.outbox.Due(t.Context()))) == 1 })
	stop()
	sim.SetSendError(0)
	for range 2 {
		n.InjectTPDU(kioskNumber, n.Truth()[0].Deliver)
		k.eventually("the slot is full again", func() bool { return len(sim.Stored()) > 0 })
		stop := k.run()
		k.eventually("the slot is free", func() bool { return len(sim.Stored()) == 0 })
		stop()
	}
	all := k.stored()
	if len(all) != 1 {
		t.Fatalf("%d envelopes, want one report", len(all))
	}
	if _, ok := all[0].(wire.Report); !ok || len(p.Inbox()) > 0 {
		t.Error("the message was read a second time")
	}
}

// TestCanary submits a unique string at both doors with all logs on and hunts for it, and for the villager's number, in
// every file, log and goroutine (invariants 2 and 8).
func TestCanary(t *testing.T) {
	const canary, number = "Zxqvkanariq", "912345678"
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	k := enrol(t)
	k.cfg.Relay.SMSAfter.Duration = 100 * time.Millisecond // an attempt's log lines are hunted through, too
	n, _ := k.withModem()
	stop := k.run()
	defer stop()
	receipt, err := k.Submit(t.Context(), report.Draft{
		Text: report.Words(canary), Contact: report.Words(canary), Place: report.Place{Name: report.Words(canary)},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := n.Phone(villager)
	long := canary + strings.Repeat(" chuyện dài ", 20) + canary
	for i, text := range []string{canary, "ữ" + canary, long} {
		if err := p.Send(kioskNumber, text); err != nil {
			t.Fatal(err)
		}
		answer(t, p, i+1)
	}
	if err := p.Send(kioskNumber, long+strings.Repeat("quá dài ", 300)); err != nil { // goes out as segments
		t.Fatal(err)
	}
	answer(t, p, 4)
	if _, err := k.Submit(t.Context(), report.Draft{Text: report.Words(strings.Repeat(canary, 500))}); err == nil {
		t.Error("too long a report was stored")
	} else if strings.Contains(err.Error(), canary) {
		t.Error("the error tells the words")
	}
	k.eventually("attempts by SMS", func() bool { return strings.Contains(k.log.String(), "link=sms") })

	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	places := map[string]string{"log": k.log.String(), "goroutine dump": string(stacks)}
	for _, root := range []string{k.cfg.Device.StateDir, dir} {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			places[filepath.Base(path)] = string(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, must := range []string{"outbox.db", "outbox.db-wal", "log", "goroutine dump"} {
		if places[must] == "" && must != "outbox.db-wal" {
			t.Errorf("%s is empty: the hunt looked at nothing", must)
		}
	}
	for name, needle := range traces(t, canary, number, receipt.Digits()) {
		for place, b := range places {
			if strings.Contains(b, needle) || strings.Contains(strings.ToLower(b), strings.ToLower(needle)) {
				t.Errorf("%s is in the %s", name, place)
			}
		}
	}
}

// traces are the forms in which words, number and receipt could lie around: as people write them and as the air, the modem
// and encoders do.
func traces(t *testing.T, words, number, receipt string) map[string]string {
	out := map[string]string{
		"the text": words, "the number": number, "the receipt": receipt, "the receipt as shown": receipt[:4] + " " + receipt[4:],
		"the text in hex": hex.EncodeToString([]byte(words)), "the text in base64": base64.StdEncoding.EncodeToString([]byte(words))[:12],
	}
	var u16 []byte
	for _, u := range utf16.Encode([]rune(words)) {
		u16 = append(u16, byte(u>>8), byte(u))
	}
	out["the text in UTF-16"] = string(u16)
	out["the text in UTF-16 hex"] = hex.EncodeToString(u16)
	coding, data := pdu.EncodeText(words)
	tpdu, err := pdu.EncodeDeliver(pdu.Deliver{From: must(pdu.ParseAddress("+84" + number)), Coding: coding, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	out["the packed text"] = string(tpdu[len(tpdu)-9 : len(tpdu)-1])
	out["the packed number"] = string(tpdu[3:8])
	out["the packed number in hex"] = hex.EncodeToString(tpdu[3:8])
	return out
}
