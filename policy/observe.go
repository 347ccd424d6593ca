package policy

import (
	"slices"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/thread"
)

// observation is what may be learned from the message as far as the conversation
// tells: what q asks about, and whom it is to.
func (s *scene) observation(q Question) Observation {
	o := Observation{At: q.At, ID: s.conv.ID, Author: q.Author, Name: q.shown(), Recipients: q.Recipients, Cited: q.Cited, Accounts: q.Accounts, List: s.conv.List}
	for _, p := range s.conv.Parties {
		if (p.Where == thread.To || p.Where == thread.Cc) && p.Domain != "" && !slices.Contains(o.Parties, p.Domain) {
			o.Parties = append(o.Parties, p.Domain)
		}
	}
	return o
}

// Observe says what a Memory may learn from a message, once it was relayed with
// the verdict v. It reports false if nothing: the message was held or refused, no
// memory was asked about it, or e was stored, which keeps no ids.
//
// What was tagged for whom it resembles teaches that such a domain wrote, and
// whom it resembles, and nothing else: a look-alike becomes no participant by
// being delivered. Who was added to a conversation as a look-alike, and accounts
// in mail that is suspect, are not learned either.
func Observe(e *Evidence, v Verdict) (Observation, bool) {
	o := e.learnable
	if o.At.IsZero() || v.Disposition != Relay && v.Disposition != Tag {
		return Observation{}, false
	}
	o.Aligned = e.Aligned()
	o.Outbound = e.OwnDomain != "" && o.Aligned
	for _, s := range e.DKIM {
		if s.Result == mail.Pass && !s.Testing && !slices.Contains(o.SignedBy, s.Domain) {
			o.SignedBy = append(o.SignedBy, s.Domain)
		}
	}
	suspect := func(reasons ...Reason) bool {
		return slices.ContainsFunc(v.Findings, func(f Finding) bool { return slices.Contains(reasons, f.Reason) })
	}
	like := e.resembles()
	if suspect(StolenThread, Impostor, Impersonated) || suspect(LookalikeDomain) && like != "" {
		o.ID, o.Name, o.Cited, o.Parties, o.Accounts, o.SignedBy = "", "", nil, nil, nil, nil
		o.Resembles = like
		return o, true
	}
	if suspect(LookalikeDomain, AddedLookalikes, ReplyDiversion) {
		o.Accounts = nil
		o.Parties = slices.DeleteFunc(slices.Clone(o.Parties), func(d mail.Domain) bool {
			return slices.ContainsFunc(e.Thread.Added, func(s Similar) bool { return d.Within(s.Domain) })
		})
	}
	return o, true
}

// resembles is whom the author domain resembles the most; "" if nobody. What has
// somebody's name and a word in it, and is nearer to nobody, is worth a warning in
// that one's conversation, or beside a pretext, but it is no look-alike of his for ever.
func (e *Evidence) resembles() mail.Domain {
	for i := range e.Thread.Similar {
		if s := &e.Thread.Similar[i]; e.counts(s) && !s.Kin && (s.Confidence >= leastElse || inLetters(s.Class)) && e.excused(s.Domain, s.Target, s.SameOwner) == "" {
			return s.Target
		}
	}
	for i := range e.Lookalike {
		if l := &e.Lookalike[i]; l.Where == "author" && l.notable() {
			return lookalike.Registrable(l.Target)
		}
	}
	return ""
}
