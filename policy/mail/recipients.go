package mail

import "strings"

// maxRecipientOctets bounds how much of the fields of one name HeaderDomains
// reads: some two hundred addresses. With From, and what is read inside signed
// mail, it keeps what is read of one message within 64 KiB.
const maxRecipientOctets = 8 << 10

// HeaderDomains returns the domains that the fields of that name (Reply-To, To,
// Cc) show to anyone, in order and without repeats: those of the addresses, and
// those in names, comments and encoded words, as ParseAuthor finds them.
//
// There are at most most of them, out of the first 8 KiB of these fields; more
// says that something was left out. Time is linear in what is read.
func HeaderDomains(m *Message, name string, most int) (domains []Domain, more bool) {
	found := candidates{most: most}
	left := maxRecipientOctets
	for _, f := range m.Fields {
		if seen := f.VisibleName(); len(seen) != len(name) || !strings.EqualFold(seen, name) {
			continue
		}
		value := f.Value()
		if len(value) > left {
			// Half a domain is another domain.
			value = value[:max(0, strings.LastIndexAny(value[:left], " \t,;<>"))]
			found.collect(value)
			return found.domains, true
		}
		left -= len(value)
		found.collect(value)
		if found.more {
			break
		}
	}
	return found.domains, found.more
}
