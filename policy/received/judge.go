package received

import (
	"fmt"
	"slices"
	"strings"
)

// step says how a walk goes on behind a hop.
type step uint8

const (
	ends     step = iota
	believed      // it was written within the provider
	doubted       // so it seems, but a customer may have handed the message in there, and no client below is believed
)

// judge looks at hop i, all newer ones being believed or doubted.
func (b Boundary) judge(hops []Hop, i int) (Origin, step) {
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
	unsure := is != roleInner && !outside && !b.isOurs(by)
	switch {
	case is == roleNone:
		return unbelieved(h, i), ends
	case slices.Contains(h.Defects, DefectFetched):
		return none(h, "Received #%d by %s was written when the message was fetched from another mailbox: the fields below were that mailbox's", i+1, hostText(h.By)), ends
	case within && h.Proto == "MAPI":
		return madeInside(h, "Received #%d by %s was written when the message was handed in from a mailbox there", i+1, hostText(h.By)), ends
	case b.handedIn(h, is, by, outside):
		return madeInside(h, "Received #%d by %s was written when a customer handed the message in there", i+1, hostText(h.By)), ends
	case unsure && is == roleNamed && h.begins():
		return Origin{}, doubted
	case unsure && within && h.anonymous():
		return unshown(h, i), ends
	case within && !outside:
		return Origin{}, believed
	case is == roleIngress:
		o := b.border(h, i)
		o.By = by
		return o, ends
	case is == roleInner:
		return Origin{}, believed
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
		return h.Auth || !h.from && !h.relayed() // what else an inner host may show, the catalogue knows
	case outside, b.isOurs(by):
		return false
	}
	return h.Auth || h.Kind == Local || !h.relayed()
}

// begins reports whether h looks like the first hop of a message that was made
// where it was written: it shows a client inside, or neither client nor protocol,
// as Postfix writes of a bounce. A filter's hop looks the same.
func (h *Hop) begins() bool {
	if h.IP.IsValid() {
		return !isPublic(h.IP)
	}
	return h.Kind == Internal && !h.from && h.Proto == ""
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
func (h *Hop) anonymous() bool {
	return h.Kind == Local || !h.from || strings.Contains(h.Proto, "LMTP")
}

// unshown is none for a hop that hides who handed the message in.
func unshown(h *Hop, i int) Origin {
	return none(h, "Received #%d by %s does not show who handed the message in there, which may have been a customer", i+1, hostText(h.By))
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
func (b Boundary) named(hops []Hop, i int, outside bool) (Origin, step) {
	h := &hops[i]
	switch {
	case h.Kind == Internal || h.Kind == Local:
		return none(h, "Received #%d by %s was written for a hand-over within one system but shows an address outside", i+1, hostText(h.By)), ends
	case h.Ambiguous:
		return none(h, "Received #%d by %s shows two different client addresses", i+1, hostText(h.By)), ends
	case h.Kind != SMTP:
		return none(h, "Received #%d by %s shows no client address", i+1, hostText(h.By)), ends
	case !b.outside(h) && !outside:
		return Origin{}, believed
	case !b.outside(h):
		return none(h, "Received #%d by %s shows client %s, but another address, too", i+1, hostText(h.By), h.IP), ends
	case len(b.Ingress) > 0:
		return none(h, "Received #%d by %s shows client %s, which is not known to be the provider's, but the host is not known to take mail from outside; if it does, name it in received_by of a source without provider", i+1, hostText(h.By), h.IP), ends
	case b.Shared && takesLocally(hops[:i], h.By):
		return none(h, "Received #%d by %s shows client %s, but on that host mail is handed in, too, and who did so may have written this", i+1, hostText(h.By), h.IP), ends
	}
	o := found(h, MethodReceivedBy, Low)
	o.Why = fmt.Sprintf("Received #%d by %s was written by a host with a name of the provider and shows client %s, which is outside its ranges", i+1, hostText(h.By), h.IP)
	if b.Ranges == nil {
		o.Why = fmt.Sprintf("Received #%d by %s was written by a host with a name of the provider and shows client %s; the provider's ranges are not known", i+1, hostText(h.By), h.IP)
	}
	return o, ends
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
