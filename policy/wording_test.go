package policy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"mxgate/policy/authres"
	"mxgate/policy/mail"
)

// flat is text of Explain on one line.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// stating is unproven evidence beside which the provider states field.
func stating(t *testing.T, field string, change func(*Evidence)) Evidence {
	t.Helper()
	f, err := authres.Parse(field)
	if err != nil {
		t.Fatal(err)
	}
	e := unproven("reject")
	e.SPF.Domain = "author.example"
	e.DMARC.Why = "neither SPF nor DKIM passed for an aligned domain"
	if change != nil {
		change(&e)
	}
	e.states(f, ViaField, netip.Addr{})
	return e
}

// Two words for "not proven" are not the same word.
func TestWeSayOurOwnWord(t *testing.T) {
	for field, want := range map[string]string{
		"mx.example; spf=softfail smtp.mailfrom=author.example": "spf=softfail for author.example, as mx.example; we say fail: neither of us finds it proven",
		"mx.example; spf=fail smtp.mailfrom=author.example":     "spf=fail for author.example, as mx.example; so do we",
		"spf=none smtp.mailfrom=author.example":                 "spf=none for author.example, by the provider (field without a name); we say fail: neither of us finds it proven",
		"dkim=none (message not signed) header.d=none":          "dkim=none, by the provider (field without a name); so do we",
	} {
		e := stating(t, field, nil)
		if got := flat(explained(t, &e)); !strings.Contains(got, "provider "+want) || e.Provider[0].Agreement != Agrees {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
}

// Where the provider shows which address it saw, it is not guessed.
func TestTheAddressThatTheProviderSawIsCompared(t *testing.T) {
	unknownOrigin := func(e *Evidence) { e.Origin.IP = "" }
	broken := func(e *Evidence) {
		e.SPF.Result, e.SPF.Why = mail.PermError, "author.example publishes several SPF records"
	}
	const about = " smtp.mailfrom=author.example"
	for _, c := range []struct {
		name, field string
		change      func(*Evidence)
		cause       Cause
		why         string
	}{
		{"the same", "spf=pass (sender IP is 192.0.2.7)" + about, nil, CauseDNS, "the provider saw the same address; the record it read is not the one we read"},
		{"the same, as Google has it", "mx; spf=pass (google.com: domain of a@author.example designates 192.0.2.7 as permitted sender)" + about, nil, CauseDNS, "the same address"},
		{"the same, as a property", "mx; spf=pass smtp.remote-ip=192.0.2.7" + about, nil, CauseDNS, "the same address"},
		{"another", "spf=pass (sender IP is 203.0.113.9)" + about, nil, CauseOrigin, "the provider saw 203.0.113.9, and we take 192.0.2.7 for the origin"},
		{"two", "spf=pass (sender IP is 203.0.113.9 sender IP is 192.0.2.7)" + about, nil, CauseOrigin, "perhaps the provider, which does not show it, saw another address than 192.0.2.7"},
		{"none", "spf=pass" + about, nil, CauseOrigin, "perhaps the provider, which does not show it, saw another address than 192.0.2.7"},
		{"one cut off", "mx; spf=pass (" + strings.Repeat("x", 177) + " sender IP is 192.0.2.77)" + about, nil, CauseOrigin, "perhaps the provider"},
		{"one, and we know none", "spf=pass (sender IP is 203.0.113.9)" + about, unknownOrigin, CauseOrigin, "the provider saw 203.0.113.9, and we know no origin"},
		{"none, and we know none", "spf=pass" + about, unknownOrigin, CauseOrigin, "we do not know the address that the provider saw"},
		{"the same, of nobody", "spf=pass (sender IP is 192.0.2.7)", nil, CauseUnknown, "it does not say whose record it read"},
		{"the same, a broken record", "spf=pass (sender IP is 192.0.2.7)" + about, broken, CauseUnknown, "to us the record is broken: author.example publishes several SPF records"},
		{"the same, broken there", "spf=permerror (sender IP is 192.0.2.7)" + about, func(e *Evidence) { e.SPF.Result = mail.Pass }, CauseUnknown, "to it the record is broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := stating(t, c.field, c.change)
			if s := e.Provider[0]; s.Agreement != Differs || s.Cause != c.cause || !strings.Contains(s.Why, c.why) {
				t.Errorf("got %+v", s)
			}
		})
	}
}

// Received-SPF above the border tells the address as well; below, anybody wrote it.
func TestTheAddressInReceivedSPF(t *testing.T) {
	const field, spf = "Authentication-Results: mx.provider.example; spf=pass smtp.mailfrom=partner.example\r\n", "Received-SPF: pass (x) client-ip=203.0.113.5;\r\n"
	for _, c := range []struct {
		above, below string
		want         Cause
	}{{field + spf, "", CauseDNS}, {field, spf, CauseOrigin}} {
		e := stated(t, "203.0.113.5", c.above, c.below, message("a@partner.example"))
		if len(e.Provider) != 1 || e.Provider[0].Cause != c.want {
			t.Errorf("got %+v, want %s", e.Provider, c.want)
		}
	}
}

// A difference in DMARC is explained by what makes one, and always.
func TestWhyDMARCDiffers(t *testing.T) {
	const dmarc = "dmarc=pass header.from=author.example"
	signed := func(domain mail.Domain, breakage string) func(*Evidence) {
		return func(e *Evidence) {
			e.DKIM = []DKIM{{Result: mail.Fail, Domain: domain, Selector: "s", Breakage: breakage, Why: "of this"}}
		}
	}
	proof := func(e *Evidence) { *e = proven() }
	for _, c := range []struct {
		name, field string
		change      func(*Evidence)
		cause       Cause
		why         string
	}{
		{"we find no record", "mx; " + dmarc, func(e *Evidence) { e.DMARC = DMARC{Result: mail.None, Why: "no DMARC record"} }, CauseDNS, "we find no DMARC record"},
		{"no record, and a signature that broke", "mx; " + dmarc, func(e *Evidence) {
			signed("author.example", "body-changed")(e)
			e.DMARC = DMARC{Result: mail.None, Why: "no DMARC record"}
		}, CauseDNS, "we find no DMARC record"},
		{"no record that counts", "mx; " + dmarc, func(e *Evidence) { e.DMARC = DMARC{Result: mail.None, Why: "p is not valid"} }, CauseDNS, "we find no DMARC record that counts: p is not valid"},
		{"the provider finds none", "mx; dmarc=none header.from=author.example", proof, CauseDNS, "the provider found no DMARC record that counts"},
		{"a signature that did not hold there either", "mx; dkim=fail header.d=author.example; " + dmarc, signed("author.example", "body-changed"), CauseUnknown, "does not explain it; here neither SPF"},
		{"a signature that held there", dmarc + "; dkim=pass header.d=author.example", signed("author.example", "body-changed"), CauseBody, "DKIM differs, too: of this"},
		{"a weak one that held there", "mx; dkim=pass header.d=author.example; " + dmarc, signed("author.example", ""), CauseUnknown, "DKIM differs, too: of this"},
		{"a sibling's", "mx; dkim=pass header.d=mail.author.example; dmarc=pass header.from=news.author.example", func(e *Evidence) {
			signed("mail.author.example", "body-changed")(e)
			e.Author.Domain, e.DMARC.Organizational = "news.author.example", "author.example"
			e.DMARC.Domain = "author.example"
		}, CauseBody, "DKIM differs, too: of this"},
		{"somebody else", "mx; dmarc=pass header.from=other.example", nil, "", "took somebody else"},
		{"one cause is known, one is not", "mx; dkim=pass header.d=author.example header.s=s; dkim=pass header.d=author.example header.s=t; " + dmarc, func(e *Evidence) {
			signed("author.example", "")(e)
			e.DKIM = append(e.DKIM, DKIM{Result: mail.Fail, Domain: "author.example", Selector: "t", Breakage: "body-changed", Why: "of that"})
		}, CauseBody, "DKIM differs, too: of that"},
		{"what differs the other way", "spf=fail (sender IP is 192.0.2.7) smtp.mailfrom=author.example; " + dmarc, func(e *Evidence) { e.SPF.Result = mail.Pass }, CauseUnknown, "does not explain it"},
		{"a signature that the provider did not name", "dkim=none header.d=none", signed("author.example", "body-changed"), "", "the provider names no signature, and we looked at some"},
		{"SPF of the same address", "spf=pass (sender IP is 192.0.2.7) smtp.mailfrom=author.example; " + dmarc, nil, CauseDNS, "SPF differs, too: the provider saw the same address"},
		{"SPF of a stranger", "mx; spf=pass smtp.mailfrom=bulk.example; " + dmarc, func(e *Evidence) { e.SPF.Domain = "bulk.example" }, CauseUnknown, "does not explain it"},
		{"SPF failed there, too", "mx; spf=fail smtp.mailfrom=author.example; " + dmarc, func(e *Evidence) { e.Origin.IP = "" }, CauseUnknown, "does not explain it"},
		{"only we pass", "mx; dkim=fail header.d=author.example; dmarc=fail header.from=author.example", proof, CauseUnknown, "DKIM differs, too: for us the signature holds"},
		{"only we pass, who knows why", "mx; dmarc=fail header.from=author.example", proof, CauseUnknown, "does not explain it; here"},
		{"no single author", "mx; " + dmarc, func(e *Evidence) { e.Author.Ambiguous = "two From fields" }, "", "it cannot be said who the author is"},
		{"no answer there", "mx; dmarc=temperror header.from=author.example", nil, "", "DNS did not answer the provider"},
		{"no answer here", "mx; " + dmarc, func(e *Evidence) { e.DMARC.Result = mail.TempError }, "", "DNS did not answer us"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := stating(t, c.field, c.change)
			for _, s := range e.Provider {
				if (s.Method == "dmarc" || len(e.Provider) == 1) && (s.Cause != c.cause || !strings.Contains(s.Why, c.why) || strings.Contains(s.Why, "counts: no")) {
					t.Errorf("got %+v", s)
				}
				if s.Agreement != Agrees && s.Why == "" {
					t.Errorf("without a reason: %+v", s)
				}
			}
		})
	}
}

// What cannot have happened between the provider and us is not said to have.
func TestWhatTheProviderStillSaw(t *testing.T) {
	for _, c := range []struct {
		d    DKIM
		want string
	}{
		{DKIM{Result: mail.Policy, Why: "the signature uses SHA-1, which does not count any more"}, "which does not count any more; the provider still lets that count."},
		{DKIM{Result: mail.PermError, Breakage: "key-gone", Why: "no key at x"}, "does not publish the key for it; when the provider looked, the key was still there."},
		{DKIM{Result: mail.PermError, Breakage: "key-gone", Why: "the key at x was revoked"}, "as the domain has revoked the key for it; when the provider looked, the key was still there."},
		{DKIM{Result: mail.Fail, Breakage: "other-key"}, "the key that the domain publishes; the provider saw it hold."},
		{DKIM{Result: mail.Fail, Breakage: "header-changed"}, "after signing, and that happened between the provider and us: the provider still saw it hold."},
	} {
		e := stating(t, "mx; dkim=pass header.d=author.example", func(e *Evidence) {
			c.d.Domain = "author.example"
			e.DKIM = []DKIM{c.d}
		})
		if s := Decide(&Rules{}, &e).Sentence; !strings.Contains(s, c.want) {
			t.Errorf("%q is missing in: %s", c.want, s)
		}
	}
}

func TestARevokedKeyIsToldFromOneThatIsNotThere(t *testing.T) {
	c := collector(t)
	z := zone(t)
	z.Add("_dmarc.revoked.example", "TXT", "v=DMARC1; p=reject")
	z.Add("sel._domainkey.revoked.example", "TXT", "v=DKIM1; p=")
	c.Resolver = z
	text := strings.Replace(signed(t, message("a@revoked.example")), "d=partner.example", "d=revoked.example", 1)
	e, err := c.collected(t.Context(), transaction(t, "203.0.113.5", "x@bulk.example", text), viaProvider, Given{})
	if err != nil {
		t.Fatal(err)
	}
	if s := Decide(&Rules{}, &e).Sentence; !strings.Contains(s, "as the domain has revoked the key for it") {
		t.Errorf("%s\n%+v", s, e.DKIM)
	}
}

// Explain says who spoke for the author and was not believed.
func TestWhoIsNotBelieved(t *testing.T) {
	list := Forwarder{Name: "a list", DKIM: []mail.Domain{"list.example"}}
	with := func(change func(*Forwarder)) Rules { f := list; change(&f); return Rules{Forwarders: []Forwarder{f}} }
	named := Rules{Sealers: []mail.Domain{"list.example"}}
	providers := func(e *Evidence) { e.ARC.Sets[0].Provider = true }
	for _, c := range []struct {
		name   string
		rules  Rules
		e      Evidence
		change func(*Evidence)
		want   string
	}{
		{"a sealer who is not named", Rules{}, chained(0, "list.example"), nil, "when the mail came there; not believed: list.example is not in policy.sealers DMARC"},
		{"one who tests", named, chained(0, "list.example"), func(e *Evidence) { e.ARC.Sets[0].Testing = true }, "; not believed: the sealer says that it is testing its key (t=y)"},
		{"changed after it", named, chained(2, "list.example", "stranger.example"), nil, "; not believed: the message was changed after it"},
		{"our own domain", named, chained(0, "list.example"), func(e *Evidence) { e.OwnDomain = "author.example" }, "; not believed: who may write as our own domain is not for others to say"},
		{"the provider's, switched off", Rules{NoProviderSealer: true}, chained(0, "list.example"), providers, "and policy.provider_sealer is false"},
		{"the provider's, an older one", Rules{}, chained(0, "list.example", "other.example"), providers, "; not believed: it is not the newest seal"},
		{"the provider's, without a border", Rules{}, chained(0, "list.example"), func(e *Evidence) { providers(e); e.Origin.IP = "" }, "; not believed: it is not known that the mail came in over the provider's border"},
		{"the provider's, another tenant", Rules{}, chained(0, "list.example"), func(e *Evidence) { providers(e); e.Path.Tenancy.State = "foreign" }, "; not believed: nothing proves that the mail came through our tenant"},
		{"a forwarder that expired", with(func(f *Forwarder) { f.Expires = proven().ReceivedAt.Add(-time.Hour) }), listed("reject"), nil,
			`forwarder "a list" is not believed: it proves itself by the DKIM signature of list.example, but it expired on 2026-11-22 08:00 UTC`},
		{"one for other authors", with(func(f *Forwarder) { f.Authors = []mail.Domain{"other.example"} }), listed("reject"), nil, "but it is for authors in other.example"},
		{"one for other recipients", with(func(f *Forwarder) { f.Recipient = "eve@example.com" }), listed("reject"), nil, "but it is for mail to eve@example.com"},
		{"one that does not lift it", Rules{Forwarders: []Forwarder{list}}, listed("reject"), func(e *Evidence) { e.OwnDomain = "author.example" }, "but it does not lift own-domain-spoof"},
		{"one that does not lift what DNS trouble may hide", Rules{Forwarders: []Forwarder{list}}, listed("reject"), func(e *Evidence) {
			e.DMARC, e.OwnDomain = DMARC{Result: mail.TempError}, "author.example"
			e.SPF = SPF{Result: mail.TempError, Domain: "author.example"}
		}, "but it does not lift own-domain-spoof"},
		{"one that is believed", Rules{Forwarders: []Forwarder{list}}, listed("reject"), nil, ""},
		{"one that proves nothing", with(func(f *Forwarder) { f.DKIM = nil; f.Authors = []mail.Domain{"other.example"} }), listed("reject"), nil, ""},
		{"a sealer who is believed", named, chained(0, "list.example"), nil, ""},
		{"no claim", Rules{}, chained(0, "list.example"), func(e *Evidence) { e.ARC.Sets[0].Claim = Claim{} }, ""},
		{"no author", Rules{}, chained(0, "list.example"), func(e *Evidence) { e.Author.Ambiguous = "two From fields" }, ""},
		{"nothing to be lifted", Rules{}, chained(0, "list.example"), func(e *Evidence) { e.DMARC.SPFAligned = true }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.change != nil {
				c.change(&c.e)
			}
			var b strings.Builder
			if err := Explain(&b, &c.e, Decide(&c.rules, &c.e)); err != nil {
				t.Fatal(err)
			}
			if got := flat(b.String()); !strings.Contains(got, c.want) || c.want == "" && strings.Contains(got, "not believed") {
				t.Errorf("%q is missing in:\n%s", c.want, got)
			}
		})
	}
}

// Whoever asks why there is no single author sees what the field holds.
func TestTheFromFieldIsShown(t *testing.T) {
	for _, c := range []struct{ text, sentence, line string }{
		{message("a@partner.example, b@other.example"), "It cannot be said who wrote this: addresses of two domains: partner.example, other.example.", "from a@partner.example, b@other.example "},
		{message("a@partner.example", "From: b@other.example\r\n"), "two From fields. A reader may see any of partner.example, other.example.", "from a@partner.example from b@other.example "},
		{message("=?utf-8?q?The_B=C3=B6ss?="), "It cannot be said who wrote this: From holds no address.", "from The Böss "},
		{message("a@partner.example, =?utf-8?q?b=1b[2J?= <b@xn--mller-kva.example>"), "A reader may see any of partner.example, müller.example (xn--mller-kva.example).", "from a@partner.example, b?[2J <b@xn--mller-kva.example> "},
		{message("a@partner.example, " + strings.Repeat("x", 5000) + "@other.example"), "", "x… "},
		{message("a@partner.example"), "", "author a@partner.example "},
	} {
		e, err := collector(t).collected(t.Context(), transaction(t, "192.0.2.10", "a@partner.example", c.text), viaProvider, Given{})
		if err != nil {
			t.Fatal(err)
		}
		v := decideAgain(t, Rules{}, e)
		if got := flat(explained(t, &e)) + " "; !strings.Contains(v.Sentence, c.sentence) || c.sentence != "" && !strings.HasSuffix(v.Sentence, c.sentence) || !strings.Contains(got, c.line) {
			t.Errorf("want %s and %q, got %s\n%s", c.sentence, c.line, v.Sentence, got)
		}
		if (e.Author.Ambiguous == "") != (e.Author.From == nil) {
			t.Errorf("kept: %q", e.Author.From)
		}
	}
}

// The letters of a name may be taken for those of another: both forms are shown.
func TestANameIsShownAsItTravelsToo(t *testing.T) {
	const both = "robínhood.com (xn--robnhood-e2a.com)"
	e := unproven("reject")
	e.Author.Domain, e.DMARC.Domain, e.SPF.Domain = "xn--robnhood-e2a.com", "xn--robnhood-e2a.com", "xn--robnhood-e2a.com"
	want := "The mail claims " + both + ", but nothing proves it: it came from 192.0.2.7, which " + both + " does not list in SPF; it carries no DKIM signature. " + both + " asks to reject such mail."
	if s := Decide(&Rules{}, &e).Sentence; s != want {
		t.Errorf("got %s", s)
	}
}

func TestOurOwnDomainIsCalledSo(t *testing.T) {
	e := listed("reject")
	e.OwnDomain = "author.example"
	v := Decide(&Rules{Forwarders: []Forwarder{{Name: "a list", DKIM: []mail.Domain{"list.example"}, Reasons: ForwarderReasons()}}}, &e)
	if v.Reason != Clean || !strings.HasPrefix(v.Sentence, "The mail claims to come from our own domain author.example, and nothing proves it: ") {
		t.Errorf("%s: %s", v.Reason, v.Sentence)
	}
}

// What speaks for the author is told once.
func TestNothingIsToldTwice(t *testing.T) {
	e := unproven("reject")
	e.OwnDomain = "author.example"
	got := flat(explained(t, &e))
	if strings.Count(got, "it carries no DKIM signature") != 1 || !strings.Contains(got, "also dmarc-fail (quarantine): The mail claims author.example, but nothing proves it. author.example asks to reject such mail. ") {
		t.Errorf("got %s", got)
	}
	e = unproven("none")
	e.Unscannable = "nested too deep"
	if got := flat(explained(t, &e)); strings.Count(got, "it carries no DKIM signature") != 1 {
		t.Errorf("told nowhere: %s", got)
	}
}

// A sentence that goes on in another one begins small, unless a name does.
func TestSentencesGoOn(t *testing.T) {
	e := proven()
	e.Origin = Origin{HopMissing: true, Why: "The message has no Received field"}
	if s := Decide(&Rules{}, &e).Sentence; !strings.HasSuffix(s, "does not show that: the message has no Received field.") {
		t.Error(s)
	}
	e.Path = Path{Verdict: Undetermined, Why: e.Origin.Why}
	if got := flat(explained(t, &e)); !strings.Contains(got, "origin not known: the message has no Received field") || !strings.Contains(got, "path undetermined: the message has no") {
		t.Error(got)
	}
	e.Origin.Why = "Received #1 was written by x"
	if s := Decide(&Rules{}, &e).Sentence; !strings.HasSuffix(s, "does not show that: Received #1 was written by x.") {
		t.Error(s)
	}
}

// Of whom nothing was learned, mail may have come: unproven, held, or held and then
// released. That there was none is not said.
func TestNobodyIsSaidNeverToHaveWritten(t *testing.T) {
	for _, c := range []struct {
		l    letter
		r    *remembering
		want string
	}{
		{letter{from: "a@unheard.net", body: strings.Repeat("All is well. ", 256<<10/10)}, correspondence(), "; we remember no proven mail from unheard.net that was delivered."},
		{letter{from: "Anna Berg <anna@he1se.de>", cites: stolen}, correspondence(), " We remember no proven mail from he1se.de that was delivered; we have known heise.de since "},
		{letter{from: "Anna Berg <anna@he1se.de>", body: paying + pasted}, correspondence(), "; we remember no proven mail from he1se.de that was delivered; it quotes "},
		{letter{from: "a@heise.de", cc: "b@he1se.de", cites: stolen}, correspondence(), " We remember no proven mail from he1se.de that was delivered; we have known heise.de since "},
		{letter{from: "a@bundesbamk.de"}, correspondence(), " Compare bundesba‹m›k.de with bundesba‹n›k.de. We remember no proven mail from bundesbamk.de that was delivered."},
	} {
		e := tell(t, c.l, func(col *Collector) { col.Memory = c.r })
		v := decideAgain(t, Rules{}, e)
		all := v.Sentence
		for _, f := range v.Findings {
			all += "\n" + f.Sentence
		}
		if text := all + flat(explained(t, &e)); !strings.Contains(all, c.want) || strings.Contains(text, "never had") || strings.Contains(text, "never wrote") {
			t.Errorf("%q is missing in:\n%s", c.want, text)
		}
	}
}

// What resembles the other is the name below a domain of its own: it is compared, and
// not that domain.
func TestTheNameThatResemblesIsMarked(t *testing.T) {
	for domain, shown := range map[string]string{"nordlichtbau.de.docs-share.com": "nordlichtbau.de‹.docs-share.com›", "nordlicht.bau.de": "nordlicht‹.›bau.de"} {
		e := tell(t, letter{from: "x@" + domain, cites: "<b1@example.com>", body: paying}, with(builder()))
		v := decideAgain(t, Rules{}, e)
		if want := "The mail answers in a conversation with nordlichtbau.de that we remember (3 messages since 2026-11-10), but it is from another domain: " + shown + " looks like nordlichtbau.de"; v.Reason != StolenThread || !strings.HasPrefix(v.Sentence, want) {
			t.Errorf("%s: %s", v.Reason, v.Sentence)
		}
	}
	e := tell(t, letter{from: "x@bundesbank.de.docs-share.com"}, nil)
	if v := decideAgain(t, Rules{}, e); v.Reason != LookalikeDomain || !strings.Contains(v.Sentence, " Compare bundesbank.de‹.docs-share.com› with bundesbank.de.") {
		t.Errorf("%s: %s", v.Reason, v.Sentence)
	}
}
