package baseline

import (
	"math/rand/v2"
	"testing"
)

func distance(a, b []rune) int {
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			same := prev[j]
			if a[i] != b[j] {
				same++
			}
			row[j+1] = min(same, prev[j+1]+1, row[j]+1)
		}
		prev = row
	}
	return prev[len(b)]
}

func TestWithinIsTheLevenshteinDistance(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func() []rune {
		w := make([]rune, r.IntN(7))
		for i := range w {
			w[i] = 'a' + rune(r.IntN(3))
		}
		return w
	}
	for range 20000 {
		a, b := word(), word()
		for k := 1; k <= 2; k++ {
			if got, want := within(a, b, k), distance(a, b) <= k; got != want {
				t.Fatalf("within(%q, %q, %d) = %v", string(a), string(b), k, got)
			}
		}
	}
}

func TestEachRuleFindsWhatItIsFor(t *testing.T) {
	c, err := ReadConfusables([]string{"\ufeff0435 ;	0065 ;	MA	# e", "0031 ;	006C ;	MA"})
	if err != nil {
		t.Fatal(err)
	}
	reader := Reader{c}
	read := func(s string) *Name {
		n, ok := reader.Read(s)
		if !ok {
			t.Fatal(s)
		}
		return &n
	}
	target := read("hello.co.uk")
	want := map[string][5]bool{ // lev 1, lev 2, skeleton, skeleton any, openSquat
		"helo.co.uk":           {true, true, false, false, true},
		"hlelo.co.uk":          {false, true, false, false, false},
		"he1lo.co.uk":          {true, true, true, true, true},
		"xn--hllo-v4d.com":     {false, false, false, true, true}, // with a Cyrillic e
		"sayhello-there.co.uk": {false, false, false, false, true},
		"mail.hello.com":       {false, false, false, true, true},
		"world.co.uk":          {},
	}
	for name, hits := range want {
		for i, rule := range Rules() {
			if got := rule.Match(read(name), target); got != hits[i] {
				t.Errorf("%s says %v of %s", rule.Name, got, name)
			}
		}
	}
	if _, ok := reader.Read("co.uk"); ok {
		t.Error("a public suffix is no name")
	}
}

func FuzzReadConfusables(f *testing.F) {
	f.Add("0435 ;	0065 ;	MA	# e")
	f.Add(";;")
	f.Fuzz(func(t *testing.T, line string) {
		c, err := ReadConfusables([]string{line})
		if err == nil {
			c.Skeleton(line)
		}
	})
}
