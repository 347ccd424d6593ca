package policy

import (
	"strings"
	"testing"
	"time"

	"mxgate/policy/mail"
)

// listed is evidence of mail that a list signed and whose author nothing proves.
func listed(policy string) Evidence {
	e := unproven(policy)
	e.DKIM = []DKIM{{Result: mail.Fail, Domain: "author.example", Breakage: "body-changed"}, {Result: mail.Pass, Domain: "list.example"}}
	return e
}

// chained is the same, sealed by these, oldest first; the first one vouches.
func chained(oldestPass int, by ...mail.Domain) Evidence {
	e := unproven("reject")
	e.ARC = ARC{Result: mail.Pass, OldestPass: oldestPass}
	for i, d := range by {
		e.ARC.Sets = append(e.ARC.Sets, ARCSet{Instance: i + 1, Sealer: d})
	}
	e.ARC.Sets[0].Claim.DMARC = mail.Pass
	return e
}

func TestForwarders(t *testing.T) {
	list := Forwarder{Name: "a list", DKIM: []mail.Domain{"list.example"}}
	with := func(change func(*Forwarder)) Forwarder { f := list; change(&f); return f }
	for _, c := range []struct {
		name   string
		f      Forwarder
		e      Evidence
		change func(*Evidence)
		want   Reason
	}{
		{"proven by its signature", list, listed("reject"), nil, Clean},
		{"proven by its signature, a weak policy", list, listed("none"), nil, Clean},
		{"proven by its seal", with(func(f *Forwarder) { f.DKIM, f.Sealers = nil, []mail.Domain{"list.example"} }), chained(0, "list.example"), nil, Clean},
		{"proven by nothing", list, unproven("reject"), nil, DMARCFail},
		{"no proof asked for", with(func(f *Forwarder) { f.DKIM = nil }), listed("reject"), nil, DMARCFail},
		{"a signature that does not hold", list, listed("reject"), func(e *Evidence) { e.DKIM[1].Result = mail.Fail }, DMARCFail},
		{"a signature of which DNS says nothing", list, listed("reject"), func(e *Evidence) { e.DKIM[1].Result = mail.TempError }, AuthUnavailable},
		{"the same of our own domain, which it does not excuse", list, listed("reject"), func(e *Evidence) { e.DKIM[1].Result, e.OwnDomain = mail.TempError, "author.example" }, OwnDomainSpoof},
		{"the same of our own domain, which it excuses", with(func(f *Forwarder) { f.Reasons = ForwarderReasons() }), listed("reject"), func(e *Evidence) { e.DKIM[1].Result, e.OwnDomain = mail.TempError, "author.example" }, AuthUnavailable},
		{"the same of a weak policy", list, listed("none"), func(e *Evidence) { e.DKIM[1].Result = mail.TempError }, DMARCNoneWeak},
		{"a seal of which DNS says nothing", with(func(f *Forwarder) { f.Sealers = []mail.Domain{"list.example"} }), chained(0, "list.example"), func(e *Evidence) { e.ARC.Result = mail.TempError }, AuthUnavailable},
		{"the same, and it denies the author", with(func(f *Forwarder) { f.Sealers = []mail.Domain{"list.example"} }), chained(0, "list.example"), func(e *Evidence) { e.ARC.Result, e.ARC.Sets[0].Claim.DMARC = mail.TempError, mail.Fail }, DMARCFail},
		{"a signature that only tests", list, listed("reject"), func(e *Evidence) { e.DKIM[1].Testing = true }, DMARCFail},
		{"a signature below it", list, listed("reject"), func(e *Evidence) { e.DKIM[1].Domain = "x.list.example" }, DMARCFail},
		{"a seal that only tests", with(func(f *Forwarder) { f.Sealers = []mail.Domain{"list.example"} }), chained(0, "list.example"), func(e *Evidence) { e.ARC.Sets[0].Testing = true }, DMARCFail},
		{"a seal of a chain that does not hold", with(func(f *Forwarder) { f.Sealers = []mail.Domain{"list.example"} }), chained(0, "list.example"), func(e *Evidence) { e.ARC.Result = mail.Fail }, DMARCFail},
		{"its own seal denies the author", with(func(f *Forwarder) { f.Sealers = []mail.Domain{"list.example"} }), chained(0, "list.example"), func(e *Evidence) { e.ARC.Sets[0].Claim.DMARC = mail.Fail }, DMARCFail},
		{"its own first seal denies the author, its second says nothing", with(func(f *Forwarder) { f.Sealers = []mail.Domain{"list.example"} }), chained(0, "list.example", "list.example"), func(e *Evidence) { e.ARC.Sets[0].Claim.DMARC = mail.Fail }, DMARCFail},
		{"it signs, and its own seal denies the author", list, listed("reject"), func(e *Evidence) {
			e.ARC = ARC{Result: mail.Pass, Sets: []ARCSet{{Instance: 1, Sealer: "list.example", Claim: Claim{DMARC: mail.Fail}}}}
		}, DMARCFail},
		{"changed by a stranger after its seal", with(func(f *Forwarder) { f.Sealers = []mail.Domain{"list.example"} }), chained(2, "list.example", "stranger.example"), nil, DMARCFail},
		{"sealed by a stranger after it, unchanged", with(func(f *Forwarder) { f.Sealers = []mail.Domain{"list.example"} }), chained(0, "list.example", "stranger.example"), nil, Clean},
		{"for these authors", with(func(f *Forwarder) { f.Authors = []mail.Domain{"author.example"} }), listed("reject"), nil, Clean},
		{"for other authors", with(func(f *Forwarder) { f.Authors = []mail.Domain{"other.example"} }), listed("reject"), nil, DMARCFail},
		{"for this recipient", with(func(f *Forwarder) { f.Recipient = "bob@example.com" }), listed("reject"), nil, Clean},
		{"for another recipient", with(func(f *Forwarder) { f.Recipient = "eve@example.com" }), listed("reject"), nil, DMARCFail},
		{"expired", with(func(f *Forwarder) { f.Expires = proven().ReceivedAt.Add(-time.Hour) }), listed("reject"), nil, DMARCFail},
		{"our own domain, not said", list, listed("reject"), func(e *Evidence) { e.OwnDomain = "author.example" }, OwnDomainSpoof},
		{"our own domain, said", with(func(f *Forwarder) { f.Reasons = []Reason{OwnDomainSpoof, DMARCFail} }), listed("reject"), func(e *Evidence) { e.OwnDomain = "author.example" }, Clean},
		{"only our own domain, said", with(func(f *Forwarder) { f.Reasons = []Reason{OwnDomainSpoof} }), listed("reject"), func(e *Evidence) { e.OwnDomain = "author.example" }, DMARCFail},
		{"an author shown inside, said", with(func(f *Forwarder) { f.Reasons = []Reason{Impersonated} }), proven(), func(e *Evidence) {
			e.DKIM[0].Domain, e.Author.Protected = "list.example", &Protected{Domains: []mail.Domain{"other.example"}}
		}, Clean},
		{"what says more than that nothing is proven", with(func(f *Forwarder) { f.Reasons = []Reason{Unscannable, DMARCFail} }), listed("reject"), func(e *Evidence) { e.Unscannable = "too deep" }, Unscannable},
		{"no single author", with(func(f *Forwarder) { f.Reasons = []Reason{FromAmbiguous, DMARCFail} }), listed("reject"), func(e *Evidence) { e.Author.Ambiguous = "two" }, FromAmbiguous},
		{"DNS trouble that would end in what is lifted", list, listed("reject"), func(e *Evidence) { e.DMARC = DMARC{Result: mail.TempError} }, Clean},
		{"DNS trouble that would end in a spoof", list, listed("reject"), func(e *Evidence) {
			e.DMARC, e.OwnDomain = DMARC{Result: mail.TempError}, "author.example"
			e.SPF = SPF{Result: mail.TempError, Domain: "author.example"}
		}, AuthUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.change != nil {
				c.change(&c.e)
			}
			v := decideAgain(t, Rules{Forwarders: []Forwarder{c.f}}, c.e)
			if v.Reason != c.want {
				t.Fatalf("got %v %s: %s", v.Disposition, v.Reason, v.Sentence)
			}
			if c.want == Clean && (len(v.Lifted) == 0 || v.Lifted[0].By != ByForwarder || !strings.Contains(v.Sentence, `"a list"`)) {
				t.Errorf("it is not said who was believed: %+v, %s", v.Lifted, v.Sentence)
			}
			if c.want == Clean && c.e.Aligned() == strings.Contains(v.Sentence, "nothing proves it") {
				t.Errorf("not so: %s", v.Sentence)
			}
		})
	}
}

func TestWhichSetsStand(t *testing.T) {
	named := Rules{Sealers: []mail.Domain{"list.example", "other.example"}}
	for _, c := range []struct {
		name   string
		e      Evidence
		change func(*Evidence)
		want   Reason
	}{
		{"unchanged since", chained(0, "list.example", "stranger.example", "stranger.example"), nil, Clean},
		{"changed after the next", chained(3, "list.example", "stranger.example", "stranger.example"), nil, DMARCFail},
		{"changed before it, and by nobody since", chained(2, "stranger.example", "list.example", "stranger.example"), func(e *Evidence) {
			e.ARC.Sets[0].Claim, e.ARC.Sets[1].Claim = Claim{}, Claim{DMARC: mail.Pass}
		}, Clean},
		{"changed by one who is named", chained(2, "list.example", "other.example"), nil, Clean},
		{"changed by one who is named, before a stranger", chained(2, "list.example", "other.example", "stranger.example"), nil, DMARCFail},
		{"changed by one who tests", chained(2, "list.example", "other.example"), func(e *Evidence) { e.ARC.Sets[1].Testing = true }, DMARCFail},
		{"tests itself", chained(0, "list.example"), func(e *Evidence) { e.ARC.Sets[0].Testing = true }, DMARCFail},
		{"a chain that cannot be checked now", chained(0, "list.example"), func(e *Evidence) { e.ARC.Result = mail.TempError }, AuthUnavailable},
		{"the same with a stranger's seal on top", chained(0, "list.example", "stranger.example"), func(e *Evidence) { e.ARC.Result = mail.TempError }, DMARCFail},
		{"a weak policy", chained(0, "list.example"), func(e *Evidence) { e.DMARC.Policy = "none" }, Clean},
		{"a weak policy and DNS trouble of the sealer is nothing to wait for", chained(0, "list.example"), func(e *Evidence) { e.DMARC.Policy, e.ARC.Result = "none", mail.TempError }, DMARCNoneWeak},
		{"DNS trouble of the author", chained(0, "list.example"), func(e *Evidence) { e.DMARC = DMARC{Result: mail.TempError} }, Clean},
		{"another finding stays", chained(0, "list.example"), func(e *Evidence) { e.Unscannable = "too deep" }, Unscannable},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.change != nil {
				c.change(&c.e)
			}
			if v := decideAgain(t, named, c.e); v.Reason != c.want {
				t.Errorf("got %v %s: %s", v.Disposition, v.Reason, v.Sentence)
			}
		})
	}
}

// Some domains publish less than we want of them. Our own are such without being
// listed: what is not proven to be ours is a spoof.
func TestPoliciesTreatedAsReject(t *testing.T) {
	rules := Rules{AsReject: []mail.Domain{"author.example"}, DeferAtMost: time.Hour}
	at := func(change func(*Evidence)) Evidence { e := unproven("none"); change(&e); return e }
	for _, c := range []struct {
		name     string
		rules    Rules
		e        Evidence
		want     Reason
		sentence string
	}{
		{"p=none", rules, unproven("none"), DMARCFail, "author.example asks for no action (p=none), but our rules treat it as p=reject."},
		{"p=quarantine", rules, unproven("quarantine"), DMARCFail, "asks for p=quarantine, but our rules treat it as p=reject."},
		{"no record", rules, at(func(e *Evidence) { e.DMARC = DMARC{Result: mail.None} }), DMARCFail, "publishes no DMARC policy, but our rules"},
		{"a name below", rules, at(func(e *Evidence) { e.Author.Domain = "mail.author.example" }), DMARCFail, "our rules"},
		{"p=reject needs no rule", rules, unproven("reject"), DMARCFail, "author.example asks to reject such mail."},
		{"proven", rules, proven(), Clean, ""},
		{"another domain", Rules{AsReject: []mail.Domain{"other.example"}}, unproven("none"), DMARCNoneWeak, ""},
		{"a name above", Rules{AsReject: []mail.Domain{"mail.author.example"}}, unproven("none"), DMARCNoneWeak, ""},
		{"DNS trouble is waited for", rules, at(func(e *Evidence) { e.DKIM = []DKIM{{Result: mail.TempError, Domain: "author.example"}} }), AuthUnavailable, ""},
		{"but not for ever", rules, at(func(e *Evidence) { e.WaitedFor = 2 * time.Hour; e.DMARC = DMARC{Result: mail.TempError} }), DMARCFail, "cannot be read now, but our rules"},
		{"our own with p=none", Rules{}, at(func(e *Evidence) { e.OwnDomain = "author.example" }), OwnDomainSpoof, "our own domain author.example"},
		{"our own without a record", Rules{}, at(func(e *Evidence) { e.OwnDomain, e.DMARC = "author.example", DMARC{Result: mail.None} }), OwnDomainSpoof, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := decideAgain(t, c.rules, c.e)
			if v.Reason != c.want || !strings.Contains(v.Sentence, c.sentence) {
				t.Errorf("got %v %s: %s", v.Disposition, v.Reason, v.Sentence)
			}
			if (c.want == DMARCFail || c.want == OwnDomainSpoof) && v.Disposition != Quarantine {
				t.Errorf("got %v", v.Disposition)
			}
		})
	}
}

func TestWhatAForwarderMayLiftIsDecidable(t *testing.T) {
	known := DefaultDispositions()
	for _, r := range ForwarderReasons() {
		if _, ok := known[r]; !ok {
			t.Errorf("%s is no reason of a verdict", r)
		}
	}
}

// Where mail that DNS does not tell about is let through, the name of a forwarder in a
// signature that nobody can check must not be the way.
func TestAForwarderOfWhichDNSSaysNothingIsWaitedForAndNoMore(t *testing.T) {
	e := listed("reject")
	e.DKIM[1].Result = mail.TempError
	for d, want := range map[Disposition]Reason{Relay: DMARCFail, Tag: DMARCFail, Defer: AuthUnavailable, Quarantine: DMARCFail, Reject: DMARCFail} {
		rules := Rules{Forwarders: []Forwarder{{Name: "a list", DKIM: []mail.Domain{"list.example"}}}, Dispositions: map[Reason]Disposition{AuthUnavailable: d}}
		if v := decideAgain(t, rules, e); v.Reason != want {
			t.Errorf("auth-unavailable = %v: %v %s: %s", d, v.Disposition, v.Reason, v.Sentence)
		}
		e.Hurried = true // through us: it comes again, whatever is done with those that DNS fails
		if v := decideAgain(t, rules, e); v.Disposition != Defer {
			t.Errorf("in a hurry, auth-unavailable = %v: %v %s: %s", d, v.Disposition, v.Reason, v.Sentence)
		}
		e.Hurried = false
	}
	rules := Rules{
		Forwarders: []Forwarder{{Name: "a list", DKIM: []mail.Domain{"list.example"}}},
		Exceptions: []Exception{{Author: "author.example", Require: e.Origin.IP, Reasons: []Reason{AuthUnavailable}}},
	}
	if v := decideAgain(t, rules, e); v.Reason != DMARCFail {
		t.Errorf("with an exception: %v %s: %s", v.Disposition, v.Reason, v.Sentence)
	}
}
