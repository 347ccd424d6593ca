package lookalike

import (
	"slices"
	"strings"
	"testing"

	"mxgate/policy/lookalike/shelf"
	"mxgate/policy/mail"
)

// everywhere is an Index that looks for every part of a name.
type everywhere struct{ *Index }

func (everywhere) brands() (least, most int, anywhere bool) { return minBrand, shelf.MaxRunes, true }

func (everywhere) maybe(rune, int) bool { return true }

// What is passed over is what no target's label can be.
func TestTheSameIsFoundWherePartsArePassedOver(t *testing.T) {
	for _, n := range []int{1, 12, 550} {
		x := NewIndex(sampleTargets(t, n, 3))
		names := append(hostile(), popular(t)...)
		for _, g := range generators {
			for i := range 60 {
				if d, ok := g.mutate(x.targets[i%len(x.targets)].Domain, i); ok {
					names = append(names, d)
				}
			}
		}
		for i := range x.targets { // words that nobody knows around it, and a disguise
			label, _, _ := strings.Cut(string(x.targets[i].Domain), ".")
			names = append(names, mail.Domain("zqu-"+strings.ReplaceAll(label, "m", "rn")+"-xoq.example"), mail.Domain("zqu"+label+".example"))
		}
		found := 0
		for _, d := range names {
			if len(names) > 20_000 && len(d)%8 != n%8 && len(d) < 40 { // some of the popular ones
				continue
			}
			n, ok := parse(d)
			if !ok {
				continue
			}
			few, all := look(x, n, maxCompared), look(everywhere{x}, n, maxCompared)
			if !slices.Equal(few, all) {
				t.Fatalf("%s: %+v, and everywhere %+v", d, few, all)
			}
			found += len(few)
		}
		if found < 100 {
			t.Errorf("of %d targets %d were found", n, found)
		}
	}
}

// Long names are what a hostile message is made of: 480 of them.
func BenchmarkCheckOfLongNames(b *testing.B) {
	x := NewIndex(sampleTargets(b, 64, 1))
	var names []mail.Domain
	for i := range 26 {
		for _, pair := range []string{"rn", "ab", "wm"} {
			label := string(rune('a' + i))
			for len(label) < maxLabelOctets-1 {
				label += pair
			}
			names = append(names, mail.Domain(label+".example"))
		}
	}
	for i := 0; b.Loop(); i++ {
		x.check(names[i%len(names)])
	}
}
