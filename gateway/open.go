package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/internal/store"
)

// openStore opens the database that belongs to id, or makes it. Whoever writes into it opens it by this, so that nothing is
// ever sealed to an identity that does not open the rest.
func openStore(ctx context.Context, cfg Config, id seal.Identity) (_ *store.Store, err error) {
	if err := checkDataDir(cfg); err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, cfg.database())
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	recipient, err := id.Recipient().MarshalText()
	if err != nil {
		return nil, err
	}
	fingerprint := sha256.Sum256(recipient)
	err = db.Bind(ctx, fingerprint[:], func(sealed []byte) bool {
		key, err := id.OpenAtRest(intake.LabelPSK, sealed)
		clear(key)
		return err == nil
	})
	if errors.Is(err, store.ErrOtherIdentity) {
		return nil, fmt.Errorf("intake.identity %s is not the one that the database %s was made with: restore the copy from the safe, or correct the path; nothing was changed",
			cfg.Intake.Identity, cfg.database())
	}
	if err != nil {
		return nil, err
	}
	return db, nil
}

// checkDataDir makes gateway.data_dir where it is absent, and refuses one from which the database was lost: a new one would
// know no kiosk, and all of them would be turned away.
func checkDataDir(cfg Config) error {
	dir := cfg.Gateway.DataDir
	if st, err := os.Stat(dir); err == nil && !st.IsDir() {
		return fmt.Errorf("gateway.data_dir %s is a file: name a folder", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make gateway.data_dir: %w", withNext(err))
	}
	if _, err := os.Stat(cfg.database()); !errors.Is(err, fs.ErrNotExist) {
		return nil // it is there, or the store says what is wrong with it
	}
	if _, err := os.Stat(cfg.brokerDir()); err == nil {
		return fmt.Errorf("the database %s is missing, though this gateway has served before (%s is there): restore its last backup; with a new one every kiosk would count as not enrolled. If that is what you want, remove %s first",
			cfg.database(), cfg.brokerDir(), cfg.brokerDir())
	}
	return nil
}

// ifAbsent adds what to do to an error that says that a file is not there; other errors say it themselves.
func ifAbsent(err error, next string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", err, next)
	}
	return err
}

// withNext adds what to do to an error of the file system.
func withNext(err error) error {
	next := ""
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		next = "the disk is full: make room, then do it again"
	case errors.Is(err, syscall.EROFS):
		next = "the disk can only be read: mount it for writing, or choose another folder"
	case errors.Is(err, fs.ErrPermission):
		next = "run this as the user that owns the folder, or choose another one"
	case errors.Is(err, syscall.ENOTDIR):
		next = "a part of the path is a file: choose another folder"
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, next)
}
