package mail

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestDecodeWords(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "",
		"no word":                     "no word",
		"a =?utf-8?q?b_c?= d":         "a b c d",
		"a=?utf-8?Q?b?=c":             "abc",
		"=?utf-8?B?w7w=?=":            "ü",
		"=?utf-8?b?w7w?=":             "ü",
		"=?utf-8?q?a?= =?utf-8?q?b?=": "ab",
		"=?utf-8?q?a?= \r\n\t=?iso-8859-1?q?=FC?=": "aü",
		"=?utf-8?q?a?= b =?utf-8?q?c?=":            "a b c",
		"=?utf-8?q?=C3?= =?utf-8?b?vA==?=":         "ü",
		"=?utf-8?q??=":                             "",
		"=?utf-8?q?a=?=":                           "a=",
		"=?utf-8?q?a=4?=":                          "a=4",
		"=?utf-8?q?=g1?=":                          "=g1",
		"=?utf-8?q?a":                              "=?utf-8?q?a",
		"=?utf-8?x?a?=":                            "=?utf-8?x?a?=",
		"=?utf-8?qq?a?=":                           "=?utf-8?qq?a?=",
		"=?=?utf-8?q?a?=":                          "=?a",
		"=?utf-8?q?a =?utf-8?q?b?=":                "a b",
		"=?utf-8?q?a?b?=":                          "a?b",
		"=?utf-8?b?YQ==YQ==?=":                     "aa",
		"=?utf-8?b?Y Q = = ?=":                     "a",
		"=?x-nothing?q?=FC?=":                      "ü",
		"=??q?=FC?=":                               "ü",
		"=?utf-8*de?q?=C3=BC?=":                    "ü",
		"=?gb2312?b?1tA=?=":                        "中",
		"=?hz-gb-2312?q?=7E=7BVP=7E=7D?=":          "中",
		"=?ibm037?b?fA==?=":                        "@",
		"=?utf-7?q?a+AEA-b+-c+d?=":                 "a@b+c\u0074"[:0] + "a@b+c",
		"=?utf-16?b?/v8A/A==?=":                    "ü",
		"=?utf-16?b?//78AA==?=":                    "ü",
		"=?" + strings.Repeat("x", 200) + "?q?a?=": "=?" + strings.Repeat("x", 200) + "?q?a?=",
	} {
		if got := DecodeWords(in); strings.TrimPrefix(got, "\ufeff") != want {
			t.Errorf("DecodeWords(%q) = %q, want %q", in, got, want)
		}
	}
}

// The text is far longer than any field, so that a quadratic step is seen.
func TestDecodeWordsIsLinear(t *testing.T) {
	for _, unit := range []string{"=?", "=?a?q?x", "=?a?b?x", "=?a?q?x ?= ", "?=", "=?a?", "=?=", "=?a?q?=", "=?utf-7?q?+", "=?a?q??=", "=?b?q?a?==?c?q?a?= ", "=?hz-gb-2312?q?~{?="} {
		for _, end := range []string{"", "?=", "=?utf-8?q?a?="} {
			start := time.Now()
			DecodeWords(strings.Repeat(unit, (4<<20)/len(unit)) + end)
			if spent := time.Since(start); spent > 10*time.Second {
				t.Errorf("4 MiB of %q and %q took %v", unit, end, spent)
			}
		}
	}
}

func TestInvisible(t *testing.T) {
	for _, r := range "\x00\x1b\x7f\u0080\u00ad\u034f\u115f\u200b\u200d\u202e\u2060\u3164\ufe0f\ufeff\U000e0041" {
		if !Invisible(r) {
			t.Errorf("%U is seen", r)
		}
	}
	for _, r := range " \t\r\nab1.@-\u00a0\u00e9\u0301\u3000\ufffd" {
		if Invisible(r) {
			t.Errorf("%U is not seen", r)
		}
	}
}

// ASCII is told by comparison, the rest by the tables of Unicode.
func TestInvisibleASCII(t *testing.T) {
	for r := rune(0); r < 0x80; r++ {
		want := unicode.In(r, unicode.Cc, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) && !unicode.IsSpace(r)
		if Invisible(r) != want {
			t.Errorf("%U: %t", r, !want)
		}
	}
}

func FuzzDecodeWords(f *testing.F) {
	for _, from := range pretences {
		f.Add(from)
	}
	f.Add("=?utf-7?q?+AEA-+-+?= =?utf-8?b?w7w?=")
	f.Fuzz(func(t *testing.T, s string) {
		got := DecodeWords(s)
		if !strings.Contains(s, "=?") && got != s {
			t.Fatalf("%q became %q", s, got)
		}
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Fatalf("%q became %q, which is no UTF-8", s, got)
		}
		if len(got) > 8*len(s) {
			t.Fatalf("%d octets became %d", len(s), len(got))
		}
	})
}
