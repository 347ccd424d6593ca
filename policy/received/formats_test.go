package received

import (
	"fmt"
	"strings"
	"testing"
)

// describe renders what the table below states about a hop: every field that is
// set, except Time, Defects and Field.
func describe(h Hop) string {
	var b strings.Builder
	b.WriteString(string(h.Kind))
	add := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, " %s=%s", key, value)
		}
	}
	flag := func(name string, set bool) {
		if set {
			b.WriteString(" " + name)
		}
	}
	if h.IP.IsValid() {
		add("ip", h.IP.String())
	}
	add("helo", h.Helo)
	add("rdns", h.RDNS)
	add("ident", h.Ident)
	add("by", h.By)
	if h.ByIP.IsValid() {
		add("byip", h.ByIP.String())
	}
	add("proto", h.Proto)
	flag("tls", h.TLS)
	flag("auth", h.Auth)
	add("id", h.ID)
	add("for", strings.Join(h.For, ","))
	add("env", h.EnvFrom)
	flag("ambiguous", h.Ambiguous)
	return b.String()
}

// formats holds the shapes of the catalogue of formats, by its numbers.
var formats = []struct{ name, value, want string }{
	{"F01 Postfix with TLS and PTR", `from mail.example.org (mail.example.org [192.0.2.10]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256) (No client certificate requested) by mx.example.com (Postfix) with ESMTPS id 4AbCdE0XyZz1 for <bob@example.com>; Mon, 2 Nov 2026 10:00:00 +0100 (CET)`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=mx.example.com proto=ESMTPS tls id=4AbCdE0XyZz1 for=bob@example.com"},
	{"F02 Postfix without PTR, HELO is a literal", `from [198.51.100.7] (unknown [203.0.113.9]) by mx.example.com (Postfix) with ESMTP id 1A2B3C; Mon, 2 Nov 2026 09:00:00 +0000 (UTC)`,
		"smtp ip=203.0.113.9 helo=[198.51.100.7] by=mx.example.com proto=ESMTP id=1A2B3C"},
	{"F03 Postfix over IPv6", `from a.example.org (a.example.org [IPv6:2001:db8::25]) by mx.example.com (Postfix) with ESMTP id 1A2B3D for <bob@example.com>; Mon, 2 Nov 2026 09:00:00 +0000 (UTC)`,
		"smtp ip=2001:db8::25 helo=a.example.org rdns=a.example.org by=mx.example.com proto=ESMTP id=1A2B3D for=bob@example.com"},
	{"F04 Postfix with a client certificate that has a parenthesis in its name", `from mail.example.org (mail.example.org [192.0.2.10]) (using TLSv1.3 with cipher X (256/256 bits)) (Client CN "relay) x; .example.org", Issuer "Example CA" (verified OK)) by mx.example.com (Postfix) with ESMTPS id 4Ab; Mon, 2 Nov 2026 10:00:00 +0100 (CET)`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=mx.example.com proto=ESMTPS tls id=4Ab"},
	{"F05 Postfix submission", `from laptop (unknown [198.51.100.20]) (Authenticated sender: bob) by out.example.org (Postfix) with ESMTPSA id 77; Mon, 2 Nov 2026 09:00:00 +0000 (UTC)`,
		"smtp ip=198.51.100.20 helo=laptop by=out.example.org proto=ESMTPSA tls auth id=77"},
	{"F06 Postfix local", `by web.example.org (Postfix, from userid 1001) id 99AA; Mon, 2 Nov 2026 09:00:00 +0000 (UTC)`,
		"local by=web.example.org id=99AA"},
	{"F07 Postfix, bracket without space", `from x (unknown[192.0.2.44]) by mx.example.com (Postfix) with SMTP id 5; Mon, 2 Nov 2026 09:00:00 -0500 (EST)`,
		"smtp ip=192.0.2.44 helo=x by=mx.example.com proto=SMTP id=5"},
	{"F08 Exim, HELO is the reverse name", `from mail.example.org ([192.0.2.10]) by mx.example.com with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.97) (envelope-from <a@example.org>) id 1rAbCd-000000001-AbCd for bob@example.com; Mon, 02 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=mx.example.com proto=ESMTPS tls id=1rAbCd-000000001-AbCd for=bob@example.com env=a@example.org"},
	{"F09 Exim, HELO differs", `from host.example.org ([192.0.2.10]:54321 helo=mail.example.org) by mx.example.com with esmtps (TLS1.2:ECDHE-RSA-AES256-GCM-SHA384:256) (Exim 4.92) (envelope-from <a@example.org>) id 1x-2y-3z; Mon, 02 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=host.example.org by=mx.example.com proto=ESMTPS tls id=1x-2y-3z env=a@example.org"},
	{"F10 Exim without reverse name", `from [192.0.2.10] (port=40001 helo=[10.0.0.5]) by mx.example.com with esmtpsa (TLS1.2) tls ECDHE_RSA (Exim 4.96) (envelope-from <a@example.org>) id 1x; Mon, 02 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=[10.0.0.5] by=mx.example.com proto=ESMTPSA tls auth id=1x env=a@example.org"},
	{"F11 Exim with ident", `from [192.0.2.10] (helo=x.example ident=user) by mx.example.com with smtp (Exim 4.9); Mon, 02 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=x.example ident=user by=mx.example.com proto=SMTP"},
	{"F12 Exim over IPv6", `from h.example.org ([2001:db8::5] helo=h.example.org) by mx.example.com with smtp (Exim 4.9); Mon, 02 Nov 2026 09:00:00 +0000`,
		"smtp ip=2001:db8::5 helo=h.example.org rdns=h.example.org by=mx.example.com proto=SMTP"},
	{"F13 Exim local", `by web.example.org with local (Exim 4.96) (envelope-from <a@example.org>) id 1x; Mon, 02 Nov 2026 09:00:00 +0000`,
		"local by=web.example.org proto=LOCAL id=1x env=a@example.org"},
	{"F13 Exim local with user", `from www-data by web.example.org with local (Exim 4.96) (envelope-from <a@example.org>) id 1x; Mon, 02 Nov 2026 09:00:00 +0000`,
		"local helo=www-data by=web.example.org proto=LOCAL id=1x env=a@example.org"},
	{"F14 Sendmail, reverse name may be forged", `from mail.example.org (host7.example.org [192.0.2.10] (may be forged)) by mx.example.com (8.17.1/8.17.1) with ESMTPS id 2A9x1234567 (version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256 verify=NO) for <bob@example.com>; Mon, 2 Nov 2026 09:00:00 GMT`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=host7.example.org by=mx.example.com proto=ESMTPS tls id=2A9x1234567 for=bob@example.com"},
	{"F15 Sendmail with ident", `from mail.example.org (IDENT:joe@host7.example.org [192.0.2.10]) by mx.example.com (8.17.1/8.17.1) with ESMTP id 2A9; Mon, 2 Nov 2026 09:00:00 GMT`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=host7.example.org ident=joe by=mx.example.com proto=ESMTP id=2A9"},
	{"F16 Sendmail submission", `from mail.example.org (host7.example.org [192.0.2.10]) (authenticated bits=0) by mx.example.com (8.17.1/8.17.1) with ESMTP id 2A9; Mon, 2 Nov 2026 09:00:00 GMT`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=host7.example.org by=mx.example.com proto=ESMTP auth id=2A9"},
	{"F17 Sendmail local", `(from bob@localhost) by web.example.org (8.17.1/8.17.1/Submit) id 2A9; Mon, 2 Nov 2026 09:00:00 GMT`,
		"local by=web.example.org id=2A9"},
	{"F18 qmail, the line above", `(qmail 123 invoked from network); 2 Nov 2026 09:00:00 -0000`, "internal"},
	{"F18 qmail", `from unknown (HELO mail.example.org) (192.0.2.10) by mx.example.com with SMTP; 2 Nov 2026 09:00:00 -0000`,
		"smtp ip=192.0.2.10 helo=mail.example.org by=mx.example.com proto=SMTP"},
	{"F19 qmail, empty HELO", `from host.example.org (HELO ) (192.0.2.10) by mx.example.com with SMTP; 2 Nov 2026 09:00:00 -0000`,
		"smtp ip=192.0.2.10 rdns=host.example.org by=mx.example.com proto=SMTP"},
	{"F19 qmail with ident", `from host.example.org (HELO x) (user@192.0.2.10) by mx.example.com with SMTP; 2 Nov 2026 09:00:00 -0000`,
		"smtp ip=192.0.2.10 helo=x rdns=host.example.org ident=user by=mx.example.com proto=SMTP"},
	{"F19 qmail local", `(qmail 5 invoked by uid 89); 2 Nov 2026 09:00:00 -0000`, "local"},
	{"F20 qmail-ldap", `from unknown (HELO x.example) (bob@[192.0.2.10]) (envelope-sender <a@example.org>) by mx.example.com (qmail-ldap-1.03) with SMTP for <bob@example.com>; 2 Nov 2026 09:00:00 -0000`,
		"smtp ip=192.0.2.10 helo=x.example ident=bob by=mx.example.com proto=SMTP for=bob@example.com env=a@example.org"},
	{"F21 MessageLabs", `from unknown (HELO mail.example.org) (192.0.2.10) by server-9.tower-99.messagelabs.com with ECDHE-RSA-AES256-GCM-SHA384 encrypted SMTP; 2 Nov 2026 09:00:00 -0000`,
		"smtp ip=192.0.2.10 helo=mail.example.org by=server-9.tower-99.messagelabs.com proto=SMTP tls"},
	{"F22 Exchange frontend", `from mail.example.org (192.0.2.10) by AB1PEPF0000AAAA.mail.protection.outlook.com (10.167.0.1) with Microsoft SMTP Server (version=TLS1_3, cipher=TLS_AES_256_GCM_SHA384) id 15.20.9000.1 via Frontend Transport; Mon, 2 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=mail.example.org by=AB1PEPF0000AAAA.mail.protection.outlook.com byip=10.167.0.1 proto=SMTP tls id=15.20.9000.1"},
	{"F23 Exchange without TLS", `from mail.example.org (192.0.2.10) by AB1PEPF0000AAAA.mail.protection.outlook.com (10.167.0.1) with Microsoft SMTP Server id 15.20.9000.1 via Frontend Transport; Mon, 2 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=mail.example.org by=AB1PEPF0000AAAA.mail.protection.outlook.com byip=10.167.0.1 proto=SMTP id=15.20.9000.1"},
	{"F24 Exchange, older TLS", `from mail.example.org (192.0.2.10) by ex.example.com (10.167.0.1) with Microsoft SMTP Server (TLS) id 15.0.1497.42; Mon, 2 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=mail.example.org by=ex.example.com byip=10.167.0.1 proto=SMTP tls id=15.0.1497.42"},
	{"F25 Exchange inner hop", `from A.eurprd00.prod.outlook.com (2001:db8:a:cafe::1) by B.EURPRD00.PROD.OUTLOOK.COM (2001:db8:a:c::2) with Microsoft SMTP Server (version=TLS1_2, cipher=X) id 15.20.9000.1; Mon, 2 Nov 2026 09:00:00 +0000`,
		"smtp ip=2001:db8:a:cafe::1 helo=A.eurprd00.prod.outlook.com by=B.EURPRD00.PROD.OUTLOOK.COM byip=2001:db8:a:c::2 proto=SMTP tls id=15.20.9000.1"},
	{"F26 Exchange MAPI", `from A.example.local ([fe80::1:2:3:4]) by A.example.local ([fe80::1:2:3:4%14]) with mapi id 15.02.1544.011; Mon, 2 Nov 2026 09:00:00 +0000`,
		"internal ip=fe80::1:2:3:4 helo=A.example.local by=A.example.local byip=fe80::1:2:3:4 proto=MAPI id=15.02.1544.011"},
	{"F27 Exchange store", `from A.prod.outlook.com (::1) by B.prod.outlook.com with HTTPS; Mon, 2 Nov 2026 09:00:00 +0000`,
		"internal ip=::1 by=B.prod.outlook.com proto=HTTPS tls"},
	{"F28 Exchange with a user before the address", `from host.example (x@192.0.2.10) by Y.mail.protection.outlook.com (10.0.0.1) with Microsoft SMTP Server id 1; Mon, 2 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=host.example ident=x by=Y.mail.protection.outlook.com byip=10.0.0.1 proto=SMTP id=1"},
	{"F29 IIS", `from x ([192.0.2.10] RDNS failed) by mx.example.com with Microsoft SMTPSVC(8.5.9600.16384); Mon, 2 Nov 2026 09:00:00 +0100`,
		"smtp ip=192.0.2.10 helo=x by=mx.example.com proto=SMTPSVC"},
	{"F29 IIS pickup", `from mail pickup service by mx with Microsoft SMTPSVC; Mon, 2 Nov 2026 09:00:00 +0100`,
		"local helo=mail by=mx proto=SMTPSVC"},
	{"F30 Gmail MX", `from mail.example.org (mail.example.org. [192.0.2.10]) by mx.google.com with ESMTPS id abc123-20020a05aaaabbbbb00si123.45.2026.11.02.01.00.00 for <bob@example.com> (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256); Mon, 02 Nov 2026 01:00:00 -0800 (PST)`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=mx.google.com proto=ESMTPS tls id=abc123-20020a05aaaabbbbb00si123.45.2026.11.02.01.00.00 for=bob@example.com"},
	{"F31 Gmail inner hop", `by 2002:a05:6a10:1234:b0:1:2:3 with SMTP id a1csp1; Mon, 2 Nov 2026 01:00:01 -0800 (PST)`,
		"internal by=2002:a05:6a10:1234:b0:1:2:3 byip=2002:a05:6a10:1234:b0:1:2:3 proto=SMTP id=a1csp1"},
	{"F32 Gmail inner host", `by mail-ab1-f70.google.com with SMTP id 5b1f-6so123.1 for <bob@example.com>; Mon, 2 Nov 2026 01:00:01 -0800 (PST)`,
		"internal by=mail-ab1-f70.google.com proto=SMTP id=5b1f-6so123.1 for=bob@example.com"},
	{"F33 Google Transport Security", `from mail-f41.example.com (mail-f41.example.com. [192.0.2.41]) by mx.google.com with SMTPS id d6sor44520 for <bob@example.com> (Google Transport Security); Mon, 2 Nov 2026 01:00:01 -0800 (PST)`,
		"smtp ip=192.0.2.41 helo=mail-f41.example.com rdns=mail-f41.example.com by=mx.google.com proto=SMTPS tls id=d6sor44520 for=bob@example.com"},
	{"F34 Gmail submission", `from [127.0.0.1] (9.2.0.192.bc.example. [192.0.2.9]) by smtp.gmail.com with ESMTPSA id x; Mon, 2 Nov 2026 01:00:01 -0800 (PST)`,
		"smtp ip=192.0.2.9 helo=[127.0.0.1] rdns=9.2.0.192.bc.example by=smtp.gmail.com proto=ESMTPSA tls auth id=x"},
	{"F34 Gmail API", `from 123456789 named unknown by gmailapi.google.com with HTTPREST; Mon, 2 Nov 2026 01:00:01 -0800 (PST)`,
		"noip by=gmailapi.google.com proto=HTTPREST"},
	{"F35 SES inbound", `from mail.example.org (mail.example.org [192.0.2.10]) by inbound-smtp.eu-west-1.amazonaws.com with SMTP id abc123 for bob@example.com; Mon, 02 Nov 2026 09:00:00 +0000 (UTC)`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=inbound-smtp.eu-west-1.amazonaws.com proto=SMTP id=abc123 for=bob@example.com"},
	{"F36 Mimecast, two `with`", `from mail.example.org (mail.example.org [192.0.2.10]) by relay.mimecast.com with ESMTP with STARTTLS (version=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384) id eu-mta-12-AbCdEfGhIjKlMnOpQrStUv-1; Mon, 02 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=relay.mimecast.com proto=ESMTP tls id=eu-mta-12-AbCdEfGhIjKlMnOpQrStUv-1"},
	{"F36 Mimecast, older", `from mail.example.org (mail.example.org [192.0.2.10]) (Using TLS) by relay.mimecast.com with ESMTP id eu-mta-12; Mon, 02 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=relay.mimecast.com proto=ESMTP tls id=eu-mta-12"},
	{"F37 Proofpoint ingress", `from mail.example.org (mail.example.org [192.0.2.10]) by mx0a-00aabbcc.pphosted.com (PPS) with ESMTPS id 3abcdefghi-1 (version=TLSv1.2 cipher=ECDHE-RSA-AES256-GCM-SHA384 bits=256 verify=NO) for <bob@example.com>; Mon, 02 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=mx0a-00aabbcc.pphosted.com proto=ESMTPS tls id=3abcdefghi-1 for=bob@example.com"},
	{"F38 Proofpoint filter", `from pps.filterd (m0012345.ppops.net [127.0.0.1]) by mx0a-00aabbcc.pphosted.com (8.17.1.19/8.17.1.19) with ESMTP id 3A2BcdEf012345 for <bob@example.com>; Mon, 02 Nov 2026 09:00:00 +0000`,
		"internal ip=127.0.0.1 helo=pps.filterd rdns=m0012345.ppops.net by=mx0a-00aabbcc.pphosted.com proto=ESMTP id=3A2BcdEf012345 for=bob@example.com"},
	{"F39 Proofpoint Essentials", `from mail.example.org (mail.example.org [192.0.2.10]) (using TLSv1.2 with cipher X (256/256 bits)) (No client certificate requested) by mx1-us1.ppe-hosted.com (PPE Hosted ESMTP Server) with ESMTPS id AA11BB for <bob@example.com>; Mon, 02 Nov 2026 09:00:00 +0000 (UTC)`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=mx1-us1.ppe-hosted.com proto=ESMTPS tls id=AA11BB for=bob@example.com"},
	{"F40 Barracuda", `from mail.example.org (unknown [192.0.2.10]) by mx-inbound11-215.eu-west-2a.ess.aws.cudaops.com (version=TLSv1.2 cipher=ECDHE-RSA-AES256-GCM-SHA384 bits=256 verify=NO); Mon, 02 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=mail.example.org by=mx-inbound11-215.eu-west-2a.ess.aws.cudaops.com tls"},
	{"F41 Hornetsecurity", `from mail.example.org ([192.0.2.10]) by mx-gate12-hz1.example-gw.test; Mon, 02 Nov 2026 10:00:00 +0100`,
		"smtp ip=192.0.2.10 helo=mail.example.org by=mx-gate12-hz1.example-gw.test"},
	{"F42 AsyncOS", `from host.example.org (HELO mail.example.org) ([192.0.2.10]) by esa1.gw.example.net with ESMTP/TLS/ECDHE-RSA-AES256-GCM-SHA384; 02 Nov 2026 10:00:00 +0100`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=host.example.org by=esa1.gw.example.net proto=ESMTP tls"},
	{"F43 Trend Micro ingress", `from mail.example.org (unknown [192.0.2.10]) by inpre01.gw.example.test (Trend Micro Email Security) with ESMTPS id 0ABC; Mon, 02 Nov 2026 10:00:00 +0100`,
		"smtp ip=192.0.2.10 helo=mail.example.org by=inpre01.gw.example.test proto=ESMTPS tls id=0ABC"},
	{"F43 Trend Micro inner hop", `from 192.0.2.10_.trendmicro.com (unknown [172.21.1.1]) by post01.gw.example.test (Postfix) with SMTP id 0ABD; Mon, 02 Nov 2026 10:00:00 +0100`,
		"smtp ip=172.21.1.1 helo=192.0.2.10_.trendmicro.com by=post01.gw.example.test proto=SMTP id=0ABD"},
	{"F44 Sophos", `from mail.example.org (mail.example.org [192.0.2.10]) (using TLSv1.2 with cipher X (256/256 bits)) (No client certificate requested) by relay-eu-central-1.prod.hydra.sophos.com (Postfix) with ESMTPS id 4Ab; Mon, 02 Nov 2026 10:00:00 +0100`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=relay-eu-central-1.prod.hydra.sophos.com proto=ESMTPS tls id=4Ab"},
	{"F44 Sophos, the hop above", `from ip-172-20-0-1.eu-central-1.compute.internal (ip-172-20-0-1.eu-central-1.compute.internal [127.0.0.1]) by id-eu-central-1.prod.hydra.sophos.com (Postfix) with ESMTP id 4Ac; Mon, 02 Nov 2026 10:00:00 +0100`,
		"internal ip=127.0.0.1 helo=ip-172-20-0-1.eu-central-1.compute.internal rdns=ip-172-20-0-1.eu-central-1.compute.internal by=id-eu-central-1.prod.hydra.sophos.com proto=ESMTP id=4Ac"},
	{"F45 FortiMail", `from mail.example.org ([192.0.2.10]) by gw.example.net  with ESMTP id 5A2BcdEf012345-5A2BcdEf012347 (version=TLSv1.2 cipher=X bits=256 verify=NO) for <bob@example.com>; Mon, 02 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=mail.example.org by=gw.example.net proto=ESMTP tls id=5A2BcdEf012345-5A2BcdEf012347 for=bob@example.com"},
	{"F46 Forcepoint, the host has a space", `from [192.0.2.10] (unknown [172.16.0.4]) by Forcepoint Email with ESMTP id E1187C; Mon, 02 Nov 2026 09:00:00 +0000`,
		"smtp ip=172.16.0.4 helo=[192.0.2.10] by=Forcepoint Email proto=ESMTP id=E1187C"},
	{"F47 SpamExperts", `from mail.example.org ([192.0.2.10]) by filter1.example-gw.test with esmtps (TLSv1.2:AES128-GCM-SHA256:128) (Exim 4.92) (envelope-from <a@example.org>) id 1x for bob@example.com; Mon, 02 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=filter1.example-gw.test proto=ESMTPS tls id=1x for=bob@example.com env=a@example.org"},
	{"F48 appliance, host without a dot", `from gw.example.org (unknown [127.0.0.1]) by IMSVA (Postfix) with ESMTP id 30CC; Mon, 02 Nov 2026 09:00:00 +0000`,
		"internal ip=127.0.0.1 helo=gw.example.org by=IMSVA proto=ESMTP id=30CC"},
	{"F49 amavis", `from mx.example.com ([192.0.2.1]) by localhost (mx.example.com [127.0.0.1]) (amavisd-new, port 10024) with ESMTP id AbC for <bob@example.com>; Mon, 02 Nov 2026 09:00:00 +0000`,
		"internal ip=192.0.2.1 helo=mx.example.com by=localhost byip=127.0.0.1 proto=ESMTP id=AbC for=bob@example.com"},
	{"F49 Postfix behind amavis", `from localhost (localhost [127.0.0.1]) by mx.example.com (Postfix) with ESMTP id 4Ab; Mon, 02 Nov 2026 09:00:00 +0000`,
		"internal ip=127.0.0.1 helo=localhost rdns=localhost by=mx.example.com proto=ESMTP id=4Ab"},
	{"F50 ZMailer, semicolon in a comment", `from mail.example.org ([192.0.2.10]:40594 "EHLO mail.example.org" rhost-flags-OK-OK-OK-OK) by list.example.net with ESMTP id S1728480 (ORCPT <rfc822;bob@example.com>); Mon, 2 Nov 2026 16:40:15 -0400`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=list.example.net proto=ESMTP id=S1728480"},
	{"F51 SendGrid", `from MTIz (unknown) by geopod-ismtpd-1 (SG) with HTTP id AbC Mon, 02 Nov 2026 09:00:00.516 +0000 (UTC)`,
		"noip by=geopod-ismtpd-1 proto=HTTP id=AbC"},
	{"F52 Momentum, no word behind from", `from ([10.0.0.1:49601] helo=x.example) by mta.example.org (ecelerity 4.2.0) with ESMTP id 52/92-02454; Mon, 2 Nov 2026 17:51:19 -0400`,
		"smtp ip=10.0.0.1 helo=x.example by=mta.example.org proto=ESMTP id=52/92-02454"},
	{"F53 PowerMTA, comment behind the date", `from localhost (10.0.0.21) by vmta6.example.org (PowerMTA(TM) v5.0r1) id habc for <bob@example.com>; Mon, 2 Nov 2026 17:51:19 -0400 (envelope-from <b@example.org>)`,
		"smtp ip=10.0.0.21 helo=localhost by=vmta6.example.org id=habc for=bob@example.com env=b@example.org"},
	{"F54 OpenSMTPD", `from mail.example.org (mail.example.org [192.0.2.10]) by mx.example.com (OpenSMTPD) with ESMTPS id 5db34e0d (TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO) for <bob@example.com>; Mon, 2 Nov 2026 17:51:19 -0400`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=mx.example.com proto=ESMTPS tls id=5db34e0d for=bob@example.com"},
	{"F54 OpenSMTPD local", `from localhost (x.example [local]) by mx.example.com (OpenSMTPD) with ESMTPA id 5db34e0d; Mon, 2 Nov 2026 17:51:19 -0400`,
		"local helo=localhost by=mx.example.com proto=ESMTPA auth id=5db34e0d"},
	{"F55 Haraka", `from mail.example.org (mail.example.org [192.0.2.10]) by mx.example.com (Haraka/3.0.0) with ESMTPS id UUID.1 envelope-from <a@example.org> tls TLS_AES_256_GCM_SHA384; Mon, 2 Nov 2026 17:51:19 -0400`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=mx.example.com proto=ESMTPS tls id=UUID.1 env=a@example.org"},
	{"F56 maddy", `from mail.example.org (mail.example.org [192.0.2.10]) by mx.example.com (envelope-sender <a@example.org>) with UTF8ESMTPS id ab12; Mon, 2 Nov 2026 17:51:19 -0400`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=mail.example.org by=mx.example.com proto=UTF8ESMTPS tls id=ab12 env=a@example.org"},
	{"F57 mox", `from mail.example.org (ptr.example.org [192.0.2.10]) by mx.example.com ([198.51.100.1]) via tcp with ESMTPS id AbC for <bob@example.com>; Mon, 2 Nov 2026 17:51:19 -0400`,
		"smtp ip=192.0.2.10 helo=mail.example.org rdns=ptr.example.org by=mx.example.com byip=198.51.100.1 proto=ESMTPS tls id=AbC for=bob@example.com"},
	{"F58 Courier", `from x (softdnserr [::ffff:192.0.2.10]) by mx.example.com with esmtp; Mon, 2 Nov 2026 17:51:19 -0400`,
		"smtp ip=192.0.2.10 helo=x by=mx.example.com proto=ESMTP"},
	{"F59 CommuniGate", `from [192.0.2.10] (account bob [192.0.2.10] verified) by mx (CommuniGate Pro SMTP 6.3) with ESMTPSA id 502 for bob@example.com; Mon, 2 Nov 2026 17:51:19 -0400`,
		"smtp ip=192.0.2.10 helo=[192.0.2.10] by=mx proto=ESMTPSA tls auth id=502 for=bob@example.com"},
	{"F60 Domino", `from mail.example.org ([192.0.2.10]) by dom.example.com (Lotus Domino Release 9.0.1) with ESMTP id 2026110209000000-123 ; Mon, 2 Nov 2026 10:00:00 +0100`,
		"smtp ip=192.0.2.10 helo=mail.example.org by=dom.example.com proto=ESMTP id=2026110209000000-123"},
	{"F61 MDaemon without from", `mail.example.org [(192.0.2.10)] by md.example.com (203.0.113.5) (MDaemon PRO v19.0.2) with ESMTP id md500.msg; Mon, 2 Nov 2026 10:00:00 +0100`,
		"smtp ip=192.0.2.10 helo=mail.example.org by=md.example.com byip=203.0.113.5 proto=ESMTP id=md500.msg"},
	{"F62 Zimbra LMTP", `from a.example (LHLO a.example) (10.2.2.20) by a.example with LMTP; Mon, 2 Nov 2026 10:00:00 +0100`,
		"internal ip=10.2.2.20 helo=a.example rdns=a.example by=a.example proto=LMTP"},
	{"F63 Dovecot", `from mx.example.com ([10.0.0.2]) by imap.example.com with LMTP id AbC (envelope-from <a@example.org>) for <bob@example.com>; Mon, 2 Nov 2026 10:00:00 +0100`,
		"internal ip=10.0.0.2 helo=mx.example.com by=imap.example.com proto=LMTP id=AbC for=bob@example.com env=a@example.org"},
	{"F64 Cyrus", `from x ([unix socket]) by x (Cyrus v3.4) with LMTPA; Mon, 2 Nov 2026 10:00:00 +0100`,
		"internal helo=x by=x proto=LMTPA auth"},
	{"F65 Yahoo web", `from [192.0.2.10] by web1.example with NNFMP; 02 Nov 2026 09:00:00 -0000`,
		"smtp ip=192.0.2.10 helo=[192.0.2.10] by=web1.example proto=NNFMP"},
	{"F65 Yahoo MX, host is an address", `from 192.0.2.10 (EHLO mail.example.org) by 10.1.2.3 with SMTPs (version=TLSv1_2 cipher=X); Mon, 02 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=mail.example.org by=10.1.2.3 byip=10.1.2.3 proto=SMTPS tls"},
	{"F66 Alibaba, no space before the comment", `from x(mailfrom:a@example.org fp:SMTPD_-1) by smtp.example.net(10.0.0.1); Mon, 02 Nov 2026 09:00:00 +0000`,
		"noip helo=x by=smtp.example.net byip=10.0.0.1"},
	{"F67 upper case", `FROM x (mail.example.org [192.0.2.10]) BY mx.example.com ID 434B508E ; 2 Nov 2026 01:41:34 -0400`,
		"smtp ip=192.0.2.10 helo=x rdns=mail.example.org by=mx.example.com id=434B508E"},
	{"F68 cPanel, host without a dot", `from cmsmtp ([192.0.2.10]) by cmsmtp with ESMTPSA id abc; Mon, 02 Nov 2026 09:00:00 +0000`,
		"smtp ip=192.0.2.10 helo=cmsmtp by=cmsmtp proto=ESMTPSA tls auth id=abc"},
	{"F69 retrieval", `from pop.example.net (192.0.2.10) by home with POP3; Mon, 02 Nov 2026 09:00:00 +0000`,
		"noip helo=pop.example.net by=home proto=POP3"},
	{"F69 fetchmail", `from pop.example.net [192.0.2.10] by localhost with POP3 (fetchmail-6.3.8) for <bob@localhost>; Mon, 02 Nov 2026 09:00:00 +0000`,
		"noip helo=pop.example.net by=localhost proto=POP3 for=bob@localhost"},
}

func TestEveryKnownFormatIsRead(t *testing.T) {
	for _, c := range formats {
		t.Run(c.name, func(t *testing.T) {
			h := Parse(c.value)
			if got := describe(h); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
			if h.Time.IsZero() {
				t.Errorf("no date; defects %q", h.Defects)
			}
		})
	}
}

func TestFoldingChangesNothing(t *testing.T) {
	for _, c := range formats {
		folded := Parse(strings.ReplaceAll(c.value, " ", "\r\n\t "))
		if got := describe(folded); got != c.want {
			t.Errorf("%s folded:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
