package received

import (
	"net/netip"
	"strings"
)

// parseAddr reads an address as Received fields show them: with or without
// brackets, "IPv6:", zone and port; mapped addresses become IPv4.
func parseAddr(s string) (netip.Addr, bool) {
	if len(s) < 2 || len(s) > 80 {
		return netip.Addr{}, false
	}
	if s[0] == '[' {
		inner, rest, ok := strings.Cut(s[1:], "]")
		if !ok || rest != "" && !isPort(rest) {
			return netip.Addr{}, false
		}
		s = inner
	}
	if len(s) > 5 && strings.EqualFold(s[:5], "IPv6:") {
		s = s[5:]
	}
	s, _, _ = strings.Cut(s, "%")
	// One colon is a port: "192.0.2.1:25". More are IPv6.
	if i := strings.IndexByte(s, ':'); i > 0 && i == strings.LastIndexByte(s, ':') && isPort(s[i:]) {
		s = s[:i]
	}
	if s == "" || !isAddrText(s) {
		return netip.Addr{}, false // before ParseAddr, which builds an error
	}
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return ip.Unmap(), true
}

// isPort reports whether s is ":" and one to five digits.
func isPort(s string) bool {
	if len(s) < 2 || len(s) > 6 || s[0] != ':' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// isAddrText reports whether s has the octets of an address, with a separator.
func isAddrText(s string) bool {
	separated := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '.' || c == ':' {
			separated = true
		} else if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f') {
			return false
		}
	}
	return separated
}

// special lists the networks from which no mail can come to a provider, beyond
// those that netip names. The documentation networks are not among them.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // RFC 6598: shared by carriers, used inside clouds
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"), // 255.255.255.255: "no outside client" at Microsoft
	netip.MustParsePrefix("2002::/16"),   // 6to4, RFC 7526; private addresses in IPv6 clothes at Google
}

// isPublic reports whether ip can be a client on the Internet.
func isPublic(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}
