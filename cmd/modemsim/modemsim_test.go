package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/modem/modemtest"
)

// running is a whole modemsim, as main runs it.
type running struct {
	t      *testing.T
	ready  ready
	base   string // http://127.0.0.1:PORT
	token  string
	client *http.Client
}

func start(t *testing.T, change func(*config)) *running {
	t.Helper()
	c, err := flags([]string{"-dir", t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&c)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, c, in, slog.New(slog.DiscardHandler))
		in.CloseWithError(errors.Join(err, io.EOF))
		ended <- err
	}()
	r := &running{t: t, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r.ready)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		if _, err := os.Lstat(r.ready.KioskPort); !errors.Is(err, os.ErrNotExist) {
			t.Error("the link to the kiosk's modem outlives the program")
		}
	})
	u, err := url.Parse(r.ready.Panel)
	if err != nil {
		t.Fatal(err)
	}
	r.base, r.token = "http://"+u.Host, u.Query().Get("token")
	return r
}

// do sends a request with these headers ("Host" included) and returns status
// and body.
func (r *running) do(method, path, body string, header map[string]string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.base+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	req.Host = header["Host"]
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res, string(b)
}

// post calls the API as demo-check does and wants success.
func (r *running) post(path string, v any) {
	r.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		r.t.Fatal(err)
	}
	if res, body := r.do("POST", path, string(b), map[string]string{"X-Token": r.token}); res.StatusCode != 200 {
		r.t.Fatalf("%s %s: %d %s", path, b, res.StatusCode, body)
	}
}

func (r *running) get(path string, v any) {
	r.t.Helper()
	res, body := r.do("GET", path, "", map[string]string{"X-Token": r.token})
	if res.StatusCode != 200 {
		r.t.Fatalf("%s: %d %s", path, res.StatusCode, body)
	}
	if err := json.Unmarshal([]byte(body), v); err != nil {
		r.t.Fatal(err)
	}
}

func TestTokenBecomesACookieAndLeavesTheURL(t *testing.T) {
	r := start(t, nil)
	res, _ := r.do("GET", "/?token="+r.token, "", nil)
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" {
		t.Fatalf("status %d to %q", res.StatusCode, res.Header.Get("Location"))
	}
	cookies := res.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	c := cookies[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Value == r.token {
		t.Errorf("cookie %v", c)
	}
	cookie := c.Name + "=" + c.Value
	res, body := r.do("GET", "/", "", map[string]string{"Cookie": cookie})
	if res.StatusCode != 200 || !strings.Contains(body, "Sóng GSM của kiosk") {
		t.Errorf("status %d", res.StatusCode)
	}
	csp := res.Header.Get("Content-Security-Policy")
	_, nonce, _ := strings.Cut(csp, "script-src 'nonce-")
	nonce, _, _ = strings.Cut(nonce, "'")
	if nonce == "" || !strings.Contains(body, `<script nonce="`+nonce+`">`) || strings.Contains(csp, "unsafe") {
		t.Errorf("CSP %q does not fit the page", csp)
	}
	if strings.Contains(body, r.token) {
		t.Error("the page holds the token")
	}
	origin := map[string]string{"Cookie": cookie, "Origin": r.base}
	if res, body := r.do("POST", "/api/switch", `{"name":"gsm-kiosk","on":false}`, origin); res.StatusCode != 200 {
		t.Errorf("the page's own request: %d %s", res.StatusCode, body)
	}
}

func TestGuardRefuses(t *testing.T) {
	r := start(t, nil)
	res, _ := r.do("GET", "/?token="+r.token, "", nil)
	cookie := res.Cookies()[0].Name + "=" + res.Cookies()[0].Value
	_, port, _ := strings.Cut(strings.TrimPrefix(r.base, "http://"), ":")
	off := `{"name":"gsm-kiosk","on":false}`
	for name, c := range map[string]struct {
		method, path string
		header       map[string]string
		want         int
	}{
		"no token":                  {"GET", "/", nil, 401},
		"wrong token in URL":        {"GET", "/?token=" + strings.Repeat("A", 26), nil, 401},
		"empty token in URL":        {"GET", "/?token=", nil, 401},
		"token in an API URL":       {"GET", "/api/state?token=" + r.token, nil, 401},
		"wrong header":              {"GET", "/api/state", map[string]string{"X-Token": "x"}, 401},
		"wrong cookie":              {"GET", "/api/state", map[string]string{"Cookie": strings.Split(cookie, "=")[0] + "=x"}, 401},
		"token as cookie":           {"GET", "/api/state", map[string]string{"Cookie": strings.Split(cookie, "=")[0] + "=" + r.token}, 401},
		"rebound name":              {"GET", "/api/state", map[string]string{"X-Token": r.token, "Host": "evil.example:" + port}, 421},
		"rebound name, cookie":      {"GET", "/", map[string]string{"Cookie": cookie, "Host": "evil.example:" + port}, 421},
		"right name, other port":    {"GET", "/api/state", map[string]string{"X-Token": r.token, "Host": "127.0.0.1:1"}, 421},
		"other origin":              {"POST", "/api/switch", map[string]string{"Cookie": cookie, "Origin": "http://evil.example"}, 403},
		"other port's origin":       {"POST", "/api/switch", map[string]string{"Cookie": cookie, "Origin": "http://127.0.0.1:1"}, 403},
		"opaque origin":             {"POST", "/api/switch", map[string]string{"Cookie": cookie, "Origin": "null"}, 403},
		"cookie without origin":     {"POST", "/api/switch", map[string]string{"Cookie": cookie}, 403},
		"token, but other origin":   {"POST", "/api/switch", map[string]string{"X-Token": r.token, "Origin": "http://evil.example"}, 403},
		"changing by GET":           {"GET", "/api/switch", map[string]string{"X-Token": r.token}, 405},
		"page under another path":   {"GET", "/x?token=" + r.token, nil, 401},
		"localhost is us too":       {"GET", "/api/state", map[string]string{"X-Token": r.token, "Host": "localhost:" + port}, 200},
		"header beats a bad cookie": {"GET", "/api/state", map[string]string{"X-Token": r.token, "Cookie": "x=y"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			if res, body := r.do(c.method, c.path, off, c.header); res.StatusCode != c.want {
				t.Errorf("status %d %s, want %d", res.StatusCode, body, c.want)
			}
		})
	}
	var s state
	if r.get("/api/state", &s); !s.Kiosk.GSM {
		t.Error("a refused request switched the kiosk's GSM off")
	}
}

func TestPhonesSwitchesAndFrames(t *testing.T) {
	r := start(t, nil)
	long := "Cháu ơi, " + strings.Repeat("ở xóm Đồng Nà ", 8)
	r.post("/api/phone/send", sendText{From: "0912345678", To: "+84355512345", Text: long, Reorder: true})
	var inbox []modemtest.Message
	r.get("/api/phone/inbox?msisdn=0355512345", &inbox)
	if len(inbox) != 1 || inbox[0].Text != long || !inbox[0].Whole {
		t.Fatalf("inbox %+v", inbox)
	}

	r.post("/api/switch", flip{Name: "gsm-kiosk"})
	r.post("/api/phone/send", sendText{From: "0912345678", To: "kiosk", Text: "x"})
	var s state
	if r.get("/api/state", &s); s.Kiosk.GSM || s.Kiosk.Waiting != 1 || s.Counters.Undelivered != 1 {
		t.Errorf("state %+v", s)
	}
	r.post("/api/switch", flip{Name: "gsm-kiosk", On: true})
	if r.get("/api/state", &s); s.Kiosk.Waiting != 0 || s.Kiosk.Stored != 1 {
		t.Errorf("state %+v", s)
	}

	r.post("/api/capture", capture{On: true})
	r.post("/api/inject", inject{From: "kiosk", To: "gateway", Hex: strings.Repeat("0a", 200)})
	r.post("/api/capture", capture{})
	r.post("/api/inject", inject{From: "kiosk", To: "gateway", Hex: "ff"})
	var frames []struct{ Hex, TPDU, From string }
	if r.get("/api/captured", &frames); len(frames) != 2 || len(frames[0].Hex)+len(frames[1].Hex) != 400 {
		t.Fatalf("captured %+v", frames)
	}
	r.post("/api/inject-tpdu", injectTPDU{To: "gateway", Hex: frames[0].TPDU})
	var truth []struct{ Hex, TPDU, From, To, Coding string }
	r.get("/api/truth", &truth)
	if last := truth[len(truth)-1]; last.TPDU != frames[0].TPDU || last.Hex != frames[0].Hex || last.From != "+84900000001" {
		t.Errorf("replayed %+v", last)
	}
	r.post("/api/inject", inject{From: "+84900000001", To: "0355512345", Text: "Xin chào"})
	if r.get("/api/phone/inbox?msisdn=0355512345", &inbox); len(inbox) != 2 || inbox[1].From != "+84900000001" {
		t.Errorf("inbox %+v", inbox)
	}
}

func TestFaults(t *testing.T) {
	r := start(t, nil)
	var s state
	for _, f := range []string{
		`{"sim":"kiosk","name":"drop-reply","value":true}`, `{"sim":"kiosk","name":"mute","value":true}`,
		`{"sim":"kiosk","name":"noise","value":true}`, `{"sim":"gateway","name":"storage-full","value":true}`,
		`{"sim":"gateway","name":"send-error","value":38}`, `{"sim":"kiosk","name":"pace","value":"partial"}`,
		`{"sim":"","name":"delay","value":5}`, `{"sim":"","name":"reorder","value":true}`, `{"sim":"","name":"duplicate","value":true}`,
	} {
		r.post("/api/fault", json.RawMessage(f))
	}
	if r.get("/api/state", &s); len(s.Faults) != 9 {
		t.Errorf("faults %v", s.Faults)
	}
	r.post("/api/fault", json.RawMessage(`{"sim":"kiosk","name":"unplug","value":true}`))
	if r.get("/api/state", &s); s.Kiosk.Plugged {
		t.Error("still plugged in")
	}
	r.post("/api/fault", json.RawMessage(`{"sim":"kiosk","name":"replug","value":true}`))
	if r.get("/api/state", &s); !s.Kiosk.Plugged {
		t.Error("not plugged in again")
	}
	for _, bad := range []string{
		`{"sim":"kiosk","name":"mute","value":1}`, `{"sim":"x","name":"mute","value":true}`, `{"sim":"","name":"delay","value":-1}`,
		`{"sim":"kiosk","name":"nothing","value":true}`, `{"sim":"kiosk","name":"mute","value":true,"more":1}`, `[`,
	} {
		if res, body := r.do("POST", "/api/fault", bad, map[string]string{"X-Token": r.token}); res.StatusCode/100 != 4 || !strings.Contains(body, `"error"`) {
			t.Errorf("%s: %d %s", bad, res.StatusCode, body)
		}
	}
}

func TestHostileFramesComeFromRealOnes(t *testing.T) {
	n := modemtest.New(modemtest.Options{})
	defer n.Close()
	kiosk, gateway := n.SIM("+84900000001"), n.SIM("+84900000002")
	p := newPanel(n, kiosk, gateway, nil, thief{})
	var refused refusal
	if err := p.hostile(hostile{To: "gateway", Kind: "replay"}); !errors.As(err, &refused) {
		t.Errorf("nothing to replay, got %v", err)
	}
	if err := p.hostile(hostile{To: "gateway", Kind: "random"}); err != nil {
		t.Error(err)
	}
	if last := n.Truth()[0]; last.From != kiosk.Number() || len(last.Data) != 100 || !last.Injected {
		t.Errorf("random frame %+v", last)
	}
	genuine := []modemtest.Segment{
		{From: "a", To: "b", Coding: modemtest.Binary, Header: []byte{6, 8, 4, 0, 1, 2, 1}, Data: []byte{1}},
		{From: "a", To: "b", Coding: modemtest.Binary, Header: []byte{6, 8, 4, 0, 2, 2, 1}, Data: []byte{2}},
		{From: "a", To: "b", Coding: modemtest.Binary, Header: []byte{6, 8, 4, 0, 2, 2, 2}, Data: []byte{3}},
		{From: "b", To: "a", Coding: modemtest.Binary, Data: []byte{4}},
		{From: "a", To: "b", Coding: modemtest.Binary, Data: []byte{5}, Injected: true},
		{From: "a", To: "b", Coding: modemtest.UCS2, Data: []byte{6}},
	}
	got := lastFrames(genuine, "a", "b")
	if len(got) != 2 || got[0].Data[0] != 2 || got[1].Data[0] != 3 {
		t.Errorf("last frames %+v", got)
	}
}

func TestInternetSwitch(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	r := start(t, func(c *config) { c.internetFrom, c.internet = "127.0.0.1:0", echo.Addr().String() })
	dial := func() net.Conn {
		c, err := net.Dial("tcp", r.ready.Internet)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	works := func(c net.Conn) error {
		if _, err := c.Write([]byte("ping")); err != nil {
			return err
		}
		b := make([]byte, 4)
		_, err := io.ReadFull(c, b)
		if err == nil && !bytes.Equal(b, []byte("ping")) {
			t.Errorf("relayed %q", b)
		}
		return err
	}
	c := dial()
	if err := works(c); err != nil {
		t.Fatal(err)
	}
	r.post("/api/switch", flip{Name: "internet"})
	var timeout net.Error
	if err := works(c); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the open connection was not cut: %v", err)
	}
	// The reset may come so soon that the dial itself fails.
	if c, err := net.Dial("tcp", r.ready.Internet); err == nil {
		if err := errors.Join(c.SetDeadline(time.Now().Add(10*time.Second)), works(c)); err == nil {
			t.Error("a new connection was let through")
		}
		c.Close()
	}
	r.post("/api/switch", flip{Name: "internet", On: true})
	if err := works(dial()); err != nil {
		t.Error(err)
	}
	var s state
	if r.get("/api/state", &s); s.Internet.Connections != 2 || s.Internet.Up < 8 || s.Internet.Down < 8 {
		t.Errorf("internet %+v", s.Internet)
	}
}

func TestLoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0"} {
		if l, err := listenLoopback(address); err == nil {
			l.Close()
			t.Errorf("listens on %s", address)
		}
	}
	c, err := flags([]string{"-dir", t.TempDir(), "-internet", "0.0.0.0:0=127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), c, io.Discard, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("got %v", err)
	}
}

func TestBadStartsSayWhatToDo(t *testing.T) {
	for _, args := range [][]string{{}, {"-dir", "x", "-internet", "127.0.0.1:0"}, {"-dir", "x", "stray"}} {
		if _, err := flags(args); err == nil {
			t.Errorf("%v accepted", args)
		}
	}
	c := config{dir: t.TempDir(), kioskSIM: "0900000001", gatewaySIM: "+84900000001", panel: "127.0.0.1:0"}
	if err := run(t.Context(), c, io.Discard, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "different numbers") {
		t.Errorf("one number for two SIMs: %v", err)
	}
}

func TestTokenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	made, err := readToken(file)
	if err != nil || len(made) < 20 {
		t.Fatalf("%q, %v", made, err)
	}
	if again, err := readToken(file); err != nil || again != made {
		t.Errorf("read %q after %q, %v", again, made, err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readToken(file); err == nil {
		t.Error("a token that others can read was taken")
	}
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readToken(short); err == nil {
		t.Error("a token of three characters was taken")
	}
}
