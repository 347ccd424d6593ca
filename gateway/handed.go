package gateway

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"mxgate/gateway/config"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
)

// maxOurReceived is more than receivedField writes.
const maxOurReceived = 4 << 10

// ourReceived is what receivedField writes, every run of white space being one
// space: servers behind us may fold it anew.
var ourReceived = regexp.MustCompile(strings.ReplaceAll(`^from (HOST) \((HOST) \[(?:IPv6:)?([0-9a-f.:]+)\]\) by (HOST) \(mxgate\)`+
	` with (UTF8SMTP|UTF8SMTPS|SMTP|ESMTP|ESMTPS)(?: tls HOST)? id [0-9a-v]{20}(?: for <.+>)?; (\w{3}, \d{1,2} \w{3} \d{4} [0-9:]{8} [+-]\d{4})$`, "HOST", `[A-Za-z0-9._:?\[\]-]+`))

// Handed says how a message that had passed this gateway was handed to it: as such
// it was judged. Its names are a contract.
//
// It is read from the Received field that the gateway wrote. A file from elsewhere
// may hold one that somebody else made up.
type Handed struct {
	To      string     `json:"to"` // our hostname
	Client  netip.Addr `json:"client"`
	Helo    string     `json:"helo"`
	At      time.Time  `json:"at"`
	LeftOut int        `json:"left_out"` // fields that later servers put in front
}

// handing is a Received field of a gateway, read.
type handing struct {
	Handed
	client mail.Client
	field  int // index into Message.Fields
}

// readOurReceived reads a Received field that receivedField has written, whichever
// gateway that was.
func readOurReceived(f mail.Field) (h handing, ok bool) {
	if !f.Is("Received") || len(f.Raw) > maxOurReceived {
		return h, false
	}
	part := ourReceived.FindStringSubmatch(strings.Join(strings.Fields(f.Value()), " "))
	if part == nil {
		return h, false
	}
	addr, err := netip.ParseAddr(part[3])
	at, err2 := time.Parse("Mon, 2 Jan 2006 15:04:05 -0700", part[6])
	if err != nil || err2 != nil || hostNamed(part[4]) == "" {
		return h, false
	}
	h.Handed = Handed{To: part[4], Client: addr, Helo: part[1], At: at}
	h.client = mail.Client{Addr: addr, Helo: part[1], Extended: part[5] != "SMTP", TLS: strings.HasSuffix(part[5], "S")}
	if name, err := mail.ParseDomain(part[2]); err == nil && part[2] != "unknown" {
		h.client.Name = name
	}
	return h, true
}

// handedIn finds out how m was handed to this gateway before it went on to where it
// was stored. Without such a hand-over h is nil, and hint says what may help if the
// origin of m stays unknown.
//
// Our field is believed where it must have been written: all that stands above it
// has to come from hosts behind us, which say that they have the message from us or
// from each other. An attacker who goes past us writes a field as ours, too, but the
// server that takes his mail shows his address; and below a host of the provider
// stands what came with the message.
func (x *Explainer) handedIn(m *mail.Message) (h *handing, hint string) {
	hops := received.Hops(m)
	if len(hops) == 0 {
		return nil, ""
	}
	cfg := x.q.Config
	for i := range hops {
		found, ok := readOurReceived(m.Fields[hops[i].Field])
		if !ok || cfg != nil && !strings.EqualFold(found.To, cfg.Hostname) {
			continue
		}
		if cfg == nil {
			return nil, "a gateway has written a Received field into the mail, " + found.To + ": with its -config FILE the mail is judged as it was handed to it"
		}
		if why := x.disbelieved(&found, hops[:i]); why != "" {
			return nil, x.unlessProvider(&hops[0], "the Received field of "+cfg.Hostname+" is not gone by: "+why)
		}
		found.field = hops[i].Field
		for _, f := range m.Fields[:found.field] {
			if f.Name != "" && !strings.HasPrefix(f.Name, privatePrefix) {
				found.LeftOut++
			}
		}
		return &found, ""
	}
	if cfg == nil || !ourHost(cfg, hops[0].By) {
		return nil, ""
	}
	return nil, x.unlessProvider(&hops[0], "the newest Received field is of "+string(hostNamed(hops[0].By))+", a host of yours, and none is of "+cfg.Hostname+
		": take the lines above the provider's newest Received out of the file, or say with -client ADDRESS who handed the mail to the provider")
}

// unlessProvider is hint, unless the newest hop is a provider's: then the file is as
// the provider handed it over, and needs none.
func (x *Explainer) unlessProvider(newest *received.Hop, hint string) string {
	if x.providerOf(newest.By) != "" {
		return ""
	}
	return hint
}

// disbelieved says why a field of ours, below the hops above, is not believed; "" if
// it is.
func (x *Explainer) disbelieved(found *handing, above []received.Hop) string {
	const client = "; -client ADDRESS says who handed the mail to the provider"
	if _, ok := x.q.Config.SourceSet.Match(found.Client); !ok {
		return "it shows " + found.Client.String() + " for the client, which is in no [[source]]" + client
	}
	for i := range above {
		h := &above[i]
		by := string(hostNamed(h.By))
		switch source := x.providerOf(h.By); {
		case source != "":
			return fmt.Sprintf("above it stands one of %s, a host of source %q, and what is below that came with the message: take the lines above that one out of the file%s", by, source, client)
		case h.Kind == received.Garbage || h.By != "" && !ourHost(x.q.Config, h.By) && !nowhere(h.By):
			return fmt.Sprintf("above it stands one of %s, which is not known to be a host of yours. If it is, take the lines above the field of %s out of the file%s",
				cmp.Or(by, "a host that cannot be told"), found.To, client)
		case !x.fromOurs(h, found, i == len(above)-1):
			return fmt.Sprintf("above it %s shows %s for the client, and nothing shows that this is a host of yours. If it is, take the lines above the field of %s out of the file%s",
				cmp.Or(by, "one"), clientOf(h), found.To, client)
		}
	}
	return ""
}

// fromOurs reports whether a server behind us has the message from a machine of
// ours. One that we tell of the client (XCLIENT) may write that address for ours.
func (x *Explainer) fromOurs(h *received.Hop, ours *handing, next bool) bool {
	ip := h.IP
	switch {
	case !ip.IsValid():
		return h.Kind == received.Internal || h.Kind == received.Local
	case ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast(), next && ip == ours.Client.Unmap():
		return true
	case slices.Contains(h.Defects, received.DefectForgedName):
		return false
	}
	name := hostNamed(h.RDNS)
	return name != "" && (name.Within(mail.Domain(x.q.Config.Hostname)) || slices.ContainsFunc(x.q.Config.Own, name.Within))
}

func clientOf(h *received.Hop) string {
	if h.IP.IsValid() {
		return h.IP.String()
	}
	return "no address"
}

// providerOf is the name of the source whose host wrote as by, "" if none did.
func (x *Explainer) providerOf(by string) string {
	for _, src := range append(x.q.Config.SourceSet.All(), x.source) {
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

// asReceived is the message as it came to us: without our block, and all above it.
func (h *handing) asReceived(m *mail.Message, content []byte) (*mail.Message, error) {
	ours := stripping{authservID: h.To}
	cut := 0
	for i, f := range m.Fields {
		if i > h.field && !ours.strips(f) {
			break
		}
		cut += len(f.Raw)
	}
	content = content[cut:]
	return mail.ParseMessage(bytes.NewReader(content), int64(len(content)))
}
