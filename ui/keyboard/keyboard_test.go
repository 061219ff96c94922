package keyboard

import "testing"

var names = Names{"dấu cách", "123", "abc"}

// TestKeysAreBigAndApart protects a child's finger: on both panels every key is a target of its own, inside the keyboard.
func TestKeysAreBigAndApart(t *testing.T) {
	for _, c := range []struct{ w, h, gap, minW, minH float32 }{{1000, 376, 8, 88, 88}, {784, 304, 16.0 / 3, 72, 72}} {
		for name, keys := range map[string][]Key{"letters": Letters(c.w, c.h, c.gap, names), "signs": Signs(c.w, c.h, c.gap, names)} {
			seen := map[string]bool{}
			for i, k := range keys {
				if k.W < c.minW || k.H < c.minH-0.01 {
					t.Errorf("%s %s: %vx%v is too small", name, k.ID, k.W, k.H)
				}
				if k.X < 0 || k.Y < 0 || k.X+k.W > c.w+0.5 || k.Y+k.H > c.h+0.5 {
					t.Errorf("%s %s lies outside", name, k.ID)
				}
				if seen[k.ID] || k.Event == nil || k.Cap == "" && k.Picture == "" {
					t.Errorf("%s %s: twice, or without meaning or cap", name, k.ID)
				}
				seen[k.ID] = true
				for _, o := range keys[:i] {
					if k.X < o.X+o.W+c.gap-0.5 && o.X < k.X+k.W+c.gap-0.5 && k.Y < o.Y+o.H && o.Y < k.Y+k.H {
						t.Errorf("%s: %s and %s are too near", name, k.ID, o.ID)
					}
				}
			}
		}
	}
}

func TestEveryLetterHasItsKey(t *testing.T) {
	have := map[string]bool{}
	for _, k := range append(Letters(1000, 388, 12, names), Signs(1000, 388, 12, names)...) {
		have[k.ID] = true
	}
	for _, r := range "abcdefghijklmnopqrstuvwxyzA0123456789 ,.?!-/:;()\"'@+=%&#*" {
		id, ok := ID(r)
		if !ok || !have[id] {
			t.Errorf("no key types %q", r)
		}
	}
	if _, ok := ID('€'); ok {
		t.Error("a key for what no key types")
	}
}
