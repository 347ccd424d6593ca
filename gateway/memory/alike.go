package memory

import (
	"mxgate/gateway/memory/digest"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// Pair is an imported domain that resembles another one.
type Pair struct {
	Domain mail.Domain `json:"domain"`
	Of     mail.Domain `json:"of"` // ours, protected, established, or imported together with it
	Why    string      `json:"why"`
}

// maxAlike bounds ImportReport.Alike.
const maxAlike = 1000

// alike finds whom the domains of a list resemble, before they are taken in:
// people are to look at a list that may hold a fraud. Told once is each pair that
// is not free to, and none of whom is established already.
func (s *Store) alike(list []Imported) ([]Pair, error) {
	if len(list) == 0 {
		return nil, nil
	}
	r, err := s.image()
	if err != nil {
		return nil, err
	}
	at := digest.EndOf(r.newest())
	for _, d := range r.byName {
		if d.established {
			r.settle(d, at)
		}
	}
	var asked []*domain
	for _, i := range list {
		d := r.byName[i.Domain]
		if d == nil {
			d = r.enter(&domain{name: i.Domain})
		}
		if d != nil && !d.established {
			d.established = true // each is a target of the others
			r.settle(d, at)
			asked = append(asked, d)
		}
	}
	var all []Pair
	told := map[[2]mail.Domain]bool{}
	for _, d := range asked {
		for _, of := range r.resembled(d) {
			m, ok := lookalike.Compare(d.name, of)
			pair := [2]mail.Domain{min(d.name, of), max(d.name, of)}
			if !ok || m.Confidence < shadowConfidence || told[pair] || r.freed(d, of, at) || r.byName[of] != nil && r.freed(r.byName[of], d.name, at) {
				continue
			}
			if told[pair] = true; len(all) < maxAlike {
				all = append(all, Pair{d.name, of, m.Why})
			}
		}
	}
	return all, nil
}

// resembled lists whom d may resemble.
func (t *domains) resembled(d *domain) (all []mail.Domain) {
	for _, m := range t.targets.Check(d.name) {
		all = append(all, lookalike.Registrable(m.Target))
	}
	for _, m := range t.known.Near(d.name) {
		all = append(all, m.Target)
	}
	twins := t.labels[labelOf(d.name)]
	for _, twin := range twins[:min(len(twins), maxTwins)] {
		all = append(all, twin.name)
	}
	return all
}
