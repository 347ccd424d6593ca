package gateway

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"mxgate/gateway/config"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
)

// top is what stands above the provider's Received fields in a stored message.
type top struct {
	x    *Explainer
	m    *mail.Message
	hops []received.Hop // newest first
	site mail.Domain    // without a configuration: the domain of the newest host
}

// handedIn finds out how m was handed to us before it went on to where it was stored:
// to this gateway, or to a mail server of ours. Without such a hand-over h is nil: the
// file is as the provider handed it over, or hint says what may help.
//
// The field of a server of ours is believed where it must have been written: all that
// stands above it has to come from hosts of ours, which say that they have the message
// from a machine of ours; and itself it has to show a client of a source. An attacker
// who goes past the provider writes fields as ours and the provider's, too, but the
// server that takes his mail shows his address; and below a host of the provider stands
// what came with the message.
func (x *Explainer) handedIn(m *mail.Message) (h *handing, hint string) {
	t := top{x: x, m: m, hops: received.Hops(m)}
	if len(t.hops) == 0 {
		return nil, "the file has no Received field: say with -client ADDRESS who handed the mail to the provider"
	}
	if name := x.providerOf(t.hops[0].By); name != "" {
		if x.source.Name == "" {
			return nil, fmt.Sprintf("the newest Received field is of a host of source %q: -source %s has the mail judged as it came from there", name, name)
		}
		return nil, ""
	}
	t.site = t.newestHost()
	return t.border()
}

// asHanded reports whether m stands in its file as a provider handed it over: then
// live mail was judged by the same.
func (x *Explainer) asHanded(m *mail.Message) bool {
	hops := received.Hops(m)
	return len(hops) > 0 && x.providerOf(hops[0].By) != ""
}

// border goes from the newest field to the one at which a source handed m to us.
func (t *top) border() (h *handing, hint string) {
	for i := range t.hops {
		hop := &t.hops[i]
		if found, ok := t.ofGateway(i); ok {
			if found.source.Name == "" {
				return nil, t.hint(i+1, "it shows "+found.Client.String()+" for the client, which is in no [[source]]; -client ADDRESS says who handed the mail to the provider")
			}
			return found, ""
		}
		by := cmp.Or(string(hostNamed(hop.By)), "a host that cannot be told")
		switch source := t.x.providerOf(hop.By); {
		case source != "":
			return nil, t.hint(i, fmt.Sprintf("above it stands one of %s, a host of source %q, and what is below that came with the message: take the lines above that one out of the file%s", by, source, sayClient))
		case hop.Kind == received.Garbage || hop.By != "" && !t.ours(hop.By):
			return nil, t.hint(i, fmt.Sprintf("above it stands one of %s, which is not known to be a host of yours. If it is, take the lines above the field of %s out of the file%s", by, t.x.gateway(), sayClient))
		case t.again(i):
			continue
		}
		if src, ok := t.sourceOf(i); ok {
			return t.read(i, src), ""
		}
		if !t.fromOurs(i) {
			return nil, t.hint(i, fmt.Sprintf("above it %s shows %s for the client, and nothing shows that this is a host of yours. If it is, take the lines above the field of %s out of the file%s", by, clientOf(hop), t.x.gateway(), sayClient))
		}
	}
	return nil, t.hint(len(t.hops), "")
}

const sayClient = "; -client ADDRESS says who handed the mail to the provider"

// hint is what may help where the walk ended at hop i. Of a field of the gateway
// further down, why says why it is not gone by.
func (t *top) hint(i int, why string) string {
	if j := slices.IndexFunc(t.hops, func(h received.Hop) bool { _, ok := readOurReceived(t.m.Fields[h.Field]); return ok }); j >= 0 && t.x.q.Config == nil {
		ours, _ := readOurReceived(t.m.Fields[t.hops[j].Field])
		return "a gateway has written a Received field into the mail, " + ours.To + ": with its -config FILE the mail is judged as it was handed to it"
	}
	for j := range t.hops {
		if _, ok := t.ofGateway(j); ok && j+1 >= i && why != "" {
			return "the Received field of " + t.x.gateway() + " is not gone by: " + why
		}
	}
	return t.toDo(i)
}

// toDo is hint for mail that shows no gateway.
func (t *top) toDo(i int) string {
	const takeOut = "take the lines above the provider's newest Received out of the file, or say with -client ADDRESS who handed the mail to the provider"
	cfg, newest := t.x.q.Config, cmp.Or(string(hostNamed(t.hops[0].By)), "a host that cannot be told")
	if cfg == nil && t.x.source.Name == "" {
		return "name the provider that the mail came through with -source NAME, or say with -client ADDRESS who handed it to the provider; with -config FILE your own servers and sources are known"
	}
	if i == len(t.hops) {
		return "no Received field is the provider's, if those down to #" + fmt.Sprint(i) + " are of your own servers: say with -client ADDRESS who handed the mail to the provider"
	}
	hop := &t.hops[i]
	by := cmp.Or(string(hostNamed(hop.By)), "a host that cannot be told")
	switch {
	case t.x.providerOf(hop.By) != "" && cfg != nil:
		above := &t.hops[i-1]
		return fmt.Sprintf("the newest Received field is of %s, a host of yours, and none is of %s: %s. Or is %s, which %s shows for the client, the provider's? Then it belongs in `ranges` of its [[source]]",
			newest, cfg.Hostname, takeOut, clientOf(above), cmp.Or(string(hostNamed(above.By)), "the one above"))
	case t.x.providerOf(hop.By) != "":
		return fmt.Sprintf("above the provider's newest Received stands one that shows %s for the client, which may be anybody: %s; with -config FILE the `ranges` of its [[source]] count", clientOf(&t.hops[i-1]), takeOut)
	case hop.Kind == received.Garbage || hop.By != "" && !t.ours(hop.By):
		return fmt.Sprintf("Received #%d is of %s, which is not known to be a host of yours: if it is, %s; with -config FILE hosts below a [[domain]], beside `hostname` and in a next_hop are known", i+1, by, takeOut)
	}
	where := "`ranges` of its [[source]] in -config FILE"
	if cfg != nil {
		where = "`ranges` of its [[source]] in " + cfg.File
	}
	return fmt.Sprintf("Received #%d of %s shows %s for the client, which is not known to be the provider's: if it is, it belongs in %s; if not, the mail came past the provider. -client ADDRESS says who handed it to the provider", i+1, by, clientOf(hop), where)
}

// gateway is the name of this one.
func (x *Explainer) gateway() string {
	if x.q.Config == nil {
		return "the gateway"
	}
	return x.q.Config.Hostname
}

// ofGateway reads hop i if this gateway has written it; source is zero if the client is
// in none.
func (t *top) ofGateway(i int) (*handing, bool) {
	cfg := t.x.q.Config
	found, ok := readOurReceived(t.m.Fields[t.hops[i].Field])
	if !ok || cfg == nil || !strings.EqualFold(found.To, cfg.Hostname) {
		return nil, false
	}
	found.source, _ = cfg.SourceSet.Match(found.Client)
	found.gateway = true
	t.fill(&found, i)
	return &found, true
}

// read makes a handing of hop i, at which src handed the message to a server of ours.
func (t *top) read(i int, src provider.Source) *handing {
	hop := &t.hops[i]
	h := &handing{source: src, gateway: hop.Program == "mxgate",
		Handed: Handed{To: string(hostNamed(hop.By)), Client: hop.IP, Helo: hop.Helo, At: hop.Time},
		client: mail.Client{Addr: hop.IP, Helo: hop.Helo, TLS: hop.TLS, Extended: strings.HasPrefix(hop.Proto, "ESMTP")}}
	if h.At.IsZero() {
		h.At = whenReceived(t.m)
	}
	if name, err := mail.ParseDomain(received.VerifiedName(t.m, hop)); err == nil {
		h.client.Name = name
	}
	t.fill(h, i)
	return h
}

func (t *top) fill(h *handing, i int) {
	h.field = t.hops[i].Field
	for _, f := range t.m.Fields[:h.field] {
		if f.Name != "" && !strings.HasPrefix(f.Name, privatePrefix) {
			h.LeftOut++
		}
	}
}

// sourceOf is the source whose client hop i shows: by its address or, where its ranges
// are not complete, by the name that the writer has verified. Whose name that is nobody
// but the provider chooses.
func (t *top) sourceOf(i int) (provider.Source, bool) {
	hop := &t.hops[i]
	if !hop.IP.IsValid() {
		return provider.Source{}, false
	}
	sources := []provider.Source{t.x.source}
	if cfg := t.x.q.Config; cfg != nil && t.x.q.Source == "" {
		if src, ok := cfg.SourceSet.Match(hop.IP); ok {
			return src, true
		}
		sources = cfg.SourceSet.All()
	}
	name := hostNamed(received.VerifiedName(t.m, hop))
	for _, src := range sources {
		entry, _ := provider.Lookup(src.Provider)
		ranges := src.Ranges
		if len(ranges) == 0 {
			for k := range entry.Ranges {
				ranges = append(ranges, entry.Ranges[k].List...)
			}
		}
		delivers := func(suffix string) bool { return name != "" && name.Within(mail.Domain(suffix)) }
		if slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(hop.IP) }) ||
			slices.ContainsFunc(entry.EgressSuffixes, delivers) || slices.ContainsFunc(src.ReceivedBy, delivers) {
			return src, true
		}
	}
	return provider.Source{}, false
}

// again reports whether the message came to us before hop i, though that shows a client
// of a source: a server behind the one that took it was told of the client (XCLIENT), or
// has it from a filter on an address inside that the source has, too.
func (t *top) again(i int) bool {
	if i+1 == len(t.hops) {
		return false
	}
	ip, next := t.hops[i].IP, &t.hops[i+1]
	_, known := t.sourceOf(i)
	if cfg := t.x.q.Config; !known && cfg != nil { // of another one than -source says
		_, known = cfg.SourceSet.Match(ip)
	}
	return known && t.x.providerOf(next.By) == "" && next.By != "" && t.ours(next.By) && (inside(ip) || next.IP == ip)
}

// fromOurs reports whether a server of ours has the message of hop i from a machine of
// ours.
func (t *top) fromOurs(i int) bool {
	h := &t.hops[i]
	switch {
	case !h.IP.IsValid():
		return h.Kind == received.Internal || h.Kind == received.Local
	case inside(h.IP):
		return true
	}
	name := hostNamed(received.VerifiedName(t.m, h))
	switch cfg := t.x.q.Config; {
	case name == "":
		return false
	case cfg == nil:
		return t.site != "" && name.Within(t.site)
	default:
		return name.Within(mail.Domain(cfg.Hostname)) || slices.ContainsFunc(cfg.Own, name.Within)
	}
}

// inside reports whether ip is of no host on the Internet.
func inside(ip netip.Addr) bool {
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || carrierGrade.Contains(ip)
}

// carrierGrade is shared by the customers of one access provider. RFC 6598.
var carrierGrade = netip.MustParsePrefix("100.64.0.0/10")

func clientOf(h *received.Hop) string {
	if h.IP.IsValid() {
		return h.IP.String()
	}
	return "no address"
}

// ours reports whether by is a host of the site, or can be one of nobody else. Without
// a configuration the newest field tells: a server of the site wrote it, as the file
// comes from a mailbox.
func (t *top) ours(by string) bool {
	if nowhere(by) {
		return true
	}
	if cfg := t.x.q.Config; cfg != nil {
		return ourHost(cfg, by)
	}
	return t.site != "" && hostNamed(by).Within(t.site)
}

// newestHost is the organizational domain of the host that wrote the newest field which
// names one, "" if that is of no public domain.
func (t *top) newestHost() mail.Domain {
	for i := range t.hops {
		if host := hostNamed(t.hops[i].By); host != "" && !nowhere(string(host)) {
			return lookalike.Registrable(host)
		} else if host != "" {
			break
		}
	}
	return ""
}

// providerOf is the name of the source whose host wrote as by, "" if none did.
func (x *Explainer) providerOf(by string) string {
	sources := []provider.Source{x.source}
	if x.q.Config != nil {
		sources = append(x.q.Config.SourceSet.All(), x.source)
	}
	for _, src := range sources {
		entry, _ := provider.Lookup(src.Provider)
		b := received.Boundary{Ingress: entry.Ingress, Inner: entry.Inner, ReceivedBy: src.ReceivedBy}
		if len(b.ReceivedBy) == 0 {
			b.ReceivedBy = entry.ReceivedBySuffixes
		}
		if b.Believes(by) {
			return src.Name
		}
	}
	return ""
}

// hostNamed is a host as Received fields name it, "" if it is none.
func hostNamed(by string) mail.Domain {
	d, err := mail.ParseDomain(strings.TrimSuffix(by, "."))
	if err != nil {
		return ""
	}
	return d
}

// ourHost reports whether by is a host of the site: below one of its domains or
// beside the gateway, or a mail server that it delivers to.
func ourHost(c *config.Config, by string) bool {
	host := hostNamed(by)
	_, beside, _ := strings.Cut(c.Hostname, ".")
	switch {
	case host == "":
		return false
	case slices.ContainsFunc(c.Own, host.Within), host == mail.Domain(c.Hostname):
		return true
	case lookalike.Registrable(mail.Domain(beside)) != "" && host.Within(mail.Domain(beside)):
		return true
	}
	for _, route := range c.Used {
		for _, target := range route.Hosts {
			if name, _, _ := strings.Cut(target, ":"); hostNamed(name) == host {
				return true
			}
		}
	}
	return false
}

// nowhere reports whether by is a name that nobody can have in public DNS, as
// servers inside a site have: "EX01", "store.corp.local".
func nowhere(by string) bool {
	host := hostNamed(by)
	suffix, listed := publicsuffix.PublicSuffix(string(host))
	return host != "" && !listed && !strings.Contains(suffix, ".")
}
