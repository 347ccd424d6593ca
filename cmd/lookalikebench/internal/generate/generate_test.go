package generate

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/idna"
)

func cut(t *testing.T, domain string) Target {
	t.Helper()
	target, ok := Cut(domain)
	if !ok {
		t.Fatalf("%s is no target", domain)
	}
	return target
}

func TestATargetIsCutAtItsPublicSuffix(t *testing.T) {
	if got := cut(t, "lloyds.co.uk"); got != (Target{"lloyds.co.uk", "lloyds", "co.uk"}) {
		t.Errorf("%+v", got)
	}
	for _, no := range []string{"co.uk", "www.heise.de", "xn--bcher-kva.de", ""} {
		if _, ok := Cut(no); ok {
			t.Errorf("%q is taken for a target", no)
		}
	}
}

func TestEveryClassMakesMailableNamesThatAreNotTheTarget(t *testing.T) {
	targets := []Target{cut(t, "commerzbank.de"), cut(t, "deutsche-bank.de"), cut(t, "wellsfargo.com"), cut(t, "peacock-tools.co.uk")}
	for _, c := range Classes() {
		made := 0
		for _, target := range targets {
			for _, name := range c.Names(target, 20, 1) {
				made++
				if a, ok := Mailable(name, target); !ok || a != name || strings.HasSuffix("."+name, "."+target.Domain) {
					t.Errorf("%s: %s for %s", c.Name, name, target.Domain)
				}
			}
		}
		if made == 0 && c.Name != "idn, Cyrillic throughout" {
			t.Errorf("%s made nothing", c.Name)
		}
	}
}

func TestTheSameSeedMakesTheSameNames(t *testing.T) {
	target := cut(t, "commerzbank.de")
	for _, c := range Classes() {
		if !slices.Equal(c.Names(target, 5, 7), c.Names(target, 5, 7)) {
			t.Errorf("%s differs from itself", c.Name)
		}
	}
	if slices.Equal(Named("insertion").Names(target, 5, 7), Named("insertion").Names(target, 5, 8)) {
		t.Error("another seed makes the same names")
	}
}

func TestClassesAreWhatTheirNamesSay(t *testing.T) {
	target := cut(t, "mandala-wood.com")
	for class, is := range map[string]func(string) bool{
		"omission":                   func(s string) bool { return len(s) == len(target.Label)-1 },
		"swap":                       func(s string) bool { return len(s) == len(target.Label) },
		"tld swap":                   func(s string) bool { return s == target.Label },
		"hyphen left out":            func(s string) bool { return s == "mandalawood" },
		"idn, one letter":            func(s string) bool { return strings.HasPrefix(s, "xn--") },
		"digraph (rn/m, cl/d, vv/w)": func(s string) bool { return len(s) == len(target.Label)+1 },
		"combo, strong, hyphen":      func(s string) bool { return strings.HasPrefix(s, target.Label+"-") },
		"glued suffix":               func(s string) bool { return s == target.Label+"com" },
	} {
		names := Named(class).Names(target, 10, 3)
		if len(names) == 0 {
			t.Errorf("%s made nothing", class)
		}
		for _, name := range names {
			if label, _, _ := strings.Cut(name, "."); !is(label) {
				t.Errorf("%s made %s", class, name)
			}
		}
	}
	cyrillicOnly := Named("idn, Cyrillic throughout").Names(cut(t, "apple.com"), 1, 1)
	if u, _ := idna.Punycode.ToUnicode(strings.Join(cyrillicOnly, "")); u != "аррӏе.com" {
		t.Errorf("apple in Cyrillic: %q", u)
	}
	if made := Named("idn, Cyrillic throughout").Names(cut(t, "zara.com"), 1, 1); made != nil {
		t.Errorf("%q, though Cyrillic has no z", made)
	}
}

func TestKeysBesideEachOther(t *testing.T) {
	for want, k := range map[string]keyboard{"fh" + "ty" + "vb": qwerty, "fh" + "tz" + "vb": qwertz} {
		if got := k.beside('g'); got != want {
			t.Errorf("beside g: %s, want %s", got, want)
		}
	}
	if got := azerty.beside('m'); !strings.Contains(got, "l") || qwerty.beside('-') != "" {
		t.Errorf("beside m: %s", got)
	}
}

func TestPermutationsAreThoseOfTheTables(t *testing.T) {
	x := Tables{ASCII: map[string][]string{"e": {"3"}, "rn": {"m"}}, Qwerty: map[string]string{"r": "t"}, Words: []string{"pay"}, TLDs: []string{"de", "com"}}
	byKind := map[string][]string{}
	for kind, name := range x.Permutations(cut(t, "bern.de")) {
		byKind[kind] = append(byKind[kind], name)
	}
	for kind, want := range map[string][]string{
		"homoglyph":     {"b3rn.de", "b3m.de", "bem.de", "b3m.de"},
		"insertion":     {"betrn.de", "bertn.de"},
		"transposition": {"ebrn.de", "bren.de", "benr.de"},
		"subdomain":     {"b.ern.de", "be.rn.de"},
		"dictionary":    {"bern-pay.de", "bernpay.de", "pay-bern.de", "paybern.de"},
		"tld-swap":      {"bern.com"},
	} {
		if !slices.Equal(byKind[kind], want) {
			t.Errorf("%s: %q, want %q", kind, byKind[kind], want)
		}
	}
}

func TestWhatNoRegistryTakesIsNotMade(t *testing.T) {
	target := cut(t, "heise.de")
	for _, no := range []string{"heise.de", "www.heise.de", "-heise.de", "he--ise.de", "", "de", "𝗵eise.de"} {
		if a, ok := Mailable(no, target); ok {
			t.Errorf("%q became %q", no, a)
		}
	}
}
