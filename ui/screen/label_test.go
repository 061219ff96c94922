package screen

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"
)

func TestLinesBreakBetweenWordsOnly(t *testing.T) {
	test.NewTempApp(t)
	for _, s := range []string{
		"Cán\u00a0bộ\u00a0bảo\u00a0vệ trẻ\u00a0em\u00a0đọc. Thầy\u00a0cô không\u00a0đọc.", "Không được đi học", "Muốn biến mất, làm đau mình", "Ừ",
	} {
		for max := float32(180); max < 700; max += 7 {
			parts := wrap(s, max, 26, false)
			for _, p := range [][]string{parts, balance(s, len(parts), max, style{size: 26})} {
				if strings.Join(p, " ") != s {
					t.Errorf("%q at %v is broken inside a word: %q", s, max, p)
				}
				for _, line := range p {
					if width(line, 26, false) > max {
						t.Errorf("%q is wider than %v", line, max)
					}
				}
			}
		}
	}
}

func TestAWordLongerThanALineIsBroken(t *testing.T) {
	test.NewTempApp(t)
	s := strings.Repeat("ạ", 300)
	parts := wrap(s, 200, 24, false)
	if strings.Join(parts, "") != s || len(parts) < 2 {
		t.Errorf("%d lines, or letters lost", len(parts))
	}
}

func TestALongTextIsCutAtTheRightEnd(t *testing.T) {
	test.NewTempApp(t)
	text := "đầu " + strings.Repeat("giữa ", 200) + "cuối"
	head := newLabel(area{w: 300, h: 100}, style{size: 24, free: true})
	head.set(text)
	tail := newLabel(area{w: 300, h: 100}, style{size: 24, free: true, tail: true})
	tail.set(text)
	if last := head.lines[len(head.lines)-1].Text; !strings.HasPrefix(head.lines[0].Text, "đầu") || !strings.HasSuffix(last, "…") || !head.cut {
		t.Errorf("head: %q to %q", head.lines[0].Text, last)
	}
	if last := tail.lines[len(tail.lines)-1].Text; !strings.HasSuffix(last, "cuối") {
		t.Errorf("tail ends with %q", last)
	}
	head.set("")
	for _, l := range head.lines {
		if l.Text != "" || l.Visible() {
			t.Error("an emptied label still holds a text")
		}
	}
}
