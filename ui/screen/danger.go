package screen

import (
	"fyne.io/fyne/v2"

	"github.com/langnghe/langnghe/ui/flow"
	"github.com/langnghe/langnghe/ui/theme"
)

// danger is the page for what is happening now: whom to call, where to go, and sending at once. Calm colours here too:
// an alarm on the screen would be seen across the room.
type danger struct {
	*page
	*frame
	safe *label
}

func newDanger(k kit) *danger {
	v := &danger{page: newPage(k)}
	w := v.words
	v.frame = v.framed("danger.back",
		func(a area) { v.button("danger.send", a, v.mainLook(), "send", w.DangerSend, flow.Send{}) },
		func(a area) { v.button("danger.more", a, v.quietLook(), "write", w.DangerContinue, flow.Continue{}) })
	numbers, rest := v.body.top(v.body.h*0.54, v.Gap)
	for i, at := range numbers.columns(len(w.DangerNumbers), v.Gap) {
		n := w.DangerNumbers[i]
		v.plate(at, theme.Night, nil)
		in := at.inset(8)
		digits, what := in.top(in.h*0.5, 0)
		st := style{size: v.Number, color: theme.OnNight, bold: true, align: fyne.TextAlignCenter}
		v.fixedLabel(digits, st, n.Digits)
		st.size, st.bold = v.Text, false
		v.fixedLabel(what, st, n.For)
	}
	st := v.bodyStyle()
	st.size = v.Title - 2
	v.safe = v.label(rest, st)
	return v
}

func (v *danger) update(s flow.State) {
	v.frame.update(s, v.words.DangerTitle)
	v.safe.set(v.words.DangerSafe.For(s.Draft.Speaker))
}
