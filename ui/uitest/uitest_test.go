package uitest

import (
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDifferTellsPages: the same picture is the same, another page is far, and a picture of another size can't be right.
func TestDifferTellsPages(t *testing.T) {
	for _, size := range []image.Point{Large, Small} {
		pictures := map[string][][3]int{}
		for name, s := range States() {
			pictures[name] = means(Picture(s, size))
		}
		states := States()
		for a, x := range pictures {
			for b, y := range pictures {
				d := differ(x, y)
				if a == b && d != 0 {
					t.Errorf("%s differs from itself by %.3f", a, d)
				}
				if states[a].Screen != states[b].Screen && d < 0.15 {
					t.Errorf("%s and %s differ by %.3f only", a, b, d)
				}
			}
		}
	}
	if d := Differ(Picture(After(), Large), Picture(After(), Small)); d != 1 {
		t.Errorf("two sizes differ by %.3f, want 1", d)
	}
}

func TestTapsAndTypedAgree(t *testing.T) {
	ids, ok := Taps("Em 5!")
	if want := "key.shift key.e key.m key.space key.layer key.5 key.layer key.layer key.bang key.layer"; !ok || strings.Join(ids, " ") != want {
		t.Errorf("got %v, want %s", ids, want)
	}
	if _, ok := Taps("ê"); ok {
		t.Error("a letter that is no key has taps")
	}
	for _, size := range []image.Point{Large, Small} {
		writing := States()["words"]
		keys, signs := Targets(writing, size), Targets(States()["words-signs"], size)
		for _, id := range ids {
			if _, ok := keys[id]; !ok {
				if _, ok = signs[id]; !ok {
					t.Errorf("no target for %s", id)
				}
			}
		}
	}
}

// TestLook writes every page as a PNG into the directory that LANGNGHE_LOOK names, for a person to look at.
func TestLook(t *testing.T) {
	dir := os.Getenv("LANGNGHE_LOOK")
	if dir == "" {
		t.Skip("set LANGNGHE_LOOK to a directory to get the pages as PNG")
	}
	for name, s := range States() {
		for size, p := range map[string]struct{ X, Y int }{"1024": Large, "800": Small} {
			f, err := os.Create(filepath.Join(dir, name+"-"+size+".png"))
			if err != nil {
				t.Fatal(err)
			}
			if err := png.Encode(f, Picture(s, p)); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
