package policy

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"mxgate/policy/mail"
)

// proven is evidence of a message whose author is proven; tests change it.
func proven() Evidence {
	return Evidence{
		Source: "provider", Origin: Origin{IP: "192.0.2.7", Method: "ingress-role", Confidence: "medium"},
		SPF:          SPF{Result: mail.Pass, Domain: "author.example", Identity: "mailfrom"},
		DKIM:         []DKIM{{Result: mail.Pass, Domain: "author.example", Selector: "s"}},
		DMARC:        DMARC{Result: mail.Pass, Domain: "author.example", Policy: "reject", SPFAligned: true, DKIMAligned: true},
		Author:       Author{Address: "a@author.example", Domain: "author.example", Candidates: []mail.Domain{"author.example"}},
		ForwardPaths: []string{"bob@example.com"}, ReceivedAt: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
	}
}

// unproven is the same message with nothing that proves its author.
func unproven(policy string) Evidence {
	e := proven()
	e.SPF.Result, e.DKIM = mail.Fail, []DKIM{}
	e.DMARC = DMARC{Result: mail.Fail, Domain: "author.example", Policy: policy}
	return e
}

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Evidence)
		from   Evidence
		want   Disposition
		reason Reason
	}{
		{"a proven author is clean", nil, proven(), Relay, Clean},
		{"no single author is quarantined", func(e *Evidence) { e.Author.Ambiguous = "two From fields" }, proven(), Quarantine, FromAmbiguous},
		{"our own domain without proof is a spoof although its policy is none", func(e *Evidence) { e.OwnDomain = "author.example" }, unproven("none"), Quarantine, OwnDomainSpoof},
		{"our own domain with proof is clean", func(e *Evidence) { e.OwnDomain = "author.example" }, proven(), Relay, Clean},
		{"a strong look-alike author is quarantined though it is authenticated", func(e *Evidence) {
			e.Lookalike = []Lookalike{{Domain: "he1se.de", Target: "heise.de", Confidence: 97, Alone: true, Where: "author", Why: "he1se.de looks like heise.de: 1 for i"}}
		}, proven(), Quarantine, LookalikeDomain},
		{"a weak look-alike only tags", func(e *Evidence) {
			e.Lookalike = []Lookalike{{Confidence: 70, Where: "author", Why: "heise.com looks like heise.de"}}
		}, proven(), Tag, LookalikeDomain},
		{"a faint look-alike of a partner stays in the evidence", func(e *Evidence) {
			e.Lookalike = []Lookalike{{Confidence: 60, Where: "author", Why: "heise.com looks like heise.de"}}
		}, proven(), Relay, Clean},
		{"a faint look-alike of our own domain tags", func(e *Evidence) {
			e.Lookalike = []Lookalike{{Confidence: 60, Own: true, Where: "author", Why: "examp.com looks like example.com"}}
		}, proven(), Tag, LookalikeDomain},
		{"a weak look-alike among the recipients is nothing", func(e *Evidence) {
			e.Lookalike = []Lookalike{{Confidence: 70, Where: "to", Why: "x looks like y"}}
		}, proven(), Relay, Clean},
		{"a strong look-alike in Cc only tags: the author did not choose his name", func(e *Evidence) {
			e.Lookalike = []Lookalike{{Confidence: 97, Alone: true, Where: "cc", Why: "x looks like y"}}
		}, proven(), Tag, LookalikeDomain},
		{"a weak likeness in the author does not hide a strong one in Reply-To", func(e *Evidence) {
			e.Lookalike = []Lookalike{{Confidence: 99, Where: "author", Why: "a"}, {Confidence: 80, Alone: true, Where: "reply-to", Why: "b"}}
		}, proven(), Quarantine, LookalikeDomain},
		{"a borrowed name tags", func(e *Evidence) { e.Impersonated = &Impersonation{Name: "Erika", Address: "x@y.example"} }, proven(), Tag, Impersonated},
		{"a borrowed name does not hide a DMARC failure", func(e *Evidence) { e.Impersonated = &Impersonation{Name: "Erika"} }, unproven("reject"), Quarantine, DMARCFail},
		{"p=reject is quarantined, not rejected", nil, unproven("reject"), Quarantine, DMARCFail},
		{"p=none and no proof only tags", nil, unproven("none"), Tag, DMARCNoneWeak},
		{"no record and no proof only tags", func(e *Evidence) { e.DMARC = DMARC{Result: mail.None} }, unproven(""), Tag, DMARCNoneWeak},
		{"no proof but what DNS does not say, without a policy", func(e *Evidence) { e.SPF.Result = mail.TempError }, unproven("none"), Tag, DMARCNoneWeak},
		{"the same in a hurry", func(e *Evidence) { e.SPF.Result, e.Hurried, e.WaitedFor = mail.TempError, true, 2*time.Hour }, unproven("none"), Defer, AuthUnavailable},
		{"in a hurry, without a record", func(e *Evidence) {
			e.DMARC, e.SPF.Result, e.Hurried = DMARC{Result: mail.None}, mail.TempError, true
		}, unproven(""), Defer, AuthUnavailable},
		{"in a hurry, the key of who passed it on", func(e *Evidence) {
			e.DKIM, e.Hurried = []DKIM{{Result: mail.TempError, Domain: "list.example"}}, true
		}, unproven("reject"), Defer, AuthUnavailable},
		{"in a hurry, a seal", func(e *Evidence) { e.ARC.Result, e.Hurried = mail.TempError, true }, unproven("reject"), Defer, AuthUnavailable},
		{"in a hurry, whom a look-alike belongs to", func(e *Evidence) {
			e.Lookalike = []Lookalike{{Confidence: 97, Alone: true, Where: "author", Why: "x looks like y"}}
			e.DKIM, e.Hurried = append(e.DKIM, DKIM{Result: mail.TempError, Domain: "y.example"}), true
		}, proven(), Defer, AuthUnavailable},
		{"in a hurry, a look-alike of which all is known", func(e *Evidence) {
			e.Lookalike, e.Hurried = []Lookalike{{Confidence: 97, Alone: true, Where: "author", Why: "x looks like y"}}, true
		}, proven(), Quarantine, LookalikeDomain},
		{"in a hurry, two authors are two", func(e *Evidence) {
			e.Author.Ambiguous, e.Hurried = "two From fields", true
			e.DKIM = []DKIM{{Result: mail.TempError, Domain: "y.example"}}
		}, unproven("reject"), Quarantine, FromAmbiguous},
		{"in a hurry, clean all the same", func(e *Evidence) {
			e.DKIM, e.Hurried = append(e.DKIM, DKIM{Result: mail.TempError, Domain: "y.example"}), true
		}, proven(), Relay, Clean},
		{"in a hurry that cost nothing", func(e *Evidence) { e.Hurried = true }, unproven("none"), Tag, DMARCNoneWeak},
		{"an unknown policy defers", func(e *Evidence) { e.DMARC = DMARC{Result: mail.TempError} }, unproven(""), Defer, AuthUnavailable},
		{"SPF trouble of the author's own domain defers a strict policy", func(e *Evidence) { e.SPF = SPF{Result: mail.TempError, Domain: "mail.author.example"} }, unproven("reject"), Defer, AuthUnavailable},
		{"SPF trouble of a domain the sender chose does not", func(e *Evidence) { e.SPF = SPF{Result: mail.TempError, Domain: "attacker.example"} }, unproven("reject"), Quarantine, DMARCFail},
		{"DKIM trouble of the author's domain defers our own domain", func(e *Evidence) {
			e.OwnDomain, e.DKIM = "author.example", []DKIM{{Result: mail.TempError, Domain: "author.example"}}
		}, unproven("none"), Defer, AuthUnavailable},
		{"after the wait our own domain is a spoof", func(e *Evidence) {
			e.OwnDomain, e.DKIM, e.WaitedFor = "author.example", []DKIM{{Result: mail.TempError, Domain: "author.example"}}, 2*time.Hour
		}, unproven("none"), Quarantine, OwnDomainSpoof},
		{"after the wait another domain is tagged", func(e *Evidence) { e.DMARC, e.WaitedFor = DMARC{Result: mail.TempError}, 2*time.Hour }, unproven(""), Tag, AuthUnavailable},
		{"a known strict policy is judged after the wait although a signature stays undecided", func(e *Evidence) {
			e.DKIM, e.WaitedFor = []DKIM{{Result: mail.TempError, Domain: "lame.author.example"}}, 2*time.Hour
			e.DMARC.Result = mail.TempError
		}, unproven("reject"), Quarantine, DMARCFail},
		{"before that it is deferred", func(e *Evidence) {
			e.DKIM = []DKIM{{Result: mail.TempError, Domain: "lame.author.example"}}
			e.DMARC.Result = mail.TempError
		}, unproven("reject"), Defer, AuthUnavailable},
		{"an address of ours shown in place of the author's tags", func(e *Evidence) { e.Impersonated = &Impersonation{Domain: "example.com", Address: "x@y.example"} }, proven(), Tag, Impersonated},
		{"DNS trouble does not matter once something aligned", func(e *Evidence) { e.SPF.Result, e.DMARC.SPFAligned = mail.TempError, false }, proven(), Relay, Clean},
		{"a missing provider hop tags", func(e *Evidence) { e.Origin = Origin{HopMissing: true, Why: "no Received"} }, proven(), Tag, BypassSuspect},
		{"an unscannable message is quarantined though another reason tags", func(e *Evidence) { e.Unscannable = "nested deeper than 64" }, unproven("none"), Quarantine, Unscannable},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := c.from
			if c.change != nil {
				c.change(&e)
			}
			v := Decide(&Rules{DeferAtMost: time.Hour}, &e)
			if v.Disposition != c.want || v.Reason != c.reason || v.Sentence == "" {
				t.Errorf("got %v %s %q, want %v %s", v.Disposition, v.Reason, v.Sentence, c.want, c.reason)
			}
			again := decideAgain(t, Rules{DeferAtMost: time.Hour}, e)
			if !reflect.DeepEqual(v, again) {
				t.Errorf("stored evidence decides otherwise: %+v, then %+v", v, again)
			}
		})
	}
}

// decideAgain decides evidence that has been stored and read.
func decideAgain(t *testing.T, r Rules, e Evidence) Verdict {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var stored Evidence
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	return Decide(&r, &stored)
}

func TestTheOperatorsDispositionCounts(t *testing.T) {
	e := unproven("reject")
	v := Decide(&Rules{Dispositions: map[Reason]Disposition{DMARCFail: Reject}}, &e)
	if v.Disposition != Reject {
		t.Errorf("got %v", v.Disposition)
	}
	weak := proven()
	weak.Lookalike = []Lookalike{{Confidence: 70, Where: "author", Why: "x"}}
	if v := Decide(&Rules{Dispositions: map[Reason]Disposition{LookalikeDomain: Reject}}, &weak); v.Disposition != Tag {
		t.Errorf("a weak likeness may at most tag, got %v", v.Disposition)
	}
}

func TestExceptionsNeedProof(t *testing.T) {
	own := unproven("none")
	own.OwnDomain = "author.example"
	rule := func(require string) Exception {
		return Exception{Author: "A@author.example", Require: require, Reasons: []Reason{OwnDomainSpoof, DMARCNoneWeak}}
	}
	expired := rule("192.0.2.7")
	expired.Expires = own.ReceivedAt.Add(-time.Hour)
	other := rule("192.0.2.7")
	other.Recipient = "else@example.com"
	for _, c := range []struct {
		name string
		x    Exception
		want Reason
	}{
		{"the address it must come from", rule("192.0.2.7"), Clean},
		{"the range it must come from", rule("192.0.2.0/24"), Clean},
		{"another address", rule("192.0.2.8"), OwnDomainSpoof},
		{"a signature it does not have", rule("dkim"), OwnDomainSpoof},
		{"an alignment it does not have", rule("aligned"), OwnDomainSpoof},
		{"a proof nobody knows", rule("luck"), OwnDomainSpoof},
		{"expired", expired, OwnDomainSpoof},
		{"another recipient", other, OwnDomainSpoof},
	} {
		t.Run(c.name, func(t *testing.T) {
			if v := Decide(&Rules{Exceptions: []Exception{c.x}}, &own); v.Reason != c.want {
				t.Errorf("got %s, want %s", v.Reason, c.want)
			}
		})
	}
}

func TestExplainHidesWhatATerminalObeys(t *testing.T) {
	e := proven()
	e.Author.Display = "a\x1b[2Jb\u202ec"
	var b strings.Builder
	if err := Explain(&b, &e, Decide(&Rules{}, &e)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Errorf("control characters reach the terminal: %q", b.String())
	}
}

func TestTheZeroDispositionIsDefer(t *testing.T) {
	var v Verdict
	if v.Disposition != Defer {
		t.Errorf("got %v", v.Disposition)
	}
}
