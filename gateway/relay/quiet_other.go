//go:build !unix

package relay

import "net"

// newPeek returns a function that knows nothing: the next read finds out whether
// the connection still stands.
func newPeek(net.Conn) func() bool { return func() bool { return true } }
