package screen

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/langnghe/langnghe/ui/flow"
	"github.com/langnghe/langnghe/ui/keyboard"
	"github.com/langnghe/langnghe/ui/theme"
)

// words is the keyboard and what was written with it. Of a long text its end is shown.
type words struct {
	*page
	text, invite, room *label
	letters, signs     []key
	shift              *button
	caret              *canvas.Rectangle
}

type key struct {
	*button
	plan keyboard.Key
}

func newWords(k kit) *words {
	v := &words{page: newPage(k)}
	gap := v.Gap * 2 / 3 // between keys, so that exit and done keep their full height above them
	board, top := v.all().bottom(4*v.Target+3*gap, v.Gap)
	side, sheet := top.right(v.Exit, v.Gap)
	exit, side := side.top((side.h-v.Gap)/2, v.Gap)
	l := v.quietLook()
	l.face = theme.Play
	v.button("exit", exit, l, "exit", v.words.Exit, flow.Exit{})
	v.button("words.done", side, v.mainLook(), "done", v.words.Done, flow.Done{})

	v.plate(sheet, theme.Card, theme.Edge)
	in := sheet.inset(1.4 * v.Gap)
	room, in := in.bottom(24*lead, 0)
	v.room = v.label(room, style{size: 24, color: theme.Soft, align: fyne.TextAlignTrailing})
	v.invite = v.label(in, style{size: v.Text, color: theme.Soft, top: true})
	v.text = v.label(in, style{size: v.Text, color: theme.Ink, top: true, free: true, tail: true})
	v.caret = canvas.NewRectangle(theme.Deep)
	v.caret.Resize(fyne.NewSize(3, v.Text*1.1))
	v.box.Add(v.caret)

	names := keyboard.Names{Space: v.words.Space, Digits: v.words.Digits, Letters: v.words.Letter}
	v.letters = v.keys(board, keyboard.Letters(board.w, board.h, gap, names))
	v.signs = v.keys(board, keyboard.Signs(board.w, board.h, gap, names))
	return v
}

func (v *words) keys(board area, plan []keyboard.Key) (out []key) {
	for _, k := range plan {
		l := v.cardLook()
		l.size, l.picture, l.round = v.Key, 0.55*v.Target, v.Round*0.7
		switch {
		case len([]rune(k.Cap)) > 1:
			l.size, l.face = v.Text, theme.Quiet
		case k.Picture != "":
			l.face = theme.Quiet
		}
		b := v.button(k.ID, area{board.x + k.X, board.y + k.Y, k.W, k.H}, l, k.Picture, k.Cap, k.Event)
		if k.Hint != "" {
			b.corner(k.Hint, 24, theme.Hint)
		}
		if k.ID == "key.shift" {
			v.shift = b
		}
		out = append(out, key{b, k})
	}
	return out
}

func (v *words) update(s flow.State) {
	v.text.set(s.Draft.Text.Reveal())
	v.invite.set("")
	if len(s.Draft.Text) == 0 {
		v.invite.set(v.words.WordsInvite.For(s.Draft.Speaker))
	}
	v.placeCaret(s)
	v.room.set(v.words.Room(s.Room()))
	for _, k := range v.letters {
		show(k.button, s.Layer != flow.Symbols)
		if !k.plan.Letter {
			continue
		}
		if s.Layer == flow.Upper {
			k.label.set(strings.ToUpper(k.plan.Cap))
		} else {
			k.label.set(k.plan.Cap)
		}
	}
	for _, k := range v.signs {
		show(k.button, s.Layer == flow.Symbols)
	}
	if s.Layer == flow.Upper {
		v.shift.setPicture("shifton")
	} else {
		v.shift.setPicture("shift")
	}
}

// placeCaret puts the cursor behind the last character; a space at the end counts, though no line shows it.
func (v *words) placeCaret(s flow.State) {
	x, y := v.text.at.x-5, v.text.at.y
	for _, t := range v.text.lines {
		if t.Text != "" {
			x = v.text.at.x + width(t.Text, v.Text, false) + 1
			y = t.Position().Y
		}
	}
	if n := len(s.Draft.Text); n > 0 && s.Draft.Text[n-1] == ' ' {
		x += width(" ", v.Text, false)
	}
	v.caret.Move(fyne.NewPos(min(x, v.text.at.x+v.text.at.w), y+v.Text*0.12))
}
