//go:build !unix

package wire

import "net"

// talksEarly cannot be told without waiting here.
func talksEarly(net.Conn) bool { return false }
