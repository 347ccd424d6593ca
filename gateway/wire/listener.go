package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"mxgate/gateway/disk"
	"mxgate/gateway/wire/framing"
)

// Socket is what a Listener accepts from, and closes.
type Socket struct {
	net.Listener
	// Balancers, if not nil, makes the PROXY protocol mandatory on this socket
	// and takes connections from these networks only; the client is then the
	// one that the balancer names.
	Balancers []netip.Prefix
}

// Listener admits connections and hands those with a session to go-smtp. It
// serves several sockets with one set of limits.
type Listener struct {
	cfg    Config
	inner  []Socket
	ready  chan *Conn
	ctx    context.Context // of the server; net.Listener has no place to pass it
	cancel context.CancelFunc
	stats  counters
	space  func(dir string) (uint64, error) // octets free for the spool

	live     sync.WaitGroup  // accept loops, links, and what serve started
	asks     context.Context // of NearMiss: ends when nothing new is accepted
	asking   chan struct{}   // a place for each NearMiss that runs
	endAsks  context.CancelFunc
	stopping chan struct{} // nothing new is accepted
	done     chan struct{} // Accept has nothing more to give
	stopOnce sync.Once
	doneOnce sync.Once
	turns    turns
	room     framing.Room // of content
	slots
}

// counters are read by Stats.
type counters struct {
	connections, accepted, strangers, dropped, overLimit, early atomic.Int64
	tlsHandshakes, tlsFailed, paced, spooled, octetsIn          atomic.Int64
}

// Stats counts since the start, except Active and ActiveStrangers, which are of
// now.
type Stats struct {
	Connections   int64 // of TCP, all of them: the sum of the next five
	Accepted      int64 // admitted and given a session
	OverLimit     int64 // admitted, but answered 421 in place of the banner
	Early         int64 // admitted, but talked before the banner
	Strangers     int64 // given a slot: greeted with 554, put off as a near miss, or sent away with 421
	Dropped       int64 // closed without a word: by verdict, one stranger too many, or no good PROXY header
	TLSHandshakes int64 // that succeeded
	TLSFailed     int64
	Paced         int64 // transactions that waited for a processor before they began
	Spooled       int64 // contents that were written to a file: too large for memory, or one too many there
	OctetsIn      int64 // read in sessions, after TLS

	Active          int64 // sessions
	ActiveStrangers int64
}

// Listen opens a TCP socket without balancers and serves it.
func Listen(address string, cfg Config) (*Listener, error) {
	inner, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	l, err := NewListener(cfg, Socket{Listener: inner})
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return l, nil
}

// NewListener accepts connections from sockets, with one set of limits for all.
// TCP_NODELAY is left on, as Go sets it: replies are written once per group.
func NewListener(cfg Config, sockets ...Socket) (*Listener, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if len(sockets) == 0 {
		return nil, errors.New("wire: nothing to listen on")
	}
	l := &Listener{
		cfg:      cfg,
		inner:    sockets,
		ready:    make(chan *Conn),
		space:    disk.Free,
		asking:   make(chan struct{}, maxAsking),
		stopping: make(chan struct{}),
		done:     make(chan struct{}),
		slots:    newSlots(),
	}
	l.room = l.newRoom()
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.turns = newTurns(&l.live, l.ctx.Done())
	l.asks, l.endAsks = context.WithCancel(l.ctx)
	for _, in := range sockets {
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
		Paced: n.paced.Load(), Spooled: n.spooled.Load(), OctetsIn: n.octetsIn.Load(),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Active, s.ActiveStrangers = int64(len(l.links)), int64(len(l.strangers))
	return s
}

// acceptAll runs until in is closed.
func (l *Listener) acceptAll(in Socket) {
	const longest = time.Second
	delay := 5 * time.Millisecond
	for {
		raw, err := in.Accept()
		switch {
		case err == nil:
			delay = 5 * time.Millisecond
			l.meet(raw, in.Balancers)
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

// meet begins with a new connection. A panic costs this connection only.
func (l *Listener) meet(raw net.Conn, balancers []netip.Prefix) {
	defer func() {
		if l.contain(recover()) {
			_ = raw.Close() // nobody serves it
		}
	}()
	l.stats.connections.Add(1)
	if addr := peer(raw); balancers == nil {
		l.admit(raw, addr, listener(raw))
	} else {
		l.unwrap(raw, addr, balancers)
	}
}

// admit decides what becomes of a connection from addr to our end at. It does not
// wait for the client.
func (l *Listener) admit(raw net.Conn, addr netip.Addr, at netip.AddrPort) {
	admission := l.cfg.Admit(addr)
	switch {
	case admission.Verdict == Admitted:
		l.begin(raw, addr, at, admission)
	case admission.Verdict == Stranger && l.hear(raw, addr):
		l.stats.strangers.Add(1)
		l.serve(raw, func() { l.turnAway(raw, addr) })
	default:
		l.drop(raw)
		l.cfg.OnStranger(addr, "")
	}
}

// drop closes a connection without a word and counts it.
func (l *Listener) drop(raw net.Conn) {
	l.stats.dropped.Add(1)
	if tcp, ok := raw.(*net.TCPConn); ok {
		// Who closes first keeps the connection for a minute in TIME-WAIT; a
		// flood of strangers would fill the kernel's table. A reset keeps nothing.
		_ = tcp.SetLinger(0)
	}
	_ = raw.Close() // never used
}

// serve runs f for raw in a goroutine that Drain waits for. A panic costs this
// connection only.
func (l *Listener) serve(raw net.Conn, f func()) {
	l.live.Go(func() {
		defer func() {
			if l.contain(recover()) {
				_ = raw.Close() // nobody serves it any more
			}
		}()
		f()
	})
}

// contain logs and counts what a deferred function recovered, and reports whether
// there was a panic.
func (l *Listener) contain(p any) bool {
	if p == nil {
		return false
	}
	l.cfg.OnPanic()
	l.cfg.Log.Error("panic in a connection", slog.Any("err", p), slog.String("stack", string(debug.Stack())))
	return true
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

// listener returns our end of a connection, unmapped; the zero AddrPort if it has
// none.
func listener(raw net.Conn) netip.AddrPort {
	at, err := netip.ParseAddrPort(raw.LocalAddr().String())
	if tcp, ok := raw.LocalAddr().(*net.TCPAddr); ok {
		at, err = tcp.AddrPort(), nil
	}
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// begin gives an admitted connection to go-smtp, or refuses it.
func (l *Listener) begin(raw net.Conn, addr netip.Addr, at netip.AddrPort, admission Admission) {
	k := &link{l: l, raw: raw, addr: addr, at: at, source: admission.Source, opened: time.Now()}
	c := newConn(k, raw)
	k.owner = c // before others see k: they may end it at once
	if why := l.add(k, admission.RatePerMinute); why != "" {
		c.cancel()
		l.stats.overLimit.Add(1)
		l.refuse(raw, "421 "+l.cfg.Hostname+" "+why+", try again\r\n")
		_ = raw.Close() // nothing is lost
		return
	}
	if talksEarly(raw) {
		l.stats.early.Add(1)
		l.refuse(raw, string(talksTooEarly.appendTo(nil)))
		_ = c.Close() // as above
		return
	}
	l.stats.accepted.Add(1)
	c.greet()
	l.serve(raw, c.attend)
}

// refuse writes in place of the banner. The send buffer of a new socket is
// empty, so the write does not wait.
func (l *Listener) refuse(raw net.Conn, line string) {
	if err := raw.SetWriteDeadline(time.Now().Add(time.Second)); err == nil {
		_, _ = raw.Write([]byte(line)) // the client is sent away, heard or not
	}
}

func (l *Listener) newRoom() framing.Room {
	return framing.Room{Memory: framing.NewMemory(l.cfg.MemoryOctetsTotal), Each: l.cfg.MemoryOctets, Dir: l.cfg.SpoolDir, OnDisk: l.roomOnDisk}
}

// spareOctets is what the spool leaves free on its disk for others.
const spareOctets = 64 << 20

// roomFor reports whether content of so many octets, as declared, can be
// stored. A disk that cannot be asked is found out when it is written to.
func (l *Listener) roomFor(octets int64) bool {
	return l.room.InMemory(octets) || l.roomOnDisk(octets)
}

// roomOnDisk reports whether the spool may grow by so many octets.
func (l *Listener) roomOnDisk(octets int64) bool {
	free, err := l.space(l.cfg.SpoolDir)
	return err != nil || free > math.MaxInt64 || int64(free)-spareOctets >= octets
}
