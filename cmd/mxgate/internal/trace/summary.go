package trace

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// maxListed bounds each list of a report.
const maxListed = 200

// Report is what an archive shows as a whole. Its names are a contract and stand
// in alphabetical order.
type Report struct {
	Attached       int           `json:"attached"`       // messages inside others; they are in no other figure
	AttachedFound  int           `json:"attached_found"` // of them those that came past the provider, if they are genuine
	Authors        []Counted     `json:"authors"`        // From domains of what came past the provider
	Copies         int           `json:"copies"`         // further copies of messages; they are in no other figure, except recipients
	Delays         []Delay       `json:"delays"`
	Direct         []DirectPeer  `json:"direct"`
	DirectFailing  int           `json:"direct_failing"`   // direct, and SPF or DMARC failed
	DirectWithAuth int           `json:"direct_with_auth"` // direct, and SPF or DMARC was told by ours
	First          *time.Time    `json:"first"`
	Last           *time.Time    `json:"last"`
	Messages       int           `json:"messages"`
	Months         []Month       `json:"months"`
	Networks       []Counted     `json:"networks"` // of direct peers, /24 and /64
	Old            []OldSource   `json:"old"`
	Proposals      []Proposal    `json:"proposals"`
	Recipients     []Counted     `json:"recipients"`
	Undetermined   []Counted     `json:"undetermined"`
	Unreadable     int           `json:"unreadable"` // files and messages that could not be read; they are in no other figure
	Verdicts       []VerdictPart `json:"verdicts"`
}

// Counted is a thing with how often it was seen.
type Counted struct {
	Count int    `json:"count"`
	What  string `json:"what"`
}

// VerdictPart is how many messages have a verdict.
type VerdictPart struct {
	Count   int     `json:"count"`
	Verdict Verdict `json:"verdict"`
}

// Month is what came in a month, UTC: "2026-11", or "unknown".
type Month struct {
	Counts map[Verdict]int `json:"counts"`
	Month  string          `json:"month"`
}

// DirectPeer is a host that delivered past the provider.
type DirectPeer struct {
	Contradicted  int        `json:"contradicted"` // messages that claim to have been at a provider
	Count         int        `json:"count"`
	First         *time.Time `json:"first"`
	Helo          string     `json:"helo"` // the last one
	IP            string     `json:"ip"`   // "::" for all that were too many to be told apart
	Last          *time.Time `json:"last"`
	Network       string     `json:"network"`
	Passing       int        `json:"passing"` // messages whose SPF and DMARC did not fail
	RDNS          string     `json:"rdns"`    // verified by our server; else empty
	TopConfidence int        `json:"top_confidence"`
}

// OldSource is a provider that was left and whose mail still comes.
type OldSource struct {
	Count     int        `json:"count"`
	Ended     time.Time  `json:"ended"` // its last day
	First     *time.Time `json:"first"`
	Last      *time.Time `json:"last"`
	Source    string     `json:"source"`
	StillDays int        `json:"still_days"` // from the last day to the last message

	ranges map[string]int
}

// Delay tells how long a part of the way took by one source, in seconds.
type Delay struct {
	Count  int     `json:"count"`
	Leg    string  `json:"leg"`
	Max    float64 `json:"max"`
	P50    float64 `json:"p50"`
	P95    float64 `json:"p95"`
	Source string  `json:"source"` // or, without one, the verdict
}

// Proposal is something to do.
type Proposal struct {
	Do   string `json:"do"` // "close", "except", "add-range", "configure"
	Text string `json:"text"`
	What string `json:"what"` // the range, peer or key
}

// Report returns what was gathered so far.
func (a *Archive) Report() Report {
	r := a.r
	totals := map[Verdict]int{}
	for _, month := range slices.Sorted(maps.Keys(a.months)) {
		r.Months = append(r.Months, Month{a.months[month], month})
		for v, n := range a.months[month] {
			totals[v] += n
		}
	}
	for _, v := range Verdicts {
		r.Verdicts = append(r.Verdicts, VerdictPart{totals[v], v})
	}
	networks := map[string]int{}
	for _, p := range a.peers {
		r.Direct = append(r.Direct, *p)
		networks[p.Network] += p.Count
	}
	slices.SortFunc(r.Direct, func(x, y DirectPeer) int { return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.IP, y.IP)) })
	for _, name := range slices.Sorted(maps.Keys(a.old)) {
		r.Old = append(r.Old, *a.old[name])
	}
	r.Networks = ranked(networks, maxListed)
	r.Recipients, r.Authors, r.Undetermined = ranked(a.recipients, maxListed), ranked(a.authors, maxListed), ranked(a.reasons, maxListed)
	r.Delays = a.delays()
	r.Proposals = a.proposals(&r)
	r.Direct = r.Direct[:min(len(r.Direct), maxListed)]
	return r
}

func (a *Archive) delays() []Delay {
	list := []Delay{}
	keys := slices.SortedFunc(maps.Keys(a.legs), func(x, y legKey) int { return cmp.Or(cmp.Compare(x.source, y.source), cmp.Compare(x.leg, y.leg)) })
	for _, k := range keys {
		samples := slices.Clone(a.legs[k])
		slices.Sort(samples)
		list = append(list, Delay{Count: len(samples), Leg: legNames[k.leg], Source: k.source,
			P50: percentile(samples, 50), P95: percentile(samples, 95), Max: float64(samples[len(samples)-1])})
	}
	return list
}

// exceptFrom is how many messages a direct peer with a verified name must have
// sent, none of them failing SPF or DMARC, to be proposed as an exception.
const exceptFrom = 10

// proposals says what to do about what was found.
func (a *Archive) proposals(r *Report) []Proposal {
	list := append([]Proposal{}, a.gapProposals()...) // first: else all below is about half of it
	add := func(do, what, format string, args ...any) {
		list = append(list, Proposal{Do: do, What: what, Text: fmt.Sprintf(format, args...)})
	}
	for _, o := range r.Old {
		last := "no legitimate use in this archive"
		if t := a.lastUse[o.Source]; !t.IsZero() {
			last = "last legitimate use " + day(t)
		}
		for _, c := range ranked(o.ranges, maxListed) {
			add("close", c.What, "range %s of %q, left on %s: %s, %s since, the last on %s", c.What, o.Source, day(o.Ended), last, messages(c.Count), dayOf(o.Last))
		}
	}
	for _, p := range r.Direct {
		if len(list) >= maxListed {
			break
		}
		if p.RDNS != "" && p.Count >= exceptFrom && p.Passing == p.Count && p.Contradicted == 0 {
			add("except", p.IP, "peer %s (%s): %s from %s to %s, name verified, SPF and DMARC did not fail: [[permitted]] if you know it, else close", p.IP, p.RDNS, messages(p.Count), dayOf(p.First), dayOf(p.Last))
		}
	}
	incomplete := slices.ContainsFunc(a.config.Sources, func(s Source) bool { return !s.Complete })
	for _, p := range r.Direct {
		if incomplete && p.Contradicted > 0 && len(list) < maxListed {
			add("add-range", p.IP, "%s of peer %s (%s) name a provider whose list of ranges may be incomplete: add the peer if it is the provider's, before you close anything", messages(p.Contradicted), p.IP, or(p.RDNS, "no verified name"))
		}
	}
	if len(r.Direct) > 0 {
		add("close", "port 25", "port 25 to all but the providers in force and [[permitted]]: %s delivered past them", counted(len(r.Direct), "peer", "peers"))
	}
	for _, source := range slices.Sorted(maps.Keys(a.reverse)) {
		for _, c := range ranked(a.reverse[source], maxListed) {
			if _, err := netip.ParseAddr(c.What); err == nil {
				add("add-range", c.What, "range of %q that holds %s: %s came from there, and our server verified the name", source, c.What, messages(c.Count))
			}
		}
	}
	return append(list, a.settings()...)
}

// settings says what to put into the configuration so that less is undetermined.
func (a *Archive) settings() (list []Proposal) {
	for _, c := range ranked(a.reasons, maxListed) {
		what, text := "", ""
		switch c.What {
		case "no-boundary":
			what, text = "hosts", "names the servers that wrote the newest Received field"+a.newestWriters()
		case "hidden-peer":
			what, text = "hosts", "names our servers behind the first one; where that stands behind a proxy, let it record the client (PROXY protocol, XCLIENT)"
		case "no-provider":
			what, text = "source", "names the providers in front of us, with their dates"
		case reasonRanges:
			what, text = "ranges", "holds all addresses of that provider"
		case "foreign-tenant":
			what, text = "tenant", "tells our mail from that of the service's other customers"
		default:
			continue
		}
		list = append(list, Proposal{Do: "configure", What: what, Text: fmt.Sprintf("%s, so that it %s: %s undetermined (%s)", what, text, messages(c.Count), c.What)})
	}
	return list
}

// shownWriters is how many are named who may be ours.
const shownWriters = 5

// newestWriters names those who wrote the newest hop most often.
func (a *Archive) newestWriters() string {
	var names []string
	for _, c := range ranked(a.writers, shownWriters) {
		names = append(names, fmt.Sprintf("%s (%d)", c.What, c.Count))
	}
	return " if they are ours, " + strings.Join(names, ", ")
}

// domainOf leaves out the first label of a name that has three or more: the hosts
// of a farm are many.
func domainOf(host string) string {
	if _, rest, ok := strings.Cut(host, "."); ok && strings.Contains(rest, ".") && strings.ContainsAny(rest, "abcdefghijklmnopqrstuvwxyz") {
		return "*." + rest
	}
	return or(host, "a host without a name")
}

func messages(n int) string { return counted(n, "message", "messages") }

func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func dayOf(t *time.Time) string {
	if t == nil {
		return "an unknown day"
	}
	return day(*t)
}
