package dmarc

import (
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// RFC 9989, Sections 4.7 and 4.10.1: a missing p is none; a p, sp or np that
// is not valid makes the whole record p=none if somebody can be told, else there is no DMARC.
func TestDuty_B2_DMARC(t *testing.T) {
	const rua = "; rua=mailto:d@example.com"
	for _, c := range []struct {
		record string
		author mail.Domain
		status mail.Status
		policy string
	}{
		{"v=DMARC1", "example.com", mail.Fail, "none"},
		{"v=DMARC1" + rua, "example.com", mail.Fail, "none"},
		{"v=DMARC1; sp=reject", "example.com", mail.Fail, "none"},
		{"v=DMARC1; sp=reject", "a.example.com", mail.Fail, "reject"},
		{"v=DMARC1; p=rejected" + rua, "example.com", mail.Fail, "none"},
		{"v=DMARC1; p=rejected", "example.com", mail.None, ""},
		{"v=DMARC1; p=rejected; sp=reject" + rua, "a.example.com", mail.Fail, "none"},
		{"v=DMARC1; p=rejected; sp=reject", "a.example.com", mail.None, ""},
		{"v=DMARC1; p=reject; sp=rejected" + rua, "example.com", mail.Fail, "none"},
		{"v=DMARC1; p=reject; sp=rejected", "example.com", mail.None, ""},
		{"v=DMARC1; p=reject; np=rejected" + rua, "example.com", mail.Fail, "none"},
		{"v=DMARC1; p=reject; np=rejected" + rua, "gone.example.com", mail.Fail, "none"},
		{"v=DMARC1; p=reject; np=rejected", "example.com", mail.None, ""},
		{"v=DMARC1; p=rejected; rua=d@example.com", "example.com", mail.None, ""},
		{"v=DMARC1; p=rejected; rua=mailto:", "example.com", mail.None, ""},
		{"v=DMARC1; p=reject", "example.com", mail.Fail, "reject"},
	} {
		zone := dns.MustSnapshot(t, "a.example.com A 192.0.2.1")
		zone.Add("_dmarc.example.com", "TXT", c.record)
		if got := Evaluate(t.Context(), zone, Identifiers{Author: c.author}); got.Status != c.status || got.Policy != c.policy {
			t.Errorf("%q for %s: %+v", c.record, c.author, got)
		}
	}
}
