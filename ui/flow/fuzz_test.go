package flow

import (
	"reflect"
	"testing"

	"github.com/langnghe/langnghe/device/report"
)

// eventOf makes any event out of two bytes.
func eventOf(kind, arg byte) Event {
	switch kind % 22 {
	case 0, 1:
		return Tell{}
	case 2:
		return ChooseSpeaker{report.Speaker(arg)}
	case 3:
		c := Cards(int(arg) / CardsPerPage % Pages())
		return ChooseWhat{c[int(arg)%len(c)]}
	case 4:
		return MoreCards{}
	case 5:
		return ChooseWhen{report.When(arg)}
	case 6:
		return Skip{}
	case 7:
		return Back{}
	case 8:
		return Write{}
	case 9, 10:
		return Key{rune(arg)}
	case 11:
		return Key{rune(arg) << 8}
	case 12:
		return Backspace{}
	case 13:
		return Shift{}
	case 14:
		return ToggleSymbols{}
	case 15:
		return Done{}
	case 16:
		return Continue{}
	case 17:
		return Send{}
	case 18:
		return Tick{}
	case 19:
		return StatusChanged{Status{CanStore: arg&1 != 0, Online: arg&2 != 0}}
	case 20:
		return Stored{uint32(arg), report.Receipt([]byte("48217306"))}
	default:
		return Refused{uint32(arg), arg&1 != 0}
	}
}

// way is the number of taps from s to sending by the shortest way, with whatever answers; it fails beyond six.
func way(s State) int {
	taps := []Event{Tell{}, ChooseSpeaker{report.SpeakerSelf}, ChooseWhat{"V1"}, ChooseWhen{report.WhenNow}, Send{}, Done{}, Back{}}
	seen := []State{s}
	for n := range 7 {
		var next []State
		for _, s := range seen {
			if s.Screen == Sending {
				return n
			}
			for _, e := range taps {
				t, _ := Next(s, e)
				if t.Screen != s.Screen {
					next = append(next, t)
				}
			}
		}
		seen = next
	}
	return 7
}

// FuzzFlow: whatever happens, sending is never more than six taps away, what is submitted is a valid draft, and after
// the idle time the screen is at the start with an empty draft (invariant 10).
func FuzzFlow(f *testing.F) {
	f.Add([]byte{0, 0, 2, 1, 3, 0, 5, 1, 17, 0, 20, 1, 15, 0})
	f.Add([]byte{0, 0, 6, 0, 6, 0, 6, 0, 8, 0, 9, 'd', 9, 'd', 13, 0, 9, 'a', 12, 0, 15, 0, 17, 0, 21, 1, 17, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s State
		if len(b) > 400 {
			b = b[:400]
		}
		for i := 0; i+1 < len(b); i += 2 {
			before := s
			var eff []Effect
			s, eff = Next(s, eventOf(b[i], b[i+1]))
			for _, e := range eff {
				if err := e.(Submit).Draft.Check(); err != nil {
					t.Fatalf("submits a draft that is not valid: %v", err)
				}
			}
			if len(eff) > 0 && before.Screen == Sending {
				t.Fatal("submits twice")
			}
			if int(s.Screen) >= Screens || s.Page < 0 || s.Page >= Pages() || s.Message >= Messages || s.Room() < 0 {
				t.Fatalf("impossible state: %v page %d message %d", s.Screen, s.Page, s.Message)
			}
			if s.Screen == Home && (len(s.Draft.Text) > 0 || s.Draft.Door != 0) {
				t.Fatal("something of the draft is left at the start")
			}
		}
		if n := way(s); n > 6 {
			t.Fatalf("sending is more than six taps away on %v", s.Screen)
		}
		end, _ := Next(s, Idle{})
		start := State{Message: s.Message, Status: s.Status, Attempt: s.Attempt}
		if !same(end, start) {
			t.Fatalf("after idle the state is not the start but %v", end.Screen)
		}
		if out, _ := Next(s, Exit{}); !same(out, start) {
			t.Fatalf("after exit the state is not the start but %v", out.Screen)
		}
	})
}

func same(a, b State) bool { return reflect.DeepEqual(a, b) }
