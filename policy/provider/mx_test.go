package provider

import (
	"fmt"
	"strings"
	"testing"
)

func TestMailExchangersNameTheirProvider(t *testing.T) {
	for host, want := range map[string]string{
		"example-com.mail.protection.outlook.com":  "microsoft365",
		"Example-com.Mail.Protection.Outlook.COM.": "microsoft365",
		"mail.protection.outlook.com":              "microsoft365",
		"aspmx.l.google.com":                       "google",
		"mxa-00123456.gslb.pphosted.com":           "proofpoint",
		"mx1-us1.ppe-hosted.com":                   "proofpoint-essentials",
		"eu-smtp-inbound-1.mimecast.com":           "mimecast",
		"d1234a.ess.de.barracudanetworks.com":      "barracuda-egd",
		"cluster5.eu.messagelabs.com":              "messagelabs",
		"example.in.tmes.trendmicro.eu":            "trendmicro-tmes",
		"in.hes.trendmicro.com":                    "trendmicro-tmes?",
		"a.mailroute.net":                          "mailroute?",
		"notpphosted.com":                          "",
		"pphosted.com.evil.example":                "",
		"mx.example.com":                           "",
		"":                                         "",
	} {
		got := ""
		if match, ok := OfMX(host); ok {
			got = match.Entry.ID + map[bool]string{true: "?"}[match.Unverified]
		}
		if got != want {
			t.Errorf("OfMX(%q) = %q, want %q", host, got, want)
		}
	}
}

func TestAGatewayGoesBeforeAMailbox(t *testing.T) {
	box, gateway := Entry{ID: "box", Kind: "mailbox"}, Entry{ID: "gateway", Kind: "gateway"}
	for _, c := range []struct {
		e      Entry
		suffix string
		than   MXMatch
		want   bool
	}{
		{gateway, "example", MXMatch{Entry: box, Suffix: "mx.example"}, true},
		{box, "mx.example", MXMatch{Entry: gateway, Suffix: "example"}, false},
		{gateway, "mx.example", MXMatch{Entry: gateway, Suffix: "example"}, true},
		{box, "example", MXMatch{Entry: box, Suffix: "mx.example"}, false},
		{box, "example", MXMatch{}, true},
	} {
		if got := better(c.e, c.suffix, c.than); got != c.want {
			t.Errorf("%s %q than %s %q: %v", c.e.ID, c.suffix, c.than.Entry.ID, c.than.Suffix, got)
		}
	}
}

func TestTheCatalogueSaysWhereRangesArePublished(t *testing.T) {
	for id, want := range map[string]string{
		"microsoft365":      "[https://endpoints.office.com/endpoints/worldwide?clientrequestid=<random-guid> spf:spf.protection.outlook.com]",
		"sophos-central":    "[spf:_spf.prod.hydra.sophos.com spf:reflexion.net]",
		"nable-mail-assure": "[hosts:delivery.antispamcloud.com]",
		"proofpoint":        "[]",
	} {
		e, _ := Lookup(id)
		if got := fmt.Sprint(e.Published()); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	set, err := NewSet([]Source{{Name: "ours", Provider: "google", Ranges: prefixes("192.0.2.0/24")}})
	if err != nil || fmt.Sprint(set.All()[0].Published) != "[spf:_spf.google.com]" {
		t.Errorf("%v, %v", set, err)
	}
	for _, id := range IDs() {
		e, _ := Lookup(id)
		for _, glob := range e.TenantBy {
			if strings.Count(glob, "<tenant>") != 1 || isProse(strings.ReplaceAll(glob, "<tenant>", "t")) {
				t.Errorf("%s: tenant_by %q is not a host glob with one <tenant>", id, glob)
			}
		}
	}
}
