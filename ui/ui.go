// Package ui is the appliance's window: it turns taps into events of package flow, draws the states with package screen,
// and runs the effects. It knows the appliance only by the interface Kiosk.
//
// Memory (invariant 10). The draft's words are bytes in the flow's state, which only this package keeps. Each edit makes
// new bytes, and handle wipes those that it replaced; on exit, idle and after a stored report it wipes the last ones, and
// the page that showed them is emptied. What we do not control: for drawing, the toolkit needs strings, which are
// garbage once drawn, and it keeps the pixels of a drawn line for FYNE_CACHE (set to 10s in the appliance). No entry
// widget, clipboard or undo history is ever used.
package ui

import (
	"context"
	"image"
	"log/slog"
	"slices"
	"sync"
	"time"

	"fyne.io/fyne/v2"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/ui/flow"
	"github.com/langnghe/langnghe/ui/screen"
	"github.com/langnghe/langnghe/ui/text"
	"github.com/langnghe/langnghe/ui/theme"
)

// Status is what the screen must know of the appliance to stay honest: whether it can store a report now, and whether a
// link to the people who read is up.
type Status = flow.Status

// Kiosk is the appliance behind the screen.
type Kiosk interface {
	// Submit returns nil only when the sealed report is on stable storage (invariant 1). It may take its time, heeds ctx,
	// and keeps nothing of d when it has returned.
	Submit(ctx context.Context, d report.Draft) (report.Receipt, error)
	// Status never blocks. It is called from a goroutine of its own.
	Status() Status
}

// Options are the settings of the window. A zero duration means the default.
type Options struct {
	Size          image.Point     // of the panel in pixels; at least 800x480; zero means 1024x600
	Fullscreen    bool            // cover the display; otherwise a window of fixed size
	Words         *text.Catalogue // nil means Vietnamese
	IdleAfter     time.Duration   // without a touch, the draft is wiped and the start shown; default 45 s
	MessageEvery  time.Duration   // how long a message of the home page stays; default 12 s
	StatusEvery   time.Duration   // how often Status is asked; default 2 s
	SubmitTimeout time.Duration   // how long Submit may take before the page says that it is not sure; default 20 s
	Debounce      time.Duration   // a second tap within this time is the same tap; default 400 ms
	Log           *slog.Logger    // nil means none; no words, receipt or page is ever logged
}

func (o Options) filled() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if o.Size == (image.Point{}) {
		o.Size = image.Pt(1024, 600)
	}
	if o.Words == nil {
		o.Words = &text.Vietnamese
	}
	def(&o.IdleAfter, 45*time.Second)
	def(&o.MessageEvery, 12*time.Second)
	def(&o.StatusEvery, 2*time.Second)
	def(&o.SubmitTimeout, 20*time.Second)
	def(&o.Debounce, 400*time.Millisecond)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// UI is the window and what runs behind it.
type UI struct {
	app    fyne.App
	kiosk  Kiosk
	o      Options
	window fyne.Window

	// Only the toolkit's goroutine touches these.
	state    flow.State
	deck     *screen.Deck
	lastID   string    // the button that was tapped last,
	lastTap  time.Time // and when
	turned   time.Time // when the page changed last
	lastLife time.Time // when a finger last touched the screen

	alive   chan struct{}   // a finger touched the screen; read by clock
	ctx     context.Context // of Run; set before the first event
	running sync.WaitGroup  // clock and the submissions
	do      func(func())    // fyne.Do; a test may put its own loop here
	now     func() time.Time
}

// New builds all pages and the window. It starts nothing; Run does.
func New(app fyne.App, k Kiosk, o Options) *UI {
	u := &UI{app: app, kiosk: k, o: o.filled(), alive: make(chan struct{}, 1), do: fyne.Do, now: time.Now}
	app.Settings().SetTheme(theme.Kiosk{})
	panel := fyne.NewSize(float32(u.o.Size.X), float32(u.o.Size.Y))
	u.deck = screen.NewDeck(panel, u.o.Words, u.tap, u.touched)
	u.state.Status = k.Status()
	u.deck.Show(u.state)
	u.window = app.NewWindow(u.o.Words.Name)
	u.window.SetPadded(false)
	u.window.SetContent(u.deck.Object())
	if u.o.Fullscreen {
		u.window.SetFullScreen(true)
	} else {
		u.window.Resize(panel)
		u.window.SetFixedSize(true)
	}
	return u
}

// Run shows the window and returns when it was closed or ctx ended, and everything it started has returned. Call it from
// the main goroutine, which the toolkit needs for itself.
func (u *UI) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	u.start(ctx)
	u.running.Go(func() {
		<-ctx.Done()
		u.do(u.app.Quit)
	})
	u.window.ShowAndRun()
	cancel()
	u.running.Wait()
}

func (u *UI) start(ctx context.Context) {
	u.ctx = ctx
	u.lastLife = u.now()
	u.running.Go(func() { u.clock(ctx, u.state.Status) })
}

// clock is where time comes in: it turns the idle time, the home page's turn and the appliance's status into events.
func (u *UI) clock(ctx context.Context, known Status) {
	idle := time.NewTimer(u.o.IdleAfter)
	defer idle.Stop()
	turn := time.NewTicker(u.o.MessageEvery)
	defer turn.Stop()
	ask := time.NewTicker(u.o.StatusEvery)
	defer ask.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-u.alive:
			idle.Reset(u.o.IdleAfter)
		case <-idle.C:
			u.post(flow.Idle{})
		case <-turn.C:
			u.post(flow.Tick{})
		case <-ask.C:
			if s := u.kiosk.Status(); s != known {
				known = s
				u.post(flow.StatusChanged{Status: s})
			}
		}
	}
}

// post brings an event from any other goroutine to the toolkit's. Besides Run's quitting this is the only way there.
func (u *UI) post(e flow.Event) {
	u.do(func() {
		if _, idle := e.(flow.Idle); idle && u.now().Sub(u.lastLife) < u.o.IdleAfter {
			return // a finger was faster than this event; clock has been told
		}
		u.handle(e)
	})
}

// touched notes a sign of life.
func (u *UI) touched() {
	u.lastLife = u.now()
	select {
	case u.alive <- struct{}{}:
	default: // one is waiting already
	}
}

// tap is a button's release. A second tap that comes too soon is the same tap: one that falls onto the page that the
// first one opened, or onto the same button. Keys of the keyboard may be tapped as fast as a finger can.
func (u *UI) tap(id string, e flow.Event) {
	u.touched()
	t := u.now()
	if t.Sub(u.turned) < u.o.Debounce {
		return
	}
	switch e.(type) {
	case flow.Key, flow.Backspace, flow.Shift, flow.ToggleSymbols:
	default:
		if id == u.lastID && t.Sub(u.lastTap) < u.o.Debounce {
			return
		}
	}
	u.lastID, u.lastTap = id, t
	u.handle(e)
}

// handle is one step of the conversation. It never waits (invariant 9).
func (u *UI) handle(e flow.Event) {
	old := u.state
	next, effects := flow.Next(old, e)
	u.state = next
	if next.Screen != old.Screen || next.Page != old.Page {
		u.turned = u.now()
	}
	for _, eff := range effects {
		if s, ok := eff.(flow.Submit); ok {
			u.submit(s.Attempt, clone(s.Draft))
		}
	}
	u.deck.Show(next)
	wipeReplaced(old.Draft, next.Draft)
}

// submit gives d, which is its own, to the appliance.
func (u *UI) submit(attempt uint32, d report.Draft) {
	u.running.Go(func() {
		ctx, cancel := context.WithTimeout(u.ctx, u.o.SubmitTimeout)
		defer cancel()
		receipt, err := u.kiosk.Submit(ctx, d)
		d.Wipe()
		if err != nil {
			// Cut off in the middle, the report may be stored nevertheless: an unknown outcome (invariant 7).
			unsure := ctx.Err() != nil
			// Debug: a line with a time would tell when somebody stood at the screen.
			u.o.Log.Debug("submit failed", "err", err, "unsure", unsure)
			u.post(flow.Refused{Attempt: attempt, Unsure: unsure})
			return
		}
		u.post(flow.Stored{Attempt: attempt, Receipt: receipt})
	})
}

// clone is d in memory of its own.
func clone(d report.Draft) report.Draft {
	d.Categories = slices.Clone(d.Categories)
	for _, w := range wordsOf(&d) {
		*w = w.Clone()
	}
	return d
}

func wordsOf(d *report.Draft) []*report.Words {
	return []*report.Words{&d.Text, &d.Contact, &d.Place.Name, &d.Sender}
}

// wipeReplaced overwrites what the old draft held and the new one does not (invariant 10).
func wipeReplaced(old, new report.Draft) {
	kept := wordsOf(&new)
	for i, w := range wordsOf(&old) {
		if len(*w) > 0 && (len(*kept[i]) == 0 || &(*w)[0] != &(*kept[i])[0]) {
			w.Wipe()
		}
	}
	if len(old.Categories) > 0 && (len(new.Categories) == 0 || &old.Categories[0] != &new.Categories[0]) {
		clear(old.Categories)
	}
}
