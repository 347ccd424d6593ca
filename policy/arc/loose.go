package arc

import (
	"slices"

	"mxgate/policy/mail"
)

// maxLoose is how many fields of one kind are looked at where they make no chain.
// Those of the last hosts stand on top: whoever sends a message can put as many as
// he likes below them, and none above.
const maxLoose = 10

// loose pairs the results and the seals that name the same instance, those on top
// last. It is for fields that make no chain, so that one instance may come twice:
// then each is paired with each.
func loose(m *mail.Message) (sets []Set) {
	stated, seals := topmost(m, results), topmost(m, seal)
	for _, r := range stated {
		for _, s := range seals {
			if r.instance == s.instance {
				sets = append(sets, tell(r.instance, s.parsed, r.rest, max(r.index, s.index)))
			}
		}
	}
	slices.SortStableFunc(sets, func(a, b Set) int { return b.Lowest - a.Lowest })
	return sets
}

// topmost reads the first fields of one kind. Those without an instance are left out.
func topmost(m *mail.Message, kind int) (fields []field) {
	left := maxLoose
	for i, f := range m.Fields {
		if left == 0 {
			break
		}
		if !f.Is(fieldNames[kind]) {
			continue
		}
		left--
		if len(f.Raw) > maxResultsOctets {
			continue
		}
		if read := readField(kind, i, f); read.instance > 0 {
			fields = append(fields, read)
		}
	}
	return fields
}
