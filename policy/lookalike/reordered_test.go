package lookalike

import (
	"testing"

	"mxgate/policy/mail"
)

func TestWordsInAnotherOrder(t *testing.T) {
	for target, names := range map[mail.Domain]map[string]bool{
		"castings-quorvist.com": {
			"quorvist-castings.com": true, "quorvistcastings.net": true, "mail.quorvist-castings.org": true, "qu0rvi5t-castings.com": true,
			"castings-quorvist.net": false, "castingsquorvist.com": false, "mail.castings-quorvist.com": false, // the same order
			"quorvist-castin.com": false, "quorvist-castinga.com": false, "quorvist-castings-inc.com": false,
			"astings-quorvistc.com": false, // a letter is moved
			"":                      false, "com": false,
		},
		"castingsquorvist.com":       {"quorvist-castings.com": true, "quorvistcastings.com": true, "tsivrouqsgnitsac.com": false},
		"modernwindow-quorvist.com":  {"quorvist-rnodernvvinclovv.com": true},
		"quorvist-castings-ltd.com":  {"castings-quorvist-ltd.com": true, "ltdcastingsquorvist.com": true, "ltd-quorvist-quorvist.com": false},
		"quorvistltdcastings.com":    {"castings-ltd-quorvist.com": true},
		"one-two-three-four-five.de": {"two-one-three-four-five.de": false, "five-one-two-three-four.de": true}, // of more than four one alone is looked for
		"abc-def.com":                {"def-abc.com": false},
		"quorquor.com":               {"quor-quor.com": false},
	} {
		for name, want := range names {
			d := mail.Domain(name)
			if Reordered(d, target) != want {
				t.Errorf("%s for %s: %v", name, target, !want)
			}
			if want && Distant(d, target) {
				t.Errorf("%s is distant from %s", name, target)
			}
		}
	}
}

func FuzzReordered(f *testing.F) {
	f.Add("quorvist-castings.com", "castingsquorvist.com")
	f.Add("a-a-a-aaaaaaa.com", "aaaaaaa-a-a-a.com")
	f.Add("xn--mllr-0ra-quor.de", "quor-xn--mllr-0ra.de")
	for _, d := range hostile() {
		f.Add(string(d), "aaa-bbb-ccc.example")
		f.Add("aaa-bbb-ccc.example", string(d))
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := mail.Domain(a), mail.Domain(b)
		found := Reordered(x, y)
		switch {
		case found != Reordered(y, x):
			t.Errorf("%q and %q: not the same turned round", a, b)
		case found && Distant(x, y):
			t.Errorf("%q is distant from %q", a, b)
		case found && Registrable(x) == Registrable(y):
			t.Errorf("%q is %q", a, b)
		}
	})
}
