package policy

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"mxgate/policy/arc"
	"mxgate/policy/authres"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
	"mxgate/policy/sig"
)

// evidenced is what was found of the seals before the origin was settled.
type evidenced struct {
	body     *sig.Body // hashed once for DKIM and ARC
	chain    arc.Result
	verified bool // chain was, already
}

// settle lets the provider's seal speak about the origin where it shows another
// client than the trace: it is signed, and the trace is not. Then the chain must be
// verified before SPF is asked, and only then. TRACE, Section 7, step 5.
func (c *Collector) settle(ctx context.Context, tx *mail.Transaction, src provider.Source, o *origin, e *Evidence) evidenced {
	found := evidenced{body: sig.NewBody(tx.Message), chain: arc.Result{Status: mail.None}}
	s := sealing{src: src, o: o.trace}
	s.entry, _ = provider.Lookup(src.Provider)
	if !s.o.IP.IsValid() || !s.differs(tx.Message) {
		return found
	}
	found.chain = arc.VerifyBody(ctx, limited(c.Resolver), tx.Message, found.body, tx.ReceivedAt)
	found.verified = true
	if w, ok := s.witness(found.chain); ok {
		border := o.border
		*o = e.walked(s.o.Weigh(w))
		o.border = border // the seal is not where results stand
	}
	return found
}

// sealing is a look at what a provider sealed of a message whose trace shows a
// client.
type sealing struct {
	src   provider.Source
	entry provider.Entry
	o     received.Origin
}

// differs reports whether a field above the border, which may be sealed by the
// provider, shows another client than the trace.
func (s *sealing) differs(m *mail.Message) bool {
	if len(s.entry.ARCDomains) == 0 || s.o.Field > len(m.Fields) {
		return false
	}
	for i, f := range m.Fields[:s.o.Field] {
		if !f.Is("ARC-Authentication-Results") {
			continue
		}
		if w, ok := received.Sealed(f.Value(), i); ok && s.speaks(w) && w.IP != s.o.IP {
			return true
		}
	}
	return false
}

// speaks leaves out what the provider sealed when a message had gone through its
// own hosts once more: it names one of them then. As the origin it would pass SPF
// for every customer of the provider.
func (s *sealing) speaks(w received.Witness) bool {
	return !w.IP.IsValid() || s.own(s.o.IP) || !s.own(w.IP)
}

func (s *sealing) own(a netip.Addr) bool {
	return slices.ContainsFunc(s.src.Ranges, func(p netip.Prefix) bool { return p.Contains(a) })
}

// witness is what the provider sealed on this way, above its border: in a chain
// that holds and whose newest set is its own. Sets of it that show different
// clients show none.
func (s *sealing) witness(chain arc.Result) (w received.Witness, ok bool) {
	if chain.Status != mail.Pass {
		return w, false
	}
	for i := len(chain.Sets) - 1; i >= 0; i-- {
		set := &chain.Sets[i]
		if !s.isProviders(set) {
			if i == len(chain.Sets)-1 {
				return w, false
			}
			continue
		}
		seen, shows := received.Sealed(set.Results, set.Lowest)
		switch {
		case !shows || !s.speaks(seen):
		case !ok:
			w, ok = seen, true
		case w.IP != seen.IP:
			w.IP = netip.Addr{}
		}
	}
	return w, ok
}

// isProviders reports whether the provider made set, when it handed the message
// on to us.
func (s *sealing) isProviders(set *arc.Set) bool {
	field, err := authres.Parse(set.Results)
	return err == nil && !set.Testing && set.Lowest < s.o.Field && slices.ContainsFunc(s.entry.ARCDomains, func(d string) bool { return strings.EqualFold(d, string(set.Sealer)) }) &&
		sealsAs(&s.entry, field.ID)
}
