package triage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway/routing"
	"golang.org/x/text/unicode/norm"
)

// MaxNoteRunes is the longest note of an officer.
const MaxNoteRunes = 4000

// Errors of an officer's change. Each is a rule that the officer can do something about.
var (
	ErrTransition   = errors.New("triage: this status cannot follow the present one")
	ErrReason       = errors.New("triage: a reason is needed")
	ErrUnread       = errors.New("triage: nobody has read the words yet")
	ErrSecondReader = errors.New("triage: U0 and U1 are not lowered by one person alone")
	ErrNote         = errors.New("triage: the note is too long or not text")
	ErrNothing      = errors.New("triage: nothing was changed")
)

// Queue returns the open cases that v may see, in Order.
func (d *Desk) Queue(ctx context.Context, v routing.Viewer) ([]Case, error) {
	cases, err := d.visible(ctx, v, false, 0)
	Order(cases, d.Now())
	return cases, err
}

// Ended returns the newest closed cases that v may see, at most limit.
func (d *Desk) Ended(ctx context.Context, v routing.Viewer, limit int) ([]Case, error) {
	return d.visible(ctx, v, true, limit)
}

func (d *Desk) visible(ctx context.Context, v routing.Viewer, closed bool, limit int) ([]Case, error) {
	if !v.MaySeeCases() {
		return nil, nil
	}
	all, err := d.store.Cases(ctx, closed, limit)
	if err != nil {
		return nil, fmt.Errorf("list cases: %w", err)
	}
	seen := all[:0]
	for _, c := range all {
		if c.Facts.Audience().Allows(v) {
			seen = append(seen, c)
		}
	}
	return seen, nil
}

// File is a case opened for one officer. The caller wipes it when the page is written.
type File struct {
	Case     Case
	Reports  []Report
	Contents []Content // as Reports; empty where Unopened is not nil
	Unopened error     // why the words could not be opened; the rest of the file holds
	History  []Line
}

// Line is an event with its note opened.
type Line struct {
	Event
	Text   string
	Sealed bool // there is a note and it could not be opened
}

// Wipe overwrites the words of f.
func (f *File) Wipe() { wipe(f.Contents) }

func wipe(cs []Content) {
	for i := range cs {
		cs[i].Draft.Wipe()
	}
}

// Read opens a case for v. That v reads is on disk before a word is returned; where it cannot be written there are no
// words. A case that v may not see is ErrNoCase, exactly as one that does not exist, and that v asked is written too.
func (d *Desk) Read(ctx context.Context, v routing.Viewer, number string) (*File, error) {
	for range tries {
		c, reports, err := d.find(ctx, v, number)
		if err != nil {
			return nil, err
		}
		f := &File{Case: c, Reports: reports}
		f.Contents, f.Unopened = d.opener.Open(ctx, reports)
		if f.Unopened == nil && len(f.Contents) != len(reports) {
			f.Unopened = errors.New("triage: not every report was opened")
		}
		e := Event{At: d.Now(), Officer: v.ID, Action: ActionRead, Case: c.Number}
		if f.Unopened != nil {
			// Nobody has seen the words: the case stays unread, and loud.
			wipe(f.Contents)
			f.Contents = nil
			e.Action = ActionUnopened
		}
		if f.Unopened == nil && c.Unread() {
			f.Case.ReadAt, f.Case.ReadBy = e.At, v.ID
			if c.Status != New && c.Status != Reopened {
				f.Case.Breach = f.Case.breach() // later words had put the first look's clock on it
			}
			err = d.store.Apply(ctx, f.Case, nil, e)
			f.Case.Version++
		} else {
			err = d.store.Record(ctx, e)
		}
		if err == nil {
			f.History, err = d.history(ctx, number)
		}
		if err == nil {
			return f, nil
		}
		f.Wipe()
		if !errors.Is(err, ErrConflict) {
			return nil, fmt.Errorf("read a case: %w", err)
		}
	}
	return nil, fmt.Errorf("read a case: %w", ErrConflict)
}

// Sender returns the number of the villager who sent one report of a case, after the audit of it is on disk.
func (d *Desk) Sender(ctx context.Context, v routing.Viewer, number, envelope string) (report.Words, error) {
	_, reports, err := d.find(ctx, v, number)
	if err != nil {
		return nil, err
	}
	for _, r := range reports {
		if r.Envelope != envelope {
			continue
		}
		e := Event{At: d.Now(), Officer: v.ID, Action: ActionSender, Case: number, Subject: envelope}
		if err := d.store.Record(ctx, e); err != nil {
			return nil, fmt.Errorf("show a sender: %w", err)
		}
		w, err := d.opener.Sender(ctx, envelope)
		if err != nil {
			return nil, fmt.Errorf("show a sender: %w", err)
		}
		return w, nil
	}
	return nil, ErrNoCase
}

// SetStatus changes the status of a case. version is the one that the officer saw, or 0 for any: where another officer
// changed the case since, ErrConflict.
func (d *Desk) SetStatus(ctx context.Context, v routing.Viewer, number string, version int64, to Status, note string) error {
	return d.change(ctx, v, number, version, note, func(c *Case, e *Event) error {
		if !c.Status.mayBecome(to) {
			return ErrTransition
		}
		if c.Unread() {
			return ErrUnread
		}
		if to.NeedsReason() && note == "" {
			return ErrReason
		}
		e.Action, e.From, e.To = ActionStatus, string(c.Status), string(to)
		c.Status, c.Holder = to, v.ID
		if to == Reopened {
			c.Since = e.At
		}
		c.Breach = c.breach()
		return nil
	})
}

// SetUrgency changes the urgency of a case. Raising is free. Lowering needs a reason, and U0 and U1 are not lowered here:
// that takes a second reader, which a single officer's click is not.
func (d *Desk) SetUrgency(ctx context.Context, v routing.Viewer, number string, version int64, to report.Urgency, note string) error {
	return d.change(ctx, v, number, version, note, func(c *Case, e *Event) error {
		switch {
		case !to.Valid() || to == c.Urgency || c.Status.Closed():
			return ErrNothing
		case to > c.Urgency && c.Urgency <= report.U1:
			return ErrSecondReader
		case to > c.Urgency && c.Unread():
			return ErrUnread
		case to > c.Urgency && note == "":
			return ErrReason
		}
		e.Action, e.From, e.To = ActionUrgency, c.Urgency.String(), to.String()
		raised, old := to < c.Urgency, c.Breach
		c.Urgency = to
		if !raised {
			c.Breach = c.breach()
			return nil
		}
		// What made it urgent is known since now, and no clock that ran is lengthened by it.
		from := c.Since
		c.Since = e.At
		c.Breach = earlier(old, c.breach())
		c.Since = from
		return nil
	})
}

// Note adds a note to a case and changes nothing else.
func (d *Desk) Note(ctx context.Context, v routing.Viewer, number string, version int64, note string) error {
	return d.change(ctx, v, number, version, note, func(_ *Case, e *Event) error {
		if note == "" {
			return ErrNothing
		}
		e.Action = ActionNote
		return nil
	})
}

func (d *Desk) change(ctx context.Context, v routing.Viewer, number string, version int64, note string, rule func(*Case, *Event) error) error {
	if !utf8.ValidString(note) || utf8.RuneCountInString(note) > MaxNoteRunes {
		return ErrNote
	}
	c, _, err := d.find(ctx, v, number)
	if err != nil {
		return err
	}
	if version != 0 && version != c.Version {
		return ErrConflict
	}
	e := Event{At: d.Now(), Officer: v.ID, Case: c.Number}
	if err := rule(&c, &e); err != nil {
		return err
	}
	if note != "" {
		if e.Note, err = d.vault.Seal([]byte(note)); err != nil {
			return fmt.Errorf("seal a note: %w", err)
		}
	}
	if err := d.store.Apply(ctx, c, nil, e); err != nil {
		return fmt.Errorf("change a case: %w", err)
	}
	return nil
}

// CleanNote brings a note to the form in which it is kept: NFC, one kind of line break, no blank ends.
func CleanNote(s string) string {
	return strings.TrimSpace(norm.NFC.String(strings.ReplaceAll(s, "\r\n", "\n")))
}

// find is the one door to a case for a person. Whoever is excluded meets ErrNoCase, and that he knocked is written down
// in the same way as for a case that does not exist.
func (d *Desk) find(ctx context.Context, v routing.Viewer, number string) (Case, []Report, error) {
	c, reports, err := d.store.Case(ctx, number)
	if err != nil && !errors.Is(err, ErrNoCase) {
		return Case{}, nil, fmt.Errorf("find a case: %w", err)
	}
	if err == nil && v.MaySeeCases() && c.Facts.Audience().Allows(v) {
		return c, reports, nil
	}
	if ValidNumber(number) {
		e := Event{At: d.Now(), Officer: v.ID, Action: ActionDenied, Case: number}
		if err := d.store.Record(ctx, e); err != nil {
			return Case{}, nil, fmt.Errorf("find a case: %w", err)
		}
	}
	return Case{}, nil, ErrNoCase
}

func (d *Desk) history(ctx context.Context, number string) ([]Line, error) {
	events, err := d.store.History(ctx, number)
	if err != nil {
		return nil, fmt.Errorf("read a case's history: %w", err)
	}
	lines := make([]Line, 0, len(events))
	for _, e := range events {
		l := Line{Event: e}
		if e.Note != nil {
			note, err := d.vault.Open(e.Note)
			l.Text, l.Sealed = string(note), err != nil
		}
		lines = append(lines, l)
	}
	return lines, nil
}
