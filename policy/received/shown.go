package received

import (
	"iter"
	"net/netip"
	"strings"
)

// outsiders holds the different public addresses that stand anywhere in a
// `from` part, whoever put them there. The writer's own is always among them,
// so that no trick can make a client on the Internet look like none.
type outsiders struct {
	addrs [2]netip.Addr
	n     int // 3: more than are held
}

func (o *outsiders) add(ip netip.Addr) {
	for _, known := range o.addrs[:min(o.n, len(o.addrs))] {
		if known == ip {
			return
		}
	}
	if o.n < len(o.addrs) {
		o.addrs[o.n] = ip
	}
	o.n = min(o.n+1, len(o.addrs)+1)
}

// any reports whether one of the addresses is not in own; nil means that none is.
func (o *outsiders) any(own func(netip.Addr) bool) bool {
	if o.n == 0 || own == nil || o.n > len(o.addrs) {
		return o.n > 0
	}
	for _, ip := range o.addrs[:o.n] {
		if !own(ip) {
			return true
		}
	}
	return false
}

// addresses yields every address in s that stands for itself: "[ip]", "user@ip",
// "helo=ip", but not the one within "192.0.2.1.dyn.example".
func addresses(s string) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for i := 0; i < len(s); {
			if !ofName[s[i]] {
				i++
				continue
			}
			start := i
			for i < len(s) && ofName[s[i]] {
				i++
			}
			if ip, ok := parseAddr(strings.TrimRight(s[start:i], ".")); ok && !yield(ip) {
				return
			}
		}
	}
}

// ofName tells the octets that make an address beside them a part of a name, among
// them the "?" that Postfix writes in a HELO for what no name has.
var ofName = func() (t [256]bool) {
	for c := range t {
		t[c] = c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c >= 0x80 || strings.IndexByte(".:%-_?", byte(c)) >= 0
	}
	return t
}()

// weigh looks at all addresses of the `from` part. It notes the public ones, and
// refuses the client that was found if there is an address beside it which is
// not plainly the client's HELO: one of the two was chosen by the client, and
// which of them cannot be told.
func (p *parser) weigh() {
	h, f := &p.hop, &p.from
	found := h.IP
	for ip := range addresses(p.fromText) {
		public := isPublic(ip)
		if public {
			h.outsiders.add(ip)
		}
		f.clash = f.clash || ip != found && !p.isHelo(ip, public)
	}
	if f.clash && found.IsValid() {
		h.IP, h.Ambiguous = netip.Addr{}, true
	}
}

// isHelo reports whether ip, which is not the client that was found, stands
// where the writer puts what the client called itself.
func (p *parser) isHelo(ip netip.Addr, public bool) bool {
	f := &p.from
	// The first word is HELO only if the writer's own comment follows it. If
	// "(EHLO x)" or "(port=1 helo=x)" does, the first word is the writer's.
	if first, ok := parseAddr(f.first); ok && first == ip {
		return f.addrAt == 2 && !f.literal.IsValid()
	}
	if helo, ok := parseAddr(f.helo); !ok || !f.hasHelo || helo != ip {
		return false
	}
	// "(HELO [ip])" alone may be the comment about a client whose reverse name
	// is "HELO". A private address could not have come to the writer so.
	return !public || f.claims || f.addrAt > 0 && (f.heloAt == f.addrAt || f.heloAt+1 == f.addrAt)
}
