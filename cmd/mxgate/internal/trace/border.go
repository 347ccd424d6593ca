package trace

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"mxgate/policy/mail"
	"mxgate/policy/received"
)

// maxOwnHops bounds the hops of ours that are looked at; it is that of received.Hops.
const maxOwnHops = 100

// border is where a message came into our hands, or why that is not known.
type border struct {
	at       int     // index of the hop, newest first; -1: there is none
	verdict  Verdict // already clear without classification; "" if at shows a client of somebody else
	reason   string  // of an undetermined one: a stable word
	why      string
	firm     bool         // internal: the client is in a network that the configuration names
	own      map[int]bool // hops of ours
	service  map[int]string
	noTenant bool // a mailbox service handed over, and that it did so for us is not known
}

// crossing is the search for the border of one message.
type crossing struct {
	c    *Config
	m    *mail.Message
	hops []received.Hop // newest first
	ours received.Boundary
	border
}

// findBorder goes from the newest hop to the first at which a client that is not
// ours handed the message over.
//
// Deviation: TRACE.md, Section 8, step 3 takes the oldest hop of ours. What is
// below the first client of somebody else is that client's text: a forged hop "by
// our server, from the provider" would be taken for the border. A server of ours
// outside Networks (a backup MX) is known by its verified name instead.
func (c *Config) findBorder(m *mail.Message, hops []received.Hop) border {
	x := crossing{c: c, m: m, hops: hops, ours: c.ours(), border: border{at: -1, own: map[int]bool{}, service: map[int]string{}}}
	if len(hops) == 0 {
		x.undetermined("no-received", "the message has no Received field")
		return x.border
	}
	for start := x.skip(0); x.verdict == "" && x.at < 0; {
		if start >= len(hops) {
			x.internal()
			break
		}
		start = x.skip(x.step(start))
	}
	return x.border
}

func (b *border) undetermined(reason, format string, args ...any) {
	b.verdict, b.reason, b.why = Undetermined, reason, fmt.Sprintf(format, args...)
}

// skip goes over hand-overs within one machine that do not name a host of the
// Internet: qmail and LMTP write such.
func (x *crossing) skip(i int) int {
	for i < len(x.hops) {
		h := &x.hops[i]
		inside := (h.Kind == received.Internal || h.Kind == received.Local) && !strings.ContainsAny(h.By, ".:")
		if !inside || x.ours.Believes(h.By) || h.IP.IsValid() && !h.IP.IsLoopback() {
			break
		}
		x.own[i] = true
		i++
	}
	return i
}

// step judges hop i, all newer ones being ours, and returns where to go on.
func (x *crossing) step(i int) int {
	h := &x.hops[i]
	if slices.Contains(h.Defects, received.DefectFetched) {
		return x.fetched(i)
	}
	boundary, service := x.writer(h)
	if boundary == nil && h.By == "" && len(x.own) > 0 {
		x.undetermined("unreadable-border", "hop #%d, the one before our own, does not say in a way that can be believed which host wrote it", len(x.hops)-i)
		return i
	}
	if boundary == nil {
		x.foreign(i)
		return i
	}
	if x.again(i) {
		x.mark(i, service)
		return i + 1
	}
	if service == "" && x.fromSource(i) {
		x.mark(i, "")
		x.at = i
		return i
	}
	// One hop at a time: what Walk steps over is ours.
	o := received.Walk(x.hops[i:i+1], *boundary, noTime)
	switch {
	case !o.IP.IsValid() && o.Class == received.WithinProvider:
		x.mark(i, service)
		if o.Field >= 0 { // handed in from a mailbox there: nothing below is older
			x.internal()
		}
		return i + 1
	case !o.IP.IsValid():
		x.undetermined("unreadable-border", "%s", renumbered(o.Why, len(x.hops)-i))
		return i
	}
	x.mark(i, service)
	if x.isOurs(i) {
		return i + 1
	}
	// At the border of the service itself the same client is another customer.
	if box := x.handover(i); box != nil && service == "" {
		if box.Tenant != "" && x.tenantIs(box) {
			return i + 1
		}
		x.noTenant = true
	}
	x.at, x.why = i, o.Why
	return i
}

func (x *crossing) mark(i int, service string) {
	x.own[i] = true
	if service != "" {
		x.service[i] = service
	}
}

// writer returns whose hop h is: that of our servers, or of a mailbox service.
func (x *crossing) writer(h *received.Hop) (*received.Boundary, string) {
	if x.ours.Believes(h.By) {
		return &x.ours, ""
	}
	for i := range x.c.Mailboxes {
		if box := &x.c.Mailboxes[i]; box.boundary.Believes(h.By) {
			return &box.boundary, box.Provider
		}
	}
	return nil, ""
}

// isOurs reports whether the client of hop i is a server of ours: by its address,
// or by its name if the writer has verified that.
func (x *crossing) isOurs(i int) bool {
	h := &x.hops[i]
	return x.c.inNetworks(h.IP) || x.namedOurs(i)
}

func (x *crossing) namedOurs(i int) bool {
	h := &x.hops[i]
	return received.VerifiedName(x.m, h) != "" && x.ours.Believes(h.RDNS)
}

// fromSource reports whether the client of hop i is in ranges that the configuration
// gives a source, and then it is that source, inside or not: appliances stand in the DMZ.
// Of a source that was left it counts if its verified name does not say that it is ours.
//
// An address inside may be shared by a filter and a proxy: if the hop below is ours,
// too, the message has only gone round within our machines.
func (x *crossing) fromSource(i int) bool {
	h := &x.hops[i]
	if !h.IP.IsValid() || !public(h.IP) && i+1 < len(x.hops) && x.ours.Believes(x.hops[i+1].By) {
		return false
	}
	return slices.ContainsFunc(x.c.Sources, func(s Source) bool {
		r, ok := s.holds(h.IP)
		if !ok || !r.Configured || x.c.nearer(h.IP, r) {
			return false
		}
		return s.covers(h.Time, x.c.Grace) || s.over(h.Time, x.c.Grace) && !x.namedOurs(i)
	})
}

// again reports whether a server of ours had the message before hop i, though that shows
// a client of a source: a server behind a gateway that told it of the client (XCLIENT).
// The hosts of a source write fields of their own on top of what they hand over.
func (x *crossing) again(i int) bool {
	h := &x.hops[i]
	if i+1 == len(x.hops) || !h.IP.IsValid() || x.hops[i+1].IP != h.IP || !x.ours.Believes(x.hops[i+1].By) {
		return false
	}
	return slices.ContainsFunc(x.c.Sources, func(s Source) bool {
		_, ok := s.holds(h.IP)
		return ok
	})
}

// handover returns the mailbox service whose address the client of hop i has,
// if the next older hop is that service's.
func (x *crossing) handover(i int) *Mailbox {
	for b := range x.c.Mailboxes {
		box := &x.c.Mailboxes[b]
		if box.holds(x.hops[i].IP) && i+1 < len(x.hops) && box.boundary.Believes(x.hops[i+1].By) {
			return box
		}
	}
	return nil
}

// tenantIs reports whether the service names us as its customer. A field that
// stands twice and names two came partly with the message, and names nobody.
func (x *crossing) tenantIs(box *Mailbox) bool {
	other := func(f mail.Field) bool { return !strings.EqualFold(f.Value(), box.Tenant) }
	return slices.ContainsFunc(tenantFields(box.entry), func(name string) bool {
		fields := x.m.Named(name)
		return len(fields) > 0 && !slices.ContainsFunc(fields, other)
	})
}

// fetched judges hop i, which tells that a program fetched the message from a
// mailbox. If that was on a server of ours, the way to it is the question.
func (x *crossing) fetched(i int) int {
	h := &x.hops[i]
	x.mark(i, "")
	server := h.RDNS
	if server == "" {
		server = h.Helo
	}
	if x.c.inNetworks(h.IP) || h.IP.IsLoopback() || x.ours.Believes(server) || len(x.hops) > i+1 && x.ours.Believes(x.hops[i+1].By) {
		return i + 1
	}
	x.verdict, x.at = Fetched, i
	x.why = fmt.Sprintf("it was fetched from a mailbox at %s, which is not ours: how it came there does not concern our servers", or(quoted(server), "an unnamed server"))
	return i
}

// foreign judges hop i, the newest that was not written by us.
func (x *crossing) foreign(i int) {
	h := &x.hops[i]
	below := func(judge func(*received.Hop) bool) bool {
		for j := i; j < len(x.hops); j++ {
			if judge(&x.hops[j]) {
				return true
			}
		}
		return false
	}
	by := or(quoted(h.By), "a host without a name")
	switch {
	case len(x.own) == 0 && below(func(h *received.Hop) bool { return withinAny(x.c.names(), h.By) }):
		x.verdict = Forwarded
		x.why = fmt.Sprintf("it lay in a mailbox that is not ours (the newest hop was written by %s) and claims to have been with us before", by)
	case len(x.own) == 0:
		x.undetermined("no-boundary", "no server of ours wrote a hop; the newest was written by %s: if that is ours, add it to hosts", by)
	case below(func(h *received.Hop) bool { return public(h.IP) }):
		x.undetermined("hidden-peer", "our server saw only a private address or one of our own; the hop below was written by %s: if that is ours, add it to hosts; "+
			"if it is a provider's appliance, give the address in ranges of its source; if our server stands behind a proxy or NAT, the client was not recorded", by)
	default:
		x.internal()
	}
}

// internal notes that nobody outside is in the trace.
func (x *crossing) internal() {
	x.verdict, x.why = Internal, "every hop is ours, and none shows a client outside"
	for i := len(x.hops) - 1; i >= 0; i-- {
		if h := &x.hops[i]; x.own[i] && (h.IP.IsValid() || h.Kind == received.Local || h.Proto == "MAPI") {
			x.at, x.firm = i, x.c.inNetworks(h.IP) || h.Kind == received.Local || h.Proto == "MAPI"
			return
		}
	}
	x.at = min(len(x.own), len(x.hops)) - 1
}

// public reports whether ip can be that of somebody outside.
func public(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !carrier.Contains(ip)
}

// carrier is used within networks: RFC 6598.
var carrier = netip.MustParsePrefix("100.64.0.0/10")
