// Package tomlfile reads the programs' configurations, and says what is wrong with one in a sentence for the person who
// wrote it: which file, which line, which key, what is wanted.
package tomlfile

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Decode reads text, which is that of the file called name, into the struct that v points to. A key that v has no field
// for is an error, so that a misspelt one does not go unnoticed; so is one whose letters differ in case only. Fields are
// structs (tables), strings, integers, booleans, lists of strings and encoding.TextUnmarshaler.
func Decode(name string, text []byte, v any) error {
	var found map[string]any
	md, err := toml.Decode(string(text), &found)
	var syntax toml.ParseError
	switch {
	case errors.As(err, &syntax):
		// The parser's line is one too far where the fault is a line's end, and its key is the one before the fault.
		start := max(0, min(syntax.Position.Start, len(text))) // of a faulty first byte it is -1
		what := strings.TrimSuffix(syntax.Message, ".")
		return fmt.Errorf("%s line %d: %s: correct it and start again", name, bytes.Count(text[:start], []byte("\n"))+1, lower(what))
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, key := range md.Keys() { // in the order of the file
		if err := check(reflect.TypeOf(v).Elem(), found, key); err != nil {
			return At(name, text, err)
		}
	}
	if _, err := toml.Decode(string(text), v); err != nil {
		return fmt.Errorf("%s: %w", name, err) // check has seen to it that there is none
	}
	return nil
}

// keyError is an error about the value of one key.
type keyError struct {
	key  toml.Key
	want string // "": there is no such key
}

func (e *keyError) Error() string {
	if e.want == "" {
		return fmt.Sprintf("unknown key %q: correct its spelling or remove it", e.key.String())
	}
	return fmt.Sprintf("key %q: %s", e.key.String(), e.want)
}

// Resolve makes the paths that are given absolute, counted from dir: a configuration may be moved with its files. Empty
// ones stay empty.
func Resolve(dir string, paths ...*string) {
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// Bad is the error of a key, such as "mqtt.listen", with what is wanted instead.
func Bad(key, want string) error { return &keyError{strings.Split(key, "."), want} }

// At says in which file, and in which line where its key stands there, an error is that Bad has made.
func At(name string, text []byte, err error) error {
	var bad *keyError
	if errors.As(err, &bad) {
		if n := lineOf(string(text), bad.key); n > 0 {
			return fmt.Errorf("%s line %d: %w", name, n, err)
		}
	}
	return fmt.Errorf("%s: %w", name, err)
}

// lineOf finds the line of a key, 0 where it does not stand there. The parser does not tell it, but knows every way to
// write a key: it is the line after the longest beginning of the file that it can read and that has no such key.
func lineOf(text string, key toml.Key) int {
	without, end := 0, 0
	for i, line := range strings.SplitAfter(text, "\n") {
		end += len(line)
		md, err := toml.Decode(text[:end], new(map[string]any))
		if err != nil {
			continue // within a value of several lines
		}
		if md.IsDefined(key...) {
			return without + 1
		}
		without = i + 1
	}
	return 0
}

func lower(s string) string {
	if strings.HasPrefix(s, "Key ") || strings.HasPrefix(s, "Invalid ") {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

var unmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

// check compares the value of key with the field of t, a struct, that it is for.
func check(t reflect.Type, found map[string]any, key toml.Key) error {
	for i, k := range key {
		f, ok := field(t, k)
		if !ok {
			return &keyError{key, ""}
		}
		here, value := key[:i+1], found[k]
		if f.Kind() != reflect.Struct || reflect.PointerTo(f).Implements(unmarshaler) {
			if !fits(f, value) {
				return &keyError{here, want(f)}
			}
			return nil
		}
		if found, ok = value.(map[string]any); !ok {
			return &keyError{here, "want a table, begun by a line [" + here.String() + "]"}
		}
		t = f
	}
	return nil
}

func field(t reflect.Type, name string) (reflect.Type, bool) {
	for i := range t.NumField() {
		if tag, _, _ := strings.Cut(t.Field(i).Tag.Get("toml"), ","); tag == name && tag != "-" {
			return t.Field(i).Type, true
		}
	}
	return nil, false
}

func fits(t reflect.Type, value any) bool {
	if reflect.PointerTo(t).Implements(unmarshaler) {
		s, ok := value.(string)
		return ok && unmarshal(t, s) == nil
	}
	switch t.Kind() {
	case reflect.String:
		_, ok := value.(string)
		return ok
	case reflect.Bool:
		_, ok := value.(bool)
		return ok
	case reflect.Slice:
		list, ok := value.([]any)
		return ok && !slices.ContainsFunc(list, func(v any) bool { return !fits(t.Elem(), v) })
	}
	n, ok := value.(int64)
	switch {
	case !ok:
		return false
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64:
		return n >= 0 && !t.OverflowUint(uint64(n))
	}
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64 && !t.OverflowInt(n)
}

// want says what the value of a field looks like.
func want(t reflect.Type) string {
	if reflect.PointerTo(t).Implements(unmarshaler) {
		if err := unmarshal(t, "?"); err != nil {
			return err.Error()
		}
	}
	switch k := t.Kind(); {
	case k == reflect.String:
		return "want text in quotes"
	case k == reflect.Bool:
		return "want true or false, without quotes"
	case k == reflect.Slice:
		return `want a list in brackets, such as ["a", "b"]`
	case k >= reflect.Uint && k <= reflect.Uint64:
		return "want a number without quotes, 0 or more"
	}
	return "want a number without quotes"
}

func unmarshal(t reflect.Type, s string) error {
	u, ok := reflect.New(t).Interface().(encoding.TextUnmarshaler)
	if !ok {
		return errors.New("want another value")
	}
	return u.UnmarshalText([]byte(s))
}
