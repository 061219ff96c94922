package console_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway/internal/console"
	"github.com/langnghe/langnghe/gateway/routing"
	"github.com/langnghe/langnghe/gateway/triage"
)

// canary is a report's words, as they must stand nowhere but on the case's page.
const canary = "lời kể chỉ một người được đọc 7f3a"

type route struct{ method, path string }

// everyRoute is each path of the console, with a case in it where one belongs. TestEveryRouteIsTried holds it against
// the routes in the program's text.
func everyRoute(number string) []route {
	return []route{
		{"GET", "/"}, {"GET", "/queue"}, {"GET", "/ended"}, {"GET", "/find?number=" + number}, {"GET", "/case/" + number},
		{"POST", "/case/" + number + "/status"}, {"POST", "/case/" + number + "/urgency"}, {"POST", "/case/" + number + "/note"},
		{"POST", "/case/" + number + "/sender"}, {"GET", "/devices"}, {"GET", "/quarantine"}, {"GET", "/audit"}, {"POST", "/audit"},
		{"POST", "/logout"}, {"GET", "/no/such/page"}, {"POST", "/no/such/page"}, {"GET", "/case/" + number + "/status"}, {"HEAD", "/case/" + number},
	}
}

// A route that is added to the program without being added here would not be tried against invariant 12.
func TestEveryRouteIsTried(t *testing.T) {
	text, err := os.ReadFile("routes.go")
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{"GET /static/{file}": true, "GET /login": true, "POST /login": true, "GET /{$}": true}
	for _, r := range everyRoute("{number}") {
		path, _, _ := strings.Cut(r.path, "?")
		tried[r.method+" "+path] = true
	}
	found := regexp.MustCompile(`"((?:GET|POST) /[^"]*)"`).FindAllStringSubmatch(string(text), -1)
	if len(found) < 15 {
		t.Fatalf("only %d routes found in routes.go", len(found))
	}
	for _, m := range found {
		if !tried[m[1]] {
			t.Errorf("route %q is not in everyRoute", m[1])
		}
	}
}

func (r route) form() []string {
	return []string{"status", "R", "urgency", "U0", "note", "ghi chú", "report", "e1"}
}

func (w *browser) try(r route) (int, string) {
	w.t.Helper()
	if r.method == http.MethodPost {
		return w.post(r.path, r.form()...)
	}
	res, body := w.do(r.method, r.path, nil)
	return res.StatusCode, body
}

func TestEveryRouteAsksForALogin(t *testing.T) {
	b := newBench(t)
	n := b.arrive(t, "e1", report.Draft{Text: report.Words(canary)}, triage.Report{Urgency: report.U1, Facts: aboutOfficial})
	for _, r := range everyRoute(n) {
		var res *http.Response
		var body string
		w := b.browser(t)
		if r.method == http.MethodPost {
			res, body = w.do(r.method, r.path, values(r.form()...))
		} else {
			res, body = w.do(r.method, r.path, nil)
		}
		if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/login") {
			t.Errorf("%s %s without a login: %d to %q", r.method, r.path, res.StatusCode, res.Header.Get("Location"))
		}
		if strings.Contains(body, canary) || strings.Contains(body, n) && res.StatusCode != http.StatusSeeOther {
			t.Errorf("%s %s without a login shows the case", r.method, r.path)
		}
	}
	if len(b.store.All()) != 1 {
		t.Errorf("something was done without a login: %d events", len(b.store.All()))
	}
}

// Invariant 12: nobody whom routing excludes reaches a report by any path of the console, nor learns that there is one.
func TestExcludedViewerReachesNothingByAnyPath(t *testing.T) {
	b := newBench(t)
	const place = "nơi đặt máy bí mật"
	n := b.arrive(t, "e1", report.Draft{Text: report.Words(canary), Contact: report.Words(canary), Sender: report.Words("+84912345678")},
		triage.Report{Urgency: report.U1, Facts: aboutOfficial, Place: place, Device: "d000001"})
	missing := "VN-2026-000777"
	closed := b.arrive(t, "e9", report.Draft{Text: report.Words(canary)}, triage.Report{Urgency: report.U1, Facts: aboutOfficial, Place: place})
	hoa := b.officers["hoa"].Viewer
	if _, err := b.desk.Read(t.Context(), hoa, closed); err != nil {
		t.Fatal(err)
	}
	if err := b.desk.SetStatus(t.Context(), hoa, closed, 0, triage.Mistake, "nhầm"); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"xa", "xa2", "khac", "kt", "trống"} {
		opened := b.opener.Opened()
		for _, number := range []string{n, closed} {
			mine, theirs := everyRoute(number), everyRoute(missing)
			for i, r := range mine {
				w := b.as(t, user)
				code, body := w.try(r)
				for _, secret := range []string{canary, "0912345678", place, "ghi chú", "Nguyễn Thị Hoa"} {
					if strings.Contains(body, secret) {
						t.Errorf("%s at %s %s sees %q", user, r.method, r.path, secret)
					}
				}
				if strings.Contains(r.path, "/case/") && code < 400 {
					t.Errorf("%s at %s %s: %d", user, r.method, r.path, code)
				}
				if !strings.Contains(r.path, number) && strings.Contains(body, number) {
					t.Errorf("%s at %s %s sees the number of a case", user, r.method, r.path)
				}
				// A case that is not his looks exactly like one that does not exist.
				code2, body2 := w.try(theirs[i])
				if strings.Contains(r.path, "/case/") && (code2 != code || body2 != body) {
					t.Errorf("%s at %s %s can tell the case from one that does not exist: %d and %d", user, r.method, r.path, code, code2)
				}
			}
		}
		if b.opener.Opened() != opened {
			t.Errorf("words were opened for %s", user)
		}
	}
	c, _, err := b.store.Case(t.Context(), n)
	if err != nil || c.Version != 1 {
		t.Errorf("an excluded person changed the case: %+v, %v", c, err)
	}
	denied := 0
	for _, e := range b.store.All() {
		if e.Action == triage.ActionDenied && e.Case == n {
			denied++
		}
	}
	if denied == 0 {
		t.Error("no refusal is in the audit")
	}
	// And those who may see it do.
	for _, user := range []string{"hoa", "lam", "tinh"} {
		if code, body := b.as(t, user).get("/case/" + n); code != http.StatusOK || !strings.Contains(body, canary) {
			t.Errorf("%s does not see the case: %d", user, code)
		}
	}
	stranger := b.arrive(t, "e2", report.Draft{Text: report.Words(canary)}, triage.Report{Urgency: report.U1, Facts: aboutStranger})
	if code, body := b.as(t, "xa").get("/case/" + stranger); code != http.StatusOK || !strings.Contains(body, canary) {
		t.Errorf("the commune does not see its own case: %d", code)
	}
}

func TestWhoSeesKiosksCountersAndAudit(t *testing.T) {
	b := newBench(t)
	b.fleet.devices = []console.Device{{Name: "d000001", Province: hue, Place: "Huế"}, {Name: "d000002", Province: 48, Place: "Đà Nẵng"}, {Name: "d000003", Place: "chưa rõ"}}
	b.quarantine.counters = console.Counters{Duplicates: 4, Refused: []console.Refusal{{Reason: "forged", Link: "mqtt", Count: 3}, {Reason: "new-reason", Link: "sms", Count: 2}}}
	for _, c := range []struct {
		user                     string
		devices                  string // those that the page shows
		quarantine, queue, audit bool
	}{
		{"hoa", "d000001 d000002 d000003", true, true, false},
		{"lam", "d000001 d000002 d000003", true, true, true},
		{"tinh", "d000001", true, true, false},
		{"khac", "d000002", true, true, false},
		{"xa", "", false, true, false},
		{"xa2", "", false, true, false},
		{"kt", "d000001 d000002 d000003", true, false, false},
		{"trống", "", false, false, false},
	} {
		w := b.as(t, c.user)
		_, body := w.get("/devices")
		for _, d := range b.fleet.devices {
			if got, want := strings.Contains(body, `data-device="`+d.Name+`"`), strings.Contains(c.devices, d.Name); got != want {
				t.Errorf("%s sees kiosk %s: %v, want %v", c.user, d.Name, got, want)
			}
		}
		code, body := w.get("/quarantine")
		if (code == http.StatusOK) != c.quarantine || strings.Contains(body, `data-quarantined="5"`) != c.quarantine {
			t.Errorf("%s at /quarantine: %d", c.user, code)
		}
		if code, _ := w.get("/audit"); (code == http.StatusOK) != c.audit {
			t.Errorf("%s at /audit: %d", c.user, code)
		}
		if code, body := w.get("/"); (code == http.StatusOK) != c.queue || (c.queue && strings.Contains(body, `data-quarantined`) != c.quarantine) {
			t.Errorf("%s at /: %d", c.user, code)
		}
	}
}

func TestCrossOriginPostsAreRefused(t *testing.T) {
	b := newBench(t)
	n := b.arrive(t, "e1", report.Draft{Text: report.Words(canary)}, triage.Report{Urgency: report.U1, Facts: aboutStranger})
	w := b.as(t, "hoa")
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Sec-Fetch-Site", "", "Origin", "http://127.0.0.1:1"},
		{"Sec-Fetch-Site", "", "Origin", "null"},
	} {
		for _, r := range everyRoute(n) {
			if r.method != http.MethodPost {
				continue
			}
			if res, _ := w.do(r.method, r.path, values(r.form()...), headers...); res.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %v: %d", r.path, headers, res.StatusCode)
			}
		}
		if res, _ := w.do("POST", "/login", values("user", "hoa", "password", password), headers...); res.StatusCode != http.StatusForbidden {
			t.Errorf("login with %v: %d", headers, res.StatusCode)
		}
	}
	if c, _, _ := b.store.Case(t.Context(), n); c.Version != 1 {
		t.Error("another site changed a case")
	}
	// Another machine's name that was pointed at this one.
	req, _ := http.NewRequestWithContext(t.Context(), "GET", b.server.URL+"/login", nil)
	req.Host = "evil.example"
	res, err := w.c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a foreign host name: %d", res.StatusCode)
	}
}

func TestGuessesAreThrottled(t *testing.T) {
	b := newBench(t)
	w := b.browser(t)
	guess := func(user, pass string) (int, string) { return w.post("/login", "user", user, "password", pass) }
	for i := range 5 {
		if code, body := guess("hoa", "sai"); code != http.StatusUnauthorized || !strings.Contains(body, "không đúng") {
			t.Fatalf("guess %d: %d", i+1, code)
		}
	}
	code, body := guess("hoa", password)
	if code != http.StatusTooManyRequests || !strings.Contains(body, "Hãy đợi 30 giây") {
		t.Fatalf("the right password after five wrong ones: %d\n%s", code, body)
	}
	b.advance(31 * time.Second)
	if code, _ := guess("hoa", "sai"); code != http.StatusUnauthorized {
		t.Fatalf("after the wait: %d", code)
	}
	if code, body := guess("hoa", password); code != http.StatusTooManyRequests || !strings.Contains(body, "1 phút") {
		t.Fatalf("the wait does not grow: %d", code)
	}
	b.advance(61 * time.Second)
	if code, _ := guess("hoa", password); code != http.StatusSeeOther {
		t.Fatalf("the officer is locked out: %d", code)
	}
	refused := 0
	for _, e := range b.store.All() {
		if e.Action == triage.ActionRefused && e.Subject == "hoa" && e.Officer == "" {
			refused++
		}
	}
	if refused != 6 {
		t.Errorf("%d refused logins in the audit, want 6", refused)
	}
	// One address, many names.
	for range 40 {
		code, _ = guess("lam", "sai")
		b.advance(16 * time.Minute / 40)
	}
	if code != http.StatusTooManyRequests {
		t.Errorf("an address that tries for ever: %d", code)
	}
}

func TestUnknownNameLooksLikeAWrongPassword(t *testing.T) {
	b := newBench(t)
	_, known := b.browser(t).post("/login", "user", "hoa", "password", "sai")
	_, unknown := b.browser(t).post("/login", "user", "hoa2", "password", "sai")
	if strings.ReplaceAll(unknown, "hoa2", "hoa") != known {
		t.Error("the page tells which names exist")
	}
	if code, _ := b.browser(t).post("/login", "user", "", "password", ""); code != http.StatusUnauthorized {
		t.Errorf("empty login: %d", code)
	}
	// What was typed in the field of names may be a password: it stands nowhere.
	b.browser(t).post("/login", "user", "matkhau-go-nham", "password", "x")
	for _, e := range b.store.All() {
		if strings.Contains(e.Subject+e.Officer, "matkhau") {
			t.Error("an unknown name is in the audit")
		}
	}
	if strings.Contains(b.logged(), "matkhau") {
		t.Error("an unknown name is in the log")
	}
}

func TestSessionEndsWithTheAccountThePasswordAndTheLogout(t *testing.T) {
	b := newBench(t)
	in := func(w *browser) bool { code, _ := w.get("/"); return code == http.StatusOK }
	w, other, third := b.as(t, "hoa"), b.as(t, "hoa"), b.as(t, "tinh")
	if !in(w) || !in(other) || !in(third) {
		t.Fatal("not logged in")
	}
	stale, _ := w.do("GET", "/", nil)
	cookie := stale.Request.Header.Get("Cookie")
	if code, _ := w.post("/logout"); code != http.StatusSeeOther || in(w) || !in(other) {
		t.Error("logout ends the session, and that one alone")
	}
	if res, _ := b.browser(t).do("GET", "/", nil, "Cookie", cookie); res.StatusCode != http.StatusSeeOther {
		t.Errorf("the old cookie still opens the console: %d", res.StatusCode)
	}
	a := b.officers["hoa"]
	a.Hash = strings.Replace(a.Hash, "$m=64,t=1,p=1$", "$m=64,t=2,p=1$", 1)
	b.officers["hoa"] = a
	if in(other) {
		t.Error("a new password leaves the old session")
	}
	delete(b.officers, "tinh")
	if in(third) {
		t.Error("an account that was taken away is still in")
	}
}

// The queue renews itself every ten seconds; that must not keep a forgotten session alive.
func TestRenewingTheQueueDoesNotProlongTheSession(t *testing.T) {
	b := newBench(t)
	w := b.as(t, "hoa")
	if res, body := w.do("GET", "/queue", nil); res.StatusCode != http.StatusOK || res.Header.Get("Set-Cookie") != "" || !strings.Contains(body, `id="queue"`) {
		t.Errorf("renewing: %d, cookie %q", res.StatusCode, res.Header.Get("Set-Cookie"))
	}
	if res, _ := w.do("GET", "/queue", nil, "X-Active", "1"); res.Header.Get("Set-Cookie") == "" {
		t.Error("an officer who does something is logged out")
	}
}

func TestLoginLeadsOnlyToOwnPages(t *testing.T) {
	b := newBench(t)
	for next, want := range map[string]string{
		"/case/VN-2026-000001": "/case/VN-2026-000001", "/devices": "/devices", "": "/",
		"//evil.example": "/", "https://evil.example": "/", "/case/../../x": "/", "/devices\r\nX: y": "/", "/logout": "/",
	} {
		res, _ := b.browser(t).do("POST", "/login", values("user", "hoa", "password", password, "next", next))
		if got := res.Header.Get("Location"); got != want {
			t.Errorf("next %q leads to %q", next, got)
		}
	}
}

func TestListenRefusesAnOpenNetworkWithoutTLS(t *testing.T) {
	parts := console.Parts{Desk: &triage.Desk{}, Accounts: stubAccounts{}, Fleet: &stubFleet{}, Quarantine: &stubQuarantine{}}
	for listen, want := range map[string]string{
		"0.0.0.0:0": "no TLS", ":0": "no TLS", "[::]:0": "no TLS", "192.0.2.1:8443": "no TLS", "gateway.example:8443": "no TLS", "8443": "host:port",
		"127.0.0.1:0": "", "localhost:0": "",
	} {
		c, err := console.New(console.Config{Listen: listen}, parts, nil)
		if c != nil {
			_ = c.Close()
		}
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("listen on %q: %v", listen, err)
		}
	}
	first, err := console.New(console.Config{Listen: "127.0.0.1:0"}, parts, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	address := strings.TrimSuffix(strings.TrimPrefix(first.URL(), "http://"), "/")
	if _, err := console.New(console.Config{Listen: address}, parts, nil); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("a busy port: %v", err)
	}
	if _, err := console.New(console.Config{Listen: "127.0.0.1:0"}, console.Parts{}, nil); err == nil {
		t.Error("a console without its parts")
	}
}

func TestTLSMakesTheCookieSecure(t *testing.T) {
	b := newBench(t)
	donor := httptest.NewTLSServer(http.NotFoundHandler()) // lends its certificate and a client that trusts it
	defer donor.Close()
	c, err := console.New(console.Config{Listen: "127.0.0.1:0", TLS: donor.TLS.Clone()}, console.Parts{Desk: b.desk, Accounts: b.officers,
		Fleet: &b.fleet, Quarantine: &b.quarantine, Now: b.now}, slog.New(slog.NewTextHandler(b, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	client := donor.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.PostForm(c.URL()+"login", values("user", "hoa", "password", password))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	k := res.Cookies()
	if len(k) != 1 || !k[0].Secure || k[0].Name != "__Host-langnghe" || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("login over TLS: %d, %+v", res.StatusCode, k)
	}
	stop()
	<-done
}

func TestHashPassword(t *testing.T) {
	if _, err := console.HashPassword("ngắn quá"); err == nil {
		t.Error("a short password")
	}
	b := newBench(t)
	// The same letters from another keyboard: composed and decomposed.
	h, err := console.HashPassword("mật khẩu thật dài")
	if err != nil {
		t.Fatal(err)
	}
	b.officers["moi"] = console.Account{Hash: h, Viewer: routing.Viewer{ID: "moi", Role: routing.RoleDuty, Scope: routing.ScopeNational}}
	if code, _ := b.browser(t).post("/login", "user", "moi", "password", "mật khẩu thật dài"); code != http.StatusSeeOther {
		t.Errorf("a password in another Unicode form: %d", code)
	}
}
