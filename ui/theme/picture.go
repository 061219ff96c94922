package theme

import (
	"embed"
	"io/fs"
	"strings"

	"fyne.io/fyne/v2"
)

// The pictures are our own, drawn on a grid of 64x64: children ochre, adults blue. Those of the picture cards bear the
// code of their category.
//
//go:embed pictures/*.svg
var files embed.FS

var pictures = func() map[string]fyne.Resource {
	m := map[string]fyne.Resource{}
	names, err := fs.Glob(files, "pictures/*.svg")
	if err != nil {
		panic(err) // only a malformed pattern can fail
	}
	for _, n := range names {
		b, err := files.ReadFile(n)
		if err != nil {
			panic(err) // Glob has just listed it
		}
		name := strings.TrimSuffix(strings.TrimPrefix(n, "pictures/"), ".svg")
		m[name] = fyne.NewStaticResource("langnghe-"+name+".svg", b)
	}
	return m
}()

// Picture is the picture of that name, the same resource each time; nil where there is none.
func Picture(name string) fyne.Resource { return pictures[name] }
