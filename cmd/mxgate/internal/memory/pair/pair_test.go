package pair

import (
	"slices"
	"strings"
	"testing"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

func TestBothNamesStandBelowEachOtherWithTheLettersMarked(t *testing.T) {
	a, b := Side{"he1se.de", "never wrote to us"}, Side{"heise.de", "known since 2019-03-01"}
	if got, want := Marks("  ").Text(a, b), "  he‹1›se.de   never wrote to us\n  he‹i›se.de   known since 2019-03-01\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	colour := Style{"\x1b[1;4;31m", "\x1b[0m", ""}
	if got, want := colour.Text(a, b), "he\x1b[1;4;31m1\x1b[0mse.de   never wrote to us\nhe\x1b[1;4;31mi\x1b[0mse.de   known since 2019-03-01\n"; got != want {
		t.Errorf("got\n%q want\n%q", got, want)
	}
	rn := Side{"rnybank.example", "x"}
	if got, want := Marks("").Text(rn, Side{"mybank.example", "y"}), "‹rn›ybank.example   x\n‹m›ybank.example    y\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestTwoThatDoNotResembleEachOtherAreShownWithoutMarks(t *testing.T) {
	cyrillic, err := mail.ParseDomain("сосоаросхе.example") // all of it
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		a, b   mail.Domain
		marked bool
	}{{"docs-share.com", "partner-works.example", false}, {"partner-works.docs-share.com", "partner-works.example", true}, {cyrillic, "cocoapocxe.example", true},
		{"nw-castings.com", "northwind-castings.com", true}, {"our-firm.com", "acme-tools.com", false}, {"castings-northwind.com", "northwind-castings.com", true}} {
		if got := Marks("").Text(Side{c.a, ""}, Side{c.b, ""}); strings.Contains(got, "‹") != c.marked {
			t.Errorf("%s", got)
		}
	}
}

func TestThoseThatResembleOneStandInOneColumn(t *testing.T) {
	got := Marks("  ").List("he1se.de", []Side{{"heise-bau.de", "new"}, {"heise.de", "known"}})
	if want := "  he‹i›se‹-bau›.de   new\n  he‹i›se.de         known\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := Marks("").List("he1se.de", nil); got != "" {
		t.Errorf("%q", got)
	}
}

// A letter of another script is seen for what it is by the name that travels.
func TestANameInAnotherScriptIsShownAsItTravels(t *testing.T) {
	d, err := mail.ParseDomain("hеise.de") // the first e is Cyrillic
	if err != nil {
		t.Fatal(err)
	}
	got := Marks("").Text(Side{d, "a"}, Side{"heise.de", "b"})
	if want := "h‹е›ise.de (" + string(d) + ")   a\n"; !strings.HasPrefix(got, want) {
		t.Errorf("got\n%swant first\n%s", got, want)
	}
	lines := strings.Split(got, "\n")
	if len([]rune(lines[0])) != len([]rune(lines[1])) {
		t.Errorf("not aligned:\n%s", got)
	}
}

func TestNothingThatATerminalObeysIsPrinted(t *testing.T) {
	got := Marks("").Text(Side{"a\x1b[2J.example\u202e", "no\x1bte\n"}, Side{"b.example\u2066", ""})
	if strings.ContainsAny(got, "\x1b\u202e\u2066") || strings.Count(got, "\n") != 2 {
		t.Errorf("%q", got)
	}
}

func TestAListIsHeldAgainstItselfAndWhatIsKnown(t *testing.T) {
	none := func(mail.Domain, mail.Domain) bool { return false }
	w := World{Targets: []lookalike.Target{{Domain: "example.com", Tier: lookalike.Own}, {Domain: "volksbank.example", Tier: lookalike.Protected}}, Known: []mail.Domain{"siemens.example", "bosch.example"}, Free: none}
	list := []mail.Domain{"heise.de", "he1se.de", "siernens.example", "bosch.example", "vo1ksbank.example", "exarnple.com", "unlike.example", "volksbank.example"}
	var got []string
	for _, l := range w.Of(list) {
		got = append(got, string(l.Domain+" "+l.Target)+" "+string(l.Whose))
	}
	slices.Sort(got)
	want := []string{"exarnple.com example.com own", "heise.de he1se.de listed", "siernens.example siemens.example known", "vo1ksbank.example volksbank.example protected"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	w.Free = func(d, target mail.Domain) bool { return d == "he1se.de" && target == "heise.de" }
	if got := w.Of([]mail.Domain{"heise.de", "he1se.de"}); len(got) != 0 {
		t.Errorf("free, and still told: %v", got)
	}
	w.Free, w.Known = none, list
	if got := w.Of(list); slices.ContainsFunc(got, func(l Likeness) bool { return l.Whose == Listed || l.Whose == Known }) {
		t.Errorf("known before, and still told: %v", got)
	}
	if got := w.Near("he1se.de"); len(got) != 1 || got[0].Target != "heise.de" {
		t.Errorf("near: %v", got)
	}
	w.Known = append(w.Known, "nordwind-bau.de", "he1se.de")
	if got := w.Near("nordwind-bau-gmbh.de"); len(got) != 1 || got[0].Target != "nordwind-bau.de" || got[0].Whose != Known {
		t.Errorf("words added: %v", got)
	}
	w.Free = func(d, target mail.Domain) bool { return d == "nordwind-bau.de" }
	if got := w.Near("nordwind-bau-gmbh.de"); len(got) != 0 {
		t.Errorf("free, and still near: %v", got)
	}
}

func TestNamesMadeOfOthersAreFound(t *testing.T) {
	akin := func(d, target mail.Domain) bool {
		_, ok := lookalike.Compare(d, target)
		return ok
	}
	w := World{Known: []mail.Domain{"nordwind-bau.de", "unlike.example"}, Free: func(d, _ mail.Domain) bool { return d == "nordwind-bau-group.de" }}
	list := []mail.Domain{"my-nordwind-bau.de", "nordwind-bau-group.de", "velda.example", "velde.example", "other.example"}
	var got []string
	for _, l := range w.Kin(list, 35, akin) {
		got = append(got, string(l.Domain+" "+l.Target)+" "+string(l.Whose))
	}
	if want := []string{"my-nordwind-bau.de nordwind-bau.de known", "velda.example velde.example listed", "velde.example velda.example listed"}; !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
