package received

import (
	"net/netip"
	"strings"
)

// resolve chooses among what was found and names the kind of the hop.
func (p *parser) resolve() {
	h, f := &p.hop, &p.from
	if f.present {
		p.resolveAddr()
	}
	p.weigh()
	if f.present {
		p.resolveNames()
	}
	switch {
	case h.By == "":
		if h.Kind == "" { // not one of qmail's
			h.Kind, h.IP = Garbage, netip.Addr{}
		}
	case strings.HasPrefix(h.Proto, "POP3") || strings.HasPrefix(h.Proto, "IMAP"):
		p.defect(DefectFetched)
		h.Kind, h.IP = NoIP, netip.Addr{}
	case h.Ambiguous:
		h.Kind = NoIP
	case strings.Contains(p.proto, "LMTP") || p.proto == "MAPI" || h.IP.IsLoopback() || strings.EqualFold(h.By, "localhost"):
		h.Kind = Internal // ByIP says nothing about the client
	case h.IP.IsValid():
		h.Kind = SMTP
	case (p.proto == "LOCAL" || p.local || f.pickup && p.proto == "SMTPSVC") && !f.envelope && h.outsiders.n == 0:
		h.Kind = Local
	case f.present || h.outsiders.n > 0:
		h.Kind = NoIP
	default:
		h.Kind = Internal
	}
}

// resolveAddr decides which address is the client's, if any.
//
// The address that the writer put into a comment wins; the first word counts
// only where the writer itself put the address there, because elsewhere it is
// what the client called itself.
func (p *parser) resolveAddr() {
	h, f := &p.hop, &p.from
	first, isAddr := parseAddr(f.first)
	switch {
	case f.envelope && !f.addr.IsValid() && !f.literal.IsValid():
		return
	case f.envelope, f.clash, f.keys && (f.addr.IsValid() || f.literal.IsValid()): // two writers' shapes
	case f.addr.IsValid() && f.literal.IsValid() && f.addr != f.literal:
	case f.addr.IsValid():
		// Something behind the address that is no known remark: which of the
		// two the writer wrote cannot be told.
		if f.last == shapeAddress {
			h.IP = f.addr
		}
	case f.last == shapeUnknown:
		if f.literal.IsValid() {
			break
		}
		return
	case f.literal.IsValid():
		h.IP = f.literal // GMX: "from rdns (EHLO name) [ip]"
	case isAddr && (f.last == shapeHelo || f.last == shapeKeys || p.proto == "NNFMP" || strings.HasPrefix(p.proto, "HTTP")):
		h.IP = first
	default:
		return
	}
	h.Ambiguous = !h.IP.IsValid()
}

// resolveNames decides what the client called itself and what name it has.
func (p *parser) resolveNames() {
	h, f := &p.hop, &p.from
	h.Helo, h.RDNS = f.first, f.rdns
	asName := f.first
	if _, isAddr := parseAddr(asName); isAddr || strings.EqualFold(asName, "unknown") {
		asName = ""
	}
	// qmail writes the name it found, and the client's own only if it differs.
	qmail := f.bare && !p.byNote && h.ID == "" && strings.HasSuffix(h.Proto, "SMTP")
	switch {
	case f.hasHelo:
		h.Helo = f.helo
		if h.RDNS == "" {
			h.RDNS = strings.TrimSuffix(asName, ".")
		}
	case strings.HasPrefix(h.Proto, "HTTP"), h.Proto == "ECSTREAM":
		h.Helo = "" // a browser has none, nor has a stream within ecelerity
	case f.addr.IsValid() && h.RDNS == "" && (p.exim || qmail):
		h.RDNS = strings.TrimSuffix(asName, ".")
	}
}
