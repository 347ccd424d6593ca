package providers

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/gateway/store"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/provider/ranges"
)

// Days are the spans, in days before now, over which messages are counted.
var Days = store.UseDays

// Use is what the journal knows of one source.
type Use struct {
	Last     time.Time        // of its last message; zero: none that the journal still has
	Messages [len(Days)]int64 // in each of Days; each span holds those before it
	Before   time.Time        // of the last message that is older than RecentDays; zero as above
}

// RecentDays is how long ago a use is still a recent one: the second of Days.
const RecentDays = 7

// Uses is what the journal knows of all sources.
type Uses struct {
	Begin time.Time // of the oldest entry; zero: the journal is empty
	Of    map[string]Use
}

// Journal counts messages. All that began a transaction count, also those that
// were refused: what matters is that the source still comes.
type Journal interface {
	SourceUses(ctx context.Context, now time.Time) (Uses, error)
}

// The states of a source.
const (
	Admitted = "admitted"
	ToCome   = "to come"
	Over     = "over"
)

func stateOf(s provider.Source, now time.Time) string {
	switch {
	case s.Expired(now):
		return Over
	case s.NotYet(now):
		return ToCome
	}
	return Admitted
}

// Status is how one source stands.
type Status struct {
	Source  provider.Source
	State   string
	Use     Use
	Domains []mail.Domain // of ours, whose MX leads to the source
	// MXErr says of which of our domains MX could not be learned, so that Domains
	// may be too few: an error for each of the first few, joined; or ErrOffline. It
	// is the same for all.
	MXErr error
	// Published is what the provider publishes now; PublishedErr, why that is
	// not known. With Last it is the list that was accepted then.
	Published      ranges.List
	PublishedErr   error
	Last           time.Time
	Missing, Extra []netip.Prefix // published and not in the source; the reverse
	Findings       []Finding
}

// Known reports whether there is a list to compare the source with.
func (s *Status) Known() bool { return len(s.Published.Ranges) > 0 }

// Checker asks for the status of sources.
type Checker struct {
	Fetcher
	Sources []provider.Source
	Domains []mail.Domain // ours
	State   *ranges.State // lists that were accepted
	Now     time.Time
}

// Check tells how each source stands, in the order of Sources. What cannot be
// learned of DNS or of a provider is in the Status; the error is the journal's.
func (c Checker) Check(ctx context.Context, journal Journal) ([]Status, error) {
	uses, err := journal.SourceUses(ctx, c.Now)
	if err != nil {
		return nil, err
	}
	exchangers, mxErr := c.exchangers(ctx)
	var all []Status
	led := false // MX of some domain leads to a source that is admitted
	for _, source := range c.Sources {
		s := Status{Source: source, State: stateOf(source, c.Now), Use: uses.Of[source.Name], MXErr: mxErr}
		for _, domain := range c.Domains {
			if slices.ContainsFunc(exchangers[domain], func(x Exchanger) bool { return x.isOf(source) }) {
				s.Domains = append(s.Domains, domain)
			}
		}
		if s.State != Over {
			c.compare(ctx, &s)
		}
		led = led || s.State == Admitted && len(s.Domains) > 0
		all = append(all, s)
	}
	var to leads
	if !led {
		to.fronts = hosts(exchangers, c.Domains)
	}
	for i := range all {
		if s := &all[i]; s.State == ToCome && len(s.Domains) > 0 {
			to.coming = append(to.coming, fmt.Sprintf("%q, which begins on %s", s.Source.Name, day(s.Source.ValidFrom)))
		}
	}
	for i := range all {
		all[i].find(uses.Begin, c.Now, to)
	}
	return all, nil
}

// leads is where MX leads to besides the sources that are admitted.
type leads struct {
	fronts []string // hosts, if it leads to no source that is admitted
	coming []string // sources that have not begun, with their first day
}

// hosts lists the mail exchangers of domains, each once.
func hosts(exchangers map[mail.Domain][]Exchanger, domains []mail.Domain) []string {
	var all []string
	for _, domain := range domains {
		for _, x := range exchangers[domain] {
			if !slices.Contains(all, x.Host) {
				all = append(all, x.Host)
			}
		}
	}
	return all
}

// exchangers asks for MX of all our domains. One that does not exist in DNS, such
// as an internal one, has none.
func (c Checker) exchangers(ctx context.Context) (of map[mail.Domain][]Exchanger, err error) {
	if c.Resolver == nil {
		return nil, ErrOffline
	}
	of = map[mail.Domain][]Exchanger{}
	var faults []error
	more := 0
	for _, domain := range c.Domains {
		var err error
		of[domain], err = exchangersOf(ctx, c.Resolver, domain)
		switch {
		case err == nil || errors.Is(err, dns.ErrNoSuchName):
		case len(faults) == shown:
			more++
		default:
			faults = append(faults, fmt.Errorf("MX of %s: %w", domain, err))
		}
	}
	if more > 0 {
		faults = append(faults, fmt.Errorf("MX of %s cannot be learned either", count.Of(more, "more domain")))
	}
	return of, errors.Join(faults...)
}

// compare holds the ranges of s against what is published, or, where that cannot
// be learned now, against what was accepted last.
func (c Checker) compare(ctx context.Context, s *Status) {
	s.Published, s.PublishedErr = c.Fetch(ctx, s.Source.Published)
	if s.PublishedErr != nil {
		accepted := c.State.Sources[s.Source.Name].Accepted
		if accepted == nil {
			return
		}
		s.Published, s.Last = ranges.List{Ranges: accepted.Ranges, Unread: accepted.Unread}, accepted.Accepted
	}
	s.Missing = ranges.Subtract(s.Published.Ranges, s.Source.Ranges)
	s.Extra = ranges.Subtract(s.Source.Ranges, s.Published.Ranges)
}

// In says what a list was read from.
func (s *Status) In() string {
	if !s.Last.IsZero() {
		return "the list accepted on " + s.Last.UTC().Format(time.DateOnly)
	}
	if len(s.Published.From) == 0 {
		return "nothing"
	}
	text := s.Published.From[0].String()
	if more := len(s.Published.From) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// fromSPF reports whether the list is that of an SPF record.
func (s *Status) fromSPF() bool {
	return len(s.Published.From) > 0 && s.Published.From[0].Kind == ranges.KindSPF
}
