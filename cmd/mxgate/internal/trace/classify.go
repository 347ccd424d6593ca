package trace

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"mxgate/policy/mail"
	"mxgate/policy/received"
)

// judgement is the classification of one message whose border is known.
type judgement struct {
	t    *Tracer
	m    *mail.Message
	hops []received.Hop
	border
	peer   netip.Addr
	name   string    // verified, of the peer
	when   time.Time // when it was handed over to us
	source *Source
	permit *Permit
	origin received.Origin // the provider's client; zero if there is no provider

	points         []Point
	contradictions []string
	propose        string // a range of source that peer should be in; "" if none
	most           int    // that confidence may be
	gap            *gap   // nil: a provider was in force
}

func (j *judgement) point(code string, weight, field int, format string, args ...any) {
	j.points = append(j.points, Point{Code: code, HeaderIndex: field, Text: fmt.Sprintf(format, args...), Weight: weight})
}

func (j *judgement) contradict(code string, weight, field int, format string, args ...any) {
	j.point(code, weight, field, format, args...)
	j.contradictions = append(j.contradictions, fmt.Sprintf(format, args...))
}

// classify names the way by which the peer of the border came, and what speaks
// for and against it.
func (j *judgement) classify(ctx context.Context) {
	h := &j.hops[j.at]
	j.peer, j.when, j.name = h.IP, h.Time, received.VerifiedName(j.m, h)
	j.point("own-boundary", weightOwnHop, h.Field, "hop of our own server %s shows client %s", quoted(h.By), h.IP)
	if h.Time.IsZero() {
		j.point("no-time", 0, h.Field, "our server's hop has no readable date: ranges are compared as of now")
	}
	if j.noTenant {
		j.undetermined("foreign-tenant", "%s handed it over from addresses that all its customers share, and nothing says that it did so for us: set tenant", j.peer)
		return
	}
	switch {
	case j.byRange():
	case j.permitted():
	case j.byOldRange():
	case j.byName():
	default:
		j.direct()
	}
	if j.source != nil {
		j.throughProvider(ctx)
	}
	j.continuity()
	j.ownResults()
	j.gateway()
	j.log()
}

// byRange looks for a provider in force with the peer's address.
func (j *judgement) byRange() bool {
	return j.inRange(ViaCurrent, func(s *Source) bool { return j.inForce(s) })
}

// byOldRange looks for a provider with it whose time was over.
func (j *judgement) byOldRange() bool {
	return j.inRange(ViaOld, func(s *Source) bool { return s.over(j.when, j.t.config.Grace) })
}

func (j *judgement) inForce(s *Source) bool { return s.covers(j.when, j.t.config.Grace) }

func (j *judgement) inRange(v Verdict, wanted func(*Source) bool) bool {
	for i := range j.t.config.Sources {
		s := &j.t.config.Sources[i]
		r, ok := s.holds(j.peer)
		if !ok || !wanted(s) {
			continue
		}
		weight := weightRangeWeak
		if r.Firm {
			weight = weightRangeFirm
		}
		j.verdict, j.source = v, s
		j.point("in-range", weight, -1, "peer %s is in %s of %q (%s)%s", j.peer, r.Prefix, s.Name, r.Said, j.over(s))
		j.why = fmt.Sprintf("%s of %q handed it to us%s", j.peer, s.Name, j.over(s))
		return true
	}
	return false
}

// over says how long ago s was left; "" if it was not, or nobody knows.
func (j *judgement) over(s *Source) string {
	switch {
	case s.Until.IsZero() || j.when.IsZero() || j.when.Before(s.Until):
		return ""
	case s.covers(j.when, j.t.config.Grace):
		return ", within the time of grace after its last day"
	}
	return fmt.Sprintf(", %s after its last day", days(j.when.Sub(s.Until)))
}

func days(d time.Duration) string {
	if n := int(d/(24*time.Hour)) + 1; n != 1 {
		return fmt.Sprintf("%d days", n)
	}
	return "1 day"
}

// permitted looks for somebody who may deliver directly.
func (j *judgement) permitted() bool {
	for i := range j.t.config.Permitted {
		p := &j.t.config.Permitted[i]
		if !p.covers(j.when, j.t.config.Grace) {
			continue
		}
		for _, r := range p.Ranges {
			if r.Contains(j.peer) {
				j.verdict, j.permit = PermittedDirect, p
				j.point("permitted", weightRangeFirm, -1, "peer %s is in %s of %q, who may deliver directly", j.peer, r, p.Name)
				j.why = fmt.Sprintf("%s is %q, who may deliver directly", j.peer, p.Name)
				return true
			}
		}
	}
	return false
}

// byName looks for a provider by the name that our server verified: who chooses
// that name's address is the provider, and its list of ranges was not complete.
func (j *judgement) byName() bool {
	if j.name == "" {
		return false
	}
	for _, old := range []bool{false, true} {
		for i := range j.t.config.Sources {
			s := &j.t.config.Sources[i]
			if !s.delivers(j.name) || j.inForce(s) == old || old && !s.over(j.when, j.t.config.Grace) {
				continue
			}
			j.source, j.verdict, j.propose = s, ViaCurrent, j.peer.String()
			if old {
				j.verdict = ViaOld
			}
			field := j.hops[j.at].Field
			j.point("verified-name", weightRangeWeak, field, "peer %s is in no range of %q, but our server verified that it is %s%s", j.peer, s.Name, quoted(j.name), j.over(s))
			j.why = fmt.Sprintf("%s (%s) of %q handed it to us%s", j.peer, quoted(j.name), s.Name, j.over(s))
			return true
		}
	}
	return false
}

// direct judges a peer that belongs to nobody we know.
func (j *judgement) direct() {
	active, complete, none := 0, true, ""
	for i := range j.t.config.Sources {
		if s := &j.t.config.Sources[i]; j.inForce(s) {
			active++
			complete = complete && s.Complete
			if len(s.Ranges) == 0 {
				none = s.Name
			}
		}
	}
	if len(j.t.config.Sources) == 0 {
		j.undetermined("no-provider", "%s handed it to us, and the configuration names no provider: add a [[source]]", j.peer)
		return
	}
	if active == 0 {
		j.uncovered()
		return
	}
	if none != "" && j.name == "" { // what stands below is no answer: the client wrote it
		j.undetermined(reasonRanges, "no range of %q is known, and our server verified no name of %s: give its ranges", none, j.peer)
		return
	}
	j.verdict, j.why = Direct, fmt.Sprintf("%s is of no provider and handed it to us, past the one in force", j.peer)
	switch {
	case none != "":
		j.point("ranges-unknown", weightRangesUnknown, -1, "the ranges of %q are not known", none)
	case complete:
		j.point("outside-ranges", weightRangeFirm, -1, "peer %s is outside all ranges in force on %s", j.peer, day(j.when))
	default:
		j.point("outside-ranges", weightRangeWeak, -1, "peer %s is outside the ranges in force on %s, which may be incomplete", j.peer, day(j.when))
	}
	if claimed := j.claimed(); claimed != nil {
		doubt := ""
		if !claimed.Complete {
			doubt = ": forged, or an address that its ranges lack"
		}
		j.contradict("claims-provider", 0, j.hops[j.at+1].Field, "claims to have been at %q, came from %s%s", claimed.Name, j.peer, doubt)
	}
	if j.at+1 < len(j.hops) && withinAny(j.t.config.names(), j.hops[j.at+1].By) {
		j.point("claims-ours", 0, j.hops[j.at+1].Field, "the hop below names a server of ours as its writer: it is forged, or %s is ours and missing in networks", j.peer)
	}
	for i := range j.t.config.Sources {
		j.markers(&j.t.config.Sources[i])
	}
}

// continuity judges the link directly below the border.
func (j *judgement) continuity() {
	weight := 0
	if j.source != nil { // else it is the client's text, and speaks for nobody
		weight = weightBroken
	}
	if j.at+1 < len(j.hops) && linkOf(&j.hops[j.at], &j.hops[j.at+1], j.source) == linkBroken {
		j.point("continuity", weight, j.hops[j.at+1].Field, "the hop below was written by %s, which is not the peer", or(quoted(j.hops[j.at+1].By), "nobody named"))
	}
}

// ownResults reads what our servers noted of the peer.
func (j *judgement) ownResults() {
	for _, f := range j.ownFields() {
		if clients(f)[j.peer] {
			j.point("own-results", weightOwnResults, f.Index, "our Authentication-Results name the same client")
			return
		}
	}
}

// log looks the queue id up in the log of our server.
func (j *judgement) log() {
	h := &j.hops[j.at]
	if j.t.log.has(h.ID, j.peer) {
		j.point("log", weightLog, h.Field, "our server's log has queue id %s with client %s", quoted(h.ID), j.peer)
	}
}

func day(t time.Time) string {
	if t.IsZero() {
		return "an unknown day"
	}
	return t.UTC().Format(time.DateOnly)
}
