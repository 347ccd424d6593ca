package received

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

var nine = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

const stamp = "; Mon, 2 Nov 2026 09:00:00 +0000"

// Hops of a made-up provider; its ranges are 198.51.100.0/24.
const (
	edge      = "from c.example.org (c.example.org [192.0.2.7]) by in1.edge.provider.example with ESMTP" + stamp
	inside    = "from in1.edge.provider.example (203.0.113.200) by n2.core.provider.example with SMTP" + stamp
	private   = "from n2 (unknown [10.1.2.3]) by out.provider.example with SMTP" + stamp
	inRange   = "from n2 (unknown [198.51.100.9]) by out.provider.example with SMTP" + stamp
	loopback  = "from pps.filterd (f [127.0.0.1]) by in1.edge.provider.example with ESMTP" + stamp
	foreign   = "from d.example.org (d.example.org [192.0.2.8]) by mx.example.org with ESMTP" + stamp
	outside   = "from c.example.org (c.example.org [192.0.2.7]) by mx.provider.example with ESMTP" + stamp
	ownRelay  = "from out.provider.example (out.provider.example [198.51.100.9]) by relay.example.com (Postfix) with ESMTPS id 1" + stamp
	amavis    = "from relay.example.com (localhost [127.0.0.1]) by relay.example.com (Postfix) with ESMTP id 2" + stamp
	pickup    = "by relay.example.com (Postfix, from userid 1001) id 3" + stamp
	lmtp      = "from c.example.org (c.example.org [192.0.2.7]) by in1.edge.provider.example with LMTP" + stamp
	lmtpOwn   = "from n2 (unknown [198.51.100.9]) by out.provider.example with LMTP" + stamp
	lmtpInner = "from n2 (unknown [203.0.113.200]) by n2.core.provider.example with LMTP" + stamp
	otherEdge = "from e.example.org (e.example.org [192.0.2.99]) by in9.edge.provider.example with ESMTP" + stamp
)

func hopsOf(values ...string) []Hop {
	var hops []Hop
	for i, v := range values {
		h := Parse(v)
		h.Field = i
		hops = append(hops, h)
	}
	return hops
}

func inProvider(a netip.Addr) bool { return netip.MustParsePrefix("198.51.100.0/24").Contains(a) }

func TestWalkFindsTheClientAtTheBorderOrSaysWhyNot(t *testing.T) {
	roles := Boundary{Ingress: []string{"*.edge.provider.example"}, Inner: []string{"*.core.provider.example"}, ReceivedBy: []string{"provider.example", "relay.example.com"}, Ranges: inProvider}
	chained := roles
	chained.Chained = true
	blind := roles
	blind.Ranges = nil
	byName := Boundary{ReceivedBy: []string{"provider.example"}, Ranges: inProvider}
	for _, c := range []struct {
		name   string
		b      Boundary
		hops   []string
		ip     string // "" for none
		method string
		conf   Confidence
		why    string // part of it
	}{
		{"no hop at all", roles, nil, "", MethodNone, None, "no Received field"},
		{"ingress on top", roles, []string{edge}, "192.0.2.7", MethodIngress, Medium, "Received #1 by in1.edge.provider.example was written by the provider and shows client 192.0.2.7"},
		{"inner hop with a public address outside the ranges", roles, []string{inside, edge}, "192.0.2.7", MethodIngress, Medium, "Received #2"},
		{"ranges not known", blind, []string{inside, edge, foreign}, "192.0.2.7", MethodIngress, Medium, "Received #2"},
		{"private and own addresses between", roles, []string{private, inRange, inside, edge}, "192.0.2.7", MethodIngress, Medium, "Received #4"},
		{"filter on loopback at the border host", roles, []string{loopback, edge}, "192.0.2.7", MethodIngress, Medium, "Received #2"},
		{"our own Postfix in front", roles, []string{amavis, pickup, ownRelay, inside, edge}, "192.0.2.7", MethodIngress, Medium, "Received #5"},
		{"the newest of two borders", roles, []string{edge, otherEdge}, "192.0.2.7", MethodIngress, Medium, "Received #1"},
		{"a forged border below", roles, []string{inside, edge, inside, otherEdge}, "192.0.2.7", MethodIngress, Medium, "Received #2"},
		{"a foreign host on top", roles, []string{foreign, edge}, "", MethodNone, None, "Received #1 was written by mx.example.org, which is not a host of the provider"},
		{"the provider's name as HELO only", roles, []string{strings.Replace(foreign, "from d.example.org", "from in1.edge.provider.example", 1), edge}, "", MethodNone, None, "mx.example.org"},
		{"the provider's name as a part of another", roles, []string{strings.Replace(edge, "in1.edge.provider.example", "in1.edge.provider.example.net", 1)}, "", MethodNone, None, "not a host"},
		{"the provider's name without label boundary", byName, []string{strings.Replace(outside, "mx.provider.example", "notprovider.example", 1)}, "", MethodNone, None, "not a host"},
		{"a homoglyph of the provider's name", roles, []string{strings.Replace(edge, "provider.example", "prοvider.example", 1)}, "", MethodNone, None, "not a host"},
		{"upper case and trailing dot", roles, []string{strings.Replace(edge, "in1.edge.provider.example", "IN1.EDGE.Provider.EXAMPLE.", 1)}, "192.0.2.7", MethodIngress, Medium, ""},
		{"an unreadable hop on top", roles, []string{"\x00\x01", edge}, "", MethodNone, None, "Received #1 cannot be read"},
		{"a hop without writer", roles, []string{"(qmail 1 invoked from network)" + stamp, edge}, "", MethodNone, None, "does not say which host wrote it"},
		{"the border shows no address", roles, []string{strings.Replace(edge, "[192.0.2.7]", "", 1), otherEdge}, "", MethodNone, None, "shows no client address that can be read"},
		{"the border shows text for an address", roles, []string{strings.Replace(edge, "c.example.org [192.0.2.7]", "192.0.2.somebody@pot", 1), otherEdge}, "", MethodNone, None, "no client address"},
		{"the border shows two addresses", roles, []string{strings.Replace(edge, "(c", "(x [203.0.113.1]) (c", 1), otherEdge}, "", MethodNone, None, "two different client addresses"},
		{"the border shows a private client", roles, []string{strings.Replace(edge, "192.0.2.7", "10.0.0.7", 1), otherEdge}, "", MethodNone, None, "not an address on the Internet"},
		{"the border shows a shared address", roles, []string{strings.Replace(edge, "192.0.2.7", "100.64.0.7", 1)}, "", MethodNone, None, "not an address on the Internet"},
		{"the border shows the provider itself", roles, []string{strings.Replace(edge, "192.0.2.7", "198.51.100.7", 1), otherEdge}, "", MethodNone, None, "the provider's own"},
		{"the border shows another tenant, where that is allowed", chained, []string{strings.Replace(edge, "192.0.2.7", "198.51.100.7", 1), otherEdge}, "198.51.100.7", MethodIngress, Medium, ""},
		{"fetched by POP3 at the border", roles, []string{strings.Replace(edge, "ESMTP", "POP3", 1), otherEdge}, "", MethodNone, None, "fetched from another mailbox"},
		{"a host of the provider without role, from outside", roles, []string{outside, edge}, "", MethodNone, None, "not known to take mail from outside"},
		{"only hops of the provider", roles, []string{private, inside}, "", MethodNone, None, "has not come in from outside"},
		{"too many hops of the provider", roles, []string{inside, inside, inside, inside, inside, inside, inside, inside, edge}, "", MethodNone, None, "first 8"},
		{"a hand-over within the border that shows somebody outside", roles, []string{lmtp, edge}, "", MethodNone, None, "no client address"},
		{"a hand-over within the provider that shows somebody outside", byName, []string{lmtp, outside}, "", MethodNone, None, "within one system but shows an address outside"},
		{"a hand-over within the provider from its own address", byName, []string{lmtpOwn, outside}, "192.0.2.7", MethodReceivedBy, Low, "Received #2"},
		{"a hand-over within the provider, ranges not known", blind, []string{lmtpOwn, edge}, "", MethodNone, None, "within one system"},
		{"a hand-over at an inner host", roles, []string{lmtpInner, edge}, "192.0.2.7", MethodIngress, Medium, "Received #2"},
		{"at a border where tenants come in, the provider's own address is nobody's", chained, []string{strings.Replace(lmtp, "192.0.2.7", "198.51.100.7", 1), edge}, "", MethodNone, None, "no client address"},
		{"a private client that calls itself by an address outside", byName, []string{strings.Replace(private, "from n2", "from [192.0.2.9]", 1), outside}, "", MethodNone, None, "shows client 10.1.2.3, but another address, too"},
		{"by name, from outside", byName, []string{private, inRange, outside, foreign}, "192.0.2.7", MethodReceivedBy, Low, "Received #3 by mx.provider.example"},
		{"by name, ranges not known", Boundary{ReceivedBy: byName.ReceivedBy}, []string{private, outside}, "192.0.2.7", MethodReceivedBy, Low, "ranges are not known"},
		{"by name, a hop without address is not stepped over", byName, []string{"from x by a.provider.example with SMTP" + stamp, outside}, "", MethodNone, None, "Received #1 by a.provider.example shows no client address"},
		{"nobody is believed", Boundary{}, []string{edge}, "", MethodNone, None, "not a host of the provider"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Walk(hopsOf(c.hops...), c.b, nine)
			got := ""
			if o.IP.IsValid() {
				got = o.IP.String()
			}
			if got != c.ip || o.Method != c.method || o.Confidence != c.conf || !strings.Contains(o.Why, c.why) {
				t.Errorf("got %q %s %s: %s\nwant %q %s %s: ..%s..", got, o.Method, o.Confidence, o.Why, c.ip, c.method, c.conf, c.why)
			}
		})
	}
}

// Where customers hand in mail, whoever did so wrote the fields below. Only hosts
// that are ours alone are different, and they are not believed to be the border.
func TestWhatACustomerWroteIsNotBelieved(t *testing.T) {
	b := Boundary{ReceivedBy: []string{"provider.example", "relay.example.com"}, Shared: true, Own: []string{"relay.example.com"}, Ranges: inProvider}
	private := b
	private.Shared, private.Own = false, nil
	const handed, unnamed = "when a customer handed the message in", "does not show who handed the message in"
	for _, c := range []struct{ name, hop, why string }{
		{"signed in, client hidden", "by smtp.provider.example (Authenticated sender: mallory@x.example) with ESMTPSA id 1", handed},
		{"signed in over loopback", "from authenticated-user (localhost [127.0.0.1]) (Authenticated sender: mallory@x.example) by smtp.provider.example (Postfix) with ESMTPSA id 1", handed},
		{"signed in from a private address", "from authenticated-user (smtp.provider.example [10.0.0.1]) (using TLSv1.3) by smtp.provider.example (Postfix) with ESMTPSA id 1", handed},
		{"signed in from the provider's own address", "from web (web [198.51.100.9]) by smtp.provider.example (Postfix) with ESMTPA id 1", handed},
		{"RFC 3848 of old", "from x (x [10.0.0.1]) by smtp.provider.example with ASMTP id 1", handed},
		{"RFC 6531", "from x (x [10.0.0.1]) by smtp.provider.example with UTF8SMTPSA id 1", handed},
		{"Exim", "from x ([10.0.0.1] helo=x) by smtp.provider.example with esmtpsa (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.96) (envelope-from <a@x.example>) id 1", handed},
		{"Sendmail", "from x (x [10.0.0.1]) (authenticated bits=0) by smtp.provider.example (8.17.1/8.17.1) with ESMTP id 1", handed},
		{"Courier", "from x (x [10.0.0.1]) (AUTH: LOGIN mallory) by smtp.provider.example with ESMTP id 1", handed},
		{"CommuniGate", "from [10.0.0.1] (account mallory@x.example [10.0.0.1] verified) by smtp.provider.example (CommuniGate Pro SMTP 6) with ESMTP id 1", handed},
		{"qpsmtpd", "from x (x [10.0.0.1]) (smtp-auth username mallory, mechanism plain) by smtp.provider.example (qpsmtpd) with SMTP", handed},
		{"a remark behind the host", "from x (x [10.0.0.1]) by smtp.provider.example (authenticated: mallory) with ESMTP id 1", handed},
		{"a word behind the protocol", "from x (x [10.0.0.1]) by smtp.provider.example with ESMTP AUTH id 1", handed},
		{"a web mailer", "by webmail.provider.example with HTTP id 1", handed},
		{"a web mailer that names its client", "from [10.0.0.1] by web.provider.example (via HTTP)", handed},
		{"a web mailer, in its own words", "from x (x [127.0.0.1]) (SquirrelMail authenticated user mallory) by web.provider.example with HTTP id 1", handed},
		{"an interface for programs", "by api.provider.example (JMAP) with HTTPS id 1", handed},
		{"another one", "from x (x [10.0.0.1]) by api.provider.example with JMAP id 1", handed},
		{"Postfix from a program", "by web7.provider.example (Postfix, from userid 33) id 1", handed},
		{"Exim from a program", "from www by web7.provider.example with local (Exim 4.96) (envelope-from <www@web7.provider.example>) id 1", handed},
		{"Exim from a pipe", "from [127.0.0.1] (helo=x) by web7.provider.example with local-esmtp (Exim 4.96) id 1", handed},
		{"Sendmail from a program", "(from www@localhost) by web7.provider.example (8.15.2/8.15.2/Submit) id 1", handed},
		{"IIS from a directory", "from mail pickup service by web7.provider.example with Microsoft SMTPSVC", handed},
		{"MAPI", "from x (10.0.0.1) by mb.provider.example with mapi id 1", "from a mailbox there"},
		{"LMTP", "from api.provider.example by be.provider.example with LMTP id 1", unnamed},
		{"LMTP over loopback", "from x (x [127.0.0.1]) by be.provider.example with LMTP id 1", unnamed},
		{"nobody named", "by smtp.provider.example (Postfix) with ESMTP id 1", unnamed},
		{"qmail from a program", "(qmail 123 invoked by uid 1000)", "does not say which host wrote it"},
	} {
		o := Walk(hopsOf(c.hop+stamp, outside), b, nine)
		if o.IP.IsValid() || o.By != "" || !strings.Contains(o.Why, c.why) {
			t.Errorf("%s: %+v, want ..%s..", c.name, o, c.why)
		}
		// The same written by a relay of ours, which comes behind the provider.
		if _, by, ok := strings.Cut(c.hop, "by "); ok && c.name != "MAPI" && !strings.Contains(c.hop, "from [10.0.0.1] by ") && c.hop[0] != '(' {
			by, _, _ = strings.Cut(by, " ")
			ours := strings.ReplaceAll(c.hop, by, "relay.example.com")
			for _, b := range []Boundary{b, private} {
				if o := Walk(hopsOf(ours+stamp, outside), b, nine); o.IP.String() != "192.0.2.7" || o.By != "mx.provider.example" {
					t.Errorf("%s, at our relay: %+v", c.name, o)
				}
			}
			sub := strings.ReplaceAll(c.hop, by, "www.relay.example.com")
			if o := Walk(hopsOf(sub+stamp, outside), b, nine); o.IP.IsValid() {
				t.Errorf("%s, at a host below our relay: %+v", c.name, o)
			}
		}
	}
	// Whose tenant a border below would be is not believed either.
	roleless := Boundary{Ingress: []string{"*.edge.provider.example"}, ReceivedBy: b.ReceivedBy, Shared: true}
	for _, hidden := range []string{"by n2.provider.example (Postfix) id 3" + stamp, strings.Replace(loopback, "in1.edge", "out", 1)} {
		for _, forged := range []string{edge, strings.Replace(edge, "192.0.2.7", "10.0.0.7", 1)} {
			if o := Walk(hopsOf(hidden, forged), roleless, nine); o.IP.IsValid() || o.By != "" || o.Class != Unknown || !strings.Contains(o.Why, "Received #1") {
				t.Errorf("%s: %+v", hidden, o)
			}
		}
	}
	// A filter writes so, and so does a customer's program on that machine or beside it.
	for _, client := range []string{"localhost [127.0.0.1]", "localhost [::1]", "n2 [10.0.0.1]", "n2 [fd00::1]", "n2 [100.64.0.1]"} {
		inside := "from mx.provider.example (" + client + ") by mx.provider.example (Postfix) with ESMTP id 2" + stamp
		if o := Walk(hopsOf(inside, outside), b, nine); o.IP.IsValid() || o.Class != Unknown || !strings.Contains(o.Why, unnamed) {
			t.Errorf("from %s: %+v", client, o)
		}
		named, known := b, b
		named.Own = []string{"mx.provider.example"}
		known.Inner = []string{"mx.provider.example from 127.0.0.0/8"}
		for _, b := range []Boundary{named, known} {
			if o := Walk(hopsOf(inside, outside), b, nine); o.IP.String() != "192.0.2.7" {
				t.Errorf("from %s, where only the provider's programs can: %+v", client, o)
			}
		}
	}
	signedIn := strings.Replace(outside, "ESMTP", "ESMTPSA", 1)
	if o := Walk(hopsOf(signedIn), b, nine); o.IP.String() != "192.0.2.7" {
		t.Errorf("a client outside that signed in: %+v", o)
	}
	roles := Boundary{Ingress: []string{"*.edge.provider.example"}, Inner: []string{"*.core.provider.example"}, Shared: true}
	if o := Walk(hopsOf(strings.Replace(inside, "203.0.113.200", "10.0.0.1", 1), edge), roles, nine); o.IP.String() != "192.0.2.7" {
		t.Errorf("within the provider: %+v", o)
	}
	for _, hop := range []string{strings.Replace(inside, "with SMTP", "with ESMTPSA", 1), "by n2.core.provider.example with HTTP" + stamp} {
		if o := Walk(hopsOf(hop, edge), roles, nine); o.IP.IsValid() || o.By != "" || !strings.Contains(o.Why, handed) {
			t.Errorf("handed in within the provider: %+v", o)
		}
	}
	for _, hop := range []string{"by n2.core.provider.example with POP3 id 3mf1" + stamp, "from pop.example.net by n2.core.provider.example with IMAP" + stamp} {
		if o := Walk(hopsOf(hop, edge), roles, nine); o.IP.IsValid() || o.Class != Unknown || !strings.Contains(o.Why, "fetched from another mailbox") {
			t.Errorf("fetched by a customer: %+v", o)
		}
	}
	// An address that cannot be read may be that of somebody outside.
	both := Boundary{Ingress: []string{"*.edge.provider.example"}, Inner: []string{"*.provider.example from 10.0.0.0/8"}, Shared: true}
	if o := Walk(hopsOf(strings.Replace(edge, "192.0.2.7", "somewhere", 1), otherEdge), both, nine); o.IP.IsValid() || !strings.Contains(o.Why, "no client address") {
		t.Errorf("a border that may be an inner host: %+v", o)
	}
	// The border names the tenant, whether or not its client can be read.
	if o := Walk(hopsOf(strings.Replace(edge, "192.0.2.7", "10.0.0.1", 1)), roles, nine); o.IP.IsValid() || o.By != "in1.edge.provider.example" {
		t.Errorf("a private client at the border: %+v", o)
	}
	forged := strings.Replace(outside, "mx.provider.example", "relay.example.com", 1)
	if o := Walk(hopsOf(pickup, forged), b, nine); o.IP.IsValid() || !strings.Contains(o.Why, "on that host mail is handed in, too") {
		t.Errorf("the border is where mail is handed in: %+v", o)
	}
}

func TestOddTimesLowerTheConfidence(t *testing.T) {
	b := Boundary{Ingress: []string{"*.edge.provider.example"}, Inner: []string{"*.core.provider.example"}}
	at := func(hop, when string) string { return strings.Replace(hop, "09:00:00", when, 1) }
	for _, c := range []struct {
		name string
		hops []string
		now  time.Time
		want Confidence
		why  string
	}{
		{"in time", []string{inside, edge}, nine.Add(time.Minute), Medium, ""},
		{"within the skew", []string{inside, at(edge, "09:04:59")}, nine.Add(5 * time.Minute), Medium, ""},
		{"from the future", []string{edge}, nine.Add(-11 * time.Minute), Low, "future"},
		{"older than any queue", []string{edge}, nine.Add(15 * 24 * time.Hour), Low, "14 days"},
		{"the present is not known", []string{edge}, time.Time{}, Medium, ""},
		{"without date", []string{strings.TrimSuffix(edge, stamp)}, nine, Low, "no date"},
		{"backwards", []string{inside, at(edge, "09:05:01")}, nine.Add(6 * time.Minute), Low, "backwards"},
	} {
		o := Walk(hopsOf(c.hops...), b, c.now)
		if !o.IP.IsValid() || o.Confidence != c.want || !strings.Contains(o.Why, c.why) {
			t.Errorf("%s: %s, want %s: %s", c.name, o.Confidence, c.want, o.Why)
		}
	}
}

func TestAGlobMatchesOneOrMoreCharacters(t *testing.T) {
	for _, c := range []struct {
		glob, host string
		want       bool
	}{
		{"*.edge.example", "a.edge.example", true},
		{"*.edge.example", "a.b.edge.example", true},
		{"*.edge.example", "edge.example", false},
		{"*.edge.example", ".edge.example", false},
		{"*.edge.example", "a.edge.example.net", false},
		{"*.edge.example", "aedge.example", false},
		{"mx.example", "mx.example", true},
		{"mx.example", "mx.example.net", false},
		{"mx*.ess.example", "mx11-2.eu-west-2a.ess.example", true},
		{"server-*.tower-*.example", "server-9.tower-99.example", true},
		{"server-*.tower-*.example", "server-9.tower-.example", false},
		{"server-*.tower-*.example", "server-.tower-9.example", false},
		{"server-*.tower-*.example", "server-9.tower-9.tower-1.example", true},
		{"*", "", false},
		{"", "", true},
	} {
		if got := matchGlob(c.glob, c.host); got != c.want {
			t.Errorf("matchGlob(%q, %q) = %v", c.glob, c.host, got)
		}
	}
}

func TestAPatternAsksForOneThingMore(t *testing.T) {
	const host = "a.edge.example"
	postfix := Parse("from c (c [192.0.2.7]) by " + host + " (Postfix) with ESMTP id 4Ab-1" + stamp)
	inner := Parse("from c (c [10.0.0.7]) by " + host + stamp)
	unread := Parse("from c (c [somewhere]) by " + host + stamp)
	two := Parse("from c (c [10.0.0.7] [10.0.0.8]) by " + host + stamp)
	none := Parse("by " + host + " with SMTP id x" + stamp)
	for _, c := range []struct {
		pattern string
		h       Hop
		want    bool
	}{
		{"*.edge.example", postfix, true},
		{"*.edge.example (Postfix)", postfix, true},
		{"*.edge.example (Post", postfix, true},
		{"*.edge.example (Exim)", postfix, false},
		{"*.edge.example (Postfix)", inner, false},
		{"*.edge.example id *-1", postfix, true},
		{"*.edge.example id *-2", postfix, false},
		{"*.edge.example id *", inner, false},
		{"*.edge.example without from", none, true},
		{"*.edge.example without from", postfix, false},
		{"*.edge.example from 192.0.2.0/24", postfix, true},
		{"*.edge.example from 203.0.113.0/24 192.0.2.0/24", postfix, true},
		{"*.edge.example from 203.0.113.0/24", postfix, false},
		{"*.edge.example from 203.0.113.0/24", inner, true},
		{"*.edge.example from 203.0.113.0/24", unread, true}, // it shows nobody outside
		{"*.edge.example from 203.0.113.0/24", two, false},
		{"*.edge.example from everywhere", postfix, false},
		{"*.edge.example within reason", postfix, false},
		{"*.edge.example from", inner, true},
		{"(Postfix", postfix, false},
		{"*.core.example (Postfix)", postfix, false},
	} {
		if got := (Boundary{}).matches(c.pattern, &c.h, hostKey(c.h.By)); got != c.want {
			t.Errorf("%s: %v for %s", c.pattern, got, describe(c.h))
		}
	}
}
