package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway/triage"
)

var (
	_ triage.Store = (*Store)(nil)
	_ triage.Store = (*tx)(nil)
)

// Open implements triage.Store.
func (s *Store) Open(ctx context.Context, c triage.Case, r triage.Report, e triage.Event) (number string, fresh bool, err error) {
	err = s.write(ctx, func(t *tx) (err error) { number, fresh, err = t.Open(ctx, c, r, e); return err })
	return number, fresh, err
}

// Apply implements triage.Store.
func (s *Store) Apply(ctx context.Context, c triage.Case, r *triage.Report, e triage.Event) error {
	return s.write(ctx, func(t *tx) error { return t.Apply(ctx, c, r, e) })
}

// Record implements triage.Store.
func (s *Store) Record(ctx context.Context, e triage.Event) error {
	return s.write(ctx, func(t *tx) error { return t.Record(ctx, e) })
}

// Case implements triage.Store.
func (s *Store) Case(ctx context.Context, number string) (c triage.Case, rs []triage.Report, err error) {
	err = s.read(ctx, func(t *tx) (err error) { c, rs, err = t.Case(ctx, number); return err })
	return c, rs, err
}

// Cases implements triage.Store.
func (s *Store) Cases(ctx context.Context, closed bool, limit int) (cs []triage.Case, err error) {
	err = s.read(ctx, func(t *tx) (err error) { cs, err = t.Cases(ctx, closed, limit); return err })
	return cs, err
}

// History implements triage.Store.
func (s *Store) History(ctx context.Context, number string) (es []triage.Event, err error) {
	err = s.read(ctx, func(t *tx) (err error) { es, err = t.History(ctx, number); return err })
	return es, err
}

// Events implements triage.Store.
func (s *Store) Events(ctx context.Context, after int64, limit int) (es []triage.Event, err error) {
	err = s.read(ctx, func(t *tx) (err error) { es, err = t.Events(ctx, after, limit); return err })
	return es, err
}

// Head implements triage.Store.
func (s *Store) Head(ctx context.Context) (seq int64, hash triage.Digest, err error) {
	err = s.read(ctx, func(t *tx) (err error) { seq, hash, err = t.Head(ctx); return err })
	return seq, hash, err
}

// Open implements triage.Store.
func (t *tx) Open(ctx context.Context, c triage.Case, r triage.Report, e triage.Event) (string, bool, error) {
	var number string
	err := t.row(ctx, "SELECT case_number FROM reports WHERE envelope = ?", r.Envelope).Scan(&number)
	if err == nil {
		return number, false, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return "", false, wrap("look for a report", err)
	}
	var n int64
	year := c.Opened.In(triage.Zone).Year()
	if err := t.row(ctx, `INSERT INTO numbers (year, last) VALUES (?, 1)
		ON CONFLICT (year) DO UPDATE SET last = last + 1 RETURNING last`, year).Scan(&n); err != nil {
		return "", false, wrap("number a case", err)
	}
	c.Number, c.Version = triage.Number(year, n), 1
	r.Case, e.Case = c.Number, c.Number
	if err := t.putCase(ctx, c); err != nil {
		return "", false, err
	}
	if _, err := t.putReport(ctx, r); err != nil {
		return "", false, err
	}
	return c.Number, true, t.Record(ctx, e)
}

// Apply implements triage.Store.
func (t *tx) Apply(ctx context.Context, c triage.Case, r *triage.Report, e triage.Event) error {
	var version int64
	switch err := t.row(ctx, "SELECT version FROM cases WHERE number = ?", c.Number).Scan(&version); {
	case errors.Is(err, sql.ErrNoRows):
		return triage.ErrNoCase
	case err != nil:
		return wrap("find a case", err)
	case version != c.Version:
		return triage.ErrConflict
	}
	if r != nil {
		added := *r
		added.Case = c.Number
		switch fresh, err := t.putReport(ctx, added); {
		case err != nil:
			return err
		case !fresh:
			return triage.ErrConflict
		}
	}
	c.Version++
	if err := t.putCase(ctx, c); err != nil {
		return err
	}
	return t.Record(ctx, e)
}

// Record implements triage.Store.
func (t *tx) Record(ctx context.Context, e triage.Event) error {
	seq, hash, err := t.Head(ctx)
	if err != nil {
		return err
	}
	e.Seq = seq + 1
	e.Hash = e.Chain(hash)
	_, err = t.exec(ctx, `INSERT INTO events (seq, at, officer, action, case_number, subject, before, after, note, hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.Seq, e.At.UnixMilli(), e.Officer, string(e.Action), e.Case, e.Subject, e.From, e.To, e.Note, e.Hash[:])
	return wrap("append to the audit", err)
}

const caseColumns = `number, version, status, urgency, category, door, link, device, place, reports, opened, since, breach,
	read_at, read_by, holder, province, commune, alleged, environment, restricted`

func (t *tx) putCase(ctx context.Context, c triage.Case) error {
	_, err := t.exec(ctx, `INSERT INTO cases (`+caseColumns+`, closed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (number) DO UPDATE SET version = excluded.version, status = excluded.status, urgency = excluded.urgency,
			category = excluded.category, door = excluded.door, link = excluded.link, device = excluded.device,
			place = excluded.place, reports = excluded.reports, opened = excluded.opened, since = excluded.since,
			breach = excluded.breach, read_at = excluded.read_at, read_by = excluded.read_by, holder = excluded.holder,
			province = excluded.province, commune = excluded.commune, alleged = excluded.alleged,
			environment = excluded.environment, restricted = excluded.restricted, closed = excluded.closed`,
		c.Number, c.Version, string(c.Status), uint8(c.Urgency), string(c.Category), uint8(c.Door), c.Link, c.Device, c.Place,
		c.Reports, millis(c.Opened), millis(c.Since), millis(c.Breach), millis(c.ReadAt), c.ReadBy, c.Holder,
		c.Facts.Province, c.Facts.Commune, uint8(c.Facts.Alleged), uint8(c.Facts.Environment), c.Facts.Restricted, c.Status.Closed())
	return wrap("store a case", err)
}

func scanCase(rows *sql.Rows) (triage.Case, error) {
	var c triage.Case
	var opened, since, breach, readAt int64
	err := rows.Scan(&c.Number, &c.Version, &c.Status, &c.Urgency, &c.Category, &c.Door, &c.Link, &c.Device, &c.Place,
		&c.Reports, &opened, &since, &breach, &readAt, &c.ReadBy, &c.Holder,
		&c.Facts.Province, &c.Facts.Commune, &c.Facts.Alleged, &c.Facts.Environment, &c.Facts.Restricted)
	c.Opened, c.Since, c.Breach, c.ReadAt = moment(opened), moment(since), moment(breach), moment(readAt)
	return c, err
}

func (t *tx) cases(ctx context.Context, rest string, args ...any) ([]triage.Case, error) {
	var out []triage.Case
	err := t.each(ctx, func(rows *sql.Rows) error {
		c, err := scanCase(rows)
		out = append(out, c)
		return err
	}, "SELECT "+caseColumns+" FROM cases "+rest, args...)
	return out, wrap("read cases", err)
}

// Case implements triage.Store.
func (t *tx) Case(ctx context.Context, number string) (triage.Case, []triage.Report, error) {
	cs, err := t.cases(ctx, "WHERE number = ?", number)
	if err != nil {
		return triage.Case{}, nil, err
	}
	if len(cs) == 0 {
		return triage.Case{}, nil, triage.ErrNoCase
	}
	rs, err := t.reports(ctx, number)
	return cs[0], rs, err
}

// Cases implements triage.Store.
func (t *tx) Cases(ctx context.Context, closed bool, limit int) ([]triage.Case, error) {
	if !closed {
		return t.cases(ctx, "WHERE closed = 0 ORDER BY opened DESC, number DESC")
	}
	return t.cases(ctx, "WHERE closed = 1 ORDER BY opened DESC, number DESC LIMIT ?", limit)
}

const reportColumns = `envelope, case_number, received, half_day, trusted, link, device, place, door, urgency, categories,
	province, commune, alleged, environment, restricted`

// putReport registers r; fresh is false where its envelope is registered already.
func (t *tx) putReport(ctx context.Context, r triage.Report) (fresh bool, err error) {
	codes := make([]string, len(r.Categories))
	for i, c := range r.Categories {
		codes[i] = string(c)
	}
	res, err := t.exec(ctx, `INSERT INTO reports (`+reportColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (envelope) DO NOTHING`,
		r.Envelope, r.Case, millis(r.Received), r.When.HalfDay, r.When.Trusted, r.Link, r.Device, r.Place, uint8(r.Door),
		uint8(r.Urgency), strings.Join(codes, " "),
		r.Facts.Province, r.Facts.Commune, uint8(r.Facts.Alleged), uint8(r.Facts.Environment), r.Facts.Restricted)
	if err != nil {
		return false, wrap("register a report", err)
	}
	n, err := res.RowsAffected()
	return n == 1, wrap("register a report", err)
}

func (t *tx) reports(ctx context.Context, number string) ([]triage.Report, error) {
	var out []triage.Report
	err := t.each(ctx, func(rows *sql.Rows) error {
		var r triage.Report
		var received int64
		var codes string
		err := rows.Scan(&r.Envelope, &r.Case, &received, &r.When.HalfDay, &r.When.Trusted, &r.Link, &r.Device, &r.Place,
			&r.Door, &r.Urgency, &codes,
			&r.Facts.Province, &r.Facts.Commune, &r.Facts.Alleged, &r.Facts.Environment, &r.Facts.Restricted)
		r.Received = moment(received)
		for _, c := range strings.Fields(codes) {
			r.Categories = append(r.Categories, report.Category(c))
		}
		out = append(out, r)
		return err
	}, "SELECT "+reportColumns+" FROM reports WHERE case_number = ? ORDER BY n", number)
	return out, wrap("read reports", err)
}

func (t *tx) events(ctx context.Context, rest string, args ...any) ([]triage.Event, error) {
	var out []triage.Event
	err := t.each(ctx, func(rows *sql.Rows) error {
		var e triage.Event
		var at int64
		var hash []byte
		err := rows.Scan(&e.Seq, &at, &e.Officer, &e.Action, &e.Case, &e.Subject, &e.From, &e.To, &e.Note, &hash)
		e.At = moment(at)
		copy(e.Hash[:], hash)
		out = append(out, e)
		return err
	}, "SELECT seq, at, officer, action, case_number, subject, before, after, note, hash FROM events "+rest, args...)
	return out, wrap("read the audit", err)
}

// History implements triage.Store.
func (t *tx) History(ctx context.Context, number string) ([]triage.Event, error) {
	return t.events(ctx, "WHERE case_number = ? ORDER BY seq", number)
}

// Events implements triage.Store.
func (t *tx) Events(ctx context.Context, after int64, limit int) ([]triage.Event, error) {
	return t.events(ctx, "WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
}

// Head implements triage.Store.
func (t *tx) Head(ctx context.Context) (int64, triage.Digest, error) {
	var seq int64
	var hash []byte
	err := t.row(ctx, "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").Scan(&seq, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, triage.Digest{}, nil
	}
	var d triage.Digest
	copy(d[:], hash)
	return seq, d, wrap("read the audit", err)
}
