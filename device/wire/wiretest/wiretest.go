// Package wiretest runs the wire format's vectors for whoever imports it: the kiosk's seal and the gateway's intake read
// the same files, so that neither can drift.
package wiretest

import (
	"embed"
	"encoding/hex"
	"path"
	"strings"
	"testing"
)

//go:embed testdata/*.txt
var files embed.FS

// Vector is one file of testdata: lines of "key: value"; bytes stand in hex. Lines that start with # are remarks.
type Vector struct {
	Name   string
	Expect string // "ok", or the word that stands for the refusal: "envelope", "forged", "body", "ack"
	fields map[string]string
}

// Text is the value of a key, "" where there is none.
func (v Vector) Text(key string) string { return v.fields[key] }

// Hex is the value of a key as bytes. It fails the test where the key is missing or is not hex.
func (v Vector) Hex(t testing.TB, key string) []byte {
	t.Helper()
	s, ok := v.fields[key]
	b, err := hex.DecodeString(s)
	if !ok || err != nil {
		t.Fatalf("vector %s: key %q is missing or not hex", v.Name, key)
	}
	return b
}

// Each runs f once for each vector of a kind ("envelope" or "ack"), as a subtest with the file's name. It fails where
// there is none, so that a forgotten file is noticed.
func Each(t *testing.T, kind string, f func(t *testing.T, v Vector)) {
	t.Helper()
	entries, err := files.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		b, err := files.ReadFile(path.Join("testdata", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		v := Vector{Name: strings.TrimSuffix(e.Name(), ".txt"), fields: map[string]string{}}
		for _, line := range strings.Split(string(b), "\n") {
			if k, val, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "#") {
				v.fields[k] = strings.TrimSpace(val)
			}
		}
		v.Expect = v.fields["expect"]
		if v.fields["kind"] != kind {
			continue
		}
		n++
		t.Run(v.Name, func(t *testing.T) { f(t, v) })
	}
	if n == 0 {
		t.Fatalf("no vector of kind %q", kind)
	}
}
