package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/langnghe/langnghe/gateway"
)

func initialise(ctx context.Context, args []string, s streams) error {
	f := flags("init", s)
	var c gateway.Setup
	f.StringVar(&c.Dir, "dir", "", "new or empty `folder` for the gateway")
	hosts := f.String("host", "", "`names` and IP addresses by which kiosks reach the gateway, with commas between")
	f.StringVar(&c.MQTT, "mqtt", "", "`address` to listen on for kiosks (default 0.0.0.0:8883)")
	f.StringVar(&c.Console, "console", "", "`address` of the officers' console (default 127.0.0.1:8443)")
	f.StringVar(&c.Modem, "modem", "", "serial `port` of the gateway's modem")
	f.StringVar(&c.MSISDN, "msisdn", "", "`number` of the modem's SIM, such as +84912345678")
	if err := parse(f, args); err != nil {
		return err
	}
	if *hosts != "" {
		for _, h := range strings.Split(*hosts, ",") {
			c.Hosts = append(c.Hosts, strings.TrimSpace(h))
		}
	}
	if err := gateway.Init(ctx, c, time.Now()); err != nil {
		return err
	}
	port := "8883"
	if _, p, err := net.SplitHostPort(c.MQTT); err == nil {
		port = p
	}
	config := filepath.Join(c.Dir, "gateway.toml")
	fmt.Fprintf(s.out, `The gateway is made in %s.
Keep copies of intake.identity and ca.key in a safe: without the first nobody can read a report any more.
Next:
  gateway officer add -config %s -user NAME -scope national
  gateway enrol -config %s -out BUNDLE -place "..." -commune CODE -province CODE -broker %s
  gateway serve -config %s
`, c.Dir, config, config, net.JoinHostPort(c.Hosts[0], port), config)
	return nil
}
