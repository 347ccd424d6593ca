package memory

import (
	"slices"
	"time"

	"mxgate/gateway/memory/digest"
	"mxgate/gateway/memory/table"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// meet notes contact with the author domain, or with the domains that we write
// to, and returns the author with his standing in it; nil if it teaches nothing
// about him.
func (l *learner) meet(g *digest.Digest, at time.Time) (*domain, policy.State) {
	if g.Outbound {
		own := l.byName[g.Author]
		if own == nil || !own.ours {
			return nil, policy.Unseen // none of ours wrote it
		}
		l.write(g, at)
		return own, policy.TwoWay
	}
	if !g.Aligned || g.Author == "" {
		return nil, policy.Unseen
	}
	d := l.domain(g.Author, g, at, itWrote)
	if d == nil || d.ours {
		return d, l.state(d, at)
	}
	d.in++
	if _, again := l.IDs.Get(g.ID); g.ID != 0 && !again && l.signed(d, g.SignedBy, at) { // one message proves once
		l.changed.domain(d)
	}
	if g.Resembles != "" {
		l.tell(d, g, at)
	}
	e := l.eyes(g)
	state, _ := l.standing(d, g.Full, &e, at)
	l.contact(d, state, g, at)
	state, _ = l.standing(d, g.Full, &e, at)
	if g.CitesOwn && state == policy.Established && l.believable(g) {
		l.answer(d, state)
		state = policy.TwoWay
	}
	return d, state
}

// write notes contact with the domains that we write to.
func (l *learner) write(g *digest.Digest, at time.Time) {
	l.lastOut = max(l.lastOut, g.Day)
	e := l.eyes(g)
	var met []mail.Domain
	for _, r := range g.Recipients {
		if slices.Contains(met, r.Domain) {
			continue
		}
		met = append(met, r.Domain)
		if d := l.domain(r.Domain, g, at, weWrote); d != nil && !d.ours {
			d.out++
			state, _ := l.standing(d, r.Full, &e, at)
			l.contact(d, state, g, at)
			state, _ = l.standing(d, r.Full, &e, at)
			l.answer(d, state)
		}
	}
}

// eyes are those of ours who have to do with a message.
func (l *learner) eyes(g *digest.Digest) eyes {
	l.boxes = l.boxes[:0]
	if g.Outbound {
		l.boxes = append(l.boxes, g.Writer)
	} else {
		for _, r := range g.Recipients {
			l.boxes = append(l.boxes, r.Mailbox)
		}
	}
	return eyes{mailboxes: l.boxes}
}

// answer notes that we write to d, unless it is a shadow: victims answer too.
func (l *learner) answer(d *domain, state policy.State) {
	if !d.answered && state != policy.Shadow {
		d.answered = true
		l.changed.domain(d)
	}
}

// tell makes a Shadow of d, whose mail was judged to resemble target: one that
// can throw a shadow and was there before. What hardly anybody knows makes none,
// however much alike the two are: one message of a stranger in advance would be
// enough to keep an honest newcomer down. Nor does a name below d that d itself
// does not resemble: of many who write below it one is to blame.
func (l *learner) tell(d *domain, g *digest.Digest, at time.Time) {
	target := g.Resembles
	old := l.byName[target]
	switch {
	case d.name == target || d.established || l.protected[d.name] || l.freed(d, target, at):
		return
	case !l.protected[target] && (old == nil || !l.shadows(old, d, at)):
		return
	case d.told && d.shadowOf == target:
		return
	case g.Full != "":
		if m, ok := lookalike.Compare(d.name, target); !ok || m.Confidence < threadConfidence {
			return
		}
	}
	d.shadowOf, d.told = target, true
	l.changed.domain(d)
}

// believable reports whether the citation of an id of ours can be believed. Where our
// own mail is taught, the id must belong to a thread in which one of ours wrote;
// where it is not, any id that names us must do, and can be made up: who does that
// has still been established, and no older domain's look-alike.
func (l *learner) believable(g *digest.Digest) bool {
	if l.lastOut == 0 || g.Day > l.lastOut+maxOutAge {
		return true
	}
	var t table.Thread
	for _, id := range g.Cited {
		f, ok := l.IDs.Get(id)
		if !ok || !l.Thread(f.Thread(), &t) {
			continue
		}
		for i := range t.Len() {
			if id, wrote := t.Member(i); wrote && l.byID[id] != nil && l.byID[id].ours {
				return true
			}
		}
	}
	return false
}

// occasion is why a domain is looked up.
type occasion int

const (
	wasNamed occasion = iota // by somebody else
	itWrote
	weWrote
)

// domain returns the domain of a name that g shows, entered if it is new and the
// day's limit allows it; nil otherwise. It is judged at its first contact. Those
// that we write to are under no limit: no stranger makes us do that.
func (l *learner) domain(name mail.Domain, g *digest.Digest, at time.Time, why occasion) *domain {
	if name == "" {
		return nil
	}
	d := l.byName[name]
	if d == nil {
		if l.day.domains >= l.limits.NewDomains && why != weWrote {
			return nil
		}
		if d = l.enter(&domain{name: name, named: g.Day}); d == nil {
			return nil
		}
		l.day.domains++
		l.changed.domain(d)
	}
	if why != wasNamed && !d.ours && d.first == 0 {
		d.first, d.second = g.Day, g.Second // the judge asks who was first
		d.shadowOf = l.judge(d, d.name, at)
		l.changed.domain(d)
	}
	if g.Day > d.named && d.first == 0 {
		d.named = g.Day
		l.changed.domain(d)
	}
	return d
}

// contact counts a day of contact, and establishes what is ripe and still no
// look-alike of an older domain: that one may have been established meanwhile. A
// message in which d stands as a shadow establishes nothing.
func (l *learner) contact(d *domain, standing policy.State, g *digest.Digest, at time.Time) {
	if d.touched(g.Day, g.Second) {
		l.changed.domain(d)
	}
	l.changed.counted(d)
	if d.established || !d.ripe() || d.out == 0 && l.day.promotions >= l.limits.Promotions {
		return
	}
	holds := d.shadowOf != "" && l.stands(d.shadowOf, at)
	switch l.state(d, at) {
	case policy.Shadow:
		if holds {
			return
		}
	default:
		if standing == policy.Shadow {
			return
		}
	}
	l.changed.domain(d)
	of := l.judge(d, d.name, at)
	if of == "" && holds { // freed from it; the decision may end
		of = d.shadowOf
	}
	d.told = d.told && of == d.shadowOf
	if d.shadowOf = of; l.state(d, at) == policy.Shadow {
		return
	}
	l.day.promotions++
	d.established = true
	l.settle(d, at)
	l.changed.stand = true
}
