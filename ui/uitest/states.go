package uitest

import (
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/ui/flow"
)

// After is the state after events from the start, on an appliance that can store and is online. It is the real state
// machine: what a driver's clicks do to the screen, the same events do here.
func After(events ...flow.Event) flow.State {
	return On(flow.Status{CanStore: true, Online: true}, events...)
}

// On is After on an appliance with another status.
func On(status flow.Status, events ...flow.Event) flow.State {
	s := flow.State{Status: status}
	for _, e := range events {
		s, _ = flow.Next(s, e)
	}
	return s
}

// Typed are the events of the keys that type keys by Telex.
func Typed(keys string) []flow.Event {
	out := make([]flow.Event, 0, len(keys))
	for _, r := range keys {
		out = append(out, flow.Key{Rune: r})
	}
	return out
}

// States are one state of each page, and the variants that look different, by name.
func States() map[string]flow.State {
	code := report.Receipt([]byte("48217306"))
	tell := []flow.Event{flow.Tell{}}
	self := append(tell[:1:1], flow.ChooseSpeaker{Speaker: report.SpeakerSelf})
	friend := append(tell[:1:1], flow.ChooseSpeaker{Speaker: report.SpeakerFriend})
	adult := append(tell[:1:1], flow.ChooseSpeaker{Speaker: report.SpeakerAdult})
	card := append(self[:2:2], flow.ChooseWhat{Category: "V1"})
	notNow := append(card[:3:3], flow.ChooseWhen{When: report.WhenNotNow})
	writing := append(notNow[:4:4], flow.Write{})
	short := append(writing[:5:5], Typed("em bij banj ddanhs owr trwowngf, em sowj lawms.")...)
	long := writing[:5:5]
	for range 20 {
		long = append(long, Typed("em bij banj ddanhs owr trwowngf, em sowj lawms. ")...)
	}
	sent := append(notNow[:4:4], flow.Send{})
	stored, refused := flow.Stored{Attempt: 1, Receipt: code}, flow.Refused{Attempt: 1}
	with := func(events []flow.Event, more ...flow.Event) flow.State {
		return After(append(events[:len(events):len(events)], more...)...)
	}
	broken := func(events []flow.Event, more ...flow.Event) flow.State {
		return On(flow.Status{}, append(events[:len(events):len(events)], more...)...)
	}
	now := flow.ChooseWhen{When: report.WhenNow}
	return map[string]flow.State{
		"home":              After(),
		"home-4":            After(flow.Tick{}, flow.Tick{}, flow.Tick{}),
		"home-broken":       broken(nil),
		"speaker":           with(tell),
		"what-1":            with(self),
		"what-2":            with(self, flow.MoreCards{}),
		"what-friend":       with(friend),
		"what-adult-broken": broken(adult),
		"now":               with(card),
		"now-nothing":       with(self, flow.Skip{}),
		"now-broken":        broken(card),
		"danger":            with(card, now),
		"danger-friend":     with(friend, flow.ChooseWhat{Category: "P2"}, now),
		"danger-adult":      with(adult, flow.ChooseWhat{Category: "E3"}, now),
		"review":            with(notNow),
		"review-adult":      with(adult, flow.ChooseWhat{Category: "P2"}, now, flow.Continue{}),
		"review-empty":      with(tell, flow.Skip{}, flow.Skip{}, flow.Skip{}),
		"review-words":      with(short, flow.Done{}),
		"review-long":       with(long, flow.Done{}),
		"words":             with(writing),
		"words-short":       with(short),
		"words-long":        with(long),
		"words-shift":       with(short, flow.Key{Rune: ' '}, flow.Shift{}),
		"words-signs":       with(short, flow.ToggleSymbols{}),
		"sending":           with(sent),
		"receipt":           with(sent, stored),
		"receipt-offline":   On(flow.Status{CanStore: true}, append(sent[:5:5], stored)...),
		"receipt-adult":     with(adult, flow.ChooseWhat{Category: "V1"}, flow.Send{}, stored),
		"receipt-friend":    with(friend, flow.ChooseWhat{Category: "V1"}, flow.Send{}, stored),
		"notstored":         broken(sent, refused),
		"notstored-unsure":  broken(sent, flow.Refused{Attempt: 1, Unsure: true}),
		"notstored-adult":   broken(adult, flow.ChooseWhat{Category: "V1"}, flow.Send{}, refused),
	}
}
