package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// panel is the demo panel's API: villagers' phones, switches, hostile messages.
type panel struct {
	url   string // for a person's browser, token included
	base  string
	token string
	http  http.Client
}

// newPanel reads the line that modemsim prints when it is ready.
func newPanel(line, token string) (*panel, error) {
	var ready struct {
		Panel string `json:"panel"`
	}
	if err := json.Unmarshal([]byte(line), &ready); err != nil {
		return nil, fmt.Errorf("modemsim's first line is not JSON: %w", err)
	}
	u, err := url.Parse(ready.Panel)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("modemsim names no panel")
	}
	return &panel{url: ready.Panel, base: "http://" + u.Host, token: token, http: http.Client{Timeout: 10 * time.Second}}, nil
}

func (p *panel) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("X-Token", p.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.http.Do(req)
	if err != nil {
		return fmt.Errorf("demo panel: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return fmt.Errorf("demo panel: %w", err)
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("demo panel %s: %s: %s", path, resp.Status, strings.TrimSpace(string(b)))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// The switches' names.
const (
	switchInternet = "internet"
	switchGSM      = "gsm-kiosk"
)

func (p *panel) set(ctx context.Context, name string, on bool) error {
	return p.call(ctx, "POST", "/api/switch", map[string]any{"name": name, "on": on}, nil)
}

func (p *panel) sendSMS(ctx context.Context, from, to, text string, reorder bool) error {
	return p.call(ctx, "POST", "/api/phone/send", map[string]any{"from": from, "to": to, "text": text, "reorder": reorder}, nil)
}

type phoneMessage struct {
	From string `json:"from"`
	Text string `json:"text"`
}

func (p *panel) inbox(ctx context.Context, msisdn string) ([]phoneMessage, error) {
	var out []phoneMessage
	err := p.call(ctx, "GET", "/api/phone/inbox?msisdn="+url.QueryEscape(msisdn), nil, &out)
	return out, err
}

// inject sends one 8-bit message as it is, from any number.
func (p *panel) inject(ctx context.Context, from, to string, data []byte) error {
	return p.call(ctx, "POST", "/api/inject", map[string]any{"from": from, "to": to, "hex": hex.EncodeToString(data)}, nil)
}

func (p *panel) capture(ctx context.Context) error {
	return p.call(ctx, "POST", "/api/capture", map[string]any{"on": true}, nil)
}

// captured is what an eavesdropper of the network has: every 8-bit message that passed since capture.
type captured struct {
	From string `json:"from"`
	To   string `json:"to"`
	Hex  string `json:"hex"`
}

func (p *panel) captured(ctx context.Context) ([]captured, error) {
	var out []captured
	err := p.call(ctx, "GET", "/api/captured", nil, &out)
	return out, err
}
