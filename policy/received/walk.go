package received

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Bounds of a walk.
const (
	defaultMaxHops = 8
	maxFuture      = 10 * time.Minute    // a clock that is wrong, or a forged hop
	maxAge         = 14 * 24 * time.Hour // longer than any queue keeps a message
	maxSkew        = 5 * time.Minute     // between the clocks of two hops
)

// Boundary says whose hops are believed. What it holds is written by the operator
// or the catalogue; its host names are in lower case.
//
// A pattern of Ingress and Inner is a glob for the `by` host, with at most one
// condition behind it. A "*" stands for one or more characters, dots included.
//
//	*.edge.example             nothing else is asked
//	mx*.example (PPS)          the comment behind the host begins so
//	mx*.example id *-1         the id has this shape
//	*.example from 10.0.0.0/8  no address is shown but in these networks (separated by spaces),
//	                           in Ranges, or not on the Internet
//	2002:* without from        no client is named
//	(qmail                     no host is named, but the field begins with such a comment
//
// An Inner pattern without "from" lets an address outside pass for one inside: it
// is for hosts to which nobody outside can speak. Where customers hand in mail,
// they write the fields below.
type Boundary struct {
	Ingress, Inner []string
	// ReceivedBy lists host suffixes of the provider and of relays of our own.
	ReceivedBy []string
	// Shared says that customers hand in mail at hosts which only ReceivedBy
	// names, and write the fields below: there a hop is stepped over only if it
	// shows who handed the message in. Own lists the names, in full, of hosts
	// of which that is not so: relays of ours.
	Shared bool
	Own    []string
	// Ranges reports whether an address belongs to the provider; nil: unknown.
	Ranges func(netip.Addr) bool
	// Chained allows an ingress hop to show a client in Ranges: another tenant
	// of the same provider.
	Chained bool
	MaxHops int // 0: 8

	// Witnesses lists the names of fields in which the provider states its
	// client; what stands behind a name in the same string is for people.
	Witnesses []string
	// Tenant is the name under which the provider knows us, TenantFields are the
	// names of fields in which it states whose a message is. Empty: not known.
	Tenant       string
	TenantFields []string
}

// Confidence says how far an Origin may be relied on.
type Confidence string

// The levels. Walk gives High to nothing: that needs a second witness, such as
// a header field of the provider that shows the same address.
const (
	High   Confidence = "high"
	Medium Confidence = "medium" // the hop has the role of ingress in the catalogue
	Low    Confidence = "low"    // the writer is known by its name only, or the times are odd
	None   Confidence = "none"
)

// The methods of an Origin.
const (
	MethodIngress    = "ingress-role" // at a host that the catalogue calls an ingress
	MethodReceivedBy = "received-by"  // at the last host with a believed name
	MethodSeal       = "arc"          // the provider's own seal says so, against the trace
	MethodNone       = "none"
)

// Origin is the client that handed the message to the provider.
type Origin struct {
	IP         netip.Addr // zero: not determinable, Why says why
	Helo       string
	Method     string
	Confidence Confidence
	Class      Class
	Why        string // a sentence for people; peer text in it is quoted
	By         string // host at the provider's border that decided, as it is compared; "" if none did
	Field      int    // of the hop that decided, index into Message.Fields; -1 if none did
	Time       time.Time
	Witness    Witness // what Find weighed the trace against; zero if there was none
	// HopMissing says that the provider's hosts are known and the newest hop was
	// written by none of them: the message did not come the way it should. Only
	// Find says so.
	HopMissing bool
}

// Walk goes from the newest hop to the first one that the provider's border
// wrote, and returns the client that it shows.
//
// Only the `by` host decides which role a hop has: it is the writer's own name,
// while HELO and reverse name are the client's choice. The newest border counts,
// because an older one may be the sender's own tenant at the same provider, or
// forged. A hop that cannot be read or attributed ends the walk without a
// result, and so does one that looks like a step within the provider but shows
// an address outside it: the text of a client may have made it look so. A zero now
// leaves out the comparison with the present.
func Walk(hops []Hop, b Boundary, now time.Time) Origin {
	limit := b.MaxHops
	if limit <= 0 {
		limit = defaultMaxHops
	}
	for i := range hops {
		if i == limit {
			return none(&hops[i], "The first %d Received fields were written within the provider, and no border was found among them", limit)
		}
		origin, done := b.judge(hops, i)
		if !done {
			continue
		}
		if origin.IP.IsValid() {
			origin.checkTimes(hops[:i+1], now)
		}
		return origin
	}
	if len(hops) == 0 {
		return none(nil, "The message has no Received field")
	}
	return madeInside(nil, "All %d Received fields were written within the provider: the message has not come in from outside, or its trace was removed", len(hops))
}

// judge looks at hop i, all newer ones being believed. It returns done == false
// to step over it.
func (b Boundary) judge(hops []Hop, i int) (Origin, bool) {
	h := &hops[i]
	by := hostKey(h.By)
	is := b.roleOf(h, by)
	// What is stepped over must not show anybody outside, in whatever place: a
	// client that passes for none is the forger of the hops below.
	own := b.Ranges
	if is == roleIngress && b.Chained {
		own = nil
	}
	outside := h.outsiders.any(own)
	within := h.Kind == Internal || h.Kind == Local
	switch {
	case is == roleNone:
		return unbelieved(h, i), true
	case within && h.Proto == "MAPI":
		return madeInside(h, "Received #%d by %s was written when the message was handed in from a mailbox there", i+1, hostText(h.By)), true
	case b.handedIn(h, is, by, outside):
		return madeInside(h, "Received #%d by %s was written when a customer handed the message in there", i+1, hostText(h.By)), true
	case within && !outside && is != roleInner && h.anonymous() && !b.isOurs(by):
		return none(h, "Received #%d by %s does not show who handed the message in there, which may have been a customer", i+1, hostText(h.By)), true
	case within && !outside:
		return Origin{}, false
	case is == roleIngress:
		o := b.border(h, i)
		o.By = by
		return o, true
	case is == roleInner:
		return Origin{}, false
	}
	return b.named(hops, i, outside)
}

// handedIn reports whether h tells that a customer handed the message in: by
// signing in, in a web mailer, or from the machine itself. He wrote the fields
// below, so nothing there is believed. A client outside that signed in is still
// the client.
func (b Boundary) handedIn(h *Hop, is role, by string, outside bool) bool {
	switch {
	case is == roleInner:
		return h.Auth // what else an inner host may show, the catalogue knows
	case outside, b.isOurs(by):
		return false
	}
	return h.Auth || h.Kind == Local || !h.relayed()
}

// isOurs reports whether nobody but us hands in mail at the host with the key by.
func (b Boundary) isOurs(by string) bool { return !b.Shared || slices.Contains(b.Own, by) }

// relayed reports whether a mail server could have handed the message on by the
// protocol of h: not by those of web mailers, of programs on the machine itself,
// nor by one that we do not know.
func (h *Hop) relayed() bool {
	switch p := h.Proto; {
	case strings.HasPrefix(p, "HTTP"), strings.HasPrefix(p, "LOCAL"), p == "NNFMP", p == "BSMTP":
		return false
	default:
		return p == "" || isKnownProto(p) || strings.Contains(p, "SMTP")
	}
}

// anonymous reports whether h names no host that handed the message in: it was
// taken on the machine itself, out of a pipe, or from a client that is left out.
// What comes over loopback by SMTP is a filter's, nearly everywhere.
func (h *Hop) anonymous() bool {
	return h.Kind == Local || !h.from || strings.Contains(h.Proto, "LMTP")
}

// unbelieved says why h is of no use.
func unbelieved(h *Hop, i int) Origin {
	switch {
	case h.By == "" && h.Kind == Garbage && len(h.Defects) > 0:
		return none(h, "Received #%d cannot be read (%s)", i+1, strings.Join(h.Defects, ", "))
	case h.By == "":
		return none(h, "Received #%d does not say which host wrote it", i+1)
	}
	return none(h, "Received #%d was written by %s, which is not a host of the provider", i+1, hostText(h.By))
}

// named is judge for a hop of which only the writer's name is known.
func (b Boundary) named(hops []Hop, i int, outside bool) (Origin, bool) {
	h := &hops[i]
	switch {
	case h.Kind == Internal || h.Kind == Local:
		return none(h, "Received #%d by %s was written for a hand-over within one system but shows an address outside", i+1, hostText(h.By)), true
	case h.Ambiguous:
		return none(h, "Received #%d by %s shows two different client addresses", i+1, hostText(h.By)), true
	case h.Kind != SMTP:
		return none(h, "Received #%d by %s shows no client address", i+1, hostText(h.By)), true
	case !b.outside(h) && !outside:
		return Origin{}, false
	case !b.outside(h):
		return none(h, "Received #%d by %s shows client %s, but another address, too", i+1, hostText(h.By), h.IP), true
	case len(b.Ingress) > 0:
		return none(h, "Received #%d by %s shows client %s, which is not known to be the provider's, but the host is not known to take mail from outside", i+1, hostText(h.By), h.IP), true
	case b.Shared && takesLocally(hops[:i], h.By):
		return none(h, "Received #%d by %s shows client %s, but on that host mail is handed in, too, and who did so may have written this", i+1, hostText(h.By), h.IP), true
	}
	o := found(h, MethodReceivedBy, Low)
	o.Why = fmt.Sprintf("Received #%d by %s was written by a host with a name of the provider and shows client %s, which is outside its ranges", i+1, hostText(h.By), h.IP)
	if b.Ranges == nil {
		o.Why = fmt.Sprintf("Received #%d by %s was written by a host with a name of the provider and shows client %s; the provider's ranges are not known", i+1, hostText(h.By), h.IP)
	}
	return o, true
}

// takesLocally reports whether one of hops was written by the host when it took
// the message from nobody who is named.
func takesLocally(hops []Hop, host string) bool {
	return slices.ContainsFunc(hops, func(h Hop) bool { return h.anonymous() && hostKey(h.By) == hostKey(host) })
}

// outside reports whether h shows a client that is not the provider's own.
func (b Boundary) outside(h *Hop) bool {
	return isPublic(h.IP) && (b.Ranges == nil || !b.Ranges(h.IP))
}

// border reads the client from a hop in the role of ingress.
func (b Boundary) border(h *Hop, i int) Origin {
	switch {
	case h.Ambiguous:
		return none(h, "Received #%d by %s was written at the provider's border but shows two different client addresses", i+1, hostText(h.By))
	case h.Kind != SMTP:
		return none(h, "Received #%d by %s was written at the provider's border but shows no client address that can be read", i+1, hostText(h.By))
	case !isPublic(h.IP):
		return none(h, "Received #%d by %s was written at the provider's border but shows client %s, which is not an address on the Internet", i+1, hostText(h.By), h.IP)
	case !b.Chained && b.Ranges != nil && b.Ranges(h.IP):
		return none(h, "Received #%d by %s was written at the provider's border but shows client %s, which is the provider's own", i+1, hostText(h.By), h.IP)
	}
	o := found(h, MethodIngress, Medium)
	o.Why = fmt.Sprintf("Received #%d by %s was written by the provider and shows client %s", i+1, hostText(h.By), h.IP)
	return o
}

func found(h *Hop, method string, c Confidence) Origin {
	return Origin{IP: h.IP, Helo: h.Helo, Method: method, Confidence: c, Class: Outside, By: hostKey(h.By), Field: h.Field, Time: h.Time}
}

// none says why there is no origin; h is the hop that ended the walk, or nil. It
// is no hop of the border, as far as is known: it names nobody's tenant.
func none(h *Hop, format string, args ...any) Origin {
	o := Origin{Method: MethodNone, Confidence: None, Class: Unknown, Field: -1, Why: fmt.Sprintf(format, args...)}
	if h != nil {
		o.Field = h.Field
	}
	return o
}

// madeInside is none for a message that the provider has from nobody outside.
func madeInside(h *Hop, format string, args ...any) Origin {
	o := none(h, format, args...)
	o.Class = WithinProvider
	return o
}

// checkTimes lowers the confidence when the times of the hops down to o make
// no sense. Clocks are wrong too often to refuse an origin for it.
func (o *Origin) checkTimes(hops []Hop, now time.Time) {
	odd := ""
	switch {
	case o.Time.IsZero():
		odd = "it has no date that can be read"
	case !now.IsZero() && o.Time.After(now.Add(maxFuture)):
		odd = "its date is in the future"
	case !now.IsZero() && o.Time.Before(now.Add(-maxAge)):
		odd = "its date is more than 14 days ago"
	}
	newer := time.Time{}
	for _, h := range hops {
		if h.Time.IsZero() {
			continue
		}
		if odd == "" && !newer.IsZero() && h.Time.After(newer.Add(maxSkew)) {
			odd = "the dates of the hops run backwards"
		}
		newer = h.Time
	}
	if odd != "" {
		o.Confidence = Low
		o.Why += "; " + odd
	}
}

// hostText returns a host for a sentence: as it is if it is one, else quoted.
func hostText(by string) string {
	for i := 0; i < len(by); i++ {
		c := by[i]
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == ':') {
			return fmt.Sprintf("%.80q", by)
		}
	}
	return by[:min(len(by), 253)]
}
