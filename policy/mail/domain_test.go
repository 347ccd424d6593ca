package mail

import (
	"errors"
	"strings"
	"testing"
)

func TestParseDomain(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"example.com", "example.com"},
		{"EXAMPLE.Com", "example.com"},
		{"example.com.", "example.com"},
		{"localhost", "localhost"},
		{"_dmarc.example.com", "_dmarc.example.com"},
		{"bücher.example", "xn--bcher-kva.example"},
		{"BÜCHER.example", "xn--bcher-kva.example"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"straße.example", "xn--strae-oqa.example"}, // not transitional: IDNA2008
		{"ｅｘａｍｐｌｅ.com", "example.com"},
		{"example。com", "example.com"},
		{strings.Repeat("a", 63) + ".example", strings.Repeat("a", 63) + ".example"},
	} {
		if d, err := ParseDomain(tc.text); err != nil || string(d) != tc.want {
			t.Errorf("ParseDomain(%q) = %q, %v; want %q", tc.text, d, err, tc.want)
		}
	}
	for _, text := range []string{
		"", ".", "..", "a..b", ".a", "a b.example", "a\x00.example", "a\n.example", "a@b.example", "-a.example", "a-.example", "[192.0.2.1]", "a/b.example",
		"exam\u200bple.com", "exam\u00adple.com", "exam\u00a0ple.com", "\u202eexample.com", "a\xff.example", "ä\xff.example",
		strings.Repeat("a", 64) + ".example", strings.Repeat("ä", 60) + ".example", strings.Repeat("a.", 127) + "a", strings.Repeat("ä", 2000),
	} {
		if d, err := ParseDomain(text); !errors.Is(err, ErrBadDomain) || d != "" {
			t.Errorf("ParseDomain(%q) = %q, %v; want ErrBadDomain", text, d, err)
		}
	}
}

func TestDomainWithin(t *testing.T) {
	for _, tc := range []struct {
		d, parent Domain
		want      bool
	}{
		{"example.com", "example.com", true},
		{"a.example.com", "example.com", true},
		{"aexample.com", "example.com", false},
		{"example.com", "a.example.com", false},
		{"example.com", "", false},
		{"", "", false},
	} {
		if got := tc.d.Within(tc.parent); got != tc.want {
			t.Errorf("%q.Within(%q) = %v", tc.d, tc.parent, got)
		}
	}
}

func TestDomainUnicode(t *testing.T) {
	for d, want := range map[Domain]string{
		"example.com":           "example.com",
		"xn--bcher-kva.example": "bücher.example",
		"xn--a.example":         "xn--a.example", // no punycode
		"xn--4db.example":       "א.example",
		"xn--4db.1a":            "xn--4db.1a", // breaks RFC 5893, Section 2
	} {
		if got := d.Unicode(); got != want {
			t.Errorf("%q.Unicode() = %q, want %q", d, got, want)
		}
	}
}

func FuzzParseDomain(f *testing.F) {
	for _, s := range []string{"example.com", "bücher.example", "xn--bcher-kva.example", "EXAMPLE.com.", "exam\u200bple.com", "example。com", "xn--a", "_a.b", "١.example", "א.example", "xn--4db.1a", "xn--4db.xn--bcher-kva"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDomain(s)
		if err != nil {
			if !errors.Is(err, ErrBadDomain) || d != "" {
				t.Fatalf("%q, %v", d, err)
			}
			return
		}
		if len(d) > maxDomainOctets || string(d) != strings.ToLower(string(d)) || !isASCII(string(d)) || strings.HasSuffix(string(d), ".") {
			t.Fatalf("ParseDomain(%q) = %q", s, d)
		}
		if again, err := ParseDomain(string(d)); err != nil || again != d {
			t.Fatalf("%q is read back as %q, %v", d, again, err)
		}
		if strings.Contains(string(d), "xn--") {
			if again, err := ParseDomain(d.Unicode()); err != nil || again != d {
				t.Fatalf("%q is shown as %q, which is %q, %v", d, d.Unicode(), again, err)
			}
		}
	})
}

// distinct returns n runes from first on, of which none repeats: what costs
// punycode the most.
func distinct(n int, first rune) string {
	var b strings.Builder
	for i := range n {
		b.WriteRune(first + rune(i))
	}
	return b.String()
}

// Punycode is quadratic in a label. A label that none can hold must not reach it:
// what it writes would be seen among the allocations.
func TestLabelsThatNoneCanHoldAreNotEncoded(t *testing.T) {
	for name, text := range map[string]string{
		"one label":               distinct(330, 0x4e00),
		"two labels":              distinct(160, 0x4e00) + ".x\u3002" + distinct(160, 0x5e00),
		"behind a short one":      "\u00e9." + distinct(300, 0x4e00),
		"a little more than fits": distinct(64, 0x4e00) + ".example",
		"an A-label":              "\u00e9.xn--" + strings.Repeat("9", 60),
		"letters with marks":      strings.Repeat("e\u0301", 64) + ".example",
	} {
		if n := testing.AllocsPerRun(20, func() { readDomain(text) }); n > 3 || readDomain(text) != "" {
			t.Errorf("%s: %v allocations, %q", name, n, readDomain(text))
		}
	}
	for _, composed := range []string{"e\u0301", "e\u0323\u0302", "\u1112\u1161\u11ab", "\u314e\u314f\u3134"} {
		if d := readDomain(strings.Repeat(composed, 22)); !strings.HasPrefix(string(d), "xn--") {
			t.Errorf("22 times %+q: %q", composed, d)
		}
	}
}
