package memory

import (
	"slices"

	"mxgate/policy"
	"mxgate/policy/mail"
)

// A domain that is known for itself is a Shadow in this message where it stands
// beside an older one that it is kin of (kin.go) and that matters to the message, or
// came after a participant of the conversation that it resembles. Who took part
// himself was held against the others then.

// shadeAuthor makes the author a Shadow of whom the recipients know, the conversation
// had, or the message shows: who gets pasted what another one was written need know
// neither. Of one who is none it tells with whom he is contested.
func (s *Store) shadeAuthor(k *policy.KnownDomain, a *asked) {
	d := s.shaded(k)
	if d == nil {
		return
	}
	matters := func(old *domain) bool { return s.ram.know(&a.eyes, old) || a.shows(old) }
	kin := s.ram.kin(d.name)
	of := s.ram.outshone(d, kin, a.at, matters)
	if of == "" {
		of = s.ram.elderTwin(d, a.at, matters)
	}
	if of == "" && !slices.Contains(a.participants, d.name) {
		of = s.ram.besides(d, a.full, a)
	}
	if of != "" {
		k.State, k.ShadowOf = policy.Shadow, of
		return
	}
	k.Contested = s.ram.contested(d, kin, a.at)
}

// shadeShown makes one that the message shows as full a Shadow of another one, of the
// author, or of a participant.
func (s *Store) shadeShown(k *policy.KnownDomain, full mail.Domain, a *asked) {
	d := s.shaded(k)
	if d == nil {
		return
	}
	if a.company == nil {
		c := s.ram.company(a)
		a.company = &c
	}
	of := s.ram.outshone(d, a.company.kin(d.name, s.ram.near), a.at, func(*domain) bool { return true })
	if of == "" && !slices.Contains(a.participants, d.name) {
		of = s.ram.besides(d, full, a)
	}
	if of != "" {
		k.State, k.ShadowOf = policy.Shadow, of
	}
}

// shaded is the domain that k tells of, if it may be a Shadow and is none; or nil.
func (s *Store) shaded(k *policy.KnownDomain) *domain {
	d := s.ram.byName[k.Domain]
	if d == nil || d.ours || k.State == policy.Shadow || k.State == policy.Unseen || s.ram.protected[d.name] {
		return nil
	}
	return d
}
