package received

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	folds = regexp.MustCompile(`(\r\n|[ \t\n])+`)
	bys   = regexp.MustCompile(`(?i)by`)
)

// slowly is unfold as one would write it without haste, for less than the limits.
func slowly(value string) (text string, claims int) {
	text = folds.ReplaceAllString(value, " ")
	if folds.MatchString(value) && folds.FindStringIndex(value)[0] == 0 {
		text = text[1:]
	}
	for _, at := range bys.FindAllStringIndex(value, -1) {
		if (at[0] == 0 || startsWord(value[at[0]-1])) && (at[1] == len(value) || endsWord(value[at[1]])) {
			claims++
		}
	}
	return text, claims
}

func checkUnfold(t *testing.T, value string) {
	t.Helper()
	if len(value) > maxFieldOctets {
		return
	}
	var p parser
	unfold(&p, []byte(value), []byte("of the field before"))
	if slices.Contains(p.hop.Defects, DefectCut) {
		return
	}
	text, claims := slowly(value)
	if string(p.octets) != text || min(p.claims, 2) != min(claims, 2) {
		t.Errorf("%q: got %q with %d claims, want %q with %d", value, p.octets, p.claims, text, claims)
	}
	odd := func(of uint8) bool {
		return strings.IndexFunc(folds.ReplaceAllString(value, " "), func(r rune) bool { return r < 0x80 && class[byte(r)] == of }) >= 0
	}
	if slices.Contains(p.hop.Defects, DefectControl) != odd(control) {
		t.Errorf("%q: defects %q", value, p.hop.Defects)
	}
	eight := strings.IndexFunc(value, func(r rune) bool { return r >= 0x80 }) >= 0
	if slices.Contains(p.hop.Defects, Defect8Bit) != eight {
		t.Errorf("%q: defects %q", value, p.hop.Defects)
	}
}

// What unfold looks for is found wherever it stands among the eight octets that
// it looks at together, at the seams too.
func TestEveryOctetIsSeenWhereverItStands(t *testing.T) {
	for _, what := range []string{" ", "  ", "\t", "\r\n ", "\r", "\x00", "\x1f", "\x7f", "\xa0", "\xff", "by", " by ", " BY(", "xby", "by.", "bY", " by by ", "\r\n\r\n", " \t ", "y", "b y"} {
		for before := range 20 {
			for behind := range 20 {
				checkUnfold(t, strings.Repeat("z", before)+what+strings.Repeat("z", behind))
				checkUnfold(t, strings.Repeat("by\x7e ", before)+what+strings.Repeat("\r\n \xe4", behind))
			}
		}
	}
}

func TestWhatIsCutOffStillCountsAsAClaim(t *testing.T) {
	for _, c := range []struct {
		value  string
		claims int
	}{
		{strings.Repeat("z", maxFieldOctets-1) + " by y", 1},
		{strings.Repeat("z", maxFieldOctets-2) + " by", 1},
		{strings.Repeat("\x01", maxControls) + " by x by y", 2},
	} {
		var p parser
		unfold(&p, []byte(c.value), nil)
		if p.claims != c.claims || !slices.Contains(p.hop.Defects, DefectCut) {
			t.Errorf("%d claims, want %d; defects %q", p.claims, c.claims, p.hop.Defects)
		}
	}
}

func FuzzUnfold(f *testing.F) {
	for _, c := range formats {
		f.Add(c.value)
	}
	f.Fuzz(checkUnfold)
}

// The end of a word is found wherever it stands among the octets that are looked
// at together.
func TestAWordEndsWhereItsFirstOctetOfAnotherClassStands(t *testing.T) {
	for c := range 256 {
		for before := range 34 {
			for _, behind := range []string{"", "z", "\x80;(z\x7f) zz"} {
				text := strings.Repeat("y\xff", before/2) + strings.Repeat("~", before%2) + string([]byte{byte(c)}) + behind
				want := strings.IndexFunc(text, func(r rune) bool { return r < 0x80 && class[byte(r)] > eightBit })
				if want < 0 {
					want = len(text)
				}
				if got := wordEnd([]byte(text), 0); got != want {
					t.Fatalf("%q: got %d, want %d", text, got, want)
				}
			}
		}
	}
}
