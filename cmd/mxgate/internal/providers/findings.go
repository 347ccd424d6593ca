package providers

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/gateway/config"
	"mxgate/policy/mail"
)

// Bounds of findings.
const (
	noticeDays = 30 // an end is told so long before
	shown      = 5  // so many ranges, domains or hosts are named
)

// Code is the kind of a finding. Codes are a contract: added, never renamed.
type Code string

// The codes.
const (
	Stale         Code = "stale"              // admitted, and MX does not lead there: silent, or used all the same
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
func (s *Status) find(begin, now time.Time, to leads) {
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
		s.findStale(begin, now, to)
	}
	s.findRanges()
	if advice := config.BindAdvice(s.Source); advice != "" {
		s.add(SharedUnbound, "%s", upper(advice))
	}
}

func (s *Status) findExpiring(now time.Time) {
	if !s.ending(now) {
		return
	}
	also := ""
	switch n := s.recent(); {
	case len(s.Domains) > 0:
		also = ", and MX of " + list(s.Domains) + " still leads there"
	case n > 0:
		also = fmt.Sprintf(", and %s in the last %d days", came(n), RecentDays)
	}
	s.add(Expiring, "Its last day is %s: after it its mail is refused%s", day(s.Source.ValidUntil), also)
}

// ending reports whether the last day of s is near.
func (s *Status) ending(now time.Time) bool {
	end := s.Source.ValidUntil
	return !end.IsZero() && end.Sub(now) <= noticeDays*24*time.Hour
}

// recent counts the messages of the last RecentDays.
func (s *Status) recent() int64 { return s.Use.Messages[1] }

func (s *Status) findRanges() {
	if !s.Known() {
		return
	}
	caution := ""
	if s.fromSPF() {
		caution = "; an SPF record names the hosts that send for customers: ask the provider which ones deliver to you"
	}
	switch n := len(s.Published.Unread); {
	case n == 1:
		caution += "; a term there names no address, so more may be meant"
	case n > 1:
		caution += fmt.Sprintf("; %d terms there name no addresses, so more may be meant", n)
	}
	if len(s.Missing) > 0 {
		s.add(MissingRange, "In %s, and not in ranges: %s. Mail from there is refused%s", s.In(), some(s.Missing), caution)
	}
	if len(s.Extra) > 0 {
		s.add(ExtraRange, "In ranges, and not in %s: %s. Who has these addresses now can deliver as this source%s", s.In(), some(s.Extra), caution)
	}
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// daysTo counts the whole days between at and now.
func daysTo(now, at time.Time) int { return int(now.Sub(at) / (24 * time.Hour)) }

// came says how many messages came.
func came(n int64) string { return count.Of(n, "message") + " came" }

// upper makes the first letter of a sentence of ours a capital.
func upper(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

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
	if more := len(all) - shown; more > 0 {
		all = append(slices.Clone(all[:shown]), fmt.Sprintf("%d more", more))
	}
	return strings.Join(all, ", ")
}
