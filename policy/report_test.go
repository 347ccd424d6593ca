package policy

import (
	"net/netip"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// The report that a mail was not delivered comes from the tenant or the host of whom it
// was sent to.
func TestAReportOfAMailSystemIsToldOfAtMost(t *testing.T) {
	body := "--b\r\n\r\nYour message could not be delivered.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns;x\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: Bob <bob@example.com>\r\nTo: Anna Berg <anna@heise.de>\r\nSubject: Invoice 7\r\n\r\nHello Anna.\r\n--b--\r\n"
	for _, c := range []struct {
		name, kind, body, replyTo string
		bounce                    bool
		want                      Disposition
	}{
		{"a report", "multipart/report; report-type=delivery-status; boundary=b", body, "", true, Tag},
		{"with payment", "multipart/report; boundary=b", strings.Replace(body, "Your message", paying+"Your message", 1), "", true, Quarantine},
		{"with a Reply-To", "multipart/report; boundary=b", body, "x@elsewhere.com", true, Quarantine},
		{"with a reverse-path", "multipart/report; boundary=b", body, "", false, Quarantine},
		{"no report", "multipart/mixed; boundary=b", body, "", true, Quarantine},
	} {
		for _, from := range []string{"MAILER-DAEMON@heise-mail.net", "postmaster@heise.onmicrosoft.com"} {
			l := letter{from: from, cites: stolen, replyTo: c.replyTo, fields: "MIME-Version: 1.0\r\nContent-Type: " + c.kind + "\r\n", body: c.body}
			e := tellFrom(t, l, c.bounce)
			v := decideAgain(t, Rules{}, e)
			if v.Disposition != c.want || e.Thread.Report != (c.bounce && strings.HasPrefix(c.kind, "multipart/report")) {
				t.Errorf("%s, %s: %s %s: %s\n%v", c.name, from, v.Disposition, v.Reason, v.Sentence, v.Score)
			}
		}
	}
}

// tellFrom is tell for a bounce, or for other mail.
func tellFrom(t *testing.T, l letter, bounce bool) Evidence {
	t.Helper()
	if !bounce {
		return tell(t, l, with(correspondence()))
	}
	c := collector(t)
	c.Memory = correspondence()
	z := zone(t)
	domain := l.from[strings.LastIndexByte(l.from, '@')+1:]
	z.Add(domain, "TXT", "v=spf1 ip4:203.0.113.66 -all")
	z.Add("_dmarc."+domain, "TXT", "v=DMARC1; p=reject")
	c.Resolver = z
	tx := transaction(t, "203.0.113.66", "", l.text())
	tx.Envelope.ReversePath = mail.Address{}
	e, err := c.collected(t.Context(), tx, viaProvider, Given{Origin: netip.MustParseAddr("203.0.113.66"), Helo: domain})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// What no mail system is called, or a disguise of letters, is no report.
func TestWhatIsNoReportIsHeldAsBefore(t *testing.T) {
	body := "--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: Anna Berg <anna@heise.de>\r\nTo: Bob <bob@example.com>\r\nSubject: Invoice 7\r\n\r\nHello.\r\n--b--\r\n"
	for _, from := range []string{"MAILER-DAEMON@he1se.de", "anna@heise-mail.net"} {
		e := tellFrom(t, letter{from: from, cites: stolen, fields: "MIME-Version: 1.0\r\nContent-Type: multipart/report; boundary=b\r\n", body: body}, true)
		if v := decideAgain(t, Rules{}, e); v.Disposition != Quarantine {
			t.Errorf("%s: %s %s: %s", from, v.Disposition, v.Reason, v.Sentence)
		}
	}
}
