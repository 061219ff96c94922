package health

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// notifier speaks to systemd (sd_notify(3)); the zero value speaks to nobody.
type notifier struct{ addr *net.UnixAddr }

func newNotifier() notifier {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return notifier{}
	}
	// A leading '@' means the abstract namespace to systemd and to package net alike.
	return notifier{&net.UnixAddr{Name: name, Net: "unixgram"}}
}

func (n notifier) say(state string) error {
	if n.addr == nil {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, n.addr)
	if err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	return nil
}

// watchdogEvery is how often systemd wants to hear from this process (sd_watchdog_enabled(3)); 0: never.
func watchdogEvery() time.Duration {
	us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if pid := os.Getenv("WATCHDOG_PID"); err != nil || us <= 0 || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(us) * time.Microsecond
}
