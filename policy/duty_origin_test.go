package policy

import (
	"net/netip"
	"strings"
	"testing"

	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// The origin is what the source told, else what the trace shows, else the peer
// if the source is its own origin; and SPF is about the origin, never about the
// provider that speaks to us.
func TestDuty_B1(t *testing.T) {
	const partner, stranger, own = "192.0.2.10", "203.0.113.5", "198.51.100.5" // own: the provider's
	peer := viaProvider
	peer.Origin = provider.OriginPeer
	hop := func(ip, by string) string {
		return "Received: from h.example (h.example [" + ip + "]) by " + by + " (Postfix) with ESMTPS id 1; Sun, 22 Nov 2026 08:59:58 +0000\r\n"
	}
	border, inner := hop(partner, "mx1.provider.example"), hop("198.51.100.7", "mx2.provider.example")
	for _, c := range []struct {
		name        string
		src         provider.Source
		told, trace string
		addr        string // of the peer
		origin      string
		method      string
		spf         mail.Status
	}{
		{"told, against the trace", viaProvider, partner, hop(stranger, "mx1.provider.example"), own, partner, "given", mail.Pass},
		{"told, a stranger, against a trace that shows the partner", viaProvider, stranger, border, own, stranger, "given", mail.Fail},
		{"told by a source that is its own origin", peer, stranger, border, partner, stranger, "given", mail.Fail},
		{"told, IPv6", viaProvider, "2001:db8::9", border, own, "2001:db8::9", "given", mail.Fail},
		{"told, IPv4 in the form of IPv6", viaProvider, "::ffff:192.0.2.10", border, own, partner, "given", mail.Pass},
		{"told, but only who of the provider it was", viaProvider, own, border, own, partner, "received-by", mail.Pass},
		{"by the border hop", viaProvider, "", border, own, partner, "received-by", mail.Pass},
		{"through a hop within the provider", viaProvider, "", inner + border, own, partner, "received-by", mail.Pass},
		{"not below the border", viaProvider, "", hop(stranger, "mx1.provider.example") + border, own, stranger, "received-by", mail.Fail},
		{"the peer, not its trace", peer, "", border, stranger, stranger, "peer", mail.Fail},
		{"the peer, which is the partner", peer, "", hop(stranger, "mx1.provider.example"), partner, partner, "peer", mail.Pass},
		{"no trace: none, although the peer would pass", viaProvider, "", "", partner, "", "none", mail.None},
		{"a trace of somebody else", viaProvider, "", hop(partner, "mx.elsewhere.example"), partner, "", "none", mail.None},
		{"never over what cannot be read", viaProvider, "", "Received: \x01???\r\n" + border, partner, "", "none", mail.None},
		{"a trace that does not leave the provider", viaProvider, "", inner, partner, "", "none", mail.None},
		{"a trace that shows two addresses", viaProvider, "", strings.Replace(border, "(h.example [", "(h.example ["+stranger+"] [", 1), partner, "", "none", mail.None},
	} {
		t.Run(c.name, func(t *testing.T) {
			tx := transaction(t, "", "a@partner.example", c.trace+message("a@partner.example"))
			tx.Client.Addr = netip.MustParseAddr(c.addr)
			if c.told != "" {
				tx.Client.Origin, tx.Client.OriginHelo = netip.MustParseAddr(c.told), "told.example"
			}
			e, err := collector(t).collected(t.Context(), tx, c.src, Given{})
			if err != nil {
				t.Fatal(err)
			}
			if e.Origin.IP != c.origin || e.Origin.Method != c.method || e.SPF.Result != c.spf {
				t.Errorf("origin %+v, SPF %+v", e.Origin, e.SPF)
			}
			if e.DMARC.SPFAligned != (c.spf == mail.Pass) {
				t.Errorf("DMARC %+v", e.DMARC)
			}
			if c.method == "given" && (e.Origin.Confidence != "high" || e.Origin.Helo != "told.example") {
				t.Errorf("origin %+v", e.Origin)
			}
			if c.origin == "" && (e.SPF.Why == "" || !strings.Contains(e.SPF.Why, e.Origin.Why) || e.Origin.Confidence != "none") {
				t.Errorf("it is not said why: origin %+v, SPF %+v", e.Origin, e.SPF)
			}
		})
	}
}

// With the null reverse-path the name that the origin gave is checked, not the
// provider's.
func TestDuty_B1_Helo(t *testing.T) {
	for _, told := range []bool{true, false} {
		tx := transaction(t, "192.0.2.10", "", message("a@partner.example"))
		want := "mail.origin.example"
		if told {
			want = "partner.example"
			tx.Client.Origin, tx.Client.OriginHelo = netip.MustParseAddr("192.0.2.10"), want
		}
		e, err := collector(t).collected(t.Context(), tx, viaProvider, Given{})
		if err != nil || e.SPF.Domain != want || e.SPF.Identity != "helo" || (e.SPF.Result == mail.Pass) != told {
			t.Errorf("told %t: %+v, %v", told, e.SPF, err)
		}
	}
}

// A message read from a file has no client who could have told anything.
func TestDuty_B1_AMessageFromAFileHasNoClient(t *testing.T) {
	tx := transaction(t, "203.0.113.5", "a@partner.example", message("a@partner.example"))
	tx.Client.Origin = netip.MustParseAddr("192.0.2.10")
	e, err := collector(t).collected(t.Context(), tx, viaProvider, Given{Peerless: true})
	if err != nil || e.Origin.IP != "203.0.113.5" {
		t.Errorf("%+v, %v", e.Origin, err)
	}
}
