package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"mxgate/gateway/config/strict"
	"mxgate/gateway/resolve"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// check validates c and fills c.Built. It touches only the files of certificates:
// the network and the data directory are asked when the gateway starts.
func (c *Config) check() strict.Problems {
	k := new(strict.Problems)
	c.checkBasics(k)
	c.checkListen(k)
	c.checkTLS(k)
	c.checkSources(k)
	c.checkDNS(k)
	c.checkNextHops(k)
	c.checkDomains(k)
	c.checkLoops(k)
	c.checkProtect(k)
	c.checkGroups(k)
	c.checkPolicy(k)
	c.checkConversation(k)
	c.checkTrust(k)
	c.checkExceptions(k)
	c.checkForwarders(k)
	c.checkLimits(k)
	return *k
}

func (c *Config) checkBasics(k *strict.Problems) {
	c.checkHostname(k)
	if c.DataDir == "" {
		k.Add("data_dir", `""`, "expected a directory such as \"/var/lib/mxgate\"")
	}
	if c.Mode != Enforce && c.Mode != Observe {
		k.Add("mode", quote(c.Mode), `expected "enforce" or "observe"`)
	}
	if c.Log.Format != "json" && c.Log.Format != "text" {
		k.Add("log.format", quote(c.Log.Format), `expected "json" or "text"`)
	}
	if _, err := c.Log.level(); err != nil {
		k.Add("log.level", quote(c.Log.Level), `expected "debug", "info", "warn" or "error"`)
	}
}

func (c *Config) checkHostname(k *strict.Problems) {
	const example = `such as "gate.example.com"`
	if c.Hostname == "" {
		k.Add("hostname", "", "missing: expected this gateway's full host name, %s", example)
		return
	}
	host, err := mail.ParseDomain(c.Hostname)
	_, notAddress := netip.ParseAddr(strings.Trim(c.Hostname, "[]"))
	switch {
	case notAddress == nil:
		k.Add("hostname", quote(c.Hostname), "expected a full host name %s, not an address", example)
	case strings.ContainsAny(c.Hostname, "_ :/@"):
		k.Add("hostname", quote(c.Hostname), "expected letters, digits and hyphens between dots only, %s", example)
	case err != nil || !strings.Contains(string(host), "."):
		k.Add("hostname", quote(c.Hostname), "expected a full host name %s", example)
	default:
		c.Hostname = string(host)
	}
}

func (l Log) level() (slog.Level, error) {
	var level slog.Level
	err := level.UnmarshalText([]byte(l.Level))
	return level, err
}

func (c *Config) checkDNS(k *strict.Problems) {
	for i, s := range c.DNS.Servers {
		if _, err := resolve.ParseServer(s); err != nil {
			k.Add(fmt.Sprintf("dns.servers[%d]", i), quote(s), "expected ADDRESS or ADDRESS:PORT such as \"127.0.0.1:53\"")
		}
	}
	if c.DNS.CacheEntries < 1 {
		k.Add("dns.cache_entries", strconv.Itoa(c.DNS.CacheEntries), "expected at least 1")
	}
}

// TrustAD reports whether the AD bit of an answer is believed: because the
// operator says so, or because every configured resolver is on this machine. It
// is not known of the system's resolvers. RFC 7672, Section 2.2.
func (c *Config) TrustAD() bool {
	remote := func(server string) bool {
		addr, err := resolve.ParseServer(server)
		return err != nil || !addr.Addr().IsLoopback()
	}
	return c.DNS.TrustAD || len(c.DNS.Servers) > 0 && !slices.ContainsFunc(c.DNS.Servers, remote)
}

func (c *Config) checkPolicy(k *strict.Problems) {
	known := policy.DefaultDispositions()
	c.Rules = policy.Rules{Dispositions: map[policy.Reason]policy.Disposition{}, DeferAtMost: time.Duration(c.Policy.DeferAtMost)}
	for name, word := range c.Policy.Dispositions {
		key := "policy.dispositions." + name
		if _, ok := known[policy.Reason(name)]; !ok {
			k.Add(key, quote(word), "unknown reason: %s", strict.Meant(name, reasonNames(known)))
			continue
		}
		var d policy.Disposition
		if err := d.UnmarshalText([]byte(word)); err != nil {
			k.Add(key, quote(word), "expected one of relay, tag, quarantine, reject, defer")
			continue
		}
		c.Rules.Dispositions[policy.Reason(name)] = d
	}
	if b := time.Duration(c.Policy.TimeBudget); b > time.Minute {
		k.Add("policy.time_budget", b.String(), "expected at most 1m: the client must get its answer in time")
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

func (c *Config) checkLimits(k *strict.Problems) {
	l := c.Limits
	for _, f := range []struct {
		key      string
		value    int64
		min, max int64
	}{
		{"limits.message_octets", l.MessageOctets, 64 << 10, 1 << 30},
		{"limits.memory_octets", l.MemoryOctets, 4 << 10, 64 << 20},
		{"limits.memory_octets_total", l.MemoryOctetsTotal, 1 << 20, 4 << 30},
		{"retention.quarantine_octets", c.Retention.QuarantineOctets, 64 << 20, 1 << 50},
		{"limits.recipients", int64(l.Recipients), 100, 10000}, // RFC 5321, Section 4.5.3.1.8
		{"limits.connections", int64(l.Connections), 1, 1 << 20},
		{"limits.connections_per_source", int64(l.ConnectionsPerSource), 1, 1 << 20},
		{"limits.messages_per_sender", int64(l.MessagesPerSender), 0, maxPerMinute},
		{"limits.stranger_connections", int64(l.StrangerConnections), 1, 1 << 20},
		{"memory.message_ids", int64(c.Memory.MessageIDs), 10_000, 50_000_000},
		{"memory.conversation_days", int64(c.Memory.ConversationDays), 7, 3650},
		{"memory.contact_days", int64(c.Memory.ContactDays), 30, 3650},
		{"retention.journal_days", int64(c.Retention.JournalDays), 1, 36500},
		{"retention.quarantine_days", int64(c.Retention.QuarantineDays), 1, 36500},
	} {
		if f.value < f.min || f.value > f.max {
			k.Add(f.key, strconv.FormatInt(f.value, 10), "expected a number from %d to %d", f.min, f.max)
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

// LogLevel returns the level to log at.
func (c *Config) LogLevel() slog.Level {
	level, err := c.Log.level()
	if err != nil {
		return slog.LevelInfo
	}
	return level
}
