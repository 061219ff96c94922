package console

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway/triage"
)

// caseView is a case as its page shows it.
type caseView struct {
	Case     triage.Case
	Excluded bool // the commune may not see it
	Entries  []entry
	Unopened bool
	Safe     []string // safe-contact plans of its reports
	Lines    []line   // newest first
	Names    map[string]string
	Groups   []statusGroup // what the status may become
	Levels   []report.Urgency

	// What a refused change brings back, so that nothing typed is lost.
	Error    string
	Form     string // which form it was: "status", "urgency", "note"
	Chosen   string
	Note     string
	Shown    string // envelope whose sender is shown in full
	ShownNum string
}

// entry is one report of a case with its words.
type entry struct {
	Report  triage.Report
	Words   string
	Place   string
	Sender  string
	Facets  []facet
	Unknown string // facets that were not asked or not answered, in one line
	Opened  bool
	Part    bool
}

// statusGroup is statuses under one heading of the list.
type statusGroup struct {
	Name     string
	Statuses []triage.Status
}

func statusGroups(s triage.Status) []statusGroup {
	work, reasoned := statusGroup{Name: "Tiếp tục xử lý"}, statusGroup{Name: "Kết thúc (cần nêu lý do)"}
	if s.Closed() {
		reasoned.Name = "Mở lại (cần nêu lý do)"
	}
	for _, n := range s.Next() {
		if n.NeedsReason() {
			reasoned.Statuses = append(reasoned.Statuses, n)
		} else {
			work.Statuses = append(work.Statuses, n)
		}
	}
	var groups []statusGroup
	for _, g := range []statusGroup{work, reasoned} {
		if len(g.Statuses) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

// facet is one answer beside the words. A grave one stands out.
type facet struct {
	Name, Value string
	Grave       bool
}

// facets are the answers that were given, and the names of those that were not: an officer needs to know what nobody
// asked, but not in a line each.
func facets(d report.Draft) (given []facet, unknown string) {
	if d.Injured {
		given = append(given, facet{"Thương tích", "Có người bị thương", true})
	}
	if d.CannotGoHome {
		given = append(given, facet{"Nơi ở", "Trẻ không thể về nhà", true})
	}
	var missing []string
	for _, f := range []struct {
		name  string
		known bool
		value fmt.Stringer
		grave bool
	}{
		{"Thời điểm xảy ra", d.When != report.WhenUnknown, d.When, d.When == report.WhenNow},
		{"Người báo tin", d.Speaker != report.SpeakerUnknown, d.Speaker, false},
		{"Tuổi của trẻ", d.Age != report.AgeUnknown, d.Age, false},
		{"Giới tính", d.Sex != report.SexUnknown, d.Sex, false},
		{"Người bị phản ánh", d.Alleged != report.AllegedUnknown, d.Alleged, false},
		{"Môi trường", d.Environment != report.EnvironmentUnknown, d.Environment, false},
	} {
		if f.known {
			given = append(given, facet{f.name, firstUpper(f.value.String()), f.grave})
		} else {
			missing = append(missing, strings.ToLower(f.name))
		}
	}
	return given, firstUpper(strings.Join(missing, ", "))
}

// line is one line of the history; the same officer's readings in a row are one line.
type line struct {
	triage.Line
	Times int
}

func cleanNumber(s string) string {
	return strings.ToUpper(strings.Join(strings.Fields(s), ""))
}

func (c *Console) file(w http.ResponseWriter, r *http.Request) {
	c.showCase(w, r, http.StatusOK, caseView{})
}

// showCase reads a case for the officer, which the desk audits, and shows it. v brings what a form left behind.
func (c *Console) showCase(w http.ResponseWriter, r *http.Request, status int, v caseView) {
	f, err := c.p.Desk.Read(r.Context(), accountOf(r).Viewer, r.PathValue("number"))
	if err != nil {
		c.failure(w, r, err)
		return
	}
	defer f.Wipe()
	if f.Unopened != nil {
		c.log.Error("words of a case could not be opened", "err", f.Unopened)
	}
	v.Case, v.Unopened = f.Case, f.Unopened != nil
	v.Excluded = f.Case.Facts.Audience().CommuneExcluded()
	v.Groups = statusGroups(f.Case.Status)
	for u := report.U0; u <= report.U4; u++ {
		if u != f.Case.Urgency {
			v.Levels = append(v.Levels, u)
		}
	}
	for i, rep := range f.Reports {
		e := entry{Report: rep}
		if !v.Unopened {
			d := f.Contents[i].Draft
			e.Opened, e.Part = true, f.Contents[i].Partial
			e.Facets, e.Unknown = facets(d)
			e.Words, e.Place, e.Sender = d.Text.Reveal(), d.Place.Name.Reveal(), d.Sender.Reveal()
			if len(d.Contact) > 0 {
				v.Safe = append(v.Safe, d.Contact.Reveal())
			}
		}
		v.Entries = append(v.Entries, e)
	}
	v.Lines = foldLines(f.History)
	v.Names = c.names(r, func(yield func(string)) {
		yield(f.Case.Holder)
		yield(f.Case.ReadBy)
		for _, l := range f.History {
			yield(l.Officer)
		}
	})
	c.render(w, r, status, "case", page{Title: "Hồ sơ " + f.Case.Number, Nav: "case", Flash: c.flash(r), Body: v})
}

// foldLines turns the history round, newest first, and folds readings that follow each other. The audit keeps each.
func foldLines(history []triage.Line) []line {
	var lines []line
	for _, l := range history {
		if n := len(lines); n > 0 && l.Action == triage.ActionRead && lines[n-1].Action == triage.ActionRead && lines[n-1].Officer == l.Officer {
			lines[n-1].Line = l
			lines[n-1].Times++
			continue
		}
		lines = append(lines, line{l, 1})
	}
	for i, j := 0, len(lines)-1; i < j; i, j = i+1, j-1 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	return lines
}

func (c *Console) setStatus(w http.ResponseWriter, r *http.Request) {
	c.change(w, r, "status", func(f form) (string, error) {
		to := triage.Status(f.chosen)
		return "Đã chuyển sang trạng thái: " + to.Label() + ".", c.p.Desk.SetStatus(r.Context(), f.viewer, f.number, f.version, to, f.note)
	})
}

func (c *Console) setUrgency(w http.ResponseWriter, r *http.Request) {
	c.change(w, r, "urgency", func(f form) (string, error) {
		var to report.Urgency
		if _, err := fmt.Sscanf(f.chosen, "U%d", &to); err != nil {
			return "", triage.ErrNothing
		}
		return "Đã đổi mức khẩn cấp: " + to.String() + " – " + to.Label() + ".", c.p.Desk.SetUrgency(r.Context(), f.viewer, f.number, f.version, to, f.note)
	})
}

func (c *Console) addNote(w http.ResponseWriter, r *http.Request) {
	c.change(w, r, "note", func(f form) (string, error) {
		return "Đã lưu ghi chú.", c.p.Desk.Note(r.Context(), f.viewer, f.number, f.version, f.note)
	})
}

// change runs one form of the case page: done, it leads back to the page; refused, it shows the page with the sentence
// why and with what was typed.
func (c *Console) change(w http.ResponseWriter, r *http.Request, name string, do func(form) (done string, err error)) {
	if err := r.ParseForm(); err != nil {
		c.fail(w, r, http.StatusBadRequest, failForm)
		return
	}
	f := form{viewer: accountOf(r).Viewer, number: r.PathValue("number"), chosen: r.PostForm.Get(name), note: triage.CleanNote(r.PostForm.Get("note"))}
	if s := r.PostForm.Get("version"); s != "" {
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil || v < 1 {
			c.fail(w, r, http.StatusBadRequest, failForm)
			return
		}
		f.version = v
	}
	done, err := do(f)
	if sentence, refused := ruleText(err); refused {
		c.showCase(w, r, http.StatusUnprocessableEntity, caseView{Error: sentence, Form: name, Chosen: f.chosen, Note: f.note})
		return
	}
	if err != nil {
		c.failure(w, r, err)
		return
	}
	c.sessions.Put(r.Context(), sessionFlash, done)
	http.Redirect(w, r, "/case/"+f.number, http.StatusSeeOther)
}

// sender shows the case with one sender's number in full. The desk audits it before the number is opened.
func (c *Console) sender(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.fail(w, r, http.StatusBadRequest, failForm)
		return
	}
	envelope := r.PostForm.Get("report")
	n, err := c.p.Desk.Sender(r.Context(), accountOf(r).Viewer, r.PathValue("number"), envelope)
	if err != nil {
		c.failure(w, r, err)
		return
	}
	defer n.Wipe()
	c.showCase(w, r, http.StatusOK, caseView{Shown: envelope, ShownNum: n.Reveal()})
}
