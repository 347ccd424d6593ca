package policy

import (
	"fmt"
	"slices"
	"strings"

	"mxgate/policy/mail"
)

// Protected is what the header fields inside signed mail say otherwise than the
// outer ones. A mail client that verifies the signature may show them in place
// of those. RFC 9788, Section 2.1.
//
// Nothing is verified here: a sender signs what he likes, so these fields prove
// nothing, and differing is no fault. Mailing lists change the outer ones.
type Protected struct {
	Domains []mail.Domain `json:"domains"`           // that the inner From shows; empty if it names the same author and shows no other domain
	Subject bool          `json:"subject,omitempty"` // the inner Subject is another
}

// insideSigned compares the header fields inside signed mail with the outer ones,
// and the domains that only the inner From shows with ours and our partners'.
func (c *Collector) insideSigned(e *Evidence, m *mail.Message, author mail.Author, headers []mail.ProtectedHeader) {
	p := Protected{Domains: []mail.Domain{}}
	subject := subjectText(m.First("Subject"))
	for _, h := range headers {
		inner := &mail.Message{Fields: h}
		domains, more := mail.HeaderDomains(inner, "From", maxHeaderDomains)
		if more { // nobody has so many authors
			e.Unscannable = fmt.Sprintf("more than %d domains in a protected From field", maxHeaderDomains)
		}
		same := sameAuthor(mail.ParseAuthor(inner), author)
		for _, d := range domains {
			if !slices.Contains(p.Domains, d) && !(same && slices.Contains(author.Candidates, d)) {
				p.Domains = append(p.Domains, d)
			}
		}
		if s := inner.First("Subject"); s != "" && subjectText(s) != subject {
			p.Subject = true
		}
	}
	for _, d := range p.Domains {
		c.compare(e, d, "protected-from")
		if e.Impersonated == nil && author.Ambiguous == "" && withinAny(d, c.Protected) && !e.related(d) {
			e.Impersonated = &Impersonation{Domain: d, Address: e.Author.Address, Where: "protected-from"}
		}
	}
	if len(p.Domains) > 0 || p.Subject {
		e.Author.Protected = &p
	}
}

// sameAuthor reports whether the inner author is the outer one, who is exactly one.
func sameAuthor(inner, outer mail.Author) bool {
	a, b := inner.Address, outer.Address
	return inner.Ambiguous == "" && outer.Ambiguous == "" && strings.EqualFold(a.Local, b.Local) && a.Domain == b.Domain
}

// words says for people what differs.
func (p *Protected) words() string {
	var parts []string
	if len(p.Domains) > 0 {
		parts = append(parts, "From shows "+joinDomains(p.Domains))
	}
	if p.Subject {
		parts = append(parts, "the Subject is another")
	}
	return "differs from the header: " + strings.Join(parts, "; ")
}

// subjectText is a Subject as it is read: decoded, white space made one.
func subjectText(value string) string {
	return strings.Join(strings.Fields(mail.DecodeWords(value)), " ")
}
