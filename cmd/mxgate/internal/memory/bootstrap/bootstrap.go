// Package bootstrap teaches a memory from stored mail what it would have learned
// had it been there when the mail came.
//
// Each message is read by package policy as live mail is, without DNS: keys and
// records of today say nothing on mail of old. What proved an author then is known
// only where the provider noted it, above the border at which it took the message
// (policy.ViaField): such mail teaches who writes. Other mail teaches which
// conversations there are, and nothing on who writes, unless the administrator
// vouches for it. Mail of one's own domains is believed only in an archive that the
// administrator calls sent mail: in any other it may be forged.
//
// Authentication-Results of our own gateway are not read: what came through it has
// taught the memory already, and in older mail anybody may have written them.
package bootstrap

import (
	"bytes"
	"context"
	"fmt"
	netmail "net/mail"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
)

// Bounds of one message and one archive.
const (
	maxRecipients = 100
	maxSources    = 16      // held against a message
	maxAuthors    = 500_000 // domains counted
	maxAhead      = 24 * time.Hour
)

// Config says whose archive it is and what the administrator says of it.
type Config struct {
	Own         []mail.Domain
	Sources     []provider.Source   // over ones, too: they wrote on the mail of their time
	AuthservIDs map[string][]string // by the name of a source, as in policy.Collector
	Sent        bool                // the archive is mail that we sent
	Vouch       bool                // the archive holds genuine mail only
	Now         time.Time
	Learn       func(policy.Observation)
}

// tells are the fields of which a mail has one: a log has lines with colons, too.
var tells = []string{"From", "Date", "Received", "Message-ID", "Return-Path", "To", "Subject"}

// Counts says what became of the messages.
type Counts struct {
	Messages  int `json:"messages"`
	Proven    int `json:"proven"`   // learned from: the provider noted that DMARC passed
	Vouched   int `json:"vouched"`  // learned from: the administrator's word
	Unproven  int `json:"unproven"` // learned from: conversations only
	Sent      int `json:"sent"`     // learned from: ours
	Ours      int `json:"ours"`     // left out: from our domains, and the archive is not called sent mail
	NotOurs   int `json:"not_ours"` // left out: from elsewhere in an archive of sent mail
	Dateless  int `json:"dateless"` // left out: no day, or one to come
	Ambiguous int `json:"ambiguous"`
	Unread    int `json:"unread"` // left out: no header of a mail
}

// Learned is how many messages taught something.
func (c *Counts) Learned() int { return c.Proven + c.Vouched + c.Unproven + c.Sent }

// Archive reads messages. It is used by one goroutine.
type Archive struct {
	Counts
	// Taught are the domains that the archive has vouched for: that wrote proven
	// mail, or that we wrote to. Unproven are other domains that wrote.
	Taught, Unproven map[mail.Domain]int
	// Doubts says why the authors of the unproven were not believed.
	Doubts map[Doubt]int

	config    Config
	collector policy.Collector
}

// New prepares to read.
func New(c Config) *Archive {
	return &Archive{
		Taught: map[mail.Domain]int{}, Unproven: map[mail.Domain]int{}, Doubts: map[Doubt]int{}, config: c,
		collector: policy.Collector{Resolver: silent{}, Own: c.Own, Lookalike: lookalike.NewIndex(nil), Memory: empty{}, AuthservIDs: c.AuthservIDs},
	}
}

// Message reads one message and teaches what it says. The error is that of ctx.
func (a *Archive) Message(ctx context.Context, content []byte) error {
	a.Messages++
	m, err := mail.ParseMessage(bytes.NewReader(content), int64(len(content)))
	if err != nil || !slices.ContainsFunc(tells, func(name string) bool { return len(m.Named(name)) > 0 }) {
		a.Unread++
		return ctx.Err()
	}
	at := when(m)
	if at.IsZero() || at.After(a.config.Now.Add(maxAhead)) {
		a.Dateless++
		return ctx.Err()
	}
	e, doubt, err := a.examine(ctx, m, at)
	if err != nil {
		a.Unread++
		return ctx.Err()
	}
	o, ok := policy.Observe(e, policy.Verdict{Disposition: policy.Relay})
	if !ok {
		a.Ambiguous++
		return ctx.Err()
	}
	ours, proven := e.OwnDomain != "", doubt == believed
	o.Outbound = ours && a.config.Sent
	o.Aligned = o.Outbound || !ours && (proven || a.config.Vouch)
	switch {
	case ours && !a.config.Sent:
		a.Ours++
		return ctx.Err()
	case !ours && a.config.Sent:
		a.NotOurs++
		return ctx.Err()
	case ours:
		a.Sent++
	case proven:
		a.Proven++
	case o.Aligned:
		a.Vouched++
	default:
		a.Counts.Unproven++
		a.Doubts[doubt]++
	}
	a.count(&o)
	a.config.Learn(o)
	return ctx.Err()
}

// count notes whom the message vouches for.
func (a *Archive) count(o *policy.Observation) {
	note := func(in map[mail.Domain]int, d mail.Domain) {
		if d = lookalike.Registrable(d); d != "" && (in[d] > 0 || len(in) < maxAuthors) {
			in[d]++
		}
	}
	switch {
	case o.Outbound:
		for _, r := range o.Recipients {
			if !a.ours(r.Domain) {
				note(a.Taught, r.Domain)
			}
		}
	case o.Aligned:
		note(a.Taught, o.Author.Domain)
	default:
		note(a.Unproven, o.Author.Domain)
	}
}

func (a *Archive) ours(d mail.Domain) bool { return slices.ContainsFunc(a.config.Own, d.Within) }

// examine has policy read the message, as it came from each of the sources until
// one of them says that its author was proven. The doubt is that of the source that
// came nearest to it.
func (a *Archive) examine(ctx context.Context, m *mail.Message, at time.Time) (e *policy.Evidence, least Doubt, err error) {
	tx := policy.FileTransaction(m, at)
	tx.Envelope.ForwardPaths = a.recipients(m)
	sources := a.config.Sources[:min(len(a.config.Sources), maxSources)]
	asked := m.First("Authentication-Results") != "" && len(sources) > 0
	if !asked {
		sources = []provider.Source{{Origin: provider.OriginTrace}}
	}
	if m.First("Authentication-Results") != "" {
		least = NoSource
	}
	for _, src := range sources {
		below, border := a.below(m, src)
		tx.Message = below
		if e, err = a.collector.Collect(ctx, tx, src, policy.Given{Peerless: true}); err != nil || !asked {
			return e, least, err
		}
		if least = max(least, doubted(e, border)); least == believed {
			break
		}
	}
	return e, least, nil
}

// border says how we know that a source handed a message to us.
type border int

const (
	elsewhere border = iota // it did not: our server took it from somebody else
	claimed                 // the newest trace field is not ours, and says so itself
	seen                    // our server took it from an address of the source
)

// below is the message as the source handed it to us: without what our own servers
// wrote in front of it.
//
// Our servers are hosts below our domains. What they say of their client counts as
// long as they say that it was a machine of ours, by its address or by the name that
// they found for it; the first client beyond has written all that stands below, and
// must be the source.
func (a *Archive) below(m *mail.Message, src provider.Source) (*mail.Message, border) {
	hops := received.Hops(m)
	for i, h := range hops {
		by, err := mail.ParseDomain(h.By)
		if err != nil || !a.ours(by) {
			if i > 0 {
				return m, elsewhere // a machine of ours handed it over, and its own line is missing
			}
			return m, claimed
		}
		ip := h.IP.Unmap()
		if slices.ContainsFunc(src.Ranges, func(p netip.Prefix) bool { return p.Contains(ip) }) {
			out := *m
			out.Fields = m.Fields[h.Field+1:]
			return &out, seen
		}
		local := ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast()
		if !ip.IsValid() { // no client: it was handed over within the machine
			local = !h.Ambiguous && h.Helo == "" && h.RDNS == "" || h.Proto == "LMTP"
		}
		if !local && !(i+1 < len(hops) && a.isOurs(m, &h, hops[i+1].By)) {
			return m, elsewhere
		}
	}
	return m, elsewhere
}

// isOurs reports whether the client of a hop is the host of ours that wrote the next
// line. It is believed of Postfix's form alone, which names a client by its address only
// where that name has the address, and nothing that the client says stands there.
func (a *Archive) isOurs(m *mail.Message, h *received.Hop, next string) bool {
	name, err := mail.ParseDomain(h.RDNS)
	if err != nil || !a.ours(name) || !strings.EqualFold(string(name), next) || h.Ambiguous || strings.ContainsAny(h.Helo, "()[] \t") {
		return false
	}
	form := fmt.Sprintf("from %s (%s [%s]) by ", h.Helo, h.RDNS, h.IP)
	text := strings.Join(strings.Fields(m.Fields[h.Field].Value()), " ")
	return strings.HasPrefix(text, form) || strings.HasPrefix(text, strings.TrimSuffix(form, "by ")+"(using TLS")
}

// recipients are whom the message was for: of mail to us those of ours whom it
// shows, of sent mail all.
func (a *Archive) recipients(m *mail.Message) []mail.Address {
	fields := []string{"Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc"}
	if a.config.Sent {
		fields = []string{"To", "Cc", "Bcc"}
	}
	var all []mail.Address
	parser := netmail.AddressParser{WordDecoder: nil}
	for _, name := range fields {
		for _, f := range m.Named(name) {
			list, err := parser.ParseList(strings.ToValidUTF8(f.Value(), "?"))
			if err != nil {
				continue
			}
			for _, shown := range list {
				address, err := mail.ParseMailbox(shown.Address)
				if err != nil || !a.config.Sent && !a.ours(address.Domain) || slices.Contains(all, address) {
					continue
				}
				if all = append(all, address); len(all) == maxRecipients {
					return all
				}
			}
		}
	}
	return all
}

// when is the day on which the message was handed over last, or that of its Date
// field; zero if it has neither.
func when(m *mail.Message) time.Time {
	for _, hop := range received.Hops(m) {
		if !hop.Time.IsZero() {
			return hop.Time
		}
	}
	at, err := netmail.ParseDate(m.First("Date"))
	if err != nil || at.Year() < 1971 {
		return time.Time{}
	}
	return at
}
