package wire

import (
	"net"
	"syscall"
)

// tcpEstablished is the state of a connection whose ends are both open: the
// first octet of struct tcp_info, tcp(7).
const tcpEstablished = 1

// hasGone reports whether the client is known to have closed or reset its end.
// It looks without waiting, and behind what was not read yet. SMTP-DUTIES R12.
func hasGone(raw net.Conn) bool {
	sc, ok := raw.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	var info [4]byte
	var failed error
	err = rc.Control(func(fd uintptr) {
		// The call of this name returns the first four octets of any option.
		info, failed = syscall.GetsockoptInet4Addr(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO)
	})
	return err == nil && failed == nil && info[0] != tcpEstablished
}
