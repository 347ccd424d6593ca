package generate

import (
	"math/rand/v2"
	"strings"
)

// strong are words that fraud adds to a name, chosen from published lists of
// combosquatting and reports of invoice fraud; English, German, French.
var strong = strings.Fields(`login signin secure security account accounts verify verification support billing invoice invoices
	payment payments payroll refund update alert confirm wallet portal rechnung zahlung konto kundenservice facture paiement sso helpdesk`)

// weak are words that firms add themselves.
var weak = strings.Fields(`group global online mail email team corp inc usa uk eu intl international services solutions partners
	consulting tech digital logistics trading holding finance hr shop store app info direct`)

// other are words that are neither: of places, people and trades.
var other = strings.Fields(`fjord baltic falcon juniper werner meadow sigma kontor lindgren atelier`)

// combo adds a word behind the label or before it. Half of the names stay under
// the target's own suffix.
func combo(words []string, joint string, before bool) func(Target, *rand.Rand) string {
	return func(t Target, r *rand.Rand) string {
		label, word, suffix := t.Label, oneOf(r, words), t.Suffix
		if r.IntN(2) == 0 {
			suffix = otherSuffix(t, r)
		}
		if before {
			return word + joint + label + "." + suffix
		}
		return label + joint + word + "." + suffix
	}
}

// around adds a word on either side, glued to the label or not.
func around(words []string) func(Target, *rand.Rand) string {
	return func(t Target, r *rand.Rand) string {
		joint := oneOf(r, []string{"-", ""})
		t.Label = oneOf(r, words) + joint + t.Label
		return combo(words, joint, false)(t, r)
	}
}

// disguisedCombo disguises the label as well.
func disguisedCombo(t Target, r *rand.Rand) string {
	made := disguise(leet, 1)(t.Label, r)
	if made == "" {
		return ""
	}
	t.Label = made
	return combo(strong, oneOf(r, []string{"-", ""}), r.IntN(2) == 0)(t, r)
}
