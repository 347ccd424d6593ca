package gateway

import (
	"strings"
	"testing"

	"mxgate/gateway/config"
	"mxgate/gateway/store"
	"mxgate/policy"
)

// weakIsRefused has what proves nothing refused where there is no DMARC policy.
const weakIsRefused = "[policy.dispositions]\ndmarc-none-weak = \"reject\"\n"

// wantVerdict delivers content from a reverse-path and wants one answer.
type wantVerdict struct{ name, from, content, want string }

func (w wantVerdict) check(t *testing.T, g *stage) {
	t.Helper()
	t.Run(w.name, func(t *testing.T) {
		reply := g.deliver(w.from, []string{bob}, w.content)
		if !strings.HasPrefix(reply, w.want+" ") {
			t.Errorf("answered %q, want %s", reply, w.want)
		}
	})
}

func TestDuty_V1(t *testing.T) {
	g, _ := newSetting(t, setting{script: script{tail: weakIsRefused}, zone: `
fail.example TXT "v=spf1 -all"
soft.example TXT "v=spf1 ~all"
broken.example TXT "v=spf1 nonsense -all"
slow.example TXT SERVFAIL
_dmarc.slow.example TXT "v=DMARC1; p=reject"
good.example TXT "v=spf1 ip4:192.0.2.50 -all"
`})
	for _, c := range []wantVerdict{
		{"fail", "a@fail.example", compose("192.0.2.50", "From: a@fail.example"), "550 5.7.23"},
		{"permerror", "a@broken.example", compose("192.0.2.50", "From: a@broken.example"), "550 5.7.24"},
		{"temperror", "a@slow.example", compose("192.0.2.50", "From: a@slow.example"), "451 4.7.24"},
		{"softfail is no fail", "a@soft.example", compose("192.0.2.50", "From: a@soft.example"), "550 5.7.20"},
		{"pass", "a@good.example", compose("192.0.2.50", "From: a@good.example"), "250 2.0.0"},
	} {
		c.check(t, g)
	}
	if n := g.sink.Count(); n != 1 {
		t.Errorf("%d messages at the next hop, want 1", n)
	}
}

// A domain has its say in our answer if the operator lets it, and as its own words.
func TestDuty_V1_TheDomainExplains(t *testing.T) {
	const zone = "fail.example TXT \"v=spf1 exp=why.fail.example -all\"\nwhy.fail.example TXT \"Ask %{o} about %{i}\"\n"
	const ours = "550 5.7.23 SPF of the sender's domain does not permit the origin of this message"
	for show, want := range map[string]string{"": ours + " (", "show_spf_explanation = true\n": ours + "; fail.example explains: Ask fail.example about 192.0.2.50 ("} {
		g, _ := newSetting(t, setting{script: script{tail: "[policy]\n" + show + weakIsRefused}, zone: zone})
		if reply := g.deliver("a@fail.example", []string{bob}, compose("192.0.2.50", "From: a@fail.example")); !strings.HasPrefix(reply, want) {
			t.Errorf("%q: %q", show, reply)
		}
	}
}

func TestDuty_V2(t *testing.T) {
	own, ownKey := signed(t, "own.example", "From: a@own.example\r\n\r\nHello.\r\n")
	foreign, foreignKey := signed(t, "other.example", "From: a@plain.example\r\n\r\nHello.\r\n")
	weak := strings.Replace(own, "DKIM-Signature: ", "DKIM-Signature: l=1; ", 1)
	g, _ := newSetting(t, setting{script: script{tail: weakIsRefused}, zone: ownKey + foreignKey})
	for _, c := range []wantVerdict{
		{"none", "a@plain.example", compose("192.0.2.50", "From: a@plain.example"), "550 5.7.20"},
		{"one that covers only a part", "a@own.example", fromProvider("192.0.2.50") + weak, "550 5.7.21"},
		{"one of somebody else", "a@plain.example", fromProvider("192.0.2.50") + foreign, "550 5.7.22"},
		{"one that is broken", "a@own.example", fromProvider("192.0.2.50") + own + "more\r\n", "550 5.7.20"},
		{"one that holds", "a@own.example", fromProvider("192.0.2.50") + own, "250 2.0.0"},
	} {
		c.check(t, g)
	}
	if n := g.sink.Count(); n != 1 {
		t.Errorf("%d messages at the next hop, want 1", n)
	}
}

// The text names the author domain where the operator has chosen to refuse.
func TestDuty_V3_Refused(t *testing.T) {
	g := newStage(t, script{tail: "[policy.dispositions]\ndmarc-fail = \"reject\"\n"})
	reply := g.deliver("x@bulk.example", []string{bob}, compose("198.51.100.7", "From: "+partner))
	g.wantReply(reply, "550 5.7.1")
	if !strings.Contains(reply, "partner.example") || strings.Contains(reply, "anna") {
		t.Errorf("answered %q", reply)
	}
	g.wantNothingMoved()
}

func TestDuty_V4(t *testing.T) {
	text, record := signed(t, "fail.example", "From: a@fail.example\r\n\r\nHello.\r\n")
	g, _ := newSetting(t, setting{script: script{tail: weakIsRefused}, zone: record + "fail.example TXT \"v=spf1 -all\"\n"})
	wantVerdict{"both failed", "a@fail.example", fromProvider("192.0.2.50") + text + "more\r\n", "550 5.7.26"}.check(t, g)
	wantVerdict{"DKIM holds", "a@fail.example", fromProvider("192.0.2.50") + text, "250 2.0.0"}.check(t, g)
}

// A look-alike is held, also where reject is written: LOOKALIKE, Section 5.
func TestDuty_V6_NotRefused(t *testing.T) {
	g := newStage(t, script{tail: "[protect]\ndomains = [\"heise.de\"]\n[policy.dispositions]\nlookalike = \"reject\"\n"})
	reply := g.deliver("x@bulk.example", []string{bob}, compose("203.0.113.66", "From: billing@he1se.de"))
	g.wantReply(reply, "250 2.0.0")
	if e := g.entry(reply); e.Reason != string(policy.LookalikeDomain) || e.Outcome != store.Quarantined {
		t.Errorf("the journal says %s, %s", e.Reason, e.Outcome)
	}
}

// Who sends too much waits; all others do not.
func TestDuty_V7(t *testing.T) {
	g := newStage(t, script{tail: "[limits]\nmessages_per_sender = 3\n"})
	c := g.dial()
	for _, step := range []struct{ from, want string }{
		{"mad@partner.example", "250"}, {"Mad@Partner.Example", "250"}, {"mad@partner.example", "250"},
		{"mad@partner.example", "450 4.7.28"}, {"MAD@partner.example", "450 4.7.28"}, {"calm@partner.example", "250"},
		{"", "250"}, {"", "250"}, {"", "250"}, {"", "250"}, // the null reverse-path is everybody's
	} {
		reply := c.must(t, "MAIL FROM:<"+step.from+">", step.want)
		if reply[0] == '2' {
			c.must(t, "RSET", "250")
		}
	}
}

// What cannot be held is not accepted, and not delivered instead.
func TestDuty_V8(t *testing.T) {
	g, _ := newSetting(t, setting{cfg: func(c *config.Config) { c.Retention.QuarantineOctets = 1 }})
	reply := g.deliver(crook, []string{bob}, theSpoof)
	g.wantReply(reply, "452 4.3.1")
	g.wantNothingMoved()
	g.wantReply(g.deliver(partner, []string{bob}, theMail), "250 2.0.0") // a full quarantine is no reason to stop other mail
	g = newStage(t, script{})
	g.breakStore()
	g.wantReply(g.deliver(crook, []string{bob}, theSpoof), "451 4.3.0")
	g.wantNothingMoved()
}
