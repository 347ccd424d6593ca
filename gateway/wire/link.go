package wire

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// past is a deadline that ends a blocked read at once.
var past = time.Unix(1, 0)

// timedOut is why a connection ended that one of our timers closed.
const timedOut = "time-out"

// link is one admitted TCP connection. A Conn is go-smtp's view of it; STARTTLS
// gives a link a second Conn and go-smtp never learns that they are one.
type link struct {
	l      *Listener
	raw    net.Conn // below TLS
	id     uint64
	addr   netip.Addr
	at     netip.AddrPort // our end
	source string
	opened time.Time

	// Budgets without a finished transaction; of the go-smtp goroutine.
	commands, faults int

	mu      sync.Mutex
	owner   *Conn // whose Close closes the link; nil: closed
	waiting bool  // for the client
	idle    bool  // for a command, with no transaction open
	drained bool  // nothing new may begin
}

// await sets the deadline of the next read. It reports false, and sets none, if
// the link is drained and the wait is one that draining ends.
func (k *link) await(deadline time.Time, idle bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if idle && k.drained {
		return false
	}
	k.waiting, k.idle = true, idle
	// An error means that the socket is closed: the read will say so.
	_ = k.raw.SetReadDeadline(deadline)
	return true
}

func (k *link) awaited() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting, k.idle = false, false
}

func (k *link) draining() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.drained
}

// drain lets nothing new begin and wakes an idle session.
func (k *link) drain() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drained = true
	if k.idle {
		_ = k.raw.SetReadDeadline(past) // as in await
	}
}

// part ends a connection whose time is over. If the session waits for the client,
// the client is told, unless that takes until by.
func (k *link) part(by time.Time) {
	k.mu.Lock()
	owner, waiting := k.owner, k.waiting
	k.mu.Unlock()
	if owner != nil && waiting && k.raw.SetWriteDeadline(by) == nil {
		_, _ = owner.sock.Write(shuttingDown.appendTo(nil)) // heard or not
	}
	_ = k.raw.Close() // its reader finds out and ends
}

// handOver makes next the owner after c, if c still is.
func (k *link) handOver(c, next *Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.owner != c {
		return false
	}
	k.owner, c.next = next, next
	return true
}

// disown reports whether c was the owner, and who comes after c. It does so
// once.
func (k *link) disown(c *Conn) (owned bool, next *Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.owner == c {
		k.owner, owned = nil, true
	}
	next, c.next = c.next, nil
	return owned, next
}
