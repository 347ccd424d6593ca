package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"mxgate/gateway/disk"
)

// Listener admits connections and hands those with a session to go-smtp. It
// serves several sockets with one set of limits.
type Listener struct {
	cfg    Config
	inner  []net.Listener
	ready  chan *Conn
	ctx    context.Context // of the server; net.Listener has no place to pass it
	cancel context.CancelFunc
	stats  counters
	space  func(dir string) (uint64, error) // octets free for the spool

	live     sync.WaitGroup // accept loops, links and strangers
	stopping chan struct{}  // nothing new is accepted
	done     chan struct{}  // Accept has nothing more to give
	stopOnce sync.Once
	doneOnce sync.Once

	mu        sync.Mutex
	nextID    uint64
	links     map[*link]struct{}
	perSource map[string]int
	strangers map[net.Conn]struct{}
}

// counters are read by Stats.
type counters struct {
	connections, accepted, strangers, dropped, overLimit, early atomic.Int64
	tlsHandshakes, tlsFailed, messages, octetsIn                atomic.Int64
}

// Stats counts since the start, except Active and ActiveStrangers, which are of
// now.
type Stats struct {
	Connections   int64 // of TCP, all of them: the sum of the next five
	Accepted      int64 // admitted and given a session
	OverLimit     int64 // admitted, but answered 421 in place of the banner
	Early         int64 // admitted, but talked before the banner
	Strangers     int64 // greeted with 554
	Dropped       int64 // closed without a word: by verdict, or one stranger too many
	TLSHandshakes int64 // that succeeded
	TLSFailed     int64
	Messages      int64 // contents that were answered
	OctetsIn      int64 // read in sessions, after TLS

	Active          int64 // sessions
	ActiveStrangers int64
}

// Listen opens a TCP socket and serves it.
func Listen(address string, cfg Config) (*Listener, error) {
	inner, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	l, err := NewListener(cfg, inner)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return l, nil
}

// NewListener accepts connections from the given listeners, which it closes.
// TCP_NODELAY is left on, as Go sets it: replies are written once per group.
func NewListener(cfg Config, inner ...net.Listener) (*Listener, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if len(inner) == 0 {
		return nil, errors.New("wire: nothing to listen on")
	}
	l := &Listener{
		cfg:       cfg,
		inner:     inner,
		ready:     make(chan *Conn),
		space:     disk.Free,
		stopping:  make(chan struct{}),
		done:      make(chan struct{}),
		links:     map[*link]struct{}{},
		perSource: map[string]int{},
		strangers: map[net.Conn]struct{}{},
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	for _, in := range inner {
		l.live.Go(func() { l.acceptAll(in) })
	}
	return l, nil
}

// Addr implements net.Listener: the address of the first socket.
func (l *Listener) Addr() net.Addr { return l.inner[0].Addr() }

// Accept gives the next session, or net.ErrClosed once there can be none.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Stats returns what was counted.
func (l *Listener) Stats() Stats {
	n := &l.stats
	s := Stats{
		Connections: n.connections.Load(), Accepted: n.accepted.Load(), OverLimit: n.overLimit.Load(), Early: n.early.Load(),
		Strangers: n.strangers.Load(), Dropped: n.dropped.Load(), TLSHandshakes: n.tlsHandshakes.Load(), TLSFailed: n.tlsFailed.Load(),
		Messages: n.messages.Load(), OctetsIn: n.octetsIn.Load(),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Active, s.ActiveStrangers = int64(len(l.links)), int64(len(l.strangers))
	return s
}

// acceptAll runs until in is closed.
func (l *Listener) acceptAll(in net.Listener) {
	const longest = time.Second
	delay := 5 * time.Millisecond
	for {
		raw, err := in.Accept()
		switch {
		case err == nil:
			delay = 5 * time.Millisecond
			l.stats.connections.Add(1)
			l.admit(raw)
			continue
		case errors.Is(err, net.ErrClosed):
			return
		}
		// Out of descriptors, mostly: to try again at once would spin.
		l.cfg.Log.Warn("accept failed", slog.String("err", err.Error()))
		select {
		case <-time.After(delay):
			delay = min(2*delay, longest)
		case <-l.stopping:
			return
		}
	}
}

// admit decides what becomes of a connection. It must not block the loop.
func (l *Listener) admit(raw net.Conn) {
	addr := peer(raw)
	admission := l.cfg.Admit(addr)
	switch {
	case admission.Verdict == Admitted:
		l.begin(raw, addr, admission.Source)
	case admission.Verdict == Stranger && l.hear(raw):
		l.stats.strangers.Add(1)
		l.live.Go(func() { l.turnAway(raw, addr) })
	default:
		l.stats.dropped.Add(1)
		_ = raw.Close() // never used
		l.cfg.OnStranger(addr, "")
	}
}

// peer returns the address at the other end, unmapped; the zero Addr, which no
// rule admits, if it has none.
func peer(raw net.Conn) netip.Addr {
	if tcp, ok := raw.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	ap, err := netip.ParseAddrPort(raw.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// begin gives an admitted connection to go-smtp, or refuses it.
func (l *Listener) begin(raw net.Conn, addr netip.Addr, source string) {
	k := &link{l: l, raw: raw, addr: addr, source: source, opened: time.Now()}
	if !l.add(k) {
		l.stats.overLimit.Add(1)
		l.refuse(raw, "421 "+l.cfg.Hostname+" Too many connections, try again\r\n")
		_ = raw.Close() // nothing is lost
		return
	}
	c := newConn(k, raw)
	k.owner = c
	if talksEarly(raw) {
		l.stats.early.Add(1)
		l.refuse(raw, string(talksTooEarly.appendTo(nil)))
		_ = c.Close() // as above
		return
	}
	select {
	case l.ready <- c:
		l.stats.accepted.Add(1)
	case <-l.stopping:
		l.stats.overLimit.Add(1)
		l.refuse(raw, "421 "+l.cfg.Hostname+" Shutting down, try again\r\n")
		_ = c.Close() // as above
	}
}

// refuse writes in place of the banner. The send buffer of a new socket is
// empty, so the write does not wait.
func (l *Listener) refuse(raw net.Conn, line string) {
	if err := raw.SetWriteDeadline(time.Now().Add(time.Second)); err == nil {
		_, _ = raw.Write([]byte(line)) // the client is sent away, heard or not
	}
}

// add takes a slot for k, if one is free and the listener is not stopping.
func (l *Listener) add(k *link) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.stopping: // Drain may already have gone through the links
		return false
	default:
	}
	if len(l.links) >= l.cfg.MaxConns || l.perSource[k.source] >= l.cfg.MaxConnsPerSource {
		return false
	}
	l.live.Add(1)
	l.nextID++
	k.id = l.nextID
	l.links[k] = struct{}{}
	l.perSource[k.source]++
	return true
}

// forget gives the slot of k back.
func (l *Listener) forget(k *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.links, k)
	if l.perSource[k.source]--; l.perSource[k.source] == 0 {
		delete(l.perSource, k.source)
	}
}

// spareOctets is what the spool leaves free on its disk for others.
const spareOctets = 64 << 20

// roomFor reports whether content of so many octets, as declared, can be
// stored. A disk that cannot be asked is found out when it is written to.
func (l *Listener) roomFor(octets int64) bool {
	if octets <= l.cfg.MemoryOctets {
		return true
	}
	free, err := l.space(l.cfg.SpoolDir)
	return err != nil || free > math.MaxInt64 || int64(free)-spareOctets >= octets
}
