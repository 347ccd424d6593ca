package policy

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"mxgate/policy/mail"
)

// signedBy signs text for domain with the selector of the tests.
func signedBy(t *testing.T, domain, text string) string {
	t.Helper()
	var out bytes.Buffer
	err := dkim.Sign(&out, strings.NewReader(text), &dkim.SignOptions{Domain: domain, Selector: "sel", Signer: signingKey(), HeaderKeys: []string{"From", "To", "Subject"}})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// What is decided while the policy of the author domain cannot be read, and what
// when the message has waited for it long enough.
func TestWhileTheAuthorsPolicyCannotBeRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		lame   []string // names whose policy cannot be read
		author string
		signer string // "" for none
		before Disposition
		after  Disposition
		reason Reason // after the wait
	}{
		{"another customer of the author's provider signs", []string{"victim.hosting.example"}, "ceo@victim.hosting.example", "attacker.hosting.example", Defer, Tag, AuthUnavailable},
		{"the author's domain signs", []string{"victim.hosting.example"}, "ceo@victim.hosting.example", "victim.hosting.example", Relay, Relay, Clean},
		{"a lame name below a strict policy", []string{"lame.partner.example"}, "ceo@lame.partner.example", "", Defer, Quarantine, DMARCFail},
		{"a lame name far below a strict policy", []string{"a.b.lame.partner.example", "b.lame.partner.example", "lame.partner.example"}, "ceo@a.b.lame.partner.example", "", Defer, Quarantine, DMARCFail},
		{"a lame name below nothing", []string{"lame.other.example"}, "ceo@lame.other.example", "", Defer, Tag, AuthUnavailable},
		{"ours, signed exactly", []string{"example.com"}, "bob@example.com", "example.com", Relay, Relay, Clean},
		{"ours, signed by a subdomain", []string{"example.com"}, "bob@example.com", "news.example.com", Defer, Quarantine, OwnDomainSpoof},
		{"ours, a subdomain, signed above it", []string{"news.example.com"}, "bob@news.example.com", "example.com", Defer, Quarantine, OwnDomainSpoof},
		{"ours, a subdomain, signed by another", []string{"news.example.com"}, "bob@news.example.com", "mail.example.com", Defer, Quarantine, OwnDomainSpoof},
		{"ours, signed by a stranger", []string{"example.com"}, "bob@example.com", "partner.example", Quarantine, Quarantine, OwnDomainSpoof},
		{"ours, not signed", []string{"example.com"}, "bob@example.com", "", Quarantine, Quarantine, OwnDomainSpoof},
	} {
		t.Run(c.name, func(t *testing.T) {
			z := zone(t)
			key, _ := z.Raw("sel._domainkey.partner.example", "TXT")
			for _, d := range c.lame {
				z.Add("_dmarc."+d, "TXT", "SERVFAIL")
			}
			text := message(c.author)
			if c.signer != "" {
				if c.signer != "partner.example" {
					z.Add("sel._domainkey."+c.signer, "TXT", key[0])
				}
				text = signedBy(t, c.signer, text)
			}
			col := collector(t)
			col.Resolver = z
			e, err := col.collected(t.Context(), transaction(t, "203.0.113.5", "x@bulk.example", text), viaProvider, Given{})
			if err != nil {
				t.Fatal(err)
			}
			if e.DMARC.Result != mail.TempError || c.before == Defer && !e.Pending() {
				t.Fatalf("got %+v", e.DMARC)
			}
			rules := Rules{DeferAtMost: time.Hour}
			if v := decideAgain(t, rules, e); v.Disposition != c.before {
				t.Errorf("got %v %s: %s", v.Disposition, v.Reason, v.Sentence)
			}
			e.WaitedFor, e.Hurried = time.Hour, true
			if v := decideAgain(t, rules, e); v.Disposition != c.before || c.before == Defer && !strings.HasPrefix(v.Sentence, "DNS was waited for only for a moment") {
				t.Errorf("in a hurry: got %v %s: %s", v.Disposition, v.Reason, v.Sentence)
			}
			e.Hurried = false
			v := decideAgain(t, rules, e)
			if v.Disposition != c.after || v.Reason != c.reason {
				t.Errorf("after the wait: got %v %s: %s", v.Disposition, v.Reason, v.Sentence)
			}
			const told = "Its policy cannot be read; partner.example, above it, asks to reject such mail."
			if c.reason == DMARCFail && !strings.HasSuffix(v.Sentence, told) {
				t.Errorf("got %s", v.Sentence)
			}
		})
	}
}

// A policy that is provisional is not told as if the author published it.
func TestWhatTheRulesStandInForWhileThePolicyCannotBeRead(t *testing.T) {
	e := unproven("quarantine")
	e.DMARC.Result, e.WaitedFor = mail.TempError, time.Hour
	v := Decide(&Rules{DeferAtMost: time.Hour, AsReject: []mail.Domain{"author.example"}}, &e)
	if want := "author.example has a DMARC policy that cannot be read now, but our rules treat it as p=reject."; v.Reason != DMARCFail || !strings.HasSuffix(v.Sentence, want) {
		t.Errorf("got %s: %s", v.Reason, v.Sentence)
	}
}

// The sentence names the signature that is the proof, not another that holds.
func TestTheProofIsNamed(t *testing.T) {
	z := zone(t)
	key, _ := z.Raw("sel._domainkey.partner.example", "TXT")
	for name, text := range map[string]string{
		"sel._domainkey.corp.example": key[0], "sel._domainkey.z.y.corp.example": key[0],
		"_dmarc.corp.example": "v=DMARC1; p=reject", "_dmarc.z.y.corp.example": "v=DMARC1; p=none; psd=n",
	} {
		z.Add(name, "TXT", text)
	}
	col := collector(t)
	col.Resolver = z
	text := signedBy(t, "z.y.corp.example", signedBy(t, "corp.example", message("a@x.y.corp.example")))
	e, err := col.collected(t.Context(), transaction(t, "203.0.113.5", "x@bulk.example", text), viaProvider, Given{})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.DKIM) != 2 || slices.ContainsFunc(e.DKIM, func(s DKIM) bool { return s.Result != mail.Pass }) {
		t.Fatalf("got %+v", e.DKIM)
	}
	if v, want := Decide(&Rules{}, &e), "The author domain x.y.corp.example is proven: the DKIM signature by corp.example holds."; v.Sentence != want {
		t.Errorf("got %s", v.Sentence)
	}
	e.DMARC.DKIMDomain = "" // older evidence
	if v, want := Decide(&Rules{}, &e), "The author domain x.y.corp.example is proven: an aligned DKIM signature holds."; v.Sentence != want {
		t.Errorf("got %s", v.Sentence)
	}
}
