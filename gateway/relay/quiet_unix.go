//go:build unix

package relay

import (
	"net"
	"syscall"
)

// newPeek returns a function that reports whether nothing has arrived on nc and
// its other end is open, without waiting and without taking anything.
//
// A connection that cannot be looked into is taken to be quiet: the next read
// finds out.
func newPeek(nc net.Conn) func() bool {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return func() bool { return true }
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return func() bool { return true }
	}
	quiet, octet := true, make([]byte, 1)
	look := func(fd uintptr) bool {
		// The descriptor does not block: EAGAIN is "nothing there".
		_, _, err := syscall.Recvfrom(int(fd), octet, syscall.MSG_PEEK)
		quiet = err == syscall.EAGAIN || err == syscall.EINTR
		return true
	}
	return func() bool { return raw.Read(look) == nil && quiet }
}
