package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"mxgate/gateway/resolve"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// checker collects problems while it builds.
type checker struct {
	problems []Problem
}

func (k *checker) add(key, value, format string, args ...any) {
	k.problems = append(k.problems, Problem{Key: key, Value: value, Expected: fmt.Sprintf(format, args...)})
}

// check validates c and fills c.built. It touches only the certificate files:
// the network and the data directory are asked when the gateway starts.
func (c *Config) check() []Problem {
	k := &checker{}
	c.checkBasics(k)
	c.checkListen(k)
	c.checkTLS(k)
	c.checkSources(k)
	c.checkDomains(k)
	c.checkProtect(k)
	c.checkDNS(k)
	c.checkPolicy(k)
	c.checkExceptions(k)
	c.checkLimits(k)
	return k.problems
}

func (c *Config) checkBasics(k *checker) {
	c.checkHostname(k)
	if c.DataDir == "" {
		k.add("data_dir", `""`, "expected a directory such as \"/var/lib/mxgate\"")
	}
	if c.Mode != enforce && c.Mode != observe {
		k.add("mode", quote(c.Mode), `expected "enforce" or "observe"`)
	}
	if c.Log.Format != "json" && c.Log.Format != "text" {
		k.add("log.format", quote(c.Log.Format), `expected "json" or "text"`)
	}
	if _, err := c.Log.level(); err != nil {
		k.add("log.level", quote(c.Log.Level), `expected "debug", "info", "warn" or "error"`)
	}
}

func (c *Config) checkHostname(k *checker) {
	const example = `such as "gate.example.com"`
	if c.Hostname == "" {
		k.add("hostname", "", "missing: expected this gateway's full host name, %s", example)
		return
	}
	host, err := mail.ParseDomain(c.Hostname)
	_, notAddress := netip.ParseAddr(strings.Trim(c.Hostname, "[]"))
	switch {
	case notAddress == nil:
		k.add("hostname", quote(c.Hostname), "expected a full host name %s, not an address", example)
	case strings.ContainsAny(c.Hostname, "_ :/@"):
		k.add("hostname", quote(c.Hostname), "expected letters, digits and hyphens between dots only, %s", example)
	case err != nil || !strings.Contains(string(host), "."):
		k.add("hostname", quote(c.Hostname), "expected a full host name %s", example)
	default:
		c.Hostname = string(host)
	}
}

func (l LogConfig) level() (slog.Level, error) {
	var level slog.Level
	err := level.UnmarshalText([]byte(l.Level))
	return level, err
}

func (c *Config) checkSources(k *checker) {
	if len(c.Sources) == 0 {
		k.add("source", "", "missing: expected at least one [[source]] with name and ranges; without one nobody may deliver")
		return
	}
	var sources []provider.Source
	for i, s := range c.Sources {
		key, before := fmt.Sprintf("source[%d]", i), len(k.problems)
		source := s.build(k, key)
		if len(k.problems) > before {
			continue
		}
		// One more each time, so that an overlap has the line of the later source.
		set, err := provider.NewSet(append(sources, source))
		if err != nil {
			k.add(key, "", "%s", expectation(err))
			continue
		}
		sources, c.sources = append(sources, source), set
	}
}

func (s SourceConfig) build(k *checker, key string) provider.Source {
	src := provider.Source{Name: s.Name, Provider: s.Provider, ValidUntil: lastMoment(s.ValidUntil), Origin: provider.OriginTrace}
	if s.Name == "" {
		k.add(key+".name", "", "missing: expected a short name for reports, such as \"our-provider\"")
	}
	entry, ok := provider.Lookup(s.Provider)
	if s.Provider != "" && !ok {
		k.add(key+".provider", quote(s.Provider), "not in the catalogue: expected one of %s, or leave the key out and set received_by", strings.Join(provider.IDs(), ", "))
	}
	switch s.Origin {
	case "", "trace":
	case "peer":
		src.Origin = provider.OriginPeer
	default:
		k.add(key+".origin", quote(s.Origin), `expected "trace" (the sender handed the mail to the provider) or "peer" (the client is the sender)`)
	}
	if len(s.Ranges) == 0 {
		k.add(key+".ranges", "", "missing: expected the address ranges this source delivers from, such as [\"192.0.2.0/24\"]; the catalogue's are never used by themselves")
	}
	for i, r := range s.Ranges {
		p, err := provider.ParseRange(r)
		if err != nil {
			k.add(fmt.Sprintf("%s.ranges[%d]", key, i), quote(r), "%s", strings.TrimPrefix(expectation(err), fmt.Sprintf("%.80q: ", r)))
			continue
		}
		src.Ranges = append(src.Ranges, p)
	}
	for i, r := range s.ReceivedBy {
		d, err := mail.ParseDomain(r)
		if err != nil || !strings.Contains(string(d), ".") {
			k.add(fmt.Sprintf("%s.received_by[%d]", key, i), quote(r), "expected a host name or the end of one, without a star, such as \"mx.provider.example\"")
			continue
		}
		src.ReceivedBy = append(src.ReceivedBy, string(d))
	}
	known := len(s.ReceivedBy) + len(entry.ReceivedBySuffixes)
	if src.Origin == provider.OriginTrace && known == 0 && (s.Provider == "" || ok) {
		k.add(key+".received_by", "", "missing: without it nobody's Received line is believed, and the origin of this source's mail is never known; "+
			`expected provider (an id of the catalogue), received_by = ["mx.provider.example"], or origin = "peer" if the client is the sender itself`)
	}
	return src
}

// expectation is what a sources error says to people: the part behind the
// sentinel, which the key before it already names.
func expectation(err error) string {
	text := err.Error()
	for _, sentinel := range []error{provider.ErrBadRange, provider.ErrBadSource, provider.ErrOverlap} {
		if errors.Is(err, sentinel) {
			text = strings.TrimPrefix(text, sentinel.Error()+": ")
		}
	}
	return text
}

func lastMoment(d *toml.LocalDate) time.Time {
	if d == nil {
		return time.Time{}
	}
	return d.AsTime(time.UTC)
}

func (c *Config) checkDomains(k *checker) {
	if len(c.Domains) == 0 {
		k.add("domain", "", "missing: expected at least one [[domain]] with name and next_hop")
	}
	c.routes = map[mail.Domain]string{}
	for i, d := range c.Domains {
		key := fmt.Sprintf("domain[%d]", i)
		name, err := mail.ParseDomain(d.Name)
		_, twice := c.routes[name]
		switch {
		case d.Name == "":
			k.add(key+".name", "", "missing: expected a domain such as \"example.com\"")
		case err != nil:
			k.add(key+".name", quote(d.Name), "expected a domain such as \"example.com\"")
		case twice:
			k.add(key+".name", quote(d.Name), "listed twice: expected one [[domain]] for each domain")
		}
		host, port, err := net.SplitHostPort(d.NextHop)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		switch {
		case d.NextHop == "":
			k.add(key+".next_hop", "", "missing: expected the mail server that takes the mail for %q, such as \"mail.internal:25\"", d.Name)
		case err != nil || host == "":
			k.add(key+".next_hop", quote(d.NextHop), "expected HOST:PORT such as \"mail.internal:25\" or \"192.0.2.10:25\"")
		}
		c.routes[name] = d.NextHop
		c.own = append(c.own, name)
		c.targets = append(c.targets, lookalike.Target{Domain: name, Tier: lookalike.Own})
	}
}

func (c *Config) checkProtect(k *checker) {
	for i, name := range c.Protect.Domains {
		d, err := mail.ParseDomain(name)
		if err != nil || !strings.Contains(string(d), ".") {
			k.add(fmt.Sprintf("protect.domains[%d]", i), quote(name), "expected a domain such as \"partner.example\"")
			continue
		}
		c.targets = append(c.targets, lookalike.Target{Domain: d, Tier: lookalike.Protected})
	}
	for i, p := range c.Protect.People {
		person := policy.Person{Name: p.Name}
		if strings.TrimSpace(p.Name) == "" {
			k.add(fmt.Sprintf("protect.people[%d].name", i), quote(p.Name), "expected the name as mail clients show it")
		}
		for j, a := range p.Addresses {
			address, err := mail.ParseMailbox(a)
			if err != nil {
				k.add(fmt.Sprintf("protect.people[%d].addresses[%d]", i, j), quote(a), "expected an address such as \"erika@example.com\"")
				continue
			}
			person.Addresses = append(person.Addresses, address)
		}
		c.people = append(c.people, person)
	}
}

func (c *Config) checkDNS(k *checker) {
	for i, s := range c.DNS.Servers {
		if _, err := resolve.ParseServer(s); err != nil {
			k.add(fmt.Sprintf("dns.servers[%d]", i), quote(s), "expected ADDRESS or ADDRESS:PORT such as \"127.0.0.1:53\"")
		}
	}
	if c.DNS.CacheEntries < 1 {
		k.add("dns.cache_entries", strconv.Itoa(c.DNS.CacheEntries), "expected at least 1")
	}
}

func (c *Config) checkPolicy(k *checker) {
	known := policy.DefaultDispositions()
	c.rules = policy.Rules{Dispositions: map[policy.Reason]policy.Disposition{}, DeferAtMost: time.Duration(c.Policy.DeferAtMost)}
	for name, word := range c.Policy.Dispositions {
		key := "policy.dispositions." + name
		if _, ok := known[policy.Reason(name)]; !ok {
			names := reasonNames(known)
			if near, distance := nearest(name, names); distance <= 2 {
				k.add(key, quote(word), "unknown reason: did you mean %s?", near)
			} else {
				k.add(key, quote(word), "unknown reason: expected one of %s", strings.Join(names, ", "))
			}
			continue
		}
		var d policy.Disposition
		if err := d.UnmarshalText([]byte(word)); err != nil {
			k.add(key, quote(word), "expected one of relay, tag, quarantine, reject, defer")
			continue
		}
		c.rules.Dispositions[policy.Reason(name)] = d
	}
	if b := time.Duration(c.Policy.TimeBudget); b > time.Minute {
		k.add("policy.time_budget", b.String(), "expected at most 1m: the client must get its answer in time")
	}
}

func reasonNames(known map[policy.Reason]policy.Disposition) []string {
	var names []string
	for r := range known {
		names = append(names, string(r))
	}
	slices.Sort(names)
	return names
}

func (c *Config) checkExceptions(k *checker) {
	known := policy.DefaultDispositions()
	names := strings.Join(reasonNames(known), ", ")
	for i, x := range c.Exceptions {
		key := fmt.Sprintf("exception[%d]", i)
		e := policy.Exception{Author: strings.ToLower(x.Author), Require: x.Require, Recipient: strings.ToLower(x.Recipient), Owner: x.Owner, Why: x.Why}
		if x.Expires != nil {
			e.Expires = lastMoment(x.Expires).AddDate(0, 0, 1) // to the end of that day
		}
		if x.Author == "" {
			k.add(key+".author", "", "missing: expected the address or domain of the From field that is meant")
		}
		_, addrErr := netip.ParseAddr(x.Require)
		_, rangeErr := netip.ParsePrefix(x.Require)
		if !slices.Contains([]string{"dkim", "spf", "aligned"}, x.Require) && addrErr != nil && rangeErr != nil {
			k.add(key+".require", quote(x.Require), `expected what proves the sender: "dkim", "spf", "aligned", or the origin's address or range`)
		}
		if len(x.Reasons) == 0 {
			k.add(key+".reasons", "", "missing: expected the reasons to lift, of %s", names)
		}
		for j, r := range x.Reasons {
			if _, ok := known[policy.Reason(r)]; !ok {
				k.add(fmt.Sprintf("%s.reasons[%d]", key, j), quote(r), "expected one of %s", names)
			}
			e.Reasons = append(e.Reasons, policy.Reason(r))
		}
		if x.Owner == "" {
			k.add(key+".owner", "", "missing: expected who asked for it, so that somebody can be asked whether it is still needed")
		}
		if x.Why == "" {
			k.add(key+".why", "", "missing: expected the reason for it, for whoever wonders later")
		}
		c.rules.Exceptions = append(c.rules.Exceptions, e)
	}
}

func (c *Config) checkLimits(k *checker) {
	l := c.Limits
	for _, f := range []struct {
		key      string
		value    int64
		min, max int64
	}{
		{"limits.message_octets", l.MessageOctets, 64 << 10, 1 << 30},
		{"limits.memory_octets", l.MemoryOctets, 4 << 10, 64 << 20},
		{"retention.quarantine_octets", c.Retention.QuarantineOctets, 64 << 20, 1 << 50},
		{"limits.recipients", int64(l.Recipients), 100, 10000}, // RFC 5321, Section 4.5.3.1.8
		{"limits.connections", int64(l.Connections), 1, 1 << 20},
		{"limits.connections_per_source", int64(l.ConnectionsPerSource), 1, 1 << 20},
		{"limits.stranger_connections", int64(l.StrangerConnections), 1, 1 << 20},
		{"retention.journal_days", int64(c.Retention.JournalDays), 1, 36500},
		{"retention.quarantine_days", int64(c.Retention.QuarantineDays), 1, 36500},
	} {
		if f.value < f.min || f.value > f.max {
			k.add(f.key, strconv.FormatInt(f.value, 10), "expected a number from %d to %d", f.min, f.max)
		}
	}
}

func quote(s string) string { return strconv.Quote(s) }

// rootCause cuts the path, which the message names already, from a file error.
func rootCause(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return err
		}
		err = inner.Unwrap()
	}
}

// Rules returns the operator's rules.
func (c *Config) Rules() policy.Rules { return c.rules }

// LogLevel returns the level to log at.
func (c *Config) LogLevel() slog.Level {
	level, err := c.Log.level()
	if err != nil {
		return slog.LevelInfo
	}
	return level
}
