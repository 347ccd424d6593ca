package lookalike

import (
	"testing"

	"mxgate/policy/mail"
)

func TestACustomerOfAServiceIsARegistration(t *testing.T) {
	for d, want := range map[mail.Domain]mail.Domain{
		"acme.onmicrosoft.com":      "acme.onmicrosoft.com",
		"x.acme.onmicrosoft.com":    "acme.onmicrosoft.com",
		"acme.mail.onmicrosoft.com": "acme.mail.onmicrosoft.com",
		"mail.onmicrosoft.com":      "mail.onmicrosoft.com",
		"onmicrosoft.com":           "onmicrosoft.com",
		"support.acme.zendesk.com":  "acme.zendesk.com",
		"x.acme.my.salesforce.com":  "acme.my.salesforce.com",
		"my.salesforce.com":         "salesforce.com",
		"mail.slack.com":            "slack.com",
		"zendesk.com":               "zendesk.com",
		"mail.acme.com":             "acme.com",
	} {
		if got := Registrable(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
	x := NewIndex([]Target{{Domain: "acme-castings.onmicrosoft.com", Tier: Protected}})
	if m := x.Check("acme-castlngs.onmicrosoft.com"); len(m) != 1 || m[0].Target != "acme-castings.onmicrosoft.com" {
		t.Errorf("%+v", m)
	}
	if m := x.Check("northwind.onmicrosoft.com"); len(m) != 0 {
		t.Errorf("a neighbour: %+v", m)
	}
}
