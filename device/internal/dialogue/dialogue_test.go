package dialogue

import (
	"crypto/sha256"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/langnghe/langnghe/device/report"
)

func message(text string, slot int64) Message {
	d := sha256.Sum256([]byte(text))
	return Message{From: report.Words("+84912345678"), Answerable: true, Text: report.Words(text), Digest: [16]byte(d[:]), Slot: slot}
}

func answers(e []Effect) int {
	return len(slices.DeleteFunc(slices.Clone(e), func(e Effect) bool { _, ok := e.(Answer); return !ok }))
}

func TestEveryMessageIsAReportWithItsWords(t *testing.T) {
	for _, text := range []string{"", "alo", "Bố em uống rượu rồi đánh em", "BAO co nguoi danh tre", "NGUNG", "HOI 48217306", "1", "Má đánh con", "\U0001F622", "\x00"} {
		_, e := Next(Session{}, message(text, 0))
		s, ok := e[0].(Submit)
		if !ok || s.Draft.Text.Reveal() != text || s.Draft.Sender.Reveal() != "+84912345678" || s.Draft.Door != report.DoorSMS {
			t.Errorf("%q is not a report with its words", text)
		}
		if err := s.Draft.Check(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if answers(e) != 1 {
			t.Errorf("%q got %d answers, want 1", text, answers(e))
		}
	}
}

func TestWhoIsNotAnsweredIsStillHeard(t *testing.T) {
	brand := message("Quy khach co 1 ngay khuyen mai", 0)
	brand.Answerable = false
	echo := message(Answer{}.Text(report.NewReceipt(make([]byte, 8))), 0)
	cut := message("FW: Đã nhận tin của bạn. Ma cua", 0)
	for name, m := range map[string]Message{"brand name or short code": brand, "our own answer": echo, "our own answer, cut and quoted": cut} {
		_, e := Next(Session{}, m)
		if _, ok := e[0].(Submit); !ok || answers(e) != 0 {
			t.Errorf("%s: %d effects, %d answers", name, len(e), answers(e))
		}
	}
	if _, e := Next(Session{}, echo); e[0].(Submit).Urgency != report.U4 {
		t.Error("our own words raised the alarm")
	}
}

func TestAnswersAreBounded(t *testing.T) {
	type step struct {
		text string
		slot int64
		want int
	}
	for name, steps := range map[string][]step{
		"same words within the hour": {{"a", 0, 1}, {"a", 1, 0}, {"b", 1, 1}, {"a", 6, 0}, {"a", 7, 1}},
		"six a day":                  {{"1", 0, 1}, {"2", 0, 1}, {"3", 0, 1}, {"4", 0, 1}, {"5", 0, 1}, {"6", 100, 1}, {"7", 100, 0}, {"8", 144, 0}, {"9", 145, 1}},
	} {
		var s Session
		for i, st := range steps {
			var e []Effect
			if s, e = Next(s, message(st.text, st.slot)); answers(e) != st.want {
				t.Errorf("%s, step %d: %d answers, want %d", name, i, answers(e), st.want)
			}
		}
		if last := steps[len(steps)-1].slot; s.Idle(last) || !s.Idle(last+daySlots+1) {
			t.Errorf("%s: a session is forgotten too early or too late", name)
		}
	}
}

func TestTwoMachinesFallSilent(t *testing.T) {
	var s Session
	sent := 0
	for slot := range int64(daySlots) { // a machine that answers every ten minutes with the same words
		var e []Effect
		s, e = Next(s, message("Toi dang ban, se goi lai sau", slot))
		sent += answers(e)
	}
	if sent > MaxAnswers {
		t.Errorf("%d answers in a day", sent)
	}
}

func TestAnswersFitOneSMS(t *testing.T) {
	for _, text := range []string{Answer{}.Text(report.NewReceipt([]byte("abcdefgh"))), Answer{}.TextWithoutReceipt()} {
		if len(text) > 160 {
			t.Errorf("%d characters: %q", len(text), text)
		}
		for _, c := range text {
			if c < ' ' || c > '~' {
				t.Errorf("%q is not in the alphabet of every phone", c)
			}
		}
	}
}

func TestWordsOnlyRaiseUrgency(t *testing.T) {
	for text, want := range map[string]report.Urgency{
		"Cứu em với":                        report.U0,
		"cuu em voi":                        report.U0,
		"CƯ\u0301U":                         report.U0, // decomposed
		"bo dang danh em":                   report.U0,
		"em muốn tự tử":                     report.U0,
		"cứ từ từ rồi tính":                 report.U4,
		"ông cựu chiến binh":                report.U4,
		"hiệp hội":                          report.U4,
		"trường em chưa có nước sạch":       report.U4,
		"co nguoi dinh bán qua bien gioi a": report.U0,
	} {
		_, e := Next(Session{}, message(text, 0))
		s := e[0].(Submit)
		if s.Urgency != want {
			t.Errorf("%q is %v, want %v", text, s.Urgency, want)
		}
		if u := s.Draft.Urgency().Raise(s.Urgency); u > report.U1 {
			t.Errorf("%q ends at %v: nobody has read it yet", text, u)
		}
	}
}

func FuzzDialogue(f *testing.F) {
	f.Add("alo", true, int64(0), uint8(3))
	f.Add("Da nhan tin cua ban. Ma cua ban", true, int64(5), uint8(9))
	f.Add("\xff\x00", false, int64(-1), uint8(200))
	f.Fuzz(func(t *testing.T, text string, answerable bool, slot int64, times uint8) {
		slot %= 1 << 40
		var s Session
		sent := 0
		for range times {
			m := message(text, slot)
			m.Answerable = answerable
			var e []Effect
			s, e = Next(s, m)
			sub, ok := e[0].(Submit)
			if !ok || len(e) > 2 || sub.Draft.Text.Reveal() != text || !sub.Urgency.Valid() {
				t.Fatal("a message is not a report with its words")
			}
			sub.Draft.Normalise()
			if err := sub.Draft.Check(); err != nil && utf8.ValidString(text) && utf8.RuneCountInString(text) < report.MaxTextRunes/4 {
				t.Fatal(err)
			}
			sent += answers(e)
		}
		if sent > 1 || !answerable && sent > 0 {
			t.Fatalf("%d answers to the same words in one slot", sent)
		}
	})
}
