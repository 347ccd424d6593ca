package gateway

import (
	"fmt"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"mxgate/policy/mail"
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
	k := &checker{}
	today := now.UTC().Truncate(24 * time.Hour)
	for i, s := range c.Sources {
		if s.ValidUntil == nil {
			continue
		}
		key, day := fmt.Sprintf("source[%d].valid_until", i), s.ValidUntil.String()
		switch left := daysTo(s.ValidUntil, today); {
		case left < 0:
			k.add(key, day, "is over: all its mail is refused (554); set a later day, or remove source %q", s.Name)
		case left == 0:
			k.add(key, day, "ends today: from then on all mail of source %q is refused (554)", s.Name)
		case left <= sourceNoticeDays:
			k.add(key, day, "ends in %s: from then on all mail of source %q is refused (554)", count(left, "day", "days"), s.Name)
		}
	}
	for i, x := range c.Exceptions {
		key := fmt.Sprintf("exception[%d]", i)
		if x.Expires != nil && daysTo(x.Expires, today) < 0 {
			k.add(key+".expires", x.Expires.String(), "is over: this exception no longer applies; set a later day, or remove it")
		}
		domain := x.Recipient[strings.LastIndexByte(x.Recipient, '@')+1:]
		name, err := mail.ParseDomain(domain)
		if _, ours := c.routes[name]; x.Recipient != "" && (err != nil || !ours) {
			k.add(key+".recipient", quote(x.Recipient), "%s is none of our domains: this exception never applies", domain)
		}
	}
	c.warnOfCertificate(k, now)
	return c.Locate(k.problems)
}

func (c *Config) warnOfCertificate(k *checker, now time.Time) {
	if c.certificate == nil {
		return
	}
	leaf := c.certificate.Leaf
	day := leaf.NotAfter.UTC().Format(time.DateOnly)
	switch left := leaf.NotAfter.Sub(now); {
	case left <= 0:
		k.add("tls.cert_file", quote(c.TLS.CertFile), "the certificate expired on %s: clients that verify it send nothing", day)
	case left <= certificateNotice:
		k.add("tls.cert_file", quote(c.TLS.CertFile), "the certificate expires on %s, in %s", day, count(int(left/(24*time.Hour)), "day", "days"))
	}
	if now.Before(leaf.NotBefore) {
		k.add("tls.cert_file", quote(c.TLS.CertFile), "the certificate is not valid before %s: is the clock right?", leaf.NotBefore.UTC().Format(time.RFC3339))
	}
}

// daysTo counts the days from today to d; negative if d is over.
func daysTo(d *toml.LocalDate, today time.Time) int {
	return int(d.AsTime(time.UTC).Sub(today) / (24 * time.Hour))
}

// count says "1 day" or "2 days".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Summary says in a few lines what the configuration does.
func (c *Config) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  mode %s, host %s, data in %s\n", c.Mode, c.Hostname, c.DataDir)
	for _, s := range c.sources.All() {
		fmt.Fprintf(&b, "  source %s: %s", s.Name, count(len(s.Ranges), "range", "ranges"))
		if !s.ValidUntil.IsZero() {
			fmt.Fprintf(&b, ", valid until %s", s.ValidUntil.Format(time.DateOnly))
		}
		b.WriteByte('\n')
	}
	for _, d := range c.Domains {
		fmt.Fprintf(&b, "  domain %s to %s\n", d.Name, d.NextHop)
	}
	fmt.Fprintf(&b, "  protects %s and %s\n", count(len(c.targets), "domain", "domains"), count(len(c.people), "person", "people"))
	return b.String()
}
