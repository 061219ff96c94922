package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/langnghe/langnghe/device/modem/modemtest"
)

// number resolves "kiosk" and "gateway"; everything else is a number.
func (p *panel) number(name string) string {
	switch name {
	case "kiosk":
		return p.kiosk.Number()
	case "gateway":
		return p.gateway.Number()
	}
	return modemtest.Normalise(name)
}

func (p *panel) sim(name string) (*modemtest.SIM, error) {
	switch p.number(name) {
	case p.kiosk.Number():
		return p.kiosk, nil
	case p.gateway.Number():
		return p.gateway, nil
	}
	return nil, refusal{"Không có SIM nào tên như vậy: hãy dùng kiosk hoặc gateway."}
}

type addPhone struct {
	Number string `json:"number"`
}

func (p *panel) addPhone(a addPhone) error {
	n := modemtest.Normalise(a.Number)
	digits := strings.TrimPrefix(n, "+")
	if strings.Trim(digits, "0123456789") != "" || len(digits) < 3 || len(digits) > 15 {
		return refusal{"Số điện thoại chỉ gồm chữ số, ví dụ 0912 345 678."}
	}
	if n == p.kiosk.Number() || n == p.gateway.Number() {
		return refusal{"Số này đã thuộc về kiosk hoặc trung tâm."}
	}
	p.network.Phone(n)
	return nil
}

type sendText struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Text    string `json:"text"`
	Reorder bool   `json:"reorder"` // submit the segments last first
}

func (p *panel) send(s sendText) error {
	phone := p.network.Phone(p.number(s.From))
	do := phone.Send
	if s.Reorder {
		do = phone.SendReordered
	}
	if err := do(p.number(s.To), s.Text); err != nil {
		return refusal{"Điện thoại không gửi được tin này: " + err.Error()}
	}
	return nil
}

type flip struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
}

func (p *panel) flip(f flip) error {
	switch f.Name {
	case "internet":
		if p.internet == nil {
			return refusal{"Lần chạy này không có internet cho kiosk."}
		}
		p.internet.set(f.On)
	case "gsm-kiosk":
		p.kiosk.SetGSM(f.On)
	case "gsm-gateway":
		p.gateway.SetGSM(f.On)
	default:
		return refusal{"Không có công tắc này: internet, gsm-kiosk, gsm-gateway."}
	}
	return nil
}

// fault switches one fault. SIM is "kiosk", "gateway", or "" for the network.
type fault struct {
	SIM   string          `json:"sim"`
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"` // bool; number for send-error (code) and delay (ms); string for pace
}

func (p *panel) fault(f fault) error {
	var on bool
	var n int
	var s string
	bad := refusal{"Giá trị không hợp với lỗi này."}
	switch f.Name {
	case "send-error", "delay":
		if json.Unmarshal(f.Value, &n) != nil || n < 0 || n > 3_600_000 {
			return bad
		}
	case "pace":
		if json.Unmarshal(f.Value, &s) != nil || !slices.Contains([]string{"", "partial", "merged"}, s) {
			return bad
		}
	case "unplug", "replug":
	default:
		if json.Unmarshal(f.Value, &on) != nil {
			return bad
		}
	}
	if f.SIM == "" {
		switch f.Name {
		case "delay":
			p.network.SetDelay(time.Duration(n) * time.Millisecond)
		case "reorder":
			p.network.SetReorder(on)
		case "duplicate":
			p.network.SetDuplicate(on)
		default:
			return refusal{"Mạng không có lỗi này: delay, reorder, duplicate."}
		}
	} else {
		sim, err := p.sim(f.SIM)
		if err != nil {
			return err
		}
		switch f.Name {
		case "drop-reply":
			sim.SetDropReply(on)
		case "mute":
			sim.SetMute(on)
		case "noise":
			sim.SetNoise(on)
		case "storage-full":
			sim.SetStorageFull(on)
		case "send-error":
			sim.SetSendError(n)
		case "pace":
			sim.SetPace(modemtest.Pace(s))
		case "unplug":
			return sim.HangUp()
		case "replug":
			_, err := sim.Replug()
			return err
		default:
			return refusal{"Modem không có lỗi này: drop-reply, mute, noise, storage-full, send-error, pace, unplug, replug."}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if on || n > 0 || s != "" {
		p.faults[f.SIM+"/"+f.Name] = f.Value
	} else {
		delete(p.faults, f.SIM+"/"+f.Name)
	}
	return nil
}

type inject struct {
	From string `json:"from"`
	To   string `json:"to"`
	Hex  string `json:"hex"`  // 8-bit message
	Text string `json:"text"` // or a text message, from a number that may be forged
}

func (p *panel) inject(i inject) error {
	if i.Text != "" {
		return p.send(sendText{From: i.From, To: i.To, Text: i.Text})
	}
	b, err := hex.DecodeString(i.Hex)
	if err != nil {
		return refusal{"Dữ liệu phải viết bằng số thập lục phân (hex)."}
	}
	p.network.Inject(p.number(i.From), p.number(i.To), b)
	return nil
}

type injectTPDU struct {
	To  string `json:"to"`
	Hex string `json:"hex"`
}

func (p *panel) injectTPDU(i injectTPDU) error {
	b, err := hex.DecodeString(i.Hex)
	if err != nil {
		return refusal{"Dữ liệu phải viết bằng số thập lục phân (hex)."}
	}
	p.network.InjectTPDU(p.number(i.To), b)
	return nil
}

// hostile plays an attacker who has heard the air and can forge a sender.
type hostile struct {
	To   string `json:"to"`   // "gateway" or "kiosk", by SMS; "broker", by MQTT
	Kind string `json:"kind"` // "random", "truncated", "forged", "replay"
}

func (p *panel) hostile(h hostile) error {
	from, to := p.kiosk.Number(), p.gateway.Number()
	if h.To == "kiosk" {
		from, to = to, from
	}
	send := func(b []byte) error { p.network.Inject(from, to, b); return nil }
	if h.To == "broker" {
		send = p.thief.publish
	}
	if h.Kind == "random" {
		b := make([]byte, 100)
		rand.Read(b)
		return send(b)
	}
	last := lastFrames(p.network.Truth(), from, to)
	if len(last) == 0 {
		return refusal{"Chưa có khung dữ liệu nào đi qua bằng SMS theo chiều này. Hãy tắt internet và gửi một tin báo trước."}
	}
	var whole []byte
	for _, s := range last {
		whole = append(whole, s.Data...)
	}
	switch h.Kind {
	case "truncated":
		return send(whole[:len(whole)/2])
	case "forged":
		whole[len(whole)-1] ^= 0x01
		return send(whole)
	case "replay":
		if h.To == "broker" {
			return send(whole) // every link carries the same bytes
		}
		for _, s := range last {
			p.network.InjectTPDU(to, s.Deliver)
		}
	default:
		return refusal{"Không có kiểu thử này: random, truncated, forged, replay."}
	}
	return nil
}

// lastFrames returns the segments of the last genuine 8-bit message from one
// SIM to another: all that share its concatenation header.
func lastFrames(truth []modemtest.Segment, from, to string) []modemtest.Segment {
	var last []modemtest.Segment
	for _, s := range truth {
		if s.Injected || s.Coding != modemtest.Binary || s.From != from || s.To != to || len(s.Data) == 0 {
			continue
		}
		if len(last) == 0 || len(s.Header) == 0 || !sameMessage(last[0].Header, s.Header) {
			last = nil
		}
		last = append(last, s)
	}
	return last
}

// sameMessage compares concatenation headers but for their last octet, the
// number of the segment.
func sameMessage(a, b []byte) bool {
	return len(a) > 0 && len(a) == len(b) && slices.Equal(a[:len(a)-1], b[:len(b)-1])
}

type capture struct {
	On bool `json:"on"`
}

// capture starts and stops the collection of 8-bit messages for getCaptured;
// starting forgets what an earlier capture collected.
func (p *panel) capture(c capture) error {
	truth := p.network.Truth()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case c.On && !p.capturing:
		p.from, p.captured = len(truth), nil
	case !c.On && p.capturing:
		p.captured = binaryIDs(truth, p.from)
	}
	p.capturing = c.On
	return nil
}

func binaryIDs(truth []modemtest.Segment, from int) []int {
	var ids []int
	for _, s := range truth[from:] {
		if s.Coding == modemtest.Binary {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// segment is one short message in the API; bytes are hexadecimal.
type segment struct {
	modemtest.Segment
	Hex    string `json:"hex"`    // user data without header
	Header string `json:"header"` // user data header, "" without
	Submit string `json:"submit"` // SMS-SUBMIT as sent, "" if injected
	TPDU   string `json:"tpdu"`   // SMS-DELIVER, what /api/inject-tpdu takes
}

func (p *panel) segments(keep func(modemtest.Segment) bool) []segment {
	out := []segment{}
	for _, s := range p.network.Truth() {
		if keep(s) {
			out = append(out, segment{
				Segment: s, Hex: hex.EncodeToString(s.Data), Header: hex.EncodeToString(s.Header),
				Submit: hex.EncodeToString(s.TPDU), TPDU: hex.EncodeToString(s.Deliver),
			})
		}
	}
	return out
}

func (p *panel) getTruth(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, p.segments(func(modemtest.Segment) bool { return true }))
}

func (p *panel) getCaptured(w http.ResponseWriter, _ *http.Request) {
	truth := p.network.Truth()
	p.mu.Lock()
	ids := p.captured
	if p.capturing {
		ids = binaryIDs(truth, p.from)
	}
	p.mu.Unlock()
	answer(w, http.StatusOK, p.segments(func(s modemtest.Segment) bool { return slices.Contains(ids, s.ID) }))
}
