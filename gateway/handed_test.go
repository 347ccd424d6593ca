package gateway

import (
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/config"
	"mxgate/policy"
	"mxgate/policy/mail"
	"mxgate/policy/received"
)

// What servers write in front of a mail on its way from the gateway to a mailbox.
const (
	mailbox   = "Return-Path: <anna@partner.example>\r\nDelivered-To: bob@example.com\r\n"
	fromGate  = "Received: from gate.example.com (unknown [10.0.0.2])\r\n\tby mail.example.com (Postfix) with ESMTPS id 4XyZ; Mon, 23 Nov 2026 10:00:01 +0000\r\n"
	fromScan  = "Received: from localhost (localhost [127.0.0.1])\r\n\tby mail.example.com (Postfix) with ESMTP id 4XyY; Mon, 23 Nov 2026 10:00:02 +0000\r\n"
	toStore   = "Received: from mail.example.com ([unix socket])\r\n\tby store.corp.local (Cyrus v3.6) with LMTPA; Mon, 23 Nov 2026 10:00:03 +0000\r\n"
	exchange  = "Received: from EX02.corp.local (10.0.0.7) by EX01.corp.local (10.0.0.6) with Microsoft SMTP Server id 15.2.1; Mon, 23 Nov 2026 10:00:04 +0000\r\n"
	byName    = "Received: from gate.example.com (gate.example.com [198.51.100.2])\r\n\tby mail.example.com (Postfix) with ESMTPS id 4XyZ; Mon, 23 Nov 2026 10:00:01 +0000\r\n"
	forwarded = "Received: from mx1.provider.example (mx1.provider.example [127.0.0.1])\r\n\tby mail.example.com (Postfix) with ESMTPS id 4XyZ; Mon, 23 Nov 2026 10:00:01 +0000\r\n"

	pastUs    = "Received: from gate.example.com (unknown [203.0.113.66])\r\n\tby mail.example.com (Postfix) with ESMTPS id 4XyZ; Mon, 23 Nov 2026 10:00:01 +0000\r\n"
	forgedRev = "Received: from evil (gate.example.com [203.0.113.66] (may be forged))\r\n\tby mail.example.com (8.15.2/8.15.2) with ESMTP id 4XyZ; Mon, 23 Nov 2026 10:00:01 +0000\r\n"
	nameOnly  = "Received: from gate.example.com by mail.example.com with ESMTP id 4XyZ; Mon, 23 Nov 2026 10:00:01 +0000\r\n"
	toOthers  = "Received: from gate.example.com (unknown [10.0.0.2])\r\n\tby mx.example.org (Postfix) with ESMTPS id 4XyZ; Mon, 23 Nov 2026 10:00:01 +0000\r\n"
	twoBys    = "Received: from gate.example.com (unknown [10.0.0.2]) by mail.example.com by mx1.provider.example with SMTP; Mon, 23 Nov 2026 10:00:01 +0000\r\n"
	provider1 = "Received: from evil (unknown [203.0.113.66])\r\n\tby mx1.provider.example (Postfix) with ESMTPS id 4XyZ; Mon, 23 Nov 2026 10:00:01 +0000\r\n"
)

// file explains content as a stored message.
func (g *stage) file(content string, q Question) Explained {
	g.t.Helper()
	q.Config, q.OnError = g.cfg, func(err error) { g.t.Error(err) }
	x, err := NewExplainer(q)
	if err != nil {
		g.t.Fatal(err)
	}
	r, err := x.Explain(g.t.Context(), "x.eml", 1, []byte(content))
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

// asDelivered sends content through the gateway and returns it as the next hop has it.
func (g *stage) asDelivered(from, content string) string {
	g.t.Helper()
	g.wantReply(g.deliver(from, []string{bob}, content), "250 2.0.0")
	all := g.sink.Messages()
	return string(all[len(all)-1].Content)
}

func TestADeliveredMailIsJudgedAsItWasHandedToUs(t *testing.T) {
	g := newStage(t, script{})
	before := time.Now().Truncate(time.Second)
	delivered := g.asDelivered(partner, cleanMail())
	for name, c := range map[string]struct {
		top     string
		leftOut int
	}{
		"as it went on":                           {"", 0},
		"in a mailbox":                            {mailbox, 2},
		"behind a mail server":                    {mailbox + fromGate, 3},
		"behind a filter and a store":             {mailbox + toStore + fromScan + fromGate, 5},
		"behind servers that nobody outside sees": {exchange + strings.ReplaceAll(fromGate, "mail.example.com", "EX02"), 2},
		"at a host behind a public address":       {byName, 1},
		"at a host that was told of the client":   {forwarded, 1},
		"behind qmail":                            {"Received: (qmail 4711 invoked by uid 89); 23 Nov 2026 10:00:02 -0000\r\n" + fromGate, 2},
		"released":                                {"X-Mxgate-Released: 2026-11-23T10:00:00Z; id=x; by=erika; reason=y\r\n", 0},
	} {
		for _, end := range []string{"\r\n", "\n"} {
			r := g.file(strings.ReplaceAll(c.top+delivered, "\r\n", end), Question{MailSet: true, Mail: mail.Address{Local: "anna", Domain: "partner.example"}})
			h := r.Handed
			if r.Disposition != policy.Relay || r.Reason != policy.Clean || r.Hint != "" || h == nil {
				t.Errorf("%s: %s, %s: %s; %+v, %s", name, r.Disposition, r.Reason, r.Sentence, h, r.Hint)
				continue
			}
			if h.To != "gate.example.com" || h.Client != netip.MustParseAddr("127.0.0.1") || h.Helo != "mx1.provider.example" || h.LeftOut != c.leftOut || h.At.Before(before) || h.At.After(time.Now()) {
				t.Errorf("%s: %+v", name, h)
			}
			if e := &r.Evidence; e.Origin.IP != "192.0.2.10" || e.Source != "the-provider" || e.Path.Verdict != policy.ViaCurrent || e.Path.Field != 1 || !e.ReceivedAt.Equal(h.At) {
				t.Errorf("%s: %+v, %+v, %v", name, e.Origin, e.Path, e.ReceivedAt)
			}
		}
	}
	r := g.file(mailbox+fromGate+delivered, Question{})
	if r.Disposition != policy.Relay || r.Unasked != "" || r.Evidence.ReversePath != partner {
		t.Errorf("by the Return-Path on top: %s, %s, %q", r.Reason, r.Unasked, r.Evidence.ReversePath)
	}
	if r = g.file(fromGate+delivered, Question{Client: netip.MustParseAddr("203.0.113.66")}); r.Handed == nil || r.Evidence.Origin.IP != "203.0.113.66" || r.Disposition != policy.Quarantine {
		t.Errorf("-client decides: %+v, %+v, %s", r.Handed, r.Evidence.Origin, r.Reason)
	}
	line, err := json.Marshal(g.file(delivered, Question{}))
	if err != nil || !strings.Contains(string(line), `"handed":{"to":"gate.example.com","client":"127.0.0.1","helo":"mx1.provider.example","at":"`) || !strings.Contains(string(line), `,"left_out":0}`) {
		t.Errorf("%s, %v", line, err)
	}
}

// Who goes past the gateway, or sends to somebody else, can write its field, too:
// what he writes below is not to be taken for the provider's.
func TestAFieldOfOursIsNotGoneByWhereSomebodyElseMayHaveWrittenIt(t *testing.T) {
	g := newStage(t, script{})
	delivered := g.asDelivered(partner, cleanMail())
	for name, c := range map[string]struct{ text, hint string }{
		"past the gateway to the mail server":   {pastUs + delivered, "above it mail.example.com shows 203.0.113.66 for the client"},
		"so, and with a chain of ours below":    {fromScan + pastUs + fromGate + delivered, "above it mail.example.com shows 203.0.113.66 for the client"},
		"with a name that nobody has confirmed": {forgedRev + delivered, "above it mail.example.com shows 203.0.113.66 for the client"},
		"with a name for an address":            {nameOnly + delivered, "above it mail.example.com shows no address for the client"},
		"to a host of somebody else":            {toOthers + delivered, "above it stands one of mx.example.org, which is not known to be a host of yours"},
		"below a field of two hosts":            {twoBys + delivered, "above it stands one of a host that cannot be told"},
		"below a host of the provider":          {fromGate + provider1 + delivered, `above it stands one of mx1.provider.example, a host of source "the-provider"`},
		"with a client that is no source":       {fromGate + strings.Replace(delivered, "[127.0.0.1])", "[203.0.113.66])", 1), "it shows 203.0.113.66 for the client, which is in no [[source]]; -client ADDRESS"},
	} {
		if r := g.file(mailbox+c.text, Question{}); r.Handed != nil || r.Hangs == nil || r.Disposition != policy.Defer || !strings.Contains(r.Hint, c.hint) {
			t.Errorf("%s: %+v, %+v, %s, hint %q", name, r.Handed, r.Hangs, r.Reason, r.Hint)
		}
		if r := g.file(mailbox+c.text, Question{Client: netip.MustParseAddr("192.0.2.10")}); r.Hint != "" {
			t.Errorf("%s: the origin was given, and still a hint: %s", name, r.Hint)
		}
	}
}

func TestWhatIsJudgedIsWhatWasHandedToUs(t *testing.T) {
	g := newStage(t, script{})
	sent := cleanMail("Authentication-Results: mx1.provider.example; dmarc=pass")
	m := parsed(t, mailbox+fromGate+g.asDelivered(partner, sent))
	x, err := NewExplainer(Question{Config: g.cfg})
	if err != nil {
		t.Fatal(err)
	}
	h, hint := x.handedIn(m)
	if h == nil {
		t.Fatal(hint)
	}
	content, err := io.ReadAll(m.Reader())
	if err != nil {
		t.Fatal(err)
	}
	below, err := h.asReceived(m, content)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(below.Reader()); err != nil || string(got) != sent {
		t.Errorf("%q, %v; want %q", got, err, sent)
	}
}

// A mail that was forwarded back, or is held, has the provider's line on top: what
// the gateway wrote earlier is of another time.
func TestTheNewestOfOurFieldsIsGoneByAndNoneBelowTheProviders(t *testing.T) {
	g := newStage(t, script{})
	delivered := g.asDelivered(partner, cleanMail())
	again := fromProvider("192.0.2.10") + fromGate + delivered
	if r := g.file(again, Question{}); r.Handed != nil || r.Hint != "" || r.Evidence.Origin.IP != "192.0.2.10" || r.Evidence.Path.Field != 1 {
		t.Errorf("held: %+v, %q, %+v", r.Handed, r.Hint, r.Evidence.Origin)
	}
	inside := strings.Replace(again, "[192.0.2.10]", "[127.0.0.1]", 1)
	if r := g.file(inside, Question{}); r.Handed != nil || r.Hint != "" || r.Evidence.Origin.IP != "" {
		t.Errorf("held, and made within the provider: %+v, %q, %+v", r.Handed, r.Hint, r.Evidence.Origin)
	}
	twice := g.asDelivered("n@news.example", fromProvider("203.0.113.66")+g.asDelivered("n@news.example", compose("192.0.2.10", "From: n@news.example", "Subject: Offer")))
	r := g.file(fromGate+twice, Question{})
	if r.Handed == nil || r.Handed.LeftOut != 1 || r.Evidence.Origin.IP != "203.0.113.66" {
		t.Errorf("twice: %+v, %+v", r.Handed, r.Evidence.Origin)
	}
}

func TestAMailOfAPartnerIsJudgedByTheClientOfOurField(t *testing.T) {
	secrets := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(secrets, []byte(theSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bound := "origin = \"peer\"\nbind_header = { field = \"X-Example-Gate\", secrets_file = \"" + secrets + "\" }" // taken out on the way
	g := newStage(t, script{tail: strings.Replace(otherSources, `origin = "peer"`, bound, 1)})
	content := "Received: from mail.origin.example (unknown [127.0.0.6])\r\n\tby gate.example.com (mxgate) with ESMTP\r\n\tid 0a1b2c3d4e5f6g7h8i9j for <bob@example.com>;\r\n\tMon, 23 Nov 2026 10:00:00 +0000\r\n" +
		"Authentication-Results: gate.example.com; none\r\nX-Mxgate-Verdict: relay; id=x\r\nFrom: anna@partner.example\r\nTo: bob@example.com\r\n\r\nx\r\n"
	r := g.file(mailbox+content, Question{})
	if r.Handed == nil || r.Evidence.Source != "the-partner" || r.Evidence.Origin.IP != "127.0.0.6" || r.Evidence.Origin.Helo != "mail.origin.example" || r.Evidence.Path.Verdict != policy.PermittedDirect || r.Reason == policy.TenantMismatch {
		t.Errorf("%+v, %+v, %+v, %s", r.Handed, r.Evidence.Origin, r.Evidence.Path, r.Reason)
	}
	if r = g.file(mailbox+content, Question{Source: "the-provider"}); r.Evidence.Source != "the-provider" || r.Evidence.Path.Verdict != policy.Undetermined {
		t.Errorf("-source decides: %+v", r.Evidence.Path)
	}
	if r = g.file(strings.Replace(content, "[127.0.0.6]", "[127.0.0.1]", 1), Question{Source: "the-partner"}); r.Handed == nil || r.Evidence.Path.Verdict == policy.PermittedDirect {
		t.Errorf("it was not the partner who brought it: %+v", r.Evidence.Path)
	}
}

// What binds the provider to us was taken out on the way, and is not held against it.
func TestADeliveredMailNeedsNoProofOfOurTenant(t *testing.T) {
	secrets := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(secrets, []byte(theSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g, _ := newSetting(t, setting{edit: replacing(t, `ranges = ["127.0.0.1"]`, "ranges = [\"127.0.0.1\"]\nbind_header = { field = \"X-Example-Gate\", secrets_file = \""+secrets+"\" }")})
	delivered := g.asDelivered(partner, "X-Example-Gate: "+theSecret+"\r\n"+cleanMail())
	if r := g.file(mailbox+fromGate+delivered, Question{}); r.Handed == nil || r.Reason != policy.Clean {
		t.Errorf("%+v, %s: %s", r.Handed, r.Reason, r.Sentence)
	}
}

func TestAHintIsGivenWhereTheOriginIsNotFound(t *testing.T) {
	g := newStage(t, script{})
	delivered := g.asDelivered(partner, cleanMail())
	for name, c := range map[string]struct{ text, hint string }{
		"an address inside, and the provider's line below": {fromGate + cleanMail(), "the newest Received field is of mail.example.com, a host of yours, and none is of gate.example.com: take the lines above the provider's newest Received out of the file, or say with -client ADDRESS"},
		"of somebody else":              {toOthers + cleanMail(), "Received #1 is of mx.example.org, which is not known to be a host of yours"},
		"of another gateway":            {strings.ReplaceAll(delivered, "gate.example.com", "gate.example.org"), "Received #1 is of gate.example.org, which is not known"},
		"past the provider, as it does": {strings.Replace(pastUs, "gate.example.com", "mx1.provider.example", 1) + cleanMail(), "Received #1 of mail.example.com shows 203.0.113.66 for the client, which is not known to be the provider's: if it is, it belongs in `ranges` of its [[source]] in "},
		"without a trace":               {"From: anna@partner.example\r\n\r\n", "the file has no Received field: say with -client ADDRESS"},
		"by our servers alone":          {strings.Replace(fromScan, "127.0.0.1", "127.0.0.9", 1) + "From: anna@partner.example\r\n\r\n", "no Received field is the provider's"},
	} {
		r := g.file(c.text, Question{MailSet: true, Mail: annas})
		if !strings.HasPrefix(r.Hint, c.hint) || r.Handed != nil {
			t.Errorf("%s: %q, %+v", name, r.Hint, r.Handed)
		}
		if h := r.Hangs; h == nil || h.Passes != (Outcome{policy.Relay, policy.Clean}) || h.Else != (Outcome{policy.Quarantine, policy.DMARCFail}) || r.Disposition != policy.Defer || r.Reason != policy.AuthUnavailable {
			t.Errorf("%s: %+v, %s, %s", name, h, r.Disposition, r.Reason)
		}
		for _, f := range r.Findings {
			if f.Reason == policy.DMARCFail || f.Reason == policy.BypassSuspect || !strings.Contains(f.Sentence, "RELAY (clean) if the provider handed it over and SPF passes, else QUARANTINE (dmarc-fail)") {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
	if r := g.file(cleanMail(), Question{}); r.Hint != "" || r.Handed != nil || r.Hangs == nil || r.Hangs.On != "reverse-path" {
		t.Errorf("as the provider handed it over: %q, %+v, %+v", r.Hint, r.Handed, r.Hangs)
	}
	if r := g.file(cleanMail(), Question{MailSet: true, Mail: annas}); r.Hangs != nil || r.Reason != policy.Clean {
		t.Errorf("with its reverse-path: %+v, %s", r.Hangs, r.Reason)
	}
	two := newStage(t, script{tail: otherSources})
	if r := two.file(cleanMail(), Question{MailSet: true, Mail: annas}); r.Hangs == nil || !strings.Contains(r.Hint, `of source "the-provider": -source the-provider has`) {
		t.Errorf("of several sources: %+v, %q", r.Hangs, r.Hint)
	}
	g.cfg = nil
	if r := g.file(delivered, Question{DNS: g.dns.Addr().String()}); !strings.Contains(r.Hint, "gate.example.com: with its -config FILE") {
		t.Errorf("without a configuration: %q", r.Hint)
	}
	if r := g.file(fromGate+cleanMail(), Question{DNS: g.dns.Addr().String()}); !strings.HasPrefix(r.Hint, "name the provider that the mail came through with -source NAME, or say with -client ADDRESS") {
		t.Errorf("without a configuration and a source: %q", r.Hint)
	}
}

func TestHostsOfOursAreThoseOfTheConfiguration(t *testing.T) {
	const text = "hostname = \"gate.hosting.example.net\"\n[[source]]\nname = \"p\"\nranges = [\"192.0.2.0/24\"]\nreceived_by = [\"provider.example\"]\n" +
		"[[domain]]\nname = \"example.com\"\nnext_hop = \"mail.example.org:25\"\n[[domain]]\nname = \"example.co.uk\"\nnext_hop = \"192.0.2.99:25\"\n"
	cfg, err := config.Parse("x.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"mail.example.com": true, "Example.COM.": true, "mail.example.co.uk": true, "gate.hosting.example.net": true, "store.hosting.example.net": true, "mail.example.org": true,
		"other.example.org": false, "example.net": false, "mail.badexample.com": false, "co.uk": false, "": false, "192.0.2.99": true, "mail.example.com.example.org": false,
	} {
		if ourHost(cfg, host) != want {
			t.Errorf("%q: want %t", host, want)
		}
	}
	for by, want := range map[string]bool{"mail.example.com (Postfix)": true, "mail.example.com": false} {
		m := parsed(t, "Received: from x (gate.hosting.example.net [198.51.100.2]) by "+by+" with ESMTP id 1; Mon, 23 Nov 2026 10:00:01 +0000\r\n\r\n")
		top := top{x: &Explainer{q: Question{Config: cfg}}, m: m, hops: received.Hops(m)}
		if top.fromOurs(0) != want {
			t.Errorf("from the gateway by a name that %s writes: want %t", by, want)
		}
	}
	cfg.Hostname = "gate.co.uk" // beside it is everybody
	if ourHost(cfg, "mail.co.uk") {
		t.Error("all of co.uk is ours")
	}
	for host, want := range map[string]bool{"EX01": true, "store.corp.local": true, "localhost": true, "mail.example.org": false, "mail.example.co.uk": false, "": false, "a..b": false} {
		if nowhere(host) != want {
			t.Errorf("nowhere(%q): want %t", host, want)
		}
	}
}

// The one that writes the field and the one that reads it agree.
func TestOurReceivedFieldIsReadAsItIsWritten(t *testing.T) {
	at := time.Date(2026, 11, 3, 4, 5, 6, 0, time.FixedZone("", -3600))
	path := mail.Address{Local: `"a ; (b)"`, Domain: "example.com"}
	for _, c := range []mail.Client{
		{Addr: netip.MustParseAddr("192.0.2.7"), Helo: "mx1.provider.example", Name: "mx1.provider.example", Extended: true, TLS: true, TLSCipher: "TLS_AES_128_GCM_SHA256"},
		{Addr: netip.MustParseAddr("2001:db8::7"), Helo: "[IPv6:2001:db8::7]"},
		{Addr: netip.MustParseAddr("::ffff:192.0.2.7"), Helo: "a) by gate.example.com (mxgate", Extended: true},
		{Addr: netip.MustParseAddr("192.0.2.7"), Helo: "", Extended: true},
		{Addr: netip.MustParseAddr("192.0.2.7"), Helo: strings.Repeat("x", 400)},
	} {
		for _, env := range []mail.Envelope{{}, {ForwardPaths: []mail.Address{path}}, {UTF8: true}} {
			tx := &mail.Transaction{ID: newID(at), Client: c, Envelope: env, ReceivedAt: at}
			text := receivedField("gate.example.com", tx)
			h, ok := readOurReceived(parsed(t, text+"\r\n").Fields[0])
			if !ok || h.To != "gate.example.com" || h.Client.String() != c.Addr.Unmap().String() || h.Helo != hostCharacters(c.Helo) || !h.At.Equal(at) || h.client.Name != c.Name || h.client.TLS != c.TLS {
				t.Errorf("%q: %+v, %t", text, h, ok)
			}
			for _, other := range []string{strings.Replace(text, "(mxgate)", "(Postfix)", 1), strings.Replace(text, "\tid ", "\tid x", 1), strings.Replace(text, "from ", "from x y ", 1),
				strings.Replace(text, ";\r\n\tTue", " x;\r\n\tTue x", 1), strings.Replace(text, "Received", "X-Received", 1), text[:len(text)-8] + strings.Repeat(" ", maxOurReceived) + text[len(text)-8:]} {
				if h, ok := readOurReceived(parsed(t, other+"\r\n").Fields[0]); ok {
					t.Errorf("%q: %+v", other, h)
				}
			}
		}
	}
}

func FuzzReadOurReceived(f *testing.F) {
	f.Add("from a (unknown [192.0.2.7])\r\n\tby gate.example.com (mxgate) with ESMTPS tls X\r\n\tid 0a1b2c3d4e5f6g7h8i9j for <bob@example.com>;\r\n\tMon, 2 Nov 2026 10:00:00 +0000")
	f.Fuzz(func(t *testing.T, value string) {
		h, ok := readOurReceived(mail.Field{Name: "Received", Raw: []byte("Received: " + value)})
		if ok && (!h.Client.IsValid() || h.To != hostCharacters(h.To) || h.Helo != hostCharacters(h.Helo) || h.At.IsZero()) {
			t.Errorf("%q: %+v", value, h)
		}
	})
}
