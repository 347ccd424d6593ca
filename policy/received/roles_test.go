package received_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/provider"
	"mxgate/policy/received"
)

// boundaryOf is the boundary of a provider of the catalogue.
func boundaryOf(tb testing.TB, id string, ranges func(netip.Addr) bool) received.Boundary {
	tb.Helper()
	e, ok := provider.Lookup(id)
	if !ok {
		tb.Fatalf("%s is not in the catalogue", id)
	}
	b := received.Boundary{Ingress: e.Ingress, Inner: e.Inner, Chained: e.IngressChained, Shared: true}
	b.ReceivedBy, b.Ranges, b.Witnesses = e.ReceivedBySuffixes, ranges, e.OriginalIPHeaders
	return b
}

const (
	client = "192.0.2.10"
	date   = "; Mon, 02 Nov 2026 09:00:00 +0000"
	// below is what the client wrote: whatever is found, it is not there.
	below = "from good.example (good.example [" + forged + "]) by HOST with ESMTP id 1-1" + date
)

// chains are the hops that each provider with known roles writes for client,
// newest first, after received-formats.md.
var chains = map[string][][]string{
	"microsoft365": {{
		"from A.prod.outlook.com (::1) by B.prod.outlook.com with HTTPS" + date,
		"from C.eurprd00.prod.outlook.com (2603:10a6:10:1::1) by A.eurprd00.prod.outlook.com (2603:10a6:10:2::2) with Microsoft SMTP Server (version=TLS1_2, cipher=X) id 15.20.9000.1" + date,
		"from AB1PEPF0000AAAA.eurprd00.prod.outlook.com (2603:10a6:10:3:cafe::1) by C.outlook.office365.com (2603:10a6:10:1::1) with Microsoft SMTP Server (version=TLS1_3, cipher=X) id 15.20.9000.1 via Frontend Transport" + date,
		"from mail.example.org (" + client + ") by AB1PEPF0000AAAA.mail.protection.outlook.com (10.167.0.1) with Microsoft SMTP Server (version=TLS1_3, cipher=X) id 15.20.9000.1 via Frontend Transport" + date,
	}},
	"microsoft365 of the United States": {{
		"from CY1P110MB0327.NAMP110.PROD.OUTLOOK.COM (2001:489a:200:400::13) by CY1P110MB0328.NAMP110.PROD.OUTLOOK.COM (2001:489a:200:401::9) with Microsoft SMTP Server (version=TLS1_2, cipher=X) id 15.20.9000.1" + date,
		"from mail.example.org (" + client + ") by CY1USG02FT007.mail.protection.office365.us (10.97.26.110) with Microsoft SMTP Server id 15.20.9000.1 via Frontend Transport" + date,
	}},
	"google": {{
		"by mail-ab1-f70.google.com with SMTP id 5b1f-6so123.1 for <bob@example.com>" + date,
		"by 2002:a05:6a10:1234:b0:1:2:3 with SMTP id a1csp1" + date,
		"from mail.example.org (mail.example.org. [" + client + "]) by mx.google.com with ESMTPS id abc-1 for <bob@example.com> (version=TLS1_3 cipher=X bits=256/256)" + date,
	}},
	"proofpoint": {{
		"from pps.filterd (m0012345.ppops.net [127.0.0.1]) by mx0a-00aabbcc.pphosted.com (8.17.1.19/8.17.1.19) with ESMTP id 3A2BcdEf012345 for <bob@example.com>" + date,
		"from mail.example.org (mail.example.org [" + client + "]) by mx0a-00aabbcc.pphosted.com (PPS) with ESMTPS id 3abcdefghi-1 (version=TLSv1.2 cipher=X bits=256 verify=NO) for <bob@example.com>" + date,
	}, {
		"from mail.example.org (mail.example.org [" + client + "]) by mx0b-00aabbcc.pphosted.com with ESMTP id 3abcdefghi-1" + date,
	}},
	"proofpoint-essentials": {{
		"from mx1-us1.ppe-hosted.com (unknown [10.7.65.61]) by mx2-us1.ppe-hosted.com (PPE Hosted ESMTP Server) with ESMTPS id AA11BC" + date,
		"from mail.example.org (mail.example.org [" + client + "]) (using TLSv1.2 with cipher X (256/256 bits)) (No client certificate requested) by mx1-us1.ppe-hosted.com (PPE Hosted ESMTP Server) with ESMTPS id AA11BB for <bob@example.com>" + date,
	}},
	"mimecast": {{
		"from relay.mimecast.com (relay.mimecast.com [10.1.1.1]) by mta.mimecast.lan with ESMTP id x" + date,
		"from mail.example.org (mail.example.org [" + client + "]) by relay.mimecast.com with ESMTP with STARTTLS (version=TLSv1.3, cipher=X) id eu-mta-12-AbCdEfGhIjKlMnOpQrStUv-1" + date,
	}, {
		"from mail.example.org (mail.example.org [" + client + "]) (Using TLS) by relay.mimecast.com with ESMTP id eu-mta-12" + date,
	}},
	"barracuda-egd": {{
		"from mail.example.org (unknown [" + client + "]) by mx-inbound11-215.eu-west-2a.ess.aws.cudaops.com (version=TLSv1.2 cipher=X bits=256 verify=NO)" + date,
	}},
	"hornetsecurity": {{
		"from mail.example.org ([" + client + "]) by mx-gate12-hz1.hornetsecurity.com" + date,
	}, {
		"from mail.example.org ([" + client + "]) by mx-gate12-hz1.antispameurope.com" + date,
	}},
	"cisco-ces": {{
		"from host.example.org (HELO mail.example.org) ([" + client + "]) by esa1.hc123-45.iphmx.com with ESMTP/TLS/X; 02 Nov 2026 09:00:00 +0000",
	}},
	"trendmicro-tmes": {{
		"from " + client + "_.trendmicro.com (unknown [172.21.1.1]) by post01.tmes.trendmicro.eu (Postfix) with SMTP id 0ABD" + date,
		"from mail.example.org (unknown [" + client + "]) by inpre01.tmes.trendmicro.eu (Trend Micro Email Security) with ESMTPS id 0ABC" + date,
	}},
	"messagelabs": {{
		"(qmail 123 invoked from network); 2 Nov 2026 09:00:00 -0000",
		"from unknown (HELO mail.example.org) (" + client + ") by server-9.tower-99.messagelabs.com with X encrypted SMTP; 2 Nov 2026 09:00:00 -0000",
	}},
	"sophos-central": {{
		"from ip-172-20-0-1.eu-central-1.compute.internal (ip-172-20-0-1.eu-central-1.compute.internal [127.0.0.1]) by id-eu-central-1.prod.hydra.sophos.com (Postfix) with ESMTP id 4Ac" + date,
		"from mail.example.org (mail.example.org [" + client + "]) (using TLSv1.2 with cipher X (256/256 bits)) (No client certificate requested) by relay-eu-central-1.prod.hydra.sophos.com (Postfix) with ESMTPS id 4Ab" + date,
	}},
	"forcepoint": {{
		"(from mailcontrol@localhost) by rly12a.srv.mailcontrol.com (8.17.1/8.17.1/Submit) id 2A9" + date,
		"from mail.example.org (mail.example.org [" + client + "]) by rly12a.srv.mailcontrol.com (MailControl) with ESMTP id 2A8" + date,
	}},
}

// walk walks a chain with a forged field below it.
func walk(b received.Boundary, host string, values ...string) received.Origin {
	var hops []received.Hop
	for i, v := range append(slices.Clone(values), strings.Replace(below, "HOST", host, 1)) {
		h := received.Parse(v)
		h.Field = i
		hops = append(hops, h)
	}
	return received.Walk(hops, b, received.Parse("by x"+date).Time)
}

func TestTheClientOfEveryProviderOfTheCatalogueIsFound(t *testing.T) {
	inRange := func(a netip.Addr) bool { return netip.MustParsePrefix("198.51.100.0/27").Contains(a) }
	byRole, byName := 0, 0
	for _, id := range provider.IDs() {
		b := boundaryOf(t, id, inRange)
		if known := len(b.Ingress)+len(b.Inner) > 0; known != (len(chains[id]) > 0) {
			t.Errorf("%s: roles are known: %v, chains: %d", id, known, len(chains[id]))
		}
		all := chains[id]
		if id == "microsoft365" {
			all = append(slices.Clone(all), chains["microsoft365 of the United States"]...)
		}
		for _, chain := range all {
			byRole++
			last := chain[len(chain)-1]
			host := received.Parse(last).By
			o := walk(b, host, chain...)
			method, confidence := received.MethodIngress, received.Medium
			if len(b.Ingress) == 0 {
				method, confidence = received.MethodReceivedBy, received.Low
			}
			if o.IP.String() != client || o.Method != method || o.Confidence != confidence || o.Field != len(chain)-1 || o.By != strings.ToLower(host) {
				t.Errorf("%s: %+v", id, o)
			}
			// What the client calls itself is not how the border is found, and an
			// address that cannot be read ends the walk.
			for _, helo := range []string{host, "x.prod.outlook.com", "10.0.0.1", "pps.filterd"} {
				if o := walk(b, host, append(slices.Clone(chain[:len(chain)-1]), strings.Replace(last, "mail.example.org", helo, 1))...); o.IP.IsValid() && o.IP.String() != client {
					t.Errorf("%s: HELO %s: %+v", id, helo, o)
				}
			}
			// Nor is another customer of the same provider taken for a host of it, where
			// the border is known. The forger copies the border's own field.
			for _, seen := range []string{"somewhere", "198.51.100.7"} {
				if seen != "somewhere" && len(b.Ingress) == 0 {
					continue
				}
				o := walk(b, host, append(slices.Clone(chain[:len(chain)-1]), strings.Replace(last, client, seen, 1), strings.Replace(last, client, forged, 1))...)
				if o.IP.IsValid() && o.IP.String() != seen {
					t.Errorf("%s: a border that shows %s is stepped over: %+v", id, seen, o)
				}
			}
		}
		if len(chains[id]) > 0 || len(b.ReceivedBy) == 0 {
			continue
		}
		byName++
		for _, suffix := range b.ReceivedBy {
			outer := "from in1." + suffix + " (in1." + suffix + " [198.51.100.7]) by out1." + suffix + " with ESMTPS id 2" + date
			border := "from mail.example.org (mail.example.org [" + client + "]) by in1." + suffix + " with ESMTPS id 1" + date
			if o := walk(b, "in1."+suffix, outer, border); o.IP.String() != client || o.Method != received.MethodReceivedBy || o.Confidence != received.Low {
				t.Errorf("%s: %+v", id, o)
			}
		}
	}
	t.Logf("%d chains of known hosts, %d providers by name", byRole, byName)
}

// A customer of the provider hands in mail at a host that nobody outside can
// speak to as an MX, and writes all that stands below.
func TestACustomersSubmissionIsNotSteppedOver(t *testing.T) {
	for _, c := range []struct{ id, host, field string }{
		{"microsoft365", "AB1PEPF0000AAAA.mail.protection.outlook.com", "from [10.0.0.5] (203.0.113.9) by AM9PR04MB8400.eurprd04.prod.outlook.com (2603:10a6:20b:3e9::6) with Microsoft SMTP Server (version=TLS1_2, cipher=X) id 15.20.9000.1" + date},
		{"microsoft365", "AB1PEPF0000AAAA.mail.protection.outlook.com", "from C.eurprd00.prod.outlook.com (203.0.113.9) by AM9PR04MB8400.eurprd04.prod.exchangelabs.com (2603:10a6:20b:3e9::6) with Microsoft SMTP Server id 15.20.9000.1" + date},
		{"microsoft365", "AB1PEPF0000AAAA.mail.protection.outlook.com", "from [2603:10a6:10:1::1] (203.0.113.9) by AM9PR04MB8400.outlook.office365.com (2603:10a6:20b:3e9::6) with Microsoft SMTP Server id 15.20.9000.1" + date},
		{"microsoft365", "AB1PEPF0000AAAA.mail.protection.outlook.com", "from A.example.local ([fe80::1:2:3:4]) by AM9PR04MB8400.eurprd04.prod.outlook.com ([fe80::1:2:3:4%14]) with mapi id 15.20.9000.001" + date},
		{"microsoft365", "AB1PEPF0000AAAA.mail.protection.outlook.com", "from vm.attacker.example (2603:1020:201:10::5) by AM9PR04MB8400.eurprd04.prod.outlook.com (2603:10a6:20b:3e9::6) with Microsoft SMTP Server (version=TLS1_2, cipher=X) id 15.20.9000.1" + date},
		{"google", "mx.google.com", "by gmailapi.google.com with HTTPREST" + date},
		{"google", "mx.google.com", "by 2002:a05:6a10:1234:b0:1:2:3 with POP3 id t63mf6534877vka.0" + date},
		{"google", "mx.google.com", "by 2002:a05:6a10:1234:b0:1:2:3 with HTTP" + date},
		{"google", "mx.google.com", "from x (x [10.0.0.5]) by smtp-relay.gmail.com with ESMTPS id x" + date},
		{"google", "mx.google.com", "from x (x [10.0.0.5]) by smtp.google.com with ESMTPS id x" + date},
		{"proofpoint", "mx0a-00aabbcc.pphosted.com", "from x (localhost [127.0.0.1]) (Authenticated sender: mallory) by mx0a-00aabbcc.pphosted.com (PPS) with ESMTPSA id 1-1" + date},
		{"proofpoint-essentials", "mx1-us1.ppe-hosted.com", "from vm ([10.1.1.1]) by outbound-us1.ppe-hosted.com (PPE Hosted ESMTP Server) with ESMTPSA id 1" + date},
		{"rackspace", "gate1.emailsrvr.com", "by smtp1.relay.iad1a.emailsrvr.com (Authenticated sender: a-AT-x.example) with ESMTPSA id 1" + date},
		{"rackspace", "gate1.emailsrvr.com", "from x (localhost [127.0.0.1]) (Authenticated sender: a@x.example) by smtp1.relay.iad1a.emailsrvr.com with ESMTPSA id 1" + date},
		{"forcepoint", "rly12a.srv.mailcontrol.com", "from x (x [10.0.0.5]) (authenticated bits=0) by rly12a.srv.mailcontrol.com (8.17.1/8.17.1) with ESMTP id 2A9" + date},
		{"google", "mx.google.com", "from [10.0.0.5] (9.113.0.203.example. [203.0.113.9]) by smtp.gmail.com with ESMTPSA id x" + date},
		{"google", "mx.google.com", "from 123456789 named unknown by gmailapi.google.com with HTTPREST" + date},
		{"google", "mx.google.com", "from x (x [203.0.113.9]) by mail-ab1-f70.google.com with SMTP id x" + date},
		{"google", "mx.google.com", "from x (x [203.0.113.9]) by 2002:a05:6a10:1234:b0:1:2:3 with SMTP id x" + date},
		{"messagelabs", "server-9.tower-99.messagelabs.com", "(qmail 5 invoked by uid 89)" + date},
		{"messagelabs", "server-9.tower-99.messagelabs.com", "from x (x [203.0.113.9]) with SMTP" + date},
		{"proofpoint", "mx0a-00aabbcc.pphosted.com", "from x (x [203.0.113.9]) by mx0b-00ddeeff.pphosted.com (8.17.1.19/8.17.1.19) with ESMTP id 3A2" + date},
		{"proofpoint-essentials", "mx1-us1.ppe-hosted.com", "from x (x [203.0.113.9]) by dispatch1-us1.ppe-hosted.com (Postfix) with ESMTP id 3A2" + date},
		{"trendmicro-tmes", "in.tmes.trendmicro.eu", "from x (x [203.0.113.9]) by post01.tmes.trendmicro.eu (Postfix) with ESMTP id 3A2" + date},
		{"trendmicro-tmes", "in.tmes.trendmicro.eu", "from [203.0.113.9] (x [172.21.1.1]) by post01.tmes.trendmicro.eu (Postfix) with ESMTP id 3A2" + date},
	} {
		o := walk(boundaryOf(t, c.id, func(netip.Addr) bool { return false }), c.host, c.field)
		if o.IP.IsValid() {
			t.Errorf("%s: %s: %s", c.id, c.field, o.Why)
		}
	}
}
