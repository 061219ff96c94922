package main

import (
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/langnghe/langnghe/device/modem/modemtest"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Parse(pageSource))

// panel is the demo's web page and its JSON API. The page only calls the API.
type panel struct {
	network        *modemtest.Network
	kiosk, gateway *modemtest.SIM
	internet       *internet // nil without
	thief          thief

	mu        sync.Mutex
	capturing bool
	from      int   // first segment of the capture that runs
	captured  []int // IDs of segments from captures that ended
	faults    map[string]any
}

// villagers are the phones that the page shows at the start.
var villagers = []string{"+84912345678", "+84987654321", "+84355512345"}

func newPanel(n *modemtest.Network, kiosk, gateway *modemtest.SIM, i *internet, t thief) *panel {
	for _, v := range villagers {
		n.Phone(v)
	}
	return &panel{network: n, kiosk: kiosk, gateway: gateway, internet: i, thief: t, faults: map[string]any{}}
}

func (p *panel) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.page)
	mux.HandleFunc("GET /api/state", p.getState)
	mux.HandleFunc("GET /api/phone/inbox", p.getInbox)
	mux.HandleFunc("GET /api/truth", p.getTruth)
	mux.HandleFunc("GET /api/captured", p.getCaptured)
	mux.HandleFunc("POST /api/phone/add", post(p.addPhone))
	mux.HandleFunc("POST /api/phone/send", post(p.send))
	mux.HandleFunc("POST /api/switch", post(p.flip))
	mux.HandleFunc("POST /api/fault", post(p.fault))
	mux.HandleFunc("POST /api/capture", post(p.capture))
	mux.HandleFunc("POST /api/inject", post(p.inject))
	mux.HandleFunc("POST /api/inject-tpdu", post(p.injectTPDU))
	mux.HandleFunc("POST /api/hostile", post(p.hostile))
	return mux
}

func (p *panel) page(w http.ResponseWriter, _ *http.Request) {
	nonce := rand.Text()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", fmt.Sprintf("default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; "+
		"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", nonce, nonce))
	// An error here is a browser that went away.
	_ = page.Execute(w, map[string]any{
		"Nonce": nonce, "Kiosk": p.kiosk.Number(), "Gateway": p.gateway.Number(),
	})
}

// refusal is an error that the person at the panel can do something about.
type refusal struct{ text string }

func (r refusal) Error() string { return r.text }

// post reads one JSON object, strictly, and answers {} or {"error":…}.
func post[T any](do func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var v T
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 256<<10))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": "Yêu cầu không đúng dạng: " + err.Error()})
			return
		}
		var refused refusal
		switch err := do(v); {
		case errors.As(err, &refused):
			answer(w, http.StatusUnprocessableEntity, map[string]string{"error": refused.text})
		case err != nil:
			answer(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		default:
			answer(w, http.StatusOK, map[string]string{})
		}
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	// An error here is a client that went away.
	_ = json.NewEncoder(w).Encode(v)
}

type phoneState struct {
	Number string              `json:"number"`
	Inbox  []modemtest.Message `json:"inbox"`
	Outbox []modemtest.Sent    `json:"outbox"`
}

type simState struct {
	Number  string `json:"number"`
	GSM     bool   `json:"gsm"`
	Plugged bool   `json:"plugged"`
	Stored  int    `json:"stored"`  // messages on the SIM now
	Waiting int    `json:"waiting"` // messages that the service centre keeps for it
}

// counters is what passed since the start, in segments.
type counters struct {
	Submitted   int `json:"submitted"`
	Delivered   int `json:"delivered"` // repetitions not counted
	Repeated    int `json:"repeated"`
	KioskUp     int `json:"kiosk_up"`   // 8-bit, kiosk to gateway
	KioskDown   int `json:"kiosk_down"` // 8-bit, gateway to kiosk
	FromPhones  int `json:"from_phones"`
	ToPhones    int `json:"to_phones"`
	Injected    int `json:"injected"`
	Undelivered int `json:"undelivered"`
}

type state struct {
	Version  uint64         `json:"version"`
	Phones   []phoneState   `json:"phones"`
	Kiosk    simState       `json:"kiosk"`
	Gateway  simState       `json:"gateway"`
	Internet internetState  `json:"internet"`
	Counters counters       `json:"counters"`
	Faults   map[string]any `json:"faults"` // by "sim/name", what is switched on
}

// getState answers at once, or with ?since=VERSION as soon as something
// changed, at the latest after three seconds.
func (p *panel) getState(w http.ResponseWriter, r *http.Request) {
	changed, version := p.network.Changed()
	if since, err := strconv.ParseUint(r.URL.Query().Get("since"), 10, 64); err == nil && since == version {
		select {
		case <-r.Context().Done():
			return
		case <-changed:
		case <-time.After(3 * time.Second):
		}
	}
	answer(w, http.StatusOK, p.state())
}

func (p *panel) state() state {
	_, version := p.network.Changed()
	s := state{
		Version: version, Phones: []phoneState{}, Internet: p.internet.state(),
		Kiosk: p.simState(p.kiosk), Gateway: p.simState(p.gateway), Faults: map[string]any{},
	}
	phones := map[string]bool{}
	for _, ph := range p.network.Phones() {
		if ph.Number() == s.Kiosk.Number || ph.Number() == s.Gateway.Number {
			continue // a forged sender of /api/inject, no villager's phone
		}
		phones[ph.Number()] = true
		s.Phones = append(s.Phones, phoneState{ph.Number(), ph.Inbox(), ph.Outbox()})
	}
	for _, g := range p.network.Truth() {
		c := &s.Counters
		c.Submitted++
		if g.Injected {
			c.Injected++
		}
		if len(g.Delivered) == 0 {
			c.Undelivered++
		} else {
			c.Delivered++
			c.Repeated += len(g.Delivered) - 1
		}
		switch {
		case g.Coding == modemtest.Binary && g.From == p.kiosk.Number():
			c.KioskUp++
		case g.Coding == modemtest.Binary && g.To == p.kiosk.Number():
			c.KioskDown++
		case phones[g.From]:
			c.FromPhones++
		case phones[g.To]:
			c.ToPhones++
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, v := range p.faults {
		s.Faults[k] = v
	}
	return s
}

func (p *panel) simState(s *modemtest.SIM) simState {
	return simState{s.Number(), s.GSM(), s.Plugged(), len(s.Stored()), p.network.Waiting(s.Number())}
}

func (p *panel) getInbox(w http.ResponseWriter, r *http.Request) {
	number := modemtest.Normalise(r.URL.Query().Get("msisdn"))
	for _, ph := range p.network.Phones() {
		if ph.Number() == number {
			answer(w, http.StatusOK, ph.Inbox())
			return
		}
	}
	answer(w, http.StatusNotFound, map[string]string{"error": "Không có điện thoại nào mang số này."})
}
