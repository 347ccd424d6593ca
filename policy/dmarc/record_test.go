package dmarc

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// What an aggregate report would repeat of a record.
func TestDuty_B7_PublishedIsTold(t *testing.T) {
	defaults := Published{P: "none", ADKIM: "r", ASPF: "r", T: "n", PSD: "u", FO: "0"}
	with := func(change func(*Published)) Published {
		p := defaults
		change(&p)
		return p
	}
	for _, tc := range []struct {
		txt    string
		want   Published
		faults string // joined with " | "
	}{
		{"v=DMARC1", defaults, ""},
		{"v=DMARC1; p=Reject; sp=none; np=quarantine; adkim=S; aspf=s; t=y; psd=N; rua=mailto:D@Example.com", Published{P: "reject", SP: "none", NP: "quarantine",
			ADKIM: "s", ASPF: "s", T: "y", PSD: "n", FO: "0", RUA: "mailto:D@Example.com"}, ""},
		{"v=DMARC1; fo=1:d", defaults, ""}, // without ruf
		{"v=DMARC1; fo=1:D : s; ruf=mailto:f@example.com", with(func(p *Published) { p.FO = "1:d:s" }), ""},
		{"v=DMARC1; fo=1; fo=0:d; ruf=mailto:f@example.com", defaults, `the tag "fo" stands twice with different values`},
		{"v=DMARC1; fo=1:1; ruf=mailto:f@example.com", defaults, `fo="1:1" is ignored`},
		{"v=DMARC1; fo=0:1; ruf=mailto:f@example.com", defaults, `fo="0:1" is ignored`},
		{"v=DMARC1; fo=x; ruf=mailto:f@example.com", defaults, `fo="x" is ignored`},
		{"v=DMARC1; pct=100", with(func(p *Published) { p.Pct = "100" }), ""},
		{"v=DMARC1; pct=050", with(func(p *Published) { p.Pct = "50" }), "pct=50 is ignored: DMARC has no percentage any more"},
		{"v=DMARC1; pct=101", defaults, `pct="101" is ignored`},
		{"v=DMARC1; pct=-1", defaults, `pct="-1" is ignored`},
		{"v=DMARC1; pct=99999999999999999999", defaults, `pct="99999999999999999999" is ignored`},
		{"v=DMARC1; adkim=x; aspf=; t=maybe; psd=?", defaults,
			`adkim="x" is ignored: it is not one of r, s | aspf="" is ignored: it is not one of r, s | t="maybe" is ignored: it is not one of n, y | psd="?" is ignored: it is not one of u, y, n`},
		{"v=DMARC1; adkim=r; adkim=s; aspf=s; ASPF=S", with(func(p *Published) { p.ASPF = "s" }), `the tag "adkim" stands twice with different values`},
		{"v=DMARC1; p=none; p=reject; p=none", defaults, `the tag "p" stands twice with different values | the tag "p" stands twice with different values`},
		{"v=DMARC1; sp=rejected; rua=mailto:d@example.com", with(func(p *Published) { p.RUA = "mailto:d@example.com" }), `sp="rejected" is not a policy`},
		{"v=DMARC1; p=reject; np=none p=none", defaults, `np="none p=none" is not a policy`},
		{"v=DMARC1; ; \x1b[2J; =x; p=none", defaults, `"\x1b[2J" is not a tag | "=x" is not a tag`},
		{"v=DMARC1; rua=nobody", with(func(p *Published) { p.RUA = "nobody" }), `rua="nobody" holds no valid URI`},
		{"v=DMARC1; rua=mailto:b\u00fcro@example.com", defaults, `rua="mailto:b\u00fcro@example.com" is ignored: it is not plain text`},
		{"v=DMARC1; unknown=x; rf=iodef; ri=0", defaults, ""},
	} {
		rec := parseRecord(tc.txt)
		if rec == nil || rec.says != tc.want || strings.Join(rec.faults, " | ") != tc.faults {
			t.Errorf("%q:\n%+v\nwant\n%+v, faults %s", tc.txt, rec, tc.want, tc.faults)
		}
	}
}

func TestFaultsAreBounded(t *testing.T) {
	for _, txt := range []string{"v=DMARC1" + strings.Repeat("; x", maxTags), "v=DMARC1" + strings.Repeat("; x=1; x=2", maxTags), "v=DMARC1" + strings.Repeat("; \xff"+strings.Repeat("\u202e", 9), 99)} {
		rec := parseRecord(txt)
		if rec == nil || len(rec.faults) != maxFaults {
			t.Fatalf("%.40q: %+v", txt, rec)
		}
		for _, f := range rec.faults {
			if len(f) > 400 || strings.IndexFunc(f, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
				t.Errorf("fault %q", f)
			}
		}
	}
	rec := parseRecord("v=DMARC1" + strings.Repeat(";", maxTags+1) + "p=reject")
	if rec.says.P != "none" || !reflect.DeepEqual(rec.faults, []string{"what follows the first 64 tags is not read"}) {
		t.Errorf("%+v", rec)
	}
}

func TestDuty_B7_ResultTellsWhatAReportSays(t *testing.T) {
	for _, tc := range []struct {
		name, zone     string
		id             Identifiers
		disposition    string
		lowered        bool
		dkim           mail.Domain
		organizational mail.Domain
		faults         string
	}{
		{"a pass under a policy that acts", `_dmarc.example.com TXT "v=DMARC1; p=reject"`, dkim("example.org", "a.example.com", "example.com"), "pass", false, "a.example.com", "example.com", ""},
		{"a pass under p=none", `_dmarc.example.com TXT "v=DMARC1"`, spf("example.com"), "none", false, "", "example.com", ""},
		{"a fail", `_dmarc.example.com TXT "v=DMARC1; p=reject"`, Identifiers{}, "reject", false, "", "example.com", ""},
		{"a fail in test mode", `_dmarc.example.com TXT "v=DMARC1; p=reject; t=y"`, Identifiers{}, "quarantine", true, "", "example.com", ""},
		{"t=y has no effect on none", `_dmarc.example.com TXT "v=DMARC1; p=none; t=y"`, Identifiers{}, "none", false, "", "example.com", ""},
		{"no record", ``, dkim("b.example.com"), "", false, "b.example.com", "example.com", ""},
		{"no answer", `_dmarc.example.com TXT SERVFAIL`, Identifiers{}, "", false, "", "", ""},
		{"the suffix gives no answer", "_dmarc.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"", Identifiers{}, "reject", false, "", "", ""},
		{"an identity gives no answer", "_dmarc.a.example.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"", dkim("a.example.com"), "", false, "", "example.com", ""},
		{"several records", "_dmarc.example.com TXT \"v=DMARC1; p=none\"\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"", Identifiers{}, "", false, "", "example.com",
			"_dmarc.example.com holds several DMARC records, so that none of them counts"},
		{"several records below one with a fault", "_dmarc.example.com TXT \"v=DMARC1; p=none\"\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n_dmarc.com TXT \"v=DMARC1; p=reject; sp=no; psd=y; rua=mailto:d@com.example\"",
			Identifiers{}, "none", false, "", "example.com", `_dmarc.example.com holds several DMARC records, so that none of them counts | sp="no" is not a policy`},
		{"a record that cannot be used", `_dmarc.example.com TXT "v=DMARC1; p=rejct"`, Identifiers{}, "", false, "", "example.com", `p="rejct" is not a policy`},
	} {
		tc.id.Author = "example.com"
		got := Evaluate(t.Context(), dns.MustSnapshot(t, tc.zone), tc.id)
		if got.Disposition() != tc.disposition || got.Lowered != tc.lowered || got.DKIMDomain != tc.dkim || got.Organizational != tc.organizational || strings.Join(got.Faults, " | ") != tc.faults {
			t.Errorf("%s: %q, %+v", tc.name, got.Disposition(), got)
		}
		if (got.Published.P != "") != (got.Domain != "") {
			t.Errorf("%s: %+v of domain %q", tc.name, got.Published, got.Domain)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add("v=DMARC1; p=reject; sp=none; np=quarantine; psd=y; t=y; adkim=s; aspf=s; rua=mailto:a@example.com,https://example.com/")
	f.Add("v=DMARC1; p=none; p=reject; rua=%zz")
	f.Add("v=DMARC1; fo=1:d:s; ruf=mailto:f@example.com; pct=50; rf=afrf; ri=86400")
	policies := []string{policyNone, policyQuarantine, policyReject}
	f.Fuzz(func(t *testing.T, txt string) {
		rec := parseRecord(txt)
		if rec == nil {
			return
		}
		if rec.raw != txt {
			t.Fatal("raw differs")
		}
		for _, below := range []bool{true, false} {
			for _, exists := range []bool{true, false} {
				asks, applied := rec.asks(below, exists), rec.policyFor(below, exists)
				if slices.Index(policies, applied) < 0 || slices.Index(policies, applied) > slices.Index(policies, asks) || slices.Index(policies, applied) < slices.Index(policies, asks)-1 {
					t.Fatalf("asks %q, applied %q", asks, applied)
				}
			}
		}
		p := rec.says
		for _, v := range append([]string{p.SP, p.NP, p.ADKIM, p.ASPF, p.T, p.PSD, p.FO, p.RUA, p.Pct}, rec.faults...) {
			if strings.IndexFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
				t.Fatalf("%q is told", v)
			}
		}
		// What was understood reads back as the same.
		again := readTags("", "p="+p.P+tagged("sp", p.SP)+tagged("np", p.NP)+";adkim="+p.ADKIM+";aspf="+p.ASPF+";t="+p.T+";psd="+p.PSD+";ruf=x;fo="+p.FO+tagged("rua", p.RUA)+tagged("pct", p.Pct))
		if again.says != p {
			t.Fatalf("%+v reads back as %+v", p, again.says)
		}
	})
}

func tagged(name, value string) string {
	if value == "" {
		return ""
	}
	return ";" + name + "=" + value
}
