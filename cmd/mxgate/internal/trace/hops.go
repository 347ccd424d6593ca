package trace

import (
	"slices"
	"strings"
	"time"

	"mxgate/policy/received"
)

// How well the client that a hop shows fits to the writer of the older one.
const (
	linkStrong  = "strong"  // the same address, or the same name that was looked up
	linkWeak    = "weak"    // the same name, as the client gave it, or both of one provider
	linkBroken  = "broken"  // neither
	linkUnknown = "unknown" // one of the two does not say
	linkClaimed = "claimed" // below a broken one
)

// linkOf compares the client of a hop with the writer of the next older one.
func linkOf(newer, older *received.Hop, s *Source) string {
	inside := newer.Kind == received.Internal || newer.Kind == received.Local
	by := strings.ToLower(strings.TrimSuffix(older.By, "."))
	switch {
	case by == "" && (older.Kind == received.Internal || older.Kind == received.Local):
		return linkStrong // a pipe within the machine that wrote the newer hop's client
	case by == "":
		return linkUnknown
	case inside, newer.IP.IsValid() && newer.IP == older.ByIP:
		return linkStrong
	case newer.RDNS != "" && strings.EqualFold(newer.RDNS, by):
		return linkStrong
	case strings.EqualFold(newer.Helo, by):
		return linkWeak
	case s != nil && s.boundary.Believes(by) && (s.delivers(newer.RDNS) || s.delivers(newer.Helo) || inRanges(s, newer)):
		return linkWeak
	case sameHome(newer.RDNS, by) || sameHome(newer.Helo, by):
		return linkWeak
	}
	return linkBroken
}

func inRanges(s *Source, h *received.Hop) bool {
	_, ok := s.holds(h.IP)
	return ok
}

// sameHome reports whether two names have their last two labels in common, which
// is a hint and no more.
func sameHome(a, b string) bool {
	last := func(s string) string {
		labels := strings.Split(strings.ToLower(strings.TrimSuffix(s, ".")), ".")
		if len(labels) < 2 {
			return ""
		}
		return strings.Join(labels[len(labels)-2:], ".")
	}
	return last(a) != "" && last(a) == last(b)
}

// The parts of a way. Times of a negative length, from clocks that disagree,
// count as none.
type Legs struct {
	BeforeProvider float64 `json:"before_provider"` // seconds from the sender's last hop to the provider's border
	InsideProvider float64 `json:"inside_provider"`
	InsideUs       float64 `json:"inside_us"`
	SenderSide     float64 `json:"sender_side"`
	ToUs           float64 `json:"to_us"` // to our border, from the provider or, without one, from the sender
}

// slowLeg is a delay between two hops that is worth a word: a queue that tries again.
const slowLeg = time.Hour

// describe tells of the hops, oldest first, and how long each took.
func (j *judgement) describe() (hops []Hop, legs Legs) {
	hops = make([]Hop, 0, len(j.hops))
	ingress := -1
	for i := range j.hops {
		if j.source != nil && j.origin.Field >= 0 && j.origin.IP.IsValid() && j.hops[i].Field == j.origin.Field {
			ingress = i
		}
	}
	claimed := false
	for i := range j.hops { // newest first, as the trust goes
		h := &j.hops[i]
		out := Hop{Index: len(j.hops) - i, By: quoted(h.By), From: quoted(h.Helo), ID: quoted(h.ID), Kind: string(h.Kind), Proto: quoted(h.Proto), RDNS: quoted(h.RDNS),
			TLS: h.TLS, HeaderIndex: h.Field, Owner: j.owner(i, ingress), verified: received.VerifiedName(j.m, h) != "", Defects: append([]string{}, h.Defects...)}
		if h.IP.IsValid() {
			out.IP = h.IP.String()
		}
		if !h.Time.IsZero() {
			utc := h.Time.UTC()
			out.Time = &utc
		}
		if i+1 < len(j.hops) {
			out.Link = linkOf(h, &j.hops[i+1], j.source)
			claimed = j.delay(i, ingress, &out, &legs, claimed)
		}
		hops = append(hops, out)
	}
	slices.Reverse(hops)
	return hops, legs
}

// delay fills in what lies between hop i and the older one.
func (j *judgement) delay(i, ingress int, out *Hop, legs *Legs, claimed bool) bool {
	if claimed {
		out.Link = linkClaimed
	}
	newer, older := j.hops[i].Time, j.hops[i+1].Time
	if !newer.IsZero() && !older.IsZero() {
		seconds := newer.Sub(older).Seconds()
		out.Delay = &seconds
		*j.leg(i, ingress, legs) += max(seconds, 0)
		if newer.Sub(older) > slowLeg && i < max(ingress, j.at) { // further down the client set a clock
			j.point("slow", 0, j.hops[i].Field, "%s passed before hop #%d: it waited in a queue, or a clock is wrong", clock(seconds), out.Index)
		}
	}
	return claimed || out.Link == linkBroken && !j.own[i]
}

// leg is the part of the way that the step from hop i+1 to i belongs to.
func (j *judgement) leg(i, ingress int, legs *Legs) *float64 {
	switch {
	case j.at >= 0 && i < j.at:
		return &legs.InsideUs
	case j.at >= 0 && i == j.at:
		return &legs.ToUs
	case ingress >= 0 && i < ingress:
		return &legs.InsideProvider
	case ingress >= 0 && i == ingress:
		return &legs.BeforeProvider
	}
	return &legs.SenderSide
}

// owner says whose hop i is: "own", "own:SERVICE", "provider:NAME" or "claimed".
func (j *judgement) owner(i, ingress int) string {
	switch {
	case j.own[i] && j.service[i] != "":
		return "own:" + j.service[i]
	case j.own[i]:
		return "own"
	case j.source != nil && i > j.at && (i <= ingress || ingress < 0 && j.believedTo(i)):
		return "provider:" + j.source.Name
	}
	return "claimed"
}

// believedTo reports whether all hops from the border down to i are the provider's.
func (j *judgement) believedTo(i int) bool {
	for k := j.at + 1; k <= i; k++ {
		if !j.source.boundary.Believes(j.hops[k].By) {
			return false
		}
	}
	return true
}
