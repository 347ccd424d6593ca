package mail

import (
	"fmt"
	netmail "net/mail"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFromOctets bounds the From field that is parsed; a longer one is ambiguous.
// It is searched some fifty times.
const maxFromOctets = 8 << 10

// minFromShare is what is searched of each of many From fields: the first ones
// are named to people.
const minFromShare = 512

// ParseAuthor reads the author out of the From field, RFC 5322, Section 3.6.2.
//
// It first reads the field strictly. What is no address list of RFC 5322 it
// reads as a mail client would, and accepts it only if no reading can lead to a
// second domain: mail that people can read is not ambiguous, and mail that two
// programs read differently is. Encoded words are decoded, comments and quoted
// strings are searched. It never fails; Ambiguous says what was wrong.
func ParseAuthor(m *Message) Author {
	a := fromAuthor(m)
	a.Sender = a.shownBeside(m, "Sender")
	a.ResentFrom = a.shownBeside(m, "Resent-From")
	return a
}

// shownBeside returns the domains that the fields of that name show and From
// does not.
func (a *Author) shownBeside(m *Message, name string) []Domain {
	domains, more := HeaderDomains(m, name, maxCandidates)
	if more {
		a.Unread = name
	}
	return slices.DeleteFunc(domains, func(d Domain) bool { return slices.Contains(a.Candidates, d) })
}

func fromAuthor(m *Message) Author {
	values, malformed := fromValues(m)
	if len(values) == 1 && malformed == "" {
		if a, ok := plainAuthor(values[0]); ok {
			return a
		}
	}
	return anyAuthor(values, malformed)
}

// anyAuthor reads the author out of the values of all From fields, of which
// malformed says what was wrong with them.
func anyAuthor(values []string, malformed string) Author {
	found := candidates{most: maxCandidates}
	// More than one are ambiguous whatever they show: together they are searched
	// for as much as one.
	left := maxFromOctets
	share := max(left/max(len(values), 1), minFromShare)
	for _, v := range values {
		v = v[:min(len(v), share, left)]
		left -= len(v)
		found.collect(v)
	}
	refuse := func(why string) Author { return Author{Candidates: found.domains, Ambiguous: why} }
	switch {
	case len(values) == 0:
		return refuse("no From field")
	case len(values) == 2:
		return refuse("two From fields")
	case len(values) > 2:
		return refuse(fmt.Sprintf("%d From fields", len(values)))
	case malformed != "":
		return refuse(malformed)
	case found.more: // the one that matters may be among the rest
		return refuse(fmt.Sprintf("From shows more than %d domains", maxCandidates))
	}
	value := values[0]
	if why := unreadable(value); why != "" {
		return refuse(why)
	}
	boxes, why := strictMailboxes(value)
	if why != "" {
		return refuse(why)
	}
	if boxes == nil {
		boxes = tolerantMailboxes(value)
		for _, b := range boxes {
			found.add(b.address.Domain)
		}
		if len(found.domains) > 1 {
			return refuse(addressesOf(found.domains))
		}
	}
	if boxes == nil {
		return refuse("From cannot be read strictly")
	}
	own := candidates{most: maxCandidates, foreign: found.foreign}
	for _, b := range boxes {
		own.add(b.address.Domain)
	}
	if len(own.domains) != 1 {
		return refuse(addressesOf(own.domains))
	}
	if slices.ContainsFunc(found.domains, func(d Domain) bool { return d != own.domains[0] }) {
		own.author = own.domains[0]
		own.collect(value)
		if own.more || !own.onlyShown(value) {
			return Author{Candidates: own.domains, Ambiguous: addressesOf(own.domains)}
		}
	}
	a := Author{Address: boxes[0].address, Display: boxes[0].display, Candidates: own.domains}
	var manyNames bool
	if a.Names, manyNames = otherNames(value, a.Display); manyNames {
		return refuse(fmt.Sprintf("From shows more than %d names", maxNames))
	}
	return a
}

// mailbox is one address of the From field.
type mailbox struct {
	address Address
	display string
}

// unreadable says why value is not worth parsing, or "".
func unreadable(value string) string {
	if len(value) > maxFromOctets {
		return fmt.Sprintf("From field of more than %d octets", maxFromOctets)
	}
	for i := 0; i < len(value); i++ {
		// ESC is left out: it starts a character set in raw ISO-2022-JP.
		if c := value[i]; c < ' ' && c != '\t' && c != 0x1b || c == 0x7f {
			return "control character in From"
		}
	}
	if strings.Trim(value, " \t") == "" {
		return "empty From field"
	}
	return ""
}

// strictMailboxes reads an address list of RFC 5322. It returns nil if value is
// none, and a reason if it is one without a usable author domain.
func strictMailboxes(value string) (boxes []mailbox, why string) {
	parser := netmail.AddressParser{WordDecoder: wordDecoder}
	list, err := parser.ParseList(value)
	if err != nil {
		return nil, ""
	}
	for _, a := range list {
		at := strings.LastIndexByte(a.Address, '@')
		local, domain := a.Address[:at], a.Address[at+1:]
		if strings.HasPrefix(domain, "[") {
			return nil, "address literal instead of an author domain"
		}
		d, err := ParseDomain(domain)
		if err != nil {
			return nil, "From holds an address without a valid domain"
		}
		if hasEncodedWord(a.Address) {
			return nil, "encoded word inside the address" // decoded by some clients, to anything
		}
		if strings.ContainsAny(local, atSigns) {
			return nil, "at sign inside the local part" // some clients take the first one
		}
		boxes = append(boxes, mailbox{Address{Local: local, Domain: d}, DecodeWords(a.Name)})
	}
	if len(boxes) == 0 {
		return nil, "From holds no address" // empty groups
	}
	return boxes, ""
}

// tolerantMailboxes reads value as people do: names with special or raw 8-bit
// characters, lists with semicolons, trailing dots, lost quotes and brackets.
// It returns nil where two people could disagree about an address.
func tolerantMailboxes(value string) []mailbox {
	var boxes []mailbox
	shape := outline(value)
	for start := 0; start < len(shape); {
		end := start + entryEnd(shape[start:])
		entry, entryShape := value[start:end], shape[start:end]
		start = end + 1
		if !strings.ContainsAny(entryShape, "@<") {
			continue // part of a name with a comma in it
		}
		b, ok := tolerantMailbox(entry, entryShape)
		if !ok {
			return nil
		}
		boxes = append(boxes, b)
	}
	return boxes
}

// entryEnd returns the length of the first entry of a list.
func entryEnd(shape string) int {
	angle := false
	for i := 0; i < len(shape); i++ {
		switch c := shape[i]; {
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case !angle && (c == ',' || c == ';'):
			return i
		}
	}
	return len(shape)
}

// tolerantMailbox reads one entry of a list; shape is its outline.
func tolerantMailbox(s, shape string) (mailbox, bool) {
	var from, to int // of the address
	if lt := strings.IndexByte(shape, '<'); lt >= 0 {
		from = lt + 1
		for from < len(s) && s[from] == '<' {
			from++
		}
		to = len(s)
		if gt := strings.IndexByte(shape[from:], '>'); gt >= 0 {
			to = from + gt
		}
	} else {
		at := strings.IndexByte(shape, '@')
		from = strings.LastIndexAny(shape[:at], " \t") + 1
		to = len(s)
		if space := strings.IndexAny(shape[at:], " \t"); space >= 0 {
			to = at + space
		}
		// In the old syntax a domain goes on behind white space.
		if behind := strings.TrimLeft(shape[to:], " \t"); strings.HasPrefix(behind, ".") || behind != "" && shape[to-1] == '.' {
			return mailbox{}, false
		}
	}
	if strings.ContainsAny(shape[to:], "@<") {
		return mailbox{}, false
	}
	address, ok := tolerantAddress(strings.Trim(s[from:to], " \t"))
	display := strings.TrimRight(s[:from], "< \t")
	if strings.Trim(display, " \t") == "" {
		display = strings.Trim(s[to:], "> \t()")
	}
	return mailbox{address, DecodeWords(toUTF8(strings.Trim(display, " \t\"")))}, ok
}

// tolerantAddress reads an addr-spec whose local part may break the rules for
// dots and spaces, which mobile operators and old gateways do.
func tolerantAddress(s string) (Address, bool) {
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || hasEncodedWord(s) || !utf8.ValidString(s) {
		return Address{}, false
	}
	d, err := ParseDomain(s[at+1:])
	if err != nil {
		return Address{}, false
	}
	local := s[:at]
	if strings.HasPrefix(local, `"`) {
		a, err := ParseMailbox(local + "@" + string(d))
		return a, err == nil && !strings.ContainsAny(a.Local, atSigns)
	}
	return Address{Local: local, Domain: d}, !strings.ContainsAny(local, `()<>[]:;@\,"`)
}

func addressesOf(domains []Domain) string {
	const shown = 4
	names := make([]string, 0, shown+1)
	for _, d := range domains[:min(len(domains), shown)] {
		names = append(names, string(d))
	}
	count := "two"
	if len(domains) > 2 {
		count = "several"
	}
	if len(domains) > shown {
		names = append(names, "...")
	}
	return "addresses of " + count + " domains: " + strings.Join(names, ", ")
}
