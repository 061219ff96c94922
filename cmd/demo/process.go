package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is one program of the system. It dies with the demo, whatever kills the demo.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when the program has ended
	err  error         // how it ended; read after done
	log  string        // file of its standard error
}

// startProcess starts a program with its standard error in a log file. A non-nil stdout gets its standard output.
func startProcess(dir, name string, stdout io.Writer, env []string, path string, args ...string) (*process, error) {
	logPath := filepath.Join(dir, "log", name+".log")
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, cmd: exec.Command(path, args...), done: make(chan struct{}), log: logPath}
	p.cmd.Stderr = logFile
	p.cmd.Stdout = stdout
	if stdout == nil {
		p.cmd.Stdout = logFile
	}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Dir = dir
	// A group of its own: Ctrl-C in the terminal reaches the demo alone, which then stops the others in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err = p.cmd.Start()
	logFile.Close()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// terminate asks the program to end and makes it end after grace.
func (p *process) terminate(grace time.Duration) {
	if !p.running() {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		p.kill()
	}
}

// kill is the power cut: SIGKILL, nothing gets a chance to save.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// lastWords is the end of the program's log, for an error message.
func (p *process) lastWords() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n  ")
}

func (p *process) failure() error {
	return fmt.Errorf("%s ended (%v); its last words:\n  %s\n  (all of them: %s)", p.name, p.err, p.lastWords(), p.log)
}

// firstLine is a writer that hands on the first line and drops the rest.
type firstLine struct {
	mu   sync.Mutex
	buf  []byte
	line chan string
	sent bool
}

func newFirstLine() *firstLine { return &firstLine{line: make(chan string, 1)} }

func (f *firstLine) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sent {
		return len(b), nil
	}
	f.buf = append(f.buf, b...)
	if l, _, ok := strings.Cut(string(f.buf), "\n"); ok {
		f.line <- l
		f.sent = true
	}
	return len(b), nil
}

// await returns the first line that p prints.
func (f *firstLine) await(ctx context.Context, p *process, limit time.Duration) (string, error) {
	select {
	case l := <-f.line:
		return l, nil
	case <-p.done:
		return "", p.failure()
	case <-time.After(limit):
		return "", fmt.Errorf("%s printed nothing for %v", p.name, limit)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// runTool runs a program to its end and returns what it printed.
func runTool(ctx context.Context, dir string, stdin string, path string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	var ee *exec.ExitError
	if errors.As(err, &ee) {
		return "", fmt.Errorf("%s %s: %s", filepath.Base(path), args[0], lastLine(string(ee.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return string(out), nil
}

func lastLine(s string) string {
	last := ""
	for sc := bufio.NewScanner(strings.NewReader(s)); sc.Scan(); {
		if strings.TrimSpace(sc.Text()) != "" {
			last = sc.Text()
		}
	}
	return last
}

// poll calls f until it says true, every so often; the error names what was waited for.
func poll(ctx context.Context, what string, limit time.Duration, f func() (bool, error)) error {
	deadline := time.Now().Add(limit)
	var last error
	for {
		ok, err := f()
		if ok && err == nil {
			return nil
		}
		if err != nil {
			last = err
		}
		if time.Now().After(deadline) {
			if last != nil {
				return fmt.Errorf("waited %v for %s: %w", limit, what, last)
			}
			return fmt.Errorf("waited %v in vain for %s", limit, what)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
