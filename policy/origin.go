package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
)

// Given overrides what the trace would tell, for messages that are examined
// outside a session.
type Given struct {
	Origin netip.Addr // the origin's address; zero: recover it
	Helo   string
	// Peerless says that Transaction.Client is not known: the message was read
	// from a file, so only the provider's role in the trace can be used.
	Peerless bool
}

// origin is who handed the message to the provider.
type origin struct {
	ip     netip.Addr
	helo   string
	border int             // index in Message.Fields of the trace field in which the provider wrote that down; -1 if not known
	trace  received.Origin // what the trace says; without Method it was not looked at
}

// origin finds who handed the message to the provider. TRACE, Section 7.
func (e *Evidence) origin(tx *mail.Transaction, src provider.Source, given Given) origin {
	switch {
	case given.Origin.IsValid():
		e.Origin = Origin{IP: given.Origin.String(), Helo: given.Helo, Method: "given", Confidence: "high", Why: "the address was given by whoever asked"}
		return origin{ip: given.Origin, helo: given.Helo, border: -1}
	case tx.Client.Origin.IsValid() && !given.Peerless && !ownHost(src, tx.Client.Origin):
		told := tx.Client.Origin.Unmap()
		e.Origin = Origin{IP: told.String(), Helo: tx.Client.OriginHelo, Method: "given", Confidence: "high",
			Why: fmt.Sprintf("source %q told the address with XCLIENT or XFORWARD", src.Name)}
		found := origin{ip: told, helo: tx.Client.OriginHelo, border: -1}
		if bindsHop(src) {
			found.trace.By = received.Find(tx, boundaryOf(src)).By
		}
		return found
	case src.Origin == provider.OriginPeer && !given.Peerless:
		e.Origin = Origin{IP: tx.Client.Addr.String(), Helo: tx.Client.Helo, Method: "peer", Confidence: "high",
			Why: "source " + strconv.Quote(src.Name) + " delivers its own mail: the client is the origin"}
		return origin{ip: tx.Client.Addr, helo: tx.Client.Helo, border: -1}
	}
	return e.walked(received.Find(tx, boundaryOf(src)))
}

// walked takes what the trace shows for the origin.
func (e *Evidence) walked(o received.Origin) origin {
	e.Origin = Origin{Helo: o.Helo, Method: o.Method, Confidence: string(o.Confidence), Why: o.Why, HopMissing: o.HopMissing}
	if o.IP.IsValid() {
		e.Origin.IP = o.IP.String()
		return origin{o.IP, o.Helo, o.Field, o}
	}
	return origin{border: -1, trace: o}
}

// ownHost reports whether a told address is one of the source's own hosts: what
// stands before us took the mail from the provider, and not from the sender.
func ownHost(src provider.Source, addr netip.Addr) bool {
	return slices.ContainsFunc(src.Ranges, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
}

// boundaryOf joins what the operator wrote with the catalogue's roles.
func boundaryOf(src provider.Source) received.Boundary {
	b := received.Boundary{ReceivedBy: src.ReceivedBy, Shared: true, Own: src.ReceivedBy, Tenant: src.Tenant}
	if entry, ok := provider.Lookup(src.Provider); ok {
		b.Own = notAmong(src.ReceivedBy, entry.ReceivedBySuffixes)
		b.Ingress, b.Inner, b.Chained = entry.Ingress, entry.Inner, entry.IngressChained
		b.Witnesses, b.TenantFields = entry.OriginalIPHeaders, entry.TenantDiscriminators
		if len(b.ReceivedBy) == 0 {
			b.ReceivedBy = entry.ReceivedBySuffixes
		}
	}
	if len(src.Ranges) > 0 {
		b.Ranges = func(a netip.Addr) bool {
			return slices.ContainsFunc(src.Ranges, func(p netip.Prefix) bool { return p.Contains(a) })
		}
	}
	return b
}

// notAmong returns the names that the catalogue does not know: of them the operator
// has written. It copies them only if there are both kinds.
func notAmong(names, catalogue []string) []string {
	known := func(name string) bool { return slices.Contains(catalogue, name) }
	if !slices.ContainsFunc(names, known) {
		return names
	}
	return slices.DeleteFunc(slices.Clone(names), known)
}

// FileTransaction makes a transaction of a message that was read from a file:
// reverse-path from Return-Path, recipient unknown.
func FileTransaction(m *mail.Message, at time.Time) *mail.Transaction {
	tx := &mail.Transaction{Message: m, ReceivedAt: at}
	path := strings.TrimSpace(m.First("Return-Path"))
	if !strings.HasPrefix(path, "<") {
		path = "<" + path + ">"
	}
	a, _, err := mail.ParsePath(path)
	if i := strings.LastIndexByte(path, '@'); err != nil && i > 0 {
		// Return-Path of real archives holds local parts with an "@", unquoted.
		if d, err := mail.ParseDomain(strings.TrimSuffix(path[i+1:], ">")); err == nil {
			a = mail.Address{Local: path[1:i], Domain: d}
		}
	}
	tx.Envelope.ReversePath = a
	return tx
}
