package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/chromedp/chromedp"
)

// browser is a duty officer at the console: a real Chromium, headless.
type browser struct {
	ctx  context.Context
	base string
	stop func()
}

func startBrowser(ctx context.Context, dir, base string) (*browser, error) {
	path := "/usr/bin/chromium"
	if _, err := os.Stat(path); err != nil {
		return nil, need("chromium", "test")
	}
	profile := filepath.Join(dir, "chromium")
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.WindowSize(1280, 900), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	alloc, stopAlloc := chromedp.NewExecAllocator(ctx, opts...)
	bctx, stopBrowser := chromedp.NewContext(alloc)
	b := &browser{ctx: bctx, base: base, stop: func() { stopBrowser(); stopAlloc() }}
	if err := chromedp.Run(bctx); err != nil {
		b.stop()
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	return b, nil
}

// do runs actions with a limit, so that a missing element is an error and not a hang.
func (b *browser) do(limit time.Duration, actions ...chromedp.Action) error {
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	return chromedp.Run(ctx, actions...)
}

func (b *browser) login(l login) error {
	err := b.do(20*time.Second,
		chromedp.Navigate(b.base+"/login"),
		chromedp.WaitVisible(`input[name=user]`),
		chromedp.SendKeys(`input[name=user]`, l.User),
		chromedp.SendKeys(`input[name=password]`, l.Password),
		chromedp.Click(`button[type=submit]`),
		chromedp.WaitVisible(`[data-quarantined]`),
	)
	if err != nil {
		return fmt.Errorf("log in to the console: %w", err)
	}
	return nil
}

// queued are the case numbers in the queue.
func (b *browser) queued() ([]string, error) {
	var nums []string
	err := b.do(15*time.Second, chromedp.Navigate(b.base+"/"), chromedp.WaitReady("body"),
		chromedp.Evaluate(`[...document.querySelectorAll('[data-case-number]')].map(e => e.dataset.caseNumber)`, &nums))
	if err != nil {
		return nil, fmt.Errorf("read the queue: %w", err)
	}
	return nums, nil
}

// page is what the officer sees of one case.
type page struct {
	Text string // the words, letter for letter
	Link string // what carried it: "mqtt" or "sms"
}

// open opens a case, as an officer does, and reads it.
func (b *browser) open(number string) (page, error) {
	var p page
	err := b.do(15*time.Second, chromedp.Navigate(b.base+"/case/"+number), chromedp.WaitReady("#report-text"),
		chromedp.Evaluate(`[...document.querySelectorAll('#report-text')].map(e => e.textContent).join('\n---\n')`, &p.Text),
		chromedp.Evaluate(`(document.querySelector('[data-link]') || {dataset:{}}).dataset.link || ''`, &p.Link))
	if err != nil {
		return page{}, fmt.Errorf("open case %s: %w", number, err)
	}
	return p, nil
}

// counts are the counters of frames that became no report.
type counts struct{ quarantined, duplicates, atKiosk int }

// counts reads what every page's header and the kiosks' page show.
func (b *browser) counts() (counts, error) {
	var v [3]string
	err := b.do(15*time.Second, chromedp.Navigate(b.base+"/devices"), chromedp.WaitReady("[data-quarantined]"),
		chromedp.Evaluate(`document.body.dataset.quarantined`, &v[0]),
		chromedp.Evaluate(`document.body.dataset.duplicates`, &v[1]),
		chromedp.Evaluate(`document.querySelector('[data-device="d000001"]').dataset.refused`, &v[2]))
	if err != nil {
		return counts{}, fmt.Errorf("read the counters: %w", err)
	}
	var n [3]int
	for i := range v {
		if n[i], err = strconv.Atoi(v[i]); err != nil {
			return counts{}, fmt.Errorf("read the counters: %w", err)
		}
	}
	return counts{n[0], n[1], n[2]}, nil
}

// shoot writes a screenshot of a page.
func (b *browser) shoot(path, file string) error {
	var png []byte
	if err := b.do(20*time.Second, chromedp.Navigate(b.base+path), chromedp.WaitReady("body"), chromedp.CaptureScreenshot(&png)); err != nil {
		return err
	}
	return os.WriteFile(file, png, 0o644)
}

// deviceLink is the link that carried the last heartbeat of a device; "" before the first.
func (b *browser) deviceLink(device string) (string, error) {
	var s string
	err := b.do(15*time.Second, chromedp.Navigate(b.base+"/devices"), chromedp.WaitReady("body"),
		chromedp.Evaluate(fmt.Sprintf(`(document.querySelector('[data-device="%s"][data-silent="false"]') || {dataset:{}}).dataset.link || ''`, device), &s))
	return s, err
}
