package received_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"mxgate/policy/mail"
	"mxgate/policy/received"
)

// plants are what a forger writes below the border, and fields in other places
// that only look like his: one or more for each attack class of the catalogue of
// formats. BY is the border's own name.
var plants = []struct{ name, field string }{
	{"A1", "Received: from mail.example.org (relay.mimecast.com [" + forged + "]) (x [" + forged + "]) by BY (Postfix) with ESMTP id 1" + date},
	{"A2", "Received: from x; by BY ([" + forged + "]) by BY with ESMTP id 1" + date},
	{"A3", "Received: from BY (BY [" + forged + "]) by mx.example.org with ESMTP id 1" + date},
	{"A4 the border", "Received: from mail.example.org (" + forged + ") by BY (10.167.0.1) with Microsoft SMTP Server id 15.20.9000.1 via Frontend Transport" + date},
	{"A4 within", "Received: from A.prod.outlook.com (2603:10a6:10:1::1) by B.prod.outlook.com (2603:10a6:10:2::2) with Microsoft SMTP Server id 15.20.9000.1" + date},
	{"A4 a witness", "Received-SPF: Pass (protection.outlook.com: domain of x designates " + forged + " as permitted sender) client-ip=" + forged + ";"},
	{"A5 another name", "X-Received: from mail.example.org (" + forged + ") by BY (10.167.0.1) with Microsoft SMTP Server id 1" + date},
	{"A5 resent", "Resent-Received: from mail.example.org (" + forged + ") by BY (10.167.0.1) with Microsoft SMTP Server id 1" + date},
	{"A6 long", "Received: from mail.example.org (" + forged + ") by BY " + strings.Repeat("(((((x", 2000) + date},
	{"A6 open", "Received: from \"mail.example.org ((" + forged + " by BY (10.167.0.1) with Microsoft SMTP Server id 1" + date},
	{"A7 homoglyph", "Received: from mail.example.org (" + forged + ") by AB1.mail.protection.outlооk.com (10.167.0.1) with Microsoft SMTP Server id 1" + date},
	{"A7 the name within another", "Received: from mail.example.org (" + forged + ") by BY.example.org (10.167.0.1) with Microsoft SMTP Server id 1" + date},
	{"A7 upper case", "RECEIVED: FROM mail.example.org (" + forged + ") BY AB1.MAIL.PROTECTION.OUTLOOK.COM. (10.167.0.1) with Microsoft SMTP Server id 1" + date},
	{"A8 private", "Received: from mail.example.org (10.0.0.9) by BY (10.167.0.1) with Microsoft SMTP Server id 1" + date},
	{"A8 loopback", "Received: from mail.example.org (::1) by BY with HTTPS" + date},
	{"A9", "Received: from mail.example.org (" + forged + ") by BY (10.167.0.1) with Microsoft SMTP Server id 1 for <a@example.com>, b@elsewhere.example (ORCPT <rfc822;c@example.com>)" + date},
	{"A10 quoted-printable", "Received: from mail.example.org (" + forged + ") by=20BY (version=3DTLS) with Microsoft SMTP Server id 1" + date},
	{"A10 quoted", ">Received: from mail.example.org (" + forged + ") by BY (10.167.0.1) with Microsoft SMTP Server id 1" + date},
	{"A10 cut", "Received: mail.example.org (" + forged + ") by BY"},
}

// hundredChains are real chains whose origin is known, evenly taken.
func hundredChains(tb testing.TB, b received.Boundary) (chains []sample) {
	all := headersOnly(tb)
	for i, s := range all {
		if i%(len(all)/110) == 0 && len(chains) < 100 && received.Walk(received.Hops(s.msg), b, nineOnMonday).IP.IsValid() {
			chains = append(chains, s)
		}
	}
	if len(chains) != 100 {
		tb.Fatalf("%d chains", len(chains))
	}
	return chains
}

var nineOnMonday = received.Parse("by x" + date).Time

// A forger writes what stands below the border, the HELO of the border's field and
// nothing else. The first changes nothing. The second may make the field
// unreadable: that costs the forger his origin, and is never another one.
//
// Above the border only the provider writes, and relays of our own. Should a forger
// get something in there, under a name that is his own, then it changes nothing if
// it is no hop, and else ends the walk, since nothing is stepped over that is
// not believed: never is there another origin.
func TestNoAttackChangesTheOriginOfARealChain(t *testing.T) {
	b := microsoft365(t, catalogueRanges)
	belowSame, aboveSame, aboveNone, heloSame, heloNone := 0, 0, 0, 0, 0
	for _, s := range hundredChains(t, b) {
		find := func(m *mail.Message) received.Origin {
			return received.Find(&mail.Transaction{Message: m, ReceivedAt: nineOnMonday}, b)
		}
		want := find(s.msg)
		for _, p := range plants {
			text := []byte(strings.ReplaceAll(p.field, "BY", want.By) + "\r\n")
			for _, at := range []int{want.Field, len(s.msg.Fields) - 1} {
				if got := find(plant(t, s.msg, at, text)); got != want {
					t.Errorf("%s: %s below field %d: got %+v, want %+v", s.id, p.name, at, got, want)
				}
				belowSame++
			}
			if p.name == "A4 a witness" || p.name == "A7 upper case" {
				continue // above the border nobody but the provider could write these
			}
			text = []byte(strings.ReplaceAll(p.field, "BY", "mx.forger.example") + "\r\n")
			for _, at := range []int{-1, want.Field - 1} {
				switch got := find(plantAt(t, s.msg, at, text)); {
				case got.IP == want.IP && got.Field == want.Field+1:
					aboveSame++
				case !got.IP.IsValid() && strings.HasPrefix(p.field, "Received:") && got.Why != "":
					aboveNone++
				default:
					t.Errorf("%s: %s above field %d: got %+v, want %+v", s.id, p.name, at, got, want)
				}
			}
		}
		border := s.msg.Fields[want.Field]
		for _, helo := range injections {
			before, after, ok := strings.Cut(string(border.Raw), want.Helo)
			if !ok || strings.TrimSpace(before) != "Received: from" {
				t.Fatalf("%s: no name to replace in %q", s.id, border.Raw)
			}
			m := *s.msg
			m.Fields = append([]mail.Field(nil), s.msg.Fields...)
			m.Fields[want.Field].Raw = []byte(before + helo + after)
			switch got := find(&m); got.IP {
			case want.IP:
				heloSame++
			case netip.Addr{}:
				heloNone++
			default:
				t.Errorf("%s: HELO %q: got %s, want %s or none", s.id, helo, got.IP, want.IP)
			}
		}
	}
	t.Logf("below: %d unchanged; above: %d unchanged, %d without origin; in the HELO: %d unchanged, %d without origin; none changed",
		belowSame, aboveSame, aboveNone, heloSame, heloNone)
}

// plantAt returns m with text put below field number below, -1 for the top.
func plantAt(tb testing.TB, m *mail.Message, below int, text []byte) *mail.Message {
	if below >= 0 {
		return plant(tb, m, below, text)
	}
	out := bytes.Clone(text)
	for _, f := range m.Fields {
		out = fmt.Appendf(out, "%s", f.Raw)
	}
	return parseMessage(tb, append(out, "\r\n"...))
}
