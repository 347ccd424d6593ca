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
		"qu-orwiz-ta.com":    true,  // hyphens of his own part nothing
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

// Two houses of one kind have its word in common, and that is most of their names.
func TestTwoLettersAreCountedInWhatIsTheTargetsOwn(t *testing.T) {
	for target, names := range map[mail.Domain]map[string]bool{
		"volksbank-quorsa.de": {"volksbank-qworta.de": false, "volksbonk-quorta.de": true, "volkzbonk-quorsa.de": true},
		"quorsabank.com":      {"qworzabank.com": false, "quorzabonk.com": true, "quorsabnkk.com": true},
		"quorvistabank.com":   {"qworvistobank.com": true, "quorvistabau.com": false},
		"bankquorsa.com":      {"bankqworza.com": false, "bancquorza.com": true},
		"quorvistahaus.com":   {"quorvistabau.com": false, "quorvistahous.com": true, "quorwiztahaus.com": true, "quorvistaharu.com": true},
		"stadtland.com":       {"stadtbund.com": false, "stadtbond.com": false, "stedtlond.com": true},
		"americanexpress.com": {"americanexqrass.com": true, "amerikamexpress.com": true}, // ordinary words, but together they are its own
		"tal-quorsa.com":      {"tal-qworza.com": false},
		"quor-vista.com":      {"quar-wista.com": true, "quor-wiska.com": false, "quorxvizta.com": true},
		"müllerquor.com":      {"müllarqwor.com": true},
	} {
		target = domain(t, string(target))
		for name, want := range names {
			if Twice(domain(t, name), target) != want {
				t.Errorf("%s for %s: %v", name, target, !want)
			}
		}
	}
}

func TestFewLongNamesHaveAnotherWithinTwoLetters(t *testing.T) {
	labels, banks := map[string]bool{}, []mail.Domain(nil)
	for _, line := range corpus(t, "domains/banks.txt") {
		n, ok := parse(mail.Domain(line))
		if label, _, _ := strings.Cut(n.registrable, "."); ok && len(n.glyphs) >= leastTwice && !labels[label] {
			labels[label] = true
			banks = append(banks, mail.Domain(n.registrable))
		}
	}
	near := 0
	for _, d := range banks {
		for _, other := range banks {
			if d != other && !Distant(d, other) && Twice(d, other) {
				near++
				break
			}
		}
	}
	t.Logf("%d of %d", near, len(banks))
	if near > 60 { // 261 where shared words counted
		t.Errorf("%d of %d long names of banks", near, len(banks))
	}
}

func TestTwiceTakesBoundedWork(t *testing.T) {
	for _, d := range append(hostile(), mail.Domain(strings.Repeat("ab", 31)+".example")) {
		for _, target := range []mail.Domain{mail.Domain(strings.Repeat("ba", 31) + ".example"), mail.Domain(strings.Repeat("bank", 15) + ".example")} {
			began := time.Now()
			Twice(d, target)
			Reordered(d, target)
			if took := time.Since(began); took > time.Second { // some 100 us; the machine may be busy
				t.Errorf("%.40s: %v", d, took)
			}
		}
	}
}
