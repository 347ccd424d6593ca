package lookalike

import (
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// one pair for each class and combination.
var pairsAlike = []struct {
	name, target string
	class        Class
	least        int
}{
	{"he1se.de", "heise.de", "homoglyph", 80},
	{"arnazon.de", "amazon.de", "homoglyph", 85},
	{"hеise.de", "heise.de", "idn", 90},
	{"heize.de", "heise.de", "edit", 20},
	{"micosoft.com", "microsoft.com", "edit", 65},
	{"microsfot.com", "microsoft.com", "edit", 65},
	{"paypals.com", "paypal.com", "edit", 65},
	{"microsooft.com", "microsoft.com", "edit", 65},
	{"hei-se.de", "heise.de", "hyphen", 80},
	{"heise.co", "heise.de", "tld", 60},
	{"micosoft.net", "microsoft.com", "edit+tld", 35},
	{"he1se.com", "heise.de", "homoglyph+tld", 55},
	{"heise-rechnung.com", "heise.de", "combo", 60},
	{"he1se-group.com", "heise.de", "homoglyph+combo", 35},
	{"rnicrosoft-login.com", "microsoft.com", "homoglyph+combo", 75},
	{"myequifaz.com", "equifax.com", "edit+combo", 20},
	{"heise.de.pay-x.com", "heise.de", "embedding", 90},
	{"foo-google.com-bar.com", "google.com", "embedding", 90},
	{"plusmy-com-my.cc", "plusmy.com.my", "embedding", 90},
	{"heisede.com", "heise.de", "embedding", 90},
	{"he.ise.de", "heise.de", "split", 85},
	{"mueller.de", "müller.de", "idn", 50},
	{"muller.de", "müller.de", "idn", 90},
	{"müller.de", "mueller.de", "idn", 50},
	{"mueller-baeckerei.de", "müller-bäckerei.de", "idn", 50},
	{"acme-works.example", "acme-works-group.example", "combo", 20},
}

// minPairAlike is the confidence below which a pair says more than many names do.
const minPairAlike = 50

func TestCompareFindsEachClass(t *testing.T) {
	for _, c := range pairsAlike {
		m, ok := Compare(domain(t, c.name), domain(t, c.target))
		if !ok || m.Class != c.class || m.Confidence < c.least || m.Target != domain(t, c.target) || m.Tier != "" || m.Alone {
			t.Errorf("%s against %s: %+v, want %s of at least %d", c.name, c.target, m, c.class, c.least)
		}
		if ok && !strings.HasPrefix(m.Why, string(domain(t, c.name))) {
			t.Errorf("%q", m.Why)
		}
	}
}

func TestCompareIndexAndKnownJudgeAlike(t *testing.T) {
	for _, c := range pairsAlike {
		d, target := domain(t, c.name), domain(t, c.target)
		m, _ := Compare(d, target)
		if m.Confidence < minPairAlike {
			continue // a pair's own
		}
		if got := NewIndex([]Target{{target, Protected}}).Check(d); len(got) != 1 || got[0].Why != m.Why || got[0].Confidence != m.Confidence {
			t.Errorf("the index says %+v, the pair %+v", got, m)
		}
		if strings.HasSuffix(string(m.Class), "combo") && m.Confidence < 60 {
			continue // an ordinary word added: among a million names that is chance
		}
		near := knownOf([]mail.Domain{target}).Near(d)
		if len(near) != 1 || near[0].Why != m.Why || near[0].Confidence != m.Confidence {
			t.Errorf("the known say %+v, the pair %+v", near, m)
		}
	}
}

func TestCompareSaysLittleOfShortEditsAndCommonWordsWhereOthersSayLess(t *testing.T) {
	for _, c := range []struct {
		name, target mail.Domain
		class        Class
	}{
		{"abe.example", "abd.example", Edit}, {"ab.example", "abd.example", Edit}, {"tean.example", "team.example", Edit}, {"heize.de", "heise.de", Edit},
		{"mail.heizse.de", "heise.de", Edit}, {"mail.hesie.de", "heise.de", Edit},
		{"team-login.test", "team.example", Combo}, {"rechnungteam.test", "team.example", Combo}, {"www.my-team-billing.test", "team.example", Combo},
	} {
		m, ok := Compare(c.name, c.target)
		if !ok || m.Class != c.class || m.Confidence < 35 || m.Confidence > 49 || m.Alone {
			t.Errorf("%s for %s: %+v", c.name, c.target, m)
		}
		for _, more := range NewIndex([]Target{{c.target, Protected}}).Check(c.name) {
			if more.Confidence > m.Confidence || more.Alone || c.class == Combo && more.Confidence >= 35 {
				t.Errorf("among many a pair is worth no more: %+v", more)
			}
		}
	}
	for _, c := range [][2]mail.Domain{{"abe.test", "abd.example"}, {"team-garden.test", "team.example"}, {"ag.example", "ab.example"}} {
		if m, ok := Compare(c[0], c[1]); ok && m.Confidence >= 35 {
			t.Errorf("chance: %+v", m)
		}
	}
}

// Labels in front of the registrable domain are read too.
func TestTheWholeNameIsJudged(t *testing.T) {
	for _, c := range []struct {
		name, target mail.Domain
		class        Class
	}{
		{"quo.rvista.example", "quorvista.example", Split}, {"topsh.ot.com", "topshot.com", Split}, {"a.topsh.0t.com", "topshot.com", "homoglyph+split"},
		{"t.op.sh.ot.com", "topshot.com", Split}, {"deutsche-ba.nk.de", "deutschebank.de", Split},
		{"paypal.com.evil.example", "paypal.com", Embedding}, {"paypal-com.evil.example", "paypal.com", Embedding}, {"paypa1.com.a.b.evil.example", "paypal.com", "homoglyph+embedding"},
		{"www.paypalcom.login.evil.example", "paypal.com", Embedding}, {"mail.paypa1.com", "paypal.com", Homoglyph},
	} {
		if m, ok := Compare(c.name, c.target); !ok || m.Class != c.class || m.Domain != c.name || m.Confidence < 50 {
			t.Errorf("%s for %s: compared %+v", c.name, c.target, m)
		}
		if got := NewIndex([]Target{{c.target, Protected}}).Check(c.name); len(got) == 0 || got[0].Target != c.target || got[0].Class != c.class {
			t.Errorf("%s for %s: checked %+v", c.name, c.target, got)
		}
		if got := knownOf([]mail.Domain{c.target, "evil.example"}).Near(c.name); len(got) == 0 || got[0].Target != c.target || got[0].Class != c.class {
			t.Errorf("%s for %s: near %+v", c.name, c.target, got)
		}
	}
}

func TestCompareLeavesOthersAlone(t *testing.T) {
	for _, c := range [][2]mail.Domain{
		{"heise.de", "heise.de"}, {"mail.heise.de", "heise.de"}, {"heise.de", "mail.heise.de"}, {"house.de", "heise.de"},
		{"com", "heise.de"}, {"heise.de", "com"}, {"", ""}, {"example.org", "heise.de"}, {"192.0.2.1", "192.0.2.2"},
		{"acme.example", "acme-zaxquv.example"},
	} {
		if m, ok := Compare(c[0], c[1]); ok {
			t.Errorf("%+v", m)
		}
	}
}

func TestRegistrableIsLabelAndPublicSuffix(t *testing.T) {
	for d, want := range map[mail.Domain]mail.Domain{
		"heise.de": "heise.de", "a.b.heise.co.uk": "heise.co.uk", "co.uk": "", "localhost": "", "": "", "192.0.2.1": "", "a..b": "",
		"shop.blogspot.com": "shop.blogspot.com", "blogspot.com": "blogspot.com", "-.de": "",
	} {
		if got := Registrable(d); got != want {
			t.Errorf("%q: %q, want %q", d, got, want)
		}
	}
}

func TestAnEditActsAloneOnlyWhereItIsOverlooked(t *testing.T) {
	for name, alone := range map[string]bool{
		"microsoxt.com": true,  // within nine letters
		"nicrosoft.com": false, // the first letter
		"microsofk.com": false, // the last
		"microsof.com":  false, // it is gone
		"imcrosoft.com": true,  // swapped at the start
		"mcirosoft.com": true,
		"payxpal.com":   true,  // a letter more within six
		"paypaly.com":   false, // behind them
		"payal.com":     false, // a letter less
		"paypals.com":   true,
		"usbannk.com":   true,  // swapped and doubled letters, whatever the word
		"usbxank.com":   false, // little is left without bank
		"servenobix.io": true,  // the last of ten
		"xervenobid.io": false, // another first
		"servenobi.io":  true,  // one less, at the end
		"parpal.com":    false, // six letters, another look
		"paypel.com":    true,  // a vowel for a vowel
		"payppal.com":   true,
		"pyapal.com":    true,
		"usbznk.com":    false, // little is left without bank, or it is no bank
		"rocketcdn2.io": false, // the next of a series
	} {
		x := NewIndex([]Target{{"microsoft.com", Protected}, {"paypal.com", Protected}, {"usbank.com", Protected}, {"rocketcdn.io", Protected}, {"servenobid.io", Protected}})
		got := x.Check(domain(t, name))
		if len(got) == 0 || got[0].Alone != alone || got[0].Confidence < 65 {
			t.Errorf("%s: %+v, want alone %v", name, got, alone)
		}
	}
	own := NewIndex([]Target{{"microsoft.com", Own}, {"paypal.com", Own}})
	for _, name := range []string{"nicrosoft.com", "parpal.com", "paypal1.com"} {
		if got := own.Check(domain(t, name)); len(got) == 0 || !got[0].Alone {
			t.Errorf("own names are few: %s: %+v", name, got)
		}
	}
}

func TestOneEditIsOneStepBelowTheSameSuffixInALabelLongEnough(t *testing.T) {
	for _, c := range []struct {
		name, target mail.Domain
		tier         Tier
		one          bool
	}{
		{"paypel.com", "paypal.com", Protected, true},
		{"heize.de", "heise.de", Protected, false},           // five letters
		{"abe.example", "abd.example", Own, true},            // three are enough
		{"abx.example", "ab.example", Own, false},            // two are not
		{"pay-pl.com", "paypal.com", Own, false},             // a hyphen besides
		{"micosoft.net", "microsoft.com", Own, false},        // another suffix
		{"firm16.example", "firm18.example", Own, false},     // no edit: 6 is taken for 8, the next of a series
		{"firm19.example", "firm18.example", Own, true},      // one, and our own series
		{"rnicosoft.com", "microsoft.com", Protected, false}, // a disguise besides
	} {
		got := NewIndex([]Target{{c.target, c.tier}}).Check(c.name)
		if one := len(got) > 0 && got[0].Alone && got[0].Confidence >= confOneEdit; one != c.one {
			t.Errorf("%s for %s: %+v, want alone and sure %v", c.name, c.target, got, c.one)
		}
	}
}

func TestAMiddleDotIsPassedOver(t *testing.T) {
	for _, shown := range []string{"al·lianz.example", "・allianz.example", "alli・anz.example"} {
		d, err := mail.ParseDomain(shown)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := Compare(d, "allianz.example"); !ok || m.Confidence < 50 {
			t.Errorf("%s: %+v, %v", shown, m, ok)
		}
	}
}

func TestRegistrableIsTheSameFromMemory(t *testing.T) {
	long := mail.Domain(strings.Repeat("a.", 126) + "de")
	for d, want := range map[mail.Domain]mail.Domain{
		"mail.heise.de": "heise.de", "HEISE.de": "heise.de", "co.uk": "", "a.co.uk": "a.co.uk", "de": "", "": "",
		"192.0.2.1": "", "a..de": "", "a.github.io": "a.github.io", "github.io": "github.io", "---.de": "", long: "",
	} {
		for range 2 {
			if got := Registrable(d); got != want {
				t.Errorf("%.40s: %q, want %q", d, got, want)
			}
		}
	}
}
