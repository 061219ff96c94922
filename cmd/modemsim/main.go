// Modemsim is an emulated GSM network for the demo and for tests by hand: a
// SIM for the kiosk and one for the gateway, each in an AT modem on a
// pseudo-terminal; villagers' phones on a web page; and a TCP relay that
// stands for the kiosk's internet. It sends nothing to any real network and is
// part of no production package.
//
// When everything is ready it prints one line of JSON with the addresses.
// SIGINT or SIGTERM ends it and takes the terminals away.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/langnghe/langnghe/device/modem/modemtest"
)

type config struct {
	dir                    string // for the links to the modems
	kioskSIM, gatewaySIM   string
	internetFrom, internet string // listen and target address; "" without
	panel                  string
	tokenFile              string
	thief                  string
}

// ready is the line on stdout.
type ready struct {
	Panel       string `json:"panel"` // with the token: whoever reads it may press every button
	KioskPort   string `json:"kiosk_port"`
	GatewayPort string `json:"gateway_port"`
	Internet    string `json:"internet,omitempty"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := flags(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, cfg, os.Stdout, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "modemsim:", err)
		os.Exit(1)
	}
}

func flags(args []string) (config, error) {
	var c config
	var internet string
	f := flag.NewFlagSet("modemsim", flag.ContinueOnError)
	f.StringVar(&c.dir, "dir", "", "`directory` for kiosk-modem and gateway-modem, the links to the modems' terminals (required)")
	f.StringVar(&c.kioskSIM, "kiosk-sim", "+84900000001", "`number` of the kiosk's SIM")
	f.StringVar(&c.gatewaySIM, "gateway-sim", "+84900000002", "`number` of the gateway's SIM")
	f.StringVar(&internet, "internet", "", "`LISTEN=TARGET`: relay that stands for the kiosk's internet, as 127.0.0.1:0=127.0.0.1:8883")
	f.StringVar(&c.panel, "panel", "127.0.0.1:0", "loopback `address` of the demo panel")
	f.StringVar(&c.tokenFile, "token-file", "", "`file` (mode 0600) with the panel's token; made if it is not there")
	f.StringVar(&c.thief, "thief", "", "`folder` of the kiosk's bundle, for hostile frames with its certificate")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if c.dir == "" {
		return c, errors.New("-dir is missing: say where the links to the modems go")
	}
	if internet != "" {
		var ok bool
		if c.internetFrom, c.internet, ok = strings.Cut(internet, "="); !ok {
			return c, errors.New("-internet must be LISTEN=TARGET, as 127.0.0.1:0=127.0.0.1:8883")
		}
	}
	return c, nil
}

// run lives until ctx ends; everything it starts has ended when it returns.
func run(ctx context.Context, c config, out io.Writer, log *slog.Logger) (err error) {
	token, err := readToken(c.tokenFile)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("make the directory for the modems: %w", err)
	}
	network := modemtest.New(modemtest.Options{})
	defer func() { err = errors.Join(err, network.Close()) }()
	kiosk, gateway := network.SIM(c.kioskSIM), network.SIM(c.gatewaySIM)
	if kiosk == gateway {
		return errors.New("the kiosk and the gateway need SIMs with different numbers")
	}
	var r ready
	for _, plug := range []struct {
		sim  *modemtest.SIM
		name string
		link *string
	}{{kiosk, "kiosk-modem", &r.KioskPort}, {gateway, "gateway-modem", &r.GatewayPort}} {
		*plug.link = filepath.Join(c.dir, plug.name)
		if _, err := plug.sim.OpenPTY(*plug.link); err != nil {
			return err
		}
	}

	group, ctx := errgroup.WithContext(ctx)
	var web *internet
	if c.internet != "" {
		l, err := listenLoopback(c.internetFrom)
		if err != nil {
			return fmt.Errorf("the kiosk's internet: %w", err)
		}
		web = newInternet(l, c.internet)
		r.Internet = l.Addr().String()
		group.Go(func() error { return web.run(ctx) })
	}

	l, err := listenLoopback(c.panel)
	if err != nil {
		return errors.Join(fmt.Errorf("the demo panel: %w", err), stopped(group, web))
	}
	guard := newGuard(l.Addr().String(), token)
	server := &http.Server{
		Handler:           guard.wrap(newPanel(network, kiosk, gateway, web, thief{bundle: c.thief, broker: c.internet}).routes()),
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends long polls
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})

	r.Panel = (&url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/", RawQuery: url.Values{"token": {token}}.Encode()}).String()
	if err := json.NewEncoder(out).Encode(r); err != nil {
		return errors.Join(fmt.Errorf("say that it is ready: %w", err), server.Close(), stopped(group, web))
	}
	return group.Wait()
}

// stopped ends what a start that failed half-way has started.
func stopped(group *errgroup.Group, n *internet) error {
	if n != nil {
		n.close()
	}
	return group.Wait()
}
