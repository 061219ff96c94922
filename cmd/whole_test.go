package cmd

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"github.com/langnghe/langnghe/device"
	"github.com/langnghe/langnghe/device/modem/modemtest"
	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway"
)

// The tests of the whole system start this test's own program again, once as a kiosk and once as a gateway, so that they
// can be killed as a power cut kills them.
func TestMain(m *testing.M) {
	switch os.Getenv("LANGNGHE_ROLE") {
	case "gateway":
		exit(runGateway(os.Getenv("LANGNGHE_CONFIG")))
	case "kiosk":
		exit(runKiosk(os.Getenv("LANGNGHE_CONFIG")))
	}
	os.Exit(m.Run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runGateway(path string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg, err := gateway.LoadConfig(path)
	if err != nil {
		return err
	}
	g, err := gateway.New(ctx, cfg, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	fmt.Println("up")
	return g.Run(ctx)
}

// runKiosk submits a report for each line of its standard input: the line is the commune, by which the test tells reports
// apart, as words stay sealed. It answers each line when Submit has returned.
func runKiosk(path string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg, err := device.LoadConfig(path)
	if err != nil {
		return err
	}
	d, err := device.New(cfg, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	fmt.Println("up")
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			var commune uint32
			if _, err := fmt.Sscan(in.Text(), &commune); err != nil {
				fmt.Println("bad line")
				continue
			}
			dr := report.Draft{Categories: []report.Category{"V1"}, Place: report.Place{Commune: commune}, Text: report.Words("em bị đánh")}
			if _, err := d.Submit(ctx, dr); err != nil {
				fmt.Println("no", commune)
				continue
			}
			fmt.Println("ok", commune)
		}
	}()
	return d.Run(ctx)
}

// program is a kiosk or a gateway in a process of its own.
type program struct {
	t     testing.TB
	role  string
	env   []string
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string // what it prints; closed at its end
}

func (p *program) start() {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0], "-test.run=^$")
	p.cmd.Env = append(os.Environ(), append(p.env, "LANGNGHE_ROLE="+p.role)...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		p.t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(p.t.TempDir(), p.role+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd.Stderr = log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	log.Close()
	p.lines = make(chan string, 1024)
	go func(lines chan<- string) {
		for sc := bufio.NewScanner(out); sc.Scan(); {
			lines <- sc.Text()
		}
		close(lines)
	}(p.lines)
	p.expect("up")
}

// expect waits for a line.
func (p *program) expect(want string) {
	p.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		select {
		case l, ok := <-p.lines:
			if !ok {
				b, _ := os.ReadFile(p.cmd.Stderr.(*os.File).Name())
				p.t.Fatalf("the %s ended: %s", p.role, b)
			}
			if l == want {
				return
			}
		case <-limit:
			p.t.Fatalf("the %s never said %q", p.role, want)
		}
	}
}

// kill is the power cut. It returns what the program had printed and nobody had read.
func (p *program) kill() (said []string) {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	for l := range p.lines {
		said = append(said, l)
	}
	return said
}

// whole is a kiosk and a gateway with a network between them, provisioned as a technician does it.
type whole struct {
	network          *modemtest.Network
	kiosk, gateway   *program
	gatewayDB, outDB string
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

const (
	kioskNumber   = "+84900000101"
	gatewayNumber = "+84900000111"
)

// provision makes the folders of a gateway and a kiosk. Without mqtt the kiosk has no broker.
func provision(t testing.TB, mqtt bool) (gatewayConfig, kioskConfig string, network *modemtest.Network) {
	t.Helper()
	dir := t.TempDir()
	network = modemtest.New(modemtest.Options{})
	t.Cleanup(func() { network.Close() })
	modem := func(number, name string) string {
		path, err := network.SIM(number).OpenPTY(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	kioskModem, gatewayModem := modem(kioskNumber, "kiosk-modem"), modem(gatewayNumber, "gateway-modem")
	addr := freePort(t)
	gw := filepath.Join(dir, "gateway")
	if err := gateway.Init(t.Context(), gateway.Setup{Dir: gw, Hosts: []string{"127.0.0.1"}, MQTT: addr, Console: freePort(t), Modem: gatewayModem, MSISDN: gatewayNumber}, time.Now()); err != nil {
		t.Fatal(err)
	}
	gatewayConfig = filepath.Join(gw, "gateway.toml")
	cfg, err := gateway.LoadConfig(gatewayConfig)
	if err != nil {
		t.Fatal(err)
	}
	e := gateway.Enrolment{Dir: filepath.Join(dir, "kiosk"), Place: "Trường thử", Commune: 26734, Province: 79, MSISDN: kioskNumber, Gateway: gatewayNumber, Modem: kioskModem}
	if mqtt {
		e.Broker = addr
	}
	if _, err := gateway.Enrol(t.Context(), cfg, e, time.Now()); err != nil {
		t.Fatal(err)
	}
	return gatewayConfig, filepath.Join(e.Dir, "kiosk.toml"), network
}

func startWhole(t testing.TB, mqtt bool) *whole {
	t.Helper()
	gatewayConfig, kioskConfig, network := provision(t, mqtt)
	w := &whole{
		network:   network,
		gateway:   &program{t: t, role: "gateway", env: []string{"LANGNGHE_CONFIG=" + gatewayConfig}},
		kiosk:     &program{t: t, role: "kiosk", env: []string{"LANGNGHE_CONFIG=" + kioskConfig}},
		gatewayDB: filepath.Join(filepath.Dir(gatewayConfig), "data", "gateway.db"),
		outDB:     filepath.Join(filepath.Dir(kioskConfig), "state", "outbox.db"),
	}
	w.gateway.start()
	w.kiosk.start()
	t.Cleanup(func() { w.kiosk.kill(); w.gateway.kill() })
	return w
}

// query reads one column of a database of ours, from outside.
func query(t testing.TB, path, q string) (out []int) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?mode=ro&_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTwentyPowerCuts kills the kiosk, the gateway or both at twenty moments of a report's life, from before it is stored
// to after its ack. What Submit had promised arrives exactly once; what it had not promised arrives at most once
// (invariants 1, 3, 5, 6, 7).
func TestTwentyPowerCuts(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the programs some forty times")
	}
	w := startWhole(t, true)
	promised := map[int]bool{}
	note := func(lines []string) {
		for _, l := range lines {
			var n int
			if _, err := fmt.Sscanf(l, "ok %d", &n); err == nil {
				promised[n] = true
			}
		}
	}
	const rounds = 20
	for i := range rounds {
		commune := 10001 + i
		if _, err := fmt.Fprintln(w.kiosk.in, commune); err != nil {
			t.Fatal(err)
		}
		// Not a wait for something: the moment of the cut. A report's life over MQTT lasts some twenty milliseconds here.
		time.Sleep(time.Duration(i) * 1500 * time.Microsecond)
		if i%3 != 1 {
			note(w.kiosk.kill())
			w.kiosk.start()
		}
		if i%3 != 0 {
			w.gateway.kill()
			w.gateway.start()
		}
	}
	last := 10001 + rounds
	if _, err := fmt.Fprintln(w.kiosk.in, last); err != nil {
		t.Fatal(err)
	}
	limit := time.After(90 * time.Second)
	for n := -1; n != 0; {
		select {
		case l, ok := <-w.kiosk.lines:
			if !ok {
				t.Fatal("the kiosk ended")
			}
			note([]string{l})
		case <-time.After(100 * time.Millisecond):
		case <-limit:
			t.Fatalf("%d envelopes still wait for their ack", n)
		}
		if promised[last] {
			n = query(t, w.outDB, `SELECT count(*) FROM envelope`)[0]
		}
	}
	seen := map[int]int{}
	for _, c := range query(t, w.gatewayDB, `SELECT commune FROM reports`) {
		seen[c]++
	}
	for c := 10001; c <= last; c++ {
		if promised[c] && seen[c] != 1 || seen[c] > 1 {
			t.Errorf("report %d: promised %v, arrived %d times", c, promised[c], seen[c])
		}
		delete(seen, c)
	}
	if len(seen) > 0 {
		t.Errorf("reports that nobody made: %v", seen)
	}
	cases, reports := query(t, w.gatewayDB, `SELECT count(*) FROM cases`)[0], query(t, w.gatewayDB, `SELECT count(*) FROM reports`)[0]
	if cases != reports {
		t.Errorf("%d reports made %d cases", reports, cases)
	}
	if len(promised) < 10 {
		t.Errorf("only %d of %d reports were promised: the cuts came too early to test anything", len(promised), rounds+1)
	}
	t.Logf("%d of %d reports promised, %d arrived", len(promised), rounds+1, reports)
}

// TestCanaryEverywhere sends a report and a villager's message with a unique string through everything, then looks for it
// in every file that the programs wrote.
func TestCanaryEverywhere(t *testing.T) {
	w := startWhole(t, true)
	const canary = "chim-hoang-yen-7319"
	phone := w.network.Phone("+84900000201")
	if err := phone.Send(kioskNumber, canary+" giúp cháu với"); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(60 * time.Second)
	for len(query(t, w.gatewayDB, `SELECT 1 FROM reports`)) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the villager's message did not arrive")
		}
		time.Sleep(50 * time.Millisecond) // the poll of another process's file
	}
	files := 0
	for _, dir := range []string{filepath.Dir(w.outDB), filepath.Dir(filepath.Dir(w.gatewayDB)), filepath.Dir(w.kiosk.cmd.Stderr.(*os.File).Name())} {
		err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			files++
			for _, s := range []string{canary, "84900000201", "0900000201"} {
				if strings.Contains(string(b), s) {
					t.Errorf("%s holds %q", e.Name(), s)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 5 {
		t.Errorf("only %d files were looked at", files)
	}
}
