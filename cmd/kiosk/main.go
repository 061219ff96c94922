// Command kiosk is the appliance: one binary, two processes. "kiosk device" has the keys, the outbox, the modem and the
// network, and no display; "kiosk screen" has the window, and nothing else. A Unix socket joins them, so that a crash in a
// graphics driver never stops a report that is on its way.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
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

const usage = `usage:
  kiosk device -config kiosk.toml   takes reports, keeps them sealed and relays them
  kiosk screen -config kiosk.toml   shows the window
  kiosk version
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "kiosk:", err)
		}
		os.Exit(1)
	}
}

func run(args []string) error {
	if err := harden(); err != nil {
		return err
	}
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return flag.ErrHelp
	}
	work, ok := map[string]func(context.Context, device.Config, *slog.Logger) error{"device": runDevice, "screen": runScreen}[args[0]]
	switch {
	case args[0] == "version" && len(args) == 1:
		fmt.Println("kiosk", build().Version)
		return nil
	case !ok:
		fmt.Fprint(os.Stderr, usage)
		return fmt.Errorf("there is no command %q", args[0])
	}
	flags := flag.NewFlagSet("kiosk "+args[0], flag.ContinueOnError)
	path := flags.String("config", "/etc/langnghe/kiosk.toml", "the kiosk's configuration, as gateway enrol makes it")
	if err := flags.Parse(args[1:]); err != nil {
		return flag.ErrHelp // the flag set has said it
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is one word too many: the configuration is named by -config", flags.Arg(0))
	}
	cfg, err := device.LoadConfig(*path)
	if err != nil {
		return err
	}
	cfg.Build = build()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
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
