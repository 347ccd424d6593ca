package gateway

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"mxgate/gateway/relay"
	"mxgate/gateway/wire"
	"mxgate/policy"
)

// admit decides by address alone, before TLS and DNS.
func (s *Server) admit(addr netip.Addr) wire.Admission {
	src, ok := s.cfg.SourceSet.Match(addr)
	now := time.Now()
	switch {
	case !ok:
		return wire.Admission{Verdict: wire.Stranger}
	case src.Expired(now):
		s.metrics.expired.Inc()
		s.strangers.say(now, "client of an expired source refused", "client_ip", addr, "source", src.Name, "reason", string(policy.SourceExpired))
		return wire.Admission{Verdict: wire.Stranger}
	case src.NotYet(now):
		s.strangers.say(now, "client of a source that has not begun refused", "client_ip", addr, "source", src.Name, "reason", string(policy.NotAdmitted))
		return wire.Admission{Verdict: wire.Stranger}
	}
	return wire.Admission{Source: src.Name, Verdict: wire.Admitted, RatePerMinute: s.cfg.Grants[src.Name].ConnectionsPerMinute}
}

// nearMiss names the source that a stranger most likely is, at an address that
// the configuration does not have yet; "" if it is none. sure is false where that
// cannot be found out now. SMTP-DUTIES A3.
func (s *Server) nearMiss(ctx context.Context, addr netip.Addr) (source string, sure bool) {
	name, sure := s.pipeline.names.ofStranger(ctx, addr)
	source, _ = s.cfg.NearMiss(name, time.Now()) // no source has the name ""
	return source, sure
}

// nearMissed alerts: mail of a provider waits until its new address is listed.
func (s *Server) nearMissed(addr netip.Addr, source, helo, _ string) {
	now := time.Now()
	s.metrics.nearMisses.Inc()
	s.metrics.path(policy.Undetermined, source)
	s.store.NearMiss(now, addr, helo, source)
	s.nearMisses.say(now, "a host that seems to belong to a source is not in its ranges, its mail is deferred (451): add the address if it is right",
		"client_ip", addr, "source", source, "helo", helo, "host", s.pipeline.names.peek(addr))
}

// stranger records an attempt to get around the provider.
func (s *Server) stranger(addr netip.Addr, helo string) {
	now := time.Now()
	s.store.Stranger(now, addr, helo)
	src, known := s.cfg.SourceSet.Match(addr) // over or to come
	if known && src.Expired(now) {
		s.metrics.path(policy.ViaOld, src.Name)
		return
	}
	s.metrics.path(policy.Direct, src.Name)
	if !known {
		s.strangers.say(now, "stranger refused", "client_ip", addr, "helo", helo, "reason", string(policy.NotAdmitted))
	}
}

// hostChanged tells when a host of a next hop begins to fail or works again: with
// another host behind it no mail waits, and nobody would notice.
func (s *Server) hostChanged(host string, failure *relay.Failure) {
	if failure == nil {
		s.log.Info("next hop works again", "next_hop", host)
		return
	}
	s.metrics.hostFailures.Inc()
	text := nameless(failure)
	if failure.Class == relay.Refused { // said before any MAIL: who refuses us at a message does not begin to fail
		text = failure.Error()
	}
	s.log.Warn("next hop begins to fail", "next_hop", host, "class", string(failure.Class), "err", text)
}

// proxyFault records a connection to a listener with proxy_protocol that did not
// come through a balancer, or not as it should.
func (s *Server) proxyFault(peer netip.Addr, err error) {
	now := time.Now()
	if errors.Is(err, wire.ErrNoBalancer) {
		s.store.Stranger(now, peer, "")
		s.proxyFaults.say(now, "connection past the balancers closed: the listener's proxy_protocol does not list this peer", "client_ip", peer)
		return
	}
	s.proxyFaults.say(now, "connection of a balancer without a valid PROXY header closed: it must send PROXY v1 or v2 (health checks that only connect do not)", "client_ip", peer, "err", err)
}
