package flow

import "github.com/langnghe/langnghe/device/report"

// Next is the whole conversation: the state after e, and what is to be done.
func Next(s State, e Event) (State, []Effect) {
	switch e := e.(type) {
	case Exit, Idle:
		// Invariant 10: the start, with nothing left. While a submission runs it goes on; its answer finds nobody.
		return s.home(), nil
	case StatusChanged:
		s.Status = e.Status
		return s, nil
	case Tick:
		if s.Screen == Home {
			s.Message = (s.Message + 1) % Messages
		}
		return s, nil
	}
	switch s.Screen {
	case Home:
		return s.onHome(e), nil
	case Speaker:
		return s.onSpeaker(e), nil
	case What:
		return s.onWhat(e), nil
	case Now:
		return s.onNow(e)
	case Danger:
		return s.onDanger(e)
	case Review:
		return s.onReview(e)
	case Words:
		return s.onWords(e), nil
	case Sending:
		return s.onSending(e), nil
	case Receipt:
		if _, ok := e.(Done); ok {
			return s.home(), nil
		}
	case NotStored:
		switch e.(type) {
		case Send:
			return s.submit()
		case Back:
			s.Screen, s.Unsure = Review, false
		}
	}
	return s, nil
}

func (s State) onHome(e Event) State {
	if _, ok := e.(Tell); !ok {
		return s
	}
	s = s.home()
	s.Screen = Speaker
	s.Draft.Door = report.DoorScreen
	return s
}

func (s State) onSpeaker(e Event) State {
	switch e := e.(type) {
	case ChooseSpeaker:
		s.Draft.Speaker = e.Speaker
		s.Screen = What
	case Skip:
		s.Draft.Speaker = report.SpeakerUnknown
		s.Screen = What
	case Back:
		return s.home()
	}
	return s
}

func (s State) onWhat(e Event) State {
	switch e := e.(type) {
	case ChooseWhat:
		s.Draft.Categories = []report.Category{e.Category}
		s.Screen = Now
	case Skip:
		s.Draft.Categories = nil
		s.Screen = Now
	case MoreCards:
		s.Page = (s.Page + 1) % Pages()
	case Back:
		s.Screen = Speaker
	}
	return s
}

func (s State) onNow(e Event) (State, []Effect) {
	switch e := e.(type) {
	case ChooseWhen:
		s.Draft.When = e.When
		s.Screen = Review
		if e.When == report.WhenNow {
			s.Screen = Danger
		}
	case Skip:
		s.Draft.When = report.WhenUnknown
		s.Screen = Review
	case Back:
		s.Screen = What
	case Send:
		return s.submit()
	}
	return s, nil
}

func (s State) onDanger(e Event) (State, []Effect) {
	switch e.(type) {
	case Send:
		return s.submit()
	case Continue, Skip:
		s.Screen = Review
	case Back:
		s.Screen = Now
	}
	return s, nil
}

func (s State) onReview(e Event) (State, []Effect) {
	switch e.(type) {
	case Write:
		s.Screen, s.Layer = Words, Lower
	case Send:
		return s.submit()
	case Back:
		s.Screen = Now
		if s.Draft.When == report.WhenNow {
			s.Screen = Danger
		}
	}
	return s, nil
}

// submit leaves for the sending page if there is anything to send. The draft stays in the state until the answer comes,
// so that a child who wrote much can try again.
func (s State) submit() (State, []Effect) {
	if !s.CanSend() {
		return s, nil
	}
	s.Screen, s.Unsure = Sending, false
	s.Attempt++
	return s, []Effect{Submit{Attempt: s.Attempt, Draft: s.Draft}}
}

func (s State) onSending(e Event) State {
	switch e := e.(type) {
	case Stored:
		if e.Attempt == s.Attempt {
			speaker := s.Draft.Speaker // how to address who reads the page; everything else goes
			s = s.home()
			s.Draft.Speaker = speaker
			s.Screen, s.Receipt = Receipt, e.Receipt
		}
	case Refused:
		if e.Attempt == s.Attempt {
			s.Screen, s.Unsure = NotStored, e.Unsure
		}
	}
	return s
}
