package providers

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// What makes a finding.
const (
	noticeDays   = 30 // an end is told so long before
	silentDays   = 30 // a source out of MX that is silent so long is stale
	peerDays     = 90 // one that never is in MX, a partner, may be silent longer
	youngDays    = 7  // of a younger journal, or source, silence says nothing
	suddenDays   = 7
	suddenFactor = 4 // times as many messages as in a mean week before
	historyDays  = 21
)

// shownRanges is how many ranges a finding names.
const shownRanges = 5

// Code is the kind of a finding. Codes are a contract: added, never renamed.
type Code string

// The codes.
const (
	Stale         Code = "stale"              // admitted, not in MX, and silent or suddenly used
	MissingRange  Code = "missing-range"      // mail from there is refused
	ExtraRange    Code = "extra-range"        // admitted, and no longer the provider's
	SharedUnbound Code = "shared-and-unbound" // other customers of the provider get in
	Expiring      Code = "expiring"           // its end is near, or over, and MX leads there
	Early         Code = "early"              // MX leads there before its first day
)

// Finding is something to look into. Text is a sentence for people; text of a
// provider in it is quoted.
type Finding struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

func (s *Status) add(code Code, format string, args ...any) {
	s.Findings = append(s.Findings, Finding{code, fmt.Sprintf(format, args...)})
}

// find fills in Findings. begin is the oldest entry of the journal.
func (s *Status) find(begin, now time.Time) {
	switch s.State {
	case Over:
		if len(s.Domains) > 0 {
			s.add(Expiring, "Its last day was %s, and MX of %s still leads there: all that mail is refused", day(s.Source.ValidUntil), list(s.Domains))
		}
		return
	case ToCome:
		if len(s.Domains) > 0 {
			s.add(Early, "Its first day is %s, and MX of %s leads there already: all that mail is refused", day(s.Source.ValidFrom), list(s.Domains))
		}
	default:
		s.findExpiring(now)
		s.findStale(begin, now)
	}
	s.findRanges()
	if why := s.Source.Loose(); why != "" {
		s.add(SharedUnbound, "%s: bind it to the tenant, best by a secret header that a rule at the provider adds", upper(why))
	}
}

func (s *Status) findExpiring(now time.Time) {
	if s.Source.ValidUntil.IsZero() || s.Source.ValidUntil.Sub(now) > noticeDays*24*time.Hour {
		return
	}
	also := ""
	if len(s.Domains) > 0 {
		also = ", and MX of " + list(s.Domains) + " still leads there"
	}
	s.add(Expiring, "Its last day is %s: after it its mail is refused%s", day(s.Source.ValidUntil), also)
}

// findStale looks for a source that nobody needs any more, or that somebody else
// has found: a provider left behind that the gateway still admits.
func (s *Status) findStale(begin, now time.Time) {
	inMX := expectsMX(s.Source)
	if len(s.Domains) > 0 || inMX && s.MXUnknown || begin.IsZero() {
		return
	}
	if s.Source.ValidFrom.After(begin) {
		begin = s.Source.ValidFrom
	}
	known := int(now.Sub(begin) / (24 * time.Hour))
	out, most := "MX of no domain leads there", silentDays
	if !inMX {
		out, most = "It is no provider that MX leads to", peerDays
	}
	silent := s.Use.Last.IsZero() || now.Sub(s.Use.Last) > time.Duration(min(most, known))*24*time.Hour
	switch {
	case silent && known >= youngDays && (inMX || known >= silentDays) && s.Use.Last.IsZero():
		s.add(Stale, "It is admitted, but %s, and in the %d days that are known no message came: give it an end (valid_until), or remove it", lower(out), known)
	case silent && known >= youngDays && (inMX || known >= silentDays):
		s.add(Stale, "It is admitted, but %s, and the last message came on %s: give it an end (valid_until), or remove it", lower(out), day(s.Use.Last))
	case inMX && s.sudden(known):
		s.add(Stale, "%s, but of the %d messages of the last %d days %d came in the last %d: look at them in the journal; who knows that it is still admitted may be using it",
			out, s.Use.Messages[3], Days[3], s.Use.Messages[1], suddenDays)
	}
}

// sudden reports whether the last week has far more messages than the weeks
// before, of which enough must be known.
func (s *Status) sudden(known int) bool {
	history := min(known, Days[3]) - suddenDays
	if history < historyDays {
		return false
	}
	week, before := s.Use.Messages[1], s.Use.Messages[3]-s.Use.Messages[1]
	return week > 0 && float64(week) > suddenFactor*float64(before)*suddenDays/float64(history)
}

func (s *Status) findRanges() {
	if !s.Known() {
		return
	}
	caution := ""
	if s.fromSPF() {
		caution = "; an SPF record names the hosts that send for customers: ask the provider which ones deliver to you"
	}
	if n := len(s.Published.Unread); n > 0 {
		caution += fmt.Sprintf("; %d terms there name no addresses, so more may be meant", n)
	}
	if len(s.Missing) > 0 {
		s.add(MissingRange, "In %s, and not in ranges: %s. Mail from there is refused%s", s.In(), some(s.Missing), caution)
	}
	if len(s.Extra) > 0 {
		s.add(ExtraRange, "In ranges, and not in %s: %s. Who has these addresses now can deliver as this source%s", s.In(), some(s.Extra), caution)
	}
}

// expectsMX reports whether MX leads to a source that is in use: not to a partner,
// an appliance, or a service behind the mailbox provider.
func expectsMX(s provider.Source) bool {
	e, ok := provider.Lookup(s.Provider)
	return s.Origin == provider.OriginTrace && (!ok || len(e.MXSuffixes) > 0)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// upper and lower change the first letter of a sentence of ours.
func upper(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func lower(text string) string {
	if strings.HasPrefix(text, "MX") {
		return text
	}
	return strings.ToLower(text[:1]) + text[1:]
}

// list names domains, some names ranges: the first few, and how many more.
func list(domains []mail.Domain) string {
	var all []string
	for _, d := range domains {
		all = append(all, string(d))
	}
	return few(all)
}

func some(prefixes []netip.Prefix) string {
	var all []string
	for _, p := range prefixes {
		all = append(all, p.String())
	}
	return few(all)
}

func few(all []string) string {
	if more := len(all) - shownRanges; more > 0 {
		all = append(slices.Clone(all[:shownRanges]), fmt.Sprintf("%d more", more))
	}
	return strings.Join(all, ", ")
}
