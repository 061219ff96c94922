package main

import (
	"context"
	"fmt"
	"time"

	"github.com/langnghe/langnghe/gateway"
)

func enrol(ctx context.Context, args []string, s streams) error {
	f := flags("enrol", s)
	var e gateway.Enrolment
	path := f.String("config", "gateway.toml", "the gateway's configuration `file`")
	f.StringVar(&e.Dir, "out", "", "new or empty `folder` for the kiosk's bundle")
	f.StringVar(&e.Place, "place", "", "where the kiosk stands, in `words` that officers read")
	commune := f.Uint("commune", 0, "official `code` of that commune, five digits")
	province := f.Uint("province", 0, "official `code` of its province, two digits; without it only the centre sees its reports")
	f.StringVar(&e.MSISDN, "msisdn", "", "`number` of the kiosk's SIM, such as +84912345678; none: it has no modem")
	f.StringVar(&e.Broker, "broker", "", "`host:port` at which the kiosk reaches this gateway; none: it has no internet")
	f.StringVar(&e.Gateway, "gateway-msisdn", "", "`number` of the gateway's modem; none: nothing goes by SMS")
	f.StringVar(&e.Modem, "modem", "", "serial `port` of the kiosk's modem (default: the kiosk's own default)")
	if err := parse(f, args); err != nil {
		return err
	}
	e.Commune, e.Province = clamp(*commune), clamp(*province)
	cfg, err := gateway.LoadConfig(*path)
	if err != nil {
		return err
	}
	name, err := gateway.Enrol(ctx, cfg, e, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s is enrolled. Copy the folder %s to the kiosk, then delete it here: it holds the kiosk's keys.\n", name, e.Dir)
	return nil
}

// clamp keeps a number that is far too large too large.
func clamp(n uint) uint32 { return uint32(min(n, 1<<31)) }
