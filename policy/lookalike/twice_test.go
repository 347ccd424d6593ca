package lookalike

import (
	"strings"
	"testing"
	"time"

	"mxgate/policy/mail"
)

func TestTwoLettersOfALongNameAreLittleOfIt(t *testing.T) {
	for name, want := range map[string]bool{
		"quorwizta.com":      true,  // both replaced
		"qourvitsa.com":      true,  // two swaps
		"quorvistaxy.com":    true,  // added
		"qurvita.com":        false, // left out, and so too short
		"quarwizta.com":      false, // three
		"quorvizta.net":      true,  // one, below another suffix
		"quorvista.net":      false, // none
		"qu0rwizta.com":      true,  // and a disguise
		"quorvista.com":      false,
		"mail.quorvista.com": false,
		"mail.quorwizta.com": true,
		"somebody-else.com":  false,
		"":                   false,
		"com":                false,
	} {
		if Twice(mail.Domain(name), "quorvista.com") != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	for pair, want := range map[[2]mail.Domain]bool{{"modern.de", "madorn.de"}: false, {"standort12.de", "standort37.de"}: false, {"standort12.de", "stanbart12.de"}: true} {
		if Twice(pair[0], pair[1]) != want {
			t.Errorf("%v", pair)
		}
	}
}

func TestTwiceTakesBoundedWork(t *testing.T) {
	for _, d := range append(hostile(), mail.Domain(strings.Repeat("ab", 31)+".example")) {
		began := time.Now()
		Twice(d, mail.Domain(strings.Repeat("ba", 31)+".example"))
		if took := time.Since(began); took > time.Second { // some 100 us; the machine may be busy
			t.Errorf("%.40s: %v", d, took)
		}
	}
}
