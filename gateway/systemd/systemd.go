// Package systemd takes the sockets that systemd opened for us and tells it how
// we are: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3). Without
// systemd, and on systems other than Linux, it gives no sockets and tells nobody.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	firstDescriptor = 3   // SD_LISTEN_FDS_START
	maxDescriptors  = 128 // more is no configuration but an accident
)

// Socket is a listening socket that systemd opened. Several may have one name.
type Socket struct {
	Name string // FileDescriptorName= of the unit; "" if systemd gave none
	net.Listener
}

// Sockets takes the sockets that were passed to this process, in systemd's order:
// none if it was not started by socket activation. It can be called once: the
// environment is cleared, so that no child takes them too. An error names the
// descriptor that is no listening stream socket; then none is kept open.
func Sockets() ([]Socket, error) {
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if err := os.Unsetenv(name); err != nil {
			return nil, fmt.Errorf("systemd: %w", err)
		}
	}
	if pid != strconv.Itoa(os.Getpid()) {
		return nil, nil // not set, or meant for our parent
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxDescriptors {
		return nil, fmt.Errorf("systemd: LISTEN_FDS=%q: expected a number up to %d", count, maxDescriptors)
	}
	sockets := make([]Socket, 0, n)
	var failed error
	for i := range n {
		s := Socket{}
		if len(names) == n { // else they are not given, and the split gave one ""
			s.Name = names[i]
		}
		if s.Listener, err = inherit(firstDescriptor + i); err != nil {
			failed = errors.Join(failed, fmt.Errorf("systemd: descriptor %d (%q): %w", firstDescriptor+i, s.Name, err))
			continue
		}
		sockets = append(sockets, s)
	}
	if failed != nil {
		for _, s := range sockets {
			failed = errors.Join(failed, s.Close())
		}
		return nil, failed
	}
	return sockets, nil
}

// Ready tells systemd that we serve; also after Reloading.
func Ready() error { return notify("READY=1") }

// Stopping tells systemd that we drain.
func Stopping() error { return notify("STOPPING=1") }

// Reloading tells systemd that we read our files again; Ready ends it.
func Reloading() error {
	now, err := monotonic()
	if err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	return notify("RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(now.Microseconds(), 10))
}

// Status tells systemd a line for people, shown by systemctl status.
func Status(line string) error {
	return notify("STATUS=" + strings.NewReplacer("\n", " ", "\r", " ").Replace(line))
}

// Watchdog tells systemd that we live, twice in each interval that it asked for,
// as long as healthy returns nil; it returns when ctx ends, or at once if systemd
// does not ask. systemd kills a service that falls silent. ctx of healthy ends
// with the interval.
func Watchdog(ctx context.Context, healthy func(context.Context) error) error {
	interval, err := watchdogInterval()
	if err != nil || interval == 0 {
		return err
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		asked, cancel := context.WithTimeout(ctx, interval)
		err := healthy(asked)
		cancel()
		if err == nil {
			err = notify("WATCHDOG=1")
		}
		if err != nil {
			_ = Status("not well: " + err.Error()) // silence is the message
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// watchdogInterval is how long we may be silent, 0 for ever.
func watchdogInterval() (time.Duration, error) {
	text, pid := os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	if text == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil
	}
	usec, err := strconv.ParseInt(text, 10, 64)
	if err != nil || usec <= 1 || usec > int64(time.Duration(1<<63-1)/time.Microsecond) {
		return 0, fmt.Errorf("systemd: WATCHDOG_USEC=%q: expected microseconds", text)
	}
	return time.Duration(usec) * time.Microsecond, nil
}

// notify sends state, if somebody listens.
func notify(state string) error {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil
	}
	if address[0] != '/' && address[0] != '@' { // net takes "@" for the abstract name space
		return fmt.Errorf("systemd: NOTIFY_SOCKET=%q: expected a path or an abstract name", address)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	_, err = conn.Write([]byte(state))
	if err = errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	return nil
}
