package lookalike

import (
	"testing"

	"mxgate/policy/mail"
)

// A target that resembles another one is found, itself is not, nor what is below it.
func TestTargetsAreHeldAgainstEachOther(t *testing.T) {
	x := NewIndex([]Target{{Domain: "heise.de", Tier: Site}, {Domain: "he1se.de", Tier: Site}, {Domain: "nordwind.org", Tier: Site}})
	for d, want := range map[mail.Domain]mail.Domain{"he1se.de": "heise.de", "www.he1se.de": "heise.de", "heise.de": "he1se.de", "nordwind.org": "", "a.nordwind.org": "", "de": ""} {
		found := x.Among(d)
		if want == "" && len(found) > 0 || want != "" && (len(found) != 1 || found[0].Target != want) {
			t.Errorf("%s: %+v, want %q", d, found, want)
		}
	}
	if found := x.Check("he1se.de"); found != nil {
		t.Errorf("Check finds %+v of a target", found)
	}
}
