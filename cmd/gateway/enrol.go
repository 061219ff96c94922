package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/langnghe/langnghe/gateway"
)

func enrol(ctx context.Context, args []string, s streams) error {
	f := flags("enrol", s)
	var e gateway.Enrolment
	path := f.String("config", "gateway.toml", "the gateway's configuration `file`")
	f.StringVar(&e.Dir, "out", "", "new or empty `folder` for the kiosk's bundle")
	f.StringVar(&e.Place, "place", "", "where the kiosk stands, in `words` that officers read")
	f.Func("commune", "official `code` of that commune, five digits", code(&e.Commune))
	f.Func("province", "official `code` of its province, two digits; without it only the centre sees its reports", code(&e.Province))
	f.StringVar(&e.MSISDN, "msisdn", "", "`number` of the kiosk's SIM, such as +84912345678; none: it has no modem")
	f.StringVar(&e.Broker, "broker", "", "`host:port` at which the kiosk reaches this gateway; none: it has no internet")
	f.StringVar(&e.Gateway, "gateway-msisdn", "", "`number` of the gateway's modem; none: nothing goes by SMS")
	f.StringVar(&e.Modem, "modem", "", "serial `port` of the kiosk's modem (default: the kiosk's own default)")
	if err := parse(f, args); err != nil {
		return err
	}
	cfg, err := gateway.LoadConfig(*path)
	if err != nil {
		return err
	}
	name, err := gateway.Enrol(ctx, cfg, e, time.Now())
	if err != nil {
		return err
	}
	if w := gateway.BrokerWarning(cfg, e.Broker); w != "" {
		fmt.Fprintln(s.err, "gateway: warning:", w)
	}
	fmt.Fprintf(s.out, "%s is enrolled. Copy the folder %s to the kiosk, then delete it here: it holds the kiosk's keys.\n", name, e.Dir)
	return nil
}

// code reads an official code. Codes begin with zeros, which package flag's own numbers take for another base.
func code(to *uint32) func(string) error {
	return func(s string) error {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil && !errors.Is(err, strconv.ErrRange) { // one that is too large stays so, and is refused as such
			return errors.New("want the official code, digits only")
		}
		*to = uint32(n)
		return nil
	}
}
