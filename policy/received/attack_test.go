package received_test

import (
	"net/netip"
	"strings"
	"testing"

	"mxgate/policy/received"
)

// injections are names that a client gives to look like somebody else: attacks
// A1 to A3 of the catalogue of formats, and what follows from them.
var injections = []string{
	// A1: imitates a trace
	"mail.example.org (relay.mimecast.com [" + forged + "])",
	"mail.example.org (" + forged + ")",
	"mail.example.org ([" + forged + "] helo=x)",
	"mail.example.org (HELO x) (" + forged + ")",
	"x (" + forged + ") by AB1.mail.protection.outlook.com (10.0.0.1) with Microsoft SMTP Server id 1; Mon, 2 Nov 2026 09:00:00 +0000",
	"x (" + forged + ") by AB1.mail.protection.outlook.com (10.0.0.1) with Microsoft SMTP Server id 1; Mon, 2 Nov 2026 09:00:00 +0000 (",
	"[" + forged + "] (helo=x)",
	"[" + forged + "] (account x)",
	"(from x [" + forged + "])",
	")(" + forged, ") (" + forged + ") (", "x) ([" + forged + "]", "x [" + forged + "]) (y",
	// A2: brackets, separators and keywords
	"[" + forged + "]", forged, "x [" + forged + "]", "x)", "x (", "x ((", "x))", "x;", "x; y", "\"x", "x\\", "<x", "< \"x", "x\x00y", "x\ry", "x\xa0y",
	"by", "from", "with", "id", "for", "x from y", "x by y", "x BY y", "x\tby\ty", "x (by y) z", "x \"by y\"", "x with LMTP id", "x with POP3", "x with local",
	"x by evil.prod.outlook.com", "x by evil.prod.outlook.com (", "x by evil.prod.outlook.com (Client CN \"", "x by evil.prod.outlook.com with LMTP (",
	"by evil.prod.outlook.com (10.0.0.1) with mapi; Mon, 2 Nov 2026 09:00:00 +0000 (", "mail pickup service",
	"x (Client CN \"", "x (using TLSv1.3)", "x (Authenticated sender: y", "x (127.0.0.1)", "x (localhost [127.0.0.1])", "x ([unix socket])", "(qmail 1 invoked from network)",
	// A3: a host of the provider as name
	"evil.prod.outlook.com", "AB1.mail.protection.outlook.com", "localhost", "127.0.0.1", "[127.0.0.1]",
}

// writers are the shapes of hosts that take mail from the Internet; NAME stands
// where they put what the client called itself.
var writers = []struct{ name, field string }{
	{"Exchange", `from NAME (203.0.113.9) by mx.example.com (10.167.0.1) with Microsoft SMTP Server (version=TLS1_3, cipher=X) id 15.20.1 via Frontend Transport; Mon, 2 Nov 2026 09:00:00 +0000`},
	{"Postfix", `from NAME (unknown [203.0.113.9]) (using TLSv1.3 with cipher X (256/256 bits)) (No client certificate requested) by mx.example.com (Postfix) with ESMTPS id 4Ab for <bob@example.com>; Mon, 2 Nov 2026 09:00:00 +0000 (UTC)`},
	{"Sendmail", `from NAME (host7.example.org [203.0.113.9] (may be forged)) by mx.example.com (8.17.1/8.17.1) with ESMTPS id 2A9 (version=TLSv1.3 cipher=X bits=256 verify=NO) for <bob@example.com>; Mon, 2 Nov 2026 09:00:00 GMT`},
	{"Gmail", `from NAME (host7.example.org. [203.0.113.9]) by mx.example.com with ESMTPS id abc for <bob@example.com> (version=TLS1_3 cipher=X bits=256/256); Mon, 02 Nov 2026 01:00:00 -0800 (PST)`},
	{"Barracuda", `from NAME (unknown [203.0.113.9]) by mx.example.com (version=TLSv1.2 cipher=X bits=256 verify=NO); Mon, 02 Nov 2026 09:00:00 +0000`},
	{"Hornetsecurity", `from NAME ([203.0.113.9]) by mx.example.com; Mon, 02 Nov 2026 10:00:00 +0100`},
	{"Exim", `from host.example.org ([203.0.113.9]:54321 helo=NAME) by mx.example.com with esmtps (TLS1.2) (Exim 4.92) (envelope-from <a@example.org>) id 1x; Mon, 02 Nov 2026 09:00:00 +0000`},
	{"Exim without reverse name", `from [203.0.113.9] (port=40001 helo=NAME) by mx.example.com with esmtp (Exim 4.96) (envelope-from <a@example.org>) id 1x; Mon, 02 Nov 2026 09:00:00 +0000`},
	{"qmail", `from host.example.org (HELO NAME) (203.0.113.9) by mx.example.com with SMTP; 2 Nov 2026 09:00:00 -0000`},
	{"AsyncOS", `from host.example.org (HELO NAME) ([203.0.113.9]) by mx.example.com with ESMTP/TLS/X; 02 Nov 2026 10:00:00 +0100`},
}

// checkInjection fails if a name makes Parse believe in another client or in
// another writer than the true ones.
func checkInjection(t *testing.T, name, field, helo string) {
	t.Helper()
	h := received.Parse(strings.Replace(field, "NAME", helo, 1))
	if h.IP.IsValid() && h.IP != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("%s: HELO %q: client %s", name, helo, h.IP)
	}
	if h.By != "" && h.By != "mx.example.com" {
		t.Errorf("%s: HELO %q: writer %q", name, helo, h.By)
	}
	if h.By != "" && (h.Kind == received.Internal || h.Kind == received.Local) {
		t.Errorf("%s: HELO %q: kind %s", name, helo, h.Kind)
	}
}

func TestANameCannotChangeClientOrWriter(t *testing.T) {
	for _, w := range writers {
		for _, helo := range injections {
			checkInjection(t, w.name, w.field, helo)
		}
	}
}

func FuzzANameCannotChangeClientOrWriter(f *testing.F) {
	for i := range writers {
		for _, helo := range injections {
			f.Add(uint8(i), helo)
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, helo string) {
		// A line end in the name would be another field, NAME is our own mark.
		if strings.ContainsAny(helo, "\n") || strings.Contains(helo, "NAME") || strings.Contains(helo, "203.0.113.9") {
			return
		}
		w := writers[int(i)%len(writers)]
		checkInjection(t, w.name, w.field, helo)
	})
}

func FuzzParse(f *testing.F) {
	for _, w := range writers {
		f.Add(w.field)
	}
	f.Fuzz(func(t *testing.T, value string) {
		h := received.Parse(value)
		switch h.Kind {
		case received.SMTP, received.Local, received.NoIP, received.Internal, received.Garbage:
		default:
			t.Errorf("kind %q", h.Kind)
		}
		if h.Kind == received.SMTP && (!h.IP.IsValid() || h.Ambiguous || h.By == "") {
			t.Errorf("smtp without client or writer: %+v", h)
		}
		if (h.Kind == received.NoIP || h.Kind == received.Garbage) && h.IP.IsValid() {
			t.Errorf("%s with client: %+v", h.Kind, h)
		}
		if h.IP.Zone() != "" || h.IP.Is4In6() {
			t.Errorf("address not normalised: %s", h.IP)
		}
		if len(h.For) > 16 {
			t.Errorf("%d forward-paths", len(h.For))
		}
	})
}
