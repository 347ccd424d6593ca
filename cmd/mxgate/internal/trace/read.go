package trace

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"mxgate/gateway/config"
	"mxgate/gateway/config/strict"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// text is the configuration as it is written: the form of this room, and what a
// gateway's configuration tells under the same keys.
type text struct {
	Hosts       []string        `toml:"hosts"`
	Networks    []string        `toml:"networks"`
	AuthservIDs []string        `toml:"authserv_ids"`
	Grace       strict.Duration `toml:"grace"`
	Domains     []textDomain    `toml:"domain"`
	Mailboxes   []textMailbox   `toml:"mailbox"`
	Sources     []textSource    `toml:"source"`
	Permitted   []textPermit    `toml:"permitted"`
}

type textDomain struct {
	Name string `toml:"name"`
}

type textMailbox struct {
	Provider string `toml:"provider"`
	Tenant   string `toml:"tenant"`
}

type textSource struct {
	Name       string          `toml:"name"`
	Provider   string          `toml:"provider"`
	Ranges     []string        `toml:"ranges"`
	ReceivedBy []string        `toml:"received_by"`
	Tenant     string          `toml:"tenant"`
	ValidFrom  *toml.LocalDate `toml:"valid_from"`
	ValidUntil *toml.LocalDate `toml:"valid_until"`
}

type textPermit struct {
	Name       string          `toml:"name"`
	Ranges     []string        `toml:"ranges"`
	ValidFrom  *toml.LocalDate `toml:"valid_from"`
	ValidUntil *toml.LocalDate `toml:"valid_until"`
}

// Load reads what is known about our side: a file of this room's form, or the
// configuration of a gateway. Of the latter certificates are not opened: mail is
// looked at on other machines than the gateway's. A *config.Error lists every
// fault; any other error says why the file cannot be read.
func Load(file string) (*Config, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	return Parse(file, content)
}

// Parse is Load for text that is already there; file is named in errors.
func Parse(file string, content []byte) (*Config, error) {
	t := text{Grace: strict.Duration(defaultGrace)}
	var keys strict.File
	var ok bool
	if isGateway(content) {
		keys, ok = readGateway(content, &t)
	} else {
		keys, ok = strict.Decode(content, &t)
	}
	c, faults := new(Config), new(strict.Problems)
	if ok {
		c = t.build(faults)
	}
	if problems := keys.Problems(*faults); len(problems) > 0 {
		return nil, &config.Error{File: file, Problems: problems}
	}
	return c, nil
}

// gatewayText is what a gateway's configuration has beyond text. "peer" is a
// source that delivers its own mail: a partner.
type gatewayText struct {
	Hostname string `toml:"hostname"`
	Sources  []struct {
		textSource
		Origin string `toml:"origin"`
	} `toml:"source"`
	Domains   []textDomain `toml:"domain"`
	Listeners []struct {
		Address string `toml:"address"`
	} `toml:"listener"`
	NextHops []struct {
		Hosts []string `toml:"hosts"`
	} `toml:"next_hop"`
}

// isGateway reports whether content has the key that a gateway cannot do without.
func isGateway(content []byte) bool {
	var doc struct {
		Hostname any `toml:"hostname"`
	}
	return toml.Unmarshal(bytes.TrimPrefix(content, []byte("\ufeff")), &doc) == nil && doc.Hostname != nil
}

// readGateway checks the keys as the gateway does and takes over what it knows:
// domains, sources, its own name and addresses, and the names of the servers
// behind it.
func readGateway(content []byte, t *text) (strict.File, bool) {
	keys, ok := strict.Decode(content, config.Default())
	if !ok || len(keys.Problems(nil)) > 0 {
		return keys, false
	}
	var g gatewayText
	if err := toml.Unmarshal(bytes.TrimPrefix(content, []byte("\ufeff")), &g); err != nil {
		return keys, false // impossible: the types are those that were checked
	}
	t.Domains = g.Domains
	t.Hosts = []string{g.Hostname}
	for _, l := range g.Listeners { // what stands behind the gateway sees it come from there
		if at, err := netip.ParseAddrPort(l.Address); err == nil && !at.Addr().IsUnspecified() && !at.Addr().IsLoopback() {
			t.Networks = append(t.Networks, at.Addr().Unmap().WithZone("").String())
		}
	}
	for _, hop := range g.NextHops {
		for _, host := range hop.Hosts {
			name, _, _ := strings.Cut(host, ":")
			if d, err := mail.ParseDomain(name); err == nil && strings.ContainsAny(name, "abcdefghijklmnopqrstuvwxyz") {
				t.Hosts = append(t.Hosts, string(d))
			}
		}
	}
	for _, s := range g.Sources {
		if s.Origin == string(provider.OriginPeer) {
			t.Permitted = append(t.Permitted, textPermit{s.Name, s.Ranges, s.ValidFrom, s.ValidUntil})
			continue
		}
		t.Sources = append(t.Sources, s.textSource)
	}
	return keys, true
}

// build checks the values.
func (t *text) build(k *strict.Problems) *Config {
	c := &Config{Grace: time.Duration(t.Grace), AuthservID: t.AuthservIDs}
	for i, d := range t.Domains {
		name, err := mail.ParseDomain(d.Name)
		if err != nil || !strings.Contains(string(name), ".") {
			k.Add(fmt.Sprintf("domain[%d].name", i), strconv.Quote(d.Name), `expected a domain of ours such as "example.com"`)
			continue
		}
		c.Domains = append(c.Domains, name)
	}
	if len(t.Domains) == 0 {
		k.Add("domain", "", `missing: expected at least one [[domain]] with the name of a domain of ours`)
	}
	c.Hosts = names(k, "hosts", t.Hosts)
	c.Networks = networks(k, "networks", t.Networks)
	for i, m := range t.Mailboxes {
		key := fmt.Sprintf("mailbox[%d].provider", i)
		if knownProvider(k, key, m.Provider) && m.Provider == "" {
			k.Add(key, "", "missing: expected the service that holds the mailboxes, such as \"microsoft365\"")
		}
		c.Mailboxes = append(c.Mailboxes, Mailbox{Provider: m.Provider, Tenant: m.Tenant})
	}
	for i, s := range t.Sources {
		c.Sources = append(c.Sources, s.build(k, fmt.Sprintf("source[%d]", i)))
	}
	for i, p := range t.Permitted {
		key := fmt.Sprintf("permitted[%d]", i)
		if p.Name == "" {
			k.Add(key+".name", "", "missing: expected who this is, such as \"printers\"")
		}
		if len(p.Ranges) == 0 {
			k.Add(key+".ranges", "", "missing: expected the addresses it delivers from, such as [\"192.0.2.7\"]")
		}
		permit := Permit{Name: p.Name, Period: period(k, key, p.ValidFrom, p.ValidUntil), Ranges: networks(k, key+".ranges", p.Ranges)}
		c.Permitted = append(c.Permitted, permit)
	}
	for i := range c.Sources {
		c.Sources[i].complete(names(k, fmt.Sprintf("source[%d].received_by", i), t.Sources[i].ReceivedBy))
	}
	for i := range c.Mailboxes {
		c.Mailboxes[i].complete()
	}
	return c
}

func (s textSource) build(k *strict.Problems, key string) Source {
	src := Source{Name: s.Name, Provider: s.Provider, Tenant: strings.ToLower(s.Tenant), Period: period(k, key, s.ValidFrom, s.ValidUntil)}
	if s.Name == "" {
		k.Add(key+".name", "", "missing: expected a short name for reports, such as \"our-provider\"")
	}
	if knownProvider(k, key+".provider", s.Provider) && s.Provider == "" && len(s.Ranges) == 0 {
		k.Add(key+".ranges", "", "missing: expected the address ranges this source delivers from, or a provider of the catalogue")
	}
	for _, p := range networks(k, key+".ranges", s.Ranges) {
		src.Ranges = append(src.Ranges, Range{p, "the configuration", true, true})
	}
	return src
}

func knownProvider(k *strict.Problems, key, id string) bool {
	if _, ok := provider.Lookup(id); ok || id == "" {
		return true
	}
	k.Add(key, strconv.Quote(id), "not in the catalogue: %s", strict.Meant(id, provider.IDs()))
	return false
}

// Shortest prefixes of anybody: a wider one is a slip of the pen.
const (
	minBits4 = 8
	minBits6 = 16
)

func networks(k *strict.Problems, key string, texts []string) []netip.Prefix {
	var all []netip.Prefix
	for i, r := range texts {
		p, err := provider.ParseRange(r)
		switch {
		case err != nil:
			k.Add(fmt.Sprintf("%s[%d]", key, i), strconv.Quote(r), "expected a network such as \"192.0.2.0/24\" or \"2001:db8::/32\" without bits behind the prefix, or one address")
		case p.Addr().Is4() && p.Bits() < minBits4 || p.Addr().Is6() && p.Bits() < minBits6:
			k.Add(fmt.Sprintf("%s[%d]", key, i), strconv.Quote(r), "too wide: expected at least /%d, or /%d for IPv6", minBits4, minBits6)
		default:
			all = append(all, p)
		}
	}
	return all
}

// names reads ends of host names; one label will do for servers of ours.
func names(k *strict.Problems, key string, texts []string) []string {
	var all []string
	for i, text := range texts {
		d, err := mail.ParseDomain(strings.TrimPrefix(text, "*."))
		if err != nil {
			k.Add(fmt.Sprintf("%s[%d]", key, i), strconv.Quote(text), "expected a host name or the end of one, such as \"mx.example.com\"")
			continue
		}
		all = append(all, string(d))
	}
	return all
}

func period(k *strict.Problems, key string, from, until *toml.LocalDate) Period {
	var p Period
	if from != nil {
		p.From = from.AsTime(time.UTC)
	}
	if until != nil {
		p.Until = until.AsTime(time.UTC).AddDate(0, 0, 1)
	}
	if from != nil && until != nil && !p.From.Before(p.Until) {
		k.Add(key+".valid_until", until.String(), "is before valid_from, %s", from)
	}
	return p
}
