package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"mxgate/gateway/config/strict"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// aDomain is what is expected where a domain stands.
const aDomain = `expected a domain such as "partner.example"`

// checkTrust builds whose mail is judged more strictly than its domain asks, and
// whose ARC seals are believed.
func (c *Config) checkTrust(k *strict.Problems) {
	c.Rules.AsReject = domains(k, "policy.as_reject", c.Policy.AsReject, aDomain)
	c.Rules.Sealers = domains(k, "policy.sealers", c.Policy.Sealers, aSigner)
	c.Rules.NoProviderSealer = !c.Policy.ProviderSealer
}

// aSigner is what is expected where a signing domain stands.
const aSigner = `expected the signing domain (d=) as it stands in the signature, such as "list.example"`

func (c *Config) checkExceptions(k *strict.Problems) {
	names := reasonNames(policy.DefaultDispositions())
	for i, x := range c.Exceptions {
		key := fmt.Sprintf("exception[%d]", i)
		e := policy.Exception{Author: strings.ToLower(x.Author), Require: x.Require, Recipient: strings.ToLower(x.Recipient), Owner: x.Owner, Why: x.Why, Expires: endOf(x.Expires)}
		if x.Author == "" {
			k.Add(key+".author", "", "missing: expected the address or domain of the From field that is meant")
		}
		_, addrErr := netip.ParseAddr(x.Require)
		_, rangeErr := netip.ParsePrefix(x.Require)
		if !slices.Contains([]string{"dkim", "spf", "aligned"}, x.Require) && addrErr != nil && rangeErr != nil {
			k.Add(key+".require", quote(x.Require), `expected what proves the sender: "dkim", "spf", "aligned", or the origin's address or range`)
		}
		if len(x.Reasons) == 0 {
			k.Add(key+".reasons", "", "missing: expected the reasons to lift, of %s", strings.Join(names, ", "))
		}
		e.Reasons = reasons(k, key+".reasons", x.Reasons, names)
		answeredFor(k, key, x.Owner, x.Why)
		c.Rules.Exceptions = append(c.Rules.Exceptions, e)
	}
}

// checkForwarders builds the rules for lists and forwarding services.
func (c *Config) checkForwarders(k *strict.Problems) {
	var names []string
	for _, r := range policy.ForwarderReasons() {
		names = append(names, string(r))
	}
	for i, x := range c.Forwarders {
		key := fmt.Sprintf("forwarder[%d]", i)
		f := policy.Forwarder{
			Name: x.Name, Recipient: strings.ToLower(x.Recipient), Owner: x.Owner, Why: x.Why, Expires: endOf(x.Expires),
			DKIM:    domains(k, key+".dkim", x.DKIM, aSigner),
			Sealers: domains(k, key+".sealers", x.Sealers, aSigner),
			Authors: domains(k, key+".authors", x.Authors, aDomain),
			Reasons: reasons(k, key+".reasons", x.Reasons, names),
		}
		switch same := func(y Forwarder) bool { return y.Name == x.Name }; {
		case x.Name == "":
			k.Add(key+".name", "", "missing: expected a short name for reports, such as \"the-list\"")
		case slices.ContainsFunc(c.Forwarders[:i], same):
			k.Add(key+".name", quote(x.Name), "used twice: expected a name of its own for each forwarder")
		}
		if len(x.DKIM)+len(x.Sealers) == 0 {
			k.Add(key+".dkim", "", "missing: expected what proves that mail came through it, the d= of its DKIM signatures (dkim) or of its ARC seals (sealers)")
		}
		if x.Authors != nil && len(x.Authors) == 0 {
			k.Add(key+".authors", "[]", "empty: leave the key out to mean every author")
		}
		if x.Reasons != nil && len(x.Reasons) == 0 {
			k.Add(key+".reasons", "[]", "empty: leave the key out for the default, or name some of %s", strings.Join(names, ", "))
		}
		answeredFor(k, key, x.Owner, x.Why)
		c.Rules.Forwarders = append(c.Rules.Forwarders, f)
	}
}

// reasons reads the reasons that a rule lifts, each of them one of names.
func reasons(k *strict.Problems, key string, words, names []string) []policy.Reason {
	var read []policy.Reason
	for i, word := range words {
		if !slices.Contains(names, word) {
			k.Add(fmt.Sprintf("%s[%d]", key, i), quote(word), "expected one of %s", strings.Join(names, ", "))
		}
		read = append(read, policy.Reason(word))
	}
	return read
}

// answeredFor wants to know of each rule that lifts reasons whose it is, and why.
func answeredFor(k *strict.Problems, key, owner, why string) {
	if owner == "" {
		k.Add(key+".owner", "", "missing: expected who asked for it, so that somebody can be asked whether it is still needed")
	}
	if why == "" {
		k.Add(key+".why", "", "missing: expected the reason for it, for whoever wonders later")
	}
}

// endOf is the end of the last day d; zero: there is none.
func endOf(d *toml.LocalDate) time.Time {
	if d == nil {
		return time.Time{}
	}
	return midnight(d).AddDate(0, 0, 1)
}

// domains reads a list of domains with at least two labels; nil stays nil.
func domains(k *strict.Problems, key string, names []string, expected string) []mail.Domain {
	var read []mail.Domain
	for i, name := range names {
		d, err := mail.ParseDomain(name)
		if err != nil || !strings.Contains(string(d), ".") {
			k.Add(fmt.Sprintf("%s[%d]", key, i), quote(name), "%s", expected)
			continue
		}
		read = append(read, d)
	}
	return read
}
