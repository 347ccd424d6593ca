package received_test

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mxgate/policy/received"
)

// chosen are the texts that a client has in its hand. They stand in a shape as
// {H}, {R}, {L}, {I}, {A} and {C}.
type chosen struct {
	helo, rdns  string
	local       string // of the reverse-path, with its quotes
	ident, auth string
	certificate string // a name in it
	addressText string // of the true client, as the writer shows it
}

func (c chosen) in(shape string) string {
	return strings.NewReplacer("{H}", c.helo, "{R}", c.rdns, "{L}", c.local, "{I}", c.ident, "{A}", c.auth, "{C}", c.certificate, "{IP}", c.addressText).Replace(shape)
}

const at9 = "; Mon, 2 Nov 2026 09:00:00 +0000"

// clientShapes are the fields that mx.provider.example may write for a client;
// it copies what the client chose without a change, as the worst writer would.
var clientShapes = []string{
	"from {H} ({R} [{IP}]) by mx.provider.example (Postfix) with ESMTPS id 4A for <{L}@example.com>" + at9,
	"from {H} ({R}[{IP}]) by mx.provider.example (Postfix) with SMTP id 5" + at9,
	"from {H} (unknown [{IP}]) (using TLSv1.3 with cipher X (256/256 bits)) (Client CN \"{C}\", Issuer \"{C}\" (not verified)) by mx.provider.example (Postfix) with ESMTPS id 4A for <{L}@example.com>" + at9,
	"from {H} ({R} [{IP}]) (Authenticated sender: {A}) by mx.provider.example (Postfix) with ESMTPSA id 4A" + at9,
	"from {R} ([{IP}] helo={H}) by mx.provider.example with esmtps (TLS1.3) tls X (Exim 4.97) (envelope-from <{L}@evil.test>) id 1r for bob@example.com" + at9,
	"from {R} ([{IP}]:5432 helo={H} ident={I}) by mx.provider.example with esmtpsa (Exim 4.92) (envelope-from <{L}@evil.test>) id 1x" + at9,
	"from [{IP}] (port=40001 helo={H}) by mx.provider.example with esmtp (Exim 4.96) (envelope-from <{L}@evil.test>) id 1x" + at9,
	"from [{IP}] (helo={H} ident={I}) by mx.provider.example with smtp (Exim 4.96) (envelope-from <{L}@evil.test>) id 1x" + at9,
	"from {H} ({R} [{IP}] (may be forged)) by mx.provider.example (8.17.1/8.17.1) with ESMTPS id 2A (version=TLSv1.3 cipher=X bits=256 verify=NO) for <{L}@example.com>" + at9,
	"from {H} (IDENT:{I}@{R} [{IP}]) (authenticated bits=0 user={A}) by mx.provider.example (8.17.1/8.17.1) with ESMTP id 2A" + at9,
	"from {R} (HELO {H}) ({IP}) by mx.provider.example with SMTP" + at9,
	"from {R} (HELO {H}) ({I}@{IP}) by mx.provider.example with SMTP" + at9,
	"from {R} (HELO {H}) ({I}@[{IP}]) (envelope-sender <{L}@evil.test>) by mx.provider.example (qmail-ldap-1.03) with SMTP for <bob@example.com>" + at9,
	"from {R} (HELO {H}) ([{IP}]) by mx.provider.example with ESMTP/TLS/X" + at9,
	"from {R} (EHLO {H}) [{IP}] by mx.provider.example with SMTP id x" + at9,
	"from {IP} (EHLO {H}) by mx.provider.example with SMTPs (version=TLSv1_2 cipher=X)" + at9,
	"from {H} ({IP}) by mx.provider.example (10.167.0.1) with Microsoft SMTP Server (version=TLS1_3, cipher=X) id 15.20 via Frontend Transport" + at9,
	"from {R} ({I}@{IP}) by mx.provider.example (10.167.0.1) with Microsoft SMTP Server id 15.20" + at9,
	"from {H} ([{IP}] RDNS failed) by mx.provider.example with Microsoft SMTPSVC(8.5.9600.16384)" + at9,
	"from {H} ({R}. [{IP}]) by mx.provider.example with ESMTPS id a for <{L}@example.com> (version=TLS1_3 cipher=X bits=256/256)" + at9,
	"from {H} ([{IP}]) by mx.provider.example" + at9,
	"from {H} ([{IP}]:40594 \"EHLO {H}\" rhost-flags-OK-OK-OK-OK) by mx.provider.example with ESMTP id S17 (ORCPT <rfc822;{L}@example.com>)" + at9,
	"from {H} ({R} [{IP}]) by mx.provider.example (envelope-sender <{L}@evil.test>) with UTF8ESMTPS id ab" + at9,
	"from {H} ({R} [{IP}]) by mx.provider.example (Haraka/3.0.0) with ESMTPS id U.1 envelope-from <{L}@evil.test> tls X" + at9,
	"from {H} ({R} [{IP}]) by mx.provider.example (OpenSMTPD) with ESMTPS id 5d (TLSv1.3:X:256:NO) for <{L}@example.com>" + at9,
	"from {H} ({R} [{IP}]) by mx.provider.example ([198.51.100.1]) via tcp with ESMTPS id AbC for <{L}@example.com>" + at9,
	"from {H} ({IP}) by mx.provider.example (PowerMTA(TM) v5.0r1) id habc for <{L}@example.com>" + at9 + " (envelope-from <{L}@evil.test>)",
	"from {H} (softdnserr [{IP}]) by mx.provider.example with esmtp" + at9,
	"from [{IP}] (account {A} [{IP}] verified) by mx.provider.example (CommuniGate Pro SMTP 6.3) with ESMTPSA id 502 for {L}@example.com" + at9,
	"from [{IP}] (account {A} HELO {H}) by mx.provider.example (CommuniGate Pro SMTP 6.3) with ESMTPSA id 502" + at9,
	"from [{IP}] (HELO {H}) by mx.provider.example (CommuniGate Pro SMTP 6.3) with ESMTP id 502" + at9,
	"{H} [({IP})] by mx.provider.example (203.0.113.5) (MDaemon PRO v19.0.2) with ESMTP id md500.msg" + at9,
	"from ([{IP}:49601] helo={H}) by mx.provider.example (ecelerity 4.2.0) with ESMTP id 52/92-02454" + at9,
	"(from {H} [{IP}]) by mx.provider.example (NAVGW 2.5.1.6) with SMTP id M2006060503484615455" + at9,
	"from {H}(mailfrom:{L}@evil.test fp:SMTPD_-1) by mx.provider.example(10.0.0.1)" + at9,
	"from {H} (mailfrom:{L}@evil.test fp:SMTPD_-1) by mx.provider.example(127.0.0.1)" + at9,
}

// planted stands below the genuine hop, written by the forger.
const planted = "from good.partner.example (good.partner.example [" + forged + "]) by mx.provider.example (Postfix) with ESMTP id 1" + at9

var providers = []received.Boundary{
	{ReceivedBy: []string{"provider.example"}},
	{ReceivedBy: []string{"provider.example"}, Ranges: func(a netip.Addr) bool { return a == netip.MustParseAddr("192.0.2.40") }},
	{Ingress: []string{"mx.provider.example"}, ReceivedBy: []string{"provider.example"}},
	{Ingress: []string{"mx.provider.example"}, ReceivedBy: []string{"provider.example"}, Chained: true, Ranges: func(a netip.Addr) bool { return true }},
}

// checkChosen fails if what the client chose leads to another origin than the
// client, be it in the field itself or in a planted one below.
func checkChosen(t *testing.T, shape string, c chosen) {
	t.Helper()
	field := c.in(shape)
	client, err := netip.ParseAddr(strings.TrimPrefix(c.addressText, "IPv6:"))
	if err != nil {
		t.Fatal(err)
	}
	hops := []received.Hop{received.Parse(field), received.Parse(planted)}
	for i, b := range providers {
		if o := received.Walk(hops, b, time.Time{}); o.IP.IsValid() && o.IP != client {
			t.Fatalf("boundary %d, shape %s\ngot %s, want %s or none: %s\n%q", i, shape, o.IP, client, o.Why, field)
		}
	}
	if h := hops[0]; h.By != "" && (h.Kind == received.Internal || h.Kind == received.Local) {
		t.Errorf("kind %s: %q", h.Kind, field)
	}
}

// modest is a client that hides nothing.
var modest = chosen{helo: "mta.evil.test", rdns: "mta.evil.test", local: "bob", ident: "joe", auth: "ann", certificate: "mta.evil.test", addressText: "203.0.113.9"}

func TestEveryShapeShowsAModestClient(t *testing.T) {
	for _, shape := range clientShapes {
		for _, address := range []string{"203.0.113.9", "IPv6:2001:db8:9::9"} {
			c := modest
			c.addressText = address
			want := address[strings.IndexByte(address, '6')+1:]
			want = strings.TrimPrefix(want, ":")
			if strings.Contains(shape, "mailfrom:") || address != want && (strings.Contains(shape, ":49601") || strings.Contains(shape, "[({IP})]")) {
				continue // the writer shows none, or never so
			}
			if h := received.Parse(c.in(shape)); h.IP != netip.MustParseAddr(want) || h.Kind != received.SMTP {
				t.Errorf("%s: %s %s, want %s", c.in(shape), h.Kind, h.IP, want)
			}
		}
	}
}

func TestWhatAClientChoosesNeverLeadsToAnotherOrigin(t *testing.T) {
	for _, c := range []struct{ name, field string }{
		{"loopback in the reverse-path of maddy", `from mta.evil.test (mta.evil.test [203.0.113.9]) by mx.provider.example (envelope-sender <"@[127.0.0.1])"@example.com>) with UTF8ESMTPS id ab`},
		{"loopback in a comment of its own", `from mta.evil.test (mta.evil.test [203.0.113.9]) by mx.provider.example (envelope-sender <"a) (127.0.0.1) (b"@example.com>) with UTF8ESMTPS id ab`},
		{"LMTP in the reverse-path", `from mta.evil.test (mta.evil.test [203.0.113.9]) by mx.provider.example (envelope-sender <"a) with LMTP (b"@example.com>) with UTF8ESMTPS id ab`},
		{"local in the reverse-path of a hop without address", `from mta.evil.test by mx.provider.example (envelope-sender <"a) with local (b"@example.com>) with UTF8ESMTPS id ab`},
		{"a submission in the reverse-path of a hop without address", `from mta.evil.test by mx.provider.example (envelope-sender <"a/Submit) (Postfix, from userid 0) (b"@example.com>) with UTF8ESMTPS id ab`},
		{"LMTP in the forward-path, where nobody says with", `from mta.evil.test ([203.0.113.9]) by mx.provider.example for <"a with LMTP"@example.com>`},
		{"an address behind Exim's keys", `from [203.0.113.9] (port=40001 helo=)[192.0.2.20]) by mx.provider.example with esmtp (Exim 4.96)`},
		{"loopback behind Exim's keys", `from [203.0.113.9] (port=40001 helo=)[127.0.0.1] ) by mx.provider.example with esmtp (Exim 4.96)`},
		{"a private address behind Exim's keys", `from [203.0.113.9] (port=40001 helo=)[10.0.0.1] ) by mx.provider.example with esmtp (Exim 4.96)`},
		{"an address in Alibaba's reverse-path", `from mta.evil.test(mailfrom:"[192.0.2.20] "@example.com fp:SMTPD_-1) by mx.provider.example(10.0.0.1)`},
		{"loopback in Alibaba's reverse-path", `from mta.evil.test(mailfrom:"[127.0.0.1] "@example.com fp:SMTPD_-1) by mx.provider.example(10.0.0.1)`},
		{"a socket in Alibaba's reverse-path", `from mta.evil.test(mailfrom:"a [local] "@example.com fp:SMTPD_-1) by mx.provider.example(10.0.0.1)`},
		{"an address behind Alibaba's comment", `from mta.evil.test(mailfrom:"a) ([192.0.2.20])"@example.com fp:SMTPD_-1) by mx.provider.example(10.0.0.1)`},
		{"Alibaba's comment in a comment", `from x ([192.0.2.20] (mailfrom:"a)) "@example.com fp:SMTPD_-1) by mx.provider.example(10.0.0.1)`},
		{"an address behind the name of a client with an address for a name", `from 203.0.113.9 (EHLO x) ([192.0.2.20]) by mx.provider.example with SMTPs`},
		{"an address in the name of CommuniGate's user", `from [203.0.113.9] (account x) ([192.0.2.20] verified) by mx.provider.example (CommuniGate Pro SMTP 6.3) with ESMTPSA id 502`},
		{"Exim's keys around all that follows", `from [192.0.2.20] (port=1 helo=y (unknown [203.0.113.9]) (Client CN "a))", Issuer "b" (not verified)) by mx.provider.example (Postfix) with ESMTPS id 4A`},
		{"a HELO around all that follows", `from [192.0.2.20] (HELO y (unknown [203.0.113.9]) (Client CN "a))", Issuer "b" (not verified)) by mx.provider.example (Postfix) with ESMTPS id 4A`},
		{"a remark around all that follows", `from x ([192.0.2.20]) (using TLS (unknown [203.0.113.9]) (Client CN "a))", Issuer "b" (not verified)) by mx.provider.example (Postfix) with ESMTPS id 4A`},
		{"a certificate around all that follows", `from x ([127.0.0.1]) (Client CN " (unknown [203.0.113.9]) (Client CN "a))", Issuer "b" (not verified)) by mx.provider.example (Postfix) with ESMTPS id 4A`},
		{"Exim's key before the address of qmail", `from r (HELO x) ([192.0.2.20] helo=@203.0.113.9) by mx.provider.example with SMTP`},
		{"a reverse name that looks like a word of the writer's", `from 192.0.2.20 (HELO [203.0.113.9]) by mx.provider.example (Postfix) with ESMTPS id 4A`},
		{"such a reverse name, and an address in the name of a user", `from x (HELO [203.0.113.9]) (Authenticated sender: y) ([192.0.2.20]) (not verified) by mx.provider.example (Postfix) with ESMTPS id 4A`},
		{"such a reverse name, and an address behind HELO", `from x [192.0.2.20] (HELO [203.0.113.9]) by mx.provider.example (Postfix) with ESMTPS id 4A`},
		{"a reverse name that looks like Exim's key", `from [192.0.2.20] (helo=[203.0.113.9]) by mx.provider.example (Postfix) with ESMTPS id 4A`},
		{"a local user's name in NAVGW's comment", `(from x) ( [203.0.113.9]) by mx.provider.example (NAVGW 2.5.1.6) with SMTP id 1`},
		{"nobody's name in NAVGW's comment", `(from) (x [203.0.113.9]) by mx.provider.example (NAVGW 2.5.1.6) with SMTP id 1`},
		{"mail pickup service", `from mail pickup service by mx.provider.example with ESMTP id 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkChosen(t, c.field+at9, modest)
		})
	}
}

// pieces are what forgeries are made of.
var pieces = []string{
	"[192.0.2.20]", "192.0.2.20", "[192.0.2.40]", "10.0.0.1", "[10.0.0.1]", "[127.0.0.1]", "127.0.0.1", "::1", "IPv6:", "(", ")", "[", "]", ";", ",", "by", " with ", "with", " LMTP ", " mapi ",
	" local ", " HTTP ", " NNFMP ", " from ", "helo=", "port=1 ", "ident=", "HELO ", "EHLO ", "\"", "\\", "=", "localhost", "unknown", "[local]", "[unix socket]", "(may be forged)", "using TLS",
	"@", " ", " ", "x.y", ":", "envelope-from ", "envelope-sender <", "mailfrom:", "mail pickup service", "claiming to be ", "POP3", "<", ">", " id ", " for ", "Authenticated sender: ", "account ",
	"Postfix, from userid 1", "/Submit", "([192.0.2.20])", " (unknown [192.0.2.20]) ", "Client CN \"", "mx.provider.example", "(qmail 1 invoked by uid 1)", "(from x [192.0.2.20])", "proxying for ",
}

func TestRandomForgeriesNeverLeadToAnotherOrigin(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 9))
	text := func() string {
		var b strings.Builder
		for range 1 + random.IntN(6) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		return b.String()
	}
	// One string at a time, or any of them at once.
	slots := []func(*chosen){
		func(c *chosen) { c.helo = text() },
		func(c *chosen) { c.helo = strings.ReplaceAll(text(), " ", "") },
		func(c *chosen) { c.rdns = strings.ReplaceAll(text(), " ", "") },
		func(c *chosen) {
			c.local = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text()) + `"`
		},
		func(c *chosen) { c.local = text() }, // by a writer that takes the quotes off
		func(c *chosen) { c.ident = text() },
		func(c *chosen) { c.auth = text() },
		func(c *chosen) { c.certificate = text() },
	}
	rounds := 2000
	if testing.Short() {
		rounds = 300
	}
	for _, shape := range clientShapes {
		for i := range rounds {
			c := modest
			if i%4 == 3 && !strings.Contains(shape, ":49601") { // which no writer does with IPv6
				c.addressText = "2001:db8:9::9"
			}
			slots[i%len(slots)](&c)
			for i%3 == 0 && random.IntN(2) == 0 {
				slots[random.IntN(len(slots))](&c)
			}
			checkChosen(t, shape, c)
			if t.Failed() {
				return
			}
		}
	}
}

func FuzzWhatAClientChoosesNeverLeadsToAnotherOrigin(f *testing.F) {
	for i := range clientShapes {
		f.Add(uint8(i), "mta.evil.test", "mta.evil.test", `"@[127.0.0.1])"`, "joe", "ann", "cn")
		f.Add(uint8(i), ")[127.0.0.1] ", "helo=", `"[192.0.2.20] "`, "x [192.0.2.20]) (y", "x) ([192.0.2.20]", `))", (`)
	}
	f.Fuzz(func(t *testing.T, i uint8, helo, rdns, local, ident, auth, certificate string) {
		// A reverse name has no space, no string a line end; the rest are our marks.
		if all := helo + rdns + local + ident + auth + certificate; strings.ContainsAny(all, "\n{}") || strings.ContainsAny(rdns, " \t") {
			return
		}
		c := chosen{helo: helo, rdns: rdns, local: local, ident: ident, auth: auth, certificate: certificate, addressText: modest.addressText}
		checkChosen(t, clientShapes[int(i)%len(clientShapes)], c)
	})
}
