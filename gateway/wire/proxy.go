package wire

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"mxgate/gateway/wire/proxy"
)

// ErrNoBalancer says that a peer is none of Socket.Balancers.
var ErrNoBalancer = errors.New("wire: peer is no balancer of this socket")

// unwrap has the PROXY header of a connection read, if it is from a balancer.
func (l *Listener) unwrap(raw net.Conn, balancer netip.Addr, balancers []netip.Prefix) {
	plain := balancer.WithZone("") // no Prefix contains a zone
	switch {
	case !slices.ContainsFunc(balancers, func(p netip.Prefix) bool { return p.Contains(plain) }):
		l.drop(raw)
		l.cfg.OnProxyFault(balancer, ErrNoBalancer)
	case !l.expect(raw):
		l.drop(raw)
	default:
		l.serve(raw, func() { l.admitProxied(raw, balancer) })
	}
}

// admitProxied admits the client that the PROXY header names, or the balancer
// itself where it names none. What has no valid header is closed without a word:
// health checks that only connect are such.
func (l *Listener) admitProxied(raw net.Conn, balancer netip.Addr) {
	ends, err := l.await(raw)
	if err != nil {
		l.drop(raw)
		l.cfg.OnProxyFault(balancer, err)
		return
	}
	if !ends.Client.IsValid() {
		ends = proxy.Ends{Client: balancer, Listener: listener(raw)}
	}
	l.admit(raw, ends.Client, ends.Listener)
}

// await reads the PROXY header of raw in time, and gives the slot of raw back.
func (l *Listener) await(raw net.Conn) (proxy.Ends, error) {
	defer l.met(raw)
	if err := raw.SetReadDeadline(time.Now().Add(l.cfg.ProxyTimeout)); err != nil {
		return proxy.Ends{}, err
	}
	return proxy.ReadHeader(raw)
}
