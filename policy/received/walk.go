package received

import (
	"fmt"
	"net/netip"
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
	// shows that a host in Ranges handed the message in. What comes over loopback
	// or from a private address may be a filter's or a customer's; where it is
	// the former, an Inner pattern says so. Own lists the names, in full, of hosts
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
	doubt := -1
	for i := range hops {
		if i == limit {
			return none(&hops[i], "The first %d Received fields were written within the provider, and no border was found among them", limit)
		}
		origin, goOn := b.judge(hops, i)
		if goOn == doubted && doubt < 0 {
			doubt = i
		}
		if goOn != ends {
			continue
		}
		if doubt >= 0 && origin.By != "" { // a client, or whose tenant the border is
			return unshown(&hops[doubt], doubt)
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
