package lookalike

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mxgate/policy/mail"
)

// correspondents makes n names such as firms have: words, parts of words and
// invented syllables, most below a few suffixes.
func correspondents(n int, seed uint64) []mail.Domain {
	r := rand.New(rand.NewPCG(seed, 11))
	vocabulary := strings.Fields(ordinaryWords + weakWords)
	suffixes := strings.Fields("com com com com com de de de net org co.uk fr nl no io eu it ch at com.au co info")
	syllable := func() string {
		return string("bcdfghklmnprstvwz"[r.IntN(17)]) + string("aeiou"[r.IntN(5)]) + oneOf(r, "", "", "n", "r", "s", "x", "ll")
	}
	word := func() string { return vocabulary[r.IntN(len(vocabulary))] }
	names, seen := make([]mail.Domain, 0, n), make(map[mail.Domain]bool, n)
	for len(names) < n {
		var label string
		switch r.IntN(16) {
		case 0:
			label = syllable() + syllable()
		case 1, 2, 3:
			label = syllable() + syllable() + syllable()
		case 4, 5:
			label = word() + "-" + word()
		case 6, 7, 8:
			label = word() + syllable() + oneOf(r, "", syllable())
		case 9, 10:
			label = syllable() + syllable() + word()
		case 11:
			label = syllable() + syllable() + syllable() + syllable()
		default:
			label = word() + word() + oneOf(r, "", "", "24", "-gmbh", "s", syllable())
		}
		d := mail.Domain(label + "." + suffixes[r.IntN(len(suffixes))])
		if !seen[d] {
			seen[d] = true
			names = append(names, d)
		}
	}
	return names
}

func knownOf(names []mail.Domain) *Known {
	k := NewKnown()
	for _, d := range names {
		k.Insert(d)
	}
	return k
}

func BenchmarkKnownNear(b *testing.B) {
	names := correspondents(1_000_000, 1)
	started := time.Now()
	k := knownOf(names)
	took := time.Since(started)
	fresh := correspondents(20_000, 2)
	r := rand.New(rand.NewPCG(5, 5))
	var mutants, exact []mail.Domain
	for i := range 20_000 {
		d := names[r.IntN(len(names))]
		exact = append(exact, d)
		if m, ok := generators[i%len(generators)].mutate(d, i); ok {
			mutants = append(mutants, m)
		}
	}
	for _, part := range []struct {
		name  string
		names []mail.Domain
	}{{"mutants", mutants}, {"fresh", fresh}, {"exact", exact}, {"mixed", slices.Concat(mutants, fresh, exact)}, {"hostile", hostile()}} {
		b.Run(part.name, func(b *testing.B) {
			b.ReportAllocs()
			const rounds = 5 // the least of so many for each name: what others do to the machine is left out
			least := make([]time.Duration, len(part.names))
			for range rounds {
				for i, d := range part.names {
					before := time.Now()
					k.Near(d)
					if took := time.Since(before); least[i] == 0 || took < least[i] {
						least[i] = took
					}
				}
			}
			slices.Sort(least)
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				k.Near(part.names[i%len(part.names)])
			}
			b.ReportMetric(float64(least[len(least)/2])/1e3, "p50-us")
			b.ReportMetric(float64(least[len(least)*99/100])/1e3, "p99-us")
			b.ReportMetric(float64(k.Bytes())/1e6, "MB")
			b.ReportMetric(float64(k.Len())/took.Seconds(), "inserts/s")
		})
	}
}

func BenchmarkCompare(b *testing.B) {
	names := correspondents(10_000, 9)
	for _, c := range []struct {
		name   string
		target mail.Domain
	}{{"alike", "he1se.de"}, {"unlike", ""}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				target := c.target
				if target == "" {
					target = names[i%len(names)]
				}
				Compare("heise.de", target)
			}
		})
	}
}

func BenchmarkDiffer(b *testing.B) {
	for b.Loop() {
		Differ("rnicrosoft-rechnung.example", "microsoft.com")
	}
}

// TestEachWayOfImitatingKnownDomainsIsFound holds the same names against a live
// index of 30,000.
func TestEachWayOfImitatingKnownDomainsIsFound(t *testing.T) {
	const most = 400
	names := correspondents(100_000, 3)
	k := knownOf(names)
	for _, g := range generators {
		n, found := 0, 0
		for i := 0; n < most && i < len(names); i++ {
			target := names[i]
			d, ok := g.mutate(target, i)
			label, _, _ := strings.Cut(string(target), ".")
			if !ok || len(label) < max(g.minimum, 5) || k.Contains(Registrable(d)) {
				continue
			}
			n++
			matches := k.Near(d)
			if _, hit := matchOf(matches, target); hit {
				found++
			} else if os.Getenv("LOOKALIKE_LIST") != "" {
				t.Log("missed", g.name, d, "for", target, matches)
			}
			for _, m := range matches {
				if m.Alone || m.Tier != Site {
					t.Fatalf("%+v", m)
				}
			}
		}
		share := 100 * float64(found) / float64(n)
		t.Logf("%-18s %4d names, %6.2f %% found", g.name, n, share)
		if share < g.least() {
			t.Errorf("%s: %.2f %% found, want %.1f", g.name, share, g.least())
		}
	}
}

func TestKnownForgetsWhatIsRemovedAndGrows(t *testing.T) {
	names := correspondents(20_000, 4)
	k := NewKnown()
	for i, d := range names {
		if !k.Insert(d) || k.Insert(d) {
			t.Fatalf("%s: inserted twice or not at all", d)
		}
		if i%3 == 0 && (!k.Remove(d) || k.Remove(d)) {
			t.Fatalf("%s: removed twice or not at all", d)
		}
	}
	for i, d := range names {
		if k.Contains(d) == (i%3 == 0) {
			t.Fatalf("%s: there %v", d, k.Contains(d))
		}
	}
	if want := len(names) - (len(names)+2)/3; k.Len() != want {
		t.Errorf("%d names, want %d", k.Len(), want)
	}
	if per := k.Bytes() / k.Len(); per > 80 {
		t.Errorf("%d octets a name", per)
	}
	for range 100 { // names that come and go take no more room
		for _, d := range names[:500] {
			k.Insert(d)
			k.Remove(d)
		}
	}
	if per := k.Bytes() / k.Len(); per > 100 {
		t.Errorf("%d octets a name", per)
	}
}

func TestKnownTakesRegistrableDomainsOnly(t *testing.T) {
	k := NewKnown()
	for _, d := range []mail.Domain{"", "com", "mail.heise.de", "localhost", "192.0.2.1", "a..b", "HEISE.de"} {
		if k.Insert(d) || k.Contains(d) || k.Remove(d) || k.Near(d) != nil {
			t.Errorf("%q was taken", d)
		}
	}
	if k.Len() != 0 {
		t.Errorf("%d names", k.Len())
	}
}

func TestKnownTakesNamesOfOtherScripts(t *testing.T) {
	k := NewKnown()
	for _, name := range []string{"日本語.jp", "müller-bäckerei.de", "пример.com", "_a_b.example", "шжюф.example"} {
		if !k.Insert(domain(t, name)) || !k.Contains(domain(t, name)) {
			t.Errorf("%s was not taken", name)
		}
	}
	for name, target := range map[string]string{
		"mueller-baeckerei.de": "müller-bäckerei.de", "muller-backerei.de": "müller-bäckerei.de", "müller-bäckere1.de": "müller-bäckerei.de",
		"日本語日.jp": "日本語.jp", "nримep.com": "пример.com",
	} {
		got := k.Near(domain(t, name))
		if m, ok := Compare(domain(t, name), domain(t, target)); len(got) != 1 || got[0].Target != domain(t, target) || !ok {
			t.Errorf("%s for %s: %+v, alone %+v", name, target, got, m)
		}
	}
}

func TestSplitAndWrittenOutNamesAreFoundInACrowd(t *testing.T) {
	k := knownOf([]mail.Domain{"quorvista.example", "quorvista.com"})
	for a := 'a'; a <= 'z'; a++ {
		for _, form := range []string{"rvist%", "rvi%ta", "%vista", "rv%sta"} {
			k.Insert(mail.Domain(strings.ReplaceAll(form, "%", string(a)) + ".example"))
		}
	}
	for _, d := range []mail.Domain{"quo.rvista.example", "quorvista.com.rvista.example", "quorvista-com.rvisto.example"} {
		if got := k.Near(d); len(got) == 0 || !strings.HasPrefix(string(got[0].Target), "quorvista.") || got[0].Confidence < 90 {
			t.Errorf("%s: %+v", d, got)
		}
	}
}

func TestSuffixGluedToFourLettersIsFoundAndNeverActs(t *testing.T) {
	for d, target := range map[mail.Domain]mail.Domain{"freefr.example": "free.fr", "carecom.co.uk": "care.com"} {
		got, near := NewIndex([]Target{{target, Protected}}).Check(d), knownOf([]mail.Domain{target}).Near(d)
		if len(got) != 1 || got[0].Class != Embedding || got[0].Alone || got[0].Confidence != confChance || len(near) != 1 || near[0].Class != Embedding {
			t.Errorf("%s: %+v, near %+v", d, got, near)
		}
	}
}

func TestKnownNameIsNotItsOwnNeighbour(t *testing.T) {
	k := knownOf([]mail.Domain{"heise.de", "he1se.de", "acme-works.example"})
	for d, want := range map[mail.Domain]mail.Domain{"heise.de": "he1se.de", "he1se.de": "heise.de", "mail.he1se.de": "heise.de", "acme-works.example": ""} {
		got := k.Near(d)
		if (want != "") != (len(got) == 1) || want != "" && got[0].Target != want {
			t.Errorf("%s: %+v", d, got)
		}
	}
}

func TestLabelUnderVeryManySuffixesIsOneThing(t *testing.T) {
	k := NewKnown()
	var suffixes []string
	for a := 'a'; a <= 'z'; a++ {
		for b := 'a'; b <= 'z'; b++ {
			suffixes = append(suffixes, string(a)+string(b))
		}
	}
	n := 0
	for _, suffix := range suffixes {
		if k.Insert(mail.Domain("megabrand." + suffix)) {
			n++
		}
	}
	if n < 200 || k.Len() != n {
		t.Fatalf("%d of %d", k.Len(), n)
	}
	for _, suffix := range []string{"de", "zw"} {
		got := k.Near(mail.Domain("megabramd." + suffix))
		if len(got) != 1 || !k.Contains(mail.Domain("megabrand."+suffix)) {
			t.Errorf("%+v", got)
		}
		if got := k.Near(mail.Domain("m3gabrand." + suffix)); len(got) != 1 || got[0].Target != mail.Domain("megabrand."+suffix) || got[0].Neighbours != 0 {
			t.Errorf("the one with the same suffix is meant: %+v", got)
		}
	}
}

func TestReadersMeetNoHalfInsertedName(t *testing.T) {
	names := correspondents(5000, 6)
	k := knownOf(names[:1000])
	var readers sync.WaitGroup
	for w := range 4 {
		readers.Go(func() {
			for i := range 1000 {
				if d := names[(i*7+w)%1000]; !k.Contains(d) {
					t.Errorf("%s is gone", d)
				}
				k.Near(names[(i*13+w)%len(names)])
			}
		})
	}
	for _, d := range names[1000:] {
		k.Insert(d)
	}
	for _, d := range names[1000:1500] {
		k.Remove(d)
	}
	readers.Wait()
	if k.Len() != 4500 {
		t.Errorf("%d names", k.Len())
	}
}

func TestHostileNamesTakeBoundedWork(t *testing.T) {
	k := knownOf(correspondents(50_000, 7))
	for _, d := range hostile() {
		began := time.Now()
		k.Near(d)
		if took := time.Since(began); took > time.Second { // some 10 us; the machine may be busy
			t.Errorf("%.40s: %v", d, took)
		}
	}
}

func FuzzKnown(f *testing.F) {
	k := knownOf(correspondents(3000, 8))
	for _, d := range hostile() {
		f.Add(string(d))
	}
	f.Add("xn--mller-kva.de")
	f.Fuzz(func(t *testing.T, s string) {
		d := mail.Domain(s)
		for _, m := range k.Near(d) {
			if m.Alone || m.Tier != Site || m.Confidence < minConfidence || m.Confidence > 100 || m.Class == "" || !k.Contains(m.Target) {
				t.Fatalf("%+v", m)
			}
		}
		for _, label := range k.Kin(d, 35) {
			if label == "" || strings.Contains(label, ".") {
				t.Fatalf("%q", label)
			}
		}
		before := k.Len()
		if k.Insert(d) {
			if !k.Contains(d) || !k.Remove(d) {
				t.Fatalf("%q was not found again", s)
			}
		}
		if k.Len() != before {
			t.Fatalf("%d names, were %d", k.Len(), before)
		}
	})
}
