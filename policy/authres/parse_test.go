package authres

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/policy/mail"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, value string
		want        Field
	}{
		{"nothing was checked", "mx.example.net; none", Field{ID: "mx.example.net", None: true}},
		{"none among comments", "(a) mx.example.net (b) ; (c) none (d)", Field{ID: "mx.example.net", None: true}},
		{"a version", "mx.example.net 1; none", Field{ID: "mx.example.net", Version: 1, None: true}},
		{"a version behind a comment alone", "mx.example.net(c)12; none", Field{ID: "mx.example.net", Version: 12, None: true}},
		{"a quoted authserv-id", `"mx \"1\"; x" 1; none`, Field{ID: `mx "1"; x`, Version: 1, None: true}},
		{"a UTF-8 authserv-id", "mx.bücher.example; none", Field{ID: "mx.bücher.example", None: true}},
		{"folded", "mx.example.net;\r\n\tspf=pass\r\n smtp.mailfrom=a@b.example\r\n",
			Field{ID: "mx.example.net", Methods: []Method{{Name: "spf", Status: mail.Pass, Properties: []Property{{"smtp", "mailfrom", "a@b.example"}}}}}},
		{"names in any case, values as they are", "mx.example.net; SPF=Pass SMTP.MailFrom=A@B.example",
			Field{ID: "mx.example.net", Methods: []Method{{Name: "spf", Status: mail.Pass, Properties: []Property{{"smtp", "mailfrom", "A@B.example"}}}}}},
		{"a reason, quoted", `mx.example.net; dkim=fail reason="x; dkim=pass (\")" header.d=b.example`,
			Field{ID: "mx.example.net", Methods: []Method{{Name: "dkim", Status: mail.Fail, Reason: `x; dkim=pass (")`, Properties: []Property{{"header", "d", "b.example"}}}}}},
		{"a quoted semicolon", `mx.example.net; spf=pass smtp.mailfrom="x; dkim=pass header.d=bank.example"@b.example; dkim=none`,
			Field{ID: "mx.example.net", Methods: []Method{
				{Name: "spf", Status: mail.Pass, Properties: []Property{{"smtp", "mailfrom", `"x; dkim=pass header.d=bank.example"@b.example`}}},
				{Name: "dkim", Status: mail.None}}}},
		{"a semicolon and a result in a comment", "mx.example.net; spf=fail (x; dkim=pass (nested; y) \\) z) smtp.mailfrom=b.example",
			Field{ID: "mx.example.net", Methods: []Method{{Name: "spf", Status: mail.Fail, Comment: `x; dkim=pass (nested; y) \) z`, Properties: []Property{{"smtp", "mailfrom", "b.example"}}}}}},
		{"a property in a comment is none", "mx.example.net; dkim=pass header.d=evil.example ( header.d=bank.example )",
			Field{ID: "mx.example.net", Methods: []Method{{Name: "dkim", Status: mail.Pass, Properties: []Property{{"header", "d", "evil.example"}}}}}},
		{"a comment in 8-bit of any kind", "mx.example.net; spf=pass (\xe4\xff)", Field{ID: "mx.example.net", Methods: []Method{{Name: "spf", Status: mail.Pass, Comment: "\xe4\xff"}}}},
		{"a method with version", "mx.example.net; dkim/1=pass; spf (c) / (c) 2 (c) = (c) fail",
			Field{ID: "mx.example.net", Methods: []Method{{Name: "dkim", Status: mail.Pass, Version: 1}, {Name: "spf", Status: mail.Fail, Version: 2}}}},
		{"comments everywhere", "x.example (a) 1 (b); dkim (c) / 1 (d) = (e) fail policy (f) . (g) expired (h) = (i) 17 (j)",
			Field{ID: "x.example", Version: 1, Methods: []Method{{Name: "dkim", Status: mail.Fail, Version: 1, Properties: []Property{{"policy", "expired", "17"}}}}}},
		{"an address with a tag needs no quotes", "x.example; spf=pass smtp.mailfrom=bounce+a=c.example@b.example smtp.helo=@b.example",
			Field{ID: "x.example", Defects: []string{DefectUnquoted}, Methods: []Method{{Name: "spf", Status: mail.Pass, Properties: []Property{{"smtp", "mailfrom", "bounce+a=c.example@b.example"}, {"smtp", "helo", "@b.example"}}}}}},

		{"Microsoft: no authserv-id, no types", "spf=pass (sender IP is 192.0.2.7) smtp.mailfrom=b.example; dkim=none (message not signed)\r\n header.d=none;dmarc=bestguesspass action=none header.from=;compauth=pass reason=109",
			Field{Defects: []string{DefectNoID, DefectNoType, DefectNoValue}, Methods: []Method{
				{Name: "spf", Status: mail.Pass, Comment: "sender IP is 192.0.2.7", Properties: []Property{{"smtp", "mailfrom", "b.example"}}},
				{Name: "dkim", Status: mail.None, Comment: "message not signed", Properties: []Property{{"header", "d", "none"}}},
				{Name: "dmarc", Status: "bestguesspass", Properties: []Property{{"", "action", "none"}, {"header", "from", ""}}},
				{Name: "compauth", Status: mail.Pass, Reason: "109"}}}},
		{"Outlook: authserv-id again, semicolon at the end", "outlook.com; spf=pass; OUTLOOK.com; dkim=pass;",
			Field{ID: "outlook.com", Defects: []string{DefectSecondID, DefectEmpty}, Methods: []Method{{Name: "spf", Status: mail.Pass}, {Name: "dkim", Status: mail.Pass}}}},
		{"Google: base64 and IPv6 unquoted", "mx.example.net; dkim=pass header.b=a/b+c==; iprev=pass policy.iprev=2001:db8::1",
			Field{ID: "mx.example.net", Defects: []string{DefectUnquoted}, Methods: []Method{
				{Name: "dkim", Status: mail.Pass, Properties: []Property{{"header", "b", "a/b+c=="}}},
				{Name: "iprev", Status: mail.Pass, Properties: []Property{{"policy", "iprev", "2001:db8::1"}}}}}},
		{"Yahoo: a comment at the result", "mx.example.net; dmarc=pass(p=REJECT) header.from=b.example",
			Field{ID: "mx.example.net", Methods: []Method{{Name: "dmarc", Status: mail.Pass, Comment: "p=REJECT", Properties: []Property{{"header", "from", "b.example"}}}}}},
		{"underscores and a late reason", "mx.example.net; x-mx=pass smtp.is_org=yes reason=x reason=y",
			Field{ID: "mx.example.net", Defects: []string{DefectName, DefectReason, DefectNoType}, Methods: []Method{{Name: "x-mx", Status: mail.Pass, Reason: "x", Properties: []Property{{"smtp", "is_org", "yes"}, {"", "reason", "y"}}}}}},
		{"methods without result", "mx.example.net; a=; b ; c/1",
			Field{ID: "mx.example.net", Defects: []string{DefectNoResult}, Methods: []Method{{Name: "a"}, {Name: "b"}, {Name: "c", Version: 1}}}},
		{"an authserv-id alone", "mx.example.net", Field{ID: "mx.example.net", Defects: []string{DefectNoResults}}},
	} {
		got, err := Parse(tc.value)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", tc.name, got, err, tc.want)
		}
	}
}

func TestParseRefusesWhatCanBeReadInTwoWays(t *testing.T) {
	for name, value := range map[string]string{
		"empty":                        "",
		"a comment alone":              "(x)",
		"no authserv-id":               "; spf=pass",
		"an empty authserv-id":         `""; spf=pass`,
		"a word for a version":         "mx.example.net x; spf=pass",
		"a long version":               "mx.example.net 12345; spf=pass",
		"a version too close":          `"mx.example.net"1; none`,
		"a comment without end":        "mx.example.net; spf=fail (x; dkim=pass",
		"a comment that ends escaped":  `mx.example.net; spf=fail (x\)`,
		"a parenthesis without start":  "mx.example.net; spf=fail x); dkim=pass",
		"a quote without end":          `mx.example.net; spf=fail smtp.mailfrom="x; dkim=pass`,
		"a quote that ends escaped":    `mx.example.net; spf=fail smtp.mailfrom="x\"`,
		"a quote inside a value":       `mx.example.net; spf=pass smtp.mailfrom=a"b;c"@d.example`,
		"a backslash in a value":       `mx.example.net; spf=pass smtp.mailfrom=a\;b`,
		"a comment inside a domain":    "mx.example.net; dkim=pass header.d=bank.example(.evil.example)",
		"the same behind a quote":      `mx.example.net; spf=pass smtp.mailfrom="a"@bank.example(.evil.example)`,
		"text behind a quoted value":   `mx.example.net; spf=pass smtp.mailfrom="a"header.d=b.example`,
		"a NUL":                        "mx.example.net; spf=pass smtp.mailfrom=a\x00b",
		"a NUL in a comment":           "mx.example.net; spf=pass (a\x00b)",
		"DEL in a comment":             "mx.example.net; spf=pass (a\x7fb)",
		"a stray CR":                   "mx.example.net; spf=pass\rdkim=pass",
		"a line end that folds not":    "mx.example.net; spf=pass\r\nX: y",
		"DEL":                          "mx.example.net; spf=pass smtp.mailfrom=a\x7f",
		"a value that is not UTF-8":    "mx.example.net; spf=pass smtp.mailfrom=\xe4@b.example",
		"a quoted one that is not":     "mx.example.net; spf=pass smtp.mailfrom=\"\xe4\"",
		"two equals signs":             "mx.example.net; spf==pass",
		"a result that is no word":     "mx.example.net; spf=\"pass\"",
		"a property that is no word":   "mx.example.net; spf=pass ä.b=c",
		"a property without value":     "mx.example.net; spf=pass smtp.mailfrom",
		"a dot without property":       "mx.example.net; spf=pass smtp.=x",
		"none and a result":            "mx.example.net; none; dkim=pass",
		"a result and none":            "mx.example.net; dkim=pass; none",
		"another's authserv-id inside": "mx.example.net; spf=pass; gate.example.com; dkim=pass",
		"an encoded word":              "=?utf-8?q?mx.example.net?=; spf=pass",
		"too long":                     "mx.example.net; none (" + strings.Repeat("x", maxParseOctets) + ")",
		"too many methods":             "mx.example.net" + strings.Repeat("; a=b", maxMethods+1),
		"too many properties":          "mx.example.net; a=b" + strings.Repeat(" c.d=e", maxProperties+1),
	} {
		if f, err := Parse(value); !errors.Is(err, ErrSyntax) || !reflect.DeepEqual(f, Field{}) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	if _, err := Parse("mx.example.net" + strings.Repeat("; a=b", maxMethods)); err != nil {
		t.Error(err)
	}
	if _, err := Parse("mx.example.net; a=b" + strings.Repeat(" c.d=e", maxProperties)); err != nil {
		t.Error(err)
	}
}

func TestSoleDoesNotChooseAmongSeveral(t *testing.T) {
	f, err := Parse("mx.example.net; spf=fail smtp.mailfrom=a.example; spf=pass smtp.helo=b.example; dmarc=pass; dkim/2=pass; arc/1=fail")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]mail.Status{"spf": "", "dkim": "", "auth": "", "dmarc": mail.Pass, "arc": mail.Fail} {
		if m, ok := f.Sole(name); m.Status != want || ok != (want != "") {
			t.Errorf("Sole(%q) = %+v, %v", name, m, ok)
		}
	}
}

func TestParseIsLinear(t *testing.T) {
	for _, unit := range []string{"(", ")", "()", `"`, `\`, ";", " a", "a=b;", "a=b c=d ", "mx;", "(x) mx (y);", ".", "\r\n ", "é"} {
		for _, before := range []string{"", "mx;", "mx; a=b ", `mx; a=b c.d="`} {
			start := time.Now()
			_, _ = Parse(before + strings.Repeat(unit, (maxParseOctets-len(before))/len(unit)))
			if spent := time.Since(start); spent > time.Second {
				t.Errorf("%q and %q repeated took %v", before, unit, spent)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		microsoft, "outlook.com; spf=pass; outlook.com; dkim=pass;", `mx.example.net (c) 1; dkim/1=fail (x;y) reason="a;b" header.d="c"@d.example; none`,
		"i=1; mx.example.net; dkim=pass header.b=a/b==", "mx.example.net;\r\n\tspf=pass", "a;b=;c", `"x\"y"; none`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		field, err := Parse(s)
		if err != nil {
			if !errors.Is(err, ErrSyntax) || !reflect.DeepEqual(field, Field{}) {
				t.Fatalf("%q: %+v, %v", s, field, err)
			}
			return
		}
		if field.ID == "" != slices.Contains(field.Defects, DefectNoID) || len(field.Methods) > maxMethods || field.None && len(field.Methods) > 0 {
			t.Fatalf("%q: %+v", s, field)
		}
		if _, err := mail.ParseDomain(field.ID); err == nil && !Claims(s, field.ID) {
			t.Fatalf("%q has the authserv-id %q and does not claim it", s, field.ID)
		}
		checkMethods(t, s, field.Methods)
	})
}

// checkMethods holds what a reader of methods may rely on, and that we would
// never say more of them than was read.
func checkMethods(t *testing.T, s string, methods []Method) {
	t.Helper()
	var keywords []Method
	for _, m := range methods {
		if m.Name == "" || strings.ToLower(m.Name) != m.Name || len(m.Comment) > maxComment || len(m.Properties) > maxProperties {
			t.Fatalf("%q: %+v", s, m)
		}
		for _, p := range append(m.Properties, Property{Value: m.Reason, Name: "reason"}) {
			if p.Name == "" || strings.ContainsFunc(p.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				t.Fatalf("%q: %+v", s, m)
			}
		}
		if isKeyword(m.Name) && (m.Status == "" || isKeyword(string(m.Status))) {
			keywords = append(keywords, m)
		}
	}
	again, err := Parse(Format(ours, methods))
	if err != nil || again.ID != ours || len(again.Methods) != len(keywords) || again.Defects != nil {
		t.Fatalf("%q, written again: %+v, %v", s, again, err)
	}
	for i, m := range again.Methods {
		if m.Name != keywords[i].Name || m.Status != keywords[i].Status && keywords[i].Status != "" {
			t.Fatalf("%q: %+v became %+v", s, keywords[i], m)
		}
	}
}
