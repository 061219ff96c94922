package main

import (
	"context"
	"fmt"
	"time"

	"github.com/langnghe/langnghe/gateway"
)

func renew(ctx context.Context, args []string, s streams) error {
	f := flags("renew", s)
	path := f.String("config", "gateway.toml", "the gateway's configuration `file`")
	server := f.Bool("server", false, "a new certificate of the gateway itself, for the same hosts and the same key")
	device := f.String("device", "", "a new certificate of the kiosk with this `name`, such as d000001; nothing else of it changes")
	out := f.String("out", "", "new or empty `folder` for the kiosk's tls.crt, tls.key and ca.crt")
	if err := parse(f, args); err != nil {
		return err
	}
	switch {
	case *server == (*device != ""):
		fmt.Fprintln(s.err, "gateway renew: give either -server or -device NAME -out DIR")
		return errUsage
	case *server && *out != "", *device != "" && *out == "":
		fmt.Fprintln(s.err, "gateway renew: -out goes with -device: it names the folder for the kiosk's new files")
		return errUsage
	}
	cfg, err := gateway.LoadConfig(*path)
	if err != nil {
		return err
	}
	const day = "2006-01-02"
	if *server {
		until, err := gateway.RenewServer(cfg, time.Now())
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s is valid until %s. Restart the gateway so that kiosks see it.\n", cfg.MQTT.Cert, until.Format(day))
		return nil
	}
	until, err := gateway.RenewDevice(ctx, cfg, *device, *out, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "The new certificate of %s is valid until %s. Copy tls.crt, tls.key and ca.crt from %s over those of the kiosk, then delete them here. The kiosk needs no restart.\n",
		*device, until.Format(day), *out)
	return nil
}
