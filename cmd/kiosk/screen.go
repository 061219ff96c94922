package main

import (
	"context"
	"image"
	"log/slog"
	"os"
	"sync"

	"fyne.io/fyne/v2/app"

	"github.com/langnghe/langnghe/device"
	"github.com/langnghe/langnghe/ui"
)

// runScreen runs the screen process. It opens no secret file, no database and no network: of the configuration it uses
// [screen] alone.
func runScreen(ctx context.Context, cfg device.Config, log *slog.Logger) error {
	width, height, err := cfg.Screen.Pixels()
	if err != nil {
		return err
	}
	// Before the toolkit is asked: it ends in a panic.
	if err := checkDisplay(ctx); err != nil {
		return err
	}
	for k, v := range map[string]string{
		"FYNE_SCALE": "1",   // the layout is in pixels, and cheap panels lie about their size
		"FYNE_CACHE": "10s", // how long the toolkit keeps pictures of what was drawn, words included
	} {
		if os.Getenv(k) == "" {
			if err := os.Setenv(k, v); err != nil {
				return err
			}
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	c := newClient(cfg.Screen.Socket)
	c.poll(ctx) // so that the first page is already honest
	wg.Go(func() { c.run(ctx) })
	window := ui.New(app.NewWithID("vn.langnghe.kiosk"), c, ui.Options{
		Size: image.Pt(width, height), Fullscreen: cfg.Screen.Fullscreen, IdleAfter: cfg.Screen.IdleAfter.Duration,
		SubmitTimeout: submitFor, Log: log.With("part", "ui"),
	})
	wg.Go(func() { watchScreen(ctx, log) })
	window.Run(ctx)
	return nil
}
