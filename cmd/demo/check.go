package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/langnghe/langnghe/ui/flow"
)

// checker drives the system as its users do, and looks at it with their eyes: the child's finger, the villager's phone,
// the officer's browser; and with an eavesdropper's and a thief's.
type checker struct {
	*system
	finger  *finger
	officer *browser
	cases   []string // case numbers seen so far
	secrets []string // words that may stand nowhere on the device
	rows    []row
}

type row struct {
	what string
	took time.Duration
	err  error
	note string
}

func runCheck(ctx context.Context, s *system, pictures string) error {
	for _, tool := range []string{"xdotool", "sqlite3", "mosquitto_pub"} {
		if err := need(tool, "test"); err != nil {
			return err
		}
	}
	var w, h int
	if _, err := fmt.Sscanf(s.size, "%dx%d", &w, &h); err != nil {
		return fmt.Errorf("size %q: want 1024x600", s.size)
	}
	b, err := startBrowser(ctx, s.dir, "http://"+loopback(s.ports.Console))
	if err != nil {
		return err
	}
	defer b.stop()
	c := &checker{system: s, officer: b, finger: &finger{d: s.screen, size: image.Pt(w, h), state: flow.State{Status: flow.Status{CanStore: true, Online: true}}}}
	if pictures != "" {
		if err := os.MkdirAll(pictures, 0o755); err != nil {
			return err
		}
	}
	steps := []struct {
		what string
		f    func(context.Context) (string, error)
	}{
		{"the officer logs in; the screen stands; nothing listens beyond", c.ready},
		{"a  by touch over MQTT: acked, in the console, body gone", c.overMQTT},
		{"b  internet off: by SMS, acked by SMS", c.overSMS},
		{"c  nothing up, SIGKILL of kiosk and gateway: arrives once", c.powerCut},
		{"d  villager's SMS, two segments out of order: answered, word for word", c.villager},
		{"e  hostile frames on SMS and MQTT: only the counter moves", c.hostile},
		{"no word of a report on the device's disk or in its logs", c.canary},
	}
	for _, st := range steps {
		start := time.Now()
		note, err := st.f(ctx)
		c.rows = append(c.rows, row{st.what, time.Since(start), err, note})
		if err != nil {
			break // what follows stands on it
		}
		if pictures != "" {
			if err := c.takePictures(st.what[:1], pictures); err != nil {
				return err
			}
		}
	}
	return c.report(len(steps))
}

func (c *checker) report(want int) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "step\ttime\tresult\t")
	var failed error
	for _, r := range c.rows {
		result := "ok"
		if r.err != nil {
			result, failed = "FAILED", r.err
		}
		fmt.Fprintf(w, "%s\t%.1f s\t%s\t%s\n", r.what, r.took.Seconds(), result, r.note)
	}
	w.Flush()
	if failed != nil {
		return fmt.Errorf("%w\n  logs: %s", failed, filepath.Join(c.dir, "log"))
	}
	if len(c.rows) != want {
		return errors.New("not every step ran")
	}
	return nil
}

func (c *checker) ready(ctx context.Context) (string, error) {
	if err := c.officer.login(c.system.officer); err != nil {
		return "", err
	}
	if err := c.panel.capture(ctx); err != nil {
		return "", err
	}
	if err := c.finger.see(ctx); err != nil {
		return "", err
	}
	if err := c.finger.changeOfMind(ctx); err != nil {
		return "", err
	}
	if err := c.shut(ctx); err != nil {
		return "", err
	}
	return "all ports on loopback; the screen in the browser asks for its token", c.onlineMQTT(ctx)
}

// shut serves the screen to the browser, as a demo without a display does, and checks that nobody gets at it without the
// token of the run, and that nothing listens beyond this machine.
func (c *checker) shut(ctx context.Context) error {
	socket, err := c.screen.share(c.dir)
	if err != nil {
		return err
	}
	defer c.screen.vnc.terminate(3 * time.Second)
	err = poll(ctx, "x11vnc to serve the screen", 20*time.Second, func() (bool, error) {
		_, err := os.Stat(socket)
		return err == nil, nil
	})
	if err != nil {
		return err
	}
	v, err := startViewer(socket)
	if err != nil {
		return err
	}
	defer v.stop()
	if err := onlyLoopback(); err != nil {
		return err
	}
	for _, try := range []struct {
		what, path, host, origin, cookie string
		want                             int
	}{
		{"the page without the token", "/vnc_lite.html", v.host, "", "", http.StatusForbidden},
		{"the socket without the token", "/ws", v.host, "", "", http.StatusForbidden},
		{"a wrong token", "/?token=" + newToken(), v.host, "", "", http.StatusForbidden},
		{"another name for this address", "/vnc_lite.html", "evil.example", "", v.token, http.StatusForbidden},
		{"another site's page", "/ws", v.host, "http://evil.example", v.token, http.StatusForbidden},
		{"the page with the cookie", "/vnc_lite.html", v.host, "", v.token, http.StatusOK},
	} {
		req, err := http.NewRequestWithContext(ctx, "GET", "http://"+v.host+try.path, nil)
		if err != nil {
			return err
		}
		req.Host = try.host
		if try.origin != "" {
			req.Header.Set("Origin", try.origin)
		}
		if try.cookie != "" {
			req.AddCookie(&http.Cookie{Name: viewerCookie, Value: try.cookie})
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != try.want {
			return fmt.Errorf("the screen in the browser answers %s with %s", try.what, resp.Status)
		}
	}
	return nil
}

// onlineMQTT waits until the gateway has heard the kiosk's heartbeat, that is, until MQTT is up.
func (c *checker) onlineMQTT(ctx context.Context) error {
	return poll(ctx, "the kiosk's heartbeat in the console", 40*time.Second, func() (bool, error) {
		link, err := c.officer.deviceLink("d000001")
		return link == "mqtt", err
	})
}

// words makes a sentence that stands nowhere else, as Telex keys and as the letters they give.
func words() (keys, text string) {
	const quiet = "bcghklmnptv" // letters that Telex leaves alone
	b := make([]byte, 8)
	for i := range b {
		b[i] = quiet[rand.IntN(len(quiet))]
	}
	return "em bij ddanhs " + string(b), "em bị đánh " + string(b)
}

// tellAndFind sends a report by touch and waits until it stands in the console with its words.
func (c *checker) tellAndFind(ctx context.Context, limit time.Duration) (page, error) {
	keys, text := words()
	c.secrets = append(c.secrets, text)
	if err := c.finger.tell(ctx, keys); err != nil {
		return page{}, err
	}
	p, err := c.newCase(ctx, limit)
	if err != nil {
		return page{}, err
	}
	if p.Text != text {
		return page{}, fmt.Errorf("the console shows %q, the child wrote %q", p.Text, text)
	}
	if err := c.outboxEmpty(ctx, limit); err != nil {
		return page{}, err
	}
	return p, c.finger.leave(ctx)
}

// newCase waits for one more case in the queue and opens it.
func (c *checker) newCase(ctx context.Context, limit time.Duration) (page, error) {
	var fresh []string
	err := poll(ctx, "a new case in the console", limit, func() (bool, error) {
		all, err := c.officer.queued()
		if err != nil {
			return false, err
		}
		fresh = slices.DeleteFunc(slices.Clone(all), func(n string) bool { return slices.Contains(c.cases, n) })
		return len(fresh) > 0, nil
	})
	if err != nil {
		return page{}, err
	}
	if len(fresh) != 1 {
		return page{}, fmt.Errorf("one report made %d cases", len(fresh))
	}
	c.cases = append(c.cases, fresh...)
	return c.officer.open(fresh[0])
}

// outbox asks SQLite's own program, which knows nothing of ours.
func (c *checker) outbox(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "sqlite3", "-readonly", c.outboxFile(), "SELECT count(*) FROM envelope").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("sqlite3: %s", bytes.TrimSpace(out))
	}
	return strings.TrimSpace(string(out)), nil
}

func (c *checker) outboxEmpty(ctx context.Context, limit time.Duration) error {
	return poll(ctx, "the sealed body to leave the outbox", limit, func() (bool, error) {
		n, err := c.outbox(ctx)
		return n == "0", err
	})
}

func (c *checker) overMQTT(ctx context.Context) (string, error) {
	p, err := c.tellAndFind(ctx, 20*time.Second)
	if err != nil {
		return "", err
	}
	if p.Link != "mqtt" {
		return "", fmt.Errorf("the console says that it came by %q", p.Link)
	}
	return c.finger.answer(), nil
}

func (c *checker) overSMS(ctx context.Context) (string, error) {
	if err := c.panel.set(ctx, switchInternet, false); err != nil {
		return "", err
	}
	p, err := c.tellAndFind(ctx, 60*time.Second)
	if err != nil {
		return "", err
	}
	if p.Link != "sms" {
		return "", fmt.Errorf("the console says that it came by %q", p.Link)
	}
	return c.passed(ctx)
}

// passed says what went over the air.
func (c *checker) passed(ctx context.Context) (string, error) {
	all, err := c.panel.captured(ctx)
	if err != nil {
		return "", err
	}
	up, down := 0, 0
	for _, m := range all {
		if m.To == gatewayMSISDN {
			up++
		} else {
			down++
		}
	}
	if up == 0 || down == 0 {
		return "", fmt.Errorf("%d frames went up and %d came down by SMS", up, down)
	}
	return fmt.Sprintf("%d segments up, %d acks down", up, down), c.panel.set(ctx, switchInternet, true)
}

func (c *checker) powerCut(ctx context.Context) (string, error) {
	for _, s := range []string{switchInternet, switchGSM} {
		if err := c.panel.set(ctx, s, false); err != nil {
			return "", err
		}
	}
	keys, text := words()
	c.secrets = append(c.secrets, text)
	c.finger.taps = nil
	if err := c.finger.tell(ctx, keys); err != nil {
		return "", err
	}
	// Invariant 9: with dead links the screen answers as fast as ever.
	note := c.finger.answer()
	if n, err := c.outbox(ctx); err != nil || n == "0" {
		return "", fmt.Errorf("the report is not in the outbox (%s, %v)", n, err)
	}
	c.device.kill()
	c.gateway.kill()
	if err := c.startGateway(ctx); err != nil {
		return "", err
	}
	if err := c.startDevice(ctx); err != nil {
		return "", err
	}
	for _, s := range []string{switchInternet, switchGSM} {
		if err := c.panel.set(ctx, s, true); err != nil {
			return "", err
		}
	}
	// The gateway's sessions live in memory: after a restart the officer logs in again.
	if err := c.officer.login(c.system.officer); err != nil {
		return "", err
	}
	p, err := c.newCase(ctx, 90*time.Second)
	if err != nil {
		return "", err
	}
	if p.Text != text {
		return "", fmt.Errorf("the console shows %q, the child wrote %q", p.Text, text)
	}
	if err := c.outboxEmpty(ctx, 60*time.Second); err != nil {
		return "", err
	}
	if err := c.finger.leave(ctx); err != nil {
		return "", err
	}
	return note, c.sameCases()
}

// sameCases: no case stands in the queue that was not counted.
func (c *checker) sameCases() error {
	all, err := c.officer.queued()
	if err != nil {
		return err
	}
	if len(all) != len(c.cases) {
		return fmt.Errorf("%d cases in the queue, %d reports were made", len(all), len(c.cases))
	}
	return nil
}

func (c *checker) villager(ctx context.Context) (string, error) {
	const phone = "+84900000201"
	text := "Cháu hàng xóm nhà tôi bị bố dượng đánh mỗi tối, tôi nghe cháu khóc. Nhà ở cuối thôn Nà Lâu, gần cây đa. Mong các anh chị đến xem giúp ạ."
	c.secrets = append(c.secrets, text, text[:40], phone, phone[1:])
	if err := c.panel.sendSMS(ctx, phone, kioskMSISDN, text, true); err != nil {
		return "", err
	}
	p, err := c.newCase(ctx, 60*time.Second)
	if err != nil {
		return "", err
	}
	if p.Text != text {
		return "", fmt.Errorf("the console shows %q, the villager wrote %q", p.Text, text)
	}
	var answers []phoneMessage
	err = poll(ctx, "the automatic answer on the villager's phone", 30*time.Second, func() (bool, error) {
		answers, err = c.panel.inbox(ctx, phone)
		return len(answers) > 0, err
	})
	if err != nil {
		return "", err
	}
	if len(answers) != 1 || !strings.Contains(answers[0].Text, "111") || !strings.Contains(answers[0].Text, "113") || answers[0].From != kioskMSISDN {
		return "", fmt.Errorf("%d answers; they must be one, from the kiosk, with 111 and 113", len(answers))
	}
	return fmt.Sprintf("answer of %d characters", len([]rune(answers[0].Text))), c.outboxEmpty(ctx, 30*time.Second)
}

// hostile sends what an eavesdropper, a thief of another kiosk and a noisy network can send, on both links.
func (c *checker) hostile(ctx context.Context) (string, error) {
	before, err := c.officer.counts()
	if err != nil {
		return "", err
	}
	seen, err := c.panel.captured(ctx)
	if err != nil {
		return "", err
	}
	var up, down []byte // an envelope of one message, and an ack, as the eavesdropper caught them
	for _, m := range seen {
		b, err := hex.DecodeString(m.Hex)
		if err != nil {
			return "", err
		}
		if m.To == gatewayMSISDN {
			up = b
		} else {
			down = b
		}
	}
	random := make([]byte, 140)
	for i := range random {
		random[i] = byte(rand.IntN(256))
	}
	flip := func(b []byte) []byte { b = bytes.Clone(b); b[len(b)-1] ^= 1; return b }
	const stranger = "+84900000999"
	for _, m := range []struct {
		from, to string
		data     []byte
	}{
		{kioskMSISDN, gatewayMSISDN, up}, // the network delivered it twice: no case, no quarantine, one more duplicate
		{kioskMSISDN, gatewayMSISDN, random}, {stranger, gatewayMSISDN, random[:17]},
		{kioskMSISDN, gatewayMSISDN, up[:len(up)/2]}, {kioskMSISDN, gatewayMSISDN, flip(up)}, {stranger, gatewayMSISDN, up},
		{gatewayMSISDN, kioskMSISDN, random}, {gatewayMSISDN, kioskMSISDN, down[:9]},
		{gatewayMSISDN, kioskMSISDN, flip(down)}, {stranger, kioskMSISDN, down}, {stranger, kioskMSISDN, random},
	} {
		if err := c.panel.inject(ctx, m.from, m.to, m.data); err != nil {
			return "", err
		}
	}
	if err := c.hostileMQTT(ctx, [][]byte{random, up[:len(up)/2], flip(up), up, {}}); err != nil {
		return "", err
	}
	const bySMS, byMQTT = 5, 5
	// Five hostile ones, and the gateway's second ack, for the copy: a kiosk that was started again after the first one
	// (step c) no longer knows its token.
	const atKiosk = 6
	var after counts
	err = poll(ctx, "the counters to tell of every hostile frame", 60*time.Second, func() (bool, error) {
		after, err = c.officer.counts()
		return after.quarantined >= before.quarantined+bySMS+byMQTT && after.duplicates > before.duplicates && after.atKiosk >= before.atKiosk+atKiosk, err
	})
	if err != nil {
		return "", fmt.Errorf("%w: before %+v, after %+v", err, before, after)
	}
	if after.quarantined != before.quarantined+bySMS+byMQTT || after.atKiosk != before.atKiosk+atKiosk || after.duplicates != before.duplicates+1 {
		return "", fmt.Errorf("other counts than frames: before %+v, after %+v", before, after)
	}
	// A report after all this still goes its way: nothing is stuck behind the rubbish.
	if _, err := c.tellAndFind(ctx, 30*time.Second); err != nil {
		return "", fmt.Errorf("after the hostile frames: %w", err)
	}
	if err := c.sameCases(); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d by SMS, %d by MQTT, %d at the kiosk, 1 copy: each counted, no case, no loss", bySMS, byMQTT, atKiosk), nil
}

// hostileMQTT publishes with a stolen bundle of another kiosk, by mosquitto's own client.
func (c *checker) hostileMQTT(ctx context.Context, frames [][]byte) error {
	thief := filepath.Join(c.dir, "thief")
	if _, err := os.Stat(thief); err != nil {
		if _, err := runTool(ctx, c.dir, "", c.program("gateway"), append([]string{"enrol"}, c.enrolArgs("thief", "Máy bị lấy trộm", "+84900000102")...)...); err != nil {
			return err
		}
	}
	for i, f := range frames {
		file := filepath.Join(c.dir, fmt.Sprintf("hostile-%d", i))
		if err := os.WriteFile(file, f, 0o600); err != nil {
			return err
		}
		out, err := exec.CommandContext(ctx, "mosquitto_pub", "-h", "127.0.0.1", "-p", fmt.Sprint(c.ports.MQTT), "-i", "d000002", "-q", "1",
			"-t", "r/d000002", "-f", file, "--cafile", filepath.Join(thief, "ca.crt"), "--cert", filepath.Join(thief, "tls.crt"),
			"--key", filepath.Join(thief, "tls.key"), "--tls-version", "tlsv1.3").CombinedOutput()
		if err != nil {
			return fmt.Errorf("mosquitto_pub: %w: %s", err, lastLine(string(out)))
		}
	}
	return nil
}

// canary looks for the words of every report, and for the villager's number, in all that the device wrote: its folder,
// its database, every log (invariants 2 and 8).
func (c *checker) canary(context.Context) (string, error) {
	files := 0
	err := filepath.WalkDir(c.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == "chromium" {
				return filepath.SkipDir // the officer's browser read them
			}
			return err
		}
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), "Xvfb_screen") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, s := range c.secrets {
			if bytes.Contains(b, []byte(s)) {
				return fmt.Errorf("%s holds what only the reporter and the officer may know", path)
			}
		}
		return nil
	})
	return fmt.Sprintf("%d files searched", files), err
}

func (c *checker) takePictures(step, dir string) error {
	img, err := c.screen.picture()
	if err != nil {
		return err
	}
	if err := writePNG(filepath.Join(dir, "kiosk-"+step+".png"), img); err != nil {
		return err
	}
	for name, path := range map[string]string{"queue": "/", "devices": "/devices", "quarantine": "/quarantine"} {
		if err := c.officer.shoot(path, filepath.Join(dir, name+"-"+step+".png")); err != nil {
			return err
		}
	}
	if n := len(c.cases); n > 0 {
		return c.officer.shoot("/case/"+c.cases[n-1], filepath.Join(dir, "case-"+step+".png"))
	}
	return nil
}
