package relay

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/internal/outbox"
	"github.com/langnghe/langnghe/device/wire"
)

const (
	mqtt = 0
	sms  = 1
	s    = time.Second
)

func twoPaths(cfg Config) []path {
	return paths([]Link{&fakeLink{name: MQTT}, &fakeLink{name: SMS}}, cfg)
}

func TestRoute(t *testing.T) {
	cfg := Config{}.withDefaults()
	for name, c := range map[string]struct {
		now       time.Duration
		since     time.Duration // the envelope came
		urgent    bool
		mqtt, sms bool          // ready
		down      time.Duration // MQTT went down
		legs      [2]leg
		want      []int
		look      time.Duration
	}{
		"both ready: MQTT":                         {now: 5 * s, since: 5 * s, mqtt: true, sms: true, want: []int{mqtt}, look: 605 * s},
		"both ready, urgent: race":                 {now: 5 * s, since: 5 * s, urgent: true, mqtt: true, sms: true, want: []int{mqtt, sms}, look: never},
		"no link: wait":                            {now: 999 * s, since: 5 * s, look: never},
		"no link, urgent: wait":                    {now: 999 * s, since: 5 * s, urgent: true, look: never},
		"MQTT down, just queued":                   {now: 100 * s, since: 100 * s, sms: true, look: 120 * s},
		"MQTT down, queued 19 s ago":               {now: 119 * s, since: 100 * s, sms: true, look: 120 * s},
		"MQTT down, queued 20 s ago":               {now: 120 * s, since: 100 * s, sms: true, want: []int{sms}, look: never},
		"MQTT just went down":                      {now: 500 * s, since: 100 * s, down: 490 * s, sms: true, look: 510 * s},
		"MQTT down for 20 s":                       {now: 510 * s, since: 100 * s, down: 490 * s, sms: true, want: []int{sms}, look: never},
		"MQTT down, urgent: now":                   {now: 100 * s, since: 100 * s, urgent: true, sms: true, want: []int{sms}, look: never},
		"MQTT up, SMS not":                         {now: 100 * s, since: 100 * s, mqtt: true, want: []int{mqtt}, look: never},
		"MQTT has just sent nothing: SMS now":      {now: 1 * s, mqtt: true, sms: true, legs: [2]leg{{refused: 1, next: 3 * s}}, want: []int{sms}, look: 3 * s},
		"SMS has just sent nothing: MQTT now":      {now: 1 * s, mqtt: true, sms: true, legs: [2]leg{1: {refused: 1, next: 3 * s}}, want: []int{mqtt}, look: 600 * s},
		"MQTT Send under way: not again":           {now: 1 * s, mqtt: true, sms: true, legs: [2]leg{{open: true}}, look: 600 * s},
		"MQTT Send under way, urgent: SMS beside":  {now: 1 * s, urgent: true, mqtt: true, sms: true, legs: [2]leg{{open: true}}, want: []int{sms}, look: never},
		"both Sends under way":                     {now: 1 * s, urgent: true, mqtt: true, sms: true, legs: [2]leg{{open: true}, {open: true}}, look: never},
		"MQTT awaits its ack":                      {now: 5 * s, mqtt: true, sms: true, legs: [2]leg{{tries: 1, next: 10 * s}}, look: 10 * s},
		"MQTT's ack is overdue":                    {now: 10 * s, mqtt: true, sms: true, legs: [2]leg{{tries: 1, next: 10 * s}}, want: []int{mqtt}, look: 600 * s},
		"MQTT awaits its ack and went down":        {now: 25 * s, down: 5 * s, sms: true, legs: [2]leg{{tries: 1, next: 10 * s}}, want: []int{sms}, look: never},
		"MQTT up without acks for 10 min: SMS too": {now: 600 * s, mqtt: true, sms: true, legs: [2]leg{{tries: 6, next: 800 * s}}, want: []int{sms}, look: 800 * s},
		"SMS awaits its ack, MQTT is back":         {now: 60 * s, mqtt: true, sms: true, legs: [2]leg{1: {tries: 1, next: 180 * s}}, want: []int{mqtt}, look: 600 * s},
		"SMS awaits its ack, MQTT still down":      {now: 60 * s, sms: true, legs: [2]leg{1: {tries: 1, next: 180 * s}}, look: 180 * s},
		"SMS's ack is overdue":                     {now: 180 * s, sms: true, legs: [2]leg{1: {tries: 1, next: 180 * s}}, want: []int{sms}, look: never},
		"start jitter":                             {now: 0, mqtt: true, legs: [2]leg{{next: 1 * s}, {next: 1 * s}}, look: 1 * s},
	} {
		t.Run(name, func(t *testing.T) {
			ps := twoPaths(cfg)
			ps[mqtt].ready, ps[mqtt].since, ps[sms].ready = c.mqtt, c.down, c.sms
			e := &entry{urgent: c.urgent, since: c.since, legs: c.legs[:]}
			by, look := route(c.now, e, ps, cfg)
			if !slices.Equal(by, c.want) || look != c.look {
				t.Errorf("by %v, look at %v; want %v, %v", by, look, c.want, c.look)
			}
		})
	}
}

// A kiosk without MQTT at all has nothing to wait for.
func TestRouteWithSMSAlone(t *testing.T) {
	cfg := Config{}.withDefaults()
	ps := paths([]Link{&fakeLink{name: SMS}}, cfg)
	ps[0].ready = true
	if by, _ := route(0, &entry{legs: make([]leg, 1)}, ps, cfg); !slices.Equal(by, []int{0}) {
		t.Errorf("by %v", by)
	}
}

func TestAgain(t *testing.T) {
	cfg := Config{}.withDefaults()
	ps := twoPaths(cfg)
	const m = time.Minute
	for _, c := range []struct {
		name       string
		wait, most time.Duration
		want       []time.Duration // after attempts 1, 2, ...
	}{
		{"mqtt", ps[mqtt].wait, ps[mqtt].most, []time.Duration{10 * s, 20 * s, 40 * s, 80 * s, 160 * s, 300 * s, 300 * s}},
		{"mqtt urgent", ps[mqtt].wait, ps[mqtt].urgent, []time.Duration{10 * s, 20 * s, 40 * s, 60 * s, 60 * s}},
		{"sms", ps[sms].wait, ps[sms].most, []time.Duration{3 * m, 6 * m, 12 * m, 24 * m, 48 * m, 60 * m, 60 * m}},
		{"sms urgent", ps[sms].wait, ps[sms].urgent, []time.Duration{3 * m, 6 * m, 12 * m, 15 * m, 15 * m}},
		{"not sent", notSentWait, m, []time.Duration{2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s}},
	} {
		for i, want := range c.want {
			if got := again(i+1, c.wait, c.most, 0); got != want {
				t.Errorf("%s: attempt %d: %v, want %v", c.name, i+1, got, want)
			}
			if got := again(i+1, c.wait, c.most, 0.9999); got <= want || got >= want*3/2 {
				t.Errorf("%s: attempt %d with the most jitter: %v, want less than %v", c.name, i+1, got, want*3/2)
			}
		}
		if got := again(1<<40, c.wait, c.most, 0); got != c.most {
			t.Errorf("%s: after very many attempts: %v", c.name, got)
		}
	}
}

func id(n int) wire.ID { return wire.ID{byte(n)} }

func ids(out []departure, link int) (list []int) {
	for _, d := range out {
		if d.link == link {
			list = append(list, int(d.id[0]))
		}
	}
	return list
}

func half() float64 { return 0.5 }

// The windows: 8 on MQTT, 1 on SMS; urgent first, then what was tried least, then the oldest. A full window on one link
// does not stop the other.
func TestPlanWindowsAndOrder(t *testing.T) {
	cfg := Config{}.withDefaults()
	b := newBook(twoPaths(cfg), cfg)
	var items []outbox.Item
	for n := range 12 {
		items = append(items, outbox.Item{ID: id(n), Urgent: n == 7 || n == 9})
	}
	b.put(0, items, false, half)
	b.setReady(0, mqtt, true)
	b.setReady(0, sms, true)
	out, _ := b.plan(0)
	if got, want := fmt.Sprint(ids(out, mqtt), ids(out, sms)), "[7 9 0 1 2 3 4 5] [7]"; got != want {
		t.Fatalf("plan %s, want %s", got, want)
	}
	for _, d := range out {
		b.begin(d.id, d.link)
	}
	if out, _ := b.plan(0); len(out) != 0 {
		t.Fatalf("beyond the windows: %v", out)
	}
	b.end(s, id(7), sms, outbox.Accepted, 0)
	out, _ = b.plan(s)
	if got, want := fmt.Sprint(ids(out, mqtt), ids(out, sms)), "[] [9]"; got != want {
		t.Fatalf("plan %s, want %s", got, want)
	}
	for _, n := range []int{0, 1} {
		b.end(s, id(n), mqtt, outbox.Unknown, 0)
	}
	b.drop(id(2)) // acked while its Send is under way: its place is free when that ends
	out, _ = b.plan(s)
	if got, want := fmt.Sprint(ids(out, mqtt)), "[6 8]"; got != want {
		t.Fatalf("plan %s, want %s", got, want)
	}
	b.end(s, id(2), mqtt, outbox.Accepted, 0)
	out, _ = b.plan(11 * s) // 0 and 1 are due again, after those that were never tried
	if got, want := fmt.Sprint(ids(out, mqtt)), "[6 8 10]"; got != want {
		t.Fatalf("plan %s, want %s", got, want)
	}
}

// TestLongOutage drives the schedule through a day in which no ack comes, and counts what it costs.
func TestLongOutage(t *testing.T) {
	cfg := Config{}.withDefaults()
	for _, c := range []struct {
		urgent, mqttUp bool
		mqtt, sms      [2]int // attempts in a day: at least, at most
	}{
		{false, false, [2]int{0, 0}, [2]int{18, 29}},
		{true, false, [2]int{0, 0}, [2]int{64, 99}},
		{false, true, [2]int{190, 300}, [2]int{18, 29}},
		{true, true, [2]int{950, 1450}, [2]int{64, 99}},
	} {
		b := newBook(twoPaths(cfg), cfg)
		b.put(0, []outbox.Item{{ID: id(1), Urgent: c.urgent}}, true, half)
		b.setReady(0, mqtt, c.mqttUp)
		b.setReady(0, sms, true)
		var n [2]int
		rounds := 0
		for now := time.Duration(0); now < 24*time.Hour; rounds++ {
			out, look := b.plan(now)
			for _, d := range out {
				n[d.link]++
				b.begin(d.id, d.link)
				b.end(now, d.id, d.link, outbox.Accepted, 0.5)
			}
			if len(out) == 0 {
				if look <= now {
					t.Fatal("the schedule spins")
				}
				now = look
			}
		}
		if n[mqtt] < c.mqtt[0] || n[mqtt] > c.mqtt[1] || n[sms] < c.sms[0] || n[sms] > c.sms[1] {
			t.Errorf("urgent %v, MQTT %v: %d attempts by MQTT, %d by SMS in a day", c.urgent, c.mqttUp, n[mqtt], n[sms])
		}
		if rounds > 2*(n[mqtt]+n[sms])+10 {
			t.Errorf("%d rounds for %d attempts", rounds, n[mqtt]+n[sms])
		}
	}
}
