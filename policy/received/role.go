package received

import (
	"net/netip"
	"slices"
	"strings"
)

// role is what a hop is to the provider.
type role uint8

const (
	roleNone    role = iota
	roleNamed        // written by a host with a name of the provider
	roleInner        // handed on inside
	roleIngress      // taken from outside
)

// roleOf tells the role of h, whose `by` host has the key by. Some hosts take mail
// from outside and from their own side, and only the client's address tells which
// it was: such a host is inner for an address that is not on the Internet. One in
// the provider's ranges may be another customer's, and one that cannot be read
// anybody's.
func (b Boundary) roleOf(h *Hop, by string) role {
	ingress := b.matchesAny(b.Ingress, h, by)
	inner := b.matchesAny(b.Inner, h, by)
	switch {
	case ingress && inner && h.IP.IsValid() && h.outsiders.n == 0:
		return roleInner
	case ingress:
		return roleIngress
	case inner:
		return roleInner
	case withinAny(b.ReceivedBy, by):
		return roleNamed
	}
	return roleNone
}

// matchesAny reports whether h is as one of patterns says.
func (b Boundary) matchesAny(patterns []string, h *Hop, by string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return b.matches(pattern, h, by) })
}

// matches reports whether h is as pattern says. See Boundary.
func (b Boundary) matches(pattern string, h *Hop, by string) bool {
	if comment, ok := strings.CutPrefix(pattern, "("); ok {
		return h.By == "" && h.Kind == Internal && strings.HasPrefix(h.Program, strings.TrimSuffix(comment, ")"))
	}
	glob, condition, _ := strings.Cut(pattern, " ")
	if by == "" || !matchGlob(glob, by) {
		return false
	}
	what, value, _ := strings.Cut(condition, " ")
	switch {
	case condition == "":
		return true
	case condition[0] == '(':
		return strings.HasPrefix(h.Program, strings.Trim(condition, "()"))
	case condition == "without from":
		return !h.from
	case what == "id":
		return matchGlob(value, h.ID)
	case what == "from":
		return b.showsOnly(h, value)
	}
	return false
}

// showsOnly reports whether all addresses of h, wherever they stand, are in one of
// networks, in the provider's ranges, or not on the Internet.
func (b Boundary) showsOnly(h *Hop, networks string) bool {
	return !h.Ambiguous && !h.outsiders.any(func(a netip.Addr) bool {
		if b.Ranges != nil && b.Ranges(a) {
			return true
		}
		for text := range strings.FieldsSeq(networks) {
			if p, err := netip.ParsePrefix(text); err == nil && p.Contains(a) {
				return true
			}
		}
		return false
	})
}

// Believes reports whether a field written by that host may be stepped over or
// stood on: the host has a role or a name of the provider.
func (b Boundary) Believes(by string) bool {
	key := hostKey(by)
	return key != "" && (hasGlob(b.Ingress, key) || hasGlob(b.Inner, key) || withinAny(b.ReceivedBy, key))
}

// hasGlob reports whether host is as one of patterns, whatever else that asks for.
func hasGlob(patterns []string, host string) bool {
	for _, pattern := range patterns {
		if glob, _, _ := strings.Cut(pattern, " "); matchGlob(glob, host) {
			return true
		}
	}
	return false
}

// hostKey returns a host as it is compared, or "" if it is not one: lower case,
// without trailing dot. A homoglyph is no host. Any other octet will do, since
// only whole labels on the right are compared, and real writers put underscores
// and worse into the left ones.
func hostKey(by string) string {
	by = strings.TrimSuffix(by, ".")
	for i := 0; i < len(by); i++ {
		if by[i] <= ' ' || by[i] >= 0x7f {
			return ""
		}
	}
	return strings.ToLower(by)
}

// withinAny reports whether host is one of suffixes or a name below one.
func withinAny(suffixes []string, host string) bool {
	for _, s := range suffixes {
		if s == "" || len(host) < len(s) || !strings.EqualFold(host[len(host)-len(s):], s) {
			continue
		}
		if len(host) == len(s) || host[len(host)-len(s)-1] == '.' {
			return true
		}
	}
	return false
}

// matchGlob reports whether host has the shape of glob, where "*" stands for
// one or more characters. Each piece is taken where it first fits, which is
// enough because the last one is tied to the end: no backtracking.
func matchGlob(glob, host string) bool {
	piece, rest, star := strings.Cut(glob, "*")
	if !strings.HasPrefix(host, piece) {
		return false
	}
	host = host[len(piece):]
	for star {
		piece, rest, star = strings.Cut(rest, "*")
		if !star {
			return len(host) > len(piece) && strings.HasSuffix(host, piece)
		}
		i := -1
		if len(host) > 0 {
			i = strings.Index(host[1:], piece)
		}
		if i < 0 {
			return false
		}
		host = host[1+i+len(piece):]
	}
	return host == ""
}
