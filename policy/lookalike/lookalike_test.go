package lookalike

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

func domain(t testing.TB, s string) mail.Domain {
	t.Helper()
	d, err := mail.ParseDomain(s)
	if err != nil {
		t.Fatalf("ParseDomain(%q): %v", s, err)
	}
	return d
}

// partners is what the tables below protect.
func partners(t testing.TB) *Index {
	var targets []Target
	for name := range strings.FieldsSeq(`
		heise.de paypal.com microsoft.com deutsche-bank.de modem-works.example equifax.com
		plkoh.com pkoh.example plusmy.com.my highpressure.com müller-stahl.de mueller.de
		example.org acme.example abc.example bib.example team.example google.com google.de
		check.in windows-parts.example vista.example drachenhaus.example`) {
		targets = append(targets, Target{domain(t, name), Protected})
	}
	targets = append(targets,
		Target{domain(t, "ourfirm.example"), Own}, Target{domain(t, "abd.example"), Own}, Target{domain(t, "vw.example"), Own})
	return NewIndex(targets)
}

func TestCheckFindsEachClassAndSaysWhy(t *testing.T) {
	x := partners(t)
	for _, c := range []struct {
		name, target string
		class        Class
		least        int
		alone        bool
		why          string
	}{
		{"he1se.de", "heise.de", "homoglyph", 80, true, "he1se.de looks like heise.de: 1 for i"},
		{"he1s3.de", "heise.de", "homoglyph", 65, true, "he1s3.de looks like heise.de: 1 for i, 3 for e"},
		{"rnicrosoft.com", "microsoft.com", "homoglyph", 90, true, "rnicrosoft.com looks like microsoft.com: rn for m"},
		{"micr0s0ft.com", "microsoft.com", "homoglyph", 90, true, "micr0s0ft.com looks like microsoft.com: 0 for o (2 times)"},
		{"vvindows-parts.example", "windows-parts.example", "homoglyph", 90, true, "vvindows-parts.example looks like windows-parts.example: vv for w"},
		{"clrachenhaus.example", "drachenhaus.example", "homoglyph", 80, true, "clrachenhaus.example looks like drachenhaus.example: cl for d"},
		{"he1se.com", "heise.de", "homoglyph+tld", 55, true, "he1se.com looks like heise.de: 1 for i, other ending: .com instead of .de"},
		{"hеise.de", "heise.de", "idn", 90, true, "xn--hise-v4d.de (hеise.de) looks like heise.de: Cyrillic е for e"},
		{"hìghpressure.com", "highpressure.com", "idn", 90, true, "xn--hghpressure-ccb.com (hìghpressure.com) looks like highpressure.com: ì for i"},
		{"pаyраl.com", "paypal.com", "idn", 85, true, ""},
		{"muller-stahl.de", "müller-stahl.de", "idn", 90, true, "muller-stahl.de looks like xn--mller-stahl-thb.de: u for ü"},
		{"micosoft.com", "microsoft.com", "edit", 65, true, "micosoft.com looks like microsoft.com: r left out"},
		{"microsofft.com", "microsoft.com", "edit", 65, true, "microsofft.com looks like microsoft.com: f doubled"},
		{"microsfot.com", "microsoft.com", "edit", 65, true, "microsfot.com looks like microsoft.com: o and f swapped"},
		{"microsoxt.com", "microsoft.com", "edit", 65, true, "microsoxt.com looks like microsoft.com: x instead of f"},
		{"paypals.com", "paypal.com", "edit", 65, true, "paypals.com looks like paypal.com: s added"},
		{"ourfirn.example", "ourfirm.example", "edit", 65, true, "ourfirn.example looks like ourfirm.example: n instead of m"},
		{"abe.example", "abd.example", "edit", 65, true, "abe.example looks like abd.example: e instead of d"},
		{"hei-se.de", "heise.de", "hyphen", 80, true, "hei-se.de looks like heise.de: a hyphen added"},
		{"deutschebank.de", "deutsche-bank.de", "hyphen", 80, true, "deutschebank.de looks like deutsche-bank.de: a hyphen left out"},
		{"heise.co", "heise.de", "tld", 60, false, "heise.co looks like heise.de: other ending: .co instead of .de"},
		{"ourfirm.test", "ourfirm.example", "tld", 60, false, "ourfirm.test looks like ourfirm.example: other ending: .test instead of .example"},
		{"microsoft-rechnung.example", "microsoft.com", "combo", 75, true, "microsoft-rechnung.example looks like microsoft.com: microsoft.com with the word rechnung added"},
		{"microsoftlogin.example", "microsoft.com", "combo", 75, true, "microsoftlogin.example looks like microsoft.com: microsoft.com with the word login added"},
		{"my-microsoft-billing.example", "microsoft.com", "combo", 75, true, "my-microsoft-billing.example looks like microsoft.com: microsoft.com with the words my and billing added"},
		{"heise-rechnung.example", "heise.de", "combo", 60, false, "heise-rechnung.example looks like heise.de: heise.de with the word rechnung added"},
		{"microsoft-garden.example", "microsoft.com", "combo", 55, false, ""},
		{"ourfirm-invoice.example", "ourfirm.example", "combo", 75, true, ""},
		{"ourfirm-group.example", "ourfirm.example", "combo", 60, false, ""},
		{"paypa1-billing.example", "paypal.com", "homoglyph+combo", 60, true, "paypa1-billing.example looks like paypal.com: 1 for l, paypal.com with the word billing added"},
		{"myequifaz.example", "equifax.com", "edit+combo", 20, false, "myequifaz.example looks like equifax.com: z instead of x, equifax.com with the word my added"},
		{"heise.de.pay-x.example", "heise.de", "embedding", 90, true, "heise.de.pay-x.example looks like heise.de: heise.de used as a name below pay-x.example"},
		{"heise-de.evil.example", "heise.de", "embedding", 90, true, "heise-de.evil.example looks like heise.de: heise.de used as a name below evil.example"},
		{"he1se.de.pay-x.example", "heise.de", "homoglyph+embedding", 80, true, "he1se.de.pay-x.example looks like heise.de: 1 for i, heise.de used as a name below pay-x.example"},
		{"heise-de.example", "heise.de", "embedding", 90, true, "heise-de.example looks like heise.de: heise.de written into the name heise-de.example"},
		{"heisede.example", "heise.de", "embedding", 90, true, "heisede.example looks like heise.de: heise.de written into the name heisede.example"},
		{"www.plusmy-com-my.cc", "plusmy.com.my", "embedding", 90, true, "www.plusmy-com-my.cc looks like plusmy.com.my: plusmy.com.my written into the name plusmy-com-my.cc"},
		{"foo-google.com-bar.example", "google.com", "embedding", 90, true, ""},
		{"he.ise.de", "heise.de", "split", 85, true, "he.ise.de looks like heise.de: a dot put into the name"},
		{"plkoh-ac.com", "plkoh.com", "combo", 20, false, ""},
		{"muller.de", "mueller.de", "edit", 65, false, ""},
		{"müller.de", "mueller.de", "idn", 50, false, "xn--mller-kva.de (müller.de) looks like mueller.de: ü for ue"},
		{"xn--heise-yt3b.de", "heise.de", "idn", 95, true, "xn--heise-yt3b.de looks like heise.de: invisible characters or marks added"}, // U+200D
	} {
		t.Run(c.name, func(t *testing.T) {
			got := x.Check(domain(t, c.name))
			if len(got) == 0 {
				t.Fatalf("no match, want %s of %s", c.class, c.target)
			}
			m := got[0]
			if m.Target != domain(t, c.target) || m.Class != c.class || m.Alone != c.alone || m.Confidence < c.least {
				t.Errorf("got %+v\nwant %s of %s, confidence >= %d, alone %v", m, c.class, c.target, c.least, c.alone)
			}
			if c.why != "" && m.Why != c.why {
				t.Errorf("why %q\nwant %q", m.Why, c.why)
			}
		})
	}
}

func TestCheckLeavesOthersAlone(t *testing.T) {
	x := partners(t)
	for _, c := range []struct{ name, because string }{
		{"heise.de", "is a target"},
		{"mail.heise.de", "is below a target"},
		{"a.b.c.heise.de", "is below a target"},
		{"google.de", "is a target, though it resembles another"},
		{"bücher.example", "an umlaut alone imitates nobody"},
		{"münchner-bäckerei.example", "an umlaut partner"},
		{"weiss.example", "two edits away"},
		{"house.example", "shares a few letters"},
		{"heise.customers.example", "a brand as a host name below another is what services do"},
		{"com", "a public suffix"},
		{"co.uk", "a public suffix"},
		{"localhost", "a single label"},
		{"192.0.2.1", "an address"},
		{"", "nothing"},
		{"日本語.example", "another script altogether"},
		{"checkpoint.example", "begins with the label of check.in"},
		{"in.example", "the suffix of a target"},
	} {
		t.Run(c.name+" "+c.because, func(t *testing.T) {
			for _, m := range x.Check(mail.Domain(asciiOr(c.name))) {
				if m.Alone || m.Confidence >= 65 {
					t.Errorf("%+v", m)
				}
			}
		})
	}
}

func asciiOr(name string) string {
	if d, err := mail.ParseDomain(name); err == nil {
		return string(d)
	}
	return name
}

func TestTargetsAndTheirOwnersMatchNothing(t *testing.T) {
	x := partners(t)
	for _, name := range []string{"heise.de", "mail.heise.de", "google.de", "abc.example", "abd.example", "HEISE.de"} {
		if got := x.Check(mail.Domain(name)); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	sub := NewIndex([]Target{{"mail.lieferant.example", Protected}, {"com", Protected}, {"intranet", Own}})
	for _, name := range []string{"lieferant.example", "other.lieferant.example", "some.com", "intranet"} {
		if got := sub.Check(mail.Domain(name)); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := sub.Check("lieferamt.example"); len(got) != 1 || !got[0].Alone || got[0].Target != "mail.lieferant.example" {
		t.Errorf("a target below a registrable domain stands for it: %v", got)
	}
}

func TestShortAndOrdinaryNamesNeverActAlone(t *testing.T) {
	x := partners(t)
	for _, name := range []string{
		"acne.example", "bip.example", "bi.example", "teams.example", "tean.example", "plkoh-group.example", // short, weak words
		"vx.example", "v.example", "check-in.example", "checkin.example", // two own letters; words
		"bib.test", "team-login.example", "abc-login.example", "my.team.test", "heize.de",
	} {
		for _, m := range x.Check(domain(t, name)) {
			if m.Alone {
				t.Errorf("%+v", m)
			}
		}
	}
}

func TestAnotherEndingIsWorthSixtyAndNeverActs(t *testing.T) {
	for _, tier := range []Tier{Own, Protected} {
		got := NewIndex([]Target{{"ourfirm.example", tier}}).Check("ourfirm.test")
		if len(got) != 1 || got[0].Confidence != 60 || got[0].Alone {
			t.Errorf("%s: %+v", tier, got)
		}
	}
}

func TestSeriesAndPlainerNamesNeverActAlone(t *testing.T) {
	x := NewIndex([]Target{{"awsdns-24.example", Protected}, {"1cloud.example", Protected}, {"channel7.example", Protected}})
	for _, name := range []string{
		"awsdns-25.example", "awsdns-42.example", "awsdns-4.example", "channel77.example", // the next of a series
		"icloud.test", // the target is the one with the digit, and another firm's ending
	} {
		got := x.Check(domain(t, name))
		if len(got) == 0 || got[0].Alone {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := x.Check("channe17.example"); len(got) != 1 || !got[0].Alone {
		t.Errorf("a digit for a letter is no series: %+v", got)
	}
}

func TestOwnTargetIsNamedBesideTheProtectedOne(t *testing.T) {
	x := NewIndex([]Target{{"brand.com", Protected}, {"brand.example", Own}})
	var tiers []Tier
	for _, m := range x.Check("br4nd.com") {
		tiers = append(tiers, m.Tier)
	}
	if fmt.Sprint(tiers) != "[protected own]" {
		t.Errorf("tiers %v", tiers)
	}
	x = NewIndex([]Target{{"brand.com", Protected}, {"brand.com", Own}})
	if got := x.Check("br4nd.com"); len(got) != 1 || got[0].Tier != Own {
		t.Errorf("a domain named in both tiers is our own: %v", got)
	}
}

func TestEachOfTwoBrandsHasItsOwnWordsAround(t *testing.T) {
	why := map[mail.Domain]string{}
	for _, m := range partners(t).Check("microsoft-equifax-login.test") {
		why[m.Target] = m.Why
	}
	for target, words := range map[mail.Domain]string{"microsoft.com": "equifax and login", "equifax.com": "microsoft and login"} {
		if !strings.Contains(why[target], words) {
			t.Errorf("%s: %q, want %s", target, why[target], words)
		}
	}
}

func TestEmptyIndexMatchesNothing(t *testing.T) {
	if got := NewIndex(nil).Check("heise.de"); got != nil {
		t.Error(got)
	}
	if got := new(Index).Check("heise.de"); got != nil {
		t.Error(got)
	}
}

// hostile are names made to cost as much as they can.
func hostile() []mail.Domain {
	long := strings.Repeat("a", 63)
	labels := strings.TrimSuffix(strings.Repeat("a-b.", 62), ".")
	return []mail.Domain{
		mail.Domain(long + "." + long + "." + long + ".example"),
		mail.Domain(strings.Repeat("rn", 31) + ".example"),
		mail.Domain(labels + ".de"),
		mail.Domain(strings.Repeat("a.", 123) + "example"),
		mail.Domain(strings.Repeat("login-", 10) + "x.example"),
	}
}

func FuzzCheck(f *testing.F) {
	x := partners(f)
	for _, seed := range []string{"he1se.de", "xn--hise-8cd.de", "heise.de.evil.example", "he.ise.de", "xn--", "xn--a.xn--b", "..", "-.-", "a..b", "heise-rechnung.com"} {
		f.Add(seed)
	}
	for _, d := range hostile() {
		f.Add(string(d))
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, text := range []string{s, asciiOr(s)} {
			matches := x.Check(mail.Domain(text))
			if len(matches) > maxMatches {
				t.Fatalf("%d matches", len(matches))
			}
			for _, m := range matches {
				if m.Confidence < minConfidence || m.Confidence > 100 || m.Class == "" || m.Target == "" || strings.ContainsAny(m.Why, "\r\n\x00") {
					t.Fatalf("%+v", m)
				}
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{550, 10_000} {
		targets := sampleTargets(b, n, 1)
		x := NewIndex(targets)
		names := popular(b)
		b.Run(fmt.Sprintf("popular/%d", len(targets)), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				x.check(names[i*7919%len(names)])
			}
		})
		b.Run(fmt.Sprintf("mutants/%d", len(targets)), func(b *testing.B) {
			var mutants []mail.Domain
			for _, g := range generators {
				for i := range 200 {
					if d, ok := g.mutate(targets[i%len(targets)].Domain, i); ok {
						mutants = append(mutants, d)
					}
				}
			}
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				x.check(mutants[i*7919%len(mutants)])
			}
		})
		b.Run(fmt.Sprintf("hostile/%d", len(targets)), func(b *testing.B) {
			names := hostile()
			for i := 0; b.Loop(); i++ {
				x.check(names[i%len(names)])
			}
		})
	}
}

func BenchmarkNewIndex(b *testing.B) {
	for _, n := range []int{550, 10_000} {
		targets := sampleTargets(b, n, 1)
		b.Run(fmt.Sprint(len(targets)), func(b *testing.B) {
			octets := heapOf(func() any { return NewIndex(targets) })
			for b.Loop() {
				NewIndex(targets)
			}
			b.ReportMetric(octets/float64(len(targets)), "B/target")
		})
	}
}

// heapOf is the heap that what build makes keeps.
func heapOf(build func() any) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := build()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return float64(after.HeapAlloc) - float64(before.HeapAlloc)
}
