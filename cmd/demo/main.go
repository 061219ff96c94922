// Command demo runs the whole system on one machine: the emulated GSM network, the gateway and a kiosk, as the programs
// that they are in the field. With -check it drives them by itself, by real clicks in the real window and a real browser
// at the console, and prints what it saw; with -bench it measures them.
//
// It is a tool for people who build or try the project and is in no production package. Everything it starts listens on
// loopback only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run() error {
	var (
		keep     = flag.Bool("keep", false, "keep the data of the last run")
		check    = flag.Bool("check", false, "drive the system and check it, then stop")
		benching = flag.Bool("bench", false, "measure the system, then stop")
		benchOut = flag.String("bench-out", "", "with -bench: also write the figures as JSON to this file")
		dir      = flag.String("dir", "run/demo", "folder of the run's data and logs")
		size     = flag.String("size", "1024x600", "size of the kiosk's screen where there is no display")
		pictures = flag.String("pictures", "", "with -check: also write screenshots to this folder")
	)
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: see demo -h", flag.Arg(0))
	}
	// A child's parent-death signal is bound to the thread that started it, so all of them start from this one.
	runtime.LockOSThread()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	if *check || *benching {
		*dir += "-check"
	}
	abs, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	s, err := newSystem(abs, *keep && !*check && !*benching, *check || *benching, *size)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	switch {
	case *check:
		return runCheck(ctx, s, *pictures)
	case *benching:
		return runBench(ctx, s, *benchOut)
	}
	s.announce()
	if err := s.watch(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	fmt.Println("\nStopping …")
	return nil
}
