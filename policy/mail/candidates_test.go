package mail

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Each of these shows example.com to some reader, and is of evil.test.
var pretences = []string{
	`"ceo@example.com" <x@evil.test>`,
	`"Erika <ceo@example.com>" <x@evil.test>`,
	`=?utf-8?q?ceo=40example=2Ecom_=3C?= <x@evil.test>`,
	`x@evil.test (ceo@example.com)`,
	`"ceo@example.com": x@evil.test;`,
	`=?utf-8?q?ceo=40example=2Ecom?=: x@evil.test;`,
	`"ceo@example.com"@evil.test`,
	`<"ceo@example.com> "@evil.test>`,

	// What is skipped or taken away before the name is shown.
	`"ceo\@example\.com" <x@evil.test>`,
	`"ceo@exa\mple.com" <x@evil.test>`,
	`ceo@exam"ple.com" <x@evil.test>`,
	`"ceo@example(x).com" <x@evil.test>`,
	"\"ceo@example\u200b.com\" <x@evil.test>",
	"\"ceo@exam\u3164ple.com\" <x@evil.test>",
	"\"ceo@exam\ufe0fple.com\" <x@evil.test>",
	"=?utf-8?q?ceo=40exam=00ple=2Ecom?= <x@evil.test>",

	// Encoded words that some readers decode and some do not.
	`=?utf-8?q?ceo=40example=2Ecom=zz?= <x@evil.test>`,
	`=?utf-8?q?ceo=40example=2Ecom=?= <x@evil.test>`,
	"=?utf-8?q?ceo=40example=2Ecom \xe4?= <x@evil.test>",
	`=?utf-8?b?Y2VvQGV4YW1wbGUuY29tPA?= <x@evil.test>`,
	`=?utf-8?b?Y2VvQGV4 YW1wbGUu Y29tPA==?= <x@evil.test>`,
	`=?utf-8?b?Y2VvQGV4YW1wbGU==LmNvbQ==?= <x@evil.test>`,
	`=?x-nothing?q?ceo=40example=2Ecom?= <x@evil.test>`,
	`=??q?ceo=40example=2Ecom?= <x@evil.test>`,
	`=?hz-gb-2312?q?ceo=40example=2Ecom?= <x@evil.test>`,
	`=?utf-7?q?ceo+AEA-example.com?= <x@evil.test>`,
	`=?cp037?b?g4WWfIWngZSXk4VLg5aU?= <x@evil.test>`,
	`=?utf-16?b?/v8AYwBlAG8AQABlAHgAYQBtAHAAbABlAC4AYwBvAG0=?= <x@evil.test>`,
	`=?utf-32le?b?YwAAAGUAAABvAAAAQAAAAGUAAAB4AAAAYQAAAG0AAABwAAAAbAAAAGUAAAAuAAAAYwAAAG8AAABtAAAA?= <x@evil.test>`,
	`=?utf-8*en?q?ceo=40example=2Ecom?= <x@evil.test>`,
	`=?utf-8?q?ceo=40exam?= =?utf-8?b?cGxlLmNvbQ==?= <x@evil.test>`,
	`=?utf-8?q?ceo=40example=2Ecom =?utf-8?q?x?= <x@evil.test>`,
	`=?utf-8?b?!!! =?utf-8?q?ceo=40example=2Ecom?= <x@evil.test>`,
	`=?utf-8?q?=?= =?utf-8?q?ceo=40example=2Ecom?= <x@evil.test>`,
	"\"=?utf-8?q?ceo=40example=2Ecom?=\" <x@evil.test>",
}

func TestAReaderMayTakeEachForTheAuthor(t *testing.T) {
	for _, from := range pretences {
		got := ParseAuthor(message(t, "From: "+from))
		for _, want := range []Domain{"evil.test", "example.com"} {
			if !slices.Contains(got.Candidates, want) {
				t.Errorf("From: %s: candidates %q without %s (ambiguous %q)", from, got.Candidates, want, got.Ambiguous)
			}
		}
	}
}

func TestManyDomainsDoNotCrowdOutOne(t *testing.T) {
	var b strings.Builder
	for i := range maxCandidates {
		fmt.Fprintf(&b, "a@d%d.test ", i)
	}
	got := ParseAuthor(message(t, "From: \""+b.String()+"ceo@example.com\" <x@evil.test>"))
	if want := "From shows more than 32 domains"; got.Ambiguous != want {
		t.Errorf("ambiguous %q, want %q", got.Ambiguous, want)
	}
}
