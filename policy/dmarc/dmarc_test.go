package dmarc

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// counting counts the questions of an evaluation by name.
type counting struct {
	dns.Resolver
	asked []string
}

func (c *counting) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	c.asked = append(c.asked, name)
	return c.Resolver.TXT(ctx, name)
}

func (c *counting) A(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	c.asked = append(c.asked, "A "+name)
	return c.Resolver.A(ctx, name)
}

func spf(d mail.Domain) Identifiers { return Identifiers{SPF: mail.Pass, SPFDomain: d} }

func dkim(domains ...mail.Domain) (id Identifiers) {
	for _, d := range domains {
		id.DKIM = append(id.DKIM, Signature{Domain: d, Status: mail.Pass})
	}
	return id
}

func TestDuty_B2_DMARC_WalkNamesAreAtMostEight(t *testing.T) {
	for _, tc := range []struct {
		domain mail.Domain
		want   string
	}{
		{"com", "com"},
		{"example.com", "example.com com"},
		{"a.b.c.d.e.f.com", "a.b.c.d.e.f.com b.c.d.e.f.com c.d.e.f.com d.e.f.com e.f.com f.com com"},
		{"a.b.c.d.mail.example.com", "a.b.c.d.mail.example.com b.c.d.mail.example.com c.d.mail.example.com d.mail.example.com mail.example.com example.com com"},
		{"a.b.c.d.e.mail.example.com", "a.b.c.d.e.mail.example.com b.c.d.e.mail.example.com c.d.e.mail.example.com d.e.mail.example.com e.mail.example.com mail.example.com example.com com"},
		// The example of RFC 9989, Section 4.10.
		{"a.b.c.d.e.f.g.h.i.j.mail.example.com", "a.b.c.d.e.f.g.h.i.j.mail.example.com g.h.i.j.mail.example.com h.i.j.mail.example.com i.j.mail.example.com j.mail.example.com mail.example.com example.com com"},
	} {
		var got []string
		for _, d := range walkNames(tc.domain) {
			got = append(got, string(d))
		}
		if s := strings.Join(got, " "); s != tc.want {
			t.Errorf("walkNames(%s) = %s, want %s", tc.domain, s, tc.want)
		}
		if len(got) > 8 {
			t.Errorf("walkNames(%s): %d names", tc.domain, len(got))
		}
	}
}

func TestOrganizationalDomain(t *testing.T) {
	for _, tc := range []struct {
		name, zone string
		start      mail.Domain
		want       mail.Domain
	}{
		{"without record, the name itself", ``, "a.example.com", "a.example.com"},
		// The examples of RFC 9989, Section 4.10.2.
		{"the record with the fewest labels", "_dmarc.mail.example.com TXT \"v=DMARC1\"\n_dmarc.example.com TXT \"v=DMARC1\"", "a.mail.example.com", "example.com"},
		{"psd=n", "_dmarc.mail.example.com TXT \"v=DMARC1; psd=n\"\n_dmarc.example.com TXT \"v=DMARC1\"", "a.mail.example.com", "mail.example.com"},
		{"one label below psd=y", `_dmarc.com TXT "v=DMARC1; psd=y"`, "a.mail.example.com", "example.com"},
		{"psd=y at the start is not above it", `_dmarc.gov.example TXT "v=DMARC1; psd=y"`, "gov.example", "gov.example"},
		{"psd=u is the default", "_dmarc.example.com TXT \"v=DMARC1; psd=u\"\n_dmarc.com TXT \"v=DMARC1; psd=U\"", "a.example.com", "com"},
	} {
		q := &questions{r: dns.MustSnapshot(t, tc.zone)}
		if got, _ := q.walk(t.Context(), tc.start).organizational(); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestEvaluate(t *testing.T) {
	for _, tc := range []struct {
		name    string
		zone    string
		author  mail.Domain
		id      Identifiers
		status  mail.Status
		domain  mail.Domain
		policy  string
		aligned string // "spf", "dkim", "spf dkim" or ""
	}{
		// Alignment.
		{"SPF of the same domain", `_dmarc.example.com TXT "v=DMARC1; p=reject"`,
			"example.com", spf("example.com"), mail.Pass, "example.com", "reject", "spf"},
		{"DKIM of the same domain", `_dmarc.example.com TXT "v=DMARC1; p=reject"`,
			"example.com", dkim("example.org", "example.com"), mail.Pass, "example.com", "reject", "dkim"},
		{"relaxed: a parent signs", `_dmarc.example.com TXT "v=DMARC1; p=reject"`,
			"mail.example.com", dkim("example.com"), mail.Pass, "example.com", "reject", "dkim"},
		{"relaxed: a sibling", `_dmarc.example.com TXT "v=DMARC1; p=reject"`,
			"mail.example.com", spf("bounce.example.com"), mail.Pass, "example.com", "reject", "spf"},
		{"relaxed: a child", `_dmarc.example.com TXT "v=DMARC1; p=reject"`,
			"example.com", dkim("mail.example.com"), mail.Pass, "example.com", "reject", "dkim"},
		{"strict SPF, parent", `_dmarc.example.com TXT "v=DMARC1; p=reject; aspf=s"`,
			"mail.example.com", spf("example.com"), mail.Fail, "example.com", "reject", ""},
		{"strict SPF does not touch DKIM", `_dmarc.example.com TXT "v=DMARC1; p=reject; aspf=s"`,
			"mail.example.com", dkim("example.com"), mail.Pass, "example.com", "reject", "dkim"},
		{"strict DKIM, parent", `_dmarc.example.com TXT "v=DMARC1; p=reject; adkim=S"`,
			"mail.example.com", dkim("example.com"), mail.Fail, "example.com", "reject", ""},
		{"strict DKIM, same", `_dmarc.mail.example.com TXT "v=DMARC1; p=reject; adkim=s"`,
			"mail.example.com", dkim("mail.example.com"), mail.Pass, "mail.example.com", "reject", "dkim"},
		{"another domain", `_dmarc.example.com TXT "v=DMARC1; p=quarantine"`,
			"example.com", dkim("example.org"), mail.Fail, "example.com", "quarantine", ""},
		{"a domain that ends alike", `_dmarc.example.com TXT "v=DMARC1; p=reject"`,
			"example.com", spf("badexample.com"), mail.Fail, "example.com", "reject", ""},
		{"the top-level domain signs", `_dmarc.example.com TXT "v=DMARC1; p=reject"`,
			"example.com", dkim("com"), mail.Fail, "example.com", "reject", ""},
		{"a signature that failed", `_dmarc.example.com TXT "v=DMARC1; p=reject"`,
			"example.com", Identifiers{SPF: mail.SoftFail, SPFDomain: "example.com", DKIM: []Signature{{"example.com", mail.Fail}}}, mail.Fail, "example.com", "reject", ""},
		{"identity domains in upper case", `_dmarc.example.com TXT "v=DMARC1; p=reject"`,
			"example.com", spf("EXAMPLE.com."), mail.Pass, "example.com", "reject", "spf"},

		// Which record.
		{"the author's own record is preferred", "_dmarc.mail.example.com TXT \"v=DMARC1; p=none\"\n_dmarc.example.com TXT \"v=DMARC1; p=reject; sp=reject\"",
			"mail.example.com", dkim("example.com"), mail.Pass, "mail.example.com", "none", "dkim"},
		{"a record between author and organization is not used", "_dmarc.b.example.com TXT \"v=DMARC1; p=none\"\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"a.b.example.com", Identifiers{}, mail.Fail, "example.com", "reject", ""},
		{"several records are none", "_dmarc.example.com TXT \"v=DMARC1; p=none\"\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"example.com", spf("example.com"), mail.None, "", "", "spf"},
		{"three records are none", "_dmarc.example.com TXT \"v=DMARC1; p=none\"\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"example.com", spf("example.com"), mail.None, "", "", "spf"},
		{"several records do not stop the walk", "_dmarc.a.example.com TXT \"v=DMARC1; p=none\"\n_dmarc.a.example.com TXT \"v=DMARC1; p=reject\"\n_dmarc.example.com TXT \"v=DMARC1; p=quarantine\"",
			"a.example.com", Identifiers{}, mail.Fail, "example.com", "quarantine", ""},
		{"other TXT records do not count", "_dmarc.example.com TXT \"v=spf1 -all\"\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"example.com", Identifiers{}, mail.Fail, "example.com", "reject", ""},
		{"a wildcard that is no DMARC record", `_dmarc.example.com TXT "google-site-verification=x"`,
			"example.com", Identifiers{}, mail.None, "", "", ""},
		{"a name too long to ask under _dmarc has the policy of its parent", `_dmarc.example.com TXT "v=DMARC1; p=reject"`,
			longName, Identifiers{}, mail.Fail, "example.com", "reject", ""},

		// psd.
		{"psd=y: the policy of the suffix for what lies below it", `_dmarc.com TXT "v=DMARC1; p=none; sp=quarantine; psd=y"`,
			"example.com", spf("mail.example.com"), mail.Pass, "com", "quarantine", "spf"},
		{"psd=y: the organizational domain is one label below", `_dmarc.com TXT "v=DMARC1; p=reject; psd=y"`,
			"a.example.com", dkim("other.com"), mail.Fail, "com", "reject", ""},
		{"psd=y is not used for an organization with a record", "_dmarc.com TXT \"v=DMARC1; p=reject; psd=y\"\n_dmarc.example.com TXT \"v=DMARC1; p=none\"",
			"a.example.com", Identifiers{}, mail.Fail, "example.com", "none", ""},
		{"psd=y at the author domain itself", `_dmarc.gov.example TXT "v=DMARC1; p=reject; psd=y"`,
			"gov.example", dkim("gov.example"), mail.Pass, "gov.example", "reject", "dkim"},
		{"psd=y: the suffix is not aligned with what lies below it", "_dmarc.gov.example TXT \"v=DMARC1; p=reject; psd=y\"\n_dmarc.a.gov.example TXT \"v=DMARC1; p=reject\"",
			"a.gov.example", dkim("gov.example"), mail.Fail, "a.gov.example", "reject", ""},
		{"psd=n ends the organization", "_dmarc.b.example.com TXT \"v=DMARC1; p=quarantine; psd=n\"\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"a.b.example.com", dkim("example.com"), mail.Fail, "b.example.com", "quarantine", ""},
		{"psd=n below the author's organization is another organization", "_dmarc.b.example.com TXT \"v=DMARC1; p=none; psd=n\"\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"example.com", dkim("b.example.com"), mail.Fail, "example.com", "reject", ""},

		// Public suffixes that sell names: uk.com is one in the list.
		{"a suffix forgets psd=y: its customers are not one organization", `_dmarc.uk.com TXT "v=DMARC1; p=reject"`,
			"bank.uk.com", dkim("evil.uk.com"), mail.Fail, "uk.com", "reject", ""},
		{"a suffix forgets psd=y: a customer does not sign for it", `_dmarc.uk.com TXT "v=DMARC1; p=reject"`,
			"uk.com", spf("evil.uk.com"), mail.Fail, "uk.com", "reject", ""},
		{"a suffix forgets psd=y, and what lies above has it", "_dmarc.com TXT \"v=DMARC1; p=none; psd=y\"\n_dmarc.uk.com TXT \"v=DMARC1; p=reject\"",
			"bank.uk.com", dkim("evil.uk.com"), mail.Fail, "uk.com", "reject", ""},
		{"a suffix forgets psd=y: one customer is still an organization", `_dmarc.uk.com TXT "v=DMARC1; p=reject"`,
			"a.bank.uk.com", dkim("b.bank.uk.com"), mail.Pass, "uk.com", "reject", "dkim"},
		{"a suffix signs for what it publishes the policy of", `_dmarc.uk.com TXT "v=DMARC1; p=reject"`,
			"bank.uk.com", dkim("uk.com"), mail.Pass, "uk.com", "reject", "dkim"},
		{"psd=n: a suffix in the list declares itself an organization", `_dmarc.uk.com TXT "v=DMARC1; p=reject; psd=n"`,
			"a.uk.com", dkim("b.uk.com"), mail.Pass, "uk.com", "reject", "dkim"},

		{"psd=n: what lies above is not asked", "_dmarc.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject; psd=n\"",
			"a.example.com", Identifiers{}, mail.Fail, "example.com", "reject", ""},

		// sp, np, t.
		{"sp for a subdomain that exists", "_dmarc.example.com TXT \"v=DMARC1; p=reject; sp=none; np=quarantine\"\na.example.com A 192.0.2.1",
			"a.example.com", Identifiers{}, mail.Fail, "example.com", "none", ""},
		{"sp for a subdomain with other records only", "_dmarc.example.com TXT \"v=DMARC1; p=reject; sp=none; np=quarantine\"\na.example.com MX 10 mx.example.com",
			"a.example.com", Identifiers{}, mail.Fail, "example.com", "none", ""},
		{"np for a subdomain that does not exist", `_dmarc.example.com TXT "v=DMARC1; p=none; sp=none; np=reject"`,
			"a.example.com", Identifiers{}, mail.Fail, "example.com", "reject", ""},
		{"np does not speak of the domain itself", `_dmarc.example.com TXT "v=DMARC1; p=none; np=reject"`,
			"example.com", Identifiers{}, mail.Fail, "example.com", "none", ""},
		{"without np, sp", `_dmarc.example.com TXT "v=DMARC1; p=none; sp=reject"`,
			"a.example.com", Identifiers{}, mail.Fail, "example.com", "reject", ""},
		{"t=y lowers reject", `_dmarc.example.com TXT "v=DMARC1; p=reject; t=y"`,
			"example.com", Identifiers{}, mail.Fail, "example.com", "quarantine", ""},
		{"t=y lowers quarantine", `_dmarc.example.com TXT "v=DMARC1; p=quarantine; t=Y"`,
			"example.com", Identifiers{}, mail.Fail, "example.com", "none", ""},
		{"t=y lowers np", `_dmarc.example.com TXT "v=DMARC1; p=none; np=reject; t=y"`,
			"a.example.com", Identifiers{}, mail.Fail, "example.com", "quarantine", ""},

		// Broken policies.
		{"p is not valid, rua is", `_dmarc.example.com TXT "v=DMARC1; p=rejet; rua=mailto:d@example.com"`,
			"example.com", Identifiers{}, mail.Fail, "example.com", "none", ""},
		{"p is not valid and nobody to tell", `_dmarc.example.com TXT "v=DMARC1; p=rejet"`,
			"example.com", dkim("example.com"), mail.None, "", "", "dkim"},
		{"sp is not valid, rua is", `_dmarc.example.com TXT "v=DMARC1; p=reject; sp=x; rua=mailto:d@example.com"`,
			"example.com", Identifiers{}, mail.Fail, "example.com", "none", ""},

		// No record.
		{"no record, same domain", ``, "example.com", spf("example.com"), mail.None, "", "", "spf"},
		{"no record, same registrant", ``, "a.example.co.uk", dkim("b.example.co.uk"), mail.None, "", "", "dkim"},
		{"no record, only the suffix in common", ``, "example.co.uk", dkim("example2.co.uk"), mail.None, "", "", ""},
		{"no record, the suffix itself", ``, "example.co.uk", dkim("co.uk"), mail.None, "", "", ""},
		{"no record, both", ``, "example.com", Identifiers{SPF: mail.Pass, SPFDomain: "b.example.com", DKIM: []Signature{{"example.com", mail.Pass}}}, mail.None, "", "", "spf dkim"},
		{"no author domain", ``, "", spf("example.com"), mail.None, "", "", ""},
		{"an author domain that is none", ``, "a b", spf("example.com"), mail.PermError, "", "", ""},

		// Temporary errors.
		{"the author's record cannot be asked", "_dmarc.example.com TXT SERVFAIL", "example.com", spf("example.com"), mail.TempError, "", "", "spf"},
		{"a parent's record cannot be asked", "_dmarc.example.com TXT TIMEOUT", "a.example.com", Identifiers{}, mail.TempError, "", "", ""},
		{"above a record that might apply one cannot be asked", "_dmarc.example.com TXT SERVFAIL\n_dmarc.b.example.com TXT \"v=DMARC1; p=none\"",
			"a.b.example.com", Identifiers{}, mail.TempError, "", "", ""},
		{"the suffix cannot be asked, the author's own record applies", "_dmarc.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"example.com", spf("example.com"), mail.Pass, "example.com", "reject", "spf"},
		{"the suffix cannot be asked, nothing passed", "_dmarc.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"example.com", Identifiers{}, mail.Fail, "example.com", "reject", ""},
		{"the suffix cannot be asked, a stranger passed", "_dmarc.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"example.com", spf("example2.com"), mail.Fail, "example.com", "reject", ""},
		{"the suffix cannot be asked, a child passed", "_dmarc.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"example.com", spf("a.example.com"), mail.TempError, "example.com", "reject", ""},
		{"an attacker's zone cannot be asked", "_dmarc.evil.example TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"example.com", dkim("evil.example"), mail.Fail, "example.com", "reject", ""},
		{"an aligned identity cannot be walked", "_dmarc.a.example.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"example.com", dkim("a.example.com"), mail.TempError, "example.com", "reject", ""},
		{"SPF of the author domain has no answer yet", `_dmarc.example.com TXT "v=DMARC1; p=reject"`,
			"example.com", Identifiers{SPF: mail.TempError, SPFDomain: "example.com"}, mail.TempError, "example.com", "reject", ""},
		{"SPF of an attacker's domain has no answer yet", `_dmarc.example.com TXT "v=DMARC1; p=reject"`,
			"example.com", Identifiers{SPF: mail.TempError, SPFDomain: "evil.example"}, mail.Fail, "example.com", "reject", ""},
		{"one signature without answer, one that passes", `_dmarc.example.com TXT "v=DMARC1; p=reject"`,
			"example.com", Identifiers{DKIM: []Signature{{"example.com", mail.TempError}, {"example.com", mail.Pass}}}, mail.Pass, "example.com", "reject", "dkim"},
		{"the author's record cannot be asked, the same domain signs", "_dmarc.a.hosting.example TXT SERVFAIL", "a.hosting.example", dkim("a.hosting.example"), mail.TempError, "", "", "dkim"},
		{"the author's record cannot be asked, another customer of the registrant signs", "_dmarc.a.hosting.example TXT SERVFAIL", "a.hosting.example", dkim("b.hosting.example"), mail.TempError, "", "", ""},
		{"the author's record cannot be asked, SPF of the registrant passed", "_dmarc.a.hosting.example TXT SERVFAIL", "a.hosting.example", spf("hosting.example"), mail.TempError, "", "", ""},
		{"a lame name below a strict policy", "_dmarc.lame.example.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"lame.example.com", Identifiers{}, mail.TempError, "example.com", "reject", ""},
		{"many lame names below a strict policy", "_dmarc.a.b.c.d.lame.example.com TXT SERVFAIL\n_dmarc.b.c.d.lame.example.com TXT SERVFAIL\n_dmarc.c.d.lame.example.com TXT SERVFAIL\n" +
			"_dmarc.d.lame.example.com TXT SERVFAIL\n_dmarc.lame.example.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"a.b.c.d.lame.example.com", Identifiers{}, mail.TempError, "example.com", "reject", ""},
		{"a lame name below a strict policy, and the suffix is lame too", "_dmarc.lame.example.com TXT SERVFAIL\n_dmarc.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"lame.example.com", Identifiers{}, mail.TempError, "example.com", "reject", ""},
		{"a lame name has sp, not p", "_dmarc.lame.example.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject; sp=quarantine; np=reject\"",
			"lame.example.com", Identifiers{}, mail.TempError, "example.com", "quarantine", ""},
		{"a lame name below a policy that its owner tests", "_dmarc.lame.example.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject; t=y\"",
			"lame.example.com", Identifiers{}, mail.TempError, "example.com", "quarantine", ""},
		{"a lame name below a record that cannot be used", "_dmarc.lame.example.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject; sp=bad\"",
			"lame.example.com", Identifiers{}, mail.TempError, "", "", ""},
		{"a lame name below p=none", "_dmarc.lame.example.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=none\"",
			"lame.example.com", Identifiers{}, mail.TempError, "", "", ""},
		{"the strictest of several that may apply", "_dmarc.a.b.example.com TXT SERVFAIL\n_dmarc.b.example.com TXT \"v=DMARC1; p=quarantine\"\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n_dmarc.com TXT \"v=DMARC1; p=quarantine; psd=y\"",
			"a.b.example.com", Identifiers{}, mail.TempError, "example.com", "reject", ""},
		{"one of those that were met on the way", "_dmarc.b.example.com TXT \"v=DMARC1; p=reject\"\n_dmarc.example.com TXT SERVFAIL\n_dmarc.com TXT \"v=DMARC1; p=quarantine\"",
			"a.b.example.com", Identifiers{}, mail.TempError, "b.example.com", "reject", ""},
		{"what lies above an organization that declares itself cannot apply", "_dmarc.a.b.example.com TXT SERVFAIL\n_dmarc.b.example.com TXT \"v=DMARC1; p=quarantine; psd=n\"\n_dmarc.example.com TXT \"v=DMARC1; p=reject\"",
			"a.b.example.com", Identifiers{}, mail.TempError, "b.example.com", "quarantine", ""},
		{"existence cannot be asked", "_dmarc.example.com TXT \"v=DMARC1; p=none; np=reject\"\na.example.com A SERVFAIL",
			"a.example.com", Identifiers{}, mail.TempError, "example.com", "none", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.id.Author = tc.author
			got := Evaluate(t.Context(), longNames{dns.MustSnapshot(t, tc.zone)}, tc.id)
			aligned := ""
			if got.SPFAligned {
				aligned = "spf"
			}
			if got.DKIMAligned {
				aligned = strings.TrimSpace(aligned + " dkim")
			}
			if got.Status != tc.status || got.Domain != tc.domain || got.Policy != tc.policy || aligned != tc.aligned {
				t.Errorf("got %s, domain %q, policy %q, aligned %q; want %s, %q, %q, %q\nWhy: %s",
					got.Status, got.Domain, got.Policy, aligned, tc.status, tc.domain, tc.policy, tc.aligned, got.Why)
			}
			if got.Why == "" {
				t.Error("no Why")
			}
			if (got.Policy != "") != (got.Domain != "") {
				t.Errorf("policy %q of domain %q", got.Policy, got.Domain)
			}
		})
	}
}

// longName is a domain of which "_dmarc." and it exceed 253 octets.
var longName = mail.Domain(strings.Repeat(strings.Repeat("a", 58)+".", 4) + "example.com")

// longNames refuses names that DNS cannot hold, as a real resolver does.
type longNames struct{ dns.Resolver }

func (l longNames) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	if len(name) > 253 {
		return dns.Answer[string]{}, &dns.Error{Type: "TXT", Name: name, Class: dns.ErrPermanent}
	}
	return l.Resolver.TXT(ctx, name)
}

func TestCancelledEvaluationIsTemporary(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("time is up"))
	got := Evaluate(ctx, dns.MustSnapshot(t, `_dmarc.example.com TXT "v=DMARC1; p=reject"`), Identifiers{Author: "example.com"})
	if got.Status != mail.TempError {
		t.Errorf("%+v", got)
	}
}

// What was learned of an author is not lost when the time is up.
func TestWhatWasAskedIsEvaluatedAfterItsContextEnded(t *testing.T) {
	zone := dns.MustSnapshot(t, "_dmarc.example.com TXT \"v=DMARC1; p=none; np=reject\"\n_dmarc.broken.example TXT SERVFAIL\nb.example.com A 192.0.2.1")
	ctx, cancel := context.WithCancel(t.Context())
	there, sibling, broken := Ask(ctx, zone, "example.com"), Ask(ctx, zone, "a.example.com"), Ask(ctx, zone, "broken.example")
	cancel()
	if got := there.Evaluate(ctx, Identifiers{SPF: mail.Pass, SPFDomain: "example.com"}); got.Status != mail.Pass || got.Policy != policyNone {
		t.Errorf("%+v", got)
	}
	if got := sibling.Evaluate(ctx, Identifiers{SPF: mail.Fail, SPFDomain: "example.com"}); got.Status != mail.Fail || got.Policy != policyReject {
		t.Errorf("that it does not exist was known: %+v", got)
	}
	if got := sibling.Evaluate(ctx, Identifiers{SPF: mail.Pass, SPFDomain: "b.example.com"}); got.Status != mail.TempError {
		t.Errorf("a name that was not asked for: %+v", got)
	}
	if got := broken.Evaluate(t.Context(), Identifiers{}); got.Status != mail.TempError {
		t.Errorf("%+v", got)
	}
}

// Each message of an author is evaluated by itself, on the same answers.
func TestAnAuthorIsAskedForOnce(t *testing.T) {
	r := &counting{Resolver: dns.MustSnapshot(t, "_dmarc.example.com TXT \"v=DMARC1; p=none; np=reject\"\na.example.com A 192.0.2.1")}
	a := Ask(t.Context(), r, "a.example.com")
	for range 3 {
		if got := a.Evaluate(t.Context(), Identifiers{DKIM: []Signature{{"b.example.com", mail.Pass}}}); got.Status != mail.Pass || got.DKIMDomain != "b.example.com" {
			t.Errorf("%+v", got)
		}
		if got := a.Evaluate(t.Context(), Identifiers{Author: "example.org", SPF: mail.Pass, SPFDomain: "example.org"}); got.Status != mail.Fail || got.DKIMAligned || got.SPFAligned {
			t.Errorf("%+v", got)
		}
	}
	slices.Sort(r.asked)
	if len(slices.Compact(r.asked)) != len(r.asked) {
		t.Errorf("asked again: %q", r.asked)
	}
}

// A message that used up its questions is not taken for aligned because the
// record that says otherwise was not asked for, and does not defer itself either.
func TestLimitOnQuestionsIsNoAlignment(t *testing.T) {
	zone := dns.MustSnapshot(t, "_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n_dmarc.tenant.example.com TXT \"v=DMARC1; p=none; psd=n\"")
	for _, most := range []int{3, 4, 5} {
		got := Evaluate(t.Context(), dns.Limited(zone, most), Identifiers{Author: "a.example.com", DKIM: []Signature{{"x.tenant.example.com", mail.Pass}}})
		if got.Status != mail.Fail || got.Policy != policyReject {
			t.Errorf("%d questions: %+v", most, got)
		}
	}
	if got := Evaluate(t.Context(), dns.Limited(zone, 1), Identifiers{Author: "a.example.com"}); got.Status != mail.TempError {
		t.Errorf("the policy was not asked for: %+v", got)
	}
}

func TestSignaturesThatFailedDoNotHideOneThatHolds(t *testing.T) {
	zone := dns.MustSnapshot(t, `_dmarc.example.com TXT "v=DMARC1; p=reject"`)
	failed := slices.Repeat([]Signature{{"example.com", mail.Fail}, {"example.com", mail.PermError}}, maxSignatures)
	got := Evaluate(t.Context(), zone, Identifiers{Author: "example.com", DKIM: append(failed, Signature{"example.com", mail.Pass})})
	if got.Status != mail.Pass {
		t.Errorf("%+v", got)
	}
}

func TestDuty_B2_DMARC_AsksFewQuestions(t *testing.T) {
	zone := dns.MustSnapshot(t, "_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n_dmarc.tenant.example.com TXT \"v=DMARC1; p=none; psd=n\"")
	deep := mail.Domain("a.b.c.d.e.f.g.h.i.example.com")
	for _, tc := range []struct {
		name string
		id   Identifiers
		most int
	}{
		{"author alone", Identifiers{Author: deep}, 8},
		{"100 strangers", Identifiers{Author: deep, SPF: mail.Pass, SPFDomain: "evil.example", DKIM: slices.Repeat([]Signature{{"x.evil.example", mail.Pass}}, 100)}, 8},
		{"100 strangers and an organization that declares itself", Identifiers{Author: "a.tenant.example.com", DKIM: slices.Repeat([]Signature{{"x.evil.example", mail.Pass}}, 100)}, 2},
		{"a sibling shares the parents", Identifiers{Author: "a.example.com", SPF: mail.Pass, SPFDomain: "b.example.com"}, 4},
	} {
		r := &counting{Resolver: zone}
		Evaluate(t.Context(), r, tc.id)
		if len(r.asked) > tc.most {
			t.Errorf("%s: %d questions, want at most %d: %q", tc.name, len(r.asked), tc.most, r.asked)
		}
	}
	var many []Signature
	for i := range 1000 {
		many = append(many, Signature{mail.Domain(fmt.Sprintf("h%d.1.2.3.4.5.6.7.8.other.com", i)), mail.Pass}, Signature{mail.Domain(fmt.Sprintf("b.c.d.e.h%d.tenant.example.com", i)), mail.Pass})
	}
	r := &counting{Resolver: zone}
	Evaluate(t.Context(), r, Identifiers{Author: deep, DKIM: many})
	if len(r.asked) > 8*(1+maxSignatures) {
		t.Errorf("%d questions", len(r.asked))
	}
}

// Of a record that may apply only its policy is told, not what it says.
func TestWhatIsToldOfARecordThatMayApply(t *testing.T) {
	zone := dns.MustSnapshot(t, "_dmarc.lame.example.com TXT SERVFAIL\n_dmarc.example.com TXT \"v=DMARC1; p=reject; t=y\"")
	got := Evaluate(t.Context(), zone, Identifiers{Author: "lame.example.com"})
	if !got.Lowered || got.Record != "" || got.Published != (Published{}) || got.Organizational != "" || got.Disposition() != "" {
		t.Errorf("%+v", got)
	}
}

// A name whose servers are silent costs the time of few questions, however many
// labels the sender puts before it.
func TestSilentNamesAreAskedFor(t *testing.T) {
	const deep = "a.b.c.d.e.f.lame.example.com"
	for _, tc := range []struct {
		silent string // this name and all below it, under _dmarc
		most   int    // questions without answer
	}{
		{"lame.example.com", 1 + maxFailures},
		{"com", 1 + maxFailures},
		{deep, 1},
	} {
		failed := 0
		r := failing{dns.MustSnapshot(t, `_dmarc.example.com TXT "v=DMARC1; p=reject"`), func(name string) bool {
			fails := strings.HasSuffix(name, "."+tc.silent)
			if fails {
				failed++
			}
			return fails
		}}
		got := Evaluate(t.Context(), r, Identifiers{Author: deep})
		if got.Status != mail.TempError || failed > tc.most || (got.Policy == "reject") != (tc.silent != "com") {
			t.Errorf("%s: %d questions failed, want at most %d: %+v", tc.silent, failed, tc.most, got)
		}
	}
}

func TestParseRecord(t *testing.T) {
	for _, tc := range []struct {
		txt     string
		is      bool
		p       string
		dismiss bool
	}{
		{"v=DMARC1; p=reject", true, "reject", false},
		{"v=DMARC1;p=reject", true, "reject", false},
		{"v=DMARC1", true, "none", false},
		{"v=DMARC1;", true, "none", false},
		{"v = DMARC1 ; p = Reject ;", true, "reject", false},
		{"V=DMARC1; P=QUARANTINE", true, "quarantine", false},
		{" v=DMARC1; p=reject", true, "reject", false},
		{"v=dmarc1; p=reject", false, "", false},
		{"v=DMARC1x; p=reject", false, "", false},
		{"v=DMARC2; p=reject", false, "", false},
		{"p=reject; v=DMARC1", false, "", false},
		{"v=DMARC1 p=reject", false, "", false},
		{"", false, "", false},
		{"v=DMARC1; rua=mailto:d@example.com", true, "none", false},
		{"v=DMARC1; p=reject; pct=bad", true, "reject", false},
		{"v=DMARC1; p=reject; fo=x; rf=iodef; ri=0", true, "reject", false},
		{"v=DMARC1; p=reject; junk; =; ;; x=y=z; \x00", true, "reject", false},
		{"v=DMARC1; p=reject; adkim=x; aspf=; t=maybe; psd=?", true, "reject", false},
		{"v=DMARC1; p=none; p=reject", true, "none", true},
		{"v=DMARC1; p=reject; p=reject", true, "reject", false},
		{"v=DMARC1; p=; rua=mailto:d@example.com", true, "none", false},
		{"v=DMARC1; p=reject; sp=bad", true, "none", true},
		{"v=DMARC1; p=reject; np=bad; rua=nobody@example.com", true, "none", true},
		{"v=DMARC1; p=bad; rua=mailto:", true, "none", true},
		{"v=DMARC1; p=bad; rua=mailto:nobody", true, "none", true},
		{"v=DMARC1; p=bad; rua=junk,mailto:d@example.com!10m", true, "none", false},
		{"v=DMARC1; p=bad; rua=mailto:d%2Bx@example.com", true, "none", false},
		{"v=DMARC1; p=bad; rua=https://example.com/dmarc", true, "none", false},
		{"v=DMARC1; p=reject; " + strings.Repeat("x", maxRecordOctets), false, "", false},
	} {
		rec := parseRecord(tc.txt)
		is := rec != nil
		if rec == nil {
			rec = &record{}
		}
		if is != tc.is || rec.says.P != tc.p || rec.unusable != tc.dismiss {
			t.Errorf("parseRecord(%.60q) = %v, p=%q, unusable %v; want %v, %q, %v", tc.txt, is, rec.says.P, rec.unusable, tc.is, tc.p, tc.dismiss)
		}
	}
}
