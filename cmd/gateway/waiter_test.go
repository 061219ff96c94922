package main

import (
	"bytes"
	"strings"
	"sync"
)

// waiter calls found once when what it wants was written.
type waiter struct {
	want  string
	found func()

	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (w *waiter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(p)
	if strings.Contains(w.b.String(), w.want) {
		w.found()
	}
	return len(p), nil
}

func (w *waiter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}
