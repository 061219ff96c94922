package main

import (
	"context"
	"log/slog"

	"github.com/langnghe/langnghe/gateway"
)

func serve(ctx context.Context, args []string, s streams) error {
	f := flags("serve", s)
	path := f.String("config", "gateway.toml", "the gateway's configuration `file`")
	if err := parse(f, args); err != nil {
		return err
	}
	cfg, err := gateway.LoadConfig(*path)
	if err != nil {
		return err
	}
	level, err := cfg.Level()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))
	g, err := gateway.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	if err := g.Run(ctx); err != nil {
		return err
	}
	log.Info("the gateway has stopped")
	return nil
}
