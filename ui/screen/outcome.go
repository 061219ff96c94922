package screen

import (
	"fyne.io/fyne/v2"

	"github.com/langnghe/langnghe/ui/flow"
	"github.com/langnghe/langnghe/ui/theme"
)

// sending is up while the report is being stored. The exit works here too.
type sending struct {
	*page
	title, wait, head *label
}

func newSending(k kit) *sending {
	v := &sending{page: newPage(k)}
	var rest area
	v.head, rest = v.page.head()
	pic, rest := rest.top(rest.h*0.5, v.Gap)
	v.image("lock", pic.square(2*v.Picture))
	title, rest := rest.top(v.Title*1.4*lead, 0)
	v.title = v.label(title, style{size: v.Title * 1.3, color: theme.Deep, bold: true, align: fyne.TextAlignCenter})
	wait, _ := rest.top(v.Text*lead*1.5, 0)
	v.wait = v.label(wait, v.bodyStyle())
	return v
}

func (v *sending) update(s flow.State) {
	v.title.set(v.words.SendingTitle.For(s.Draft.Speaker))
	v.wait.set(v.words.SendingWait.For(s.Draft.Speaker))
}

// receipt shows the code, that it need not be kept, and what happens next.
type receipt struct {
	*page
	*frame
	code, digits, keep *label
	steps              [3]*label
}

func newReceipt(k kit) *receipt {
	v := &receipt{page: newPage(k)}
	v.frame = v.framed("", func(a area) {
		v.button("receipt.done", a, v.mainLook(), "done", v.words.Done, flow.Done{})
	})
	top, steps := v.body.top(v.body.h*0.46, v.Gap)
	box, keep := top.left(top.w*0.56, 2*v.Gap)
	v.plate(box, theme.Card, theme.Edge)
	in := box.inset(v.Gap)
	code, in := in.top(v.Text*lead, 0)
	v.code = v.label(code, style{size: v.Text, color: theme.Soft, align: fyne.TextAlignCenter})
	v.digits = v.label(in, style{size: v.page.Receipt, color: theme.Deep, bold: true, align: fyne.TextAlignCenter})
	v.keep = v.label(keep, style{size: v.Text, color: theme.Ink})
	for i, at := range steps.columns(3, v.Gap) {
		pic, words := at.left(v.Picture, v.Gap)
		v.image([]string{"lock", "reader", "help"}[i], pic.square(v.Picture))
		v.steps[i] = v.label(words, style{size: v.Text, color: theme.Ink})
	}
	return v
}

func (v *receipt) update(s flow.State) {
	w, who := v.words, s.Draft.Speaker
	v.frame.update(s, w.ReceiptTitle)
	if !s.Status.Online {
		v.note.set(w.ReceiptOffline.For(who))
	}
	v.code.set(w.ReceiptCode.For(who))
	v.digits.set("")
	if s.Screen == flow.Receipt {
		v.digits.set(s.Receipt.Grouped())
	}
	v.keep.set(w.ReceiptKeep.For(who))
	for i, l := range v.steps {
		l.set(w.ReceiptSteps[i].For(who))
	}
}

// notStored says honestly that the appliance failed, and who can help all the same.
type notStored struct {
	*page
	*frame
	fault, call *label
}

func newNotStored(k kit) *notStored {
	v := &notStored{page: newPage(k)}
	v.frame = v.framed("notstored.back", func(a area) {
		v.button("notstored.retry", a, v.mainLook(), "retry", v.words.Retry, flow.Send{})
	})
	call, left := v.body.right(v.Panel.Width*0.36, 2*v.Gap)
	v.hotline(call)
	pic, left := left.top(left.h*0.36, v.Gap)
	v.image("fault", pic.square(1.4*v.Picture))
	rows := left.rows(2, 0)
	st := style{size: v.Title, color: theme.Ink, bold: true, align: fyne.TextAlignCenter}
	v.fault = v.label(rows[0], st)
	st.bold = false
	v.call = v.label(rows[1], st)
	return v
}

func (v *notStored) update(s flow.State) {
	w, who := v.words, s.Draft.Speaker
	title := w.NotStoredTitle
	if s.Unsure {
		title = w.NotStoredUnsure
	}
	v.frame.update(s, title)
	v.note.set("")
	v.fault.set(w.NotStoredFault.For(who))
	v.call.set(w.NotStoredCall.For(who))
}
