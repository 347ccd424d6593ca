package wire

import (
	"strconv"

	"mxgate/gateway/wire/framing"
	"mxgate/gateway/wire/syntax"
)

// Offer is what a session is offered: our table, SMTP-DUTIES 9, cut by what
// every next hop offers. It is read at each EHLO and HELO. The zero Offer has
// no extension that depends on a next hop.
type Offer struct {
	EightBitMIME bool  // RFC 6152
	SMTPUTF8     bool  // RFC 6531
	DSN          bool  // RFC 3461
	RequireTLS   bool  // RFC 8689; announced over TLS only
	MaxOctets    int64 // that every next hop takes, our header block included; 0: as Config.MaxMessageOctets
	// MaxRecipients of one transaction, if fewer than Config.MaxRecipients; 0:
	// as many. Where all next hops speak LMTP it is 1.
	MaxRecipients int
	OneDomain     bool // the recipients of a transaction have one domain: RCPTDOMAINMAX=1, RFC 9422
}

// headerRoom is what our header block may add to content: SMTP-DUTIES F5.
const headerRoom = 16 << 10

// terms are what a session was told with its last EHLO or HELO: what it may
// use, and the limits that hold.
type terms struct {
	Offer         // cut to what was announced; MaxOctets and MaxRecipients are never 0
	extended bool // after HELO there are no extensions
	xclient  bool // the client may speak for others
}

// offer returns the terms for a session that says EHLO or HELO now.
func (c *Conn) offer(extended bool) terms {
	cfg := &c.l.cfg
	o := Offer{EightBitMIME: true}
	if cfg.Offer != nil {
		o = cfg.Offer()
	}
	limits := Offer{MaxOctets: cfg.MaxMessageOctets, MaxRecipients: cfg.MaxRecipients}
	if o.MaxOctets > 0 {
		limits.MaxOctets = min(limits.MaxOctets, max(o.MaxOctets-headerRoom, 1))
	}
	if o.MaxRecipients > 0 {
		limits.MaxRecipients = min(limits.MaxRecipients, o.MaxRecipients)
	}
	if !extended {
		return terms{Offer: limits}
	}
	o.MaxOctets, o.MaxRecipients = limits.MaxOctets, limits.MaxRecipients
	o.RequireTLS = o.RequireTLS && c.tls != nil
	return terms{Offer: o, extended: true, xclient: c.mayXclient()}
}

// allowed says what a command may use.
func (t *terms) allowed() syntax.Terms {
	return syntax.Terms{Extended: t.extended, EightBitMIME: t.EightBitMIME, SMTPUTF8: t.SMTPUTF8, DSN: t.DSN,
		RequireTLS: t.RequireTLS, MaxOctets: t.MaxOctets}
}

// lineOctets is how long a command line with its CRLF may be: RFC 5321, Section
// 4.5.3.1.4, and what each announced extension adds. It is at most
// framing.MaxLineOctets.
func (t *terms) lineOctets() int {
	if !t.extended {
		return framing.BaseLineOctets
	}
	mail, rcpt := 26, 0 // SIZE: RFC 1870, Section 3
	if t.EightBitMIME {
		mail += 17 // RFC 6152, Section 2
	}
	if t.SMTPUTF8 {
		mail += 10 // RFC 6531, Section 3.1
	}
	if t.RequireTLS {
		mail += 11 // RFC 8689, Section 2
	}
	if t.DSN {
		mail += syntax.MaxEnvelopeIDOctets
		rcpt += syntax.MaxOriginalOctets
	}
	return framing.BaseLineOctets + max(mail, rcpt)
}

// introduce answers EHLO with the terms of the session, and HELO.
func (c *Conn) introduce() {
	lines := make([]string, 1, 12)
	lines[0] = c.l.cfg.Hostname
	if t := &c.terms; t.extended {
		lines = append(lines, "PIPELINING", "SIZE "+strconv.FormatInt(t.MaxOctets, 10))
		add := func(offered bool, line string) {
			if offered {
				lines = append(lines, line)
			}
		}
		add(t.EightBitMIME, "8BITMIME")
		lines = append(lines, "ENHANCEDSTATUSCODES")
		add(t.SMTPUTF8, "SMTPUTF8")
		add(t.DSN, "DSN")
		limits := "LIMITS RCPTMAX=" + strconv.Itoa(t.MaxRecipients)
		if t.OneDomain {
			limits += " RCPTDOMAINMAX=1"
		}
		lines = append(lines, limits)
		add(t.RequireTLS, "REQUIRETLS")
		add(t.xclient, "XCLIENT "+syntax.XclientNames)
		add(t.xclient, "XFORWARD "+syntax.XforwardNames)
		add(c.l.cfg.TLSConfig != nil && c.tls == nil, "STARTTLS")
	}
	for i, line := range lines {
		sep := "250-"
		if i == len(lines)-1 {
			sep = "250 "
		}
		c.out = append(append(append(c.out, sep...), line...), "\r\n"...)
	}
}
