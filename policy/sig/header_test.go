package sig

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

func TestCanonicalFields(t *testing.T) {
	tests := []struct{ raw, relaxed, simple string }{ // the last three of RFC 6376, Section 3.4.5
		{"Subject: text\r\n", "subject:text\r\n", "Subject: text\r\n"},
		{"SUBJECT \t:\r\n a\r\n\t b \t\r\n", "subject:a b\r\n", "SUBJECT \t:\r\n a\r\n\t b \t\r\n"},
		{"X:\n bare\n", "x:bare\r\n", "X:\r\n bare\r\n"},
		{"X:\r\n", "x:\r\n", "X:\r\n"},
		{"X: a:b \r\n", "x:a:b\r\n", "X: a:b \r\n"},
		{"X: \v\f\u00a0 \xff\r\n", "x:\v\f\u00a0 \xff\r\n", "X: \v\f\u00a0 \xff\r\n"}, // only space and tab are white space
		{"A: X\r\n", "a:X\r\n", "A: X\r\n"},
		{"B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n", "B : Y\t\r\n\tZ  \r\n"},
	}
	for _, test := range tests {
		if got := string(AppendRelaxed(nil, []byte(test.raw))); got != test.relaxed {
			t.Errorf("%q: relaxed %q", test.raw, got)
		}
		if got := string(AppendSimple(nil, []byte(test.raw))); got != test.simple {
			t.Errorf("%q: simple %q", test.raw, got)
		}
	}
}

func TestTheValueOfBIsTakenOut(t *testing.T) {
	for raw, want := range map[string]string{
		"X: a=1; b=QUJD\r\n":                    "X: a=1; b=\r\n",
		"X: b=QUJD; a=1\r\n":                    "X: b=; a=1\r\n",
		"X: a=1;\r\n\tb =\r\n\tQU\r\n\tJD;\r\n": "X: a=1;\r\n\tb =;\r\n",
		"X: bh=b=; z=b=c;b=Q":                   "X: bh=b=; z=b=c;b=\r\n",
		"X: bb=1; B=2\r\n":                      "X: bb=1; B=2\r\n",
		"b=1: b=2\r\n":                          "b=1: b=\r\n",
	} {
		if got := string(WithoutB([]byte(raw))); got != want {
			t.Errorf("%q: %q", raw, got)
		}
	}
}

func TestCoveredFields(t *testing.T) {
	m := message(t, "S: own\r\nTo: 1\r\nFrom: a\r\nto : 2\r\njunk\r\nS: other\r\nTO: 3\r\n folded")
	for names, want := range map[string]string{
		"from":           "From: a\r\n",
		"to from":        "TO: 3\r\n folded\r\n|From: a\r\n",
		"to to to to":    "TO: 3\r\n folded\r\n|to : 2\r\n|To: 1\r\n",
		"s s":            "S: other\r\n",
		"junk none from": "From: a\r\n",
	} {
		got := bytes.Join(Covered(m, strings.Fields(names), 0), []byte("|"))
		if string(got) != want {
			t.Errorf("%s: %q", names, got)
		}
	}
}

func message(t testing.TB, raw string) *mail.Message {
	t.Helper()
	m, err := mail.ParseMessage(strings.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var (
	folds = regexp.MustCompile("[ \t\r\n]+")
	bare  = regexp.MustCompile("\r?\n")
)

func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// FuzzField holds the canonical forms of a field to plain words, and what is left
// of it without b= to its tags.
func FuzzField(f *testing.F) {
	f.Add("X", " a=1;\r\n\tb=QUJD ; c= x\r\n")
	f.Add("X \t", "\r\n b=\r\n\r\n")
	f.Add("\xc4", " a=1") // no letter to lower
	f.Fuzz(func(t *testing.T, name, value string) {
		if strings.Contains(name, ":") {
			return
		}
		raw := []byte(name + ":" + value)
		want := asciiLower(strings.Trim(name, fws)) + ":" + strings.Trim(folds.ReplaceAllString(value, " "), " ") + "\r\n"
		if got := string(AppendRelaxed(nil, raw)); got != want {
			t.Errorf("relaxed %q, want %q", got, want)
		}
		if got, want := string(AppendSimple(nil, raw)), bare.ReplaceAllString(string(raw), "\r\n"); got != want {
			t.Errorf("simple %q, want %q", got, want)
		}
		tags, err := ParseTags(value)
		if err != nil {
			return
		}
		i := slices.IndexFunc(tags, func(tag Tag) bool { return tag.Name == "b" })
		if i >= 0 {
			tags[i].Value = ""
		}
		_, without, _ := bytes.Cut(WithoutB(raw), []byte(":"))
		if got, err := ParseTags(string(without)); err != nil || !slices.Equal(got, tags) {
			t.Errorf("%q: %v, want %v", without, got, tags)
		}
	})
}

// lowestUnused is what Covered returns, by its definition.
func lowestUnused(m *mail.Message, names []string, at int) [][]byte {
	var fields [][]byte
	used := map[int]bool{at: true}
	for _, name := range names {
		for i := len(m.Fields) - 1; i >= 0; i-- {
			if f := m.Fields[i]; !used[i] && strings.ToLower(f.Name) == name {
				used[i] = true
				fields = append(fields, Line(f.Raw))
				break
			}
		}
	}
	return fields
}

func TestCoveredIsTheLowestUnusedFieldForEachName(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"from", "to", "subject", "x", "x-", "content-transfer-encoding", "a-name-that-is-longer-than-all-the-others", "none"}
	for range 3000 {
		var text strings.Builder
		for range 1 + r.IntN(12) {
			name := names[r.IntN(len(names)-1)]
			if r.IntN(2) == 0 {
				name = strings.ToUpper(name)
			}
			fmt.Fprintf(&text, "%s: %d\r\n", name, r.IntN(1000))
		}
		m := message(t, text.String())
		var list []string
		for range r.IntN(12) {
			list = append(list, names[r.IntN(len(names))])
		}
		at := r.IntN(len(m.Fields)+1) - 1
		got, want := Covered(m, list, at), lowestUnused(m, list, at)
		if string(bytes.Join(got, []byte("|"))) != string(bytes.Join(want, []byte("|"))) {
			t.Fatalf("%q less field %d for %q:\ngot  %q\nwant %q", text.String(), at, list, got, want)
		}
	}
}
