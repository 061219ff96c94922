package console_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/internal/console"
	"github.com/langnghe/langnghe/gateway/triage"
)

var reportText = regexp.MustCompile(`(?s)<div class="words" id="report-text" dir="auto">(.*?)</div>`)

// The words stand verbatim, and whatever they are, they do nothing.
func TestWordsStandVerbatimAndInert(t *testing.T) {
	b := newBench(t)
	w := b.as(t, "hoa")
	for i, words := range []string{
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</div></main><form action=//evil.example>", "{{.Account}} ${x}",
		"Dòng một\nDòng hai\n\n  thụt vào\ttab", "\n mở đầu bằng dòng trống", "Tiếng Việt: ệ ữ ặ, emoji 😢, ngược \u202e abc", "javascript:alert(1)",
	} {
		d := report.Draft{Text: report.Words(words), Contact: report.Words(words), Place: report.Place{Name: report.Words(words)}, Sender: report.Words("+84912345678")}
		n := b.arrive(t, fmt.Sprint("x", i), d, triage.Report{Urgency: report.U1, Facts: aboutStranger, Place: words, Device: words, Link: words})
		code, body := w.get("/case/" + n)
		m := reportText.FindStringSubmatch(body)
		if code != http.StatusOK || m == nil {
			t.Fatalf("case: %d", code)
		}
		if got := html.UnescapeString(m[1]); got != words {
			t.Errorf("words %q stand as %q", words, got)
		}
		_, queue := w.get("/")
		for _, page := range []string{body, queue} {
			for _, live := range []string{"<script>alert", "<img", "<form action=//evil", "onerror=alert(1)>"} {
				if strings.Contains(page, live) {
					t.Errorf("%q is alive in the page", words)
				}
			}
		}
		// An officer's note is a stranger's text too.
		if code, _ := w.post("/case/"+n+"/note", "note", words); code != http.StatusSeeOther {
			t.Fatalf("note: %d", code)
		}
		if _, body = w.get("/case/" + n); strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") {
			t.Errorf("%q is alive as a note", words)
		}
	}
}

func TestAnswersAreNotKeptAndRunNothingForeign(t *testing.T) {
	b := newBench(t)
	n := b.arrive(t, "e1", report.Draft{Text: report.Words(canary)}, triage.Report{Urgency: report.U1, Facts: aboutStranger})
	w := b.as(t, "lam")
	inline := regexp.MustCompile(`(?i)<script[^>]*>[^<]|<style|\sstyle=|\son[a-z]+=|(src|href|action)="(https?:)?//`)
	for _, r := range everyRoute(n) {
		if r.path == "/logout" {
			continue
		}
		var res *http.Response
		var body string
		if r.method == http.MethodPost {
			res, body = w.do(r.method, r.path, values(r.form()...))
		} else {
			res, body = w.do(r.method, r.path, nil)
		}
		h := res.Header
		if !strings.Contains(h.Get("Cache-Control"), "no-store") {
			t.Errorf("%s %s may be kept: %q", r.method, r.path, h.Values("Cache-Control"))
		}
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s %s: policy %q", r.method, r.path, csp)
		}
		if m := inline.FindString(body); m != "" {
			t.Errorf("%s %s holds %q", r.method, r.path, m)
		}
		title := regexp.MustCompile(`<title>.*</title>`).FindString(body)
		if strings.Contains(title, canary) || strings.Contains(res.Header.Get("Location"), canary) {
			t.Errorf("%s %s: words in the title or the address", r.method, r.path)
		}
	}
	if strings.Contains(b.logged(), canary) || strings.Contains(b.logged(), n) {
		t.Error("invariant 8: a word or a case's number is in the log")
	}
	for _, k := range loginCookies(t, b) {
		if !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || !k.Expires.IsZero() || k.MaxAge != 0 {
			t.Errorf("session cookie: %+v", k)
		}
	}
	if res, body := w.do("GET", "/static/console.css", nil); res.StatusCode != http.StatusOK || !strings.Contains(body, "--ink") {
		t.Errorf("style sheet: %d", res.StatusCode)
	}
	for _, path := range []string{"/static/nothing", "/static/..%2fconsole.go"} {
		if res, _ := w.do("GET", path, nil); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

func loginCookies(t *testing.T, b *bench) []*http.Cookie {
	res, _ := b.browser(t).do("POST", "/login", values("user", "hoa", "password", password))
	if len(res.Cookies()) == 0 {
		t.Fatal("no session cookie")
	}
	return res.Cookies()
}

// Who reads is written down before the words are shown; where it cannot be, the page has none.
func TestNoWordsOnThePageWithoutAudit(t *testing.T) {
	b := newBench(t)
	n := b.arrive(t, "e1", report.Draft{Text: report.Words(canary), Sender: report.Words("+84912345678")}, triage.Report{Urgency: report.U1, Facts: aboutStranger})
	w := b.as(t, "hoa")
	b.store.SetDown(false, true)
	for _, r := range []route{{"GET", "/case/" + n}, {"POST", "/case/" + n + "/sender"}, {"POST", "/case/" + n + "/status"}} {
		code, body := w.try(r)
		if code < 400 || strings.Contains(body, canary) || strings.Contains(body, "912345678") {
			t.Errorf("%s %s without an audit: %d", r.method, r.path, code)
		}
	}
	if !strings.Contains(b.logged(), "console could not answer") {
		t.Error("the fault is not in the log")
	}
	if code, _ := b.browser(t).post("/login", "user", "lam", "password", password); code != http.StatusServiceUnavailable {
		t.Errorf("login without an audit: %d", code)
	}
	b.store.SetDown(false, false)
	if code, body := w.get("/case/" + n); code != http.StatusOK || !strings.Contains(body, canary) {
		t.Errorf("case: %d", code)
	}
	es := b.store.All()
	if e := es[len(es)-1]; e.Action != triage.ActionRead || e.Officer != "hoa" || e.Case != n {
		t.Errorf("last event: %+v", e)
	}
}

func TestSenderIsMaskedUntilAsked(t *testing.T) {
	b := newBench(t)
	n := b.arrive(t, "e1", report.Draft{Door: report.DoorSMS, Text: report.Words("tin"), Sender: report.Words("+84912345678")}, triage.Report{Urgency: report.U1, Link: "sms", Door: report.DoorSMS})
	w := b.as(t, "hoa")
	if _, body := w.get("/case/" + n); strings.Contains(body, "912345") || !strings.Contains(body, "678") {
		t.Error("the number is not masked")
	}
	if code, body := w.post("/case/"+n+"/sender", "report", "e1"); code != http.StatusOK || !strings.Contains(body, `id="sender">&#43;84912345678`) {
		t.Errorf("asked for: %d", code)
	}
	found := false
	for _, e := range b.store.All() {
		found = found || e.Action == triage.ActionSender && e.Officer == "hoa" && e.Subject == "e1"
	}
	if !found {
		t.Error("asking for the number is not in the audit")
	}
	if code, _ := w.post("/case/"+n+"/sender", "report", "another"); code != http.StatusNotFound {
		t.Errorf("another case's report: %d", code)
	}
	if _, body := w.get("/case/" + n); strings.Contains(body, "912345") {
		t.Error("the number stays shown")
	}
}

// What the end-to-end driver and other machines read off the pages.
func TestPagesCarryTheirHooks(t *testing.T) {
	b := newBench(t)
	n := b.arrive(t, "e1", report.Draft{Categories: []report.Category{"V1"}, Text: report.Words("lời")}, triage.Report{Urgency: report.U0, Link: "sms", Device: "d000001", Place: "Trường A"})
	b.fleet.devices = []console.Device{{Name: "d000001", Seen: b.now().Add(-time.Minute), Link: "mqtt", Backlog: 2, Signal: 17, Program: "0.1.0", CanStore: true, ClockOK: true}}
	b.quarantine.counters = console.Counters{Duplicates: 2, Refused: []console.Refusal{{Reason: "forged", Link: "mqtt", Count: 7}}}
	w := b.as(t, "hoa")
	// In this order: the queue says "unread" only until the case is opened.
	for _, p := range []struct {
		path  string
		hooks []string
	}{
		{"/", []string{`data-case-number="` + n + `"`, `data-status="N"`, `data-urgency="U0"`, `data-unread="true"`, `data-quarantined="7"`, `data-duplicates="2"`, "Trường A", "d000001", "Tin nhắn SMS", "Bạo lực thể chất", "Khẩn cấp – nguy hiểm ngay", "Chưa ai đọc"}},
		{"/case/" + n, []string{`data-case-number="` + n + `"`, `data-status="N"`, `data-urgency="U0"`, `id="report-text"`, `name="status"`, `name="note"`, "Tiếp nhận hồ sơ", "Nguyễn Thị Hoa", "đọc nội dung"}},
		{"/devices", []string{`data-device="d000001"`, `data-silent="false"`, `data-backlog="2"`, "2 chờ gửi", "tốt (17/31)", "0.1.0", "1 phút trước"}},
		{"/quarantine", []string{`data-quarantined="7"`, `data-reason="forged"`, `data-count="7"`}},
	} {
		_, body := w.get(p.path)
		for _, h := range p.hooks {
			if !strings.Contains(body, h) {
				t.Errorf("%s lacks %s", p.path, h)
			}
		}
	}
	if code, _ := w.post("/case/"+n+"/status", "status", "R", "note", ""); code != http.StatusSeeOther {
		t.Fatalf("status: %d", code)
	}
	_, body := w.get("/case/" + n)
	for _, h := range []string{`data-status="R"`, "Mới đến → Đã tiếp nhận", "Đã chuyển sang trạng thái: Đã tiếp nhận."} {
		if !strings.Contains(body, h) {
			t.Errorf("after the change the page lacks %s", h)
		}
	}
	if _, body = w.get("/"); !strings.Contains(body, "Nguyễn Thị Hoa") || strings.Contains(body, `data-unread="true"`) {
		t.Error("the queue does not say who took it")
	}
	for _, said := range []string{n, "2026-1", "1", "vn-2026-000001", " VN 2026 - 1"} {
		res, _ := w.do("GET", "/find?"+values("number", said).Encode(), nil)
		if got := res.Header.Get("Location"); got != "/case/"+n {
			t.Errorf("number %q leads to %q", said, got)
		}
	}
	for _, said := range []string{"", "Lan", "VN-2026-", "../devices", "1234567890123"} {
		if code, _ := w.get("/find?" + values("number", said).Encode()); code != http.StatusNotFound {
			t.Errorf("number %q: %d", said, code)
		}
	}
}

// No report can die unread: past its time it is loud on every page.
func TestUnreadOverdueCaseIsLoudOnEveryPage(t *testing.T) {
	b := newBench(t)
	b.arrive(t, "e1", report.Draft{Text: report.Words("x")}, triage.Report{Urgency: report.U0})
	w := b.as(t, "lam")
	pages := []string{"/", "/ended", "/devices", "/quarantine", "/audit", "/no/such/page"}
	for _, p := range pages {
		if _, body := w.get(p); !strings.Contains(body, `data-unread="0" hidden`) {
			t.Errorf("%s: an alarm before its time", p)
		}
	}
	b.advance(5 * time.Minute)
	for _, p := range pages {
		if _, body := w.get(p); !strings.Contains(body, `id="alarm" data-unread="1">`) || !strings.Contains(body, "<title>(1 quá hạn)") {
			t.Errorf("%s: no alarm", p)
		}
	}
	if _, body := w.get("/queue"); !strings.Contains(body, `data-unread="1"`) || !strings.Contains(body, "Quá hạn, chưa ai đọc") || !strings.Contains(body, "<small>quá hạn</small> <b>00:00</b>") {
		t.Error("the queue does not show it as overdue")
	}
}

func TestRefusedChangesSayWhyAndKeepWhatWasTyped(t *testing.T) {
	b := newBench(t)
	n := b.arrive(t, "e1", report.Draft{Text: report.Words("x")}, triage.Report{Urgency: report.U1})
	w := b.as(t, "hoa")
	w.get("/case/" + n)
	for _, c := range []struct {
		path     string
		form     []string
		sentence string
	}{
		{"/status", []string{"status", "Z1", "note", "  "}, "cần nêu lý do"},
		{"/status", []string{"status", "K", "note", "gõ dở"}, "không thể chuyển"},
		{"/status", []string{"status", "R", "version", "1", "note", "gõ dở"}, "cán bộ khác vừa thay đổi"},
		{"/urgency", []string{"urgency", "U3", "note", "gõ dở"}, "người thứ hai"},
		{"/urgency", []string{"urgency", "rất gấp", "note", "gõ dở"}, "Không có gì thay đổi"},
		{"/note", []string{"note", " \n "}, "Không có gì thay đổi"},
		{"/note", []string{"note", strings.Repeat("ặ", triage.MaxNoteRunes+1)}, "quá 4000 ký tự"},
	} {
		code, body := w.post("/case/"+n+c.path, c.form...)
		if code != http.StatusUnprocessableEntity || !strings.Contains(body, c.sentence) {
			t.Errorf("%s %.40v: %d", c.path, c.form, code)
		}
		if strings.Contains(strings.Join(c.form, ""), "gõ dở") && !strings.Contains(body, "gõ dở</textarea>") {
			t.Errorf("%s %v: what was typed is lost", c.path, c.form)
		}
	}
	if code, _ := w.post("/case/"+n+"/status", "status", "R", "version", "x"); code != http.StatusBadRequest {
		t.Errorf("a version that is none: %d", code)
	}
	if code, _ := w.post("/case/"+n+"/note", "note", strings.Repeat("x", 70<<10)); code != http.StatusBadRequest {
		t.Errorf("a form of 70 KiB: %d", code)
	}
}

func TestWordsThatDoNotOpenAreSaid(t *testing.T) {
	b := newBench(t)
	n, _, err := b.desk.Open(t.Context(), triage.Report{Envelope: "lost", Received: b.now(), Urgency: report.U1})
	if err != nil {
		t.Fatal(err)
	}
	w := b.as(t, "hoa")
	if code, body := w.get("/case/" + n); code != http.StatusOK || !strings.Contains(body, "Không mở được nội dung tin báo.") || strings.Contains(body, "report-text") {
		t.Errorf("case: %d", code)
	}
	if _, body := w.get("/"); !strings.Contains(body, `data-unread="true"`) {
		t.Error("a case whose words nobody saw counts as read")
	}
}

func TestFaultsAreOneClearPage(t *testing.T) {
	b := newBench(t)
	w := b.as(t, "lam")
	b.quarantine.err, b.fleet.err = errors.New("disk fault"), errors.New("disk fault")
	if code, body := w.get("/"); code != http.StatusOK || !strings.Contains(body, "không đọc được") {
		t.Errorf("the queue without counters: %d", code)
	}
	for _, p := range []string{"/devices", "/quarantine"} {
		if code, body := w.get(p); code != http.StatusServiceUnavailable || !strings.Contains(body, "Hãy thử lại sau một phút") || strings.Contains(body, "disk fault") {
			t.Errorf("%s: %d", p, code)
		}
	}
	b.store.SetDown(true, true)
	for _, p := range []string{"/", "/queue", "/ended", "/audit", "/case/VN-2026-000001"} {
		if code, body := w.get(p); code != http.StatusServiceUnavailable || !strings.Contains(body, "tổng đài 111") {
			t.Errorf("%s with a dead store: %d", p, code)
		}
	}
}

func TestEveryReasonOfIntakeIsExplained(t *testing.T) {
	b := newBench(t)
	reasons := []string{intake.ReasonMalformed, intake.ReasonTruncated, intake.ReasonWrongDevice, intake.ReasonUnknown,
		intake.ReasonUnknownKey, intake.ReasonForged, intake.ReasonUnreadable, intake.ReasonReplayed}
	for _, r := range reasons {
		b.quarantine.counters.Refused = append(b.quarantine.counters.Refused, console.Refusal{Reason: r, Link: "sms", Count: 1})
	}
	_, body := b.as(t, "hoa").get("/quarantine")
	for _, r := range reasons {
		if !strings.Contains(body, `data-reason="`+r+`"`) || strings.Contains(body, `<th scope="row">`+r+`</th>`) {
			t.Errorf("reason %q stands without an explanation", r)
		}
	}
}

// TestHowAReportCameIn: an officer who calls back must know whom the sender wrote to.
func TestHowAReportCameIn(t *testing.T) {
	b := newBench(t)
	w := b.as(t, "hoa")
	for i, c := range []struct {
		report triage.Report
		want   string
	}{
		{triage.Report{Door: report.DoorScreen, Device: "d000001", Link: "mqtt"}, "Nhập tại màn hình kiosk d000001, chuyển về qua Internet;"},
		{triage.Report{Door: report.DoorScreen, Device: "d000001", Link: "sms"}, "Nhập tại màn hình kiosk d000001, chuyển về qua SMS;"},
		{triage.Report{Door: report.DoorSMS, Device: "d000001", Link: "mqtt"}, "Người dân nhắn tin đến số của kiosk d000001, chuyển về qua Internet;"},
		{triage.Report{Door: report.DoorSMS, Link: "sms"}, "Người dân nhắn tin SMS thẳng đến số của trung tâm;"},
		{triage.Report{Device: "d000001", Link: "mqtt"}, "Không rõ kênh tiếp nhận, từ kiosk d000001, chuyển về qua Internet;"},
	} {
		c.report.Urgency = report.U1
		n := b.arrive(t, fmt.Sprintf("e%d", i), report.Draft{Door: c.report.Door, Text: report.Words("lời")}, c.report)
		if _, body := w.get("/case/" + n); !strings.Contains(body, c.want) {
			t.Errorf("%+v: the page lacks %q", c.report, c.want)
		}
	}
}

func TestKiosksThatFellSilentStandFirst(t *testing.T) {
	b := newBench(t)
	b.fleet.devices = []console.Device{
		{Name: "d000001", Seen: b.now().Add(-14 * time.Minute), CanStore: true, ClockOK: true, Signal: 99},
		{Name: "d000002", Seen: b.now().Add(-16 * time.Minute), CanStore: false, Modem: console.ModemBroken, Refused: 4, Signal: 3},
		{Name: "d000003"},
	}
	_, body := b.as(t, "kt").get("/devices")
	order := regexp.MustCompile(`data-device="(d\d+)" data-silent="(\w+)"`).FindAllString(body, -1)
	want := `[data-device="d000002" data-silent="true" data-device="d000003" data-silent="true" data-device="d000001" data-silent="false"]`
	if fmt.Sprint(order) != want {
		t.Errorf("%v", order)
	}
	for _, s := range []string{"2 thiết bị đang mất liên lạc", "Chưa từng kết nối", "Không lưu được tin báo mới", "Modem không dùng được", "cách ly 4 khung", "yếu (3/31)", "Đồng hồ của máy chưa chắc đúng"} {
		if !strings.Contains(body, s) {
			t.Errorf("the page lacks %q", s)
		}
	}
}

func TestAuditPageShowsTampering(t *testing.T) {
	b := newBench(t)
	b.arrive(t, "e1", report.Draft{Text: report.Words("x")}, triage.Report{Urgency: report.U1})
	w := b.as(t, "lam")
	if code, body := w.post("/audit"); code != http.StatusOK || !strings.Contains(body, `data-chain="ok"`) || !strings.Contains(body, "Trần Quốc Lâm") {
		t.Errorf("whole chain: %d", code)
	}
	b.store.Tamper(func(es []triage.Event) []triage.Event { es[1].Officer = "ai khác"; return es })
	if _, body := w.post("/audit"); !strings.Contains(body, `data-chain="broken"`) || !strings.Contains(body, "từ dòng 2") {
		t.Error("an altered line does not show")
	}
}

// Text keeps 7:1 on its ground in both palettes (WCAG 2.2, 1.4.6).
func TestContrastOfEveryText(t *testing.T) {
	css, err := os.ReadFile("static/console.css")
	if err != nil {
		t.Fatal(err)
	}
	light, rest, ok := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("no dark palette")
	}
	dark, _, _ := strings.Cut(rest, "* { box-sizing")
	for name, block := range map[string]string{"light": light, "dark": dark} {
		c := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(block, -1) {
			c[m[1]] = m[2]
		}
		pairs := [][2]string{{"u0", "card"}, {"u0", "ground"}, {"u0", "late-bg"}, {"link", "card"}, {"link", "ground"}, {"link", "late-bg"}}
		for k := range c {
			if _, ok := c[k+"-bg"]; ok {
				pairs = append(pairs, [2]string{k, k + "-bg"})
			}
		}
		for _, g := range []string{"ground", "card", "late-bg"} {
			pairs = append(pairs, [2]string{"ink", g}, [2]string{"quiet", g})
		}
		if len(pairs) < 18 {
			t.Fatalf("%s: only %d pairs found", name, len(pairs))
		}
		for _, p := range pairs {
			if r := contrast(t, c[p[0]], c[p[1]]); r < 7 {
				t.Errorf("%s: --%s on --%s is %.2f:1", name, p[0], p[1], r)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	lum := func(s string) float64 {
		if len(s) != 7 {
			t.Fatalf("no colour %q", s)
		}
		var l float64
		for i, weight := range []float64{.2126, .7152, .0722} {
			n, err := strconv.ParseUint(s[1+2*i:3+2*i], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			v := float64(n) / 255
			if v <= .04045 {
				v /= 12.92
			} else {
				v = math.Pow((v+.055)/1.055, 2.4)
			}
			l += weight * v
		}
		return l
	}
	la, lb := lum(a), lum(b)
	return (max(la, lb) + .05) / (min(la, lb) + .05)
}

func TestRunServesUntilStopped(t *testing.T) {
	c, err := console.New(console.Config{Listen: "127.0.0.1:0"}, console.Parts{Desk: &triage.Desk{}, Accounts: stubAccounts{}, Fleet: &stubFleet{}, Quarantine: &stubQuarantine{}},
		slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	res, err := http.Get(c.URL() + "login")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("login page: %d", res.StatusCode)
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
	if _, err := http.Get(c.URL()); err == nil {
		t.Error("the port is still open")
	}
}
