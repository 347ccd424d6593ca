package gateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/store"
	"mxgate/policy"
	"mxgate/policy/dns"
)

// nested is a message of so many multiparts in one another.
func nested(levels int) string {
	var b strings.Builder
	for i := range levels {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	return b.String() + "\r\nin the middle\r\n"
}

// quarantinedMail is what must be quarantined, and for which reason.
type quarantinedMail struct {
	name, content string
	reason        policy.Reason
}

// wantQuarantined fails unless each is answered 250, is whole in quarantine, and is
// nowhere near the next hop.
func wantQuarantined(t *testing.T, cases ...quarantinedMail) {
	t.Helper()
	g := newStage(t, script{tail: "[protect]\ndomains = [\"heise.de\"]\n"})
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			from := fmt.Sprintf("s%d@partner.example", i)
			reply := g.deliver(from, []string{bob}, c.content)
			g.wantReply(reply, "250 2.0.0")
			e := g.entry(reply)
			if e.Reason != string(c.reason) || e.Outcome != store.Quarantined || e.Disposition != "quarantine" || e.Sentence == "" || e.Size != int64(len(c.content)) {
				t.Errorf("the journal says %s, %s, %s, %d octets, %q; want quarantine for %s", e.Outcome, e.Disposition, e.Reason, e.Size, e.Sentence, c.reason)
			}
			h, err := g.server.Store().Get(t.Context(), idOf(reply))
			if err != nil || h.Envelope.ReversePath.String() != from || len(h.Envelope.ForwardPaths) != 1 || h.Envelope.ForwardPaths[0].String() != bob || h.NextHop != g.sink.Addr().String() || h.Reason != string(c.reason) {
				t.Errorf("held as %s, %+v, %s, %v", h.Reason, h.Envelope, h.NextHop, err)
			}
			for _, held := range g.held() {
				if held.key == keyOf(from) && (held.missing != nil || string(held.content) != c.content) {
					t.Errorf("the quarantine has %d octets, %v; sent were %d", len(held.content), held.missing, len(c.content))
				}
			}
		})
	}
	if n := g.sink.Count(); n != 0 {
		t.Errorf("%d messages at the next hop", n)
	}
}

// Whose author is not one domain is nobody's.
func TestDuty_F8(t *testing.T) {
	wantQuarantined(t,
		quarantinedMail{"no From", compose("192.0.2.10", "To: "+bob, "Subject: none"), policy.FromAmbiguous},
		quarantinedMail{"two From", cleanMail("From: Mallory <mallory@foreign.example>"), policy.FromAmbiguous},
		quarantinedMail{"two equal From", cleanMail("From: Anna <" + partner + ">"), policy.FromAmbiguous},
		quarantinedMail{"an empty From", compose("192.0.2.10", "From:", "To: "+bob), policy.FromAmbiguous},
		quarantinedMail{"two authors of two domains", compose("192.0.2.10", "From: a@partner.example, b@foreign.example"), policy.FromAmbiguous},
		quarantinedMail{"From with white space before the colon", cleanMail("From : mallory@foreign.example"), policy.FromAmbiguous},
		quarantinedMail{"no header section", "\r\nonly a body\r\n", policy.FromAmbiguous},
		quarantinedMail{"nothing", "", policy.FromAmbiguous},
		quarantinedMail{"no empty line", "no colon here\r\nnor here\r\n", policy.FromAmbiguous},
	)
}

// What cannot be examined whole is not taken for clean.
func TestDuty_F9(t *testing.T) {
	const inMail = "Content-Type: message/rfc822\r\n\r\n"
	head := strings.TrimSuffix(cleanMail("MIME-Version: 1.0"), "\r\nHello.\r\n.a line with a dot\r\n..\r\n")
	wantQuarantined(t,
		quarantinedMail{"100 messages in one another", head + strings.Repeat(inMail, 100) + "x\r\n", policy.Unscannable},
		quarantinedMail{"40 multiparts in one another, and 40 messages in the last", head + strings.TrimSuffix(nested(40), "\r\nin the middle\r\n") + strings.Repeat(inMail, 40) + "x\r\n", policy.Unscannable},
		quarantinedMail{"1100 parts", head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 1100) + "--b--\r\n", policy.Unscannable},
		quarantinedMail{"two boundaries", head + "Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n", policy.Unscannable},
		quarantinedMail{"300 multiparts in one another", strings.TrimSuffix(cleanMail("MIME-Version: 1.0"), "\r\nHello.\r\n.a line with a dot\r\n..\r\n") + nested(300), policy.Unscannable},
	)
}

// Who pretends to be somebody is held for a person to look at.
func TestDuty_V6(t *testing.T) {
	wantQuarantined(t,
		quarantinedMail{"our own domain, unproven", spoofMail(), policy.OwnDomainSpoof},
		quarantinedMail{"our own domain, no trace at all", "From: " + bob + "\r\nSubject: x\r\n\r\nx\r\n", policy.OwnDomainSpoof},
		quarantinedMail{"a look-alike", compose("203.0.113.66", "From: billing@he1se.de", "To: "+bob), policy.LookalikeDomain},
	)
}

// A published p=reject quarantines: refusing is for the operator to choose.
func TestDuty_V3(t *testing.T) {
	wantQuarantined(t,
		quarantinedMail{"DMARC fail with p=reject", compose("198.51.100.7", "From: "+partner, "To: "+bob), policy.DMARCFail},
	)
}

// Mail whose verdict depends on DNS is deferred while nobody answers, and
// delivered with a warning after policy.defer_at_most.
func TestDuty_V5(t *testing.T) {
	closed, err := dnstest.Serve("127.0.0.1:0", dns.MustSnapshot(t, stageZone))
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	const slow = "[policy]\ntime_budget = \"50ms\"\n"
	for _, c := range []struct {
		name    string
		s       script
		broken  dnstest.Behaviour
		content string
	}{
		{"a resolver that is silent", script{quick: "100ms"}, dnstest.Behaviour{Drop: true}, cleanMail()},
		{"a resolver that is gone", script{quick: "1s", dns: closed.Addr().String()}, dnstest.Behaviour{}, cleanMail()},
		{"a resolver that fails", script{}, dnstest.Behaviour{Rcode: "SERVFAIL"}, cleanMail()},
		{"a resolver that refuses", script{}, dnstest.Behaviour{Rcode: "REFUSED"}, cleanMail()},
		{"the time for all checks is over", script{quick: "20s", tail: slow}, dnstest.Behaviour{Drop: true}, cleanMail()},
		{"our own domain, perhaps proven", script{quick: "100ms"}, dnstest.Behaviour{Drop: true}, spoofMail()},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newStage(t, c.s)
			g.dns.Behave(c.broken)
			from := partner
			if strings.Contains(c.content, "From: "+bob) {
				from = bob // its SPF might pass: whoever forges that waits
			}
			reply := g.deliver(from, []string{bob}, c.content)
			g.wantReply(reply, "451 4.4.3")
			e := g.entry(reply)
			if e.Outcome != store.Deferred || e.Disposition != "defer" || e.Reason != string(policy.AuthUnavailable) || e.ReplyCode != 451 || e.Enhanced != "4.4.3" || len(e.Evidence) == 0 {
				t.Errorf("the journal says %s, %s, %s, %d %s", e.Outcome, e.Disposition, e.Reason, e.ReplyCode, e.Enhanced)
			}
			g.wantNothingMoved()
		})
	}
}

func TestDuty_V5_AfterWaitingMailIsDeliveredWithAWarning(t *testing.T) {
	g := newStage(t, script{quick: "50ms", tail: "[policy]\ndefer_at_most = \"1ns\"\n"})
	g.dns.Behave(dnstest.Behaviour{Drop: true})
	g.wantReply(g.deliver(partner, []string{bob}, cleanMail()), "451 4.4.3")
	reply := g.deliver(partner, []string{bob}, cleanMail())
	g.wantReply(reply, "250 2.0.0")
	if e := g.entry(reply); e.Disposition != "tag" || e.Reason != string(policy.AuthUnavailable) || e.Outcome != store.Relayed {
		t.Errorf("the journal says %s, %s, %s; want it tagged and relayed", e.Disposition, e.Reason, e.Outcome)
	}
	g.wantReply(g.deliver(bob, []string{bob}, spoofMail()), "451 4.4.3")
	reply = g.deliver(bob, []string{bob}, spoofMail())
	g.wantReply(reply, "250 2.0.0")
	if e := g.entry(reply); e.Outcome != store.Quarantined || e.Reason != string(policy.OwnDomainSpoof) {
		t.Errorf("the journal says %s, %s; what claims to be ours is never delivered unproven", e.Outcome, e.Reason)
	}
}

func TestObserveModeRelaysAndSaysWhatWouldHaveHappened(t *testing.T) {
	g := newStage(t, script{head: `mode = "observe"`})
	content := spoofMail()
	reply := g.deliver(crook, []string{bob}, content)
	g.wantReply(reply, "250 2.0.0")
	got := g.sink.Messages()
	if len(got) != 1 || len(g.held()) != 0 {
		t.Fatalf("%d messages at the next hop, %d held; want it relayed", len(got), len(g.held()))
	}
	block, ok := strings.CutSuffix(string(got[0].Content), content)
	if !ok {
		t.Error("the message was altered")
	}
	if err := blockFault(block, "Received", "Authentication-Results", "X-Mxgate-Verdict", "X-Mxgate-Path", "X-Mxgate-Why"); err != nil {
		t.Error(err)
	}
	if !strings.Contains(block, "\r\nX-Mxgate-Verdict: quarantine; reason=own-domain-spoof; mode=observe;") {
		t.Errorf("the block does not tell the verdict:\n%s", block)
	}
	if e := g.entry(reply); e.Outcome != store.Relayed || e.Disposition != "quarantine" || e.Reason != "own-domain-spoof" {
		t.Errorf("the journal says %s, %s, %s", e.Outcome, e.Disposition, e.Reason)
	}
}

// SMTP-DUTIES E7: what is for the postmaster is never refused by verdict.
func TestDuty_E7(t *testing.T) {
	g := newStage(t, script{tail: "[policy.dispositions]\nown-domain-spoof = \"reject\"\n"})
	reply := g.deliver(crook, []string{bob}, spoofMail())
	g.wantReply(reply, "550 5.7.1")
	if e := g.entry(reply); e.Outcome != store.Refused || e.Disposition != "reject" {
		t.Errorf("the journal says %s, %s", e.Outcome, e.Disposition)
	}
	g.wantNothingMoved()
	for i, to := range [][]string{{"postmaster@example.com"}, {"PostMaster@EXAMPLE.com"}, {"postmaster"}, {bob, "Postmaster"}} {
		reply := g.deliver(fmt.Sprintf("p%d@bulk.example", i), to, spoofMail())
		g.wantReply(reply, "250 2.0.0")
		if e := g.entry(reply); e.Outcome != store.Quarantined || e.Disposition != "reject" {
			t.Errorf("to %q: the journal says %s, %s", to, e.Outcome, e.Disposition)
		}
		if n := len(g.held()); n != i+1 {
			t.Errorf("to %q: %d messages held, want %d", to, n, i+1)
		}
	}
	if n := g.sink.Count(); n != 0 {
		t.Errorf("%d messages at the next hop", n)
	}
}

// The journal is worth something if what it keeps can be decided again.
func TestDecideOfStoredEvidenceIsTheStoredVerdict(t *testing.T) {
	const settings = `
[protect]
domains = ["heise.de"]
people = [{ name = "Erika Mustermann", addresses = ["erika@example.com"] }]
[[exception]]
author = "news.example"
require = "192.0.2.30"
reasons = ["dmarc-none-weak"]
owner = "erika"
why = "a test"
`
	g := newStage(t, script{tail: settings})
	seen := map[string]bool{}
	for _, content := range []string{
		cleanMail(), spoofMail(), "", "\r\nno header\r\n", cleanMail("From: \"a\"\"@b.example"), cleanMail("From: \xff\xfe <\xe4@b.example>"),
		compose("203.0.113.66", "From: he\xefse <billing@he1se.de>"),
		compose("203.0.113.66", "From: b@x.example", "Reply-To: a@he1se.de", "Cc: c@heise-de.example"),
		compose("198.51.100.7", "From: =?utf-8?Q?Erika_Mustermann?= <e@bulk.example>"),
		compose("198.51.100.7", "From: \"Mustermann, Erika\" <\xffx@bulk.example>"),
		compose("198.51.100.7", "From: anna@partner.example"), compose("198.51.100.7", "From: n@news.example"), compose("192.0.2.30", "From: n@news.example"),
		compose("192.0.2.10", "From: "+partner, "DKIM-Signature: v=1; a=rsa-sha256; d=partner.example; s=\xff; h=from; bh=; b="),
		"From: " + partner + "\r\nSubject: no trace\r\n\r\nx\r\n",
		"Received: from \xffx by mx1.provider.example; nonsense\r\nFrom: " + partner + "\r\n\r\nx\r\n",
		cleanMail("Content-Type: multipart/mixed; boundary=\"\xff\"; boundary=b"),
		strings.Replace(cleanMail(), "Anna <", "a@\xc3\xa4.example <", 1),
	} {
		reply := g.deliver(partner, []string{bob, "carol@example.com"}, content)
		g.wantReply(reply, "250 2.0.0")
		e := g.entry(reply)
		var evidence policy.Evidence
		if err := json.Unmarshal(e.Evidence, &evidence); err != nil {
			t.Fatalf("%.60q: the journal's evidence: %v", content, err)
		}
		v := policy.Decide(g.rules(), &evidence)
		if v.Disposition.String() != e.Disposition || string(v.Reason) != e.Reason || v.Sentence != e.Sentence {
			t.Errorf("%.200q:\nstored %s, %s, %q\nagain  %s, %s, %q", content, e.Disposition, e.Reason, e.Sentence, v.Disposition, v.Reason, v.Sentence)
		}
		if e.Outcome == store.Quarantined {
			if h, err := g.server.Store().Get(t.Context(), e.ID); err != nil || string(h.Evidence) != string(e.Evidence) || h.Sentence != e.Sentence {
				t.Errorf("%.60q: quarantine and journal differ: %v", content, err)
			}
		}
		seen[e.Reason] = true
	}
	if len(seen) < 7 {
		t.Errorf("only %d reasons were seen: %v", len(seen), seen)
	}
}
