// Package report is what can be said: a draft with its category, facets, place and words, the rules that give it an
// urgency, the coarse time, and the receipt that a reporter keeps. It does no I/O.
package report

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of a draft.
const (
	MaxTextRunes  = 2000 // runes of free text, after NFC
	MaxCategories = 8
	maxPlaceRunes = 120
)

// Words is free text that a reporter wrote. It is bytes and not a string so that Wipe can clear it, and it hides itself
// from every formatter and log: a report's words must reach no log, error or metric (invariants 2 and 8).
type Words []byte

const redacted = "[words]"

// String returns a fixed placeholder; Reveal gives the words.
func (w Words) String() string { return redacted }

// GoString returns a fixed placeholder.
func (w Words) GoString() string { return redacted }

// Format writes a fixed placeholder for every verb, %x and %s included.
func (w Words) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue hides the words from slog.
func (w Words) LogValue() slog.Value { return slog.StringValue(redacted) }

// Reveal returns the words as a string, for the one who may read them. The copy can't be wiped: keep it short-lived.
func (w Words) Reveal() string { return string(w) }

// Wipe overwrites the words with zeros.
func (w Words) Wipe() { clear(w) }

// Clone returns a copy of its own memory.
func (w Words) Clone() Words { return slices.Clone(w) }

// NFC returns the words in Unicode normalisation form C, so that the same letters are the same bytes from any keyboard
// or phone. The original is wiped where a new slice was made.
func (w Words) NFC() Words {
	if norm.NFC.IsNormal(w) {
		return w
	}
	n := Words(norm.NFC.Bytes(w))
	w.Wipe()
	return n
}

// Place is where the harm happens, as far as known. Commune is the official code of the commune-level unit (five digits;
// 0 = not known), which the kiosk fills in with its own when nothing else was said.
type Place struct {
	Commune uint32
	Name    Words // what the reporter called it; at most 120 runes
}

// Draft is a report that is not yet submitted.
type Draft struct {
	Door         Door
	Speaker      Speaker
	Categories   []Category // the first is the primary one; empty is allowed
	When         When
	Age          AgeGroup
	Sex          Sex
	Alleged      Alleged
	Environment  Environment
	Injured      bool
	CannotGoHome bool
	Place        Place
	Text         Words // any Unicode, NFC, at most 2,000 runes
	Contact      Words // safe-contact plan: what would help, when and where to come near safely; at most 2,000 runes
	Sender       Words // SMS door only: the villager's MSISDN, sealed with the rest
}

// A FieldError says which field of a draft is wrong and why; it never holds the field's content.
type FieldError struct {
	Field  string
	Reason string
}

func (e *FieldError) Error() string { return "report: " + e.Field + ": " + e.Reason }

// ErrEmpty is the error of a draft that says nothing at all.
var ErrEmpty = errors.New("report: nothing was said: choose a category or write a word")

// Check tells whether d may be submitted. Its errors are *FieldError or ErrEmpty.
func (d Draft) Check() error {
	if len(d.Categories) == 0 && len(d.Text) == 0 && d.When == WhenUnknown {
		return ErrEmpty
	}
	if len(d.Categories) > MaxCategories {
		return &FieldError{"categories", fmt.Sprintf("at most %d, got %d", MaxCategories, len(d.Categories))}
	}
	for i, c := range d.Categories {
		if !c.wellFormed() {
			return &FieldError{"categories", fmt.Sprintf("number %d is not a code like V1", i+1)}
		}
		if slices.Contains(d.Categories[:i], c) {
			return &FieldError{"categories", fmt.Sprintf("number %d is there twice", i+1)}
		}
	}
	if d.Place.Commune > 99999 {
		return &FieldError{"place", "a commune code has at most five digits"}
	}
	for _, f := range []struct {
		name string
		w    Words
		max  int
	}{{"text", d.Text, MaxTextRunes}, {"contact", d.Contact, MaxTextRunes}, {"place name", d.Place.Name, maxPlaceRunes}, {"sender", d.Sender, 40}} {
		if err := checkWords(f.name, f.w, f.max); err != nil {
			return err
		}
	}
	return nil
}

func checkWords(field string, w Words, max int) error {
	if !utf8.Valid(w) {
		return &FieldError{field, "not valid UTF-8"}
	}
	if !norm.NFC.IsNormal(w) {
		return &FieldError{field, "not in Unicode form NFC: call Normalise first"}
	}
	if n := utf8.RuneCount(w); n > max {
		return &FieldError{field, fmt.Sprintf("%d characters, at most %d", n, max)}
	}
	return nil
}

// Normalise brings every text of d to NFC. Call it where words enter the program.
func (d *Draft) Normalise() {
	for _, w := range []*Words{&d.Text, &d.Contact, &d.Place.Name, &d.Sender} {
		*w = w.NFC()
	}
}

// Wipe overwrites every text of d and forgets every answer (invariant 10).
func (d *Draft) Wipe() {
	for _, w := range []Words{d.Text, d.Contact, d.Place.Name, d.Sender} {
		w.Wipe()
	}
	clear(d.Categories)
	*d = Draft{}
}

// Receipt is the eight-digit code that the reporter keeps. It hides itself from logs.
type Receipt [8]byte // ASCII digits

// NewReceipt makes a receipt out of at least 8 exported secret bytes. The remainder's bias is below 2^-37.
func NewReceipt(secret []byte) Receipt {
	var n uint64
	for _, b := range secret[:8] {
		n = n<<8 | uint64(b)
	}
	var r Receipt
	copy(r[:], fmt.Sprintf("%08d", n%100_000_000))
	return r
}

// ParseReceipt reads a receipt as a person types it: eight digits, spaces and dots ignored.
func ParseReceipt(s string) (Receipt, error) {
	var r Receipt
	n := 0
	for _, c := range s {
		switch {
		case strings.ContainsRune(" .-", c):
		case c >= '0' && c <= '9' && n < len(r):
			r[n] = byte(c)
			n++
		default:
			return Receipt{}, errors.New("a receipt is eight digits, like 4821 7306")
		}
	}
	if n != len(r) {
		return Receipt{}, errors.New("a receipt is eight digits, like 4821 7306")
	}
	return r, nil
}

// Digits returns the eight digits.
func (r Receipt) Digits() string { return string(r[:]) }

// Grouped returns the digits as they are shown: "4821 7306".
func (r Receipt) Grouped() string { return string(r[:4]) + " " + string(r[4:]) }

// String returns a fixed placeholder (invariant 8).
func (r Receipt) String() string { return "[receipt]" }

// Format writes a fixed placeholder for every verb.
func (r Receipt) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[receipt]") }

// LogValue hides the receipt from slog.
func (r Receipt) LogValue() slog.Value { return slog.StringValue("[receipt]") }

// Bucket is coarse time: a half-day of Viet Nam's clock (UTC+7). A finer time would tell the staff of the room who was at
// the screen (threat T4).
type Bucket struct {
	HalfDay uint16 // half-days since 2024-01-01T00:00+07:00; 0xFFFF = not known
	Trusted bool   // the device's clock was known to be right
}

var (
	vietnam     = time.FixedZone("ICT", 7*3600)
	bucketEpoch = time.Date(2024, 1, 1, 0, 0, 0, 0, vietnam)
)

// NoBucket is the time of a device that has no clock at all.
var NoBucket = Bucket{HalfDay: 0xFFFF}

// NewBucket coarsens t. Times before 2024 or beyond the range give NoBucket: they come from a clock that was never set.
func NewBucket(t time.Time, trusted bool) Bucket {
	n := t.Sub(bucketEpoch) / (12 * time.Hour)
	if t.Before(bucketEpoch) || n >= 0xFFFF {
		return NoBucket
	}
	return Bucket{HalfDay: uint16(n), Trusted: trusted}
}

// Start is the beginning of the half-day; ok is false where the time is not known.
func (b Bucket) Start() (t time.Time, ok bool) {
	if b.HalfDay == 0xFFFF {
		return time.Time{}, false
	}
	return bucketEpoch.Add(time.Duration(b.HalfDay) * 12 * time.Hour), true
}

// String is the officers' form: "sáng 21/11/2026" or "chiều 21/11/2026".
func (b Bucket) String() string {
	t, ok := b.Start()
	if !ok {
		return "không rõ thời gian"
	}
	half := "sáng"
	if t.Hour() >= 12 {
		half = "chiều tối"
	}
	s := half + " " + t.Format("02/01/2006")
	if !b.Trusted {
		s += " (đồng hồ máy chưa chắc đúng)"
	}
	return s
}
