// Package generate makes domain names that imitate others, one class at a time,
// by tables of its own: nothing here is shared with the detector, so that what
// one has forgotten the other need not have forgotten too.
//
// The classes are those of LOOKALIKE, Section 2.1. Beside them there is a
// generator in the manner of dnstwist, by its tables, which are read from the
// corpora. Everything follows from a seed.
package generate

import (
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"mxgate/policy/mail"
)

// Target is a registrable domain that is imitated, cut in two.
type Target struct {
	Domain, Label, Suffix string // "heise.de", "heise", "de"
}

// Cut makes a Target of a registrable ASCII domain; ok says that it is one.
func Cut(domain string) (t Target, ok bool) {
	if registrable, err := publicsuffix.EffectiveTLDPlusOne(domain); err != nil || registrable != domain {
		return Target{}, false
	}
	suffix, _ := publicsuffix.PublicSuffix(domain)
	label := strings.TrimSuffix(domain, "."+suffix)
	return Target{domain, label, suffix}, !strings.HasPrefix(label, "xn--")
}

// Seeded returns the source of chance for one name and one purpose.
func Seeded(seed uint64, parts ...string) *rand.Rand {
	h := fnv.New64a()
	for _, p := range parts {
		h.Write([]byte(p + "\x00"))
	}
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// Mailable returns the A-labels of a made name; ok says that mail can come from
// it and that it is not t itself.
func Mailable(name string, t Target) (a string, ok bool) {
	d, err := mail.ParseDomain(name)
	if err != nil || !registrable(string(d)) {
		return "", false
	}
	if r, err := publicsuffix.EffectiveTLDPlusOne(string(d)); err != nil || r == t.Domain {
		return "", false
	}
	return string(d), true
}

// registrable refuses what no registry takes: hyphens in places three and four
// are kept for A-labels, which must be valid.
func registrable(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if strings.HasPrefix(label, "xn--") {
			if u, err := idna.Registration.ToUnicode(label); err != nil || u == label {
				return false
			}
		} else if len(label) >= 4 && label[2:4] == "--" {
			return false
		}
	}
	return true
}
