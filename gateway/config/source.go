package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"mxgate/gateway/config/strict"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/provider/ranges"
)

// maxPerMinute bounds limits on what may come in a minute: more is no limit.
const maxPerMinute = 1_000_000

// Grant is what a source may do besides delivering.
type Grant struct {
	Xclient              bool // it may say with XCLIENT or XFORWARD who its client is
	ConnectionsPerMinute int  // 0: no limit
	// NearMiss are the names under which hosts of this source have their
	// forward-confirmed reverse name: a stranger there is most likely the
	// source on a new address. SMTP-DUTIES A3.
	NearMiss []mail.Domain
}

func (c *Config) checkSources(k *strict.Problems) {
	if len(c.Sources) == 0 {
		k.Add("source", "", "missing: expected at least one [[source]] with name and ranges; without one nobody may deliver")
		return
	}
	var sources []provider.Source
	c.Grants, c.AuthservIDs = map[string]Grant{}, map[string][]string{}
	for i, s := range c.Sources {
		key, before := fmt.Sprintf("source[%d]", i), len(*k)
		source, grant := s.build(k, key), s.grant(k, key)
		source.Published, source.Bind = s.published(k, key), s.bindings(k, key, c.TLS.ClientCAFile != "")
		c.checkAuthservIDs(k, key, s.AuthservIDs)
		if len(*k) > before {
			continue
		}
		// One more each time, so that an overlap has the line of the later source.
		set, err := provider.NewSet(append(sources, source))
		if err != nil {
			k.Add(key, "", "%s", expectation(err))
			continue
		}
		sources, c.SourceSet = append(sources, source), set
		c.Grants[s.Name] = grant
		if s.AuthservIDs != nil {
			c.AuthservIDs[s.Name] = s.AuthservIDs
		}
	}
}

func (s Source) build(k *strict.Problems, key string) provider.Source {
	src := provider.Source{Name: s.Name, Provider: s.Provider, ValidFrom: midnight(s.ValidFrom), ValidUntil: midnight(s.ValidUntil),
		Origin: provider.OriginTrace, Tenant: s.Tenant}
	if s.Name == "" {
		k.Add(key+".name", "", "missing: expected a short name for reports, such as \"our-provider\"")
	}
	entry, ok := provider.Lookup(s.Provider)
	if s.Provider != "" && !ok {
		k.Add(key+".provider", quote(s.Provider), "not in the catalogue (for another provider leave the key out and set received_by): %s", strict.Meant(s.Provider, provider.IDs()))
	}
	switch s.Origin {
	case "", "trace":
	case "peer":
		src.Origin = provider.OriginPeer
	default:
		k.Add(key+".origin", quote(s.Origin), `expected "trace" (the sender handed the mail to the provider) or "peer" (the client is the sender)`)
	}
	if len(s.Ranges) == 0 {
		k.Add(key+".ranges", "", "missing: expected the address ranges this source delivers from, such as [\"192.0.2.0/24\"]; the catalogue's are never used by themselves")
	}
	for i, r := range s.Ranges {
		p, err := provider.ParseRange(r)
		if err != nil {
			k.Add(fmt.Sprintf("%s.ranges[%d]", key, i), quote(r), "%s", rangeFault(r, err))
			continue
		}
		src.Ranges = append(src.Ranges, p)
	}
	for i, r := range s.ReceivedBy {
		d, err := mail.ParseDomain(r)
		if err != nil || !strings.Contains(string(d), ".") {
			k.Add(fmt.Sprintf("%s.received_by[%d]", key, i), quote(r), "expected a host name or the end of one, without a star, such as \"mx.provider.example\"")
			continue
		}
		src.ReceivedBy = append(src.ReceivedBy, string(d))
	}
	known := len(s.ReceivedBy) + len(entry.ReceivedBySuffixes)
	if src.Origin == provider.OriginTrace && known == 0 && (s.Provider == "" || ok) {
		k.Add(key+".received_by", "", "missing: without it nobody's Received line is believed, and the origin of this source's mail is never known; "+
			`expected provider (an id of the catalogue), received_by = ["mx.provider.example"], or origin = "peer" if the client is the sender itself`)
	}
	return src
}

// published reads where the provider publishes its ranges.
func (s Source) published(k *strict.Problems, key string) []ranges.Place {
	var places []ranges.Place
	for i, text := range s.Published {
		place, err := ranges.ParsePlace(text)
		if err != nil {
			k.Add(fmt.Sprintf("%s.published[%d]", key, i), quote(text), "%s", strings.TrimPrefix(expectation(err), fmt.Sprintf("%.80q: ", text)))
		}
		places = append(places, place)
	}
	return places
}

// grant checks what s may do besides delivering.
func (s Source) grant(k *strict.Problems, key string) Grant {
	g := Grant{Xclient: s.Xclient, ConnectionsPerMinute: s.ConnectionsPerMinute}
	if n := s.ConnectionsPerMinute; n < 0 || n > maxPerMinute {
		k.Add(key+".connections_per_minute", strconv.Itoa(n), "expected a number from 1 to %d, or 0 for no limit", maxPerMinute)
	}
	g.NearMiss = domains(k, key+".near_miss", s.NearMiss, "expected the end of the names that the provider's hosts have, without a star, such as \"mx.provider.example\"")
	if entry, ok := provider.Lookup(s.Provider); ok && s.NearMiss == nil {
		for _, suffix := range nearMissNames(entry) {
			g.NearMiss = append(g.NearMiss, mail.Domain(suffix))
		}
	}
	return g
}

// checkAuthservIDs wants names as they stand in the field. They need not be domain
// names: RFC 8601, Section 2.5.
func (c *Config) checkAuthservIDs(k *strict.Problems, key string, ids []string) {
	for i, id := range ids {
		at := fmt.Sprintf("%s.authserv_ids[%d]", key, i)
		switch {
		case strings.EqualFold(id, c.Hostname) && id != "":
			k.Add(at, quote(id), "is our own name, which nobody else may state results under")
		case strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`;"()<>`, r) }):
			k.Add(at, quote(id), `expected the first word of the provider's Authentication-Results, such as "mx.provider.example"; "" if it states none`)
		}
	}
}

// nearMissNames are the names of the hosts that deliver for a provider; where
// the catalogue does not know them, those of its hosts that take mail.
func nearMissNames(e provider.Entry) []string {
	if len(e.EgressSuffixes) > 0 {
		return e.EgressSuffixes
	}
	return e.ReceivedBySuffixes
}

// NearMiss returns the source that a host most likely is whose forward-confirmed
// reverse name is host: the first in the file with a name that host lies under,
// unless it is not admitted now at all. SMTP-DUTIES A3.
func (c *Config) NearMiss(host mail.Domain, now time.Time) (source string, near bool) {
	for _, s := range c.SourceSet.All() {
		for _, name := range c.Grants[s.Name].NearMiss {
			if (host == name || strings.HasSuffix(string(host), "."+string(name))) && !s.Expired(now) && !s.NotYet(now) {
				return s.Name, true
			}
		}
	}
	return "", false
}

// rangeFault is what provider.ParseRange expected in place of text.
func rangeFault(text string, err error) string {
	return strings.TrimPrefix(expectation(err), fmt.Sprintf("%.80q: ", text))
}

// expectation is what a sources error says to people: the part behind the
// sentinel, which the key before it already names.
func expectation(err error) string {
	text := err.Error()
	for _, sentinel := range []error{provider.ErrBadRange, provider.ErrBadSource, provider.ErrOverlap, ranges.ErrBadPlace} {
		if errors.Is(err, sentinel) {
			text = strings.TrimPrefix(text, sentinel.Error()+": ")
		}
	}
	return text
}

// midnight is when the day d begins, in UTC; zero if there is none.
func midnight(d *toml.LocalDate) time.Time {
	if d == nil {
		return time.Time{}
	}
	return d.AsTime(time.UTC)
}
