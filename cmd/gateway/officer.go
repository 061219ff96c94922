package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/langnghe/langnghe/gateway"
)

func officer(ctx context.Context, args []string, s streams) error {
	if len(args) == 0 || args[0] != "add" {
		fmt.Fprintln(s.err, `gateway officer: the command is "gateway officer add"; see gateway officer add -h`)
		return errUsage
	}
	f := flags("officer add", s)
	var n gateway.NewOfficer
	path := f.String("config", "gateway.toml", "the gateway's configuration `file`")
	f.StringVar(&n.User, "user", "", "`name` that is typed at the login")
	f.StringVar(&n.Name, "name", "", "the person's `name` as it stands on the page")
	f.StringVar(&n.Role, "role", "officer", "`role`: officer, duty, supervisor or technician")
	f.StringVar(&n.Scope, "scope", "", "reach of the duty: national, province:NN or commune:NNNNN")
	stdin := f.Bool("password-stdin", false, "read the password from the first line of the standard input instead of making one")
	if err := parse(f, args[1:]); err != nil {
		return err
	}
	cfg, err := gateway.LoadConfig(*path)
	if err != nil {
		return err
	}
	if *stdin {
		line, err := bufio.NewReader(io.LimitReader(s.in, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("officer: read the password: %w", err)
		}
		if n.Password = strings.TrimRight(line, "\r\n"); n.Password == "" {
			return errors.New("officer: the standard input holds no password")
		}
	}
	password, err := gateway.AddOfficer(ctx, cfg, n)
	if err != nil {
		return err
	}
	if *stdin {
		fmt.Fprintf(s.out, "%s may log in.\n", n.User)
		return nil
	}
	fmt.Fprintf(s.out, "%s may log in. The password is shown this once:\n%s\n", n.User, password)
	return nil
}
