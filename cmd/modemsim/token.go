package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// readToken takes the token of this run from a file, or makes one and, if a
// file is named, writes it there for the program that drives the panel.
func readToken(file string) (string, error) {
	if file == "" {
		return rand.Text(), nil
	}
	info, err := os.Stat(file)
	if errors.Is(err, os.ErrNotExist) {
		token := rand.Text()
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return "", fmt.Errorf("make the token file: %w", err)
		}
		_, err = io.WriteString(f, token+"\n")
		return token, errors.Join(err, f.Close())
	}
	if err != nil {
		return "", fmt.Errorf("read the token file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("others can read %s: chmod 600 it", file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the token file: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if len(token) < 16 {
		return "", fmt.Errorf("the token in %s is shorter than 16 characters: remove the file and a good one is made", file)
	}
	return token, nil
}
