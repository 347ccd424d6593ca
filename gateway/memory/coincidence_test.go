package memory

import (
	"bufio"
	"compress/gzip"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/corpustest"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// How many honest domains become a shadow by chance: popular domains that get to
// know the site one after another. It is a bound on what may be lost, and told in
// the documentation. Twins are none of it.
func TestFewRealDomainsAreShadowsByChance(t *testing.T) {
	all := popular(t)
	domains := newDomains(Config{Own: []mail.Domain{"example.org"}})
	shadows, byClass := 0, map[lookalike.Class]int{}
	for i, name := range all[:20_000] {
		d := domains.enter(&domain{name: name, first: uint16(i/10 + 1), established: true})
		if d.shadowOf = domains.judge(d, name, noon); d.shadowOf != "" {
			shadows++
			m, _ := lookalike.Compare(d.name, d.shadowOf)
			if m.Class == lookalike.TLD {
				t.Errorf("%s for %s", d.name, d.shadowOf)
			}
			byClass[m.Class]++
		}
		domains.settle(d, noon)
		if n := i + 1; slices.Contains([]int{500, 5_000, 20_000}, n) {
			if shadows*10_000 > n*150 {
				t.Errorf("%d shadows of %d", shadows, n)
			}
			t.Logf("of %d: %d shadows (%.1f per 10,000) %v", n, shadows, float64(shadows)/float64(n)*1e4, byClass)
		}
	}
}

// popular are the popular domains of the corpus, shuffled.
func popular(t *testing.T) (all []mail.Domain) {
	t.Helper()
	path, ok := corpustest.Find(t, "domains/cloudflare-top100k.tsv.gz")
	if !ok || testing.Short() {
		t.Skip("no corpus")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for scan := bufio.NewScanner(z); scan.Scan(); {
		name, _, _ := strings.Cut(scan.Text(), "\t")
		if d, err := mail.ParseDomain(name); err == nil && lookalike.Registrable(d) == d {
			all = append(all, d)
		}
	}
	r := rand.New(rand.NewPCG(7, 7))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
