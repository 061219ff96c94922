package console_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway/internal/console"
	"github.com/langnghe/langnghe/gateway/routing"
	"github.com/langnghe/langnghe/gateway/triage"
	"github.com/langnghe/langnghe/gateway/triage/triagetest"
)

const (
	anCuu    = 19777
	hue      = 46
	password = "mật khẩu của ca trực"
)

// A cheap hash: what a password costs is argon2id's matter, not these tests'.
var cheapHash = func() string {
	h, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		panic(err)
	}
	return h
}()

func account(id, name string, role routing.Role, scope routing.Scope, province, commune uint32) console.Account {
	return console.Account{Name: name, Hash: cheapHash, Viewer: routing.Viewer{ID: id, Role: role, Scope: scope, Province: province, Commune: commune}}
}

func officers() stubAccounts {
	return stubAccounts{
		"hoa":   account("hoa", "Nguyễn Thị Hoa", routing.RoleDuty, routing.ScopeNational, 0, 0),
		"lam":   account("lam", "Trần Quốc Lâm", routing.RoleSupervisor, routing.ScopeNational, 0, 0),
		"tinh":  account("tinh", "Lê Thị Mai", routing.RoleOfficer, routing.ScopeProvince, hue, 0),
		"xa":    account("xa", "Phạm Văn Tín", routing.RoleOfficer, routing.ScopeCommune, hue, anCuu),
		"xa2":   account("xa2", "Đỗ Minh", routing.RoleSupervisor, routing.ScopeCommune, hue, anCuu),
		"khac":  account("khac", "Hồ Thị Na", routing.RoleOfficer, routing.ScopeProvince, 48, 0),
		"kt":    account("kt", "Vũ Hải", routing.RoleTechnician, routing.ScopeNational, 0, 0),
		"trống": account("trống", "", routing.RoleNone, routing.ScopeNational, 0, 0),
	}
}

// stubAccounts is a fixed set of accounts, by the name that is typed.
type stubAccounts map[string]console.Account

func (o stubAccounts) Account(_ context.Context, user string) (console.Account, bool, error) {
	a, ok := o[user]
	return a, ok, nil
}

type stubFleet struct {
	devices []console.Device
	err     error
}

func (f *stubFleet) Devices(context.Context) ([]console.Device, error) { return f.devices, f.err }

type stubQuarantine struct {
	counters console.Counters
	err      error
}

func (q *stubQuarantine) Counters(context.Context) (console.Counters, error) {
	return q.counters, q.err
}

// bench is a console over a store in memory, with its log and its clock in the test's hands.
type bench struct {
	*console.Console
	server     *httptest.Server
	desk       *triage.Desk
	store      triagetest.Store
	opener     triagetest.Opener
	officers   stubAccounts
	fleet      stubFleet
	quarantine stubQuarantine

	mu    sync.Mutex
	clock time.Time
	logs  bytes.Buffer
}

func (b *bench) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.logs.Write(p)
}

func (b *bench) logged() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.logs.String()
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clock
}

func (b *bench) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock = b.clock.Add(d)
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{clock: time.Date(2026, 11, 18, 3, 12, 0, 0, triage.Zone), officers: officers()}
	b.desk = triage.NewDesk(&b.store, triagetest.Vault{}, &b.opener, b.now)
	var err error
	b.Console, err = console.New(console.Config{Listen: "127.0.0.1:0"}, console.Parts{Desk: b.desk, Accounts: b.officers, Fleet: &b.fleet,
		Quarantine: &b.quarantine, Now: b.now}, slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	b.server = httptest.NewServer(b.Handler())
	t.Cleanup(func() {
		b.server.Close()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) arrive(t *testing.T, envelope string, d report.Draft, r triage.Report) string {
	t.Helper()
	b.opener.Put(envelope, d)
	r.Envelope, r.Categories = envelope, d.Categories
	if r.Received.IsZero() {
		r.Received = b.now()
	}
	n, _, err := b.desk.Open(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var (
	aboutOfficial = routing.Facts{Province: hue, Commune: anCuu, Alleged: report.AllegedOfficial, Environment: report.EnvironmentCommunity}
	aboutStranger = routing.Facts{Province: hue, Commune: anCuu, Alleged: report.AllegedStranger, Environment: report.EnvironmentCommunity}
)

// browser is one person's browser: it keeps cookies and does not follow redirects.
type browser struct {
	t *testing.T
	b *bench
	c *http.Client
}

func (b *bench) browser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, b, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (w *browser) do(method, path string, form url.Values, headers ...string) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.b.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := w.c.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res, string(body)
}

func (w *browser) get(path string) (int, string) {
	w.t.Helper()
	res, body := w.do(http.MethodGet, path, nil)
	return res.StatusCode, body
}

func (w *browser) post(path string, kv ...string) (int, string) {
	w.t.Helper()
	res, body := w.do(http.MethodPost, path, values(kv...))
	return res.StatusCode, body
}

func values(kv ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		v.Set(kv[i], kv[i+1])
	}
	return v
}

// as logs user in.
func (b *bench) as(t *testing.T, user string) *browser {
	t.Helper()
	w := b.browser(t)
	if code, body := w.post("/login", "user", user, "password", password); code != http.StatusSeeOther {
		t.Fatalf("login of %s: %d\n%s", user, code, body)
	}
	return w
}
