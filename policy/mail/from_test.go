package mail

import (
	"encoding/json"
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
	{"an address in a comment", "a@b.example (boss@c.example)", "a@b.example", "boss@c.example", "b.example c.example", ""},
	{"an address in an encoded word", "=?utf-8?q?boss=40c.example?= <a@b.example>", "a@b.example", "boss@c.example", "b.example c.example", ""},
	{"an address in an encoded word, with brackets", "=?utf-8?b?PGJvc3NAYy5leGFtcGxlPg==?= <a@b.example>", "a@b.example", "<boss@c.example>", "b.example c.example", ""},
	{"a wide at sign", "\"boss＠c.example\" <a@b.example>", "a@b.example", "boss＠c.example", "b.example c.example", ""},
	{"an invisible character in the name's domain", "\"boss@c.exam\u200bple\" <a@b.example>", "a@b.example", "boss@c.exam\u200bple", "b.example c.example", ""},
	{"a host without a dot in the name", `"a@home" <a@b.example>`, "a@b.example", "a@home", "b.example", ""},

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
	var names []string
	for _, d := range got.Candidates {
		names = append(names, string(d))
	}
	if have := strings.Join(names, " "); have != candidates {
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
		{"an mbox line is no field", []string{"From a@b.example Mon Jan  1 00:00:00 2001", "From: c@d.example"}, "", "d.example", "a line above From is no header field"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checkAuthor(t, ParseAuthor(message(t, tc.lines...)), tc.address, "", tc.candidates, tc.ambiguous)
		})
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

// The header blocks are those of the Weak Links paper: one From field, or two of
// which the first stands behind a space. Two must be ambiguous, and one author
// may only come out of a field that shows no domain beside the candidates.
func TestFromHeaderFuzzCorpusHidesNoDomain(t *testing.T) {
	raw, err := os.ReadFile(corpustest.Path(t, "mime/from-header-fuzz/from-headers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	if err := json.Unmarshal(raw, &blocks); err != nil {
		t.Fatal(err)
	}
	asGiven, single := 0, 0
	for _, block := range blocks {
		got := ParseAuthor(parsed(t, block+"\r\n"))
		if got.Ambiguous != "" {
			asGiven++
		} else if strings.Contains(block, "\r\nFrom:") {
			t.Errorf("two From fields are not ambiguous: %q", block)
		}
		// The second field alone.
		_, second, ok := strings.Cut(block, "\r\n")
		if !ok || second == "" {
			continue
		}
		got = ParseAuthor(parsed(t, second+"\r\n"))
		if got.Ambiguous == "" {
			single++
			want := domainsIn(second)
			if len(want) > 1 && !slices.Equal(got.Candidates, want) && len(got.Candidates) < len(want) {
				t.Errorf("%q: candidates %v, but it shows %v", second, got.Candidates, want)
			}
		}
	}
	t.Logf("%d header blocks: %d ambiguous as given; of the second From field alone %d have one author", len(blocks), asGiven, single)
}

// domainsIn is a second opinion on the domains of a header block.
func domainsIn(s string) []Domain {
	var found []Domain
	for i, after := range strings.Split(s, "@") {
		if i == 0 {
			continue
		}
		end := strings.IndexAny(after, "<>(),:; \r\n\"\t")
		if end < 0 {
			end = len(after)
		}
		if d, err := ParseDomain(after[:end]); err == nil && strings.Contains(string(d), ".") && !slices.Contains(found, d) {
			found = append(found, d)
		}
	}
	return found
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
