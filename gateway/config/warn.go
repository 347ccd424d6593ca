package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"mxgate/gateway/config/strict"
	"mxgate/policy"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// How early an end is worth a warning: long enough for somebody to act in
// working hours, short enough not to be overlooked as usual.
const (
	sourceNoticeDays  = 30
	certificateNotice = 14 * 24 * time.Hour
)

// Warnings returns what is valid in c but most likely not wanted at now: what is
// over, what will soon be, and what can never apply.
func (c *Config) Warnings(now time.Time) []Problem {
	k := new(strict.Problems)
	today := now.UTC().Truncate(24 * time.Hour)
	for i, s := range c.Sources {
		if s.ValidUntil == nil {
			continue
		}
		key, day := fmt.Sprintf("source[%d].valid_until", i), s.ValidUntil.String()
		switch left := daysTo(s.ValidUntil, today); {
		case left < 0:
			k.Add(key, day, "is over: all its mail is refused (554); set a later day, or remove source %q", s.Name)
		case left == 0:
			k.Add(key, day, "ends today: from tomorrow on all mail of source %q is refused (554)", s.Name)
		case left <= sourceNoticeDays:
			k.Add(key, day, "ends in %s: after that day all mail of source %q is refused (554)", count(left, "day", "days"), s.Name)
		}
	}
	c.warnOfGap(k, today)
	c.warnOfBalancers(k)
	for i, x := range c.Exceptions {
		key := fmt.Sprintf("exception[%d]", i)
		if x.Expires != nil && daysTo(x.Expires, today) < 0 {
			k.Add(key+".expires", x.Expires.String(), "is over: this exception no longer applies; set a later day, or remove it")
		}
		c.warnOfRecipient(k, key, x.Recipient, "exception")
	}
	c.warnOfTrust(k, today)
	c.warnOfProtect(k)
	c.warnOfGroups(k)
	c.warnOfDispositions(k)
	c.warnOfWeights(k)
	c.warnOfBindings(k)
	for i, n := range c.NextHops {
		if !slices.Contains(c.Used, c.named[n.Name]) {
			k.Add(fmt.Sprintf("next_hop[%d]", i), "", "%q is next_hop of no [[domain]]: no mail goes there; use it, or remove it", n.Name)
		}
	}
	c.warnOfCertificate(k, now)
	c.warnOfPaths(k)
	c.warnOfMetrics(k)
	for i := range *k {
		(*k)[i].Warning = true
	}
	return c.Locate(*k)
}

// warnOfRecipient warns of a rule for mail that never comes.
func (c *Config) warnOfRecipient(k *strict.Problems, key, recipient, rule string) {
	domain := recipient[strings.LastIndexByte(recipient, '@')+1:]
	name, err := mail.ParseDomain(domain)
	if _, ours := c.Routes[name]; recipient != "" && (err != nil || !ours) {
		k.Add(key+".recipient", quote(recipient), "%s is none of our domains: this %s never applies", domain, rule)
	}
}

// warnOfTrust warns of rules that believe more people than one would think.
func (c *Config) warnOfTrust(k *strict.Problems, today time.Time) {
	c.warnOfSealers(k, "policy.sealers", c.Rules.Sealers)
	for i, x := range c.Forwarders {
		key, f := fmt.Sprintf("forwarder[%d]", i), c.Rules.Forwarders[i]
		if x.Expires != nil && daysTo(x.Expires, today) < 0 {
			k.Add(key+".expires", x.Expires.String(), "is over: this forwarder is no longer believed; set a later day, or remove it")
		}
		c.warnOfRecipient(k, key, x.Recipient, "forwarder")
		for j, d := range f.DKIM {
			if shared(d) {
				k.Add(fmt.Sprintf("%s.dkim[%d]", key, j), quote(string(d)), "signs the mail of all its customers: whoever has an account there would be believed; expected a domain that only the forwarder signs with")
			}
		}
		c.warnOfSealers(k, key+".sealers", f.Sealers)
	}
	for i, s := range c.Sources {
		if s.Origin == "peer" && len(s.AuthservIDs) > 0 {
			k.Add(fmt.Sprintf("source[%d].authserv_ids", i), "", "is never read: what a partner states of its own mail proves nothing")
		}
	}
}

// services sign mail of everybody who has an account there.
var services = []mail.Domain{
	"googlegroups.com", "google.com",
	"amazonses.com", "sendgrid.net", "mailgun.org", "mandrillapp.com", "mcsv.net", "mailchimpapp.net", "sparkpostmail.com", "mtasv.net", "mailjet.com", "ccsend.com", "hubspotemail.net",
}

// shared reports whether d signs mail of everybody who has an account there.
func shared(d mail.Domain) bool { return policy.FreeMail(d) || slices.ContainsFunc(services, d.Within) }

// warnOfSealers warns of sealers that the catalogue knows: providers, which seal
// what any customer of theirs passes on.
func (c *Config) warnOfSealers(k *strict.Problems, key string, sealers []mail.Domain) {
	for i, d := range sealers {
		for _, id := range provider.IDs() {
			if entry, _ := provider.Lookup(id); slices.Contains(entry.ARCDomains, string(d)) {
				k.Add(fmt.Sprintf("%s[%d]", key, i), quote(string(d)), "seals for all customers of %s: whoever is one can have his mail believed; for mail that comes from it as a source, policy.provider_sealer is enough", id)
				break
			}
		}
	}
}

func (c *Config) warnOfCertificate(k *strict.Problems, now time.Time) {
	if c.Certificate == nil {
		return
	}
	leaf := c.Certificate.Leaf
	day := leaf.NotAfter.UTC().Format(time.DateOnly)
	switch left := leaf.NotAfter.Sub(now); {
	case left <= 0:
		k.Add("tls.cert_file", quote(c.TLS.CertFile), "the certificate expired on %s: clients that verify it send nothing", day)
	case left <= certificateNotice:
		k.Add("tls.cert_file", quote(c.TLS.CertFile), "the certificate expires on %s, in %s", day, count(int(left/(24*time.Hour)), "day", "days"))
	}
	if err := leaf.VerifyHostname(c.Hostname); err != nil {
		k.Add("tls.cert_file", quote(c.TLS.CertFile), "the certificate is not for %s: a provider that verifies it sends nothing, unless it reaches you under a name that it has", c.Hostname)
	}
	if now.Before(leaf.NotBefore) {
		k.Add("tls.cert_file", quote(c.TLS.CertFile), "the certificate is not valid before %s: is the clock right?", leaf.NotBefore.UTC().Format(time.RFC3339))
	}
}

// warnOfPaths warns of paths that lead elsewhere for who starts mxgate elsewhere: a
// service starts in /, and a command where somebody stands.
func (c *Config) warnOfPaths(k *strict.Problems) {
	relative := func(key, path string) {
		if path != "" && !filepath.IsAbs(path) {
			k.Add(key, quote(path), "leads elsewhere when mxgate starts in another directory, as a service does: expected an absolute path")
		}
	}
	relative("data_dir", c.DataDir)
	relative("tls.cert_file", c.TLS.CertFile)
	relative("tls.key_file", c.TLS.KeyFile)
	relative("tls.client_ca_file", c.TLS.ClientCAFile)
	for i, n := range c.NextHops {
		relative(fmt.Sprintf("next_hop[%d].ca_file", i), n.CAFile)
	}
}

// warnOfMetrics warns of figures for whoever asks.
func (c *Config) warnOfMetrics(k *strict.Problems) {
	if at, err := parseListen(c.Metrics.Address); err == nil && at.Addr().IsUnspecified() {
		k.Add("metrics.address", quote(c.Metrics.Address), "answers on every address of this machine, and there is no authentication: expected 127.0.0.1:%d, or the address of an internal network", at.Port())
	}
}

// warnOfGap warns if nobody is admitted today: between the end of one provider and
// the beginning of the next.
func (c *Config) warnOfGap(k *strict.Problems, today time.Time) {
	all := c.SourceSet.All()
	if len(all) == 1 {
		return // its own days say it
	}
	var next time.Time
	for _, s := range all {
		switch {
		case !s.NotYet(today) && !s.Expired(today):
			return
		case s.ValidFrom.After(today) && (next.IsZero() || s.ValidFrom.Before(next)):
			next = s.ValidFrom
		}
	}
	if next.IsZero() {
		k.Add("source", "", "none is admitted today, and none begins later: all mail is refused (554); set a later valid_until, or add the source that took over")
		return
	}
	k.Add("source", "", "none is admitted today: all mail is refused (554) until %s; correct valid_until of the one before, or valid_from", next.Format(time.DateOnly))
}

// warnOfBalancers warns of a balancer in the ranges of a source: its own connections
// (LOCAL, UNKNOWN) are then taken for mail of that source.
func (c *Config) warnOfBalancers(k *strict.Problems) {
	for i, socket := range c.Sockets {
		for j, balancer := range socket.Balancers {
			for _, s := range c.SourceSet.All() {
				if slices.ContainsFunc(s.Ranges, balancer.Overlaps) {
					k.Add(fmt.Sprintf("listener[%d].proxy_protocol[%d]", i, j), quote(balancer.String()),
						"is in source %q as well: what the balancer sends of its own (PROXY LOCAL or UNKNOWN) counts as mail of that source; keep balancers out of sources", s.Name)
				}
			}
		}
	}
}

// daysTo counts the days from today to d; negative if d is over.
func daysTo(d *toml.LocalDate, today time.Time) int {
	return int(d.AsTime(time.UTC).Sub(today) / (24 * time.Hour))
}
