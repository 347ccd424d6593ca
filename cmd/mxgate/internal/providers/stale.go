package providers

import (
	"fmt"
	"time"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/policy/provider"
)

// What makes a source stale.
const (
	youngDays    = 7  // of a younger journal, or source, silence says nothing
	quietDays    = 7  // without a message, before recent ones: it was out of use
	peerDays     = 90 // one that never is in MX, a partner, may be silent so long
	peerYoung    = 30 // and of it silence says nothing before
	suddenFactor = 4  // times as many messages as in a mean week before
	historyDays  = 21
)

// findStale looks for a source that is admitted although MX does not lead there: a
// provider left behind, that nobody needs any more or that somebody else has found.
func (s *Status) findStale(begin, now time.Time, to leads) {
	inMX, from := expectsMX(s.Source), s.Source.ValidFrom
	if len(s.Domains) > 0 || inMX && s.MXErr != nil || begin.IsZero() || daysTo(now, from) < youngDays {
		return // the last: on its way in, before MX is changed
	}
	if from.After(begin) {
		begin = from
	}
	where, what := "MX of no domain leads there", ""
	switch known := daysTo(now, begin); {
	case !inMX:
		where = "it is no provider that MX leads to"
		what = s.partnerUse(known, now)
	case s.recent() > 0:
		what = s.sourceUse(known, now)
	case known >= youngDays && !s.ending(now):
		what = s.silence(known, now)
	}
	if what == "" {
		return
	}
	if !inMX {
		to = leads{}
	}
	s.add(Stale, "It is admitted, but %s, and %s. %s", where, what, s.advice(to))
}

// silence tells since when there is no message.
func (s *Status) silence(known int, now time.Time) string {
	if s.Use.Last.IsZero() {
		return fmt.Sprintf("in the %d days that are known no message came", known)
	}
	return fmt.Sprintf("the last message came on %s, %s ago", day(s.Use.Last), count.Of(daysTo(now, s.Use.Last), "day"))
}

// sourceUse tells how a source is used that has recent messages. One that is used
// as it always was is not told of while its end is near: that is told already.
func (s *Status) sourceUse(known int, now time.Time) string {
	n, before := s.recent(), s.Use.Messages[3]-s.recent()
	switch quiet := s.quiet(known, now); {
	case quiet >= quietDays:
		return s.again(quiet)
	case s.sudden(known):
		return fmt.Sprintf("it is suddenly used far more: %s in the last %d days, %d in the %d days before", came(n), RecentDays, before, min(known, Days[3])-RecentDays)
	case !s.ending(now):
		return fmt.Sprintf("it is still used: %s in the last %d days, the last on %s", came(n), RecentDays, day(s.Use.Last))
	}
	return ""
}

// partnerUse tells of a source that never is in MX only what is odd of it.
func (s *Status) partnerUse(known int, now time.Time) string {
	switch quiet := s.quiet(known, now); {
	case s.recent() > 0 && quiet >= peerDays-RecentDays:
		return s.again(quiet)
	case known >= peerYoung && (s.Use.Last.IsZero() || daysTo(now, s.Use.Last) >= min(peerDays, known)):
		return s.silence(known, now)
	}
	return ""
}

// quiet is how many days before the last RecentDays had no message, as far as is
// known.
func (s *Status) quiet(known int, now time.Time) int {
	quiet := known
	if !s.Use.Before.IsZero() {
		quiet = min(known, daysTo(now, s.Use.Before))
	}
	return quiet - RecentDays
}

func (s *Status) again(quiet int) string {
	if s.Use.Before.IsZero() {
		return fmt.Sprintf("it is used now: %s in the last %d days, none in the %d days before", came(s.recent()), RecentDays, quiet)
	}
	return fmt.Sprintf("it is used again: %s in the last %d days, after %d days or more without one", came(s.recent()), RecentDays, quiet)
}

// sudden reports whether the last week has far more messages than the weeks
// before, of which enough must be known.
func (s *Status) sudden(known int) bool {
	history := min(known, Days[3]) - RecentDays
	if history < historyDays {
		return false
	}
	week, before := s.recent(), s.Use.Messages[3]-s.recent()
	return float64(week) > suddenFactor*float64(before)*RecentDays/float64(history)
}

// advice says what to do with a stale source: nothing while the one that MX leads to
// is still to come, since without this one nobody would be admitted.
func (s *Status) advice(to leads) string {
	look := fmt.Sprintf("Look at them with `mxgate journal -source %s`", ShellWord(s.Source.Name))
	if len(to.coming) > 0 {
		keep := "keep it for now: MX leads to " + few(to.coming)
		if s.recent() == 0 {
			return upper(keep)
		}
		return look + ", and " + keep
	}
	end := "give it an end (valid_until), or remove it"
	if !s.Source.ValidUntil.IsZero() {
		end = "let it end before " + day(s.Source.ValidUntil) + ", or remove it"
	}
	if s.recent() == 0 {
		return upper(end) + to.front()
	}
	return look + "; if they need not come that way, " + end + to.front()
}

// front says what may explain that MX leads to no source: somebody who hands on.
func (to leads) front() string {
	if len(to.fronts) == 0 {
		return ""
	}
	return ". MX leads to " + few(to.fronts) + ", in no source that is admitted: if mail is handed on from there to this one, all is well"
}

// expectsMX reports whether MX leads to a source that is in use: not to a partner,
// an appliance, or a service behind the mailbox provider.
func expectsMX(s provider.Source) bool {
	e, ok := provider.Lookup(s.Provider)
	return s.Origin == provider.OriginTrace && (!ok || len(e.MXSuffixes) > 0)
}
