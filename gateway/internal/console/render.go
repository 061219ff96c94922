package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"time"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway/triage"
)

//go:embed templates
var templateFiles embed.FS

// page is what every template is given.
type page struct {
	Title   string
	Nav     string // which entry of the menu is the present one
	Account *Account
	Flash   string
	Now     time.Time
	Body    any

	// For the head of the page, filled in by render.
	Fleet       bool // may see kiosks
	Cases       bool // may see cases
	Audit       bool // may read the audit
	Counted     bool // the counters could be read
	Counters    bool // may see the counters
	Quarantined int64
	Duplicates  int64
	Unread      int // unread cases past their time
}

var templates = parseTemplates()

// assets is the version of the style sheet and the script: their hash.
var assets = func() string {
	h := sha256.New()
	err := fs.WalkDir(static, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := static.ReadFile(path)
		h.Write(b)
		return err
	})
	if err != nil {
		panic(err) // the files are in the program
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}()

func parseTemplates() map[string]*template.Template {
	funcs := template.FuncMap{
		"asset":     func(name string) string { return "/static/" + name + "?v=" + assets },
		"link":      linkText,
		"role":      roleText,
		"refusal":   refusalText,
		"signal":    signalText,
		"ago":       func(t, now time.Time) string { return agoText(now.Sub(t)) },
		"moment":    momentText,
		"left":      func(c triage.Case, now time.Time) countdown { return leftText(c.Breach.Sub(now)) },
		"received":  receivedText,
		"change":    changeText,
		"exact":     func(t time.Time) string { return t.In(triage.Zone).Format("15:04:05 02/01/2006") },
		"clockname": clockName,
		"millis":    func(t time.Time) int64 { return t.UnixMilli() },
		"category":  func(c report.Category) string { return c.Officer() },
		"upper":     firstUpper,
		"add":       func(a, b int) int { return a + b },
		"row":       func(k triage.Case, p page) rowView { return newRowView(k, p) },
		"isostamp":  func(t time.Time) string { return t.In(triage.Zone).Format(time.RFC3339) },
	}
	all := map[string]*template.Template{}
	for _, name := range []string{"login", "queue", "ended", "case", "devices", "quarantine", "audit", "failure"} {
		all[name] = template.Must(template.New("layout.html").Funcs(funcs).
			ParseFS(templateFiles, "templates/layout.html", "templates/rows.html", "templates/"+name+".html"))
	}
	return all
}

// render writes a whole page. It is made in memory first, so that a page is never half a page, and the memory is cleared.
func (c *Console) render(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	c.write(w, r, status, name, "layout.html", p)
}

func (c *Console) write(w http.ResponseWriter, r *http.Request, status int, name, block string, p page) {
	p.Now = c.p.Now()
	p.Account = accountOf(r)
	if p.Account != nil {
		c.head(r.Context(), &p)
	}
	var b bytes.Buffer
	if err := templates[name].ExecuteTemplate(&b, block, p); err != nil {
		// The error names the template and the field, never the value.
		c.log.Error("page could not be made", "page", name, "err", err)
		http.Error(w, failInternal.What+" "+failInternal.Next, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
	clear(b.Bytes())
}

// head fills in what the head of every page shows to who is logged in.
func (c *Console) head(ctx context.Context, p *page) {
	v := p.Account.Viewer
	p.Cases, p.Audit, p.Counters = v.MaySeeCases(), v.MayAudit(), v.MaySeeCounters()
	p.Fleet = v.MaySeeFleet(v.Province)
	if p.Counters {
		n, err := c.p.Quarantine.Counters(ctx)
		if err != nil {
			c.log.Error("counters could not be read", "err", err)
		} else {
			p.Counted, p.Duplicates = true, n.Duplicates
			for _, f := range n.Refused {
				p.Quarantined += f.Count
			}
		}
	}
	if q, ok := p.Body.(queueView); ok {
		p.Unread = q.Unread()
	} else if p.Cases {
		q, err := c.p.Desk.Queue(ctx, v)
		if err != nil {
			c.log.Error("queue could not be read for the head of a page", "err", err)
		}
		p.Unread = newQueueView(q, p.Now).Unread()
	}
}

// fail shows an error page.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, status int, f failureText) {
	c.render(w, r, status, "failure", page{Title: f.Title, Body: f})
}

// failure shows the page for err. Only what is not the officer's doing goes to the log, by route and never by path.
func (c *Console) failure(w http.ResponseWriter, r *http.Request, err error) {
	var tooLong *http.MaxBytesError
	switch {
	case errors.Is(err, triage.ErrNoCase):
		c.fail(w, r, http.StatusNotFound, failNotFound)
	case errors.As(err, &tooLong):
		c.fail(w, r, http.StatusRequestEntityTooLarge, failForm)
	case errors.Is(err, context.Canceled):
		// The officer's browser went away.
	default:
		c.log.Error("console could not answer", "route", r.Pattern, "err", err)
		c.fail(w, r, http.StatusServiceUnavailable, failInternal)
	}
}

func (c *Console) notFound(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		c.fail(w, r, http.StatusMethodNotAllowed, failMethod)
		return
	}
	c.fail(w, r, http.StatusNotFound, failNotFound)
}
