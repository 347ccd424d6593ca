package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// Bounds of the look-ups of host names: strangers can cause them.
const (
	maxHostNames     = 4096
	hostNameLasts    = 10 * time.Minute
	noAnswerLasts    = 10 * time.Second
	hostNameTimeout  = 2 * time.Second
	maxNameLookups   = 32 // at once
	strangersPerSec  = 5  // look-ups for strangers, SMTP-DUTIES A3
	maxNamesPerPTR   = 4
	maxAddrsPerCheck = 16
)

// hostNames finds the forward-confirmed reverse name of a client: the name that
// PTR gives and that has the client's address itself. RFC 8601, Section 2.7.3.
type hostNames struct {
	resolver dns.Resolver
	now      func() time.Time
	lookups  chan struct{}

	mu      sync.Mutex
	known   map[netip.Addr]hostName
	tokens  float64 // look-ups for strangers
	filled  time.Time
	pending map[netip.Addr]struct{}
}

type hostName struct {
	name  mail.Domain // "": none
	sure  bool        // DNS would not have told more
	until time.Time
}

func newHostNames(r dns.Resolver, now func() time.Time) *hostNames {
	return &hostNames{resolver: r, now: now, lookups: make(chan struct{}, maxNameLookups),
		known: map[netip.Addr]hostName{}, pending: map[netip.Addr]struct{}{}, tokens: strangersPerSec, filled: now()}
}

// peek returns what is known of addr without waiting, "" if nothing is, and sees
// to it that more is known soon.
func (h *hostNames) peek(addr netip.Addr) mail.Domain {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n, ok := h.known[addr]; ok && h.now().Before(n.until) {
		return n.name
	}
	if _, asked := h.pending[addr]; asked {
		return ""
	}
	select {
	case h.lookups <- struct{}{}:
	default:
		return ""
	}
	h.pending[addr] = struct{}{}
	go func() { // ends within hostNameTimeout
		defer func() { <-h.lookups }()
		ctx, cancel := context.WithTimeout(context.Background(), hostNameTimeout)
		defer cancel()
		name, err := h.ask(ctx, addr)
		h.learn(addr, name, err)
	}()
	return ""
}

// ofStranger waits for the name of addr, within ctx; "" if there is none. It asks
// for at most 5 strangers in a second. Of the others, and where DNS is in trouble,
// it is not sure.
func (h *hostNames) ofStranger(ctx context.Context, addr netip.Addr) (name mail.Domain, sure bool) {
	h.mu.Lock()
	now := h.now()
	n, ok := h.known[addr]
	if ok && now.Before(n.until) {
		h.mu.Unlock()
		return n.name, n.sure
	}
	h.tokens = min(strangersPerSec, h.tokens+strangersPerSec*now.Sub(h.filled).Seconds())
	h.filled = now
	if h.tokens < 1 {
		h.mu.Unlock()
		return "", false
	}
	h.tokens--
	h.mu.Unlock()
	name, err := h.ask(ctx, addr)
	h.learn(addr, name, err)
	return name, err == nil
}

// learn keeps what was found. That DNS gave no answer is soon forgotten: mail of
// a host that moved would wait for as long.
func (h *hostNames) learn(addr netip.Addr, name mail.Domain, err error) {
	lasts := hostNameLasts
	if err != nil {
		lasts = noAnswerLasts
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.pending, addr)
	if len(h.known) >= maxHostNames {
		clear(h.known) // a cache: who is still there is asked for again
	}
	h.known[addr] = hostName{name, err == nil, h.now().Add(lasts)}
}

// ask returns the first name of addr that has addr, "" if none has. The error says
// that DNS might have told more.
func (h *hostNames) ask(ctx context.Context, addr netip.Addr) (name mail.Domain, err error) {
	defer func() {
		if p := recover(); p != nil { // what DNS sent must not end the process
			err = fmt.Errorf("gateway: panic in a look-up: %v", p)
		}
	}()
	names, err := h.resolver.PTR(ctx, addr)
	if err != nil {
		return "", unlessNotFound(err)
	}
	find := h.resolver.A
	if addr.Is6() {
		find = h.resolver.AAAA
	}
	var trouble error
	for _, text := range names.Records[:min(len(names.Records), maxNamesPerPTR)] {
		name, err := mail.ParseDomain(text)
		if err != nil {
			continue
		}
		found, err := find(ctx, string(name))
		if err != nil {
			trouble = cmp.Or(trouble, unlessNotFound(err))
			continue
		}
		if slices.Contains(found.Records[:min(len(found.Records), maxAddrsPerCheck)], addr) {
			return name, nil
		}
	}
	return "", trouble
}

// unlessNotFound is err, or nil if it says for sure that there is nothing.
func unlessNotFound(err error) error {
	if errors.Is(err, dns.ErrNotFound) || errors.Is(err, dns.ErrPermanent) {
		return nil
	}
	return err
}
