package config

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
)

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
	b.WriteString(c.certificateLine())
	for _, s := range c.SourceSet.All() {
		fmt.Fprintf(&b, "  source %s: %s", s.Name, count(len(s.Ranges), "range", "ranges"))
		if !s.ValidFrom.IsZero() {
			fmt.Fprintf(&b, ", valid from %s", s.ValidFrom.Format(time.DateOnly))
		}
		if !s.ValidUntil.IsZero() {
			fmt.Fprintf(&b, ", valid until %s", s.ValidUntil.Format(time.DateOnly))
		}
		for i, bind := range s.Bind {
			fmt.Fprintf(&b, "%s%s", [...]string{", bound by ", " and "}[min(i, 1)], bind.Kind)
		}
		b.WriteByte('\n')
	}
	for _, d := range c.Domains {
		fmt.Fprintf(&b, "  domain %s to %s\n", d.Name, d.NextHop)
	}
	for _, r := range c.Used {
		name, protocol := r.Name, "smtp"
		if hosts := strings.Join(r.Hosts, ", then "); hosts != name {
			name = fmt.Sprintf("%s (%s)", name, hosts)
		}
		if r.LMTP {
			protocol = "lmtp"
		}
		fmt.Fprintf(&b, "  next hop %s: %s, tls %s\n", name, protocol, r.TLS.Mode)
	}
	if f, n := len(c.Forwarders), len(c.Rules.Sealers); f+n > 0 {
		fmt.Fprintf(&b, "  believes %s and %s\n", count(n, "ARC sealer", "ARC sealers"), count(f, "forwarder", "forwarders"))
	}
	others := c.protectedOthers()
	fmt.Fprintf(&b, "  protects %s, %s and %s\n", count(len(c.Own), "domain of yours", "domains of yours"), count(others, "other domain", "other domains"), count(len(c.People), "person", "people"))
	for _, g := range c.Groups {
		fmt.Fprintf(&b, "  one owner, %s: %s\n", g.Name, strings.Join(g.Domains, ", "))
	}
	changed(&b, "dispositions", c.changedDispositions())
	changed(&b, "points", c.changedPoints())
	if m := c.Memory; m.Enabled {
		fmt.Fprintf(&b, "  remembers conversations for %s and contacts for %s\n", count(m.ConversationDays, "day", "days"), count(m.ContactDays, "day", "days"))
	} else {
		b.WriteString("  remembers nothing (memory.enabled = false)\n")
	}
	return b.String()
}

// shownNames is how many names of a certificate are worth a line.
const shownNames = 5

// certificateLine says whom the certificate is for: a provider may verify the name
// under which it reaches us, which need not be the hostname. What is written in the
// certificate is quoted where it is no name.
func (c *Config) certificateLine() string {
	if c.Certificate == nil {
		return "  no certificate: STARTTLS is not offered\n"
	}
	leaf := c.Certificate.Leaf
	var names []string
	for _, name := range leaf.DNSNames {
		if _, err := mail.ParseDomain(strings.TrimPrefix(name, "*.")); err != nil {
			name = quote(name)
		}
		names = append(names, name)
	}
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	line := "for no name"
	if len(names) > 0 {
		line = "for " + strings.Join(names[:min(len(names), shownNames)], ", ")
	}
	if more := len(names) - shownNames; more > 0 {
		line += fmt.Sprintf(" and %d more", more)
	}
	if leaf.VerifyHostname(c.Hostname) != nil {
		line += ", not for " + c.Hostname
	}
	return fmt.Sprintf("  certificate %s, until %s\n", line, leaf.NotAfter.UTC().Format(time.DateOnly))
}

// protectedOthers counts the protected domains that are not ours, each once.
func (c *Config) protectedOthers() int {
	others := map[mail.Domain]bool{}
	for _, t := range c.Targets {
		if t.Tier == lookalike.Protected && !slices.Contains(c.Own, t.Domain) {
			others[t.Domain] = true
		}
	}
	return len(others)
}

// changed writes a line of what differs from the defaults, if anything does.
func changed(w io.Writer, what string, list []string) {
	if len(list) > 0 {
		fmt.Fprintf(w, "  other %s than by default: %s\n", what, strings.Join(list, ", "))
	}
}

func (c *Config) changedDispositions() []string {
	var list []string
	defaults := policy.DefaultDispositions()
	for _, r := range slices.Sorted(maps.Keys(c.Rules.Dispositions)) {
		if d := c.Rules.Dispositions[r]; d != defaults[r] {
			list = append(list, fmt.Sprintf("%s %s (%s)", r, d, defaults[r]))
		}
	}
	return list
}

func (c *Config) changedPoints() []string {
	var list []string
	for _, r := range score.Rows() {
		if n, usual := c.Rules.Weights.Of(r), (score.Weights{}).Of(r); n != usual {
			list = append(list, fmt.Sprintf("%s %d (%d)", r, n, usual))
		}
	}
	return list
}
