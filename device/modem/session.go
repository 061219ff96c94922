package modem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/warthog618/modem/at"
)

// session is one open port with its AT engine. Only the owner of the port uses it.
type session struct {
	cfg      Config
	port     *port
	filter   *filter
	events   *events
	at       *at.AT
	storages []string
	opened   time.Time

	// dirty is why the session must not be used any more. It is set by the first time-out: from then on an
	// answer may belong to an earlier command.
	dirty error

	listFailures int // in a row
}

func openSession(cfg Config) (*session, error) {
	p, err := openPort(cfg.Port, cfg.Baud, cfg.WriteTimeout)
	if err != nil {
		return nil, err
	}
	s := &session{cfg: cfg, port: p, events: newEvents(), opened: time.Now()}
	s.filter = newFilter(p, s.events)
	// at.New starts goroutines that end when the port does; at.Init would reset the modem (ATZ).
	s.at = at.New(s.filter, at.WithEscTime(0))
	return s, nil
}

// close frees the port and returns when the engine's goroutines have ended.
func (s *session) close() error {
	err := s.port.Close()
	<-s.at.Closed()
	return err
}

// gone is the fault of a port that was lost.
func (s *session) gone() error {
	if err := s.filter.fault(); err != nil {
		return &fault{fmt.Sprintf("the modem at %s says what this program can't read; it is started anew: if this repeats, send us the log", s.cfg.Port), err}
	}
	return &fault{fmt.Sprintf("the modem at %s was unplugged or switched itself off: check cable and power", s.cfg.Port), io.EOF}
}

// query runs one common command. An error that the modem answered is an at.CMSError, at.CMEError or
// at.ErrError; after any other the session is dirty.
func (s *session) query(ctx context.Context, cmd string, a *answer) ([]string, error) {
	return s.do(ctx, cmd, a, s.cfg.CommandTimeout)
}

func (s *session) do(ctx context.Context, cmd string, a *answer, timeout time.Duration) ([]string, error) {
	if s.dirty != nil {
		return nil, s.dirty
	}
	stop := context.AfterFunc(ctx, s.port.shut)
	defer stop()
	s.filter.expect(a, 0)
	info, err := s.at.Command(cmd, at.WithTimeout(timeout))
	s.filter.settle()
	if err == nil {
		return info, nil
	}
	name, _, _ := strings.Cut(cmd, "=") // what follows may be a PIN
	err = fmt.Errorf("AT%s: %w", name, err)
	if !answered(err) {
		s.spoil(err)
	}
	return nil, err
}

// spoil ends the use of the session.
func (s *session) spoil(err error) {
	switch {
	case s.dirty != nil:
	case errors.Is(err, at.ErrDeadlineExceeded), errors.Is(err, io.EOF):
		s.dirty = &fault{fmt.Sprintf("the modem at %s stopped answering: if this lasts, unplug it and plug it in again", s.cfg.Port), err}
	case errors.Is(err, at.ErrClosed), errors.Is(err, syscall.EIO):
		s.dirty = s.gone()
	default:
		s.dirty = &fault{fmt.Sprintf("the modem at %s takes no commands: unplug it and plug it in again", s.cfg.Port), err}
	}
}

// ask runs a command and gives the last information line with the prefix. ok is false if the modem refused
// the command or gave none.
func (s *session) ask(ctx context.Context, cmd, prefix string) (line string, ok bool, err error) {
	info, err := s.query(ctx, cmd, &answer{prefixes: []string{prefix}})
	if s.dirty != nil {
		return "", false, s.dirty
	}
	if err != nil || len(info) == 0 {
		return "", false, nil
	}
	return info[len(info)-1], true, nil
}

// try runs a command whose refusal does not matter.
func (s *session) try(ctx context.Context, cmd string) error {
	_, _ = s.query(ctx, cmd, &answer{})
	return s.dirty
}

// answered says that err is the modem's own answer, not the lack of one.
func answered(err error) bool {
	var cms at.CMSError
	var cme at.CMEError
	return errors.As(err, &cms) || errors.As(err, &cme) || errors.Is(err, at.ErrError)
}

// cmeCode gives the number of a +CME ERROR, or -1.
func cmeCode(err error) int {
	var cme at.CMEError
	if !errors.As(err, &cme) {
		return -1
	}
	return errorCode(string(cme))
}

func errorCode(s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return -1
	}
	return n
}

// probes are questions whose answers cannot be mistaken for any other's: each has a prefix of its own, and
// each is asked once in a session.
var probes = []string{"+CMEE", "+CSCS", "+CNMI", "+CMGF", "+CREG", "+CPMS"}

// sync brings the modem in step, whatever it was doing for whoever had the port before: it leaves a
// message prompt, ends half a command, switches echo off and result codes on, waits until the line is
// quiet, and then asks questions until one is answered by its own answer. Modems work through their
// commands in order, so whatever was still to be answered has been answered then.
func (s *session) sync(ctx context.Context) error {
	stop := context.AfterFunc(ctx, s.port.shut)
	defer stop()
	for _, raw := range []string{"\x1b", "\r", "AT\r", "ATQ0V1E0\r"} {
		if err := s.filter.raw(raw); err != nil {
			s.spoil(err)
			return s.dirty
		}
		if err := s.hush(ctx); err != nil {
			return err
		}
	}
	for _, name := range probes {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.filter.expect(&answer{prefixes: []string{name + ":"}, needInfo: true}, 0)
		_, err := s.at.Command(name+"?", at.WithTimeout(s.cfg.ProbeTimeout))
		s.filter.settle()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, at.ErrClosed):
			return s.gone()
		case !answered(err) && !errors.Is(err, at.ErrDeadlineExceeded):
			s.spoil(err)
			return s.dirty
		}
	}
	return &fault{fmt.Sprintf("the device at %s does not answer AT commands: check that this is the modem's AT port and that the modem is on", s.cfg.Port), nil}
}

// hush waits until the line has been quiet for a moment, but not for ever.
func (s *session) hush(ctx context.Context) error {
	limit := time.Now().Add(10 * s.cfg.Quiet)
	for time.Now().Before(limit) {
		left := s.cfg.Quiet - s.filter.quietFor()
		if left <= 0 {
			return nil
		}
		if err := s.wait(ctx, left); err != nil {
			return err
		}
	}
	return nil
}

// wait lets time pass while the port is open.
func (s *session) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.at.Closed():
		return s.gone()
	case <-time.After(d):
		return nil
	}
}

// hangUpCall refuses an incoming call; the line is for messages.
func (s *session) hangUpCall(ctx context.Context) error {
	if _, err := s.query(ctx, "H", &answer{}); err != nil && s.dirty == nil {
		return s.try(ctx, "+CHUP")
	}
	return s.dirty
}
