package wire

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxAwaiting bounds the connections whose PROXY header is awaited. Balancers
	// send it at once, so there are many only if a balancer is broken.
	maxAwaiting = 256

	// strangerShare is what part of the slots of strangers one network may take,
	// so that one flooder does not hide the others.
	strangerShare = 4
)

// Why a connection is refused with 421.
const (
	tooMany = "Too many connections"
	stopped = "Shutting down"
)

// slots says who has a place at a Listener.
type slots struct {
	mu        sync.Mutex
	nextID    uint64
	links     map[*link]struct{}
	sources   map[string]*source // they are few: the [[source]]s of the configuration
	strangers map[net.Conn]netip.Prefix
	networks  map[netip.Prefix]int // strangers of each
	awaiting  map[net.Conn]struct{}
}

func newSlots() slots {
	return slots{
		links:     map[*link]struct{}{},
		sources:   map[string]*source{},
		strangers: map[net.Conn]netip.Prefix{},
		networks:  map[netip.Prefix]int{},
		awaiting:  map[net.Conn]struct{}{},
	}
}

// source counts the connections of one [[source]].
type source struct {
	conns  int
	tokens float64 // connections it may open at once
	filled time.Time
}

// take charges a connection to the source, if it may have one more: of most at
// once, and of perMinute, if that is not 0. A source that was quiet for a minute
// may open perMinute connections at once.
func (s *source) take(most, perMinute int, now time.Time) bool {
	if s.conns >= most {
		return false
	}
	if perMinute > 0 {
		full := float64(perMinute)
		if s.filled.IsZero() {
			s.tokens = full
		}
		s.tokens = min(full, s.tokens+full*now.Sub(s.filled).Minutes())
		s.filled = now
		if s.tokens < 1 {
			return false
		}
		s.tokens--
	}
	s.conns++
	return true
}

// over reports whether nothing new may begin. It is asked under mu: Drain
// closes stopping first and then goes through the slots.
func (l *Listener) over() bool {
	select {
	case <-l.stopping:
		return true
	default:
		return false
	}
}

// add takes a slot for k. It says why there is none; "" if there was.
func (l *Listener) add(k *link, perMinute int) (why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over() {
		return stopped
	}
	src := l.sources[k.source]
	if src == nil {
		src = &source{}
		l.sources[k.source] = src
	}
	if len(l.links) >= l.cfg.MaxConns || !src.take(l.cfg.MaxConnsPerSource, perMinute, k.opened) {
		return tooMany
	}
	l.live.Add(1)
	l.nextID++
	k.id = l.nextID
	l.links[k] = struct{}{}
	return ""
}

// forget gives the slot of k back.
func (l *Listener) forget(k *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.links, k)
	l.sources[k.source].conns--
}

// hear takes a slot for a stranger. Strangers have their own, so that they
// cannot starve the provider.
func (l *Listener) hear(raw net.Conn, addr netip.Addr) bool {
	bits := 24
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.Prefix(bits) // the zero Addr gives the zero Prefix
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over() || len(l.strangers) >= l.cfg.MaxStrangers || l.networks[network] >= max(1, l.cfg.MaxStrangers/strangerShare) {
		return false
	}
	l.strangers[raw] = network
	l.networks[network]++
	return true
}

// heard gives the slot of a stranger back.
func (l *Listener) heard(raw net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	network := l.strangers[raw]
	delete(l.strangers, raw)
	if l.networks[network]--; l.networks[network] == 0 {
		delete(l.networks, network)
	}
}

// expect takes a slot for a connection whose PROXY header is awaited.
func (l *Listener) expect(raw net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over() || len(l.awaiting) >= maxAwaiting {
		return false
	}
	l.awaiting[raw] = struct{}{}
	return true
}

// met gives the slot of expect back.
func (l *Listener) met(raw net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.awaiting, raw)
}
