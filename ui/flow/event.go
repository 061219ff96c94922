package flow

import "github.com/langnghe/langnghe/device/report"

// Event is one thing that happened. An event that makes no sense on the page that is up changes nothing.
type Event interface{ event() }

// What a finger does.
type (
	Tell          struct{}                           // "I want to tell": from the start to the first question
	ChooseSpeaker struct{ Speaker report.Speaker }   // who is speaking
	ChooseWhat    struct{ Category report.Category } // one picture card
	MoreCards     struct{}                           // the next page of cards, then the first again
	ChooseWhen    struct{ When report.When }         // is it happening now
	Skip          struct{}                           // "Bỏ qua", on every question
	Back          struct{}                           // one page back; answers stay
	Write         struct{}                           // from review to the keyboard
	Key           struct{ Rune rune }                // one key with a letter, digit, sign or space
	Backspace     struct{}                           // the last character
	Shift         struct{}                           // the next letter is a capital
	ToggleSymbols struct{}                           // digits and signs, or letters again
	Done          struct{}                           // words are finished; the receipt was read
	Continue      struct{}                           // from the danger page on to review
	Send          struct{}                           // submit; also again after a failure
	Exit          struct{}                           // "Về trang chơi": go home and forget
)

// What the appliance says.
type (
	Idle          struct{}                // nobody touched the screen for the idle time
	Tick          struct{}                // the home page's next message is due
	StatusChanged struct{ Status Status } // what the appliance can do has changed
	Stored        struct {                // the sealed report is on stable storage (invariant 1)
		Attempt uint32
		Receipt report.Receipt
	}
	Refused struct { // Submit failed; Unsure where it may have been stored nevertheless (invariant 7)
		Attempt uint32
		Unsure  bool
	}
)

func (Tell) event()          {}
func (ChooseSpeaker) event() {}
func (ChooseWhat) event()    {}
func (MoreCards) event()     {}
func (ChooseWhen) event()    {}
func (Skip) event()          {}
func (Back) event()          {}
func (Write) event()         {}
func (Key) event()           {}
func (Backspace) event()     {}
func (Shift) event()         {}
func (ToggleSymbols) event() {}
func (Done) event()          {}
func (Continue) event()      {}
func (Send) event()          {}
func (Exit) event()          {}
func (Idle) event()          {}
func (Tick) event()          {}
func (StatusChanged) event() {}
func (Stored) event()        {}
func (Refused) event()       {}

// Effect is something that the owner of the state machine must do.
type Effect interface{ effect() }

// Submit asks for the draft to be stored and sent; the answer is Stored or Refused with the same Attempt. Draft shares
// its bytes with the state: who submits takes a copy, because the state's words may be wiped at any moment.
type Submit struct {
	Attempt uint32
	Draft   report.Draft
}

func (Submit) effect() {}
