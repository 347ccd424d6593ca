package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

const (
	passed = "mx.list.example; dmarc=pass header.from=partner.example"
	failed = "mx.list.example; dmarc=fail header.from=partner.example"
)

// forwarded collects a message that a stranger handed to the provider of src.
func forwarded(t *testing.T, src provider.Source, text string) Evidence {
	t.Helper()
	c := collector(t)
	z := sealers(t, "list.example", "attacker.example", "other.example", "google.com")
	z.Add("sel._domainkey.testing.example", "TXT", "t=y; "+strings.TrimPrefix(keyRecord(t), "v=DKIM1; "))
	c.Resolver = z
	border := "mx1.provider.example"
	if src.Provider == "google" {
		border = "mx.google.com"
	}
	hop := "Received: from h.example (h.example. [203.0.113.5]) by " + border + " with ESMTPS id 1; Sun, 22 Nov 2026 08:59:58 +0000\r\n"
	above := 0 // what the provider put above its own hop: its set, if the newest is its
	if src.Provider == "google" && strings.Contains(text[:strings.Index(text, "\r\n")], "d=google.com") {
		above = len(strings.Join(strings.SplitAfterN(text, "\r\n", 4)[:3], ""))
	}
	e, err := c.collected(t.Context(), transaction(t, "", "x@bulk.example", text[:above]+hop+text[above:]), src, Given{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// What a sealer whom the operator or the catalogue names found out lifts a DMARC
// failure; what anybody else seals does not.
func TestDuty_B4_OnlyNamedSealersAreBelieved(t *testing.T) {
	plain := message("a@partner.example")
	changed := func(text string) string { return strings.Replace(text, "Hello.", "Pay!", 1) }
	by := func(d, cv, results, text string) string { return seal(t, d, cv, results, text) }
	list := Rules{Sealers: []mail.Domain{"list.example"}}
	inside := viaGoogle // in whose eyes the mail never crossed the border
	inside.Ranges = append([]netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, inside.Ranges...)
	both := Rules{Sealers: []mail.Domain{"list.example", "other.example"}}
	for _, c := range []struct {
		name   string
		rules  Rules
		src    provider.Source
		text   string
		lifted string // by whom
	}{
		{"a named sealer", list, viaProvider, by("list.example", "none", passed, plain), "list.example"},
		{"nobody named", Rules{}, viaProvider, by("list.example", "none", passed, plain), ""},
		{"somebody else named", list, viaProvider, by("attacker.example", "none", passed, plain), ""},
		{"a name below a named one", list, viaProvider, by("sub.list.example", "none", passed, plain), ""},
		{"the body changed after the seal", list, viaProvider, changed(by("list.example", "none", passed, plain)), ""},
		{"a chain that its newest sealer found broken", both, viaProvider, by("other.example", "fail", failed, by("list.example", "none", passed, plain)), ""},
		{"sealed on by a stranger, unchanged", list, viaProvider, by("attacker.example", "pass", failed, by("list.example", "none", passed, plain)), "list.example"},
		{"changed and sealed on by a stranger", list, viaProvider, by("attacker.example", "pass", passed, changed(by("list.example", "none", passed, plain))), ""},
		{"changed and sealed on by another who is named", both, viaProvider, by("other.example", "pass", failed, changed(by("list.example", "none", passed, plain))), "list.example"},
		{"a stranger's claim sealed on by a named sealer, who denies it", list, viaProvider, by("list.example", "pass", failed, by("attacker.example", "none", passed, plain)), ""},
		{"DMARC failed there", list, viaProvider, by("list.example", "none", failed, plain), ""},
		{"another author there", list, viaProvider, by("list.example", "none", "mx; dmarc=pass header.from=attacker.example", plain), ""},
		{"an author not named there", list, viaProvider, by("list.example", "none", "mx; dmarc=pass", plain), ""},
		{"a failure of an author not named, beside SPF", list, viaProvider, by("list.example", "none", "mx; dmarc=fail; spf=pass smtp.mailfrom=partner.example", plain), ""},
		{"two results of DMARC", list, viaProvider, by("list.example", "none", passed+"; dmarc=fail header.from=partner.example", plain), ""},
		{"two authors in one result", list, viaProvider, by("list.example", "none", passed+" header.from=attacker.example", plain), ""},
		{"two authors in one result, the other way about", list, viaProvider, by("list.example", "none", "mx; dmarc=pass header.from=attacker.example header.from=partner.example", plain), ""},
		{"a sealer who only tests", Rules{Sealers: []mail.Domain{"testing.example"}}, viaProvider, by("testing.example", "none", passed, plain), ""},
		{"only DKIM, of a version that nobody knows", list, viaProvider, by("list.example", "none", "mx; dkim/2=pass header.d=partner.example", plain), ""},
		{"only SPF, aligned", list, viaProvider, by("list.example", "none", "mx; spf=pass smtp.mailfrom=x@mail.partner.example", plain), "list.example"},
		{"only SPF, of another", list, viaProvider, by("list.example", "none", "mx; spf=pass smtp.mailfrom=x@attacker.example", plain), ""},
		{"only DKIM, aligned", list, viaProvider, by("list.example", "none", "mx; dkim=fail header.d=partner.example; dkim=pass header.i=@partner.example; dmarc=none header.from=partner.example", plain), "list.example"},
		{"only DKIM, of another", list, viaProvider, by("list.example", "none", "mx; dkim=pass header.d=attacker.example; dkim=fail header.d=partner.example", plain), ""},
		{"results that cannot be read", list, viaProvider, by("list.example", "none", "mx; dmarc=pass header.from=partner.example (", plain), ""},
		{"the provider's seal", Rules{}, viaGoogle, by("google.com", "none", strings.Replace(passed, "mx.list.example", "mx.google.com", 1), plain), "google.com"},
		{"the provider's seal on mail of another tenant", Rules{}, inside, by("google.com", "none", strings.Replace(passed, "mx.list.example", "mx.google.com", 1), plain), ""},
		{"the provider's seal of another name", Rules{}, viaGoogle, by("google.com", "none", passed, plain), ""},
		{"the provider's seal, which is not wanted", Rules{NoProviderSealer: true}, viaGoogle, by("google.com", "none", strings.Replace(passed, "mx.list.example", "mx.google.com", 1), plain), ""},
		{"the seal of a provider that is not this source's", Rules{}, viaProvider, by("google.com", "none", strings.Replace(passed, "mx.list.example", "mx.google.com", 1), plain), ""},
		{"an older seal of the provider: another tenant's", Rules{}, viaGoogle, by("google.com", "pass", "mx.google.com; dmarc=fail header.from=partner.example",
			by("google.com", "none", strings.Replace(passed, "mx.list.example", "mx.google.com", 1), plain)), ""},
		{"a named sealer below the provider, which changed the mail", list, viaGoogle, by("google.com", "pass", "mx.google.com; dmarc=fail header.from=partner.example",
			changed(by("list.example", "none", passed, plain))), "list.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := forwarded(t, c.src, c.text)
			v := decideAgain(t, c.rules, e)
			want := Clean
			if c.lifted == "" {
				want = DMARCFail
			}
			if v.Reason != want {
				t.Fatalf("got %v %s: %s\nARC %+v", v.Disposition, v.Reason, v.Sentence, e.ARC)
			}
			if c.lifted != "" && (len(v.Lifted) != 1 || v.Lifted[0].Name != c.lifted || v.Lifted[0].Reason != DMARCFail || !strings.Contains(v.Sentence, c.lifted)) {
				t.Errorf("it is not said who was believed: %+v, %s", v.Lifted, v.Sentence)
			}
		})
	}
}

// A seal below the border came with the message: it may be one that the provider
// gave another message, long ago and for somebody else.
func TestDuty_B4_AProvidersSealIsOfThisWay(t *testing.T) {
	text := seal(t, "google.com", "none", strings.Replace(passed, "mx.list.example", "mx.google.com", 1), message("a@partner.example"))
	for name, below := range map[string]string{"at once": "", "behind another host": "Received: from a.example by mx.evil.example; Sun, 22 Nov 2026 08:00:00 +0000\r\n"} {
		e := forwarded(t, viaGoogle, "X-Between: 1\r\n"+below+text)
		if v := Decide(&Rules{}, &e); v.Reason != DMARCFail || e.ARC.Result != mail.Pass || e.ARC.Sets[0].Provider {
			t.Errorf("%s: got %v %s, %+v", name, v.Disposition, v.Reason, e.ARC)
		}
	}
}

// Sealers never say who may write as us.
func TestDuty_B4_OurOwnDomainIsNotForSealersToProve(t *testing.T) {
	e := forwarded(t, viaProvider, seal(t, "list.example", "none", "mx; dmarc=pass header.from=example.com", message("bob@example.com")))
	if v := Decide(&Rules{Sealers: []mail.Domain{"list.example"}}, &e); v.Reason != OwnDomainSpoof || len(v.Lifted) != 0 || e.ARC.Sets[0].Claim.DMARC != mail.Pass {
		t.Errorf("got %v %s, %+v", v.Disposition, v.Reason, e.ARC)
	}
}

// An author that is proven, or is not exactly one, needs no claim.
func TestClaimsAreReadOnlyWhereTheyMatter(t *testing.T) {
	text := seal(t, "list.example", "none", passed, message("a@partner.example"))
	c := collector(t)
	c.Resolver = sealers(t, "list.example")
	e, err := c.collected(t.Context(), transaction(t, "192.0.2.10", "a@partner.example", text), viaProvider, Given{})
	if err != nil || e.ARC.Result != mail.Pass || len(e.ARC.Sets) != 1 || e.ARC.Sets[0].Claim != (Claim{}) || e.ARC.Sets[0].ID != "mx.list.example" {
		t.Errorf("%+v, %v", e.ARC, err)
	}
	e = forwarded(t, viaProvider, seal(t, "list.example", "none", "mx; dmarc=fail", message("a@partner.example, b@other.example")))
	if v := Decide(&Rules{Sealers: []mail.Domain{"list.example"}}, &e); e.ARC.Result != mail.Pass || v.Reason != FromAmbiguous || e.ARC.Sets[0].Claim != (Claim{}) {
		t.Errorf("%+v, %s", e.ARC, v.Reason)
	}
}

// A sealer that found a failure denies the author, whatever else it says.
func TestAClaimOfFailureStands(t *testing.T) {
	for _, results := range []string{"mx; dmarc=fail header.from=partner.example; dmarc=none", "mx; dmarc=none; dmarc=fail", "mx; dmarc=fail header.from=partner.example header.from=x.example", failed} {
		e := forwarded(t, viaProvider, seal(t, "list.example", "none", results, message("a@partner.example")))
		if e.ARC.Result != mail.Pass || !e.ARC.Sets[0].Claim.denies() {
			t.Errorf("%s: %+v", results, e.ARC)
		}
	}
}

// Who hands a list mail with a set that holds nothing breaks its chain, and does not
// keep it from denying the author: a denial needs no proof.
func TestADenialStandsInABrokenChain(t *testing.T) {
	for _, c := range []struct {
		results string
		denied  bool
	}{{failed, true}, {passed, false}} {
		e := forwarded(t, viaProvider, seal(t, "list.example", "fail", c.results, seal(t, "attacker.example", "pass", passed, message("a@partner.example"))))
		if e.ARC.Result != mail.Fail || len(e.ARC.Sets) != 2 || e.ARC.Sets[1].Claim.denies() != c.denied || e.ARC.Sets[1].Claim.vouches() || e.ARC.Sets[0].Claim != (Claim{}) {
			t.Errorf("%s: %+v", c.results, e.ARC)
		}
		e.DKIM = []DKIM{{Result: mail.Pass, Domain: "list.example"}}
		v := decideAgain(t, Rules{Forwarders: []Forwarder{{Name: "the list", DKIM: []mail.Domain{"list.example"}}}}, e)
		if lifted := v.Reason != DMARCFail; lifted == c.denied {
			t.Errorf("%s: %s: %s", c.results, v.Reason, v.Sentence)
		}
	}
}

// Fields that make no chain hide a denial as little: whoever sends the mail can see to
// it that they make none.
func TestADenialStandsWithoutAChain(t *testing.T) {
	twice := seal(t, "attacker.example", "none", passed, seal(t, "attacker.example", "none", passed, message("a@partner.example")))
	twice = strings.ReplaceAll(twice, "i=2;", "i=1;")
	for name, below := range map[string]string{
		"instances that come twice":          twice,
		"a field too many":                   "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=attacker.example; s=s; b=AAAA\r\n" + twice,
		"one without an instance":            "ARC-Authentication-Results: x\r\n" + message("a@partner.example"),
		"hundreds of fields":                 strings.Repeat("ARC-Seal: i=1\r\nARC-Authentication-Results: i=1; x; dmarc=pass\r\n", 100) + message("a@partner.example"),
		"the same, of the list's own number": strings.Repeat("ARC-Seal: i=3; d=attacker.example; s=s\r\nARC-Authentication-Results: i=3; x; dmarc=pass\r\n", 8) + message("a@partner.example"),
	} {
		for _, c := range []struct {
			results string
			denied  bool
		}{{failed, true}, {passed, false}} {
			e := forwarded(t, viaProvider, "ARC-Seal: i=3; a=rsa-sha256; cv=fail; d=list.example; s=s; b=AAAA\r\nARC-Message-Signature: i=3; d=list.example\r\nARC-Authentication-Results: i=3; "+c.results+"\r\n"+below)
			if e.ARC.Result != mail.Fail || len(e.ARC.Sets) > maxSets || slices.ContainsFunc(e.ARC.Sets, func(s ARCSet) bool { return s.Claim.vouches() }) {
				t.Errorf("%s: %s: %+v", name, c.results, e.ARC)
			}
			e.DKIM = []DKIM{{Result: mail.Pass, Domain: "list.example"}}
			v := decideAgain(t, Rules{Forwarders: []Forwarder{{Name: "the list", DKIM: []mail.Domain{"list.example"}}}}, e)
			if lifted := v.Reason != DMARCFail; lifted == c.denied {
				t.Errorf("%s: %s: %s: %s", name, c.results, v.Reason, v.Sentence)
			}
		}
	}
}

// A sealer's key that cannot be had now is waited for if it would be believed.
func TestDNSTroubleOfASealer(t *testing.T) {
	text := seal(t, "list.example", "none", passed, message("a@partner.example"))
	c := collector(t)
	z := sealers(t)
	z.Add("sel._domainkey.list.example", "TXT", "SERVFAIL")
	c.Resolver = z
	e, err := c.collected(t.Context(), transaction(t, "203.0.113.5", "x@bulk.example", text), viaProvider, Given{})
	if err != nil || e.ARC.Result != mail.TempError || !e.Pending() {
		t.Fatalf("%+v, %v", e.ARC, err)
	}
	for _, r := range []struct {
		rules Rules
		want  Reason
	}{{Rules{}, DMARCFail}, {Rules{Sealers: []mail.Domain{"other.example"}}, DMARCFail}, {Rules{Sealers: []mail.Domain{"list.example"}}, AuthUnavailable}} {
		if v := decideAgain(t, r.rules, e); v.Reason != r.want {
			t.Errorf("sealers %v: got %s: %s", r.rules.Sealers, v.Reason, v.Sentence)
		}
	}
}
