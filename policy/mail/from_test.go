package mail

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/policy/corpustest"
)

// message parses a header section for a test; lines end in CRLF.
func message(t testing.TB, lines ...string) *Message {
	t.Helper()
	return parsed(t, strings.Join(lines, "\r\n")+"\r\n\r\nbody\r\n")
}

func parsed(t testing.TB, content string) *Message {
	t.Helper()
	m, err := ParseMessage(strings.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatalf("ParseMessage: %v", err)
	}
	return m
}

// fromForms holds the forms that the survey tried (LIBRARIES.md, section 7) and
// those of PITFALLS.md, "Message parsing". An empty ambiguous means: one author.
var fromForms = []struct {
	name       string
	from       string
	address    string
	display    string
	candidates string
	ambiguous  string
}{
	// What RFC 5322 allows.
	{"a bare address", "a@b.example", "a@b.example", "", "b.example", ""},
	{"a name and an address", "A B <a@b.example>", "a@b.example", "A B", "b.example", ""},
	{"a quoted name", `"x" <a@b.example>`, "a@b.example", "x", "b.example", ""},
	{"a name in a comment", "a@b.example (A B)", "a@b.example", "A B", "b.example", ""},
	{"an encoded word", "=?iso-8859-1?q?M=FCller?= <a@b.example>", "a@b.example", "Müller", "b.example", ""},
	{"an encoded word in quotes", `"=?utf-8?q?M=C3=BCller?=" <a@b.example>`, "a@b.example", "Müller", "b.example", ""},
	{"an encoded comma", "=?utf-8?q?Doe=2C_John?= <a@b.example>", "a@b.example", "Doe, John", "b.example", ""},
	{"a character set of Japan", "=?iso-2022-jp?b?GyRCOzNFRBsoQg==?= <a@b.example>", "a@b.example", "山田", "b.example", ""},
	{"an unknown character set", "=?x-unknown?q?abc?= <a@b.example>", "a@b.example", "abc", "b.example", ""},
	{"a quoted local part", `"a b"@b.example`, `"a b"@b.example`, "", "b.example", ""},
	{"a folded field", "A B\r\n\t<a@b.example>", "a@b.example", "A B", "b.example", ""},
	{"upper case", "A <A@B.EXAMPLE>", "A@b.example", "A", "b.example", ""},
	{"a U-label", "A <a@bücher.example>", "a@xn--bcher-kva.example", "A", "xn--bcher-kva.example", ""},
	{"two authors of one domain", "A <a@b.example>, C <c@b.example>", "a@b.example", "A", "b.example", ""},
	{"a group", "Team: A <a@b.example>;", "a@b.example", "A", "b.example", ""},
	{"empty list entries", ",, a@b.example ,", "a@b.example", "", "b.example", ""},

	// What people can read, though RFC 5322 does not allow it.
	{"square brackets", "[x] A <a@b.example>", "a@b.example", "[x] A", "b.example", ""},
	{"raw Latin-1", "M\xfcller <a@b.example>", "a@b.example", "Müller", "b.example", ""},
	{"raw Latin-1 in quotes", "\"M\xfcller\" <a@b.example>", "a@b.example", "Müller", "b.example", ""},
	{"raw UTF-8", "Müller <a@b.example>", "a@b.example", "Müller", "b.example", ""},
	{"raw ISO-2022-JP", "\x1b$BEDCf\x1b(B <a@b.example>", "a@b.example", "\x1b$BEDCf\x1b(B", "b.example", ""},
	{"a trailing dot", "A <a@b.example.>", "a@b.example", "A", "b.example", ""},
	{"a comma without quotes", "Doe, John <a@b.example>", "a@b.example", "John", "b.example", ""},
	{"a colon without quotes", "Re: you <a@b.example>", "a@b.example", "Re: you", "b.example", ""},
	{"a lone quote", `A "B <a@b.example>`, "a@b.example", `A "B`, "b.example", ""},
	{"a lone parenthesis", "A :-( <a@b.example>", "a@b.example", "A :-(", "b.example", ""},
	{"a lone quote before a comment", `A "B (x, <y) <a@b.example>`, "a@b.example", `A "B (x, <y)`, "b.example", ""},
	{"a lone parenthesis before a quoted comma", `A :-( "x, <y" <a@b.example>`, "a@b.example", `A :-( "x, <y`, "b.example", ""},
	{"brackets twice", "A <<a@b.example>>", "a@b.example", "A", "b.example", ""},
	{"a bracket not closed", "A <a@b.example", "a@b.example", "A", "b.example", ""},
	{"a name without brackets around the address", "A B a@b.example", "a@b.example", "A B", "b.example", ""},
	{"a dot before the at sign", "A <a.@b.example>", `"a."@b.example`, "A", "b.example", ""},
	{"a semicolon list of one domain", "a@b.example; c@b.example", "a@b.example", "", "b.example", ""},
	{"an at sign that starts no domain", "A @ B <a@b.example>", "a@b.example", "A @ B", "b.example", ""},
	{"a route through its own domain", "<@b.example:a@b.example>", "", "", "b.example", "From cannot be read strictly"},
	{"the own address as unquoted name", "a@b.example <a@b.example>", "a@b.example", "a@b.example", "b.example", ""},

	// One author, and another domain in sight.
	{"an address in the name", `"boss@c.example" <a@b.example>`, "a@b.example", "boss@c.example", "b.example c.example", ""},
	{"an address in a quoted comment", `"A, B (boss@c.example)" <a@b.example>`, "a@b.example", "A, B (boss@c.example)", "b.example c.example", ""},
	{"an address in an encoded word", "=?utf-8?q?boss=40c.example?= <a@b.example>", "a@b.example", "boss@c.example", "b.example c.example", ""},
	{"a wide at sign", "\"boss＠c.example\" <a@b.example>", "a@b.example", "boss＠c.example", "b.example c.example", ""},
	{"an invisible character in the name's domain", "\"boss@c.exam\u200bple\" <a@b.example>", "a@b.example", "boss@c.exam\u200bple", "b.example c.exam c.example", ""},
	{"the same beside another domain", "\"boss@mail.bücher.example not c@d.example\" <a@mail.bücher.example>", "a@mail.xn--bcher-kva.example", "boss@mail.bücher.example not c@d.example", "mail.xn--bcher-kva.example d.example", ""},
	{"both in one", "\"boss@c.exam\\p\u200ble\" <a@b.example>", "a@b.example", "boss@c.examp\u200ble", "b.example c.exam c.examp c.example", ""},
	{"a letter behind the name's domain", "\"boss@c.example中\" <a@b.example>", "a@b.example", "boss@c.example中", "b.example c.xn--example-m43k c.example", ""},
	{"a letter behind it that cannot stand there", "\"boss@c.example\u05d0\" <a@b.example>", "a@b.example", "boss@c.example\u05d0", "b.example c.example", ""},
	{"an invisible character behind letters", "\"boss@c.exämple\u200bx\" <a@b.example>", "a@b.example", "boss@c.exämple\u200bx", "b.example c.xn--exmple-cua c.ex c.xn--exmplex-6wa", ""},
	{"dots behind it", `"boss@c.example..x" <a@b.example>`, "a@b.example", "boss@c.example..x", "b.example c.example", ""},
	{"the name's domain with an A-label", "\"boss@mail.bücher.example\" <a@mail.bücher.example>", "a@mail.xn--bcher-kva.example", "boss@mail.bücher.example", "mail.xn--bcher-kva.example", ""},
	{"a host without a dot in the name", `"a@home" <a@b.example>`, "a@b.example", "a@home", "b.example", ""},

	// Not one author, to clients that know less, or decode first.
	{"an address in a comment", "a@b.example (boss@c.example)", "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"an address in a comment behind a name", "A (boss@c.example) <a@b.example>", "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"an address in a comment with an escape", `A (boss\@c.example) <a@b.example>`, "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"an address in brackets in an encoded word", "=?utf-8?b?PGJvc3NAYy5leGFtcGxlPg==?= <a@b.example>", "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"an address in brackets in a name", `"A <boss@c.example>" <a@b.example>`, "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"an encoded comma behind an address", "=?utf-8?q?boss=40c=2Eexample=2C?= <a@b.example>", "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"an encoded line break behind an address", "=?utf-8?q?boss=40c=2Eexample=0D=0A?= <a@b.example>", "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"a comma behind an address in a name", `"boss@c.example, A" <a@b.example>`, "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"a comma behind an address that is a name", `"boss@c.example", <a@b.example>`, "", "", "c.example b.example", "addresses of two domains: c.example, b.example"},
	{"an address that names a group", `"boss@c.example": A <a@b.example>;`, "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"an address in the local part", `"boss@c.example"@b.example`, "", "", "c.example b.example", "at sign inside the local part"},
	{"an address in the local part among junk", `[x] <"boss@c.example"@b.example>`, "", "", "c.example b.example", "addresses of two domains: c.example, b.example"},
	{"an address of the same domain in the local part among junk", `[x] <"a@b.example"@b.example>`, "", "", "b.example", "From cannot be read strictly"},
	{"a wide at sign in the local part", "boss＠home@b.example", "", "", "b.example", "at sign inside the local part"},
	{"an address that ends in the local part", `<"boss@c.example> "@b.example>`, "", "", "c.example b.example", "at sign inside the local part"},
	{"an address outside of quotes that are not comments", `"A (" <a@b.example> (") <boss@c.example>")`, "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"a comment that begins in a name and ends nowhere", `"A (boss@c.example" <a@b.example>`, "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"an encoded word that escapes the quote behind it", `"=?utf-8?q?boss=40c.example\?=" <a@b.example>`, "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"an encoded quote", "=?utf-8?q?boss=40c.example=22?= <a@b.example>", "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"a bracket in a name, behind it a semicolon", `"A <; boss@c.example" <a@b.example>`, "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"a semicolon behind an address in a name", `"boss@c.example; A" <a@b.example>`, "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"brackets in a comment in a name", `"A (<boss@c.example>)" <a@b.example>`, "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"a comment in a name that hides brackets", `"boss@c.example (<x>), A" <a@b.example>`, "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"a quoted string that hides brackets", `"<x>" =?utf-8?q?boss=40c.example=2C?= <a@b.example>`, "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"a domain in brackets in a name, cut by an invisible character", "\"A <x@b.exam\\p\u200ble\" <a@b.example>", "", "", "b.example b.exam b.examp", "addresses of several domains: b.example, b.exam, b.examp"},
	{"a domain in brackets in a name, hidden by an invisible character", "\"A <x@c\u200b.example\" <a@b.example>", "", "", "b.example c.example", "addresses of two domains: b.example, c.example"},
	{"a domain that goes on behind white space", "a@b.example .c.example", "", "", "b.example", "From cannot be read strictly"},
	{"a domain that goes on behind a dot", "a@b.example. c.example", "", "", "b.example", "From cannot be read strictly"},

	// Not one author.
	{"an unquoted address before the brackets", "service@c.example <a@b.example>", "", "", "c.example b.example", "addresses of two domains: c.example, b.example"},
	{"two brackets", "A <a@b.example> <c@d.example>", "", "", "b.example d.example", "addresses of two domains: b.example, d.example"},
	{"two brackets of one domain", "A <a@b.example> <c@b.example>", "", "", "b.example", "From cannot be read strictly"},
	{"a list of two domains", "a@b.example, c@d.example", "", "", "b.example d.example", "addresses of two domains: b.example, d.example"},
	{"a semicolon list", "a@b.example; c@d.example", "", "", "b.example d.example", "addresses of two domains: b.example, d.example"},
	{"a group of three domains", "G: a@b.example, c@d.example, e@f.example;", "", "", "b.example d.example f.example", "addresses of several domains: b.example, d.example, f.example"},
	{"a route", "<@c.example,@d.example:a@b.example>", "", "", "c.example d.example b.example", "addresses of several domains: c.example, d.example, b.example"},
	{"a list inside the brackets", "A <a@b.example,c@d.example>", "", "", "b.example d.example", "addresses of two domains: b.example, d.example"},
	{"two at signs", "A <a@c.example@b.example>", "", "", "c.example b.example", "addresses of two domains: c.example, b.example"},
	{"a comment inside the domain", "A <a@b.exa(x)mple>", "", "", "b.exa b.example", "addresses of two domains: b.exa, b.example"},
	{"NUL", "A <a@b.example>\x00 <c@d.example>", "", "", "b.example d.example", "control character in From"},
	{"a bare CR", "A <a@b.example>\rFrom: c@d.example", "", "", "b.example d.example", "control character in From"},
	{"raw 8-bit in the domain", "A <a@b\xff.example>", "", "", "xn--b-kha.example", "From cannot be read strictly"},
	{"an encoded word as the whole", "=?utf-8?q?a=40b.example?=", "", "", "b.example", "From cannot be read strictly"},
	{"an encoded word in the address", "<=?utf-8?q?a=40c.example=3E?=@b.example>", "", "", "b.example c.example", "encoded word inside the address"},
	{"an encoded word in an address among junk", "[x] <=?utf-8?q?a=40b.example?=@b.example>", "", "", "b.example", "From cannot be read strictly"},
	{"raw 8-bit in the local part", "[x] <a\xff@b.example>", "", "", "b.example", "From cannot be read strictly"},
	{"an address literal", "A <a@[192.0.2.1]>", "", "", "", "address literal instead of an author domain"},
	{"no domain", "A <a>", "", "", "", "From cannot be read strictly"},
	{"empty brackets behind an address", "a@b.example <>", "", "", "b.example", "From cannot be read strictly"},
	{"only a name", "A B", "", "", "", "From cannot be read strictly"},
	{"an address only in quotes", `"a@b.example"`, "", "", "b.example", "From cannot be read strictly"},
	{"an empty group", "undisclosed:;", "", "", "", "From holds no address"},
	{"an empty field", " ", "", "", "", "empty From field"},
	{"a label that cannot be", "A <a@-b-.example>", "", "", "", "From holds an address without a valid domain"},
	{"a mailto URL", "A <mailto:a@b.example>", "", "", "b.example", "From cannot be read strictly"},
}

func TestAuthorOfOneFromField(t *testing.T) {
	for _, form := range fromForms {
		t.Run(form.name, func(t *testing.T) {
			checkAuthor(t, ParseAuthor(message(t, "Subject: x", "From: "+form.from, "To: z@y.example")),
				form.address, form.display, form.candidates, form.ambiguous)
		})
	}
}

func checkAuthor(t *testing.T, got Author, address, display, candidates, ambiguous string) {
	t.Helper()
	if got.Ambiguous != ambiguous {
		t.Errorf("Ambiguous = %q, want %q", got.Ambiguous, ambiguous)
	}
	if got.Address.String() != address {
		t.Errorf("Address = %q, want %q", got.Address, address)
	}
	if got.Display != display {
		t.Errorf("Display = %q, want %q", got.Display, display)
	}
	if have := domainNames(got.Candidates); have != candidates {
		t.Errorf("Candidates = %q, want %q", have, candidates)
	}
}

func TestAuthorOfOtherThanOneFromField(t *testing.T) {
	for _, tc := range []struct {
		name       string
		lines      []string
		address    string
		candidates string
		ambiguous  string
	}{
		{"no From field", []string{"Sender: a@b.example"}, "", "", "no From field"},
		{"Resent-From is not From", []string{"Resent-From: a@b.example"}, "", "", "no From field"},
		{"two From fields", []string{"From: a@b.example", "From: c@d.example"}, "", "b.example d.example", "two From fields"},
		{"the same From field twice", []string{"From: a@b.example", "From: a@b.example"}, "", "b.example", "two From fields"},
		{"three From fields", []string{"From: a@b.example", "from: a@b.example", "FROM: a@b.example"}, "", "b.example", "3 From fields"},
		{"white space before the colon", []string{"From \t: a@b.example"}, "a@b.example", "b.example", ""},
		{"white space before the colon of a second field", []string{"From: a@b.example", "From : c@d.example"}, "", "b.example d.example", "two From fields"},
		{"a leading space makes a junk line of the first field", []string{" From: a@b.example", "From: c@d.example"}, "", "b.example d.example", "two From fields"},
		{"a name folded before the colon", []string{"Subject: x", "From", " : a@b.example"}, "", "b.example", "From stands in a malformed header field"},
		{"a name with an octet that clients skip", []string{"Fr\x00om: a@b.example"}, "", "b.example", "From stands in a malformed header field"},
		{"a continuation without white space", []string{"From: A <a@b.example", ".d.example>"}, "", "b.example", "From is followed by a line that is no header field"},
		{"a junk line above it", []string{"Received: z", "this line is no field", "From: a@b.example"}, "", "b.example", "a line above From is no header field"},
		{"a junk line with a colon above it", []string{"Not a name: z", "From: a@b.example"}, "", "b.example", "a line above From is no header field"},
		{"a line of CR above it", []string{"Received: z", "\r", "From: a@b.example"}, "", "b.example", "a line above From is no header field"},
		{"a mbox line that is not the first above it", []string{"Received: z", "From a@b.example Mon Jan  1 00:00:00 2001", "From: a@b.example"}, "", "b.example", "a line above From is no header field"},
		{"a continuation of nothing above it", []string{" z", "From: a@b.example"}, "", "b.example", "a line above From is no header field"},
		{"a junk line below it", []string{"From: a@b.example", "To: z", "this line is no field"}, "a@b.example", "b.example", ""},
		{"a quoted mbox line is no field: some programs end the header there", []string{">From a@b.example Mon Jan  1 00:00:00 2001", "From: c@d.example"}, "", "d.example", "a line above From is no header field"},
		{"a first field with a leading space, below what a server added", []string{"Received: z", " From: a@b.example", "From: c@d.example"}, "", "b.example d.example", "two From fields"},
		{"the same with odd octets and spaces", []string{"Received: z", " \tF\xffrOm : a@b.example", "From: c@d.example"}, "", "b.example d.example", "two From fields"},
		{"the same without another", []string{"Received: z", " From: A", " <a@b.example>"}, "", "b.example", "a line inside another field looks like From"},
		{"a folded line that shows no domain", []string{"Received: z", " from: mx", "From: c@d.example"}, "c@d.example", "d.example", ""},
		{"a folded line that only begins like it", []string{"Received: z", " from mx.b.example (a@b.example):", "From: c@d.example"}, "c@d.example", "d.example", ""},
		{"the fields that a signature lists", []string{"DKIM-Signature: v=1; h=To:", " From:Subject; i=a@b.example", "From: c@d.example"}, "c@d.example", "d.example", ""},
		{"the same in all fields that list some", []string{"ARC-Message-Signature: h=To:", " From:Subject; i=a@b.example", "ARC-Seal: h=To:", " From:Subject; i=a@b.example", "X-Google-DKIM-Signature: h=To:", " From:Subject; i=a@b.example", "From: c@d.example"}, "c@d.example", "d.example", ""},
		{"a field that is only called a signature", []string{"X-Signature: z", " From: a@b.example", "From: c@d.example"}, "", "b.example d.example", "two From fields"},
		{"a folded Subject", []string{"Subject: a message", " From: a@b.example", "From: c@d.example"}, "c@d.example", "d.example", ""},
		{"a folded line that shows one far back", []string{"Received: z", " From: " + strings.Repeat("x", maxFromOctets), " <a@b.example>", "From: c@d.example"}, "", "d.example", "two From fields"},
		{"a bare CR inside another field", []string{"Subject: z\rFrom: a@b.example", "From: c@d.example"}, "", "b.example d.example", "two From fields"},
		{"a bare CR inside a signature, far back", []string{"DKIM-Signature: v=1;\r x\r\r", " y\r From : a@b.example", "From: c@d.example"}, "", "b.example d.example", "two From fields"},
		{"a bare CR at the end of a line", []string{"Subject: z\r", "From: c@d.example"}, "c@d.example", "d.example", ""},
		{"several lines behind it that are no field", []string{"From: c@d.example", "e@f.example", "a@b.example"}, "", "d.example f.example b.example", "From is followed by a line that is no header field"},
		{"an mbox line is no field", []string{"From a@b.example Mon Jan  1 00:00:00 2001", "From: c@d.example"}, "", "d.example", "a line above From is no header field"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checkAuthor(t, ParseAuthor(message(t, tc.lines...)), tc.address, "", tc.candidates, tc.ambiguous)
		})
	}
}

// Programs that take only one kind of line end read on, and find another From.
func TestAuthorOfAHeaderSectionWithAnUncertainEnd(t *testing.T) {
	const mixed = "the header section ends in another kind of line end than its last line"
	for _, tc := range []struct{ content, ambiguous string }{
		{"X: y\r\nFrom: c@d.example\r\n\r\nFrom: a@b.example\r\n", ""},
		{"X: y\nFrom: c@d.example\n\nFrom: a@b.example\n", ""},
		{"X: y\nFrom: c@d.example\r\n\r\n", ""},
		{"From: c@d.example\nX: a@b.example\r\n\r\n", "From has a line that ends in LF alone, unlike other lines"},
		{"From: c\n <c@d.example>\r\n\r\n", "From has a line that ends in LF alone, unlike other lines"},
		{"X: y\r\nFrom: c@d.example\r\n\nFrom: a@b.example\r\n", mixed},
		{"X: y\nFrom: c@d.example\n\r\nFrom: a@b.example\n", mixed},
		{"From: c@d.example\r\nX: y\n\r\nFrom: a@b.example\r\n", mixed},
		{"From: c@d.example\r\n", ""},
		{"\r\nFrom: c@d.example\r\n", "no From field"},
		{"\nFrom: c@d.example\r\n", "no From field"},
	} {
		if got := ParseAuthor(parsed(t, tc.content)); got.Ambiguous != tc.ambiguous {
			t.Errorf("%q: ambiguous %q, want %q", tc.content, got.Ambiguous, tc.ambiguous)
		}
	}
}

func TestAuthorKnowsWhoElseIsShown(t *testing.T) {
	for _, tc := range []struct {
		name           string
		lines          []string
		sender, resent string
	}{
		{"nobody", []string{"From: a@b.example"}, "", ""},
		{"the author", []string{"From: a@b.example", "Sender: c@b.example", "Resent-From: a@B.example"}, "", ""},
		{"others", []string{"From: a@b.example", "Sender: \"x@f.example\" <c@d.example>", "Resent-From: e@b.example, e@g.example"}, "f.example d.example", "g.example"},
		{"several fields", []string{"Sender: c@d.example", "sender : e@f.example", "Resent-From: g@h.example", "From: a@b.example", "Resent-From: i@j.example"}, "d.example f.example", "h.example j.example"},
		{"no From", []string{"Sender: c@d.example", "Resent-From: g@h.example"}, "d.example", "h.example"},
		{"a From of two domains", []string{"From: a@b.example, c@d.example", "Sender: c@d.example"}, "", ""},
		{"no address", []string{"From: a@b.example", "Sender: d.example", "Resent-Sender: c@d.example"}, "", ""},
	} {
		a := ParseAuthor(message(t, tc.lines...))
		if got := domainNames(a.Sender); got != tc.sender {
			t.Errorf("%s: Sender %q, want %q", tc.name, got, tc.sender)
		}
		if got := domainNames(a.ResentFrom); got != tc.resent {
			t.Errorf("%s: ResentFrom %q, want %q", tc.name, got, tc.resent)
		}
	}
}

func TestAuthorSaysWhatOfTheOthersWasNotRead(t *testing.T) {
	var many strings.Builder
	for i := range maxCandidates + 1 {
		fmt.Fprintf(&many, "c@d%d.example, ", i)
	}
	for _, tc := range []struct{ lines, unread string }{
		{"Sender: c@d.example\r\nResent-From: e@f.example", ""},
		{"Sender: " + strings.Repeat("x", maxRecipientOctets) + " c@d.example", "Sender"},
		{"Sender: " + many.String(), "Sender"},
		{"Resent-From: " + many.String(), "Resent-From"},
		{"Sender: c@d.example\r\nSender: " + strings.Repeat("x", maxRecipientOctets-8), "Sender"},
	} {
		if a := ParseAuthor(message(t, "From: a@b.example", tc.lines)); a.Unread != tc.unread || a.Ambiguous != "" {
			t.Errorf("%.40q: unread %q, want %q; ambiguous %q", tc.lines, a.Unread, tc.unread, a.Ambiguous)
		}
	}
}

func domainNames(domains []Domain) string {
	names := make([]string, len(domains))
	for i, d := range domains {
		names[i] = string(d)
	}
	return strings.Join(names, " ")
}

// Forms of CVE-2024-49040 and of Composition Kills that servers and mail clients
// were seen to read differently: attacks, each of which must be ambiguous.
func TestFormsThatClientsWereSeenToReadDifferently(t *testing.T) {
	for _, header := range []string{
		"From: <x@evil.test> <ceo@bank.example>",
		"From: <ceo@bank.example> <x@evil.test>",
		"From: ceo@bank.example <x@evil.test>",
		"From: ceo@bank.example@ <x@evil.test>",
		"From: ceo@bank.example><x@evil.test>",
		"From: \"<ceo@bank.example>\" <x@evil.test>",
		"From: \"ceo@bank.example\", <x@evil.test>",
		"From: <ceo@bank.example>: <x@evil.test>;",
		"From: \"<ceo@bank.example>\": <x@evil.test>;",
		"From: ceo@bank.example: x@evil.test;",
		"From: <x@evil.test>ceo@bank.example",
		"From: <ceo@bank.example>\\,<x@evil.test>",
		"From: ceo@bank.example,<x@evil.test>",
		"From: <@evil.test,@any.test:ceo@bank.example>",
		"From: =?utf-8?b?PGNlb0BiYW5rLmV4YW1wbGU+?=,<x@evil.test>",
		"From: =?utf-8?b?PGNlb0BiYW5rLmV4YW1wbGU+?= <x@evil.test>",
		"From: x@evil.test (ceo@bank.example)",
		"From: <x@evil.test>, <ceo@bank.example>",
		"From: x@evil.test\r\nFrom: ceo@bank.example",
		" From: x@evil.test\r\nFrom: ceo@bank.example",
		"From: x@evil.test\r\nFrom : ceo@bank.example",
		"From\r\n : x@evil.test\r\nFrom: ceo@bank.example",
		"From\r\n : x@evil.test\r\nSender: ceo@bank.example",
		"From\r\n : x@evil.test\r\nResent-From: ceo@bank.example",
	} {
		for _, h := range []string{header, behind(header)} {
			if a := ParseAuthor(message(t, h)); a.Ambiguous == "" {
				t.Errorf("%q has the author %q", h, a.Address)
			}
		}
	}
}

func TestAuthorHasAtMost32Candidates(t *testing.T) {
	var list []string
	for i := range 200 {
		list = append(list, "a@d"+string(rune('a'+i/26))+string(rune('a'+i%26))+".example")
	}
	got := ParseAuthor(message(t, "From: "+strings.Join(list, ",\r\n ")))
	if len(got.Candidates) != maxCandidates || got.Ambiguous == "" {
		t.Errorf("%d candidates, ambiguous %q", len(got.Candidates), got.Ambiguous)
	}
}

func TestLongFromFieldIsAmbiguousAndCheap(t *testing.T) {
	for _, unit := range []string{"@", "=?", "=?q?", "(", "\"", "<", "a@b.example,", "a@\xff ", "\"\xff\"<a@b.example>,", "=?utf-8?q?=40?= ", ";", "\\", "a@[", "x:", "\u200b@"} {
		for _, size := range []int{maxFromOctets - 8, 100 << 10} {
			start := time.Now()
			got := ParseAuthor(message(t, "From: "+strings.Repeat(unit, size/len(unit))))
			if spent := time.Since(start); spent > 10*time.Second {
				t.Errorf("%d octets of %q took %v", size, unit, spent)
			}
			if size > maxFromOctets && got.Ambiguous == "" {
				t.Errorf("%d octets of %q are not ambiguous", size, unit)
			}
		}
	}
}

// The header sections are as large as they may be, so that a quadratic step is seen.
func TestAMegabyteOfFromIsCheap(t *testing.T) {
	line := strings.Repeat("x", MaxHeaderOctets/MaxFields-20)
	for name, unit := range map[string]string{
		"From fields": "From: " + line, "malformed From fields": "Fr\x01om: " + line, "lines that are no field": line, "folded From lines": "X: y\r\n From: " + line,
		"carriage returns": "X: " + strings.ReplaceAll(line, "x", "\r"), "From behind carriage returns": "X: " + strings.ReplaceAll(line, "xxxxx", "\rFrom:"),
	} {
		m := message(t, "From: a@b.example\r\n"+strings.Repeat(unit+"\r\n", min(MaxFields*9/10, MaxHeaderOctets/(len(unit)+2)-1)))
		start := time.Now()
		ParseAuthor(m)
		if spent := time.Since(start); spent > time.Second {
			t.Errorf("%s: %v", name, spent)
		}
	}
}

// What is read of all From fields, hidden ones too, is as much as of one. Most
// of what a reading costs is seen among the allocations.
func TestManyFromFieldsAreReadAsOne(t *testing.T) {
	text := "=?utf-8?q?x?= (c) \"q\" \u200b"
	for i := range 30 {
		text += "a@" + string(rune(0x4e00+i)) + ".1,"
	}
	for name, tc := range map[string]struct{ field, ambiguous string }{
		"From fields":                    {"From: " + text, "1001 From fields"},
		"lines inside others":            {"X: y\r\n From: " + text, "From fields"},
		"lines inside others, no domain": {"X: y\r\n From: " + strings.ReplaceAll(text, "@", ""), "From fields"},
		"the same behind a CR":           {"X: y\rFrom: " + strings.ReplaceAll(text, "@", ""), "From fields"},
	} {
		m := message(t, strings.Repeat(tc.field+"\r\n", 1000)+"From: a@b.example")
		if got := ParseAuthor(m); !strings.HasSuffix(got.Ambiguous, tc.ambiguous) || len(got.Candidates) > 0 {
			t.Errorf("%s: %q, ambiguous %q", name, got.Candidates, got.Ambiguous)
		}
		if n := testing.AllocsPerRun(3, func() { ParseAuthor(m) }); n > 7000 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// The readings that decide whether a name is mere text have no names of their own
// to read, and do not pass what they did not read.
func TestReadingsOfOneFromFieldShareTheirNames(t *testing.T) {
	var names, cut strings.Builder
	for i := range maxForeign - 1 {
		names.WriteString("a@" + string(rune(0x4e00+i)) + ".1 ")
		if i < maxCandidates*2/3 {
			fmt.Fprintf(&cut, "a@d%d.example\u00e9.test ", i)
		}
	}
	for text, ambiguous := range map[string]bool{
		"\"" + names.String() + "e@f.example\" <a@b.example>": false,
		"a@b.example (" + names.String() + "e@f.example)":     true,
	} {
		m := message(t, "From: "+text)
		if a := ParseAuthor(m); (a.Ambiguous != "") != ambiguous {
			t.Errorf("%.20q: ambiguous %q", text, a.Ambiguous)
		}
		if n := testing.AllocsPerRun(3, func() { ParseAuthor(m) }); n > 5*maxForeign {
			t.Errorf("%.20q: %v allocations", text, n)
		}
	}
	full := candidates{most: 1, author: "b.example", foreign: map[string]Domain{}}
	for i := range maxForeign {
		full.foreign[fmt.Sprint(i)] = ""
	}
	if full.onlyShown("a@b.example, c@\u00e9.example") {
		t.Error("a name that was not read is mere text")
	}
	if a := ParseAuthor(message(t, "From: \""+cut.String()+"\" <a@b.example>")); a.Ambiguous == "" {
		t.Errorf("shows more than %d domains, and the author is %v", maxCandidates, a.Address)
	}
}

// ambiguousHam explains each ham message whose From is not one author.
var ambiguousHam = map[string]string{}

func TestHamHasOneAuthor(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpustest.Path(t, "mail/ham"), "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	passed := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := ParseAuthor(parsed(t, string(raw)))
		reason, listed := ambiguousHam[filepath.Base(file)]
		switch {
		case got.Ambiguous == "" && listed:
			t.Errorf("%s is listed as ambiguous (%s) and is not", file, reason)
		case got.Ambiguous == "":
			passed++
		case !listed:
			t.Errorf("%s: %s: %v", file, got.Ambiguous, got.Candidates)
		}
	}
	t.Logf("passed %d/%d; %d ambiguous", passed, len(files), len(ambiguousHam))
}

func FuzzParseAuthor(f *testing.F) {
	for _, form := range fromForms {
		f.Add("From: " + form.from)
	}
	f.Add("From: a@b.example\r\nFrom : c@d.example")
	f.Fuzz(func(t *testing.T, header string) {
		content := header + "\r\n\r\n"
		m, err := ParseMessage(strings.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		a := ParseAuthor(m)
		if len(a.Candidates) > maxCandidates {
			t.Fatalf("%d candidates", len(a.Candidates))
		}
		if len(a.Sender) > maxCandidates || len(a.ResentFrom) > maxCandidates {
			t.Fatalf("%d domains of Sender, %d of Resent-From", len(a.Sender), len(a.ResentFrom))
		}
		for i, d := range a.Candidates {
			if again, err := ParseDomain(string(d)); err != nil || again != d {
				t.Fatalf("candidate %q is no domain: %v", d, err)
			}
			if slices.Contains(a.Candidates[:i], d) {
				t.Fatalf("candidate %q twice", d)
			}
		}
		if a.Ambiguous != "" {
			if a.Address != (Address{}) {
				t.Fatalf("ambiguous (%s) and yet an address %q", a.Ambiguous, a.Address)
			}
			return
		}
		if a.Address.Domain == "" || len(a.Candidates) == 0 || a.Candidates[0] != a.Address.Domain {
			t.Fatalf("one author %q, candidates %q", a.Address, a.Candidates)
		}
		if strings.ContainsAny(a.Address.String(), "\r\n\x00") {
			t.Fatalf("line break in %q", a.Address)
		}
	})
}
