package policy

import "testing"

// A reader takes any name in From for the author's: of a second mailbox, of a group,
// before a comma that is not quoted.
func TestEveryNameInFromIsTheAuthors(t *testing.T) {
	for _, from := range []string{
		"Anna Berg <x@unrelated-firm.com>",
		"Anna Berg, heise <x@unrelated-firm.com>",
		"Berg, Anna <x@unrelated-firm.com>",
		"Anna Berg; heise <x@unrelated-firm.com>",
		"Service <s@unrelated-firm.com>, Anna Berg <x@unrelated-firm.com>",
		"s@unrelated-firm.com, Anna Berg <x@unrelated-firm.com>",
		"Anna Berg: <x@unrelated-firm.com>;",
	} {
		try(t, []tried{
			{"in her conversation: " + from, letter{from: from, cites: stolen}, correspondence(), Tag, Impostor},
			{"quoted: " + from, letter{from: from, subject: "Re: x", body: pasted}, correspondence(), Tag, Impersonated},
		})
	}
	for _, from := range []string{
		"Erika Mustermann <x@unrelated-firm.com>",
		"Erika Mustermann, Vorstand <x@unrelated-firm.com>",
		"Mustermann, Erika <x@unrelated-firm.com>",
		"Service <s@unrelated-firm.com>, Erika Mustermann <x@unrelated-firm.com>",
		"Erika Mustermann: <x@unrelated-firm.com>;",
		"<x@unrelated-firm.com>, Erika Mustermann",
	} {
		e := tell(t, letter{from: from}, func(*Collector) {})
		if v := Decide(&Rules{}, &e); e.Impersonated == nil || v.Reason != Impersonated {
			t.Errorf("%s: %+v, %s", from, e.Impersonated, v.Reason)
		}
	}
}
