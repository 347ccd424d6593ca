package authres

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

func TestFormat(t *testing.T) {
	for _, tc := range []struct {
		name    string
		methods []Method
		want    string
	}{
		{"nothing was checked", nil, "gate.example.com; none"},
		{"a method without status", []Method{{Name: "spf"}}, "gate.example.com;\r\n\tspf=none"},
		{"an address", []Method{{Name: "spf", Status: mail.Pass, Properties: []Property{{"smtp", "mailfrom", "a@b.example"}}}},
			"gate.example.com;\r\n\tspf=pass smtp.mailfrom=a@b.example"},
		{"an address with a result in it", []Method{{Name: "spf", Status: mail.Pass, Properties: []Property{{"smtp", "mailfrom", "dkim=pass@b.example"}}}},
			"gate.example.com;\r\n\tspf=pass smtp.mailfrom=b.example"},
		{"a reason is quoted", []Method{{Name: "dkim", Status: mail.PermError, Reason: "key too short", Properties: []Property{{"header", "d", "b.example"}, {"header", "s", "s1"}}}},
			"gate.example.com;\r\n\tdkim=permerror reason=\"key too short\" header.d=b.example header.s=s1"},
		{"the start of a signature is quoted where it must be", []Method{{Name: "dkim", Status: mail.Pass, Properties: []Property{{"header", "b", "a/b+c=="}}}},
			"gate.example.com;\r\n\tdkim=pass header.b=\"a/b+c==\""},
		{"long lines are folded", []Method{{Name: "dkim", Status: mail.Pass, Properties: []Property{{"header", "d", "a-rather-long-name.of-a-department.b.example"}, {"header", "s", "selector-of-2026"}, {"header", "b", "abcdefgh"}}},
			{Name: "dmarc", Status: mail.Pass, Properties: []Property{{"header", "from", "b.example"}, {"policy", "published-domain-policy", "reject"}}}},
			"gate.example.com;\r\n\tdkim=pass header.d=a-rather-long-name.of-a-department.b.example\r\n\theader.s=selector-of-2026 header.b=abcdefgh;\r\n\tdmarc=pass header.from=b.example\r\n\tpolicy.published-domain-policy=reject"},
		{"CR LF does not start a field", []Method{{Name: "spf", Status: mail.Fail, Reason: "x\r\nX-Evil: y", Properties: []Property{{"smtp", "mailfrom", "a\r\nX-Evil: y@b.example"}}}},
			"gate.example.com;\r\n\tspf=fail reason=\"x  X-Evil: y\" smtp.mailfrom=b.example"},
		{"a quote in a local part leaves the domain", []Method{{Name: "spf", Status: mail.Pass, Properties: []Property{{"smtp", "mailfrom", `"x; dkim=pass header.d=c.example"@b.example`}}}},
			"gate.example.com;\r\n\tspf=pass smtp.mailfrom=b.example"},
		{"what is neither is dropped", []Method{{Name: "spf", Status: mail.Pass, Properties: []Property{{"smtp", "helo", "x (c) \x00;y"}}}},
			"gate.example.com;\r\n\tspf=pass"},
		{"a non-ASCII local part leaves the domain", []Method{{Name: "spf", Status: mail.Pass, Properties: []Property{{"smtp", "mailfrom", "ä@b.example"}}}},
			"gate.example.com;\r\n\tspf=pass smtp.mailfrom=b.example"},
		{"a comment does not survive in a reason", []Method{{Name: "spf", Status: mail.Pass, Reason: `a (b) "c" \d; dkim=pass`}},
			"gate.example.com;\r\n\tspf=pass reason=\"a b c d dkim:pass\""},
		{"an encoded word does not survive", []Method{{Name: "spf", Status: mail.Pass, Reason: "=?utf-8?q?=3B?=", Properties: []Property{{"smtp", "mailfrom", "=?utf-8?q?=3B?=@b.example"}}}},
			"gate.example.com;\r\n\tspf=pass reason=\": utf-8?q?:3B?:\" smtp.mailfrom=b.example"},
		{"a plain address with a tag, and a domain alone", []Method{{Name: "spf", Status: mail.Pass, Properties: []Property{{"smtp", "mailfrom", "a+c.d@b.example"}, {"header", "i", "@b.example"}}}},
			"gate.example.com;\r\n\tspf=pass smtp.mailfrom=a+c.d@b.example header.i=@b.example"},
		{"what a rule that searches for results would find", []Method{{Name: "dkim", Status: mail.Fail, Reason: "dmarc=pass", Properties: []Property{{"header", "s", "dmarc=pass"}}}},
			"gate.example.com;\r\n\tdkim=fail reason=\"dmarc:pass\""},
		{"version and comment are for reading", []Method{{Name: "dkim", Status: mail.Pass, Version: 1, Comment: "x) (y"}},
			"gate.example.com;\r\n\tdkim=pass"},
		{"a property without type", []Method{{Name: "dmarc", Status: mail.Pass, Properties: []Property{{"", "action", "none"}}}},
			"gate.example.com;\r\n\tdmarc=pass"},
		// How verdicts were forged through other writers: espoofer A3 to A7.
		{"A3: a NUL ends the selector", []Method{{Name: "dkim", Status: mail.Pass, Properties: []Property{{"header", "d", "bank.example"}, {"header", "s", "evil.example.\x00.any"}}}},
			"gate.example.com;\r\n\tdkim=pass header.d=bank.example"},
		{"A4: a comment opens in the signing domain", []Method{{Name: "dkim", Status: mail.Pass, Properties: []Property{{"header", "d", "bank.example(.evil.example"}}}},
			"gate.example.com;\r\n\tdkim=pass"},
		{"A5: a quote opens in the signing domain", []Method{{Name: "dkim", Status: mail.Pass, Properties: []Property{{"header", "d", `bank.example".evil.example`}, {"header", "d", "bank.example'.evil.example"}}}},
			"gate.example.com;\r\n\tdkim=pass"},
		{"A6: a comment or quote opens in the reverse-path", []Method{{Name: "spf", Status: mail.Pass, Properties: []Property{{"smtp", "mailfrom", "bank.example(.evil.example"}, {"smtp", "mailfrom", "any@bank.example'@a.evil.example"}, {"smtp", "mailfrom", `any@bank.example"@a.evil.example`}}}},
			"gate.example.com;\r\n\tspf=pass smtp.mailfrom=a.evil.example smtp.mailfrom=a.evil.example"},
		{"A7: a route before the address", []Method{{Name: "spf", Status: mail.Pass, Properties: []Property{{"smtp", "mailfrom", "@bank.example,@any.example:'any@evil.example"}, {"smtp", "mailfrom", "@bank.example,@any.example:any@evil.example"}}}},
			"gate.example.com;\r\n\tspf=pass smtp.mailfrom=evil.example smtp.mailfrom=evil.example"},
		{"a method that is no keyword is dropped", []Method{{Name: "spf=pass; dkim", Status: mail.Pass}, {Name: "spf", Status: "pass; x=y"}},
			"gate.example.com; none"},
		{"a property that is no keyword is dropped", []Method{{Name: "spf", Status: mail.Pass, Properties: []Property{{"smtp", "a=b c", "x"}, {"", "a", "x"}, {"smtp", "helo", ""}}}},
			"gate.example.com;\r\n\tspf=pass"},
	} {
		if got := Format("gate.example.com", tc.methods); got != tc.want {
			t.Errorf("%s:\n got %q\nwant %q", tc.name, got, tc.want)
		}
	}
	if got := Format("ga\r\nte;.example", nil); got != "gate.example; none" {
		t.Errorf("authserv-id: %q", got)
	}
	if got := Format("\x00", nil); got != "unknown; none" {
		t.Errorf("empty authserv-id: %q", got)
	}
}

// hostile is what clients and zones could put into a value.
var hostile = []string{
	"", "a", "a@b.example", "@", "@b.example", "a@@b.example", "a@b@c.example", ".a@b.example", `"a b"@b.example`, `a"b`, `a\b`, "a;b", "a=b", "a b", "a\tb",
	"a\r\nb", "a\nb: c", "a\x00b", "(a)", "((((", "))))", "a/b", "ä", "\xff\xfe", "=?utf-8?q?a?=", "; dkim=pass header.d=bank.example", "dmarc=pass", "arc=pass@b.example", "bank.example(.evil.example", "bank.example'@evil.example", "@a.example,@b.example:'c@evil.example",
	`" ; dkim=pass`, "reason=x", "a,b", "<a>", "[192.0.2.1]", strings.Repeat("x", 401), strings.Repeat("x y", 100), strings.Repeat("a", 300) + "@b.example", "a@xn--bcher-kva.example",
}

// What Format may write of a value, for the oracle of the property tests.
var (
	writtenText    = regexp.MustCompile(`^[ !#-&*-:<>?A-Z^-~[\]]*=*$`) // no quotes, backslash, semicolon, parentheses, "@", nor "=" inside
	writtenAddress = regexp.MustCompile("^([!#$%&*+\\-^_`{|}~0-9A-Za-z]+(\\.[!#$%&*+\\-^_`{|}~0-9A-Za-z]+)*)?@[-_0-9A-Za-z]+(\\.[-_0-9A-Za-z]+)*$")
)

// meant is what Format promises to say of a method: the oracle of the property
// tests, written without its code.
func meant(m Method) Method {
	out := Method{Name: m.Name, Status: m.Status}
	if out.Status == "" {
		out.Status = mail.None
	}
	if len(m.Reason) <= 200 && writtenText.MatchString(strings.ReplaceAll(m.Reason, "@", "")) && !strings.ContainsAny(m.Reason, "=") && strings.Trim(m.Reason, " ") == m.Reason {
		out.Reason = m.Reason
	}
	for _, p := range m.Properties {
		at := strings.LastIndexByte(p.Value, '@')
		d, err := mail.ParseDomain(p.Value[at+1:])
		switch {
		case p.Value != "" && len(p.Value) <= 400 && writtenText.MatchString(p.Value) && strings.Trim(p.Value, " ") == p.Value && !strings.Contains(p.Value, "=?"):
		case at < 0 || err != nil:
			continue
		case len(p.Value) <= 400 && writtenAddress.MatchString(p.Value):
		default:
			p.Value = string(d)
		}
		out.Properties = append(out.Properties, p)
	}
	return out
}

// checkFormat is the property: what we write parses strictly, to what we meant,
// and nothing in it can start a line or a field of its own.
func checkFormat(t *testing.T, methods []Method) {
	t.Helper()
	value := Format("gate.example.com", methods)
	lines := strings.Split(value, "\r\n\t")
	for i, line := range lines {
		if strings.ContainsAny(line, "\r\n\x00\t") || strings.TrimSpace(line) == "" {
			t.Fatalf("line %d of %q", i, value)
		}
		if words := strings.Fields(line); len(line)+8 > 78 && len(words) > 1 && !strings.ContainsAny(line, `"`) {
			t.Fatalf("line %d of %q could be folded", i, value)
		}
	}
	id, got, err := parseStrict(strings.Join(lines, " "))
	if err != nil {
		t.Fatalf("%q does not parse: %v", value, err)
	}
	if id != "gate.example.com" {
		t.Fatalf("authserv-id %q in %q", id, value)
	}
	if len(got) != len(methods) {
		t.Fatalf("%d methods, want %d: %q", len(got), len(methods), value)
	}
	read := make([]Method, len(got))
	copy(read, got)
	for i, m := range methods {
		want := meant(m)
		if want.Reason == "" { // cut and cleaned reasons are not compared word for word
			got[i].Reason = ""
		}
		if !reflect.DeepEqual(got[i], want) {
			t.Fatalf("wrote %q\n got %+v\nwant %+v", value, got[i], want)
		}
	}
	// The reader that others use, who has fewer ways to be wrong, says the same.
	f, err := Parse(value)
	if err != nil || f.ID != id || !reflect.DeepEqual(f.Methods, read) || f.Defects != nil {
		t.Fatalf("Parse(%q) = %+v, %v\nwant %+v", value, f, err, read)
	}
	for _, word := range []string{"spf=pass", "dkim=pass", "dmarc=pass", "arc=pass"} {
		stated := slices.ContainsFunc(methods, func(m Method) bool { return m.Name+"="+string(m.Status) == word })
		if strings.Contains(strings.ToLower(value), word) != stated {
			t.Fatalf("whoever searches %q for %q is misled", value, word)
		}
	}
	if !Claims(strings.Join(lines, " "), "gate.example.com") {
		t.Fatalf("our own %q is not claimed", value)
	}
}

func TestWhatIsWrittenParsesToWhatWasMeant(t *testing.T) {
	for _, a := range hostile {
		for _, b := range hostile {
			checkFormat(t, []Method{
				{Name: "spf", Status: mail.Fail, Reason: a, Properties: []Property{{"smtp", "mailfrom", b}, {"smtp", "helo", a}}},
				{Name: "dkim", Status: mail.Pass, Properties: []Property{{"header", "d", b}, {"header", "s", a}, {"policy", "x", "y"}}},
			})
		}
	}
}

func FuzzFormat(f *testing.F) {
	for i, s := range hostile {
		f.Add(s, hostile[(i*7)%len(hostile)], hostile[(i*11)%len(hostile)])
	}
	f.Fuzz(func(t *testing.T, reason, one, two string) {
		checkFormat(t, []Method{
			{Name: "spf", Status: mail.SoftFail, Reason: reason, Properties: []Property{{"smtp", "mailfrom", one}, {"smtp", "helo", two}}},
			{Name: "dmarc", Status: mail.Fail, Properties: []Property{{"header", "from", two}, {"policy", "x", one}}},
		})
		Format(one, []Method{{Name: two, Status: mail.Status(reason), Reason: one, Properties: []Property{{one, two, reason}}}})
	})
}

// parseStrict is the reader of RFC 8601, Section 2.2 for these tests, without
// comments: Format writes none. It takes the unfolded value.
func parseStrict(s string) (id string, methods []Method, err error) {
	p := &strictParser{s: s}
	id = p.value()
	if p.rest() == "; none" {
		return id, nil, p.err
	}
	for p.err == nil && p.s != "" {
		p.literal(";")
		p.spaces(1)
		m := Method{Name: p.token()}
		p.literal("=")
		m.Status = mail.Status(p.token())
		for p.err == nil && strings.HasPrefix(p.s, " ") {
			p.spaces(1)
			if strings.HasPrefix(p.s, "reason=") && m.Reason == "" && m.Properties == nil {
				p.literal("reason=")
				m.Reason = p.value()
				continue
			}
			typ, name, ok := strings.Cut(p.token(), ".")
			if !ok {
				p.fail("a property without type")
			}
			p.literal("=")
			m.Properties = append(m.Properties, Property{typ, name, p.pvalue()})
		}
		methods = append(methods, m)
	}
	return id, methods, p.err
}

type strictParser struct {
	s   string
	err error
}

func (p *strictParser) fail(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("%s at %q", what, p.s)
	}
}

func (p *strictParser) rest() string { return p.s }

func (p *strictParser) literal(want string) {
	var ok bool
	if p.s, ok = strings.CutPrefix(p.s, want); !ok {
		p.fail("no " + want)
	}
}

func (p *strictParser) spaces(least int) {
	trimmed := strings.TrimLeft(p.s, " ")
	if len(p.s)-len(trimmed) < least {
		p.fail("no space")
	}
	p.s = trimmed
}

func (p *strictParser) token() string {
	n := 0
	for n < len(p.s) && p.s[n] > ' ' && p.s[n] < 0x7f && !strings.ContainsRune("()<>@,;:\\\"/[]?=", rune(p.s[n])) {
		n++
	}
	if n == 0 {
		p.fail("no token")
		p.s = ""
		return ""
	}
	token := p.s[:n]
	p.s = p.s[n:]
	return token
}

func (p *strictParser) value() string {
	if !strings.HasPrefix(p.s, `"`) {
		return p.token()
	}
	end := strings.IndexByte(p.s[1:], '"')
	if end < 0 {
		p.err = errors.New("a quoted string without end")
		return ""
	}
	quoted := p.s[1 : end+1]
	p.s = p.s[end+2:]
	return quoted
}

// pvalue reads a value or local-part "@" domain-name.
func (p *strictParser) pvalue() string {
	if strings.HasPrefix(p.s, `"`) {
		return p.value()
	}
	v := ""
	if !strings.HasPrefix(p.s, "@") {
		v = p.token()
	}
	if strings.HasPrefix(p.s, "@") {
		p.literal("@")
		domain := p.token()
		for _, part := range []string{v, domain} { // a dot-atom each: RFC 5322, Section 3.2.3
			if strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".") || strings.Contains(part, "..") {
				p.fail("no dot-atom")
			}
		}
		v += "@" + domain
	}
	return v
}

func TestWhatIsPermittedIsLeftAsItStands(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	letters := []rune(" ab-._=?!*/@;:()\"\\<>,'\t\r\n\x00\x7fé\u2028")
	left := 0
	for range 100_000 {
		var b strings.Builder
		for range r.IntN(6) {
			b.WriteRune(letters[r.IntN(len(letters))])
		}
		s := b.String()
		if isPermitted(s) {
			left++
			if got := purged(s); got != s {
				t.Fatalf("%q: %q", s, got)
			}
		}
	}
	if left < 5000 {
		t.Fatalf("only %d were permitted", left)
	}
}
