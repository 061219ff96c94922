// Command gateway is the central server: it takes the reports of kiosks over MQTT and SMS, and gives officers their console.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `gateway is the central server of Lắng Nghe.

  gateway init -dir DIR -host NAME[,IP...]           make a new gateway: keys, certificates, configuration, database
  gateway serve -config FILE                         run it
  gateway enrol -config FILE -out DIR -place "..." -commune CODE ...
                                                     make the bundle of a new kiosk
  gateway renew -config FILE -server                 make a new certificate of the gateway, for the same hosts
  gateway renew -config FILE -device NAME -out DIR   make a new certificate of an enrolled kiosk
  gateway officer add -config FILE -user NAME -scope national|province:NN|commune:NNNNN
                                                     let a person log in to the console

Each command tells its flags with -h. enrol, renew and officer may run while serve runs.
`

// streams are what a command reads and writes besides its files.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// errUsage is the error of a command line that was told on the error stream already.
var errUsage = errors.New("usage")

// run runs one command and returns the process's exit code: 0, 1 for an error, 2 for a wrong command line.
func run(ctx context.Context, args []string, s streams) int {
	err := dispatch(ctx, args, s)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintln(s.err, "gateway:", err)
	return 1
}

func dispatch(ctx context.Context, args []string, s streams) error {
	if len(args) == 0 {
		fmt.Fprint(s.err, usage)
		return errUsage
	}
	switch rest := args[1:]; args[0] {
	case "serve":
		return serve(ctx, rest, s)
	case "init":
		return initialise(ctx, rest, s)
	case "enrol":
		return enrol(ctx, rest, s)
	case "renew":
		return renew(ctx, rest, s)
	case "officer":
		return officer(ctx, rest, s)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(s.out, usage)
		return nil
	}
	fmt.Fprintf(s.err, "gateway: there is no command %q\n\n%s", args[0], usage)
	return errUsage
}

// flags makes the flag set of a command.
func flags(name string, s streams) *flag.FlagSet {
	f := flag.NewFlagSet("gateway "+name, flag.ContinueOnError)
	f.SetOutput(s.err)
	return f
}

// parse reads a command's flags and refuses what is left over: a word without its dash would go unnoticed.
func parse(f *flag.FlagSet, args []string) error {
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // the flag package has told what is wrong
	}
	if f.NArg() > 0 {
		fmt.Fprintf(f.Output(), "%s: %q is no flag; see %s -h\n", f.Name(), f.Arg(0), f.Name())
		return errUsage
	}
	return nil
}
