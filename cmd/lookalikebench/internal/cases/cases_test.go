package cases

import (
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

func TestTargetsAreDrawnOnceAndAlikeForOneSeed(t *testing.T) {
	organisations := strings.Fields("a.example b.example www.c.example")
	popular := strings.Fields("a.example d.com e.com f.com g.com h.com i.com j.com k.com l.com co.uk")
	got := Targets(organisations, popular, 11, 1)
	if !slices.Equal(got, Targets(organisations, popular, 11, 1)) || slices.Equal(got, Targets(organisations, popular, 11, 2)) {
		t.Errorf("%q", got)
	}
	slices.Sort(got)
	if len(slices.Compact(got)) != len(got) || slices.Contains(got, "co.uk") {
		t.Errorf("%q", got)
	}
}

func TestMinusComparesRegistrableDomains(t *testing.T) {
	got := Minus([]string{"www.a.com", "a.com", "b.co.uk", "c.com", "com"}, []string{"mail.c.com"})
	if !slices.Equal(got, []string{"a.com", "b.co.uk"}) {
		t.Errorf("%q", got)
	}
}

func TestGroupsOfOneAreNone(t *testing.T) {
	got := Groups([][]string{{"s", "a.com www.a.com"}, {"s", "a.com b.com"}, {"s"}})
	if len(got) != 1 || !slices.Equal(got[0], []string{"a.com", "b.com"}) {
		t.Errorf("%q", got)
	}
}

func TestMarksBecomeDomains(t *testing.T) {
	all := Disputes([][]string{{"1", "www.paypa1.com paypal.com 佳士.com", "PayPal®|Pay/Pal Plus, INC|ÉTÉ [& design]|THE 佳士", "transfer"}, {"2", "x.com", "®", "cancel"}})
	if len(all) != 1 || !slices.Equal(all[0].Targets, []string{"paypal", "pay", "palplus", "ete", "the佳士", "佳士"}) {
		t.Fatalf("%+v", all)
	}
	if got := all[0].Imitated("paypal.com"); got[0] != "paypal.net" || got[1] != "pay.com" {
		t.Errorf("%q", got)
	}
	if chinese := all[0].Domains[2]; slices.Contains(all[0].Imitated(chinese), mail.Domain(chinese)) {
		t.Errorf("%s is held against itself", chinese)
	}
}

func TestAMarkOfWhichNothingIsShownIsNotTheOneThatWasHit(t *testing.T) {
	targets := []mail.Domain{"naturesway.com"}
	for name, want := range map[string]bool{"natureway.com": true, "web-archive.org": false, "natway.com": false, "my-natures-way.net": true} {
		if Attributable(name, targets) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func TestHomographsShowWhomTheyImitate(t *testing.T) {
	skeleton := strings.NewReplacer("а", "a", "м", "rn", "1", "l").Replace
	for value, want := range map[string]mail.Domain{"амb.com": "amb.com", "а1.com": "a1.com", "·аb.com": "ab.com", "x@аb.com": "ab.com", "ж.com": "", "j̇ack.com": "jack.com"} {
		if got := (Homograph{Value: value}).Imitated(skeleton); got != want {
			t.Errorf("%s imitates %q, want %q", value, got, want)
		}
	}
	if _, ok := (Homograph{Kind: "local", Value: "a.com"}).Domain(); ok {
		t.Error("a local part is no domain")
	}
}

func TestProtectedNamesStandInTheNote(t *testing.T) {
	e := Embedding{Note: "protected: a.com b.com; allowed: c.a.com"}
	if got := e.Protected(); !slices.Equal(got, []string{"a.com", "b.com"}) {
		t.Errorf("%q", got)
	}
	e.Host = "c.a.com.evil.com"
	if !e.Allowed() || (Embedding{Host: e.Host}).Allowed() {
		t.Error("what is allowed stands in the note")
	}
}

func FuzzLabelled(f *testing.F) {
	f.Add("www.a.com b.com", "A® | THE B/C, INC [& design]", "x@\u0430.com")
	f.Fuzz(func(t *testing.T, domains, marks, value string) {
		for _, d := range Disputes([][]string{{"1", domains, marks}}) {
			for _, disputed := range d.Domains {
				Attributable(disputed, d.Imitated(disputed))
			}
		}
		Homograph{Kind: "idn", Value: value}.Domain()
		Homograph{Value: value}.Imitated(strings.ToLower)
		Embedding{Note: marks, Host: value}.Allowed()
	})
}
