package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"slices"
	"strings"
	"time"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/ui/flow"
	"github.com/langnghe/langnghe/ui/uitest"
)

// finger is a child at the screen. It knows where to tap, because it asks the same view code for the places of the
// buttons, and it sees which page is up by comparing the real window's pixels with pictures of every page.
type finger struct {
	d     *display
	size  image.Point
	state flow.State // what should be on the screen
	taps  []time.Duration
	last  time.Time // of the last tap
}

// unhurried is the least time between two taps on pages' buttons: the screen takes a second tap within 400 ms for a
// finger that trembles. Keys have no such time.
const unhurried = 450 * time.Millisecond

// tap touches a button of the page that is up and waits until the window answers with a changed pixel.
func (f *finger) tap(ctx context.Context, id string, ev flow.Event) error {
	at, ok := uitest.Targets(f.state, f.size)[id]
	if !ok {
		return fmt.Errorf("the %v page has no button %q", f.state.Screen, id)
	}
	if !strings.HasPrefix(id, "key.") {
		select {
		case <-time.After(unhurried - time.Since(f.last)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	before, err := f.d.picture()
	if err != nil {
		return err
	}
	start := time.Now()
	f.last = start
	if err := f.d.tap(ctx, at); err != nil {
		return err
	}
	err = poll(ctx, fmt.Sprintf("the %v page to answer a tap on %s", f.state.Screen, id), 5*time.Second, func() (bool, error) {
		now, err := f.d.picture()
		return err == nil && !bytes.Equal(now.Pix, before.Pix), err
	})
	if err != nil {
		return err
	}
	f.taps = append(f.taps, time.Since(start))
	f.state, _ = flow.Next(f.state, ev)
	return nil
}

// see waits until the real window shows the page of f.state: of all pages, its picture must be the nearest, and near.
// What the appliance says of itself in the footer may be anything.
func (f *finger) see(ctx context.Context) error {
	const near = 0.05 // part of the pixels; a digit or a footer less, another page more
	var got flow.Screen
	var how float64
	err := poll(ctx, fmt.Sprintf("the window to show the %v page", f.state.Screen), 15*time.Second, func() (bool, error) {
		img, err := f.d.picture()
		if err != nil {
			return false, err
		}
		got, how = f.recognise(img)
		return got == f.state.Screen && how < near, nil
	})
	if err != nil {
		return fmt.Errorf("%w (it looks like %v, %.1f %% of the pixels differ)", err, got, 100*how)
	}
	return nil
}

// recognise names the page whose picture is nearest to img. Of its own page it knows the answers so far; of the footer and
// of the message on the start page it does not, so it looks at all of them.
func (f *finger) recognise(img image.Image) (flow.Screen, float64) {
	pages := uitest.States()
	pages["expected"] = f.state
	best, how := flow.Home, 2.0
	for name, s := range pages {
		if s.Screen == f.state.Screen && name != "expected" && s.Screen != flow.Home {
			continue
		}
		for _, st := range []flow.Status{{CanStore: true, Online: true}, {CanStore: true}, {}} {
			s.Status = st
			messages := 1
			if s.Screen == flow.Home {
				messages = flow.Messages
			}
			for m := range messages {
				s.Message = m
				if d := uitest.Differ(img, f.pictureOf(s)); d < how {
					best, how = s.Screen, d
				}
			}
			if how < 0.01 {
				return best, how
			}
		}
	}
	return best, how
}

var drawn = map[string]image.Image{}

// pictureOf draws a page once: the software painter needs a tenth of a second.
func (f *finger) pictureOf(s flow.State) image.Image {
	key := fmt.Sprint(s.Screen, s.Page, s.Layer, s.Message, s.Status, s.Unsure, s.Draft.Categories, s.Draft.When, s.Draft.Speaker, s.Draft.Text.Reveal(), s.Receipt.Digits())
	if img, ok := drawn[key]; ok {
		return img
	}
	img := uitest.Picture(s, f.size)
	drawn[key] = img
	return img
}

// tell tells of violence at the screen, with words typed on its keyboard, and sends. keys are what the finger types in
// Telex.
func (f *finger) tell(ctx context.Context, keys string) error {
	if err := f.see(ctx); err != nil {
		return err
	}
	steps := []struct {
		id string
		ev flow.Event
	}{
		{"home.tell", flow.Tell{}},
		{"speaker.self", flow.ChooseSpeaker{Speaker: report.SpeakerSelf}},
		{"what.V1", flow.ChooseWhat{Category: "V1"}},
		{"now.no", flow.ChooseWhen{When: report.WhenNotNow}},
		{"review.write", flow.Write{}},
	}
	for _, st := range steps {
		if err := f.tap(ctx, st.id, st.ev); err != nil {
			return err
		}
		if err := f.see(ctx); err != nil {
			return err
		}
	}
	ids, ok := uitest.Taps(keys)
	if !ok || len(ids) != len(keys) {
		return fmt.Errorf("%q can't be typed on the letter keys", keys)
	}
	for i, ev := range uitest.Typed(keys) {
		if err := f.tap(ctx, ids[i], ev); err != nil {
			return err
		}
	}
	if err := f.tap(ctx, "words.done", flow.Done{}); err != nil {
		return err
	}
	if err := f.see(ctx); err != nil {
		return err
	}
	if err := f.tap(ctx, "review.send", flow.Send{}); err != nil {
		return err
	}
	// The digits on the screen are the real ones, which the driver can't know; the picture differs by little.
	code, err := report.ParseReceipt("4821 7306")
	if err != nil {
		return err
	}
	f.state, _ = flow.Next(f.state, flow.Stored{Attempt: f.state.Attempt, Receipt: code})
	return f.see(ctx)
}

// changeOfMind begins to tell, writes a word, and goes back to the start by the button that is on every page. Who begins
// next finds nothing of it.
func (f *finger) changeOfMind(ctx context.Context) error {
	for _, st := range []struct {
		id string
		ev flow.Event
	}{
		{"home.tell", flow.Tell{}}, {"speaker.friend", flow.ChooseSpeaker{Speaker: report.SpeakerFriend}}, {"what.V3", flow.ChooseWhat{Category: "V3"}},
		{"now.often", flow.ChooseWhen{When: report.WhenRepeated}}, {"review.write", flow.Write{}}, {"key.e", flow.Key{Rune: 'e'}}, {"exit", flow.Exit{}},
		{"home.tell", flow.Tell{}}, {"speaker.skip", flow.Skip{}}, {"what.skip", flow.Skip{}}, {"now.skip", flow.Skip{}},
	} {
		if err := f.tap(ctx, st.id, st.ev); err != nil {
			return err
		}
		if err := f.see(ctx); err != nil {
			return err
		}
	}
	if f.state.CanSend() {
		return fmt.Errorf("something of the first telling is left")
	}
	if err := f.tap(ctx, "exit", flow.Exit{}); err != nil {
		return err
	}
	return f.see(ctx)
}

// leave goes back to the start.
func (f *finger) leave(ctx context.Context) error {
	if err := f.tap(ctx, "receipt.done", flow.Done{}); err != nil {
		return err
	}
	return f.see(ctx)
}

// answer says how long the window took from a tap to a changed pixel.
func (f *finger) answer() string {
	t := slices.Sorted(slices.Values(f.taps))
	if len(t) == 0 {
		return ""
	}
	return fmt.Sprintf("tap to changed pixel: median %d ms, worst %d ms of %d", t[len(t)/2].Milliseconds(), t[len(t)-1].Milliseconds(), len(t))
}
