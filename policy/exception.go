package policy

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Exception lifts one or more reasons from mail of one sender that proves who
// it is. It never applies without that proof.
type Exception struct {
	Author    string   // address or domain of the From field
	Require   string   // what must have passed: "dkim" or "spf" aligned with the author, "aligned" for either, or an origin address or range
	Recipient string   // optional: only for this recipient address or domain
	Reasons   []Reason // which reasons it lifts
	Owner     string
	Why       string
	Expires   time.Time // zero: no end
}

// over reports whether a rule had expired when the message came.
func over(expires time.Time, e *Evidence) bool {
	return !expires.IsZero() && e.ReceivedAt.After(expires)
}

// excepts reports whether an exception lifts reason from this message.
func (r *Rules) excepts(reason Reason, e *Evidence) bool {
	return slices.ContainsFunc(r.Exceptions, func(x Exception) bool {
		return slices.Contains(x.Reasons, reason) && x.matches(e)
	})
}

func (x *Exception) matches(e *Evidence) bool {
	if over(x.Expires, e) || e.Author.Ambiguous != "" {
		return false
	}
	if !strings.EqualFold(x.Author, e.Author.Address) && !strings.EqualFold(x.Author, string(e.Author.Domain)) {
		return false
	}
	if x.Recipient != "" && !allTo(e.ForwardPaths, x.Recipient) {
		return false
	}
	switch x.Require {
	case "dkim":
		return e.DMARC.DKIMAligned
	case "spf":
		return e.DMARC.SPFAligned
	case "aligned":
		return e.Aligned()
	}
	ip, err := netip.ParseAddr(e.Origin.IP)
	if err != nil {
		return false
	}
	if p, err := netip.ParsePrefix(x.Require); err == nil {
		return p.Contains(ip)
	}
	want, err := netip.ParseAddr(x.Require)
	return err == nil && want == ip
}

// allTo reports whether every path is the address, or in the domain, that want names.
func allTo(paths []string, want string) bool {
	return len(paths) > 0 && !slices.ContainsFunc(paths, func(p string) bool {
		_, domain, _ := strings.Cut(p, "@")
		return !strings.EqualFold(p, want) && !strings.EqualFold(domain, want)
	})
}

// OriginOf is an address that x requires of the mail of author, if it requires one.
func (x *Exception) OriginOf(author *Author) (netip.Addr, bool) {
	if !strings.EqualFold(x.Author, author.Address) && !strings.EqualFold(x.Author, string(author.Domain)) {
		return netip.Addr{}, false
	}
	if p, err := netip.ParsePrefix(x.Require); err == nil {
		return p.Addr(), true
	}
	ip, err := netip.ParseAddr(x.Require)
	return ip, err == nil
}
