package lookalike

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/policy/mail"
)

func TestKinAreFoundByWhatANameIsMadeOf(t *testing.T) {
	k := knownOf(append(correspondents(20_000, 9), "hartmann.de", "hartmann.at", "bau-kontor.no", "müller.de", "xn--mller-kva.de", "abb.com", "quorvista.example"))
	for name, want := range map[string]string{
		"hartmann-group.com":              "hartmann",      // a word behind
		"myhartmann.com":                  "hartmann",      // before
		"my-hartmann-group.com":           "hartmann",      // around
		"fjordhartmannkontor.com":         "hartmann",      // words that no list has
		"hartrnann-group.de":              "hartmann",      // disguised besides
		"hart-mann-group.de":              "hartmann",      // cut besides
		"hatrmann-group.de":               "hartmann",      // mistyped besides
		"hartmannn.de":                    "hartmann",      // a letter
		"hartmann.com":                    "hartmann",      // another suffix
		"baukontor-nordic.no":             "bau-kontor",    // without its hyphen
		"mueller-gruppe.de":               "xn--mller-kva", // spelled out
		"xn--mller-gruppe-dlb.de":         "xn--mller-kva", // in its own letters
		"abb-group.com":                   "abb",           // three letters
		"abc.com":                         "abb",           // one of three letters
		"financequorvistatrading.example": "quorvista",     // amid
	} {
		if got := k.Kin(mail.Domain(name), 35); !slices.Contains(got, want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	for name, want := range map[string]bool{"abb-group.com": true, "abbfjord.com": false, "fjord-abb.com": false} {
		if got := k.Kin(mail.Domain(name), 35); slices.Contains(got, "abb") != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, name := range []string{"hartmann.de", "zzyzx-vqwx.example", "de", "", "..", "192.0.2.1"} {
		if got := k.Kin(mail.Domain(name), 35); slices.Contains(got, "quorvista") || name != "hartmann.de" && len(got) > 0 {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestKinAreNeverTooManyAndTheLongestComeFirst(t *testing.T) {
	k := NewKnown()
	label := strings.Repeat("abcdefghijklmnopqrstuvwxyz", 2)
	for length := 3; length < 30; length++ {
		for from := 0; from+length <= len(label); from++ {
			k.Insert(mail.Domain(fmt.Sprintf("%s.example", label[from:from+length])))
		}
	}
	found := k.Kin(mail.Domain(label+".example"), 35)
	if len(found) != maxKin || len(found[0]) != 29 || len(found[maxKin-1]) < 20 {
		t.Errorf("%d: %v ...", len(found), found[:3])
	}
	seen := map[string]bool{}
	for _, f := range found {
		if seen[f] {
			t.Errorf("%s comes twice", f)
		}
		seen[f] = true
	}
}

func TestKinOfHostileNamesTakeBoundedWork(t *testing.T) {
	k := knownOf(correspondents(50_000, 7))
	for _, d := range hostile() {
		began := time.Now()
		k.Kin(d, 35)
		if took := time.Since(began); took > time.Second { // some 100 us; the machine may be busy
			t.Errorf("%.40s: %v", d, took)
		}
	}
}

func TestAWordThatNoListHasIsTold(t *testing.T) {
	for name, want := range map[string]bool{"hartmann-group.com": false, "rechnung-hartmann.com": false, "hartmann-fjord.com": true, "fjord-hartmann-group.com": true, "hartrnann.de": false} {
		if m, ok := Compare(mail.Domain(name), "hartmann.de"); !ok || m.Unlisted != want {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func BenchmarkKnownKin(b *testing.B) {
	names := correspondents(1_000_000, 1)
	k := knownOf(names)
	for i := 0; b.Loop(); i++ {
		k.Kin(names[i%20_000], 35)
	}
}
