package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/langnghe/langnghe/device"
)

// runDevice runs the device process: the appliance, and the socket at which the screen reaches it.
func runDevice(ctx context.Context, cfg device.Config, log *slog.Logger) (err error) {
	d, err := device.New(cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }() // last: nobody writes any more
	s, err := listen(cfg.Screen, d, log.With("part", "socket"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	var served error
	wg.Go(func() {
		// The screen goes first: no new report while the device stops.
		served = s.serve(ctx)
		cancel()
	})
	err = d.Run(ctx)
	cancel()
	wg.Wait()
	return errors.Join(err, served)
}
