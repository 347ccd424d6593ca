package mail_test

import (
	"errors"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

func TestXtext(t *testing.T) {
	for _, tc := range []struct{ xtext, text string }{
		{"", ""},
		{"QQ314159", "QQ314159"},
		{"b@example.com", "b@example.com"},
		{"a+2Bb@example.com", "a+b@example.com"},
		{"x+3Dy+20z", "x=y z"},
		{`\x{4E00}`, `\x{4E00}`},
	} {
		got, err := mail.DecodeXtext(tc.xtext, 100)
		if err != nil || got != tc.text {
			t.Errorf("DecodeXtext(%q) = %q, %v, want %q", tc.xtext, got, err, tc.text)
		}
		if got := mail.EncodeXtext(tc.text); got != tc.xtext {
			t.Errorf("EncodeXtext(%q) = %q, want %q", tc.text, got, tc.xtext)
		}
	}
	if got, err := mail.DecodeXtext("a+2bb", 5); err != nil || got != "a+b" {
		t.Errorf("digits in lower case: %q, %v", got, err)
	}
	if got := mail.EncodeXtext("a\r\nb\x00ä"); got != "a+0D+0Ab+00+C3+A4" {
		t.Errorf("octets that no value of ours has are written as %q", got)
	}
}

func TestWhatIsNoXtext(t *testing.T) {
	for _, s := range []string{"+", "+2", "a+2", "+G0", "+0G", "a b", "a=b", "a\tb", "a\x7fb", "ä", "a+0D+0Ab", "+00", "+7F", "+C3+A4", strings.Repeat("x", 101)} {
		if got, err := mail.DecodeXtext(s, 100); !errors.Is(err, mail.ErrBadXtext) {
			t.Errorf("DecodeXtext(%q) = %q, %v", s, got, err)
		}
	}
}

func FuzzXtext(f *testing.F) {
	for _, seed := range []string{"a+2Bb", "+", "+2", "x=y", "+0d", "a b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		const limit = 100
		text, err := mail.DecodeXtext(s, limit)
		if err != nil {
			return
		}
		if len(s) > limit || len(text) > len(s) {
			t.Fatalf("%d octets were read from %d", len(text), len(s))
		}
		for i := range len(text) {
			if text[i] < ' ' || text[i] >= 0x7f {
				t.Fatalf("%q holds what is not printable", text)
			}
		}
		again := mail.EncodeXtext(text)
		if len(again) > len(s) || strings.ContainsAny(again, " =") {
			t.Fatalf("%q is written as %q", s, again)
		}
		if back, err := mail.DecodeXtext(again, limit); err != nil || back != text {
			t.Fatalf("%q is written as %q, which is %q, %v", text, again, back, err)
		}
	})
}
