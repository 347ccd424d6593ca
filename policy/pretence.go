package policy

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// maxHeaderDomains bounds how many domains of To and Cc are compared: a message
// must not choose how much work it is.
const maxHeaderDomains = 50

// pretence asks whom the message pretends to be.
func (c *Collector) pretence(e *Evidence, m *mail.Message, author mail.Author) {
	for _, own := range c.Own {
		if author.Address.Domain.Within(own) {
			e.OwnDomain = own
		}
	}
	for _, d := range author.Candidates {
		c.compare(e, d, "author")
	}
	for _, where := range []string{"reply-to", "to", "cc"} {
		domains, more := mail.HeaderDomains(m, where, maxHeaderDomains)
		for _, d := range domains {
			c.compare(e, d, where)
		}
		if where == "reply-to" && (more || len(domains) > maxReplies) {
			e.Unscannable = moreReplies
		}
	}
	if author.Unread != "" { // nobody sends for so many
		e.Unscannable = "more domains in " + author.Unread + " than are read"
	}
	e.Author.Sender, e.Author.ResentFrom = author.Sender, author.ResentFrom
	for _, d := range author.Sender {
		c.compare(e, d, "sender")
	}
	for _, d := range author.ResentFrom {
		c.compare(e, d, "resent-from")
	}
	e.Impersonated = c.impersonation(author)
}

// borrowedSender looks for an own or protected domain in Sender or Resent-From
// that nothing proves: mail clients show it ("on behalf of").
func (c *Collector) borrowedSender(e *Evidence) {
	if e.Impersonated != nil || e.Author.Ambiguous != "" {
		return
	}
	for _, shown := range []struct {
		where   string
		domains []mail.Domain
	}{{"sender", e.Author.Sender}, {"resent-from", e.Author.ResentFrom}} {
		for _, d := range shown.domains {
			if withinAny(d, c.Protected) && !e.related(d) && !e.proves(d) {
				e.Impersonated = &Impersonation{Domain: d, Address: e.Author.Address, Where: shown.where}
				return
			}
		}
	}
}

// proves reports whether SPF or a signature passed for d, or for a name above or
// below it.
func (e *Evidence) proves(d mail.Domain) bool {
	near := func(other mail.Domain) bool { return d.Within(other) || other.Within(d) }
	return e.SPF.Result == mail.Pass && near(mail.Domain(e.SPF.Domain)) ||
		slices.ContainsFunc(e.DKIM, func(s DKIM) bool { return s.Result == mail.Pass && near(s.Domain) })
}

// compare adds the best look-alike of d, once for each place.
func (c *Collector) compare(e *Evidence, d mail.Domain, where string) {
	if m := c.likest(d); m.Confidence > 0 {
		c.note(e, &m, where)
	}
}

// likest is whom of ours and the protected ones d resembles the most; Confidence is 0 if
// it is nobody.
func (c *Collector) likest(d mail.Domain) lookalike.Match {
	if c.Lookalike != nil {
		if matches := c.Lookalike.Check(d); len(matches) > 0 {
			return matches[0]
		}
	}
	return lookalike.Match{}
}

// note adds a likeness, where somebody bears the name.
func (c *Collector) note(e *Evidence, m *lookalike.Match, where string) {
	e.Lookalike = append(e.Lookalike, Lookalike{Domain: m.Domain, Target: m.Target, Class: string(m.Class), Confidence: m.Confidence,
		Why: m.Why, Where: where, Own: m.Tier == lookalike.Own, Alone: m.Alone, SameOwner: c.sameOwner(m.Domain, m.Target)})
}

// sameOwner reports whether the operator says that both have one.
func (c *Collector) sameOwner(d, target mail.Domain) bool {
	return slices.ContainsFunc(c.Groups, func(g []mail.Domain) bool { return withinAny(d, g) && withinAny(target, g) })
}

// impersonation reports a protected name with an address that is not theirs, or
// an address of an own or protected domain that is shown but is not the author's.
func (c *Collector) impersonation(a mail.Author) *Impersonation {
	if a.Ambiguous != "" {
		return nil // a reason of its own
	}
	if len(c.People) > 0 && !withinAny(a.Address.Domain, c.Own) { // own domains: the spoof check
		if p := c.posesAs(a); p != nil {
			return &Impersonation{Name: p.Name, Address: a.Address.String()}
		}
	}
	for _, d := range a.Candidates {
		if d != a.Address.Domain && withinAny(d, c.Protected) && !withinAny(a.Address.Domain, []mail.Domain{d}) && !d.Within(a.Address.Domain) {
			return &Impersonation{Name: a.Display, Domain: d, Address: a.Address.String()}
		}
	}
	return nil
}

// posesAs is the protected person whose name From shows, with an address that is not
// theirs; nil if there is none.
func (c *Collector) posesAs(a mail.Author) *Person {
	for _, name := range slices.Concat([]string{a.Display}, a.Names) {
		shown := showName(name)
		for i := range c.People {
			if p := &c.People[i]; shown.bears(p) && !p.has(a.Address) {
				return p
			}
		}
	}
	return nil
}

// has reports whether an address is the person's.
func (p *Person) has(a mail.Address) bool {
	return slices.ContainsFunc(p.Addresses, func(own mail.Address) bool {
		return strings.EqualFold(own.Local, a.Local) && own.Domain == a.Domain
	})
}

func withinAny(d mail.Domain, parents []mail.Domain) bool {
	return slices.ContainsFunc(parents, d.Within)
}

// FoldName makes names the same that a reader takes for the same: "Mustermann,
// Erika" and "'Erika  MUSTERMANN'", with letters of other scripts or characters
// that are not seen. "" if nothing of s is a name.
func FoldName(s string) string { return lookalike.Skeleton(forenameFirst(s)) }

// forenameFirst is "Erika Mustermann" for "Mustermann, Erika".
func forenameFirst(s string) string {
	if last, first, ok := strings.Cut(norm.NFKC.String(s), ","); ok {
		return first + " " + last
	}
	return s
}
