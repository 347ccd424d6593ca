package policy

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

const gateSecret = "b1946ac92492d2347c6235b4d2611184"

// boundBy is viaProvider with bindings.
func boundBy(kinds ...provider.Binding) provider.Source {
	s := viaProvider
	s.Bind = kinds
	return s
}

func headerBinding(t *testing.T) provider.Binding {
	t.Helper()
	secret, err := provider.NewSecret(gateSecret)
	if err != nil {
		t.Fatal(err)
	}
	return provider.Binding{Kind: provider.BindHeader, Field: "X-Example-Gate", Secrets: []provider.Secret{secret}}
}

// hopOf is a Received field of host by for a client ip.
func hopOf(ip, by string) string {
	return "Received: from h.example (h.example [" + ip + "]) by " + by + " (Postfix) with ESMTPS id 1; Sun, 22 Nov 2026 08:59:58 +0000\r\n"
}

func TestPaths(t *testing.T) {
	const inRange = "198.51.100.7" // of the provider
	peer, old, next := viaProvider, viaProvider, viaProvider
	peer.Origin = provider.OriginPeer
	old.ValidUntil, next.ValidFrom = at.AddDate(0, 0, -1), at.AddDate(0, 0, 1)
	border, inside := hopOf("192.0.2.10", "mx1.provider.example"), hopOf(inRange, "mx2.provider.example")
	for _, c := range []struct {
		name        string
		src         provider.Source
		given       Given
		reversePath string
		trace       string
		want        PathVerdict
		field       int
		why         string
	}{
		{"over the provider's border", viaProvider, Given{}, "a@partner.example", border, ViaCurrent, 1, "the provider's border took it from 192.0.2.10"},
		{"over it and through hosts behind", viaProvider, Given{}, "a@partner.example", inside + border, ViaCurrent, 2, "192.0.2.10"},
		{"from a host of its own that nobody knows", viaProvider, Given{}, "a@partner.example", hopOf("10.0.0.1", "mx1.provider.example") + hopOf("192.0.2.10", "mx.elsewhere.example"), ViaCurrent, 2, "who handed it in there is not known"},
		{"without its hop", viaProvider, Given{}, "a@partner.example", hopOf("192.0.2.10", "mx.elsewhere.example"), Undetermined, 1, "is not a host of the provider"},
		{"without any", viaProvider, Given{}, "a@partner.example", "", Undetermined, 0, "no Received field"},
		{"made in it", viaProvider, Given{}, "a@partner.example", inside, Internal, 0, "any customer of the provider"},
		{"a bounce of it", viaProvider, Given{}, "<>", inside, ProviderOrigin, 0, "without a reverse-path"},
		{"a bounce from outside", viaProvider, Given{}, "<>", border, ViaCurrent, 1, "192.0.2.10"},
		{"a partner", peer, Given{}, "a@partner.example", border, PermittedDirect, 0, "which delivers its own mail"},
		{"a source that is over", old, Given{}, "a@partner.example", border, ViaOld, 0, "was over"},
		{"a source to come", next, Given{}, "a@partner.example", border, Direct, 0, "had not begun"},
		{"a file", viaProvider, Given{Peerless: true}, "a@partner.example", border, ViaCurrent, 1, "read from a file, and its trace says"},
		{"a file of a partner", peer, Given{Peerless: true}, "a@partner.example", border, ViaCurrent, 1, "read from a file"},
		{"a file with an origin that was given", viaProvider, Given{Peerless: true, Origin: netip.MustParseAddr("192.0.2.10")}, "a@partner.example", border, Undetermined, 0, "its trace was not looked at"},
		{"a file of nobody", provider.Source{}, Given{Peerless: true}, "a@partner.example", border, Undetermined, 1, "not a host of the provider"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tx := transaction(t, "", strings.Trim(c.reversePath, "<>"), c.trace+message("a@partner.example"))
			e, err := collector(t).collected(t.Context(), tx, c.src, c.given)
			if err != nil {
				t.Fatal(err)
			}
			p := e.Path
			if p.Verdict != c.want || p.Field != c.field || !strings.Contains(p.Why, c.why) || p.Source != c.src.Name || p.Tenancy.State != provider.Unbound {
				t.Errorf("%+v", p)
			}
			suspect := false
			for _, f := range Decide(&Rules{}, &e).Findings {
				suspect = suspect || f.Reason == BypassSuspect
			}
			if suspect != (c.want == Undetermined && e.Origin.HopMissing) {
				t.Errorf("suspect: %t", suspect)
			}
		})
	}
}

// A claim to be made within the provider proves nothing: what is found about the
// author does not depend on it.
func TestPathsWithoutAnOutsidePassNothing(t *testing.T) {
	for _, reversePath := range []string{"a@partner.example", ""} {
		tx := transaction(t, "", reversePath, hopOf("198.51.100.7", "mx2.provider.example")+message("bob@example.com"))
		e, err := collector(t).collected(t.Context(), tx, viaProvider, Given{})
		if err != nil {
			t.Fatal(err)
		}
		if v := Decide(&Rules{}, &e); v.Reason != OwnDomainSpoof || v.Disposition != Quarantine || e.Path.Verdict == ViaCurrent {
			t.Errorf("%s: %+v", e.Path.Verdict, v)
		}
	}
}

func TestTenantMismatch(t *testing.T) {
	header := headerBinding(t)
	cert := provider.Binding{Kind: provider.BindCertificate, Names: []string{"gate.provider.example"}}
	tenant := provider.Binding{Kind: provider.BindTenant, Names: []string{"mx1.provider.example"}}
	listener := provider.Binding{Kind: provider.BindListener, Listeners: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.9:25")}}
	ours := "X-Example-Gate: " + gateSecret + "\r\n"
	theirs := "X-Example-Gate: 591785b794601e212b260e25925636fd\r\n"
	via := func(host string) string { return hopOf("192.0.2.10", host) }
	for _, c := range []struct {
		name     string
		src      provider.Source
		client   mail.Client
		given    Given
		header   string
		state    provider.TenancyState
		sentence string // of the mismatch
	}{
		{"nothing is demanded", viaProvider, mail.Client{}, Given{}, theirs + via("mx9.provider.example"), provider.Unbound, ""},
		{"our secret", boundBy(header), mail.Client{}, Given{}, ours + via("mx1.provider.example"), provider.Bound, ""},
		{"no secret", boundBy(header), mail.Client{}, Given{}, via("mx1.provider.example"), provider.Unproven, `The message is from source "provider", but nothing proves that it came through our tenant there: the field X-Example-Gate, which our tenant adds, is missing.`},
		{"another secret", boundBy(header), mail.Client{}, Given{}, theirs + via("mx1.provider.example"), provider.Foreign, "it came through another tenant there than ours"},
		{"our certificate", boundBy(cert), mail.Client{TLS: true, Certificate: []string{"gate.provider.example"}}, Given{}, via("mx1.provider.example"), provider.Bound, ""},
		{"no certificate", boundBy(cert), mail.Client{TLS: true}, Given{}, via("mx1.provider.example"), provider.Unproven, "no TLS certificate"},
		{"our host", boundBy(tenant), mail.Client{}, Given{}, via("mx1.provider.example"), provider.Bound, ""},
		{"their host", boundBy(tenant), mail.Client{}, Given{}, via("mx9.provider.example"), provider.Foreign, `"mx9.provider.example" is not one of our tenant`},
		{"our host below theirs", boundBy(tenant), mail.Client{}, Given{}, via("mx9.provider.example") + via("mx1.provider.example"), provider.Foreign, "mx9"},
		{"our host, told of the origin", boundBy(tenant), mail.Client{Origin: netip.MustParseAddr("192.0.2.10")}, Given{}, via("mx1.provider.example"), provider.Bound, ""},
		{"no host", boundBy(tenant), mail.Client{}, Given{}, "", provider.Unproven, "no ingress host"},
		{"our end", boundBy(listener), mail.Client{Listener: netip.MustParseAddrPort("192.0.2.9:25")}, Given{}, via("mx1.provider.example"), provider.Bound, ""},
		{"another end", boundBy(listener), mail.Client{Listener: netip.MustParseAddrPort("192.0.2.8:25")}, Given{}, via("mx1.provider.example"), provider.Foreign, "192.0.2.8:25"},
		{"one proof of two", boundBy(header, listener), mail.Client{Listener: netip.MustParseAddrPort("192.0.2.9:25")}, Given{}, via("mx1.provider.example"), provider.Unproven, "X-Example-Gate"},
		{"both", boundBy(header, listener), mail.Client{Listener: netip.MustParseAddrPort("192.0.2.9:25")}, Given{}, ours + via("mx1.provider.example"), provider.Bound, ""},
		{"a file without what was taken out", boundBy(header, listener, cert), mail.Client{}, Given{Peerless: true}, via("mx1.provider.example"), "", ""},
		{"a file with another secret", boundBy(header), mail.Client{}, Given{Peerless: true}, theirs + via("mx1.provider.example"), provider.Foreign, "another tenant"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tx := transaction(t, "", "a@partner.example", c.header+message("a@partner.example"))
			c.client.Addr, c.client.Source = tx.Client.Addr, "provider"
			tx.Client = c.client
			e, err := collector(t).collected(t.Context(), tx, c.src, c.given)
			if err != nil {
				t.Fatal(err)
			}
			v := Decide(&Rules{}, &e)
			if e.Path.Tenancy.State != c.state {
				t.Errorf("%+v", e.Path.Tenancy)
			}
			if is := v.Reason == TenantMismatch && v.Disposition == Quarantine; is != (c.sentence != "") || is && !strings.Contains(v.Sentence, c.sentence) {
				t.Errorf("%+v", v)
			}
			text, err := json.Marshal(e)
			var stored Evidence
			if err != nil || json.Unmarshal(text, &stored) != nil || !reflect.DeepEqual(Decide(&Rules{}, &stored), v) || strings.Contains(string(text)+v.Sentence, gateSecret[:8]) {
				t.Errorf("stored: %s, %v", text, err)
			}
			var b strings.Builder
			if err := Explain(&b, &e, v); err != nil || !strings.Contains(b.String(), "\n  path        "+string(e.Path.Verdict)+": ") || strings.Contains(b.String(), gateSecret[:8]) {
				t.Errorf("%s, %v", b.String(), err)
			}
		})
	}
}

// A customer of the provider wrote what stands below the hop where he handed his
// mail in: a border there proves neither who the sender is nor whose mail it is.
func TestNothingStandsOnWhatACustomerWrote(t *testing.T) {
	const when = "; Sun, 22 Nov 2026 08:59:59 +0000\r\n"
	tenant := provider.Binding{Kind: provider.BindTenant, Names: []string{"t123.provider.example"}}
	border := hopOf("192.0.2.10", "mx1.t123.provider.example")
	for _, hop := range []string{
		"Received: by web7.provider.example (Postfix, from userid 33) id 1" + when,
		"Received: from www by web7.provider.example with local (Exim 4.96) (envelope-from <www@web7.provider.example>) id 1" + when,
		"Received: (from www@localhost) by web7.provider.example (8.15.2/8.15.2/Submit) id 1" + when,
		"Received: by t123.provider.example (Authenticated sender: mallory@x.example) with ESMTPSA id 1" + when,
		"Received: from user (localhost [127.0.0.1]) (Authenticated sender: mallory@x.example) by smtp.provider.example (Postfix) with ESMTPSA id 1" + when,
		"Received: from user (smtp.provider.example [10.0.0.1]) by smtp.t123.provider.example (Postfix) with ESMTPSA id 1" + when,
		"Received: by webmail.provider.example with HTTP" + when,
		"Received: from api.provider.example by be.provider.example with LMTP id 1" + when,
		"Received: (qmail 123 invoked by uid 1000)" + when,
	} {
		for _, src := range []provider.Source{viaProvider, boundBy(tenant)} {
			tx := transaction(t, "", "a@partner.example", hop+border+message("a@partner.example"))
			e, err := collector(t).collected(t.Context(), tx, src, Given{})
			if err != nil {
				t.Fatal(err)
			}
			if v := Decide(&Rules{}, &e); e.Origin.IP != "" || e.SPF.Result == mail.Pass || e.Path.Tenancy.State == provider.Bound || v.Disposition != Quarantine {
				t.Errorf("%s%+v\n%+v\n%+v", hop, e.Path, e.Origin, v)
			}
		}
	}
	// Unless the operator has named that host: a relay of ours behind the provider.
	relayed := viaProvider
	relayed.ReceivedBy = append([]string{"relay.example.com"}, relayed.ReceivedBy...)
	for hop, known := range map[string]bool{
		"Received: by relay.example.com (Postfix, from userid 1001) id 1" + when:     true,
		"Received: from x by relay.example.com with LMTP id 1" + when:                true,
		"Received: by www.relay.example.com (Postfix, from userid 1001) id 1" + when: false,
	} {
		tx := transaction(t, "", "a@partner.example", hop+border+message("a@partner.example"))
		e, err := collector(t).collected(t.Context(), tx, relayed, Given{})
		if err != nil || (e.Origin.IP == "192.0.2.10") != known {
			t.Errorf("%s%+v, %v", hop, e.Origin, err)
		}
	}
	// What the catalogue knows is not of the operator.
	if b := boundaryOf(provider.Source{Provider: "google", ReceivedBy: []string{"google.com", "relay.example.com"}}); len(b.Own) != 1 || b.Own[0] != "relay.example.com" || !b.Shared {
		t.Errorf("%q", b.Own)
	}
}

// Azure has machines for everybody, in networks of Microsoft.
func TestAMachineInAzureIsOutsideOfMicrosoft365(t *testing.T) {
	src := viaProvider
	src.Provider, src.ReceivedBy = "microsoft365", nil
	const by = " by AM0PR01MB1.eurprd01.prod.outlook.com (2603:10a6:208:1::1) with Microsoft SMTP Server (version=TLS1_2, cipher=X) id 15.20.1.1; Sun, 22 Nov 2026 08:59:59 +0000\r\n"
	border := "Received: from mail.partner.example (192.0.2.10) by AM1EUR01FT1.mail.protection.outlook.com (10.1.1.1) with Microsoft SMTP Server (version=TLS1_2) id 15.20.1.1 via Frontend Transport; Sun, 22 Nov 2026 08:59:58 +0000\r\n"
	for hop, within := range map[string]bool{
		"Received: from AM0PR01MB2.eurprd01.prod.outlook.com (2603:10a6:102:1::2)" + by: true,
		"Received: from vm.attacker.example (2603:1020:201:10::5)" + by:                 false,
	} {
		tx := transaction(t, "", "a@partner.example", hop+border+message("a@partner.example"))
		e, err := collector(t).collected(t.Context(), tx, src, Given{})
		if err != nil || (e.Origin.IP == "192.0.2.10") != within || (e.SPF.Result == mail.Pass) != within {
			t.Errorf("%s%+v, %s, %v", hop, e.Origin, e.SPF.Result, err)
		}
	}
}

// The seal of a provider counts for what came through our tenant: in another one
// somebody else says what is let in.
func TestNoSealOfAnotherTenantIsBelieved(t *testing.T) {
	e := Evidence{
		Path: Path{Verdict: ViaCurrent, Tenancy: provider.Tenancy{State: provider.Bound}}, Origin: Origin{IP: "192.0.2.10"}, Author: Author{Address: "a@partner.example", Domain: "partner.example"},
		DMARC: DMARC{Result: mail.Fail, Policy: "reject"},
		ARC:   ARC{Result: mail.Pass, Sets: []ARCSet{{Instance: 1, Sealer: "provider.example", Provider: true, Claim: Claim{DMARC: mail.Pass}}}},
	}
	if v := Decide(&Rules{}, &e); len(v.Lifted) != 1 || v.Reason != Clean {
		t.Fatalf("%+v", v)
	}
	for _, state := range []provider.TenancyState{provider.Foreign, provider.Unproven} {
		e.Path.Tenancy.State = state
		if v := Decide(&Rules{Dispositions: map[Reason]Disposition{TenantMismatch: Tag}}, &e); len(v.Lifted) > 0 || v.Reason != DMARCFail {
			t.Errorf("%s: %+v", state, v)
		}
	}
}

// Evidence from before there were paths is decided as it was.
func TestOldEvidenceHasNoTenant(t *testing.T) {
	var e Evidence
	if err := json.Unmarshal([]byte(`{"source":"provider","received_at":"`+at.Format(time.RFC3339)+`"}`), &e); err != nil {
		t.Fatal(err)
	}
	if _, _, applies := tenantMismatch(nil, &e); applies {
		t.Error("a mismatch")
	}
}
