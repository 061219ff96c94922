package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// figure is one measured thing. Its name is "what/who"; the who "bare" or "chromium" is the peer that the others of the
// same what are divided by.
type figure struct {
	Name    string             `json:"name"`
	Metrics map[string]float64 `json:"metrics"`
}

// peers are the names that ratios are taken to.
var peers = []string{"bare", "chromium"}

func runBench(ctx context.Context, s *system, out string) error {
	if err := need("chromium", "test"); err != nil {
		return err
	}
	figures, err := measureScreen(ctx, s)
	if err != nil {
		return err
	}
	// The system stops before the others are measured: they are to have the machine for themselves.
	s.stop()
	more, err := goBenchmarks(ctx)
	if err != nil {
		return err
	}
	figures = append(figures, more...)
	printFigures(figures)
	if out == "" {
		return nil
	}
	b, err := json.MarshalIndent(map[string]any{"cpus": runtime.NumCPU(), "goarch": runtime.GOARCH, "figures": figures}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(b, '\n'), 0o644)
}

var benchLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// goBenchmarks runs the benchmarks of the tree and reads their lines.
func goBenchmarks(ctx context.Context) ([]figure, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchmem", "-count", "1", "./gateway", "./cmd")
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go test -bench: %w\n%s", err, b)
	}
	var out []figure
	for _, line := range strings.Split(string(b), "\n") {
		m := benchLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		f := figure{Name: m[1], Metrics: map[string]float64{}}
		fields := strings.Fields(m[2])
		for i := 0; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				f.Metrics[fields[i+1]] = v
			}
		}
		out = append(out, f)
	}
	if len(out) == 0 {
		return nil, errors.New("go test -bench printed no benchmark")
	}
	return out, nil
}

func printFigures(figures []figure) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "measured\tmetric\tvalue\tratio to its peer\t")
	for _, f := range figures {
		what, who, _ := strings.Cut(f.Name, "/")
		for _, metric := range slices.Sorted(mapKeys(f.Metrics)) {
			ratio := ""
			if !slices.Contains(peers, who) {
				if p, ok := peerValue(figures, what, metric); ok && p != 0 {
					ratio = fmt.Sprintf("%.2f", f.Metrics[metric]/p)
				}
			}
			fmt.Fprintf(w, "%s\t%s\t%.4g\t%s\t\n", f.Name, metric, f.Metrics[metric], ratio)
		}
	}
	w.Flush()
}

func mapKeys(m map[string]float64) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func peerValue(figures []figure, what, metric string) (float64, bool) {
	for _, f := range figures {
		for _, p := range peers {
			if f.Name == what+"/"+p {
				v, ok := f.Metrics[metric]
				return v, ok
			}
		}
	}
	return 0, false
}

// measureScreen compares the kiosk's window with Chromium in kiosk mode on a page with the same words: the same display,
// turn by turn, the median of each.
func measureScreen(ctx context.Context, s *system) ([]figure, error) {
	const rounds = 5
	page := filepath.Join(s.dir, "page.html")
	html := `<!doctype html><meta charset=utf-8><title>x</title><body style="font-size:32px"><h1>Lắng Nghe</h1><p>Lắng nghe trẻ em bằng trái tim, bảo vệ trẻ em bằng hành động.<p><button>Em muốn kể</button><p>Gọi 111`
	if err := os.WriteFile(page, []byte(html), 0o600); err != nil {
		return nil, err
	}
	s.window.terminate(10 * time.Second)
	samples := map[string][]map[string]float64{}
	for i := range rounds {
		chromium := func() (*process, error) {
			return startProcess(s.dir, "chromium", nil, s.screen.env, "chromium", "--no-sandbox", "--kiosk", "--disable-gpu", "--disable-quic",
				"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
				"--user-data-dir="+filepath.Join(s.dir, fmt.Sprintf("chromium-%d", i)), "file://"+page)
		}
		kiosk := func() (*process, error) {
			err := s.startWindow()
			return s.window, err
		}
		for who, start := range map[string]func() (*process, error){"kiosk": kiosk, "chromium": chromium} {
			m, err := measureWindow(ctx, s.screen, start)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", who, err)
			}
			samples[who] = append(samples[who], m)
		}
	}
	var out []figure
	for _, who := range []string{"kiosk", "chromium"} {
		f := figure{Name: "screen/" + who, Metrics: map[string]float64{}}
		for metric := range samples[who][0] {
			var v []float64
			for _, m := range samples[who] {
				v = append(v, m[metric])
			}
			slices.Sort(v)
			f.Metrics[metric] = v[len(v)/2]
		}
		out = append(out, f)
	}
	return out, nil
}

// measureWindow starts a program on a blank display and measures it until it has idled for a while.
func measureWindow(ctx context.Context, d *display, start func() (*process, error)) (map[string]float64, error) {
	blank, err := d.picture()
	if err != nil {
		return nil, err
	}
	t0 := time.Now()
	p, err := start()
	if err != nil {
		return nil, err
	}
	defer p.terminate(10 * time.Second)
	var stable time.Time
	last := blank
	err = poll(ctx, "a first stable frame", 30*time.Second, func() (bool, error) {
		if !p.running() {
			return false, p.failure()
		}
		img, err := d.picture()
		if err != nil {
			return false, err
		}
		if !bytes.Equal(img.Pix, last.Pix) {
			last, stable = img, time.Now()
		}
		return !stable.IsZero() && time.Since(stable) > time.Second && !bytes.Equal(last.Pix, blank.Pix), nil
	})
	if err != nil {
		return nil, err
	}
	const idle = 10 * time.Second
	cpu0, _, _ := tree(p.cmd.Process.Pid)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(idle):
	}
	cpu1, rss, pss := tree(p.cmd.Process.Pid)
	if rss == 0 {
		return nil, errors.New("the kiosk's memory can't be read, as it lets only root look: run make bench as root")
	}
	return map[string]float64{
		"first-stable-ms": float64(stable.Sub(t0).Milliseconds()),
		"rss-MB":          rss / 1024,
		"pss-MB":          pss / 1024,
		"idle-cpu-%":      100 * (cpu1 - cpu0) / idle.Seconds(),
	}, nil
}

// tree sums processor seconds, RSS and PSS (KiB) over a process and its descendants (proc(5)).
func tree(root int) (cpu, rss, pss float64) {
	parents, err := processParents()
	if err != nil {
		return 0, 0, 0
	}
	for pid := range parents {
		if descends(parents, pid, root) {
			c, r, p := usage(pid)
			cpu, rss, pss = cpu+c, rss+r, pss+p
		}
	}
	return cpu, rss, pss
}

// stat are the fields of /proc/pid/stat after the name, which may hold spaces.
func stat(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.Fields(rest)
}

func usage(pid int) (cpu, rss, pss float64) {
	if f := stat(pid); len(f) > 12 {
		user, _ := strconv.ParseFloat(f[11], 64)
		kernel, _ := strconv.ParseFloat(f[12], 64)
		cpu = (user + kernel) / 100 // USER_HZ
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return cpu, 0, 0
	}
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		v, _ := strconv.ParseFloat(f[1], 64)
		switch f[0] {
		case "Rss:":
			rss = v
		case "Pss:":
			pss = v
		}
	}
	return cpu, rss, pss
}
