package policy

import (
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// What a person reads who asks why.
func TestSentences(t *testing.T) {
	failing := func(change func(*Evidence)) Evidence {
		e := unproven("quarantine")
		e.SPF.Domain = "author.example"
		change(&e)
		return e
	}
	sign := func(result mail.Status, domain mail.Domain, breakage string) func(*Evidence) {
		return func(e *Evidence) {
			e.DKIM = []DKIM{{Result: result, Domain: domain, Selector: "s", Breakage: breakage, Why: "of this."}}
		}
	}
	const start = "The mail claims author.example, but nothing proves it: it came from 192.0.2.7, which author.example does not list in SPF; "
	const end = ". author.example asks to quarantine such mail."
	for _, c := range []struct {
		name string
		e    Evidence
		want string
	}{
		{"not signed", failing(func(*Evidence) {}), start + "it carries no DKIM signature" + end},
		{"body changed", failing(sign(mail.Fail, "author.example", "body-changed")), start + "its DKIM signature broke because the body was changed after signing" + end},
		{"header changed", failing(sign(mail.Fail, "author.example", "header-changed")), start + "its DKIM signature broke because header fields were changed after signing" + end},
		{"both changed", failing(sign(mail.Fail, "author.example", "header-and-body-changed")), start + "its DKIM signature broke because header and body were changed after signing, or it was taken from another message" + end},
		{"header changed or another key", failing(sign(mail.Fail, "author.example", "header-changed-or-other-key")), start + "its DKIM signature does not hold: header fields were changed after signing, or it was made with another key" + end},
		{"another key", failing(sign(mail.Fail, "author.example", "other-key")), start + "its DKIM signature was not made with the key that the domain publishes" + end},
		{"key gone", failing(sign(mail.PermError, "author.example", "key-gone")), start + "its DKIM signature cannot be checked, as the domain does not publish the key for it" + end},
		{"no answer", failing(sign(mail.TempError, "bulk.example", "")), start + "the DKIM signature by bulk.example cannot be checked now: DNS does not answer" + end},
		{"another's", failing(sign(mail.Pass, "bulk.example", "")), start + "the valid DKIM signature is by bulk.example, not by the author's domain" + end},
		{"another's, broken", failing(sign(mail.Fail, "bulk.example", "body-changed")), start + "the DKIM signature by bulk.example broke because the body was changed after signing" + end},
		{"refused", failing(sign(mail.Policy, "bulk.example", "")), start + "the DKIM signature by bulk.example does not hold: of this" + end},
		{"the provider saw it hold", failing(func(e *Evidence) {
			sign(mail.Fail, "author.example", "body-changed")(e)
			e.Provider = []Statement{{Method: "dkim", Result: mail.Pass, Domain: "author.example", Selector: "S"}}
		}), start + "its DKIM signature broke because the body was changed after signing, and that happened between the provider and us: the provider still saw it hold" + end},
		{"the provider saw another hold", failing(func(e *Evidence) {
			sign(mail.Fail, "author.example", "body-changed")(e)
			e.Provider = []Statement{{Method: "dkim", Result: mail.Pass, Domain: "author.example", Selector: "other"}}
		}), start + "its DKIM signature broke because the body was changed after signing" + end},
		{"SPF is broken", failing(func(e *Evidence) { e.SPF.Result = mail.PermError }),
			"The mail claims author.example, but nothing proves it: it came from 192.0.2.7, and the SPF record of author.example is broken, so that it lists nobody; it carries no DKIM signature" + end},
		{"SPF of another passed", failing(func(e *Evidence) { e.SPF = SPF{Result: mail.Pass, Domain: "bulk.example"} }),
			"The mail claims author.example, but nothing proves it: it came from 192.0.2.7, which bulk.example lists in SPF, but that is not the author's domain; it carries no DKIM signature" + end},
	} {
		t.Run(c.name, func(t *testing.T) {
			if v := Decide(&Rules{}, &c.e); v.Sentence != c.want {
				t.Errorf("got  %s\nwant %s", v.Sentence, c.want)
			}
		})
	}
}

// However the results combine, what is written can be read.
func TestEverySentenceCanBeRead(t *testing.T) {
	statuses := []mail.Status{mail.None, mail.Pass, mail.Fail, mail.SoftFail, mail.Neutral, mail.Policy, mail.TempError, mail.PermError}
	breakages := []string{"", "body-changed", "header-changed", "header-and-body-changed", "header-changed-or-other-key", "other-key", "key-gone", "news"}
	rules := []Rules{{}, {AsReject: []mail.Domain{"author.example"}, Sealers: []mail.Domain{"list.example"}},
		{Forwarders: []Forwarder{{Name: "list", DKIM: []mail.Domain{"author.example", "bulk.example"}, Reasons: ForwarderReasons()}}}}
	sentences := map[string]bool{}
	for _, spf := range statuses {
		for _, dkim := range append(statuses, "") {
			for _, breakage := range breakages {
				for _, policy := range []string{"", "none", "quarantine", "reject"} {
					for _, domain := range []mail.Domain{"author.example", "bulk.example", ""} {
						for i := range rules {
							e := unproven(policy)
							e.SPF.Result, e.DMARC.Result = spf, spf
							if dkim != "" {
								e.DKIM = []DKIM{{Result: dkim, Domain: domain, Breakage: breakage}}
							}
							e.ARC = ARC{Result: dkim, Sets: []ARCSet{{Instance: 1, Sealer: "list.example", Claim: Claim{DMARC: spf}}}}
							v := Decide(&rules[i], &e)
							for _, f := range append(v.Findings, Finding{Sentence: v.Sentence}) {
								sentences[f.Sentence] = true
							}
						}
					}
				}
			}
		}
	}
	for s := range sentences {
		for _, bad := range []string{"%!", "  ", "..", "; .", ": .", " ,", "()", " by ,", "claims ,"} {
			if strings.Contains(s, bad) {
				t.Errorf("%q in: %s", bad, s)
			}
		}
		if !strings.HasSuffix(s, ".") || strings.ToUpper(s[:1]) != s[:1] && !strings.HasPrefix(s, "author.example") {
			t.Errorf("no sentence: %s", s)
		}
	}
	if len(sentences) < 50 {
		t.Errorf("only %d sentences", len(sentences))
	}
}

// The lines of explain that tell of the new facts.
func TestExplainTellsEveryFact(t *testing.T) {
	e := unproven("reject")
	e.SPF = SPF{Result: mail.Fail, Domain: "author.example", Identity: "mailfrom", Why: "192.0.2.7 matched -all", Term: "-all", Explanation: "See https://author.example/\x1bx", Helo: Helo{mail.Pass, "mail.bulk.example", "it matched a"}}
	e.DMARC.Faults = []string{"p= is missing"}
	e.Author.Sender, e.Author.ResentFrom = []mail.Domain{"xn--mller-kva.example"}, []mail.Domain{"resent.example"}
	e.ARC = ARC{Result: mail.Pass, Why: "all 1 seals hold", Sets: []ARCSet{{Instance: 1, Sealer: "list.example", SealedAt: e.ReceivedAt, CV: "none", Claim: Claim{DMARC: mail.Pass}},
		{Instance: 2, Sealer: "two.example", CV: "pass"}, {Instance: 3, Sealer: "three.example", CV: "fail"}}}
	e.Provider = []Statement{{ID: "mx.example", Via: ViaField, Method: "spf", Result: mail.Pass, Domain: "author.example", Ours: mail.Fail, Agreement: Differs, Cause: CauseOrigin, Why: "it saw more"}}
	var b strings.Builder
	if err := Explain(&b, &e, Decide(&Rules{Sealers: []mail.Domain{"list.example"}}, &e)); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"verdict: RELAY: clean why The mail claims author.example, and nothing that reached us proves it: it came from 192.0.2.7, which author.example does not list in SPF; it carries no DKIM signature. But list.example, a sealer of our rules, sealed that DMARC of author.example passed when the mail came there. ",
		"lifted dmarc-fail, by the sealer \"list.example\" ",
		"sender the Sender field names müller.example (xn--mller-kva.example) ",
		"resent the Resent-From field names resent.example ",
		"SPF fail (mailfrom author.example): 192.0.2.7 matched -all ",
		`SPF says author.example would tell whoever is refused: "See https://author.example/\x1bx" `,
		"SPF pass (helo mail.bulk.example, decides nothing): it matched a ",
		"ARC pass (sets: 3): all 1 seals hold ",
		"ARC set 1 sealed by list.example on 2026-11-22 09:00 UTC; it says that DMARC of the author's domain passed when the mail came there ",
		"ARC set 2 sealed by two.example, which found the sets before it whole ARC set 3 sealed by three.example, which found the sets before it broken ",
		"fault of the DMARC record, for its owner to mend: p= is missing ",
		"provider spf=pass for author.example, as mx.example; we say fail (origin): it saw more",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
}
