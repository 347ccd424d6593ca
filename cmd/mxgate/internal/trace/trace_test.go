package trace

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// ourSide is the configuration of most tests: a provider that was left at the end
// of 2025, and one that is in force since.
const ourSide = `
hosts = ["exch01"]
networks = ["198.51.100.0/24", "10.1.0.0/16"]
[[domain]]
name = "example.com"
[[mailbox]]
provider = "microsoft365"
tenant = "11111111-2222-3333-4444-555555555555"
[[source]]
name = "old filter"
provider = "hornetsecurity"
ranges = ["203.0.113.0/25"]
valid_from = 2020-01-01
valid_until = 2025-12-31
[[source]]
name = "new filter"
provider = "mimecast"
ranges = ["192.0.2.0/26"]
valid_from = 2025-12-20
[[permitted]]
name = "printers"
ranges = ["203.0.113.200"]
valid_until = 2026-06-30
`

func tracer(t testing.TB, config string, o Options) *Tracer {
	t.Helper()
	c, err := Parse("t.toml", []byte(config))
	if err != nil {
		t.Fatal(err)
	}
	return New(c, o)
}

// One hop each, as its writer would have it.
func own(peer, when string) string { return ownFrom("sender.example", "unknown", peer, when) }

func ownFrom(helo, rdns, peer, when string) string {
	return fmt.Sprintf("Received: from %s (%s [%s])\r\n\tby mx.example.com (Postfix) with ESMTPS id 4AbCdE0XyZz1\r\n\tfor <bob@example.com>; %s\r\n", helo, rdns, peer, when)
}

func mimecast(client, when string) string {
	return fmt.Sprintf("Received: from mail.sender.example (mail.sender.example [%s]) by relay.mimecast.com with ESMTP with STARTTLS (version=TLSv1.3, cipher=X) id eu-mta-12-AbCdEfGhIj-1; %s\r\n", client, when)
}

func hornet(client, when string) string {
	return fmt.Sprintf("Received: from mail.sender.example ([%s]) by mx-gate12-hz1.hornetsecurity.com; %s\r\n", client, when)
}

const (
	nov26 = "Mon, 2 Nov 2026 09:00:00 +0000"
	early = "Mon, 2 Nov 2026 08:59:30 +0000"
	jan26 = "Fri, 2 Jan 2026 09:00:00 +0000" // within the time of grace
	nov25 = "Sun, 2 Nov 2025 09:00:00 +0000"
	rest  = "From: a@sender.example\r\nTo: bob@example.com\r\nMessage-ID: <1@sender.example>\r\n\r\nhello\r\n"
)

var inner = "Received: from mx.example.com (mx.example.com [198.51.100.5])\r\n\tby store.example.com (Postfix) with ESMTP id AAAAA1; " + nov26 + "\r\n"

// Who writes a long header below our hop does not hide behind it.
func TestALongHeaderHidesNobody(t *testing.T) {
	for name, junk := range map[string]string{
		"octets": strings.Repeat("X-Junk: "+strings.Repeat("x", 990)+"\r\n", mail.MaxHeaderOctets/1000+1),
		"fields": strings.Repeat("X: y\r\n", mail.MaxFields+1),
		"field":  "X: " + strings.Repeat("y", mail.MaxFieldOctets) + "\r\n",
	} {
		for _, c := range []struct {
			header  string
			verdict Verdict
			most    int
		}{
			{inner + own("203.0.113.140", nov26), Direct, 100},
			{inner + own("192.0.2.9", nov26) + mimecast("203.0.113.77", early), ViaCurrent, capDamaged},
			{own("198.51.100.77", nov26), Internal, capDamaged},
		} {
			whole, err := tracer(t, ourSide, Options{}).Trace(t.Context(), Input{Content: []byte(c.header + rest)})
			if err != nil {
				t.Fatal(err)
			}
			got, err := tracer(t, ourSide, Options{}).Trace(t.Context(), Input{Content: []byte(c.header + junk + rest)})
			if err != nil || got.Verdict != c.verdict || got.Confidence != min(whole.Confidence, c.most) {
				t.Errorf("%s: %s %d, %v, want %s %d", name, got.Verdict, got.Confidence, err, c.verdict, min(whole.Confidence, c.most))
				continue
			}
			if last := got.Evidence[len(got.Evidence)-1]; last.Code != "header-limit" || !slices.Contains(got.Defects, defectCut) || slices.Contains(whole.Defects, defectCut) {
				t.Errorf("%s: it is not said: %+v, %q", name, last, got.Defects)
			}
		}
	}
	_, err := tracer(t, ourSide, Options{}).Trace(t.Context(), Input{Content: []byte(strings.Repeat("x", mail.MaxHeaderOctets+1))})
	if !errors.Is(err, mail.ErrHeaderLimit) {
		t.Errorf("a line without end: %v", err)
	}
}

func TestVerdicts(t *testing.T) {
	m365 := "Received: from %s (%s) by AM1PEPF0000AAAA.mail.protection.outlook.com (10.167.0.1) with Microsoft SMTP Server (version=TLS1_3, cipher=X) id 15.20.9000.1 via Frontend Transport; " + nov26 + "\r\n"
	m365inner := "Received: from A.eurprd00.prod.outlook.com (2603:10a6:10:72::14) by B.eurprd00.prod.outlook.com (2603:10b6:208:34f::13) with Microsoft SMTP Server (version=TLS1_2, cipher=X) id 15.20.7918.22; " + nov26 + "\r\n"
	for _, c := range []struct {
		name, header string
		verdict      Verdict
		source       string
		codes        string // evidence, in order
		reason       string
	}{
		{"through the provider in force", inner + own("192.0.2.9", nov26) + mimecast("203.0.113.77", early), ViaCurrent, "new filter", "own-boundary in-range provider-hop", ""},
		{"through the old one in its time", own("203.0.113.9", nov25) + hornet("192.0.2.77", nov25), ViaCurrent, "old filter", "own-boundary in-range provider-hop", ""},
		{"through the old one within grace", own("203.0.113.9", jan26) + hornet("192.0.2.77", jan26), ViaCurrent, "old filter", "own-boundary in-range provider-hop", ""},
		{"through the old one, later", own("203.0.113.9", nov26) + hornet("192.0.2.77", nov26), ViaOld, "old filter", "own-boundary in-range provider-hop", ""},
		{"and by its verified name", ownFrom("x", "mx-gate1-hz1.hornetsecurity.com", "203.0.113.9", nov26) + hornet("192.0.2.77", nov26), ViaOld, "old filter", "own-boundary in-range provider-hop", ""},
		{"the new one before its time", own("192.0.2.9", nov25) + mimecast("203.0.113.77", nov25), Direct, "", "own-boundary outside-ranges claims-provider continuity", ""},
		{"a stranger", own("203.0.113.140", nov26), Direct, "", "own-boundary outside-ranges", ""},
		{"a stranger with a forged provider hop", own("203.0.113.140", nov26) + mimecast("203.0.113.77", early), Direct, "", "own-boundary outside-ranges claims-provider continuity", ""},
		{"a stranger with forged hops of ours and the provider", own("203.0.113.140", nov26) + own("192.0.2.9", early) + mimecast("203.0.113.77", early), Direct, "", "own-boundary outside-ranges claims-ours continuity", ""},
		{"a stranger whose HELO imitates the provider", ownFrom("relay.mimecast.com", "unknown", "203.0.113.140", nov26) + mimecast("203.0.113.77", early), Direct, "", "own-boundary outside-ranges claims-provider", ""},
		{"a stranger with the fields of the provider", own("203.0.113.140", nov26) + "X-Mimecast-Spam-Score: 0\r\nX-MC-Unique: 1\r\n", Direct, "", "own-boundary outside-ranges marker-without-hop", ""},
		{"another customer of the provider", own("192.0.2.9", nov26) + "Received: from x ([192.0.2.200]) by mail.else.example with ESMTP id 5; " + early + "\r\n", ViaCurrent, "new filter", "own-boundary in-range no-provider-hop continuity", ""},
		{"a host of the provider that its ranges lack", ownFrom("x", "eu-smtp-delivery-1.mimecast.com", "203.0.113.141", nov26) + mimecast("203.0.113.77", early), ViaCurrent, "new filter", "own-boundary verified-name provider-hop", ""},
		{"the same in a name that nobody verified", "Received: from eu-smtp-delivery-1.mimecast.com (eu-smtp-delivery-1.mimecast.com [203.0.113.141]) by mx.example.com with ESMTP id 77777; " + nov26 + "\r\n", Direct, "", "own-boundary outside-ranges", ""},
		{"a printer", own("203.0.113.200", jan26), PermittedDirect, "printers", "own-boundary permitted", ""},
		{"a printer whose time is over", own("203.0.113.200", nov26), Direct, "", "own-boundary outside-ranges", ""},
		{"before any provider", own("203.0.113.140", "Tue, 2 Nov 2010 09:00:00 +0000"), PermittedDirect, "", "own-boundary no-provider-in-force", ""},
		{"from our own network", own("198.51.100.77", nov26), Internal, "", "own-boundary own-client", ""},
		{"from a private address that is not ours", own("192.168.7.7", nov26), Internal, "", "own-boundary private-client", ""},
		{"made on our server", "Received: by web.example.com (Postfix, from userid 33) id 99AA1; " + nov26 + "\r\n", Internal, "", "own-boundary own-client", ""},
		{"our backup MX, by its verified name", ownFrom("mx2.example.com", "mx2.example.com", "203.0.113.99", nov26) +
			"Received: from x (unknown [192.0.2.9]) by mx2.example.com (Postfix) with ESMTP id 55555; " + nov26 + "\r\n" + mimecast("203.0.113.77", early), ViaCurrent, "new filter", "own-boundary in-range provider-hop", ""},
		{"a stranger with our name, which nobody verified", "Received: from x (mx2.example.com [203.0.113.199]) by mx.example.com with ESMTP id 5; " + nov26 + "\r\n" +
			"Received: from x (unknown [192.0.2.9]) by mx2.example.com (Postfix) with ESMTP id 55555; " + nov26 + "\r\n", Direct, "", "own-boundary outside-ranges claims-ours", ""},
		{"behind a proxy", own("10.1.2.3", nov26) + "Received: from x (x [203.0.113.140]) by relay.elsewhere.example with ESMTP id 7; " + early + "\r\n", Undetermined, "", "", "hidden-peer"},
		{"no trace", "", Undetermined, "", "", "no-received"},
		{"nobody of ours", "Received: from x (x [203.0.113.140]) by mx.elsewhere.example with ESMTP id 7; " + nov26 + "\r\n", Undetermined, "", "", "no-boundary"},
		{"two hosts claim the hop at our border", own("198.51.100.9", nov26) + "Received: from x by relay.mimecast.com (unknown [203.0.113.140]) by mx.example.com (Postfix) with ESMTP id 5; " + early + "\r\n", Undetermined, "", "", "unreadable-border"},
		{"in a mailbox of others, which has a localhost as everybody", "Received: from x (x [203.0.113.140]) by mx.google.com with ESMTPS id a1; " + nov26 + "\r\nReceived: from x (localhost [127.0.0.1]) by localhost with ESMTP id 4; " + nov26 + "\r\n", Undetermined, "", "", "no-boundary"},
		{"in a mailbox of others after us", "Received: from mx.example.com (mx.example.com [198.51.100.5]) by mx.google.com with ESMTPS id a1; " + nov26 + "\r\n" + own("203.0.113.140", early), Forwarded, "", "", ""},
		{"fetched from elsewhere", "Received: from pop.example.net (192.0.2.10) by localhost with POP3 (fetchmail-6.3.8) for <bob@localhost>; " + nov26 + "\r\n", Fetched, "", "fetched", ""},
		{"fetched from our server", "Received: from store.example.com [127.0.0.1] by localhost with IMAP (fetchmail-5.9.0); " + nov26 + "\r\n" + own("203.0.113.140", early), Direct, "", "own-boundary outside-ranges", ""},
		{"qmail and LMTP before us", "Received: (qmail 123 invoked from network); 2 Nov 2026 09:00:00 -0000\r\n" + own("203.0.113.140", nov26), Direct, "", "own-boundary outside-ranges", ""},
		{"straight to the tenant at the mailbox service", m365inner + fmt.Sprintf(m365, "mail.sender.example", "203.0.113.140"), Direct, "", "own-boundary outside-ranges", ""},
		{"through the provider to the tenant", m365inner + fmt.Sprintf(m365, "eu-smtp-delivery-1.mimecast.com", "192.0.2.9") + mimecast("203.0.113.77", early), ViaCurrent, "new filter", "own-boundary in-range provider-hop", ""},
		{"through our own gateway to the tenant", fmt.Sprintf(m365, "gate.example.com", "198.51.100.5") + own("203.0.113.140", nov26), Direct, "", "own-boundary outside-ranges", ""},
		{"from the tenant to our own server", ownFrom("x", "unknown", "40.107.1.1", nov26) + m365inner + fmt.Sprintf(m365, "mail.sender.example", "203.0.113.140") +
			"X-MS-Exchange-CrossTenant-Id: 11111111-2222-3333-4444-555555555555\r\n", Direct, "", "own-boundary outside-ranges", ""},
		{"from another tenant to ours", m365inner + fmt.Sprintf(m365, "x", "40.107.1.1") + m365inner + "X-MS-Exchange-CrossTenant-Id: 11111111-2222-3333-4444-555555555555\r\n", Direct, "", "own-boundary outside-ranges continuity", ""},
		{"from another tenant to our own server, with our id in the message", ownFrom("x", "unknown", "40.107.1.1", nov26) + m365inner +
			"X-MS-Exchange-CrossTenant-Id: 11111111-2222-3333-4444-555555555555\r\nX-MS-Exchange-CrossTenant-Id: 99999999-2222-3333-4444-555555555555\r\n", Undetermined, "", "own-boundary", "foreign-tenant"},
		{"from another tenant to our own server", ownFrom("x", "unknown", "40.107.1.1", nov26) + m365inner, Undetermined, "", "own-boundary", "foreign-tenant"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := tracer(t, ourSide, Options{}).Trace(t.Context(), Input{Content: []byte(c.header + rest)})
			if err != nil {
				t.Fatal(err)
			}
			var codes []string
			for _, p := range got.Evidence {
				codes = append(codes, p.Code)
			}
			if got.Verdict != c.verdict || got.Source != c.source || strings.Join(codes, " ") != c.codes || got.Reason != c.reason {
				t.Errorf("%s %q %q %q, want %s %q %q %q\n%s", got.Verdict, got.Source, codes, got.Reason, c.verdict, c.source, c.codes, c.reason, got.Why)
			}
			if nothing := got.Verdict == Undetermined || got.Verdict == Forwarded; nothing != (got.Confidence == 0) || got.Why == "" {
				t.Errorf("confidence %d, why %q", got.Confidence, got.Why)
			}
		})
	}
}

// The tenant stands in the name of the provider's border.
func TestAnotherCustomerOfTheSameProviderIsDirect(t *testing.T) {
	config := "[[domain]]\nname = \"example.com\"\n[[source]]\nname = \"pp\"\nprovider = \"proofpoint\"\nranges = [\"192.0.2.0/26\"]\ntenant = \"00aabbcc\"\n"
	hop := "Received: from m.sender.example (m.sender.example [203.0.113.77]) by mx0a-%s.pphosted.com (PPS) with ESMTPS id 3abcdefghi-1 (version=TLSv1.2 cipher=X bits=256 verify=NO) for <bob@example.com>; " + early + "\r\n"
	for tenant, want := range map[string]Verdict{"00aabbcc": ViaCurrent, "00ddeeff": Direct} {
		got, err := tracer(t, config, Options{}).Trace(t.Context(), Input{Content: []byte(own("192.0.2.9", nov26) + fmt.Sprintf(hop, tenant) + rest)})
		if err != nil || got.Verdict != want {
			t.Errorf("%s: %s, %v, want %s: %+v", tenant, got.Verdict, err, want, got.Evidence)
		}
	}
}

func TestWithoutAnyProviderNothingIsSaid(t *testing.T) {
	got, err := tracer(t, "[[domain]]\nname = \"example.com\"\n", Options{}).Trace(t.Context(), Input{Content: []byte(own("203.0.113.140", nov26) + rest)})
	if err != nil || got.Verdict != Undetermined || got.Reason != "no-provider" || !strings.Contains(got.Why, "[[source]]") {
		t.Errorf("%s %q: %s, %v", got.Verdict, got.Reason, got.Why, err)
	}
}

// Who forgets the present provider must not take bypasses for permitted.
func TestBehindTheLastProviderNothingIsPermitted(t *testing.T) {
	left := "[[domain]]\nname = \"example.com\"\n[[source]]\nname = \"left\"\nranges = [\"192.0.2.0/26\"]\nvalid_until = 2026-03-31\n"
	later := left + "[[source]]\nname = \"later\"\nranges = [\"192.0.2.64/26\"]\nvalid_from = 2026-12-01\n"
	for _, c := range []struct {
		config, when string
		verdict      Verdict
		proposal     string
	}{
		{left, nov26, Undetermined, "no provider was in force from 2026-04-04 on: 1 message came then (undetermined); is a [[source]] missing, or its valid_from too late?"},
		{left, "no date", Undetermined, "no provider was in force from 2026-04-04 on"},
		{later, nov26, PermittedDirect, "no provider was in force from 2026-04-04 to 2026-11-27: 1 message came then (permitted_direct)"},
		{strings.Replace(left, "valid_until = 2026-03-31", "valid_from = 2026-12-01", 1), nov26, PermittedDirect, "no provider was in force until 2026-11-27: 1 "},
		{left, nov25, Direct, ""},
	} {
		tr := tracer(t, c.config, Options{})
		got, err := tr.Trace(t.Context(), Input{Content: []byte(own("203.0.113.140", c.when) + rest)})
		if err != nil || got.Verdict != c.verdict || got.Verdict == Undetermined && (got.Reason != "no-provider-in-force" || !strings.Contains(got.Why, "whether that was past one cannot be told; is a [[source]] missing?")) {
			t.Errorf("%s: %s %q: %s, %v", c.when, got.Verdict, got.Reason, got.Why, err)
		}
		a := NewArchive(tr.config)
		a.Add(&got)
		first := a.Report().Proposals[0]
		if c.proposal != "" && (first.Do != "configure" || first.What != "source" || !strings.HasPrefix(first.Text, c.proposal)) || c.proposal == "" && first.Do == "configure" {
			t.Errorf("%s: %+v", c.when, first)
		}
	}
}

// A catalogue without ranges must not make a provider's host a stranger.
func TestUnknownRangesAreNoProof(t *testing.T) {
	config := "[[domain]]\nname = \"example.com\"\n[[source]]\nname = \"pp\"\nprovider = \"proofpoint\"\n"
	hop := "Received: from m.sender.example (m.sender.example [203.0.113.77]) by mx0a-00aabbcc.pphosted.com (PPS) with ESMTPS id 3abcdefghi-1 for <bob@example.com>; " + early + "\r\n"
	for _, c := range []struct {
		header  string
		verdict Verdict
		reason  string
		most    int
	}{
		{own("67.231.148.48", nov26) + hop, Undetermined, "ranges-unknown", 0},
		{ownFrom("x", "mx0a-00aabbcc.pphosted.com", "67.231.148.48", nov26) + hop, ViaCurrent, "", 84},
		{own("67.231.148.48", nov26), Undetermined, "ranges-unknown", 0}, // with or without the hop, which anybody can write
		{ownFrom("x", "mail.sender.example", "203.0.113.140", nov26), Direct, "", 59},
		{ownFrom("x", "mail.sender.example", "203.0.113.140", nov26) + hop, Direct, "", 59},
	} {
		got, err := tracer(t, config, Options{}).Trace(t.Context(), Input{Content: []byte(c.header + rest)})
		if err != nil || got.Verdict != c.verdict || got.Reason != c.reason || got.Confidence > c.most {
			t.Errorf("%s %q %d, %v, want %s %q", got.Verdict, got.Reason, got.Confidence, err, c.verdict, c.reason)
		}
	}
}

func TestConfidence(t *testing.T) {
	results := "Authentication-Results: mx.example.com; spf=fail smtp.mailfrom=sender.example; dmarc=fail header.from=sender.example; iprev=pass policy.iprev=203.0.113.140\r\n"
	log := new(Log)
	if err := log.ReadLog(strings.NewReader("Nov  2 09:00:00 mx postfix/smtpd[12]: 4AbCdE0XyZz1: client=unknown[203.0.113.140]\n")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		in   Input
		log  *Log
		want int
		band string
	}{
		{"hop and ranges", Input{Content: []byte(own("203.0.113.140", nov26) + rest)}, nil, 70, "likely"},
		{"and our own results", Input{Content: []byte(results + own("203.0.113.140", nov26) + rest)}, nil, 75, "likely"},
		{"and our log", Input{Content: []byte(results + own("203.0.113.140", nov26) + rest)}, log, 85, "proven"},
		{"results below the border are the client's", Input{Content: []byte(own("203.0.113.140", nov26) + results + rest)}, nil, 70, "likely"},
		{"the log has another client", Input{Content: []byte(own("203.0.113.141", nov26) + rest)}, log, 70, "likely"},
		{"mended", Input{Content: []byte(results + own("203.0.113.140", nov26) + rest), Damage: []string{"x"}}, log, 60, "likely"},
		{"attached", Input{Content: []byte(results + own("203.0.113.140", nov26) + rest), Attached: true}, log, 60, "likely"},
		{"claims the provider", Input{Content: []byte(own("203.0.113.140", nov26) + mimecast("192.0.2.70", early) + rest)}, nil, 70, "likely"},
		{"through the provider", Input{Content: []byte(own("192.0.2.9", nov26) + mimecast("203.0.113.77", early) + rest)}, nil, 85, "proven"},
	} {
		got, err := tracer(t, ourSide, Options{Log: c.log}).Trace(t.Context(), c.in)
		if err != nil || got.Confidence != c.want || got.Band != c.band {
			t.Errorf("%s: %d %s, %v, want %d %s: %+v", c.name, got.Confidence, got.Band, err, c.want, c.band, got.Evidence)
		}
	}
}

// What a stranger writes below our border changes nothing that is said of him.
func TestPlantedLinesBelowTheBorderChangeNothing(t *testing.T) {
	planted := map[string]string{
		"a hop of the provider":          mimecast("198.18.0.1", early),
		"a hop of the one that was left": hornet("192.0.2.77", early),
		"a hop of ours":                  own("192.0.2.9", early),
		"a whole way":                    own("192.0.2.9", early) + mimecast("198.18.0.1", early) + results("pass"),
		"a hop of our gateway":           gateBlock("192.0.2.9", "via_current; source=\"new filter\"") + mimecast("198.18.0.1", early),
		"a hop of our mailbox service":   "Received: from x (192.0.2.9) by AM1PEPF0000AAAA.mail.protection.outlook.com (10.167.0.1) with Microsoft SMTP Server id 15.20.9000.1 via Frontend Transport; " + nov26 + "\r\nX-MS-Exchange-CrossTenant-Id: 11111111-2222-3333-4444-555555555555\r\n",
		"a fetched one":                  "Received: from store.example.com [127.0.0.1] by localhost with IMAP (fetchmail-5.9.0); " + nov26 + "\r\n",
		"what cannot be read":            "Received: (by by by\r\nReceived:\r\n",
		"old dates":                      hornet("192.0.2.77", nov25) + hornet("192.0.2.77", "Tue, 2 Nov 2010 09:00:00 +0000"),
		"fields of providers":            "X-Mimecast-Spam-Score: 0\r\nX-MC-Unique: 1\r\nX-MS-Exchange-CrossTenant-Id: 1\r\nReturn-Path: <>\r\nDelivered-To: eve@example.com\r\nX-Mxgate-Path: via_current\r\n",
	}
	incomplete := strings.Replace(ourSide, "ranges = [\"192.0.2.0/26\"]", "", 1)
	undated := strings.Replace(own("203.0.113.140", nov26), nov26, "", 1)
	for _, c := range []struct{ name, config, header string }{
		{"a stranger", ourSide, own("203.0.113.140", nov26)},
		{"a stranger at a gateway", ourSide, gateBlock("203.0.113.140", "direct")},
		{"a stranger without a date", ourSide, undated},
		{"a stranger while ranges may be incomplete", incomplete, own("203.0.113.140", nov26)},
		{"a printer", ourSide, own("203.0.113.200", jan26)},
		{"the provider", ourSide, own("192.0.2.9", nov26) + mimecast("203.0.113.77", early)},
		{"the provider that was left", ourSide, own("203.0.113.9", nov26) + hornet("192.0.2.77", nov26)},
	} {
		tell := func(below string) string {
			got, err := tracer(t, c.config, Options{}).Trace(t.Context(), Input{Content: []byte(c.header + below + strings.Replace(rest, "From", "Date: "+nov25+"\r\nFrom", 1))})
			if err != nil {
				t.Fatal(err)
			}
			_, slow := codeOf(got, "slow")
			if got.Client != nil && got.Source != "" {
				got.Client.Why = "" // it counts hops from the oldest
			}
			text, _ := json.Marshal([]any{got.Verdict, got.Confidence, got.Peer, got.Source, got.Reason, got.Client, got.Auth, got.Recipients, got.Time, slow})
			return string(text)
		}
		want := tell("")
		for what, below := range planted {
			if got := tell(below); got != want {
				t.Errorf("%s with %s:\n%s, want\n%s", c.name, what, got, want)
			}
		}
	}
}

// What nobody outside handed to the provider has a verdict of its own. That it is
// a bounce is believed where a server of ours has noted the reverse-path.
func TestWhatWasMadeWithinTheProvider(t *testing.T) {
	config := "[[domain]]\nname = \"example.com\"\n[[source]]\nname = \"m365\"\nprovider = \"microsoft365\"\ntenant = \"t1\"\n"
	hop := "Received: from A.eurprd00.prod.outlook.com (2603:10a6:10:72::14) by B.eurprd00.prod.outlook.com (2603:10b6:208:34f::13) with Microsoft SMTP Server (version=TLS1_2, cipher=X) id 15.20.7918.22; " + early + "\r\n"
	border := ownFrom("x", "unknown", "40.107.1.1", nov26)
	for _, c := range []struct {
		name, header string
		verdict      Verdict
		class        string
	}{
		{"a bounce", "Return-Path: <>\r\n" + border + hop, ProviderOrigin, "provider-origin"},
		{"a message of one of its customers", "Return-Path: <a@else.example>\r\n" + border + hop, Internal, "internal"},
		{"one whose reverse-path nobody noted", border + hop, Internal, "internal"},
		{"one that claims to be a bounce", border + hop + "Return-Path: <>\r\n", Internal, "internal"},
		{"one without a hop of the provider", "Return-Path: <>\r\n" + border, ViaCurrent, "unknown"},
	} {
		tr := tracer(t, config, Options{})
		got, err := tr.Trace(t.Context(), Input{Content: []byte(c.header + rest)})
		if err != nil || got.Verdict != c.verdict || got.Client == nil || got.Client.Class != c.class || got.Source != "m365" || got.Verdict.Found() {
			t.Errorf("%s: %s %+v, %v, want %s %s", c.name, got.Verdict, got.Client, err, c.verdict, c.class)
		}
		if through := got.Verdict != ViaCurrent; through != (strings.Contains(got.Why, "made there") || strings.Contains(got.Why, "nobody outside")) {
			t.Errorf("%s: %s", c.name, got.Why)
		}
	}
}

// What a client calls itself must not look like what was found of it.
func TestAHopTellsHELOFromAVerifiedName(t *testing.T) {
	for name, c := range map[string]struct{ header, want string }{
		"HELO":         {ownFrom("eu-1.mimecast.com", "unknown", "203.0.113.9", nov26), "203.0.113.9 (HELO eu-1.mimecast.com) -> "},
		"verified":     {ownFrom("x", "eu-1.mimecast.com", "203.0.113.9", nov26), "203.0.113.9 (eu-1.mimecast.com) -> "},
		"not verified": {"Received: from x (eu-1.mimecast.com [203.0.113.9]) by mx.example.com with ESMTP id 7; " + nov26 + "\r\n", "203.0.113.9 (eu-1.mimecast.com, not verified) -> "},
	} {
		got, err := tracer(t, ourSide, Options{}).Trace(t.Context(), Input{Content: []byte(c.header + rest)})
		if err != nil || !strings.Contains(got.Hops[0].line(got.Boundary), c.want) {
			t.Errorf("%s: %v, %s", name, err, got.Hops[0].line(got.Boundary))
		}
	}
}

// Where the provider's hop is not there, that is said, and not that there is none.
func TestTheClientOfAMessageWithOurHopOnly(t *testing.T) {
	got, err := tracer(t, ourSide, Options{}).Trace(t.Context(), Input{Content: []byte(own("192.0.2.9", nov26) + rest)})
	var b strings.Builder
	if err != nil || got.Write(&b) != nil || !strings.Contains(b.String(), "client      not known: no hop stands below the one of our server") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestHopsTellTimesDelaysLinksAndOwners(t *testing.T) {
	header := inner + own("192.0.2.9", "Mon, 2 Nov 2026 10:59:50 +0200") + mimecast("203.0.113.77", "Mon, 2 Nov 2026 09:00:00 +0000") +
		"Received: from pc (pc [10.0.0.7]) by mail.sender.example with ESMTP id 1; Mon, 2 Nov 2026 06:00:00 +0000\r\nReceived: from a ([192.0.2.1]) by b.example; Sun, 1 Nov 2026 08:59:30 +0000\r\n" +
		"Received: from pc by a with SMTP; Sun, 1 Nov 2026 08:59:30 +0000\r\n"
	got, err := tracer(t, ourSide, Options{}).Trace(t.Context(), Input{Content: []byte(header + rest)})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, h := range got.Hops {
		lines = append(lines, h.line(got.Boundary))
	}
	want := []string{
		"#1           2026-11-01T08:59:30Z noip (HELO pc) -> a SMTP [claimed]",
		"#2 +00:00:00 2026-11-01T08:59:30Z 192.0.2.1 (HELO a) -> b.example - [claimed] link=claimed",
		"#3 +21:00:30 2026-11-02T06:00:00Z 10.0.0.7 (pc) -> mail.sender.example ESMTP [claimed] link=broken",
		"#4 +03:00:00 2026-11-02T09:00:00Z 203.0.113.77 (mail.sender.example) -> relay.mimecast.com ESMTP [provider:new filter] link=strong",
		"#5 -00:00:10 2026-11-02T08:59:50Z 192.0.2.9 (HELO sender.example) -> mx.example.com ESMTPS [own boundary] link=weak",
		"#6 +00:00:10 2026-11-02T09:00:00Z 198.51.100.5 (mx.example.com) -> store.example.com ESMTP [own] link=strong",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if want := (Legs{SenderSide: 21*3600 + 30, BeforeProvider: 3 * 3600, InsideUs: 10}); got.Legs != want {
		t.Errorf("%+v, want %+v", got.Legs, want)
	}
	if got.Client == nil || got.Client.IP != "203.0.113.77" || !strings.HasPrefix(got.Client.Why, "hop #4 by relay.mimecast.com ") {
		t.Errorf("client %+v", got.Client)
	}
}

func TestRecipientsAreThoseOfOurDomainsAsWeNotedThem(t *testing.T) {
	to := "To: eve@example.com, x@else.example\r\n\r\n"
	hop := strings.Replace(own("203.0.113.140", nov26), "for <bob@example.com>", "for <x@else.example>", 1)
	for header, want := range map[string][]string{
		own("203.0.113.140", nov26): {"bob@example.com"},
		hop:                         {"eve@example.com"},
		"Delivered-To: carol@sub.example.com\r\n" + hop: {"carol@sub.example.com"},
		hop + "Delivered-To: carol@example.com\r\n":     {"eve@example.com"}, // the client's
	} {
		got, err := tracer(t, ourSide, Options{}).Trace(t.Context(), Input{Content: []byte(header + to)})
		if err != nil || !slices.Equal(got.Recipients, want) {
			t.Errorf("%q, %v, want %q", got.Recipients, err, want)
		}
	}
}

// One copy for each recipient is kept; the same message sent again is another.
func TestCopiesAreCountedOnce(t *testing.T) {
	tr := tracer(t, ourSide, Options{})
	archive := NewArchive(tr.config)
	again := strings.Replace(own("203.0.113.140", nov26), "4AbCdE0XyZz1", "4AbCdE0XyZz2", 1)
	for i, header := range []string{own("203.0.113.140", nov26), strings.Replace(own("203.0.113.140", nov26), "bob@", "eve@", 1), again} {
		got, err := tr.Trace(t.Context(), Input{Content: []byte(header + rest)})
		if err != nil {
			t.Fatal(err)
		}
		if archive.Add(&got); got.Copy != (i == 1) {
			t.Errorf("message %d: copy %t", i, got.Copy)
		}
	}
	if r := archive.Report(); r.Messages != 2 || r.Copies != 1 || r.Direct[0].Count != 2 || len(r.Recipients) != 2 {
		t.Errorf("%+v", r)
	}
}

func TestPseudonymsAreStableAndHideLocalParts(t *testing.T) {
	tr := tracer(t, ourSide, Options{Pseudonym: true})
	var all []string
	for range 2 {
		got, err := tr.Trace(t.Context(), Input{Content: []byte(own("203.0.113.140", nov26) + "From: alice@sender.example\r\nTo: bob@example.com\r\n\r\n")})
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(got)
		if strings.Contains(string(text), "alice") || strings.Contains(string(text), "bob@") {
			t.Errorf("%s", text)
		}
		all = append(all, got.From+" "+strings.Join(got.Recipients, " "))
	}
	if all[0] != all[1] || !strings.Contains(all[0], "@example.com") {
		t.Errorf("%q", all)
	}
}

// The names are a contract, and sorted so that two programs write the same line.
func TestNamesInJSONAreSorted(t *testing.T) {
	for _, v := range []any{Traced{}, Hop{}, Point{}, Peer{}, Client{}, Auth{}, Legs{}, Report{}, DirectPeer{}, OldSource{}, Delay{}, Proposal{}, Month{}, Counted{}, VerdictPart{}} {
		var names []string
		for f := range reflect.TypeOf(v).Fields() {
			if name := f.Tag.Get("json"); name != "" {
				names = append(names, name)
			} else if f.IsExported() {
				t.Errorf("%T.%s has no name", v, f.Name)
			}
		}
		if !slices.IsSorted(names) {
			t.Errorf("%T: %q", v, names)
		}
	}
}

func FuzzTrace(f *testing.F) {
	f.Add([]byte(inner + own("192.0.2.9", nov26) + mimecast("203.0.113.77", early) + rest))
	f.Add([]byte(own("203.0.113.140", nov26) + own("192.0.2.9", early) + "ARC-Seal: i=1\r\n" + rest))
	f.Add([]byte("Received: from pop.example.net by localhost with POP3; x\r\nReceived: by exch01 with mapi id 1;\r\n"))
	tr := tracer(f, ourSide, Options{})
	f.Fuzz(func(t *testing.T, content []byte) {
		// Whatever the client sends below our own hop, it stays a stranger.
		prefix := own("203.0.113.140", nov26)
		got, err := tr.Trace(t.Context(), Input{Content: append([]byte(prefix), content...)})
		if err != nil {
			return
		}
		if got.Verdict != Direct && len(content) > 0 && content[0] != ' ' && content[0] != '\t' {
			t.Errorf("%s: %s", got.Verdict, got.Why)
		}
		archive := NewArchive(tr.config)
		archive.Add(&got)
		report, page := archive.Report(), NewPage()
		page.Add(&got)
		var b strings.Builder
		if err := got.Write(&b); err != nil {
			t.Fatal(err)
		}
		if err := page.Write(&b, &report, noTime); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x00\x07\x1b\x7f") {
			t.Error("a control character is shown")
		}
		// Alone it is judged, too.
		if got, err := tr.Trace(t.Context(), Input{Content: content}); err == nil && !slices.Contains(Verdicts, got.Verdict) {
			t.Errorf("verdict %q", got.Verdict)
		}
	})
}
