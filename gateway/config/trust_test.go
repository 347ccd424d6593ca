package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"mxgate/policy"
	"mxgate/policy/mail"
)

// ofPolicy is minimal with lines in [policy], from line 11 on.
func ofPolicy(lines string) string { return minimal + "[policy]\n" + lines }

// forwarder is minimal with a forwarder: its lines from line 14 on.
func forwarder(lines string) string {
	return minimal + "[[forwarder]]\nname = \"the-list\"\nowner = \"erika\"\nwhy = \"ticket\"\n" + lines
}

func TestWhomTheOperatorBelieves(t *testing.T) {
	cfg := mustParse(t, strings.Replace(forwarder(`dkim = ["Lists.Example"]
sealers = ["seal.lists.example"]
authors = ["partner.example"]
recipient = "Erika@example.com"
reasons = ["own-domain-spoof", "dmarc-fail"]
expires = 2026-11-22
[[forwarder]]
name = "another"
sealers = ["bücher.example"]
owner = "erika"
why = "ticket"
`), "[[domain]]", "authserv_ids = [\"\", \"MX.provider.example\"]\n[[domain]]", 1)+`[policy]
as_reject = ["Partner.example."]
sealers = ["list.example"]
provider_sealer = false
show_spf_explanation = true
`)
	want := policy.Rules{
		Dispositions: map[policy.Reason]policy.Disposition{}, DeferAtMost: time.Hour,
		AsReject: []mail.Domain{"partner.example"}, Sealers: []mail.Domain{"list.example"}, NoProviderSealer: true,
		Forwarders: []policy.Forwarder{{
			Name: "the-list", DKIM: []mail.Domain{"lists.example"}, Sealers: []mail.Domain{"seal.lists.example"}, Authors: []mail.Domain{"partner.example"},
			Recipient: "erika@example.com", Reasons: []policy.Reason{policy.OwnDomainSpoof, policy.DMARCFail}, Owner: "erika", Why: "ticket",
			Expires: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
		}, {Name: "another", Sealers: []mail.Domain{"xn--bcher-kva.example"}, Owner: "erika", Why: "ticket"}},
	}
	if !reflect.DeepEqual(cfg.Rules, want) {
		t.Errorf("got  %+v\nwant %+v", cfg.Rules, want)
	}
	if ids := map[string][]string{"provider": {"", "MX.provider.example"}}; !reflect.DeepEqual(cfg.AuthservIDs, ids) || !cfg.Policy.ShowSPFExplanation {
		t.Errorf("%+v, %+v", cfg.AuthservIDs, cfg.Policy)
	}
	if w := cfg.Warnings(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)); len(w) > 0 {
		t.Errorf("warned: %v", w)
	}
	if want := "  believes 1 ARC sealer and 2 forwarders\n"; !strings.Contains(cfg.Summary(), want) {
		t.Errorf("%s does not say %q", cfg.Summary(), want)
	}
}

// By default the provider's seal is believed and nobody else's, and what it calls
// itself is for the catalogue to know; [] is nobody.
func TestWhoIsBelievedByDefault(t *testing.T) {
	cfg := mustParse(t, minimal)
	if cfg.Rules.NoProviderSealer || len(cfg.Rules.Sealers)+len(cfg.Rules.AsReject)+len(cfg.Rules.Forwarders)+len(cfg.AuthservIDs) > 0 || cfg.Policy.ShowSPFExplanation {
		t.Errorf("%+v, %v", cfg.Rules, cfg.AuthservIDs)
	}
	if strings.Contains(cfg.Summary(), "believes") {
		t.Error(cfg.Summary())
	}
	if ids, ok := mustParse(t, ofSource("authserv_ids = []\n")).AuthservIDs["provider"]; !ok || len(ids) > 0 {
		t.Errorf("[] is %v, %t", ids, ok)
	}
}

func TestFaultsOfTrust(t *testing.T) {
	const proof = "dkim = [\"list.example\"]\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a top-level domain that is to reject", ofPolicy("as_reject = [\"partner.example\", \"com\"]\n"), []string{`c.toml:11: policy.as_reject[1] = "com": expected a domain such as`}},
		{"a sealer with a star", ofPolicy("sealers = [\"*.list.example\"]\n"), []string{`c.toml:11: policy.sealers[0] = "*.list.example": expected the signing domain (d=)`}},
		{"a sealer without brackets", ofPolicy("sealers = \"list.example\"\n"), []string{"c.toml:11: policy.sealers", "a list in brackets"}},
		{"a switch that is text", ofPolicy("provider_sealer = \"no\"\n"), []string{"c.toml:11: policy.provider_sealer", "true or false"}},
		{"a forwarder without name", strings.Replace(forwarder(proof), "name = \"the-list\"\n", "", 1), []string{"c.toml:10: forwarder[0].name: missing"}},
		{"two forwarders of one name", forwarder(proof) + "[[forwarder]]\nname = \"the-list\"\nowner = \"x\"\nwhy = \"y\"\n" + proof, []string{`c.toml:16: forwarder[1].name = "the-list": used twice`}},
		{"a forwarder without owner", strings.Replace(forwarder(proof), "owner = \"erika\"\n", "", 1), []string{"c.toml:10: forwarder[0].owner: missing"}},
		{"a forwarder without why", strings.Replace(forwarder(proof), "why = \"ticket\"\n", "", 1), []string{"c.toml:10: forwarder[0].why: missing"}},
		{"a forwarder without proof", forwarder("authors = [\"a.example\"]\n"), []string{"c.toml:10: forwarder[0].dkim: missing", "sealers"}},
		{"a forwarder for no authors", forwarder(proof + "authors = []\n"), []string{"c.toml:15: forwarder[0].authors = []: empty: leave the key out"}},
		{"a forwarder that lifts nothing", forwarder(proof + "reasons = []\n"), []string{"c.toml:15: forwarder[0].reasons = []: empty: leave the key out"}},
		{"a forwarder of everybody's mail", forwarder("dkim = [\"com\"]\n"), []string{"c.toml:14: forwarder[0].dkim[0]", "(d=)"}},
		{"a forwarder's sealer that is an address", forwarder("sealers = [\"a@b.example\"]\n"), []string{"c.toml:14: forwarder[0].sealers[0]", "(d=)"}},
		{"authors that are an address", forwarder(proof + "authors = [\"a@b.example\"]\n"), []string{"c.toml:15: forwarder[0].authors[0]", "a domain"}},
		{"a reason that is not for forwarders", forwarder(proof + "reasons = [\"dmarc-fail\", \"lookalike\"]\n"),
			[]string{`c.toml:15: forwarder[0].reasons[1] = "lookalike": expected one of own-domain-spoof, impersonation, dmarc-fail, dmarc-none-weak`}},
		{"an authserv-id with a space", ofSource("authserv_ids = [\"mx provider\"]\n"), []string{"c.toml:7: source[0].authserv_ids[0]", "the first word"}},
		{"an authserv-id with a line end", ofSource("authserv_ids = [\"mx\\n\"]\n"), []string{"c.toml:7: source[0].authserv_ids[0]", "the first word"}},
		{"an authserv-id that is ours", ofSource("authserv_ids = [\"Gate.Example.com\"]\n"), []string{"c.toml:7: source[0].authserv_ids[0]", "our own name"}},
	} {
		t.Run(c.name, func(t *testing.T) { wantFault(t, parseFaults(t, c.text), c.want...) })
	}
}

func TestWarningsOfTrust(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	const proof = "dkim = [\"list.example\"]\n"
	for _, c := range []struct {
		name, text string
		want       []string // nothing: no warning
	}{
		{"a signer of one", forwarder(proof), nil},
		{"a signer of many", forwarder("dkim = [\"list.example\", \"gmail.com\"]\n"), []string{`c.toml:14: forwarder[0].dkim[1] = "gmail.com": `, "all its customers"}},
		{"below a signer of many", forwarder("dkim = [\"eu-west-1.amazonses.com\"]\n"), []string{"c.toml:14: forwarder[0].dkim[0]"}},
		{"a name that ends like one", forwarder("dkim = [\"notgmail.com\"]\n"), nil},
		{"a sealer of many", ofPolicy("sealers = [\"list.example\", \"google.com\"]\n"), []string{`c.toml:11: policy.sealers[1] = "google.com": `, "policy.provider_sealer"}},
		{"a forwarder's sealer of many", forwarder("sealers = [\"microsoft.com\"]\n"), []string{"c.toml:14: forwarder[0].sealers[0]", "microsoft365"}},
		{"a forwarder that is over", forwarder(proof + "expires = 2026-11-21\n"), []string{"c.toml:15: forwarder[0].expires = 2026-11-21: "}},
		{"a forwarder on its last day", forwarder(proof + "expires = 2026-11-22\n"), nil},
		{"a forwarder to somebody else", forwarder(proof + "recipient = \"bob@example.org\"\n"), []string{"c.toml:15: forwarder[0].recipient", "this forwarder never applies"}},
		{"what a partner states of its own mail", strings.Replace(minimal, "received_by = [\"provider.example\"]", "origin = \"peer\"\nauthserv_ids = [\"a.example\"]", 1), []string{"c.toml:7: source[0].authserv_ids: is never read"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			warnings := mustParse(t, c.text).Warnings(now)
			if c.want == nil {
				if len(warnings) > 0 {
					t.Errorf("warned: %v", warnings)
				}
				return
			}
			wantFault(t, strings.Split((&Error{"c.toml", warnings}).Error(), "\n"), c.want...)
		})
	}
}
