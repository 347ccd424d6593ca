package providers

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"mxgate/gateway/store"
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
}

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

// Status is how one source stands.
type Status struct {
	Source  provider.Source
	State   string
	Use     Use
	Domains []mail.Domain // of ours, whose MX leads to the source
	// MXUnknown says that for some domain MX could not be learned, so that
	// Domains may be too few.
	MXUnknown bool
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
	exchangers, unknown := c.exchangers(ctx)
	var all []Status
	for _, source := range c.Sources {
		s := Status{Source: source, State: Admitted, Use: uses.Of[source.Name], MXUnknown: unknown}
		switch {
		case source.Expired(c.Now):
			s.State = Over
		case source.NotYet(c.Now):
			s.State = ToCome
		}
		for _, domain := range c.Domains {
			if slices.ContainsFunc(exchangers[domain], func(x Exchanger) bool { return x.isOf(source) }) {
				s.Domains = append(s.Domains, domain)
			}
		}
		if s.State != Over {
			c.compare(ctx, &s)
		}
		s.find(uses.Begin, c.Now)
		all = append(all, s)
	}
	return all, nil
}

// exchangers asks for MX of all our domains.
func (c Checker) exchangers(ctx context.Context) (of map[mail.Domain][]Exchanger, unknown bool) {
	of = map[mail.Domain][]Exchanger{}
	for _, domain := range c.Domains {
		if c.Resolver == nil {
			return of, true
		}
		var err error
		if of[domain], err = exchangersOf(ctx, c.Resolver, domain); err != nil {
			unknown = true
		}
	}
	return of, unknown
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
