package trace

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"mxgate/policy"
	"mxgate/policy/arc"
	"mxgate/policy/authres"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
)

// claimed returns the source whose host the hop below the border names as its
// writer, one in force before others.
func (j *judgement) claimed() (found *Source) {
	if j.at+1 >= len(j.hops) {
		return nil
	}
	for i := range j.t.config.Sources {
		s := &j.t.config.Sources[i]
		if s.boundary.Believes(j.hops[j.at+1].By) && (found == nil || j.inForce(s)) {
			found = s
		}
	}
	return found
}

// markers notes fields of a provider that did not carry the message.
func (j *judgement) markers(s *Source) {
	for _, marker := range s.entry.Markers {
		for i, f := range j.m.Fields {
			if f.Is(marker.Name) || marker.Prefix && len(f.Name) > len(marker.Name) && strings.EqualFold(f.Name[:len(marker.Name)], marker.Name) {
				j.point("marker-without-hop", 0, i, "%s is present without a hop of %q: forged, or of the sender's side", quoted(f.Name), s.Name)
				return
			}
		}
	}
}

// throughProvider reads what the provider wrote below the border.
func (j *judgement) throughProvider(ctx context.Context) {
	s := j.source
	j.findOrigin()
	below, first := j.at+1 < len(j.hops), -1
	if below {
		first = j.hops[j.at+1].Field
	}
	switch {
	case below && s.boundary.Believes(j.hops[j.at+1].By):
		j.point("provider-hop", weightProviderHop, first, "the hop below was written by %s of %q", quoted(j.hops[j.at+1].By), s.Name)
		j.tenant(first)
	case below && len(s.boundary.ReceivedBy)+len(s.boundary.Ingress) > 0:
		j.contradict("no-provider-hop", weightContradiction, first, "came from %q, but the hop below was not written by it: another customer's way, or its own mail", s.Name)
	}
	j.arc(ctx)
	j.madeInside()
}

// madeInside gives what nobody outside handed to the provider a verdict of its own.
func (j *judgement) madeInside() {
	if j.verdict != ViaCurrent {
		return
	}
	switch j.origin.Class {
	case received.ByProvider:
		j.verdict = ProviderOrigin
		j.why += ", and it was made there, without a reverse-path: a bounce or a reply of a machine"
	case received.WithinProvider:
		j.verdict = Internal
		j.why += ", and nobody outside handed it in there: any customer of the provider can send such mail"
	case received.WithinTenant:
		j.verdict = Internal
		j.why += ", and nobody outside handed it in there: it says that the customer is ours"
	}
}

// findOrigin finds the provider's client in what stands below our border: above
// it nobody's fields are the provider's.
func (j *judgement) findOrigin() {
	border := j.hops[j.at].Field + 1
	below := *j.m
	below.Fields = j.m.Fields[border:]
	tx := policy.FileTransaction(j.m, j.when)
	if !slices.ContainsFunc(j.m.Fields[:border], func(f mail.Field) bool { return f.Is("Return-Path") }) { // not known is not empty
		tx.Envelope.ReversePath = mail.Address{Local: "unknown"}
	}
	tx.Message = &below
	j.origin = received.Find(tx, j.source.boundary)
	if j.origin.Field >= 0 {
		j.origin.Field += border
	}
	j.origin.Why = renumbered(j.origin.Why, len(j.hops)-j.at-1)
	if j.at+1 == len(j.hops) && !j.origin.IP.IsValid() {
		j.origin.Why = "no hop stands below the one of our server, so nothing tells who handed it to the provider"
	}
}

// renumbered puts our numbers of hops, of which the oldest is 1, into what package
// received says of a list whose newest hop, its first, has the number newest.
func renumbered(why string, newest int) string {
	rest, ok := strings.CutPrefix(why, "Received #")
	digits, behind, spaced := strings.Cut(rest, " ")
	n, err := strconv.Atoi(digits)
	if !ok || !spaced || err != nil {
		return why
	}
	return fmt.Sprintf("hop #%d %s", newest-n+1, behind)
}

// tenant compares the customer that the provider's border names with us.
func (j *judgement) tenant(field int) {
	s := j.source
	if s.Tenant == "" {
		return
	}
	bound := provider.Source{Provider: s.Provider, Bind: []provider.Binding{{Kind: provider.BindTenant, Names: []string{s.Tenant}}}}
	switch t := bound.Judge(provider.Facts{Ingress: j.origin.By, Message: j.m}); t.State {
	case provider.Bound:
		j.point("tenant", weightOwnResults, field, "the provider's hop names our tenant %s", s.Tenant)
	case provider.Foreign:
		j.verdict, j.why = Direct, fmt.Sprintf("it came through %q, but for another customer: the ranges are shared by all", s.Name)
		j.contradict("other-tenant", 0, field, "the provider's host %s is not one of our tenant %s: another customer of %q delivered to us", quoted(j.origin.By), s.Tenant, s.Name)
	}
}

// arc verifies the chain of seals, if keys may be asked for, and compares what
// the provider sealed with the client that its hop shows.
func (j *judgement) arc(ctx context.Context) {
	e := &j.source.entry
	if j.t.resolver == nil || len(e.ARCDomains) == 0 || len(j.m.Named("ARC-Seal")) == 0 {
		return
	}
	r := arc.Verify(ctx, j.t.resolver, j.m, j.when)
	if r.Status != mail.Pass {
		j.point("arc-not-verified", 0, -1, "ARC: %s", quoted(r.Why))
		return
	}
	newest := r.Sets[len(r.Sets)-1]
	if newest.Testing || !withinAny(e.ARCDomains, string(newest.Sealer)) || newest.Lowest > j.providersEnd() {
		return
	}
	j.point("arc-verified", weightARC, -1, "ARC set %d was sealed by %s and holds", newest.Instance, newest.Sealer)
	w, ok := received.Sealed(newest.Results, -1)
	if !ok {
		return
	}
	if j.origin.IP.IsValid() && w.IP != j.origin.IP {
		j.contradict("arc-client", weightContradiction, -1, "the provider's seal names another client than its hop, %s", j.origin.IP)
	}
	j.origin = j.origin.Weigh(w)
}

// providersEnd is the index of the last field that the provider can have written
// on this way. A seal below it is of another way, and may have come with the message.
func (j *judgement) providersEnd() int {
	end := len(j.m.Fields)
	for i := j.at + 1; i < len(j.hops); i++ {
		end = j.hops[i].Field
		if end == j.origin.Field || !j.source.boundary.Believes(j.hops[i].By) {
			break
		}
	}
	return end
}

// clients returns the addresses that results name as that of a client.
func clients(f authres.Field) map[netip.Addr]bool {
	found := map[netip.Addr]bool{}
	add := func(text string) {
		if ip, err := netip.ParseAddr(strings.Trim(text, "[]();,")); err == nil && ip.Zone() == "" {
			found[ip.Unmap()] = true
		}
	}
	for _, method := range f.Methods {
		for _, p := range method.Properties {
			if name := strings.ToLower(p.Name); name == "iprev" || name == "remote-ip" || name == "client-ip" {
				add(p.Value)
			}
		}
		if method.Name != "spf" && method.Name != "iprev" {
			continue
		}
		// "sender IP is 192.0.2.1", "domain of a@b designates 192.0.2.1 as ..."
		words := strings.Fields(method.Comment)
		for i, w := range words {
			if i > 0 && (words[i-1] == "is" || words[i-1] == "designates" || words[i-1] == "designate") || strings.HasPrefix(w, "client-ip=") {
				add(strings.TrimPrefix(w, "client-ip="))
			}
		}
	}
	return found
}
