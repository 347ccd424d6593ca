//go:build unix

package wire

import (
	"net"
	"syscall"
)

// talksEarly reports whether the client has sent something before our banner.
// It looks without waiting. RFC 5321, Section 4.3.1.
func talksEarly(raw net.Conn) bool {
	sc, ok := raw.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	var n int
	err = rc.Read(func(fd uintptr) bool { // the descriptor does not block
		n, _, _ = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
		return true
	})
	return err == nil && n > 0
}
