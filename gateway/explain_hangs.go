package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"mxgate/policy"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// Hangs says what a message would be judged as, once that were known which its file does
// not show. Its names are a contract.
type Hangs struct {
	On     string  `json:"on"`         // "origin": who handed it to the provider; "reverse-path"
	Passes Outcome `json:"spf_passes"` // if the provider handed it over and SPF passes for that address, or it had a reverse-path of the author's domain
	Else   Outcome `json:"else"`
}

// Outcome is a Verdict in short.
type Outcome struct {
	Disposition policy.Disposition `json:"disposition"`
	Reason      policy.Reason      `json:"reason"`
}

// anyOrigin stands for whoever handed the message to the provider.
var anyOrigin = netip.MustParseAddr("192.0.2.1")

// hangs finds out whether v, on a message whose origin is not in its file, hangs on that:
// it is examined once more as if SPF had passed. If so v becomes open, with the findings
// that stand in either case. What could not be asked convicts nobody, and acquits nobody.
func (x *Explainer) hangs(ctx context.Context, tx *mail.Transaction, src provider.Source, e *policy.Evidence, pathKnown bool, v *policy.Verdict) (*Hangs, error) {
	best, given := *tx, policy.Given{Origin: anyOrigin, Helo: x.q.Helo, Peerless: true}
	switch {
	case !pathKnown:
		best.Envelope.ReversePath = mail.Address{Local: "postmaster", Domain: e.Author.Domain}
	case e.ReversePath == "" && given.Helo == "": // a bounce
		given.Helo = string(e.Author.Domain)
	}
	passes := "SPF passes"
	for i := range x.rules.Exceptions {
		if ip, ok := x.rules.Exceptions[i].OriginOf(&e.Author); ok {
			given.Origin, passes = ip, "SPF passes, or an [[exception]] names the address"
		}
	}
	name := best.Envelope.ReversePath.Domain
	if name == "" {
		name = mail.Domain(given.Helo)
	}
	collector := *x.collector
	collector.Resolver = passing{collector.Resolver, string(name), !pathKnown || e.ReversePath == "" && x.q.Helo == ""}
	passed, err := collector.Collect(ctx, &best, src, given)
	if err != nil {
		return nil, err
	}
	h := x.leaveOpen("origin", e, passed, v)
	if h != nil {
		e.DMARC.Why += "; SPF had no address to judge"
		v.Sentence = fmt.Sprintf("The file does not show who handed the mail to the provider, in a way that can be believed. Without that SPF says nothing, and the verdict hangs on it: %s if the provider handed it over and %s, else %s, as live mail with this trace is.",
			h.Passes, passes, h.Else)
		v.Findings[0].Sentence = v.Sentence
	}
	return h, nil
}

// hangsOnPath finds out whether v, on a message whose reverse-path is not in its file,
// hangs on that: it is examined once more as if it had one of the author's domain. If
// SPF passes for that, and it is judged otherwise then, v becomes open.
func (x *Explainer) hangsOnPath(ctx context.Context, tx *mail.Transaction, src provider.Source, given policy.Given, e *policy.Evidence, v *policy.Verdict) (*Hangs, error) {
	best := *tx
	best.Envelope.ReversePath = mail.Address{Local: "postmaster", Domain: e.Author.Domain}
	passed, err := x.collector.Collect(ctx, &best, src, given)
	if err != nil || !passed.DMARC.SPFAligned {
		return nil, err
	}
	h := x.leaveOpen("reverse-path", e, passed, v)
	if h != nil {
		v.Sentence = fmt.Sprintf("The file does not show the reverse-path, for which SPF is asked, and the verdict hangs on it: %s if it was of %s, for whom %s may send, else %s. -mail-from ADDRESS says it.", h.Passes, e.Author.Domain, e.Origin.IP, h.Else)
		v.Findings[0].Sentence = v.Sentence
	}
	return h, nil
}

// leaveOpen makes v open where the message would be judged otherwise on better evidence,
// with the findings that stand in either case; without one that decides as v does.
func (x *Explainer) leaveOpen(on string, e, passed *policy.Evidence, v *policy.Verdict) *Hangs {
	better := policy.Decide(&x.rules, passed)
	h := Hangs{on, Outcome{better.Disposition, better.Reason}, Outcome{v.Disposition, v.Reason}}
	if h.Passes == h.Else {
		return nil
	}
	stands := slices.DeleteFunc(slices.Clone(v.Findings), func(f policy.Finding) bool {
		return f.Reason == policy.Clean || !slices.ContainsFunc(better.Findings, func(b policy.Finding) bool { return b.Reason == f.Reason })
	})
	for _, f := range stands {
		if f.Disposition == v.Disposition { // held in either case
			v.Reason, v.Sentence, v.Findings = f.Reason, f.Sentence, stands
			return nil
		}
	}
	v.Disposition, v.Reason, v.Lifted = policy.Defer, policy.AuthUnavailable, nil
	v.Findings = append([]policy.Finding{{Reason: v.Reason, Disposition: v.Disposition}}, stands...)
	return &h
}

// String is "RELAY (clean)".
func (o Outcome) String() string {
	return fmt.Sprintf("%s (%s)", strings.ToUpper(o.Disposition.String()), o.Reason)
}

// passing is a Resolver by which SPF passes for everybody at a domain by whose record
// anybody can pass, or whose record cannot be had now.
type passing struct {
	dns.Resolver
	name    string
	guessed bool // it may have been another name of the same owner: that has a record
}

func (r passing) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	a, err := r.Resolver.TXT(ctx, name)
	mine := strings.EqualFold(strings.TrimSuffix(name, "."), r.name)
	if mine && (r.guessed || ctx.Err() == nil && errors.Is(err, dns.ErrTemporary)) {
		return dns.Answer[string]{Records: []string{"v=spf1 +all"}}, nil
	}
	if err != nil || !mine {
		return a, err
	}
	a.Records = slices.Clone(a.Records)
	for i, text := range a.Records {
		if strings.HasPrefix(strings.ToLower(text)+" ", "v=spf1 ") && mayPass(text) {
			a.Records[i] = "v=spf1 +all"
		}
	}
	return a, nil
}

// mayPass reports whether somebody can pass by an SPF record: not by "v=spf1 -all".
func mayPass(record string) bool {
	return slices.ContainsFunc(strings.Fields(record)[1:], func(term string) bool {
		i := strings.IndexAny(term, ":/=")
		modifier := i >= 0 && term[i] == '='
		return modifier && strings.EqualFold(term[:i], "redirect") || !modifier && !strings.ContainsAny(term[:1], "-~?")
	})
}
