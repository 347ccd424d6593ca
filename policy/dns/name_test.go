package dns

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	label := strings.Repeat("a", MaxLabelOctets)
	for name, want := range map[string]error{
		"example.com": nil, "EXAMPLE.com.": nil, "localhost": nil, "_a-.-b.example.com": nil, label: nil,
		"a b.example.com": nil, "user@example.com": nil, "a/b;(')": nil, "~": nil, // of SPF macros
		strings.Repeat(label+".", 3) + label[:61]:       nil,
		strings.Repeat(label+".", 3) + label[:61] + ".": nil,
		strings.Repeat(label+".", 3) + label[:62]:       errNameOctets,
		label + "a.example.com":                         errLabelOctets,
		"":                                              errLabelOctets, ".": errLabelOctets, "a..b": errLabelOctets, ".a": errLabelOctets, "a..": errLabelOctets,
		`a\.b`: errNameOctet, `a"b`: errNameOctet, "a\x00b": errNameOctet, "a\tb": errNameOctet, "a\x7fb": errNameOctet, "bücher.example": errNameOctet,
	} {
		if err := CheckName(name); err != want {
			t.Errorf("%q: got %v, want %v", name, err, want)
		}
	}
}

func TestSnapshotRefusesNamesThatCannotBeAsked(t *testing.T) {
	if _, err := MustSnapshot(t, zone).TXT(t.Context(), "a..example.com"); !errors.Is(err, ErrPermanent) || errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"example.com.", "a..b", `a\.b`, strings.Repeat("a.", 127), strings.Repeat("a", 64)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		bare := strings.TrimSuffix(name, ".")
		ok := len(bare) <= 253 && !strings.ContainsAny(bare, `\"`)
		for _, label := range strings.Split(bare, ".") {
			ok = ok && len(label) >= 1 && len(label) <= 63 && !slices.ContainsFunc([]byte(label), func(c byte) bool { return c < 32 || c > 126 })
		}
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: got %v", name, err)
		}
	})
}
