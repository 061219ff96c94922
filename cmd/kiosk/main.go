// Command kiosk is the appliance: one binary, two processes. "kiosk device" has the keys, the outbox, the modem and the
// network, and no display; "kiosk screen" has the window, and nothing else. A Unix socket joins them, so that a crash in a
// graphics driver never stops a report that is on its way.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/langnghe/langnghe/device"
)

// Set by the linker: -X main.version=1.2.3 -X main.built=2026-11-21T00:00:00Z. Without the second, a kiosk that starts
// without a clock knows less about what time it can't be.
var version, built string

const usage = `kiosk is the appliance of Lắng Nghe: two processes, joined by a socket.

  kiosk device -config FILE   takes reports, keeps them sealed and relays them
  kiosk screen -config FILE   shows the window
  kiosk version

Each command tells its flags with -h. FILE is the kiosk.toml of the bundle that gateway enrol made.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// errUsage is the error of a command line that was told on the error stream already.
var errUsage = errors.New("usage")

// run runs one command and returns the process's exit code: 0, 1 for an error, 2 for a wrong command line.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	err := dispatch(ctx, args, out, errs)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintln(errs, "kiosk:", err)
	return 1
}

func dispatch(ctx context.Context, args []string, out, errs io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(errs, usage)
		return errUsage
	}
	var work func(context.Context, device.Config, *slog.Logger) error
	switch args[0] {
	case "device":
		work = runDevice
	case "screen":
		work = runScreen
	case "version":
		fmt.Fprintln(out, "kiosk", build().Version)
		return nil
	case "help", "-h", "-help", "--help":
		fmt.Fprint(out, usage)
		return nil
	default:
		fmt.Fprintf(errs, "kiosk: there is no command %q\n\n%s", args[0], usage)
		return errUsage
	}
	flags := flag.NewFlagSet("kiosk "+args[0], flag.ContinueOnError)
	flags.SetOutput(errs)
	path := flags.String("config", "/etc/langnghe/kiosk.toml", "the kiosk's configuration `file`, as gateway enrol makes it")
	switch err := flags.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return errUsage // the flag set has said it
	case flags.NArg() > 0:
		fmt.Fprintf(errs, "%s: %q is no flag; see %s -h\n", flags.Name(), flags.Arg(0), flags.Name())
		return errUsage
	}
	if err := harden(); err != nil { // before anything secret is read
		return err
	}
	cfg, err := device.LoadConfig(*path)
	if err != nil {
		return err
	}
	cfg.Build = build()
	return work(ctx, cfg, logger(cfg))
}

// build is what the linker and the module system know.
func build() device.Build {
	b := device.Build{Version: version}
	if t, err := time.Parse(time.RFC3339, built); err == nil {
		b.Time = t
	}
	if b.Version == "" {
		b.Version = "unversioned"
		if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
			b.Version = info.Main.Version
		}
	}
	return b
}

// logger writes to standard error, for journald. No level shows what a report says (invariant 8).
func logger(cfg device.Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Health.LogLevel)); err != nil {
		level = slog.LevelInfo // LoadConfig has refused every other word
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}
