package memory

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"mxgate/gateway/calendar"
	"mxgate/gateway/memory/digest"
	"mxgate/gateway/memory/table"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// Allow writes an administrator's word on a pair of domains; Decision.Allow says
// which word it is. It replaces an earlier one on the same pair and recipient. It
// is on the disk when Allow returns, and in force in the server within a second.
//
// Both domains are taken as registrable ones. Expires zero is for ever.
func (s *Store) Allow(ctx context.Context, d policy.Decision) error {
	d.Sender, d.Target = s.digester.Registrable(d.Sender), s.digester.Registrable(d.Target)
	d.Recipient, d.Who, d.Why = strings.ToLower(d.Recipient), clip(d.Who), clip(d.Why)
	d.At, d.Expires = fromNanos(nanos(d.At)), fromNanos(nanos(d.Expires))
	switch {
	case d.Sender == "" || d.Target == "" || d.Sender == d.Target:
		return fmt.Errorf("%w: sender %q and target %q: expected two different registrable domains", ErrBadDecision, d.Sender, d.Target)
	case len(d.Recipient) > digest.MaxHashed:
		return fmt.Errorf("%w: recipient of %d octets", ErrBadDecision, len(d.Recipient))
	}
	return s.decided(ctx, s.db.decide(d))
}

// Withdraw takes the decision on d's pair and recipient back; who did, why and
// when (zero: now) are d's. ErrNotFound if there is none; ErrUnread if there is none,
// but one may come of a memory that was set aside: then it is noted, and will not come
// into force.
func (s *Store) Withdraw(ctx context.Context, d policy.Decision) error {
	if d.At.IsZero() {
		d.At = time.Now()
	}
	return s.decided(ctx, s.db.revoke(Change{
		At: fromNanos(nanos(d.At)), Act: Revoked, Who: clip(d.Who), Why: clip(d.Why),
		Sender: s.digester.Registrable(d.Sender), Target: s.digester.Registrable(d.Target), Recipient: strings.ToLower(d.Recipient),
	}))
}

// decided has the server that we are read the decisions.
func (s *Store) decided(ctx context.Context, err error) error {
	if err != nil || s.beside {
		return err
	}
	return s.do(ctx, s.readDecisions)
}

// Decisions lists all decisions, those that have expired too.
func (s *Store) Decisions(context.Context) ([]policy.Decision, error) {
	all, err := s.db.decisions()
	var out []policy.Decision
	for _, d := range all {
		out = append(out, d.Decision)
	}
	return out, err
}

// Changes lists what was done to decisions, the newest first, at most limit.
func (s *Store) Changes(_ context.Context, limit int) ([]Change, error) { return s.db.changes(limit) }

// bySender sorts decisions.
func bySender(all []*decision) map[mail.Domain][]*decision {
	by := map[mail.Domain][]*decision{}
	for _, d := range all {
		by[d.Sender] = append(by[d.Sender], d)
	}
	return by
}

// readDecisions brings the decisions in the ram in line with the database, and
// judges anew whom they are on.
func (s *Store) readDecisions() error {
	all, err := s.db.decisions()
	if err != nil {
		return err
	}
	by, old := bySender(all), s.ram.decisions
	at := calendar.EndOf(s.desk.latest)
	same := func(name mail.Domain) bool {
		return slices.EqualFunc(by[name], old[name], func(a, b *decision) bool { return a.Decision == b.Decision })
	}
	for name, list := range by {
		for _, d := range list {
			for _, x := range old[name] {
				if x.Decision == d.Decision {
					d.mattered(x.last())
				}
			}
		}
	}
	s.mu.Lock()
	s.ram.decisions = by
	s.mu.Unlock()
	for _, list := range []map[mail.Domain][]*decision{by, old} {
		for name := range maps.Keys(list) {
			if !same(name) {
				s.judgeAnew(name, at)
			}
		}
	}
	return nil
}

// judgeAnew looks whether a domain that resembles others is free of them all.
func (s *Store) judgeAnew(name mail.Domain, at time.Time) {
	d := s.ram.byName[name]
	if d == nil || d.shadowOf == "" {
		return
	}
	for _, x := range s.ram.decisions[name] {
		if x.At.After(at) {
			at = x.At
		}
	}
	shadow := d.shadowOf
	if s.ram.freed(d, shadow, at) || !d.told {
		shadow = cmp.Or(s.ram.judge(d, d.name, at), shadow)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d.told = d.told && shadow == d.shadowOf
	d.shadowOf = shadow
	s.ram.settle(d, at)
	s.desk.changed.domain(d)
	s.stand.Add(1)
}

// limitedTo reports whether a decision for a mailbox or a domain is on an address.
func limitedTo(recipient string, a mail.Address) bool {
	if strings.Contains(recipient, "@") {
		return strings.EqualFold(recipient, a.String())
	}
	return a.Domain.Within(mail.Domain(recipient))
}

// newest is the last day on which there was contact with anybody.
func (t *domains) newest() (day uint16) {
	for _, d := range t.byName {
		day = max(day, d.last)
	}
	return day
}

// image is what the database holds of domains and decisions.
func (s *Store) image() (*ram, error) {
	r := newRAM(s.config)
	err := s.db.snapshot(func(d *domain) error {
		d.ours = s.digester.Own[d.name]
		r.enter(d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	all, err := s.db.decisions()
	if err != nil {
		return nil, err
	}
	r.decisions = bySender(all)
	r.since, err = s.db.since()
	return r, err
}

// loadTables adds the packed entries to an image.
func (s *Store) loadTables(r *ram) error {
	var oldest map[int]uint16
	return s.db.load(loader{
		meta: func(m meta) error {
			oldest = s.oldest(m)
			return nil
		},
		domain: func(*domain) error { return nil },
		segment: func(g table.Segment, _, _ int) error {
			_ = r.Unpack(g, oldest[g.Kind], r.count) // the server tells of what cannot be read
			return nil
		},
	})
}

// exported is one line of an export.
type exported struct {
	Domain   *policy.KnownDomain `json:"domain,omitempty"`
	Sent     uint32              `json:"sent,omitempty"` // messages of ours to it
	Imported bool                `json:"imported,omitempty"`
	Note     string              `json:"note,omitempty"`
	Decision *policy.Decision    `json:"decision,omitempty"`
}

func (r *ram) export(w io.Writer) error {
	out := json.NewEncoder(w)
	at := calendar.EndOf(r.newest())
	for _, name := range slices.Sorted(maps.Keys(r.byName)) {
		d := r.byName[name]
		if d.ours {
			continue
		}
		known := r.show(name, at)
		if err := out.Encode(exported{Domain: &known, Sent: d.out, Imported: d.imported, Note: d.note}); err != nil {
			return err
		}
	}
	for _, sender := range slices.Sorted(maps.Keys(r.decisions)) {
		for i := range r.decisions[sender] {
			if err := out.Encode(exported{Decision: &r.decisions[sender][i].Decision}); err != nil {
				return err
			}
		}
	}
	return nil
}
