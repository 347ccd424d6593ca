package memory

import (
	"slices"

	"mxgate/gateway/memory/table"
	"mxgate/policy/mail"
)

// Bearers are domains that an administrator listed under the name of their people or
// of their house: that is their name before any mail bears it, and who writes under
// it first does not become its owner.

// bear files d under the name that stands beside it in a list, or takes it out. What
// stands beside more domains than bear one name is a note on the list, and is filed no
// further.
func (t *domains) bear(d *domain, there bool) {
	if t.nameKey == nil || !d.imported {
		return
	}
	key := t.nameKey(d.note)
	if key == 0 || len(t.bearers[key]) > table.MaxNamed {
		return
	}
	all := slices.DeleteFunc(t.bearers[key], func(x *domain) bool { return x == d })
	if there {
		all = append(all, d)
	}
	if t.bearers[key] = all; len(all) == 0 {
		delete(t.bearers, key)
	}
}

// listedAs lists who bears a name by a list.
func (t *domains) listedAs(name uint64) (all []mail.Domain) {
	bearers := t.bearers[name]
	if name == 0 || len(bearers) > table.MaxNamed {
		return nil
	}
	for _, d := range bearers {
		all = append(all, d.name)
	}
	return all
}

// othersName reports whether a name is that of others, as they were listed, and not d's.
func (t *domains) othersName(name uint64, d *domain) bool {
	all := t.listedAs(name)
	return len(all) > 0 && !slices.Contains(all, d.name)
}
