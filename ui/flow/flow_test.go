package flow

import (
	"strings"
	"testing"

	"github.com/langnghe/langnghe/device/report"
)

// run feeds events to a start state.
func run(t testing.TB, events ...Event) (State, []Effect) {
	t.Helper()
	var s State
	var all []Effect
	for _, e := range events {
		var eff []Effect
		s, eff = Next(s, e)
		all = append(all, eff...)
	}
	return s, all
}

func write(s string) []Event {
	events := []Event{Write{}}
	for _, r := range s {
		events = append(events, Key{r})
	}
	return append(events, Done{})
}

func TestWalks(t *testing.T) {
	self, v1 := ChooseSpeaker{report.SpeakerSelf}, ChooseWhat{"V1"}
	no, yes := ChooseWhen{report.WhenNotNow}, ChooseWhen{report.WhenNow}
	stored := Stored{1, report.Receipt([]byte("48217306"))}
	for name, c := range map[string]struct {
		events []Event
		want   Screen
		sends  int
	}{
		"start":                                  {nil, Home, 0},
		"tell":                                   {[]Event{Tell{}}, Speaker, 0},
		"speaker":                                {[]Event{Tell{}, self}, What, 0},
		"what":                                   {[]Event{Tell{}, self, v1}, Now, 0},
		"not now":                                {[]Event{Tell{}, self, v1, no}, Review, 0},
		"now: danger card":                       {[]Event{Tell{}, self, v1, yes}, Danger, 0},
		"danger, tell more":                      {[]Event{Tell{}, self, v1, yes, Continue{}}, Review, 0},
		"danger, send at once":                   {[]Event{Tell{}, self, v1, yes, Send{}}, Sending, 1},
		"send after the second question":         {[]Event{Tell{}, self, v1, Send{}}, Sending, 1},
		"send from review":                       {[]Event{Tell{}, self, v1, no, Send{}}, Sending, 1},
		"a second tap on send sends nothing":     {[]Event{Tell{}, self, v1, no, Send{}, Send{}}, Sending, 1},
		"skip everything: nothing to send":       {[]Event{Tell{}, Skip{}, Skip{}, Skip{}, Send{}}, Review, 0},
		"skip everything but when":               {[]Event{Tell{}, Skip{}, Skip{}, yes, Send{}}, Sending, 1},
		"skipped the second: no send from there": {[]Event{Tell{}, self, Skip{}, Send{}}, Now, 0},
		"stored":                                 {[]Event{Tell{}, self, v1, no, Send{}, stored}, Receipt, 1},
		"receipt read":                           {[]Event{Tell{}, self, v1, no, Send{}, stored, Done{}}, Home, 1},
		"not stored":                             {[]Event{Tell{}, self, v1, no, Send{}, Refused{1, false}}, NotStored, 1},
		"not stored, again":                      {[]Event{Tell{}, self, v1, no, Send{}, Refused{1, false}, Send{}}, Sending, 2},
		"not stored, back":                       {[]Event{Tell{}, self, v1, no, Send{}, Refused{1, false}, Back{}}, Review, 1},
		"answer of an older attempt":             {[]Event{Tell{}, self, v1, no, Send{}, Refused{1, true}, Send{}, stored}, Sending, 2},
		"answer after leaving":                   {[]Event{Tell{}, self, v1, no, Send{}, Exit{}, stored}, Home, 1},
		"answer to the one before me":            {[]Event{Tell{}, self, v1, Send{}, Exit{}, Tell{}, self, v1, Send{}, stored}, Sending, 2},
		"exit":                                   {[]Event{Tell{}, self, Exit{}}, Home, 0},
		"idle while sending":                     {[]Event{Tell{}, self, v1, Send{}, Idle{}}, Home, 1},
		"back to the start":                      {[]Event{Tell{}, self, v1, no, Back{}, Back{}, Back{}, Back{}}, Home, 0},
		"back from danger":                       {[]Event{Tell{}, self, v1, yes, Back{}}, Now, 0},
		"back from review to danger":             {[]Event{Tell{}, self, v1, yes, Continue{}, Back{}}, Danger, 0},
		"stored without having sent":             {[]Event{Stored{0, report.Receipt{}}}, Home, 0},
		"tick elsewhere":                         {[]Event{Tell{}, Tick{}}, Speaker, 0},
		"keys elsewhere":                         {[]Event{Tell{}, Key{'a'}, Backspace{}, Done{}}, Speaker, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, eff := run(t, c.events...)
			if s.Screen != c.want || len(eff) != c.sends {
				t.Errorf("screen %v with %d submissions, want %v with %d", s.Screen, len(eff), c.want, c.sends)
			}
		})
	}
}

func TestDraftHoldsTheAnswers(t *testing.T) {
	events := append([]Event{Tell{}, ChooseSpeaker{report.SpeakerFriend}, MoreCards{}, ChooseWhat{"M1"}, ChooseWhen{report.WhenRepeated}},
		write("  banj em ddi lacj ")...)
	s, eff := run(t, append(events, Send{})...)
	d := eff[0].(Submit).Draft
	if d.Door != report.DoorScreen || d.Speaker != report.SpeakerFriend || len(d.Categories) != 1 || d.Categories[0] != "M1" ||
		d.When != report.WhenRepeated || d.Text.Reveal() != "bạn em đi lạc" {
		t.Errorf("draft %+v with %q", d, d.Text.Reveal())
	}
	if err := d.Check(); err != nil {
		t.Error(err)
	}
	s, _ = Next(s, Stored{1, report.Receipt([]byte("48217306"))})
	if s.Receipt.Digits() != "48217306" || len(s.Draft.Text) != 0 || len(s.Draft.Categories) != 0 {
		t.Error("the receipt page holds the code and nothing of the draft")
	}
}

// TestSixTaps protects "at most six taps to send": every card, every answer, from the start.
func TestSixTaps(t *testing.T) {
	for page := range Pages() {
		for _, card := range Cards(page) {
			for _, when := range []report.When{report.WhenNow, report.WhenNotNow, report.WhenRepeated} {
				events := []Event{Tell{}, ChooseSpeaker{report.SpeakerSelf}}
				for range page {
					events = append(events, MoreCards{})
				}
				events = append(events, ChooseWhat{card}, ChooseWhen{when}, Send{})
				s, _ := run(t, events...)
				if s.Screen != Sending || len(events) > 6 {
					t.Errorf("%s, %v: %v after %d taps, want sending after at most 6", card, when, s.Screen, len(events))
				}
			}
		}
	}
}

func TestEveryChildCardIsOffered(t *testing.T) {
	offered := map[report.Category]bool{}
	for p := range Pages() {
		for _, c := range Cards(p) {
			offered[c] = true
		}
	}
	for _, i := range report.Categories() {
		if (i.Child != "") != offered[i.Code] {
			t.Errorf("%s has child words %q, offered %v", i.Code, i.Child, offered[i.Code])
		}
	}
	if Cards(99) == nil && len(Cards(-1)) != CardsPerPage {
		t.Error("pages out of range")
	}
}

func TestWords(t *testing.T) {
	at := []Event{Tell{}, Skip{}, Skip{}, Skip{}, Write{}}
	key := func(keys string) (e []Event) {
		for _, r := range keys {
			e = append(e, Key{r})
		}
		return e
	}
	for name, c := range map[string]struct {
		events []Event
		want   string
	}{
		"telex":                  {key("em bij ddanhs"), "em bị đánh"},
		"shift lasts one letter": {append([]Event{Shift{}}, key("lan")...), "Lan"},
		"shift twice is none":    {append([]Event{Shift{}, Shift{}}, key("lan")...), "lan"},
		"backspace":              {append(key("mej"), Backspace{}, Key{'a'}), "ma"},
		"backspace on nothing":   {[]Event{Backspace{}, Backspace{}}, ""},
		"symbols":                {append(append(key("lop "), ToggleSymbols{}), key("5")...), "lop 5"},
		"control keys are none":  {[]Event{Key{'\n'}, Key{0}, Key{-1}, Key{0xFFFD}, Key{'a'}}, "a"},
		"combining mark joins":   {[]Event{Key{'e'}, Key{'\u0301'}}, "é"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := run(t, append(append([]Event{}, at...), c.events...)...)
			if got := s.Draft.Text.Reveal(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWordsHaveRoomForTwoThousand(t *testing.T) {
	s, _ := run(t, Tell{}, Skip{}, Skip{}, Skip{}, Write{})
	s.Draft.Text = report.Words(strings.Repeat("ạ ", report.MaxTextRunes/2))
	if s.Room() != 0 {
		t.Fatalf("room %d, want 0", s.Room())
	}
	s, _ = Next(s, Key{'b'})
	if s.Room() != 0 {
		t.Error("a key went over the limit")
	}
	s.Draft.Text = report.Words(strings.Repeat("a ", report.MaxTextRunes/2-1) + " a")
	s, _ = Next(s, Key{'j'})
	if !strings.HasSuffix(s.Draft.Text.Reveal(), "ạ") {
		t.Error("a mark needs no room, and was refused")
	}
}

// TestEditsMakeNewBytes protects invariant 10: the owner wipes the words it no longer shows, so no two states may share.
func TestEditsMakeNewBytes(t *testing.T) {
	s, _ := run(t, Tell{}, Skip{}, Skip{}, Skip{}, Write{}, Key{'b'}, Key{'e'}, Key{'e'})
	for name, e := range map[string]Event{"key": Key{'n'}, "mark": Key{'j'}, "backspace": Backspace{}, "done": Done{}} {
		next, _ := Next(s, e)
		kept := next.Draft.Text.Reveal()
		old := s.Draft.Text.Clone()
		s.Draft.Text.Wipe()
		if next.Draft.Text.Reveal() != kept {
			t.Errorf("%s: wiping the old words changed the new ones", name)
		}
		s.Draft.Text = old
	}
}

func TestMessagesTurnOnlyAtHome(t *testing.T) {
	var s State
	for range Messages {
		s, _ = Next(s, Tick{})
	}
	if s.Message != 0 {
		t.Errorf("message %d after a full turn, want 0", s.Message)
	}
}
