package mail

import (
	netmail "net/mail"
	"slices"
	"strings"
)

// HeaderDomains returns the domains of all addresses in the fields of that name
// (Reply-To, To, Cc), in order and without repeats. Addresses that cannot be
// read strictly are searched for.
func HeaderDomains(m *Message, name string) []Domain {
	var found []Domain
	add := func(s string) {
		if _, domain, ok := cutLast(s, '@'); ok {
			if d, err := ParseDomain(strings.Trim(domain, " \t<>()[]\"';,")); err == nil && !slices.Contains(found, d) {
				found = append(found, d)
			}
		}
	}
	for _, f := range m.Named(name) {
		value := f.Value()
		if list, err := netmail.ParseAddressList(value); err == nil {
			for _, a := range list {
				add(a.Address)
			}
			continue
		}
		for _, word := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t<>,;\"()", r) }) {
			add(word)
		}
	}
	return found
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
