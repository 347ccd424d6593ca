package provider

import (
	"slices"
	"strings"

	"mxgate/policy/provider/ranges"
)

// Published returns the places where e publishes its ranges, the best first: a
// document that can be fetched, SPF records, host names.
func (e Entry) Published() []ranges.Place {
	var places []ranges.Place
	if strings.HasPrefix(e.RangesEndpoint, "https://") { // others describe in words
		places = append(places, ranges.Place{Kind: ranges.KindURL, Name: e.RangesEndpoint})
	}
	for _, name := range e.SPFIncludes {
		places = append(places, ranges.Place{Kind: ranges.KindSPF, Name: name})
	}
	for _, name := range e.RangesHosts {
		places = append(places, ranges.Place{Kind: ranges.KindHosts, Name: name})
	}
	return places
}

// MXMatch is a provider that a mail exchanger belongs to.
type MXMatch struct {
	Entry  Entry
	Suffix string // of the host name, by which it was known
	// Unverified says that the catalogue has the suffix by hearsay.
	Unverified bool
}

// OfMX returns the provider that the mail exchanger host belongs to: the one with
// the longest suffix, gateways before mailbox providers. A trailing dot and the
// case of letters do not matter.
func OfMX(host string) (MXMatch, bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	var best MXMatch
	for _, id := range IDs() {
		e, _ := Lookup(id)
		for _, suffix := range slices.Concat(e.MXSuffixes, e.MXUnverified) {
			if within(host, suffix) && better(e, suffix, best) {
				best = MXMatch{Entry: e, Suffix: suffix, Unverified: e.MXBasis != "" || slices.Contains(e.MXUnverified, suffix)}
			}
		}
	}
	return best, best.Suffix != ""
}

// better reports whether e with suffix is a better match than what was found.
func better(e Entry, suffix string, than MXMatch) bool {
	isBox, thanBox := e.Kind == kindMailbox, than.Entry.Kind == kindMailbox
	if than.Suffix == "" || isBox != thanBox {
		return than.Suffix == "" || thanBox
	}
	return len(suffix) > len(than.Suffix)
}

// kindMailbox is the kind of providers that keep mailboxes as well.
const kindMailbox = "mailbox"

// within reports whether host is suffix or lies below it.
func within(host, suffix string) bool {
	return host == suffix || len(host) > len(suffix) && strings.HasSuffix(host, suffix) && host[len(host)-len(suffix)-1] == '.'
}
