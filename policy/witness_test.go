package policy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// googleHop is the border of Google that took a message from ip.
func googleHop(ip string) string {
	return "Received: from mail.origin.example (mail.origin.example. [" + ip + "])\r\n        by mx.google.com with ESMTPS id 1;\r\n        Sun, 22 Nov 2026 08:59:58 +0000\r\n"
}

// What the provider sealed of its client counts more than the trace, which is not
// signed: if it did so on this way, the chain holds, and it names somebody outside.
func TestASealOfTheProviderOverridesTheTrace(t *testing.T) {
	const partner, stranger, own = "192.0.2.10", "203.0.113.5", "198.51.100.9"
	results := func(ip string) string {
		return "mx.google.com; spf=pass (google.com: domain of a@partner.example designates " + ip + " as permitted sender) smtp.mailfrom=a@partner.example"
	}
	text := googleHop(stranger) + message("a@partner.example")
	with := func(ip string) string { return seal(t, "google.com", "none", results(ip), text) }
	changed := func(s string) string { return s + "Pay!\r\n" }
	for _, c := range []struct {
		name, text string
		given      Given
		ip, method string
		spf        mail.Status
	}{
		{"no seal", text, Given{}, stranger, "ingress-role", mail.Fail},
		{"another client", with(partner), Given{}, partner, "arc", mail.Pass},
		{"the same client", with(stranger), Given{}, stranger, "ingress-role", mail.Fail},
		{"of a message that was changed since", changed(with(partner)), Given{}, stranger, "ingress-role", mail.Fail},
		{"of somebody else", seal(t, "list.example", "none", results(partner), text), Given{}, stranger, "ingress-role", mail.Fail},
		{"of the provider, but under another name", seal(t, "google.com", "none", strings.Replace(results(partner), "mx.google.com", "mx.other.example", 1), text), Given{}, stranger, "ingress-role", mail.Fail},
		{"under another one", seal(t, "list.example", "pass", "mx.list.example; none", with(partner)), Given{}, stranger, "ingress-role", mail.Fail},
		{"that came with the message", googleHop(stranger) + seal(t, "google.com", "none", results(partner), message("a@partner.example")), Given{}, stranger, "ingress-role", mail.Fail},
		{"that came with the message, with results above", "ARC-Authentication-Results: i=1; " + results(partner) + "\r\n" + googleHop(stranger) + seal(t, "google.com", "none", results(partner), message("a@partner.example")), Given{}, stranger, "ingress-role", mail.Fail},
		{"an older one that came with the message, and shows another", seal(t, "google.com", "pass", results(partner), googleHop(stranger)+seal(t, "google.com", "none", results("192.0.2.11"), message("a@partner.example"))), Given{}, partner, "arc", mail.Pass},
		{"a host of the provider", with(own), Given{}, stranger, "ingress-role", mail.Fail},
		{"two clients", seal(t, "google.com", "none", results(partner)+"; spf=pass (google.com: domain of b@partner.example designates 192.0.2.11 as permitted sender)", text), Given{}, "", "none", mail.None},
		{"another client in each of two seals", seal(t, "google.com", "pass", results("192.0.2.11"), with(partner)), Given{}, "", "none", mail.None},
		{"the same in both", seal(t, "google.com", "pass", results(partner), with(partner)), Given{}, partner, "arc", mail.Pass},
		{"a host of the provider in the newer one", seal(t, "google.com", "pass", results(own), with(partner)), Given{}, partner, "arc", mail.Pass},
		{"an origin that was given", with(partner), Given{Origin: netip.MustParseAddr(stranger)}, stranger, "given", mail.Fail},
	} {
		t.Run(c.name, func(t *testing.T) {
			col := collector(t)
			col.Resolver = sealers(t, "google.com", "list.example")
			e, err := col.collected(t.Context(), transaction(t, "", "a@partner.example", c.text), viaGoogle, c.given)
			if err != nil {
				t.Fatal(err)
			}
			if e.Origin.IP != c.ip || e.Origin.Method != c.method || e.SPF.Result != c.spf {
				t.Errorf("origin %+v, SPF %+v, ARC %+v", e.Origin, e.SPF, e.ARC)
			}
			if e.Path.Verdict != ViaCurrent || c.ip != "" && c.method != "given" && !strings.HasSuffix(e.Path.Why, "took it from "+c.ip) {
				t.Errorf("%+v", e.Path)
			}
		})
	}
}

// The chain is verified before SPF only where that could matter, and a key that
// cannot be had leaves the trace as it is.
func TestSealsAreVerifiedOnce(t *testing.T) {
	text := seal(t, "google.com", "none", "mx.google.com; spf=pass (google.com: domain of a@partner.example designates 192.0.2.10 as permitted sender)", googleHop("203.0.113.5")+message("a@partner.example"))
	zone := sealers(t, "google.com")
	keys := 0
	col := collector(t)
	col.Resolver = dns.Traced(zone, func() time.Time { return at }, func(q dns.Question) {
		if q.Name == "sel._domainkey.google.com" {
			keys++
		}
	})
	e, err := col.collected(t.Context(), transaction(t, "", "a@partner.example", text), viaGoogle, Given{})
	if err != nil || e.ARC.Result != mail.Pass || e.Origin.Method != "arc" || keys != 1 {
		t.Errorf("%d keys, %+v, %v", keys, e.Origin, err)
	}
	col.Resolver = dns.MustSnapshot(t, "partner.example TXT \"v=spf1 ip4:192.0.2.10 -all\"\nsel._domainkey.google.com TXT SERVFAIL\n")
	e, err = col.collected(t.Context(), transaction(t, "", "a@partner.example", text), viaGoogle, Given{})
	if err != nil || e.ARC.Result != mail.TempError || e.Origin.IP != "203.0.113.5" || e.SPF.Result != mail.Fail {
		t.Errorf("%+v, %+v, %v", e.Origin, e.ARC, err)
	}
}
