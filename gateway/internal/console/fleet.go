package console

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/langnghe/langnghe/gateway/triage"
)

type devicesView struct {
	Devices []deviceRow
	Silent  int
}

type deviceRow struct {
	Device
	Silent bool
	Never  bool
	Faults []string // one clear sentence each
}

func (c *Console) devices(w http.ResponseWriter, r *http.Request) {
	viewer := accountOf(r).Viewer
	if !viewer.MaySeeCounters() {
		c.fail(w, r, http.StatusNotFound, failNotFound)
		return
	}
	all, err := c.p.Fleet.Devices(r.Context())
	if err != nil {
		c.failure(w, r, err)
		return
	}
	v := devicesView{}
	for _, d := range all {
		if !viewer.MaySeeFleet(d.Province) {
			continue
		}
		row := newDeviceRow(d, c.p.Now(), c.cfg.SilentAfter)
		if row.Silent {
			v.Silent++
		}
		v.Devices = append(v.Devices, row)
	}
	// Silent kiosks first: a closed door is what the page is for.
	slices.SortStableFunc(v.Devices, func(a, b deviceRow) int {
		switch {
		case a.Silent == b.Silent:
			return 0
		case a.Silent:
			return -1
		}
		return 1
	})
	c.render(w, r, http.StatusOK, "devices", page{Title: "Thiết bị", Nav: "devices", Body: v})
}

func newDeviceRow(d Device, now time.Time, silentAfter time.Duration) deviceRow {
	row := deviceRow{Device: d, Never: d.Seen.IsZero()}
	row.Silent = row.Never || now.Sub(d.Seen) > silentAfter
	if row.Never {
		return row
	}
	if !d.CanStore {
		row.Faults = append(row.Faults, "Không lưu được tin báo mới: bộ nhớ đầy hoặc hỏng, cần đến kiểm tra ngay.")
	}
	switch d.Modem {
	case ModemNoSignal:
		row.Faults = append(row.Faults, "Modem chưa vào được mạng di động: kiểm tra ăng-ten, vùng phủ sóng và thuê bao của SIM.")
	case ModemBroken:
		row.Faults = append(row.Faults, "Modem không dùng được: kiểm tra cáp, SIM và mã PIN. Nhật ký của máy ghi rõ lý do.")
	}
	if d.Refused > 0 {
		row.Faults = append(row.Faults, fmt.Sprintf("Máy đã cách ly %d khung dữ liệu lạ gửi tới nó.", d.Refused))
	}
	if !d.ClockOK {
		row.Faults = append(row.Faults, "Đồng hồ của máy chưa chắc đúng.")
	}
	return row
}

func (c *Console) quarantine(w http.ResponseWriter, r *http.Request) {
	if !accountOf(r).Viewer.MaySeeCounters() {
		c.fail(w, r, http.StatusNotFound, failNotFound)
		return
	}
	n, err := c.p.Quarantine.Counters(r.Context())
	if err != nil {
		c.failure(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, "quarantine", page{Title: "Dữ liệu bị cách ly", Nav: "quarantine", Body: n})
}

type auditView struct {
	Events []triage.Event
	Names  map[string]string
	Older  int64 // before which the next page begins; 0 = this is the last
	Chain  *triage.Chain
}

const auditPage = 100

func (c *Console) audit(w http.ResponseWriter, r *http.Request) { c.showAudit(w, r, nil) }

// verify checks the whole chain. It is a POST because it writes down that it was done.
func (c *Console) verify(w http.ResponseWriter, r *http.Request) {
	chain, err := c.p.Desk.Verify(r.Context(), accountOf(r).Viewer)
	if err != nil {
		c.failure(w, r, err)
		return
	}
	if chain.Broken != 0 {
		c.log.Error("the audit chain is broken", "event", chain.Broken)
	}
	c.showAudit(w, r, &chain)
}

func (c *Console) showAudit(w http.ResponseWriter, r *http.Request, chain *triage.Chain) {
	events, err := c.p.Desk.Audit(r.Context(), accountOf(r).Viewer, queryInt(r, "before"), auditPage)
	if err != nil {
		c.failure(w, r, err)
		return
	}
	v := auditView{Events: events, Chain: chain}
	v.Names = c.names(r, func(yield func(string)) {
		for _, e := range events {
			yield(e.Officer)
		}
	})
	if n := len(events); n > 0 && events[n-1].Seq > 1 {
		v.Older = events[n-1].Seq
	}
	c.render(w, r, http.StatusOK, "audit", page{Title: "Nhật ký", Nav: "audit", Body: v})
}
