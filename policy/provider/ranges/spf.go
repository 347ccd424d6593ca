package ranges

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"mxgate/policy/dns"
)

// Bounds of what the records of a provider can make us ask and hold. An SPF check
// may ask ten times (RFC 7208, Section 4.6.4); a list is made seldom, and for
// several names.
const (
	maxQuestions    = 200
	maxDepth        = 10
	maxRanges       = 10_000
	maxUnread       = 100
	maxExchangers   = 10 // of one mx term, as in RFC 7208
	maxRecordOctets = 16 << 10
)

// Errors of SPF, Hosts and Document. An error of the resolver is wrapped as it is.
var (
	ErrNothing = errors.New("ranges: nothing is published there")
	ErrBounds  = errors.New("ranges: more than a provider publishes")
	ErrBadForm = errors.New("ranges: cannot be read")
)

// List is what is published in one or more places.
type List struct {
	Ranges []netip.Prefix // the fewest that hold the addresses, sorted; never empty without an error
	From   []Place        // where it was read
	// Unread tells, for people, what else stands there and may mean addresses:
	// with it, Ranges may be too few or too many. Text of a provider is quoted.
	Unread []string
}

// expansion is one run of SPF or Hosts.
type expansion struct {
	dns  dns.Resolver
	seen map[string]bool // names whose record was read
	List
}

func newExpansion(r dns.Resolver) *expansion {
	return &expansion{dns: dns.Limited(r, maxQuestions), seen: map[string]bool{}}
}

// SPF returns the addresses that the SPF records of names authorize, with what
// they include.
//
// Trouble that may pass is an error, and so are a name without a record
// (ErrNothing), a record that is not one (ErrBadForm) and more than a provider
// can have to say (ErrBounds). RFC 7208, Sections 4.5, 5 and 6.1.
func SPF(ctx context.Context, r dns.Resolver, names ...string) (List, error) {
	e := newExpansion(r)
	for _, name := range names {
		e.From = append(e.From, Place{KindSPF, name})
		if err := e.record(ctx, name, 0); err != nil {
			return List{}, err
		}
	}
	return finish(e.List)
}

// Hosts returns the addresses of host names.
func Hosts(ctx context.Context, r dns.Resolver, names ...string) (List, error) {
	e := newExpansion(r)
	for _, name := range names {
		e.From = append(e.From, Place{KindHosts, name})
		if err := e.host(ctx, name, 32, 128); err != nil {
			return List{}, err
		}
	}
	return finish(e.List)
}

// finish checks and orders a list.
func finish(l List) (List, error) {
	if len(l.Ranges) == 0 {
		var in []string
		for _, place := range l.From {
			in = append(in, place.String())
		}
		if in == nil { // a document: whoever has fetched it names it
			in = []string{"it"}
		}
		return List{}, fmt.Errorf("%w: no address in %s", ErrNothing, strings.Join(in, ", "))
	}
	l.Ranges = Join(l.Ranges)
	return l, nil
}

func (e *expansion) add(p netip.Prefix) error {
	if len(e.Ranges) == maxRanges {
		return fmt.Errorf("%w: over %d ranges", ErrBounds, maxRanges)
	}
	e.Ranges = append(e.Ranges, p.Masked())
	return nil
}

// unread notes a term of name that names no address, or takes some away.
func (e *expansion) unread(name, term, why string) {
	if len(e.Unread) < maxUnread {
		e.Unread = append(e.Unread, fmt.Sprintf("%.80q in the record of %s %s", term, name, why))
	}
}

// record reads the SPF record of name. One that was read before is not again: it
// adds nothing, and two that include each other would never end.
func (e *expansion) record(ctx context.Context, name string, depth int) error {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if e.seen[name] {
		return nil
	}
	e.seen[name] = true
	answer, err := e.dns.TXT(ctx, name)
	if err != nil && !errors.Is(err, dns.ErrNotFound) {
		return bounded(err)
	}
	var records []string
	for _, txt := range answer.Records {
		if version, _, _ := strings.Cut(txt, " "); strings.EqualFold(version, "v=spf1") {
			records = append(records, txt)
		}
	}
	switch {
	case len(records) == 0:
		return fmt.Errorf("%w: %s has no SPF record", ErrNothing, name)
	case len(records) > 1: // RFC 7208, Section 4.5
		return fmt.Errorf("%w: %s has %d SPF records", ErrBadForm, name, len(records))
	case len(records[0]) > maxRecordOctets:
		return fmt.Errorf("%w: the SPF record of %s has over %d octets", ErrBounds, name, maxRecordOctets)
	}
	return e.terms(ctx, name, records[0], depth)
}

func (e *expansion) terms(ctx context.Context, name, record string, depth int) error {
	redirect, all := "", false
	for term := range strings.SplitSeq(record[len("v=spf1"):], " ") {
		if target, ok := cutFold(term, "redirect="); ok {
			redirect = target
			continue
		}
		all = all || strings.EqualFold(strings.TrimLeft(term, "+-~?"), "all")
		if err := e.term(ctx, name, term, depth); err != nil {
			return err
		}
	}
	if redirect == "" || all { // RFC 7208, Section 6.1
		return nil
	}
	return e.other(ctx, name, "redirect="+redirect, redirect, depth)
}

// term adds what one mechanism names. RFC 7208, Section 5.
func (e *expansion) term(ctx context.Context, name, term string, depth int) error {
	mechanism := strings.TrimPrefix(term, "+")
	if mechanism == "" {
		return nil
	}
	end := strings.IndexAny(mechanism, ":/=")
	if end < 0 {
		end = len(mechanism)
	}
	kind, rest := strings.ToLower(mechanism[:end]), mechanism[end:]
	bare := strings.TrimLeft(kind, "-~?")
	switch {
	case bare == "all" && bare != kind: // "-all": nobody else
		return nil
	case bare != kind:
		e.unread(name, term, "takes addresses away, or says nothing of them")
		return nil
	case strings.HasPrefix(rest, "="): // exp=, and modifiers that nobody knows
		return nil
	}
	switch kind {
	case "ip4", "ip6":
		p, ok := literal(strings.TrimPrefix(rest, ":"), kind == "ip4")
		if !ok {
			return fmt.Errorf("%w: %.80q in the SPF record of %s", ErrBadForm, term, name)
		}
		return e.add(p)
	case "include":
		return e.other(ctx, name, term, strings.TrimPrefix(rest, ":"), depth)
	case "a", "mx":
		return e.hosts(ctx, name, term, kind, rest)
	case "all":
		e.unread(name, term, "authorizes everybody")
	case "exists", "ptr":
		e.unread(name, term, "names no address")
	default:
		return fmt.Errorf("%w: %.80q in the SPF record of %s", ErrBadForm, term, name)
	}
	return nil
}

// other follows an include or a redirect. One that leads nowhere is the
// provider's slip: what else it names still counts, and the slip is told.
func (e *expansion) other(ctx context.Context, name, term, target string, depth int) error {
	if strings.Contains(target, "%") {
		e.unread(name, term, "depends on the message")
		return nil
	}
	if depth == maxDepth {
		return fmt.Errorf("%w: includes %d deep at %s", ErrBounds, maxDepth, name)
	}
	err := e.record(ctx, target, depth+1)
	if errors.Is(err, ErrNothing) {
		e.unread(name, term, "leads to no SPF record")
		return nil
	}
	return err
}

// bounded tells an error of the resolver; a spent limit is a bound of ours.
func bounded(err error) error {
	if errors.Is(err, dns.ErrLimit) {
		return fmt.Errorf("%w: over %d questions", ErrBounds, maxQuestions)
	}
	return fmt.Errorf("ranges: %w", err)
}

// literal reads what follows "ip4:" or "ip6:". Host bits are allowed there.
func literal(text string, four bool) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	return p, p.Addr().Is4() == four && !p.Addr().Is4In6()
}

// cutFold is strings.CutPrefix without regard to case.
func cutFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}
