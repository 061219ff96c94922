package screen

import "fyne.io/fyne/v2"

// area is a rectangle of a page in pixels; the pages are cut out of it, because the panel's size is known and nothing may
// scroll.
type area struct{ x, y, w, h float32 }

// top cuts h off the top; rest is what is below the gap.
func (a area) top(h, gap float32) (cut, rest area) {
	return area{a.x, a.y, a.w, h}, area{a.x, a.y + h + gap, a.w, a.h - h - gap}
}

// bottom cuts h off the bottom.
func (a area) bottom(h, gap float32) (cut, rest area) {
	return area{a.x, a.y + a.h - h, a.w, h}, area{a.x, a.y, a.w, a.h - h - gap}
}

// left cuts w off the left.
func (a area) left(w, gap float32) (cut, rest area) {
	return area{a.x, a.y, w, a.h}, area{a.x + w + gap, a.y, a.w - w - gap, a.h}
}

// right cuts w off the right.
func (a area) right(w, gap float32) (cut, rest area) {
	return area{a.x + a.w - w, a.y, w, a.h}, area{a.x, a.y, a.w - w - gap, a.h}
}

// inset takes d off each side.
func (a area) inset(d float32) area { return area{a.x + d, a.y + d, a.w - 2*d, a.h - 2*d} }

// columns splits a into n equal columns.
func (a area) columns(n int, gap float32) []area {
	w := (a.w - float32(n-1)*gap) / float32(n)
	out := make([]area, n)
	for i := range out {
		out[i] = area{a.x + float32(i)*(w+gap), a.y, w, a.h}
	}
	return out
}

// rows splits a into n equal rows.
func (a area) rows(n int, gap float32) []area {
	h := (a.h - float32(n-1)*gap) / float32(n)
	out := make([]area, n)
	for i := range out {
		out[i] = area{a.x, a.y + float32(i)*(h+gap), a.w, h}
	}
	return out
}

// square is the largest square of at most d in the middle of a.
func (a area) square(d float32) area {
	d = min(d, a.w, a.h)
	return area{a.x + (a.w-d)/2, a.y + (a.h-d)/2, d, d}
}

func (a area) pos() fyne.Position { return fyne.NewPos(a.x, a.y) }
func (a area) size() fyne.Size    { return fyne.NewSize(a.w, a.h) }
