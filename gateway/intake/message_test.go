package intake_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
)

// long is a text of three SMS in UCS-2, with a character beyond the BMP at a seam.
var long = strings.Repeat("Cô giáo đánh cháu. ", 5) + "😢" + strings.Repeat(" Cháu sợ lắm, cứu cháu với!", 3)

func TestVillagersMessageIsJoinedWordForWord(t *testing.T) {
	r := newRig(t)
	p := tpdus(t, villager, long, noon, 7)
	if len(p) != 3 {
		t.Fatalf("%d segments", len(p))
	}
	r.sms(p[2], p[0])
	r.drain()
	if n := len(r.cases()); n != 0 || len(r.answers) != 0 {
		t.Fatalf("%d cases, %d answers before the last segment", n, len(r.answers))
	}
	r.restart() // what waits survives, by the same path
	r.sms(p[0], p[1])
	r.drain()
	c, content := r.one()
	if got := content[0].Draft.Text.Reveal(); got != long || content[0].Partial {
		t.Errorf("an officer reads %q", got)
	}
	if c.Door != report.DoorSMS || c.Link != "sms" || c.Device != "" || c.Urgency != report.U1 || c.Facts.Province != 0 {
		t.Errorf("the case is %+v", c)
	}
	if len(r.answers) != 1 || !strings.HasPrefix(r.answers[0], villager+" Da nhan tin") {
		t.Errorf("answers %q", r.answers)
	}
	if got := string(content[0].Draft.Sender); got != "•••• 678" {
		t.Errorf("the sender is shown as %q", got)
	}
	full, err := r.in.Opener().Sender(t.Context(), content[0].Envelope)
	if must(t, err); full.Reveal() != villager {
		t.Error("the audited view does not give the number")
	}
	if r.arrivals() != 0 {
		t.Error("arrivals are left")
	}
}

// Invariant 6 at the other door: the modem hands a message over again when the process died before it was freed there.
func TestRedeliveredMessageIsOneCase(t *testing.T) {
	for _, text := range []string{"Cuu chau voi", long} {
		r := newRig(t)
		p := tpdus(t, villager, text, noon, 7)
		for range 3 {
			r.sms(p...)
			r.sms(p[0])
			r.drain()
			r.restart()
		}
		r.pass(2 * time.Hour)
		r.sweep()
		if r.one(); len(r.answers) != 1 || r.arrivals() != 0 {
			t.Errorf("%d answers, %d arrivals left", len(r.answers), r.arrivals())
		}
	}
}

// The network may send a segment again with a new time stamp.
func TestSegmentStampedAnewIsACopy(t *testing.T) {
	r := newRig(t)
	r.sms(tpdus(t, villager, long, noon, 7)...)
	r.drain()
	r.sms(tpdus(t, villager, long, noon.Add(time.Minute), 7)[1])
	r.drain()
	r.pass(2 * time.Hour)
	r.sweep()
	if r.one(); r.counts()["sms duplicate"] != 1 {
		t.Errorf("counters %v", r.counts())
	}
	// The same reference and words much later are another message.
	r.pass(24 * time.Hour)
	r.sms(tpdus(t, villager, long, noon.Add(26*time.Hour), 7)...)
	r.drain()
	if n := len(r.cases()); n != 2 {
		t.Errorf("%d cases", n)
	}
}

func TestIncompleteMessageIsReadAndLatePartsJoinIt(t *testing.T) {
	r := newRig(t)
	p := tpdus(t, villager, long, noon, 7)
	r.sms(p[2], p[0])
	r.drain()
	r.pass(59 * time.Minute)
	r.sweep()
	if n := len(r.cases()); n != 0 {
		t.Fatal("the patience is shorter than an hour")
	}
	r.pass(2 * time.Minute)
	r.restart()
	r.drain()
	r.sweep()
	c, content := r.one()
	if !content[0].Partial || !strings.HasPrefix(content[0].Draft.Text.Reveal(), "Cô giáo đánh cháu.") {
		t.Errorf("partial %v: %q", content[0].Partial, content[0].Draft.Text.Reveal())
	}
	r.restart()
	r.sms(p[1], p[1])
	r.drain()
	late, content := r.one()
	if late.Number != c.Number || late.Reports != 2 || len(content) != 2 {
		t.Fatalf("the late part made %+v", late)
	}
	if !content[0].Partial || content[1].Partial || content[1].Draft.Text.Reveal() != long {
		t.Errorf("with the late part an officer reads %q", content[1].Draft.Text.Reveal())
	}
	if len(r.answers) != 1 {
		t.Errorf("%d answers", len(r.answers))
	}
}

func seg(tpdu []byte) wire.Segment {
	return wire.Segment{TPDU: append(report.Words(nil), tpdu...), Time: report.NewBucket(noon, true)}
}

func TestRelayedSegmentsAreAckedAtOnceAndJoined(t *testing.T) {
	r := newRig(t)
	p := tpdus(t, villager, long, noon, 7)
	var hashes []wire.TokenHash
	for _, i := range []int{1, 0, 2} {
		s := r.seal(1, seg(p[i]))
		hashes = append(hashes, s.AckHash)
		r.mqtt(d1, s.Envelope)
		r.drain()
		if acks := r.acked("mqtt", d1); len(acks) != len(hashes) || acks[len(acks)-1].Hash() != hashes[len(hashes)-1] {
			t.Fatalf("segment %d: %d acks", i, len(acks))
		}
		r.restart()
		r.mqtt(d1, s.Envelope) // again, as no ack has reached the kiosk
		r.drain()
		hashes = append(hashes, s.AckHash)
		// The kiosk sealed the same SMS a second time.
		again := r.seal(1, seg(p[i]))
		r.mqtt(d1, again.Envelope)
		r.drain()
		hashes = append(hashes, again.AckHash)
	}
	c, content := r.one()
	if got := content[0].Draft.Text.Reveal(); got != long || content[0].Partial {
		t.Errorf("an officer reads %q", got)
	}
	if c.Device != d1 || c.Facts.Commune != commune || c.Door != report.DoorSMS {
		t.Errorf("the case is %+v", c)
	}
	for i, token := range r.acked("mqtt", d1) {
		if token.Hash() != hashes[i] {
			t.Errorf("ack %d is another envelope's", i)
		}
	}
	if len(r.answers) != 0 {
		t.Error("the gateway answered what its kiosk answers")
	}
	r.pass(2 * time.Hour)
	r.sweep()
	r.one()
}

func TestRelayedSegmentsThatStayIncomplete(t *testing.T) {
	r := newRig(t)
	p := tpdus(t, villager, long, noon, 7)
	r.mqtt(d1, r.seal(1, seg(p[0])).Envelope)
	r.mqtt(d2, r.seal(2, seg(p[1])).Envelope) // through another kiosk: another message
	r.drain()
	r.restart()
	r.pass(61 * time.Minute)
	r.sweep()
	if n := len(r.cases()); n != 2 {
		t.Fatalf("%d cases, want one a kiosk", n)
	}
	// Two late parts, in one batch.
	r.mqtt(d1, r.seal(1, seg(p[2])).Envelope)
	r.mqtt(d1, r.seal(1, seg(p[1])).Envelope)
	r.drain()
	r.restart()
	r.pass(61 * time.Minute)
	r.sweep()
	cs := r.cases()
	if len(cs) != 2 || cs[0].Reports+cs[1].Reports != 4 {
		t.Fatalf("after the late parts: %+v", cs)
	}
	for _, c := range cs {
		content := r.contents(c.Number)
		last := content[len(content)-1]
		if whole := c.Device == d1; last.Partial == whole || whole && last.Draft.Text.Reveal() != long {
			t.Errorf("%s: partial %v", c.Device, last.Partial)
		}
	}
}

// A copy that the network stamped anew belongs to the message that it copies. It has no case of its own, so that a late
// segment must not be sent home to it.
func TestRelayedCopyStampedAnewIsNoHomeForLateSegments(t *testing.T) {
	r := newRig(t)
	p := tpdus(t, villager, long, noon, 7)
	again, oncemore := tpdus(t, villager, long, noon.Add(9*time.Minute), 7), tpdus(t, villager, long, noon.Add(8*time.Minute), 7)
	for _, tpdu := range [][]byte{p[0], p[1], p[2], again[0], oncemore[0]} { // one batch
		r.mqtt(d1, r.seal(1, seg(tpdu)).Envelope)
	}
	r.drain()
	r.pass(61 * time.Minute)
	r.sweep()
	first, _ := r.one()
	if n := r.counts()["mqtt duplicate"]; n != 2 {
		t.Errorf("%d copies were counted", n)
	}
	if waiting, err := r.store.Group(t.Context(), wire.ID{}, time.Time{}); err != nil || len(waiting) != 0 {
		t.Errorf("%d copies still wait, %v", len(waiting), err)
	}
	other := strings.Repeat("Một tin khác hẳn. ", 10)
	r.mqtt(d1, r.seal(1, seg(tpdus(t, villager, other, noon.Add(12*time.Minute), 7)[1])).Envelope)
	r.drain()
	r.restart()
	r.pass(61 * time.Minute)
	r.sweep()
	cs := r.cases()
	if len(cs) != 2 || cs[0].Number != first.Number || cs[0].Reports != 1 {
		t.Fatalf("the cases are %+v", cs)
	}
	for _, c := range cs {
		for _, content := range r.contents(c.Number) {
			if got := content.Draft.Text.Reveal(); strings.Contains(got, "Cô giáo") == strings.Contains(got, "khác hẳn") {
				t.Errorf("%s mixes two messages: %q", c.Number, got)
			}
		}
	}
}

// A part whose message has no case is a fault of ours; what comes late to it opens a case of its own.
func TestLatePartOfAMessageWithoutACaseOpensOne(t *testing.T) {
	r := newRig(t)
	p := tpdus(t, villager, long, noon, 7)
	s := r.seal(1, seg(p[0]))
	r.mqtt(d1, s.Envelope)
	r.drain()
	id := s.Envelope.ID()
	must(t, r.store.Update(t.Context(), func(tx intake.Tx) error { return tx.Assign(t.Context(), []wire.ID{id}, id, id) }))
	r.restart()
	r.mqtt(d1, r.seal(1, seg(p[1])).Envelope)
	r.drain()
	_, content := r.one()
	if got := content[0].Draft.Text.Reveal(); got == "" || strings.HasPrefix(got, "Cô giáo") || !content[0].Partial {
		t.Errorf("an officer reads %q", got)
	}
}

func TestSingleRelayedSegmentOpensItsCaseAtOnce(t *testing.T) {
	r := newRig(t)
	r.mqtt(d1, r.seal(1, seg(tpdus(t, villager, "Cuu chau", noon, 1)[0])).Envelope)
	r.mqtt(d1, r.seal(1, wire.Segment{TPDU: report.Words{0x44, 0xff}}).Envelope) // nobody can read it
	r.drain()
	cs := r.cases()
	if len(cs) != 2 || len(r.acked("mqtt", d1)) != 2 {
		t.Fatalf("%d cases, %d acks", len(cs), len(r.acked("mqtt", d1)))
	}
	if got := r.contents(cs[0].Number)[0].Draft.Text.Reveal(); got != "Cuu chau" {
		t.Errorf("an officer reads %q", got)
	}
	if got := r.contents(cs[1].Number)[0]; !got.Partial {
		t.Error("what nobody can read is shown as a whole message")
	}
}

func TestFramesOfSeveralSMS(t *testing.T) {
	r := newRig(t)
	s := r.seal(1, draft(strings.Repeat("Cháu kể chuyện dài. ", 20)))
	p := binary(t, kiosk1, s.Envelope, noon, 5)
	if len(p) < 3 {
		t.Fatalf("%d segments", len(p))
	}
	r.sms(p[1:]...)
	r.drain()
	r.restart()
	r.sms(p[0], p[0])
	r.drain()
	r.one()
	if acks := r.acked("sms", d1); len(acks) != 1 || acks[0].Hash() != s.AckHash || r.acks[0].to.MSISDN.Reveal() != kiosk1 {
		t.Errorf("%d acks by SMS", len(acks))
	}
	// Segments that never become whole are put aside; the kiosk sends the whole again.
	lost := r.seal(1, draft(strings.Repeat("Cháu kể nữa. ", 20)))
	r.sms(binary(t, kiosk1, lost.Envelope, noon.Add(time.Minute), 6)[1:]...)
	r.drain()
	r.pass(61 * time.Minute)
	r.sweep()
	if c := r.counts(); c["sms truncated"] != 1 || r.arrivals() != 0 || len(r.answers) != 0 {
		t.Errorf("counters %v, %d arrivals", c, r.arrivals())
	}
	r.one()
}

func TestWhoIsAnswered(t *testing.T) {
	if n := len(intake.AnswerText); n > 160 || strings.Trim(intake.AnswerText, " .,:;/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
		t.Errorf("the answer is %d characters or not plain", n)
	}
	for _, number := range []string{"111", "113", "115"} {
		if !strings.Contains(intake.AnswerText, number) {
			t.Errorf("the answer does not name %s", number)
		}
	}
	for from, want := range map[string]int{villager: 1, "0912345678": 1, "Viettel": 0, "195": 0, "18001090": 0, kiosk1: 0} {
		r := newRig(t)
		r.sms(tpdus(t, from, "alo", noon, 1)...)
		r.drain()
		if r.one(); len(r.answers) != want {
			t.Errorf("%s was answered %d times, want %d", from, len(r.answers), want)
		}
	}
}

func TestAnswersAreNotALoop(t *testing.T) {
	r := newRig(t)
	for i := range 200 {
		r.sms(tpdus(t, villager, fmt.Sprint("tin ", i), r.now, 1)...)
		r.drain()
		r.pass(5 * time.Minute)
	}
	if n := len(r.answers); n < 2 || n > 6 {
		t.Errorf("%d answers to one number within 17 hours", n)
	}
	if n := len(r.cases()); n != 200 {
		t.Errorf("%d cases: the limit is for answers, never for reports", n)
	}
}

func TestAnswerIsOwedUntilItCanLeave(t *testing.T) {
	r := newRig(t)
	r.refuse = fmt.Errorf("no modem: %w", intake.ErrNotSent)
	r.sms(tpdus(t, villager, "alo", noon, 1)...)
	r.drain()
	r.restart()
	r.refuse = nil
	r.drain()
	r.drain()
	if len(r.answers) != 1 {
		t.Errorf("%d answers", len(r.answers))
	}
	// Invariant 7: what may have left is not sent again.
	r.pass(time.Hour)
	r.refuse = fmt.Errorf("timed out")
	r.sms(tpdus(t, villager, "alo nua", noon, 1)...)
	r.drain()
	r.refuse = nil
	r.restart()
	r.drain()
	if len(r.answers) != 1 {
		t.Error("an answer that may have left was sent again")
	}
}

// A clock that was ahead and is set back: what came meanwhile is read within the patience, not when the clock has caught up.
func TestClockSetBackHoldsNothingUp(t *testing.T) {
	r := newRig(t)
	r.pass(240 * time.Hour)
	r.sms(tpdus(t, villager, long, noon, 7)[0])
	r.mqtt(d1, r.seal(1, seg(tpdus(t, villager, long, noon, 8)[0])).Envelope)
	r.sms(tpdus(t, "+84987654321", "alo", noon, 1)...)
	r.drain()
	r.pass(-240 * time.Hour)
	r.sms(tpdus(t, "+84987654321", "alo nua", noon, 1)...)
	r.drain()
	if len(r.answers) != 2 {
		t.Errorf("%d answers, want one on each side of the change", len(r.answers))
	}
	r.pass(61 * time.Minute)
	r.sweep()
	if n := len(r.cases()); n != 4 {
		t.Errorf("%d cases an hour later", n)
	}
}

// A number that the network takes nothing for keeps no other answer waiting, and is given up.
func TestRefusedAnswerBlocksNobodyAndIsGivenUp(t *testing.T) {
	r := newRig(t)
	tries := 0
	r.refuses = func(number string) error {
		if number != villager {
			return nil
		}
		tries++
		return fmt.Errorf("CMS 1: %w", intake.ErrRefused)
	}
	r.sms(tpdus(t, villager, "alo", noon, 1)...)
	r.sms(tpdus(t, "+84987654321", "alo", noon, 1)...)
	r.drain()
	if len(r.answers) != 1 || tries != 1 {
		t.Fatalf("%d answers and %d tries at once", len(r.answers), tries)
	}
	for range 10 {
		r.pass(time.Minute)
		r.drain()
	}
	if tries != 3 || len(r.answers) != 1 {
		t.Errorf("%d tries, %d answers", tries, len(r.answers))
	}
	if owed, err := r.store.Answers(t.Context(), 9); err != nil || len(owed) != 0 {
		t.Errorf("%d are still owed, %v", len(owed), err)
	}
}

func TestStatusReportsAndEmptyMessages(t *testing.T) {
	r := newRig(t)
	to, err := pdu.ParseAddress(villager)
	must(t, err)
	status, err := pdu.EncodeStatusReport(pdu.StatusReport{MR: 1, To: to, SCTS: noon, Discharged: noon})
	must(t, err)
	r.sms(status)
	r.drain()
	if n := len(r.cases()); n != 0 || len(r.counts()) != 0 {
		t.Errorf("a status report made %d cases, %v", n, r.counts())
	}
	from, err := pdu.ParseAddress(villager)
	must(t, err)
	empty, err := pdu.EncodeDeliver(pdu.Deliver{From: from, Coding: pdu.GSM7, SCTS: noon})
	must(t, err)
	r.sms(empty)
	r.drain()
	if c, _ := r.one(); c.Urgency != report.U3 {
		t.Errorf("an empty message is %v", c.Urgency)
	}
}

// Two messages that carry no time stamp can't be told from copies: both are kept.
func TestMessagesWithoutATimeStampAreAllKept(t *testing.T) {
	r := newRig(t)
	from, err := pdu.ParseAddress(villager)
	must(t, err)
	b, err := pdu.EncodeDeliver(pdu.Deliver{From: from, Coding: pdu.UCS2, Data: []byte{0, 'a'}})
	must(t, err)
	r.sms(b, b)
	r.drain()
	if n := len(r.cases()); n != 2 {
		t.Errorf("%d cases", n)
	}
}

func TestOpenerFailsLoudly(t *testing.T) {
	r := newRig(t)
	r.mqtt(d1, r.seal(1, draft("a")).Envelope)
	r.drain()
	c, _ := r.one()
	_, reports, err := r.store.Case(t.Context(), c.Number)
	must(t, err)
	reports[0].Envelope = wire.ID{9}.String()
	if got, err := r.in.Opener().Open(t.Context(), reports); err == nil || got != nil {
		t.Errorf("a report that is not there opens as %v, %v", got, err)
	}
	note, err := r.in.Vault().Seal([]byte("ghi chú"))
	must(t, err)
	if plain, err := r.in.Vault().Open(note); err != nil || string(plain) != "ghi chú" || strings.Contains(string(note), "ghi") {
		t.Errorf("the vault gives %q, %v", plain, err)
	}
}

func TestWrongIdentityIsSaidAndLosesNothing(t *testing.T) {
	r := newRig(t)
	r.sms(tpdus(t, villager, "alo", noon, 1)...)
	right := r.id
	other := newRig(t)
	r.id = other.id
	r.restart()
	r.drain()
	if r.arrivals() != 1 || len(r.cases()) != 0 || !strings.Contains(r.logs.String(), "intake.identity") {
		t.Errorf("%d arrivals are left; the log says %s", r.arrivals(), r.logs)
	}
	r.id = right
	r.restart()
	r.drain()
	r.one()
}
