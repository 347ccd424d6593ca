package gateway

import (
	"net/netip"
	"strings"
	"testing"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/policy"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// Lines of mail servers of ours that took a mail without a gateway.
const (
	byDovecot = "Received: from mail.example.com\r\n\tby mail.example.com with LMTP\r\n\tid 0KbTHwO; Mon, 23 Nov 2026 10:00:03 +0000\r\n"
	byAmavis  = "Received: from mail.example.com ([127.0.0.9]) by localhost (mail.example.com [127.0.0.9]) (amavisd-new, port 10024) with LMTP id 7; Mon, 23 Nov 2026 10:00:02 +0000\r\n"
	fromBox   = "Received: from mx1.provider.example (mx1.provider.example [10.1.2.3])\r\n\tby mail.example.com (Postfix) with ESMTPS id 4XyZ; Mon, 23 Nov 2026 10:00:01 +0000\r\n"
)

var annas = mail.Address{Local: "anna", Domain: "partner.example"}

// What every mail that is saved from a mailbox has on top is no reason to condemn it.
func TestAMailFromAMailboxIsJudgedAsTheProviderHandedItOver(t *testing.T) {
	g, _ := newSetting(t, setting{edit: replacing(t, `ranges = ["127.0.0.1"]`, `ranges = ["127.0.0.1", "10.1.2.3", "198.51.100.0/28"]`)})
	public := strings.Replace(fromBox, "10.1.2.3", "198.51.100.7", 1)
	second := strings.NewReplacer("by mail.example.com", "by store.example.com", "10.1.2.3", "198.51.100.7").Replace(fromBox)
	for name, c := range map[string]struct {
		top, to, client string
		leftOut         int
	}{
		"on the same machine":       {forwarded, "mail.example.com", "127.0.0.1", 0},
		"in the DMZ":                {mailbox + fromBox, "mail.example.com", "10.1.2.3", 2},
		"on the Internet":           {mailbox + public, "mail.example.com", "198.51.100.7", 2},
		"with a store":              {mailbox + toStore + byDovecot + public, "mail.example.com", "198.51.100.7", 4},
		"with a filter":             {fromScan + byAmavis + public, "mail.example.com", "198.51.100.7", 2},
		"with a server that knows":  {second + public, "mail.example.com", "198.51.100.7", 1},
		"with Exchange in between":  {exchange + strings.ReplaceAll(public, "mail.example.com", "EX02"), "ex02", "198.51.100.7", 1},
		"with results of ours":      {"Authentication-Results: mail.example.com; dmarc=pass\r\n" + public, "mail.example.com", "198.51.100.7", 1},
		"with what looks like ours": {public + "X-Mxgate-Verdict: relay\r\n", "mail.example.com", "198.51.100.7", 0},
	} {
		for _, source := range []string{"", "the-provider"} {
			r := g.file(c.top+cleanMail(), Question{Source: source, MailSet: true, Mail: annas})
			h := r.Handed
			if r.Disposition != policy.Relay || r.Reason != policy.Clean || r.Hint != "" || r.Hangs != nil || h == nil {
				t.Errorf("%s: %s, %s: %s; %+v, %q", name, r.Disposition, r.Reason, r.Sentence, h, r.Hint)
				continue
			}
			if h.To != c.to || h.Client.String() != c.client || h.Helo != "mx1.provider.example" || h.LeftOut != c.leftOut || h.At.IsZero() {
				t.Errorf("%s: %+v", name, h)
			}
			if e := &r.Evidence; e.Origin.IP != "192.0.2.10" || e.Source != "the-provider" || e.Path.Verdict != policy.ViaCurrent || e.Path.Field != 1 || !e.ReceivedAt.Equal(h.At) {
				t.Errorf("%s: %+v, %+v, %v", name, e.Origin, e.Path, e.ReceivedAt)
			}
		}
	}
	stranger := strings.Replace(fromBox+cleanMail(), "192.0.2.10", "203.0.113.66", 1)
	if r := g.file(stranger, Question{MailSet: true, Mail: annas}); r.Handed == nil || r.Hangs != nil || r.Disposition != policy.Quarantine || r.Reason != policy.DMARCFail {
		t.Errorf("SPF fails for whom the provider took it from: %+v, %+v, %s", r.Handed, r.Hangs, r.Reason)
	}
}

// Without a configuration the newest field tells whose mailbox it was, and the catalogue
// where the provider delivers from.
func TestAMailFromAMailboxNeedsNoConfiguration(t *testing.T) {
	g := newStage(t, script{})
	g.cfg = nil
	const (
		byName   = "Received: from eu-smtp-delivery-1.mimecast.com (eu-smtp-delivery-1.mimecast.com [195.130.217.221])\r\n\tby mail.example.net (Postfix) with ESMTPS id C; Mon, 23 Nov 2026 10:00:01 +0000\r\n"
		byRange  = "Received: from x (unknown [170.10.129.124])\r\n\tby mail.example.net (Postfix) with ESMTPS id C; Mon, 23 Nov 2026 10:00:01 +0000\r\n"
		inside   = "Received: from mail.example.net (unknown [10.0.0.2])\r\n\tby store.example.net (Postfix) with ESMTPS id C; Mon, 23 Nov 2026 10:00:01 +0000\r\n"
		mimecast = "Received: from mail.partner.example (mail.partner.example [192.0.2.10]) by\r\n relay.mimecast.com with ESMTP id uk-mta-1; Mon, 23 Nov 2026 10:00:00 -0000\r\n"
		letter   = "From: anna@partner.example\r\nTo: bob@example.net\r\nSubject: Hello\r\n\r\nx\r\n"
	)
	q := Question{DNS: g.dns.Addr().String(), Source: "mimecast", MailSet: true, Mail: annas}
	for name, text := range map[string]string{"by its name": byName, "by its address": byRange, "behind a store": inside + byName} {
		if r := g.file(mailbox+text+mimecast+letter, q); r.Reason != policy.Clean || r.Handed == nil || r.Handed.To != "mail.example.net" || r.Hint != "" || r.Evidence.Origin.IP != "192.0.2.10" {
			t.Errorf("%s: %s: %s; %+v, %q", name, r.Reason, r.Sentence, r.Handed, r.Hint)
		}
	}
	if r := g.file(mailbox+mimecast+letter, q); r.Reason != policy.Clean || r.Handed != nil || r.Hint != "" {
		t.Errorf("as the provider handed it over: %s, %+v, %q", r.Reason, r.Handed, r.Hint)
	}
	// What goes past the provider shows who brought it, whatever stands below.
	for name, c := range map[string]struct{ text, hint string }{
		"a stranger":                           {strings.Replace(byRange, "170.10.129.124", "203.0.113.66", 1), "Received #1 of mail.example.net shows 203.0.113.66 for the client, which is not known to be the provider's: if it is, it belongs in `ranges` of its [[source]] in -config FILE; if not,"},
		"one with lines of ours":               {strings.Replace(byRange, "170.10.129.124", "203.0.113.66", 1) + inside + byName, "Received #1 of mail.example.net shows 203.0.113.66"},
		"one with a name that nobody verified": {strings.NewReplacer("195.130.217.221", "203.0.113.66", "(Postfix) ", "").Replace(byName), "Received #1 of mail.example.net shows 203.0.113.66"},
		"one with our name, unverified":        {"Received: from x (mail.example.net [203.0.113.66])\r\n\tby store.example.net with ESMTP id C; Mon, 23 Nov 2026 10:00:01 +0000\r\n" + byName, "Received #1 of store.example.net shows 203.0.113.66"},
		"one behind a proxy":                   {inside, "above the provider's newest Received stands one that shows 10.0.0.2 for the client, which may be anybody: take"},
		"one at a server of somebody else":     {inside + strings.ReplaceAll(byName, "example.net", "example.org"), "Received #2 is of mail.example.org, which is not known to be a host of yours"},
	} {
		r := g.file(mailbox+c.text+mimecast+letter, q)
		if r.Disposition == policy.Relay || r.Hangs == nil || r.Handed != nil || !strings.HasPrefix(r.Hint, c.hint) {
			t.Errorf("%s: %s, %+v, %+v, %q", name, r.Reason, r.Hangs, r.Handed, r.Hint)
		}
	}
}

// What is held or told of whatever the origin says is not left open, and no more hangs on
// SPF than it could have said.
func TestOnlyWhatTheOriginDecidesIsOpen(t *testing.T) {
	g := newStage(t, script{})
	from := func(author string) string {
		return toOthers + "From: " + author + "\r\nTo: bob@example.com\r\n\r\nx\r\n"
	}
	for name, c := range map[string]struct {
		text string
		path mail.Address
		open bool
		want policy.Reason
	}{
		"SPF may pass":             {from("anna@partner.example"), annas, true, policy.AuthUnavailable},
		"a bounce, by HELO":        {from("anna@partner.example"), mail.Address{}, true, policy.AuthUnavailable},
		"SPF could not be aligned": {from("anna@partner.example"), mail.Address{Local: "x", Domain: "news.example"}, false, policy.DMARCFail},
		"no single author":         {from("anna@partner.example, bob@example.com"), annas, false, policy.FromAmbiguous},
	} {
		r := g.file(c.text, Question{MailSet: true, Mail: c.path})
		if (r.Hangs != nil) != c.open || r.Reason != c.want {
			t.Errorf("%s: %+v, %s: %s", name, r.Hangs, r.Reason, r.Sentence)
		}
	}
	if r := g.file(from("anna@partner.example"), Question{}); r.Hangs == nil || r.Unasked == "" {
		t.Errorf("the reverse-path is not known, either: %+v, %q", r.Hangs, r.Unasked)
	}
	if r := g.file(from("anna@partner.example"), Question{Client: netip.MustParseAddr("203.0.113.66")}); r.Hangs != nil {
		t.Errorf("the origin was given: %+v", r.Hangs)
	}
}

// A reverse-path that is not known may be another name of the author's house, and what
// nobody can pass by leaves nothing open.
func TestWhatIsOpenHangsOnWhatSPFCouldSay(t *testing.T) {
	const zone = stageZone + `
bounce.firm.example    TXT "v=spf1 ip4:192.0.2.10 -all"
_dmarc.firm.example    TXT "v=DMARC1; p=reject"
parked.example         TXT "v=spf1 -all"
_dmarc.parked.example  TXT "v=DMARC1; p=reject"
doubt.example          TXT "v=spf1 ~all ?exists:x.example exp=e.example"
_dmarc.doubt.example   TXT "v=DMARC1; p=reject"
moved.example          TXT "v=spf1 redirect=bounce.firm.example"
_dmarc.moved.example   TXT "v=DMARC1; p=reject"
lame.example           TXT SERVFAIL
_dmarc.lame.example    TXT "v=DMARC1; p=reject"
`
	z, err := dnstest.Serve("127.0.0.1:0", dns.MustSnapshot(t, zone))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(z.Close)
	exception := "[[exception]]\nauthor = \"ceo@example.com\"\nrequire = \"198.51.100.7\"\nreasons = [\"own-domain-spoof\"]\nowner = \"x\"\nwhy = \"y\"\n"
	g := newStage(t, script{dns: z.Addr().String(), tail: exception})
	at := func(domain mail.Domain) Question {
		return Question{MailSet: true, Mail: mail.Address{Local: "a", Domain: domain}}
	}
	for name, c := range map[string]struct {
		author string
		q      Question
		open   bool
		passes policy.Disposition
	}{
		"a reverse-path below the author's domain":    {"a@firm.example", Question{}, true, policy.Relay},
		"a bounce of a host below it":                 {"a@firm.example", Question{MailSet: true}, true, policy.Relay},
		"a bounce of a host that is given":            {"a@firm.example", Question{MailSet: true, Helo: "mail.firm.example"}, false, 0},
		"a reverse-path without a record":             {"a@firm.example", at("firm.example"), false, 0},
		"a record by which nobody passes":             {"a@parked.example", at("parked.example"), false, 0},
		"one by which nobody does surely":             {"a@doubt.example", at("doubt.example"), false, 0},
		"one that leads elsewhere":                    {"a@moved.example", at("moved.example"), true, policy.Relay},
		"one that cannot be had":                      {"a@lame.example", at("lame.example"), true, policy.Relay},
		"an author who may send from one address":     {"ceo@example.com", at("x.example"), true, policy.Tag},
		"another one of ours, who may send from none": {"bob@example.com", at("x.example"), false, 0},
	} {
		r := g.file(toOthers+"From: "+c.author+"\r\nTo: bob@example.com\r\n\r\nx\r\n", c.q)
		if (r.Hangs != nil) != c.open || c.open && r.Hangs.Passes.Disposition != c.passes || !c.open && r.Disposition != policy.Quarantine {
			t.Errorf("%s: %+v, %s %s: %s", name, r.Hangs, r.Disposition, r.Reason, r.Sentence)
		}
	}
}
