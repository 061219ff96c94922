package console

import (
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/langnghe/langnghe/gateway/triage"
)

// queueView is the queue in its groups. Together they keep triage.Order.
type queueView struct {
	Lost    []triage.Case // unread, past their time
	Overdue []triage.Case // read, past their time
	Running []triage.Case // a clock runs
	Quiet   []triage.Case // no clock runs
	Names   map[string]string
}

func newQueueView(cases []triage.Case, now time.Time) queueView {
	v := queueView{}
	for _, c := range cases {
		switch {
		case c.Overdue(now) && c.Unread():
			v.Lost = append(v.Lost, c)
		case c.Overdue(now):
			v.Overdue = append(v.Overdue, c)
		case !c.Breach.IsZero():
			v.Running = append(v.Running, c)
		default:
			v.Quiet = append(v.Quiet, c)
		}
	}
	return v
}

// rowView is one case in a list.
type rowView struct {
	Case  triage.Case
	Now   time.Time
	Names map[string]string
}

func newRowView(k triage.Case, p page) rowView {
	row := rowView{Case: k, Now: p.Now}
	switch b := p.Body.(type) {
	case queueView:
		row.Names = b.Names
	case caseView:
		row.Names = b.Names
	}
	return row
}

// Unread is how many cases have passed their time with nobody having read them.
func (v queueView) Unread() int { return len(v.Lost) }

// All is how many open cases there are.
func (v queueView) All() int { return len(v.Lost) + len(v.Overdue) + len(v.Running) + len(v.Quiet) }

func (c *Console) queueOf(r *http.Request) (queueView, error) {
	cases, err := c.p.Desk.Queue(r.Context(), accountOf(r).Viewer)
	if err != nil {
		return queueView{}, err
	}
	v := newQueueView(cases, c.p.Now())
	v.Names = c.names(r, func(yield func(string)) {
		for _, k := range cases {
			yield(k.Holder)
			yield(k.ReadBy)
		}
	})
	return v, nil
}

func (c *Console) queue(w http.ResponseWriter, r *http.Request) {
	v := accountOf(r).Viewer
	if !v.MaySeeCases() {
		if v.MaySeeCounters() {
			http.Redirect(w, r, "/devices", http.StatusSeeOther)
			return
		}
		c.fail(w, r, http.StatusNotFound, failNotFound)
		return
	}
	q, err := c.queueOf(r)
	if err != nil {
		c.failure(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "queue", page{Title: "Hàng đợi", Nav: "queue", Flash: c.flash(r), Body: q})
}

// queueFragment is the queue without its page, for the script that renews it.
func (c *Console) queueFragment(w http.ResponseWriter, r *http.Request) {
	if !accountOf(r).Viewer.MaySeeCases() {
		c.fail(w, r, http.StatusNotFound, failNotFound)
		return
	}
	q, err := c.queueOf(r)
	if err != nil {
		c.failure(w, r, err)
		return
	}
	c.write(w, r, http.StatusOK, "queue", "queue", page{Body: q})
}

type endedView struct {
	Cases []triage.Case
	Names map[string]string
}

// endedLimit is how many ended cases the page lists.
const endedLimit = 200

func (c *Console) ended(w http.ResponseWriter, r *http.Request) {
	v := accountOf(r).Viewer
	if !v.MaySeeCases() {
		c.fail(w, r, http.StatusNotFound, failNotFound)
		return
	}
	cases, err := c.p.Desk.Ended(r.Context(), v, endedLimit)
	if err != nil {
		c.failure(w, r, err)
		return
	}
	names := c.names(r, func(yield func(string)) {
		for _, k := range cases {
			yield(k.Holder)
		}
	})
	c.render(w, r, http.StatusOK, "ended", page{Title: "Hồ sơ đã kết thúc", Nav: "ended", Body: endedView{cases, names}})
}

var shortNumber = regexp.MustCompile(`^(?:(?:VN-?)?([0-9]{4})-)?([0-9]{1,9})$`)

// find leads from a number, as it is said on the telephone, to its case: "VN-2026-000123", "2026-123" or "123".
func (c *Console) find(w http.ResponseWriter, r *http.Request) {
	m := shortNumber.FindStringSubmatch(cleanNumber(r.URL.Query().Get("number")))
	if m == nil {
		c.fail(w, r, http.StatusNotFound, failNotFound)
		return
	}
	year := c.p.Now().In(triage.Zone).Year()
	if m[1] != "" {
		year, _ = strconv.Atoi(m[1])
	}
	n, _ := strconv.ParseInt(m[2], 10, 64)
	http.Redirect(w, r, "/case/"+triage.Number(year, n), http.StatusSeeOther)
}

// names looks the officers up that a page shows, each once.
func (c *Console) names(r *http.Request, each func(yield func(id string))) map[string]string {
	names := map[string]string{"": "", triage.System: "Hệ thống"}
	each(func(id string) {
		if _, ok := names[id]; ok {
			return
		}
		names[id] = id
		if a, ok, err := c.p.Accounts.Account(r.Context(), id); err == nil && ok && a.Name != "" {
			names[id] = a.Name
		}
	})
	return names
}

// flash takes the sentence that the last change left for the next page.
func (c *Console) flash(r *http.Request) string {
	return c.sessions.PopString(r.Context(), sessionFlash)
}
