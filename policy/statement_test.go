package policy

import (
	"net/netip"
	"strings"
	"testing"

	"mxgate/policy/authres"
	"mxgate/policy/mail"
)

// stated collects text with the provider's results above its border and, maybe,
// something below.
func stated(t *testing.T, origin, above, below, text string) Evidence {
	t.Helper()
	hop := "Received: from mail.origin.example (mail.origin.example [" + origin + "]) by mx1.provider.example (Postfix) with ESMTPS id 1; Sun, 22 Nov 2026 08:59:58 +0000\r\n"
	c := collector(t)
	c.AuthservIDs = map[string][]string{"provider": {"mx.provider.example"}}
	e, err := c.collected(t.Context(), transaction(t, "", "a@partner.example", above+hop+below+text), viaProvider, Given{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A provider's results stand beside ours, with whether they agree and, if not,
// why. Nothing is decided on them.
func TestDuty_B5_TheProvidersResultsStandBesideOurs(t *testing.T) {
	const by = "Authentication-Results: mx.provider.example; "
	good, broken := signed(t, message("a@partner.example")), signed(t, message("a@partner.example"))+"banner\r\n"
	retitled := strings.Replace(good, "Subject: x", "Subject: [EXT] x", 1)
	for _, c := range []struct {
		name, origin, field, text string
		agreement                 Agreement
		cause                     Cause
	}{
		{"DKIM, the same", "203.0.113.5", "dkim=pass header.d=partner.example", good, Agrees, ""},
		{"DKIM, the body changed since", "203.0.113.5", "dkim=pass header.d=partner.example header.s=sel", broken, Differs, CauseBody},
		{"DKIM, the header changed since", "203.0.113.5", "dkim=pass header.i=@partner.example", retitled, Differs, CauseHeader},
		{"DKIM, both fail", "203.0.113.5", "dkim=fail header.d=partner.example", broken, Agrees, ""},
		{"DKIM, only we pass", "203.0.113.5", "dkim=fail header.d=partner.example", good, Differs, CauseUnknown},
		{"DKIM of another selector", "203.0.113.5", "dkim=pass header.d=partner.example header.s=other", good, "", ""},
		{"DKIM that we have not seen", "203.0.113.5", "dkim=pass header.d=other.example", good, "", ""},
		{"DKIM of nobody", "203.0.113.5", "dkim=pass", good, "", ""},
		{"not signed", "203.0.113.5", "dkim=none", message("a@partner.example"), Agrees, ""},
		{"SPF, the same", "192.0.2.10", "spf=pass smtp.mailfrom=a@partner.example", good, Agrees, ""},
		{"SPF, another origin", "203.0.113.5", "spf=pass smtp.mailfrom=partner.example", good, Differs, CauseOrigin},
		{"SPF, fail and softfail", "203.0.113.5", "spf=softfail smtp.mailfrom=partner.example", good, Agrees, ""},
		{"SPF of another name", "203.0.113.5", "spf=pass smtp.mailfrom=bounce.example", good, "", ""},
		{"SPF, no answer there", "192.0.2.10", "spf=temperror smtp.mailfrom=partner.example", good, "", ""},
		{"DMARC, the same", "192.0.2.10", "dmarc=pass header.from=partner.example", good, Agrees, ""},
		{"DMARC, the body changed since", "203.0.113.5", "dmarc=pass header.from=partner.example", broken, Differs, CauseBody},
		{"DMARC, another origin", "203.0.113.5", "spf=pass smtp.mailfrom=partner.example; dmarc=pass header.from=partner.example", message("a@partner.example"), Differs, CauseOrigin},
		{"DMARC, nobody knows", "203.0.113.5", "dmarc=pass header.from=partner.example", message("a@partner.example"), Differs, CauseUnknown},
		{"DMARC, only we pass", "192.0.2.10", "dmarc=fail header.from=partner.example", good, Differs, CauseUnknown},
		{"DMARC of another author", "192.0.2.10", "dmarc=pass header.from=other.example", good, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := stated(t, c.origin, by+c.field+"\r\n", "", c.text)
			if len(e.Provider) == 0 {
				t.Fatal("not recorded")
			}
			s := e.Provider[len(e.Provider)-1]
			if s.ID != "mx.provider.example" || s.Via != ViaField || s.Agreement != c.agreement || s.Cause != c.cause || s.Agreement == "" && s.Why == "" {
				t.Errorf("got %+v", s)
			}
			plain := stated(t, c.origin, "", "", c.text)
			if got, want := decideAgain(t, Rules{}, e), Decide(&Rules{}, &plain); got.Disposition != want.Disposition || got.Reason != want.Reason {
				t.Errorf("the provider decides: %v %s, want %v %s", got.Disposition, got.Reason, want.Disposition, want.Reason)
			}
			if text := explained(t, &e); !strings.Contains(text, "  provider    "+s.Method+"="+string(s.Result)) {
				t.Errorf("not explained:\n%s", text)
			}
		})
	}
}

func TestDuty_B5_OnlyAboveTheBorder(t *testing.T) {
	const field = "Authentication-Results: mx.provider.example; dmarc=pass header.from=partner.example\r\n"
	older := "Received: from x.example (x.example [203.0.113.9]) by mx2.provider.example (Postfix) with ESMTPS id 2; Sun, 22 Nov 2026 08:59:57 +0000\r\n"
	for name, e := range map[string]Evidence{
		"below":             stated(t, "203.0.113.5", "", field, message("a@partner.example")),
		"below an older":    stated(t, "203.0.113.5", "", older+field, message("a@partner.example")),
		"between borders":   stated(t, "203.0.113.5", "", field+older, message("a@partner.example")),
		"of another":        stated(t, "203.0.113.5", strings.Replace(field, "mx.provider", "mx.elsewhere", 1), "", message("a@partner.example")),
		"an unknown border": stated(t, "198.51.100.9", field, "", message("a@partner.example")),
	} {
		if len(e.Provider) != 0 {
			t.Errorf("%s: %+v", name, e.Provider)
		}
	}
	many := strings.Repeat(strings.TrimSuffix(field, "\r\n")+strings.Repeat("; dkim=pass header.d=partner.example", 20)+"\r\n", 20)
	if e := stated(t, "203.0.113.5", many, "", message("a@partner.example")); len(e.Provider) != maxStatements {
		t.Errorf("%d results", len(e.Provider))
	}
}

// A result in a version that nobody knows may mean anything.
func TestDuty_B5_OnlyKnownVersions(t *testing.T) {
	const field = "Authentication-Results: mx.provider.example; spf/2=pass smtp.mailfrom=partner.example; dkim/1=none; dmarc/0=fail header.from=partner.example\r\n"
	e := stated(t, "203.0.113.5", field, "", message("a@partner.example"))
	if len(e.Provider) != 2 || e.Provider[0].Method != "dkim" || e.Provider[1].Method != "dmarc" {
		t.Errorf("got %+v", e.Provider)
	}
}

// Microsoft names nobody in the field; the catalogue says so.
func TestDuty_B5_TheCataloguesNames(t *testing.T) {
	src := viaProvider
	src.Provider = "microsoft365"
	text := "Authentication-Results: spf=pass (sender IP is 203.0.113.5)\r\n smtp.mailfrom=partner.example; dkim=none (message not signed)\r\n header.d=none;dmarc=fail action=oreject\r\n header.from=partner.example;compauth=fail reason=000\r\n" +
		"Received: from mail.origin.example (203.0.113.5) by AM0EUR02FT010.mail.protection.outlook.com (10.13.54.1) with Microsoft SMTP Server id 15.20; Sun, 22 Nov 2026 08:59:58 +0000\r\n" + message("a@partner.example")
	e, err := collector(t).collected(t.Context(), transaction(t, "", "a@partner.example", text), src, Given{})
	if err != nil || len(e.Provider) != 3 || e.Provider[0].Cause != CauseDNS || e.Provider[1].Domain != "" || e.Provider[1].Agreement != Agrees || e.Provider[2].Agreement != Agrees {
		t.Errorf("%v: %+v", err, e.Provider)
	}
}

// A told origin does not hide the provider's results, and those of a partner
// about its own mail are none.
func TestDuty_B5_WhoseResults(t *testing.T) {
	text := "Authentication-Results: mx.provider.example; spf=pass smtp.mailfrom=partner.example\r\n" +
		"Received: from mail.origin.example (mail.origin.example [203.0.113.5]) by mx1.provider.example (Postfix) with ESMTPS id 1; Sun, 22 Nov 2026 08:59:58 +0000\r\n" + message("a@partner.example")
	c := collector(t)
	c.AuthservIDs = map[string][]string{"provider": {"mx.provider.example"}}
	tx := transaction(t, "", "a@partner.example", text)
	tx.Client.Origin = tx.Client.Addr.Next().Next()
	peer := viaProvider
	peer.Ranges, peer.Origin = nil, "peer"
	told := viaProvider
	told.Ranges = nil
	for _, want := range []int{1, 0} {
		e, err := c.collected(t.Context(), tx, told, Given{})
		if err != nil || e.Origin.Method != "given" || len(e.Provider) != want {
			t.Errorf("%v: %+v by %s", err, e.Provider, e.Origin.Method)
		}
		told = peer
	}
}

// A provider that seals is heard through its seal.
func TestDuty_B5_TheProvidersSeal(t *testing.T) {
	text := seal(t, "google.com", "none", "mx.google.com; dkim=pass header.i=@partner.example header.s=sel header.b=abc; spf=fail (google.com: no) smtp.mailfrom=x@bulk.example; dmarc=pass (p=REJECT) header.from=partner.example",
		signed(t, message("a@partner.example"))+"banner\r\n")
	e := forwarded(t, viaGoogle, text)
	if len(e.Provider) != 3 || e.Provider[0].Via != ViaSeal || e.Provider[0].Cause != CauseBody || e.Provider[1].Agreement != Agrees || e.Provider[2].Cause != CauseBody {
		t.Fatalf("%+v\n%+v", e.Provider, e.ARC)
	}
	v := Decide(&Rules{}, &e)
	if v.Reason != Clean || !strings.Contains(v.Sentence, "the provider still saw it hold") || !strings.Contains(v.Sentence, "google.com, the sealer of the provider of source") {
		t.Errorf("%v %s: %s", v.Disposition, v.Reason, v.Sentence)
	}
	if e := forwarded(t, viaProvider, text); len(e.Provider) != 0 || Decide(&Rules{}, &e).Reason != DMARCFail {
		t.Errorf("another source: %+v", e.Provider)
	}
	if e := forwarded(t, viaGoogle, strings.Replace(text, "banner", "barrel", 1)); len(e.Provider) != 0 || e.ARC.Result != mail.Fail {
		t.Errorf("a seal that does not hold: %+v", e.Provider)
	}
}

// Causes that take evidence of more than one kind.
func TestCausesOfDifferences(t *testing.T) {
	for _, c := range []struct {
		name   string
		field  string
		change func(*Evidence)
		want   Cause
	}{
		{"of two signatures the one that holds is meant", "dkim=fail header.d=author.example", func(e *Evidence) {
			e.DKIM = []DKIM{{Result: mail.Fail, Domain: "author.example"}, {Result: mail.Pass, Domain: "author.example"}}
		}, CauseUnknown},
		{"a stranger's broken signature is not the cause", "dmarc=pass header.from=author.example", func(e *Evidence) {
			e.DKIM = []DKIM{{Result: mail.Fail, Domain: "stranger.example", Breakage: "body-changed"}}
		}, CauseUnknown},
		{"an origin that we do not know", "dmarc=pass header.from=author.example", func(e *Evidence) { e.Origin.IP = "" }, CauseOrigin},
		{"an origin that we do not know, SPF", "spf=pass smtp.mailfrom=whatever.example", func(e *Evidence) { e.Origin.IP = "" }, CauseOrigin},
		{"a key that is gone", "dkim=pass header.d=author.example", func(e *Evidence) {
			e.DKIM = []DKIM{{Result: mail.PermError, Domain: "author.example", Breakage: "key-gone"}}
		}, CauseKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := authres.Parse("mx; " + c.field)
			if err != nil {
				t.Fatal(err)
			}
			e := unproven("reject")
			c.change(&e)
			e.states(f, ViaField, netip.Addr{})
			if s := e.Provider[0]; s.Agreement != Differs || s.Cause != c.want {
				t.Errorf("got %+v", s)
			}
		})
	}
}
