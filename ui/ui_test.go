package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/ui/flow"
	"github.com/langnghe/langnghe/ui/keyboard"
)

// appliance is a Kiosk whose Submit waits until it is told the outcome.
type appliance struct {
	mu     sync.Mutex
	status Status
	got    []report.Draft
	words  []string
	answer chan error
}

func (a *appliance) Submit(ctx context.Context, d report.Draft) (report.Receipt, error) {
	a.mu.Lock()
	a.got = append(a.got, d)
	a.words = append(a.words, d.Text.Reveal())
	a.mu.Unlock()
	select {
	case err := <-a.answer:
		return report.Receipt([]byte("48217306")), err
	case <-ctx.Done():
		return report.Receipt{}, ctx.Err()
	}
}

func (a *appliance) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status
}

// rig is a UI on the toolkit's test driver, in a bubble of false time. The test is the toolkit's goroutine: what other
// goroutines post waits until settle.
type rig struct {
	*UI
	t     *testing.T
	kiosk *appliance
	mu    sync.Mutex
	queue []func()
}

func bubble(t *testing.T, o Options, f func(*rig)) {
	t.Helper()
	app := test.NewTempApp(t)
	synctest.Test(t, func(t *testing.T) {
		k := &appliance{status: Status{CanStore: true, Online: true}, answer: make(chan error)}
		r := &rig{UI: New(app, k, o), t: t, kiosk: k}
		r.do = func(f func()) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.queue = append(r.queue, f)
		}
		ctx, cancel := context.WithCancel(t.Context())
		r.start(ctx)
		f(r)
		cancel()
		r.running.Wait()
	})
}

// settle lets every goroutine come to rest and then runs what they posted.
func (r *rig) settle() {
	synctest.Wait()
	r.mu.Lock()
	q := r.queue
	r.queue = nil
	r.mu.Unlock()
	for _, f := range q {
		f()
	}
}

func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	r.settle()
}

// click taps the middle of each button on the canvas, at the pace of a child.
func (r *rig) click(ids ...string) {
	r.t.Helper()
	for _, id := range ids {
		at, ok := r.deck.Targets()[id]
		if !ok {
			r.t.Fatalf("no %s on page %v", id, r.state.Screen)
		}
		test.TapCanvas(r.window.Canvas(), at)
		r.pass(500 * time.Millisecond)
	}
}

func (r *rig) write(keys string) {
	r.t.Helper()
	for _, k := range keys {
		id, _ := keyboard.ID(k)
		r.click(id)
	}
}

func (r *rig) on(want flow.Screen) {
	r.t.Helper()
	if r.state.Screen != want {
		r.t.Fatalf("page %v, want %v", r.state.Screen, want)
	}
}

func TestReportByTouch(t *testing.T) {
	for _, size := range []image.Point{{X: 1024, Y: 600}, {X: 800, Y: 480}} {
		bubble(t, Options{Size: size}, func(r *rig) {
			r.click("home.tell", "speaker.self", "what.V1", "now.no", "review.write")
			r.write("em bij ddanhs")
			r.click("words.done", "review.send")
			r.on(flow.Sending)
			r.kiosk.answer <- nil
			r.settle()
			r.on(flow.Receipt)
			if r.state.Receipt.Digits() != "48217306" {
				t.Error("another receipt than the appliance's")
			}
			if got := r.kiosk.words[0]; got != "em bị đánh" {
				t.Errorf("submitted %q", got)
			}
			r.pass(time.Second)
			r.click("receipt.done")
			r.on(flow.Home)
			if r.state.Receipt != (report.Receipt{}) {
				t.Error("the receipt is left after the page")
			}
		})
	}
}

// TestEveryTapAnswersWhileSending protects invariant 9: the toolkit's goroutine never waits for Submit.
func TestEveryTapAnswersWhileSending(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		r.click("home.tell", "speaker.self", "what.V1", "now.no", "review.send")
		r.on(flow.Sending)
		r.click("exit")
		r.on(flow.Home)
		r.click("home.tell")
		r.on(flow.Speaker)
		r.kiosk.answer <- nil
		r.settle()
		r.on(flow.Speaker) // the answer to the one before is not mine
	})
}

func TestNotStored(t *testing.T) {
	var log bytes.Buffer
	defer func() {
		if log.Len() > 0 {
			t.Errorf("the log tells when somebody stood at the screen: %s", &log)
		}
	}()
	bubble(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, func(r *rig) {
		r.click("home.tell", "speaker.self", "what.V1", "now.send")
		r.kiosk.answer <- errors.New("disk full")
		r.settle()
		r.on(flow.NotStored)
		if r.state.Unsure {
			t.Error("a clear refusal is shown as unsure")
		}
		r.pass(time.Second)
		r.click("notstored.retry")
		r.on(flow.Sending)
		if r.kiosk.got[0].Categories[0] != "" || len(r.kiosk.got) != 2 || r.kiosk.got[1].Categories[0] != "V1" {
			t.Error("the second try must be whole, and the first one wiped")
		}
		r.pass(20 * time.Second)
		r.on(flow.NotStored)
		if !r.state.Unsure {
			t.Error("a submission cut off by time is an unknown outcome (invariant 7)")
		}
	})
}

// TestNothingIsLeft protects invariant 10: after exit and after the idle time the state is the start, every slice of
// words that ever existed is zero, and no text on any page holds a word of them.
func TestNothingIsLeft(t *testing.T) {
	for name, leave := range map[string]func(*rig){
		"exit": func(r *rig) { r.click("exit") },
		"idle": func(r *rig) { r.pass(46 * time.Second) },
		"sent": func(r *rig) {
			r.click("words.done", "review.send")
			r.kiosk.answer <- nil
			r.settle()
			r.pass(time.Second)
			r.click("receipt.done")
		},
		"exit while sending": func(r *rig) {
			r.click("words.done", "review.send", "exit")
			r.kiosk.answer <- nil
			r.settle()
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(r *rig) {
				var seen [][]byte
				r.click("home.tell", "speaker.friend", "what.S1", "now.yes", "danger.more", "review.write")
				for _, k := range "bis maatj quas" {
					id, _ := keyboard.ID(k)
					r.click(id)
					seen = append(seen, r.state.Draft.Text)
				}
				leave(r)
				if s := r.state; s.Screen != flow.Home || len(s.Draft.Text) > 0 || len(s.Draft.Categories) > 0 || s.Draft.Speaker != 0 {
					t.Errorf("not the start: %v", s.Screen)
				}
				for i, b := range seen {
					if !bytes.Equal(b, make([]byte, len(b))) {
						t.Errorf("the words after key %d were not wiped", i+1)
					}
				}
				for _, d := range r.kiosk.got {
					if !bytes.Equal(d.Text, make([]byte, len(d.Text))) {
						t.Error("the submitted copy was not wiped")
					}
				}
				if tree := fmt.Sprint(texts(r.deck.Object())); strings.Contains(tree, "mật") || strings.Contains(tree, "4821") {
					t.Errorf("a hidden page still holds the words: %s", tree)
				}
			})
		})
	}
}

func TestIdleCountsFromTheLastTouch(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		r.click("home.tell")
		r.pass(40 * time.Second)
		test.TapCanvas(r.window.Canvas(), fyne.NewPos(3, 300)) // the margin: no button, but a sign of life
		r.pass(40 * time.Second)
		r.on(flow.Speaker)
		r.pass(6 * time.Second)
		r.on(flow.Home)
	})
}

func TestIdleThatCrossesATouchIsNone(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		r.click("home.tell")
		time.Sleep(45 * time.Second)
		synctest.Wait() // the event is posted, not yet run
		test.TapCanvas(r.window.Canvas(), r.deck.Targets()["speaker.self"])
		r.settle()
		r.on(flow.What)
	})
}

func TestSecondTapTooSoonIsTheSameTap(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		at := r.deck.Targets()["home.tell"]
		test.TapCanvas(r.window.Canvas(), at)
		for _, p := range r.deck.Targets() { // whatever lies under the finger on the new page
			r.pass(30 * time.Millisecond)
			test.TapCanvas(r.window.Canvas(), p)
		}
		r.on(flow.Speaker)
		r.pass(400 * time.Millisecond)
		r.click("speaker.self")
		r.on(flow.What)
	})
}

func TestKeysMayBeFast(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		r.click("home.tell", "speaker.self", "what.V1", "now.no", "review.write")
		for _, k := range "ddaay" {
			id, _ := keyboard.ID(k)
			test.TapCanvas(r.window.Canvas(), r.deck.Targets()[id])
			r.pass(20 * time.Millisecond)
		}
		if got := r.state.Draft.Text.Reveal(); got != "đây" {
			t.Errorf("typed %q, want đây", got)
		}
	})
}

func TestStatusAndMessagesReachTheScreen(t *testing.T) {
	bubble(t, Options{}, func(r *rig) {
		r.pass(12*time.Second + time.Millisecond)
		if r.state.Message != 1 {
			t.Errorf("message %d after 12 s, want 1", r.state.Message)
		}
		r.kiosk.mu.Lock()
		r.kiosk.status = Status{}
		r.kiosk.mu.Unlock()
		r.pass(3 * time.Second)
		if r.state.Status.CanStore {
			t.Error("the screen does not know that the appliance can't store")
		}
	})
}

// texts are all texts in a tree, the hidden ones included.
func texts(o fyne.CanvasObject) (out []string) {
	switch o := o.(type) {
	case *canvas.Text:
		return []string{o.Text}
	case *fyne.Container:
		for _, c := range o.Objects {
			out = append(out, texts(c)...)
		}
	case fyne.Widget:
		for _, c := range test.WidgetRenderer(o).Objects() {
			out = append(out, texts(c)...)
		}
	}
	return out
}
