//go:build !linux

package systemd

import (
	"errors"
	"net"
	"time"
)

var errNoSystemd = errors.New("there is no systemd on this system")

func inherit(int) (net.Listener, error) { return nil, errNoSystemd }

func monotonic() (time.Duration, error) { return 0, nil }
