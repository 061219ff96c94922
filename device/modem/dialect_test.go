package modem

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// How modems ask for a message and what they say when they have it. The message must go out once, and its
// reference must come back.
func TestPromptsAndAnswersInManyDialects(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]struct{ prompt, answer string }{
		"standard":                    {"\r\n> ", "\r\n+CMGS: 7\r\n" + done},
		"no line before":              {"> ", "\r\n+CMGS: 7\r\n" + done},
		"no space":                    {"\r\n>", "\r\n+CMGS: 7\r\n" + done},
		"carriage return only":        {"\r> ", "\r\n+CMGS: 7\r\n" + done},
		"wrong way round":             {"\n\r> ", "\r\n+CMGS: 7\r\n" + done},
		"echo before the prompt":      {"AT+CMGS=19\r> ", "0011\x1a\r\n+CMGS: 7\r\n" + done},
		"noise before the prompt":     {"\r\n^RSSI:18\r\n\r\n> ", "\r\n+CMGS: 7\r\n" + done},
		"a call and a message":        {"\r\nRING\r\n\r\n+CMTI: \"SM\",3\r\n\r\n> ", "\r\nRING\r\n\r\n+CMGS: 7\r\n\r\n+CMTI: \"SM\",4\r\n" + done},
		"doubled carriage returns":    {"\r\r\n> ", "\r\r\n+CMGS: 7\r\r\n\r\r\nOK\r\r\n"},
		"NULs":                        {"\x00\r\n\x00> ", "\x00\r\n+CMGS: 7\r\n\x00OK\r\n\xff"},
		"the prompt again":            {"\r\n> ", "> \r\n+CMGS: 7\r\n" + done},
		"the prompt before the line":  {"\r\n> ", "> +CMGS: 7\r\n" + done},
		"with a time stamp":           {"\r\n> ", "\r\n+CMGS: 7,\"26/03/09,14:05:00+28\"\r\n" + done},
		"OK first":                    {"\r\n> ", "\r\nOK\r\n\r\n+CMGS: 7\r\n"},
		"a status report in between":  {"\r\n> ", "\r\n+CDS: 25\r\n06070B91\r\n\r\n+CMGS: 7\r\n" + done},
		"an old reference beforehand": {"\r\n+CMGS: 99\r\n\r\n> ", "\r\n+CMGS: 7\r\n" + done},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, func(f *fake, cmd string) (string, bool) {
				switch {
				case strings.HasPrefix(cmd, "AT+CMGS="):
					f.waiting = true
					return d.prompt, true
				case strings.HasSuffix(cmd, "\x1a"):
					return d.answer, true
				}
				return "", false
			})
			m := run(t, quick(f.link), &store{})
			for range 2 {
				ready(t, m)
				mr, err := m.Send(t.Context(), message(t, "x"))
				if err != nil || mr != 7 {
					t.Errorf("reference %d, %v", mr, err)
				}
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(f.pdus) != 2 {
				t.Errorf("%d messages went out", len(f.pdus))
			}
		})
	}
}

func TestRefusalsInManyDialects(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]struct {
		prompt, answer string
		notSent        bool
	}{
		"refused at once":       {"\r\n+CMS ERROR: 38\r\n", "", true}, // nothing was handed over
		"plain error at once":   {"\r\nERROR\r\n", "", true},
		"CME at once":           {"\r\n+CME ERROR: 100\r\n", "", true},
		"network refuses":       {"\r\n> ", "\r\n+CMS ERROR: 21\r\n", true},
		"no space, no plus":     {"\r\n> ", "\r\nCMS Error:21\r\n", true},
		"no SIM":                {"\r\n> ", "\r\n+CME ERROR:10\r\n", true},
		"in words":              {"\r\n> ", "\r\n+CMS ERROR: unknown error\r\n", false},
		"plain error":           {"\r\n> ", "\r\nERROR\r\n", false},
		"network time-out":      {"\r\n> ", "\r\n+CMS ERROR: 332\r\n", false},
		"the centre has it":     {"\r\n> ", "\r\n+CMS ERROR: 197\r\n", false},
		"vendor's code":         {"\r\n> ", "\r\n+CMS ERROR: 604\r\n", false},
		"unspecified equipment": {"\r\n> ", "\r\n+CME ERROR: 100\r\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, func(f *fake, cmd string) (string, bool) {
				switch {
				case strings.HasPrefix(cmd, "AT+CMGS="):
					return d.prompt, true
				case strings.HasSuffix(cmd, "\x1a"):
					return d.answer, true
				}
				return "", false
			})
			m := run(t, quick(f.link), &store{})
			ready(t, m)
			if _, err := m.Send(t.Context(), message(t, "x")); err == nil || errors.Is(err, ErrNotSent) != d.notSent {
				t.Errorf("got %v", err)
			}
		})
	}
}

// No prompt: nothing was sent, and a prompt that comes after all gets nothing.
func TestNoPromptMeansNotSent(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	f.say = func(f *fake, cmd string) (string, bool) {
		return "", strings.HasPrefix(cmd, "AT+CMGS=")
	}
	cfg := quick(f.link)
	cfg.PromptTimeout = 50 * time.Millisecond
	m := run(t, cfg, &store{})
	ready(t, m)
	if _, err := m.Send(t.Context(), message(t, "x")); !errors.Is(err, ErrNotSent) {
		t.Errorf("got %v", err)
	}
	f.speak("\r\n> ")
	ready(t, m)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pdus) != 0 {
		t.Error("the message went out after it was given up")
	}
}

// The port is lost after Ctrl-Z: nobody knows (invariant 7).
func TestPortLostAfterTheMessageIsUnknown(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	gone := make(chan struct{})
	f.say = func(f *fake, cmd string) (string, bool) {
		if strings.HasSuffix(cmd, "\x1a") {
			close(gone)
			return "", true
		}
		return "", false
	}
	cfg := quick(f.link)
	cfg.SubmitTimeout = time.Minute
	m := run(t, cfg, &store{})
	ready(t, m)
	go func() {
		<-gone
		f.hangUp()
	}()
	if _, err := m.Send(t.Context(), message(t, "x")); err == nil || errors.Is(err, ErrNotSent) {
		t.Errorf("got %v", err)
	}
}

// The answer to a message comes after our deadline, when the next one is already being sent. It must not
// make the next one look accepted.
func TestLateAnswerIsCreditedToNobody(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	f.say = func(f *fake, cmd string) (string, bool) {
		if !strings.HasSuffix(cmd, "\x1a") {
			return "", false
		}
		if len(f.pdus) == 1 {
			return "", true // silence: the first outcome is unknown
		}
		return "\r\n+CMS ERROR: 28\r\n", true
	}
	cfg := quick(f.link)
	cfg.SubmitTimeout = 100 * time.Millisecond
	m := run(t, cfg, &store{})
	ready(t, m)
	_, err := m.Send(t.Context(), message(t, "x"))
	if err == nil || errors.Is(err, ErrNotSent) {
		t.Fatalf("first: %v", err)
	}
	f.speak("\r\n+CMGS: 41\r\n" + done)
	ready(t, m)
	if mr, err := m.Send(t.Context(), message(t, "x")); !errors.Is(err, ErrNotSent) {
		t.Errorf("second: reference %d, %v", mr, err)
	}
}

// A whole row of late answers waits for the next session: each would shift the answers by one.
func TestStaleAnswersBeforeTheFirstQuestion(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	stale := "\r\n+CMGS: 9\r\n" + done + done + "\r\nERROR\r\n" + done
	f.say = func(f *fake, cmd string) (string, bool) {
		if cmd == "AT+CMEE?" {
			return stale + "\r\n+CMEE: 1\r\n" + done, true
		}
		return "", false
	}
	f.put(3, stored(t, "canary"))
	m := run(t, quick(f.link), &store{})
	ready(t, m)
	eventually(t, "the message is stored and deleted", func() bool { return f.left() == 0 && len(m.store.tpdus()) == 1 })
	if st := m.Status(); st.Signal != 11 {
		t.Errorf("status: %+v", st)
	}
}

// A late OK comes just when the first question has been asked, and the modem is slow to answer that: taken
// for its answer, it would shift all that follow by one.
func TestStaleAnswerAfterTheFirstQuestion(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	f.say = func(f *fake, cmd string) (string, bool) {
		if cmd == "AT+CMEE?" {
			_, _ = f.master.WriteString(done)
			time.Sleep(50 * time.Millisecond) // the modem's, not the test's
		}
		if cmd == "AT+CMGD=3" {
			return "\r\n+CMS ERROR: 321\r\n", true
		}
		return "", false
	}
	s, err := openSession(quick(f.link).withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := s.sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.query(t.Context(), "+CMGD=3", &answer{}); err == nil {
		t.Error("a refused deletion looks done: it got the answer to an earlier question")
	}
}

// A command times out, and its answer comes while another command waits. The deletion that was refused must
// not look done.
func TestTimeoutEndsTheSession(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	silent := true
	f.say = func(f *fake, cmd string) (string, bool) {
		if strings.HasPrefix(cmd, "AT+CMGD=") && silent {
			silent = false
			return "", true
		}
		return "", false
	}
	f.put(0, stored(t, "canary"))
	cfg := quick(f.link)
	cfg.ListTimeout = 100 * time.Millisecond
	m := run(t, cfg, &store{})
	eventually(t, "deleted at the second try", func() bool { return f.left() == 0 })
	if got := m.store.texts(); !slices.Equal(got, []string{"canary"}) {
		t.Errorf("delivered %d times", len(got))
	}
	if f.count("AT+CMEE?") < 2 {
		t.Error("the session went on after a time-out")
	}
}

// Between the listing and the deletion the modem puts another message into the place.
func TestReusedPlaceIsNotDeleted(t *testing.T) {
	t.Parallel()
	first, second := "", ""
	f := newFake(t, nil)
	swapped := false
	f.say = func(f *fake, cmd string) (string, bool) {
		if cmd == "AT+CMGR=5" && !swapped {
			swapped = true
			f.slots[5] = second
		}
		return "", false
	}
	first, second = stored(t, "first"), stored(t, "second")
	f.put(5, first)
	m := run(t, quick(f.link), &store{})
	eventually(t, "both are stored", func() bool { return slices.Equal(m.store.texts(), []string{"first", "second"}) })
	eventually(t, "the place is free", func() bool { return f.left() == 0 })
}

func TestUndeletableMessageIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	var mended atomic.Bool
	f := newFake(t, func(f *fake, cmd string) (string, bool) {
		if strings.HasPrefix(cmd, "AT+CMGD=") && !mended.Load() {
			return "\r\n+CMS ERROR: 500\r\n", true
		}
		return "", false
	})
	f.put(1, stored(t, "canary"))
	m := run(t, quick(f.link), &store{})
	eventually(t, "the deletion is tried again", func() bool { return f.count("AT+CMGD=1") >= 3 })
	if n := len(m.store.tpdus()); n != 1 {
		t.Errorf("delivered %d times", n)
	}
	if n := m.Status().Kept; n != 1 {
		t.Errorf("%d slots are kept", n)
	}
	m.lost("unplugged") // the slot is as full as before
	if n := m.Status().Kept; n != 1 {
		t.Errorf("%d slots are kept by a modem that is away", n)
	}
	mended.Store(true)
	eventually(t, "the slot is free", func() bool { return f.left() == 0 && m.Status().Kept == 0 })
}

// A modem that still routes messages past its storage: they are kept, and do not get into a listing.
func TestMessageRoutedIntoAListing(t *testing.T) {
	t.Parallel()
	routed := ""
	f := newFake(t, nil)
	said := false
	f.say = func(f *fake, cmd string) (string, bool) {
		if cmd == "AT+CMGL=4" && !said && len(f.slots) == 1 {
			said = true
			return "\r\n+CMGL: 0,1,,23\r\n+CMT: ,23\r\n\r\n^RSSI:3\r\n" + routed + "\r\n" + f.slots[0] + "\r\n" + done, true
		}
		return "", false
	}
	routed = stored(t, "routed")
	f.put(0, stored(t, "listed"))
	m := run(t, quick(f.link), &store{})
	eventually(t, "both are stored", func() bool { return slices.Equal(m.store.texts(), []string{"listed", "routed"}) })
	eventually(t, "routing is switched off again", func() bool { return f.count("AT+CNMI=2,1,0,2,0") >= 2 })
}

func TestOddListings(t *testing.T) {
	t.Parallel()
	for name, listing := range map[string]func(digits string) string{
		"said twice": func(d string) string {
			return "\r\n+CMGL: 0,0,,23\r\n" + d + "\r\n\r\n+CMGL: 0,0,,23\r\n" + d + "\r\n" + done
		},
		"a draft beside it": func(d string) string {
			return "\r\n+CMGL: 4,2,,10\r\n0011000B9100\r\n+CMGL: 0,0,,23\r\n" + d + "\r\n" + done
		},
		"a name with a comma":  func(d string) string { return "\r\n+CMGL: 0,1,\"a,b\",23\r\n" + d + "\r\n" + done },
		"no length":            func(d string) string { return "\r\n+CMGL: 0,1\r\n" + d + "\r\n" + done },
		"lower case":           func(d string) string { return "\r\n+CMGL: 0,1,,23\r\n" + strings.ToLower(d) + "\r\n" + done },
		"a header without PDU": func(d string) string { return "\r\n+CMGL: 9,1,,20\r\n\r\n+CMGL: 0,1,,23\r\n" + d + "\r\n" + done },
		"a line in between":    func(d string) string { return "\r\n+CMGL: 0,1,,23\r\n\r\n^DSFLOWRPT:1,2\r\n" + d + "\r\n" + done },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, nil)
			f.say = func(f *fake, cmd string) (string, bool) {
				if cmd == "AT+CMGL=4" && f.slots[0] != "" {
					return listing(f.slots[0]), true
				}
				return "", false
			}
			f.put(0, stored(t, "hello"))
			m := run(t, quick(f.link), &store{})
			eventually(t, "it is deleted", func() bool { return f.left() == 0 })
			if got := m.store.texts(); !slices.Equal(got, []string{"hello"}) {
				t.Errorf("got %q", got)
			}
			if f.count("AT+CMGD=4") != 0 {
				t.Error("a draft was deleted")
			}
		})
	}
}

// A line that lost characters comes right at the next look; a message that stays damaged is handed on.
func TestDamagedMessage(t *testing.T) {
	t.Parallel()
	for _, recovers := range []bool{true, false} {
		f := newFake(t, nil)
		looks := 0
		f.say = func(f *fake, cmd string) (string, bool) {
			if cmd == "AT+CMGL=4" && f.slots[0] != "" {
				looks++
				if !recovers || looks == 1 {
					return "\r\n+CMGL: 0,1,,24\r\n" + f.slots[0][:46] + "\r\n" + done, true
				}
			}
			return "", false
		}
		f.put(0, stored(t, "hello"))
		m := run(t, quick(f.link), &store{})
		eventually(t, "something is stored", func() bool { return len(m.store.tpdus()) > 0 })
		if got := m.store.texts(); recovers != slices.Equal(got, []string{"hello"}) {
			t.Errorf("recovers %v: %q", recovers, got)
		}
		if !recovers && f.left() != 1 {
			t.Error("deleted though it was never read whole")
		}
	}
}

func TestCallIsRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	m := run(t, quick(f.link), &store{})
	ready(t, m)
	f.speak("\r\nRING\r\n\r\n+CLIP: \"+84933333333\",145\r\n")
	eventually(t, "it is hung up", func() bool { return f.count("ATH") == 1 })
}

func TestModemRestartsByItself(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	m := run(t, quick(f.link), &store{})
	ready(t, m)
	f.speak("\r\nRDY\r\n\r\n+CFUN: 1\r\n")
	eventually(t, "settings are made again", func() bool { return f.count("AT+CMGF=0") >= 2 && m.Ready() })
}

// A SIM that goes away, and the words for every state of it.
func TestSIMStates(t *testing.T) {
	t.Parallel()
	for answer, reason := range map[string]string{
		"+CME ERROR: 10":    "there is no SIM",
		"ERROR":             "there is no SIM",
		"+CPIN: SIM PUK":    "with its PUK",
		"+CME ERROR: 13":    "replace it",
		"+CME ERROR: 14":    "does not become ready",
		"+CPIN: PH-NET PIN": "locked to another operator",
	} {
		f := newFake(t, nil)
		m := run(t, quick(f.link), &store{})
		ready(t, m)
		f.mu.Lock()
		f.say = func(_ *fake, cmd string) (string, bool) {
			if cmd != "AT+CPIN?" {
				return "", false
			}
			if strings.HasPrefix(answer, "+CPIN") {
				return "\r\n" + answer + "\r\n" + done, true
			}
			return "\r\n" + answer + "\r\n", true
		}
		f.mu.Unlock()
		eventually(t, answer, func() bool { return strings.Contains(m.Status().Reason, reason) })
		if m.Ready() {
			t.Errorf("%s: ready", answer)
		}
		if err := m.stop(); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

// Only one try is left: it is a person's.
func TestLastPINIsNotTried(t *testing.T) {
	t.Parallel()
	for _, counter := range []struct{ cmd, answer string }{
		{`AT+CPINR="SIM PIN"`, "+CPINR: SIM PIN,1,3"},
		{"AT+SPIC", "+SPIC: 1,10,3,10"},
		{`AT+QPINC="SC"`, `+QPINC: "SC",1,10`},
	} {
		f := newFake(t, func(_ *fake, cmd string) (string, bool) {
			switch cmd {
			case "AT+CPIN?":
				return "\r\n+CPIN: SIM PIN\r\n" + done, true
			case counter.cmd:
				return "\r\n" + counter.answer + "\r\n" + done, true
			}
			return "", false
		})
		cfg := quick(f.link)
		cfg.PIN = "1234"
		m := run(t, cfg, &store{})
		eventually(t, "explained", func() bool { return strings.Contains(m.Status().Reason, "only one more PIN") })
		if f.count(`AT+CPIN="1234"`) != 0 {
			t.Error("the PIN was given")
		}
		if err := m.stop(); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

// A modem that knows none of the settings still receives, by being asked.
func TestModemThatRefusesEverySettingIsPolled(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(_ *fake, cmd string) (string, bool) {
		for _, known := range []string{"AT+CMEE?", "AT+CPIN?", "AT+CMGF=0", "AT+CMGL", "AT+CMGR", "AT+CMGD", "AT+CREG?", `AT+CPMS="SM"`} {
			if strings.HasPrefix(cmd, known) {
				return "", false
			}
		}
		return "\r\nCOMMAND NOT SUPPORT\r\n", true
	})
	m := run(t, quick(f.link), &store{})
	ready(t, m)
	f.put(0, stored(t, "canary"))
	eventually(t, "it is stored and deleted", func() bool { return f.left() == 0 && len(m.store.tpdus()) == 1 })
}
