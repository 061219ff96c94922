package screen

import (
	"image/color"
	"iter"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// style is how a text looks.
type style struct {
	size  float32
	color color.Color
	bold  bool
	align fyne.TextAlign
	top   bool // at the top of its area instead of in the middle
	free  bool // free words: lines are filled, where a text of ours gets lines of like length
	tail  bool // of a text too long, the end is shown instead of the beginning
}

// lead is the height of a line in text sizes: room for two stacked marks above a letter and one below.
const lead = 1.3

// label is a text broken into lines inside an area. Its lines are made once and changed in place. It is our own because
// the toolkit's label has scroll and selection machinery, and its entry an undo history, which would remember a child's
// words.
type label struct {
	at    area
	style style
	lines []*canvas.Text
	text  string
	cut   bool // the text was longer than the area
}

func newLabel(at area, st style) *label {
	l := &label{at: at, style: st}
	n := max(1, int((at.h+0.3*st.size)/(lead*st.size)))
	for range n {
		t := canvas.NewText("", st.color)
		t.TextSize = st.size
		t.TextStyle.Bold = st.bold
		t.Alignment = st.align
		t.Hide()
		l.lines = append(l.lines, t)
	}
	return l
}

// set shows s; the empty string leaves nothing of what was there.
func (l *label) set(s string) {
	if s == l.text {
		return
	}
	l.text = s
	var parts []string
	if s != "" {
		parts = wrap(s, l.at.w, l.style.size, l.style.bold)
		if !l.style.free && len(parts) > 1 && len(parts) < 5 {
			parts = balance(s, len(parts), l.at.w, l.style)
		}
	}
	l.cut = len(parts) > len(l.lines)
	if l.cut {
		if l.style.tail {
			parts = parts[len(parts)-len(l.lines):]
		} else {
			parts = parts[:len(l.lines)]
			last := strings.TrimRight(parts[len(parts)-1], " .,;")
			parts[len(parts)-1] = wrap(last, l.at.w-width("…", l.style.size, l.style.bold), l.style.size, l.style.bold)[0] + "…"
		}
	}
	lineHeight := lead * l.style.size
	y := l.at.y
	if !l.style.top {
		y += (l.at.h - float32(len(parts))*lineHeight) / 2
	}
	for i, t := range l.lines {
		if i >= len(parts) {
			if t.Text != "" {
				t.Text = ""
				t.Refresh()
			}
			t.Hide()
			continue
		}
		t.Text = parts[i]
		natural := t.MinSize().Height
		t.Move(fyne.NewPos(l.at.x, y+float32(i)*lineHeight+(lineHeight-natural)/2))
		t.Resize(fyne.NewSize(l.at.w, natural))
		t.Show()
		t.Refresh()
	}
}

// paint changes the colour.
func (l *label) paint(c color.Color) {
	for _, t := range l.lines {
		if t.Color != c {
			t.Color = c
			t.Refresh()
		}
	}
}

func (l *label) objects() []fyne.CanvasObject {
	out := make([]fyne.CanvasObject, len(l.lines))
	for i, t := range l.lines {
		out[i] = t
	}
	return out
}

// glyph is what the width of a rune depends on.
type glyph struct {
	r    rune
	size float32
	bold bool
}

// widths remembers the width of single runes. Whole texts are never measured: the toolkit's own cache would keep them,
// and a child's words with them. Used by the one goroutine that draws.
var widths = map[glyph]float32{}

func width(s string, size float32, bold bool) (w float32) {
	for _, r := range s {
		g := glyph{r, size, bold}
		v, ok := widths[g]
		if !ok {
			v = fyne.MeasureText(string(r), size, fyne.TextStyle{Bold: bold}).Width
			widths[g] = v
		}
		w += v
	}
	return w
}

// balance breaks s into n lines as even as they get, so that no single word is left over at the end. It breaks no word
// and does not start with a line much shorter than the last one.
func balance(s string, n int, max float32, st style) []string {
	best := wrap(s, max, st.size, st.bold)
	least := max / 2
	for word := range unbroken(s) {
		if w := width(word, st.size, st.bold); w > least {
			least = w
		}
	}
	for w := max - 4; w >= least; w -= 4 {
		parts := wrap(s, w, st.size, st.bold)
		if len(parts) > n {
			break
		}
		if width(parts[0], st.size, st.bold) >= 0.58*width(parts[len(parts)-1], st.size, st.bold) {
			best = parts
		}
	}
	return best
}

// unbroken are the parts of s between spaces. A no-break space holds together what is one word to a Vietnamese reader.
func unbroken(s string) iter.Seq[string] {
	return strings.FieldsFuncSeq(s, func(r rune) bool { return r == ' ' })
}

// wrap breaks s at spaces into lines of at most max pixels; a word longer than a line is broken where it must.
func wrap(s string, max, size float32, bold bool) []string {
	var lines []string
	line := ""
	for word := range unbroken(s) {
		with := word
		if line != "" {
			with = line + " " + word
		}
		if width(with, size, bold) <= max {
			line = with
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		line = ""
		for _, r := range word {
			if line != "" && width(line+string(r), size, bold) > max {
				lines = append(lines, line)
				line = ""
			}
			line += string(r)
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}
