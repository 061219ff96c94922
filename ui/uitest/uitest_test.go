package uitest

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

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
