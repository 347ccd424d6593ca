package policy

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// protecting is a message of partner.example, proven by its origin, whose signed
// part has the given header fields.
func protecting(from, inner string) string {
	return "From: " + from + "\r\nTo: bob@example.com\r\nSubject: =?utf-8?q?a_b?=\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n" +
		"Content-Type: text/plain; hp=\"clear\"\r\n" + inner + "\r\nHello.\r\n--s\r\nContent-Type: application/pkcs7-signature\r\n\r\nx\r\n--s--\r\n"
}

// A mail client that verifies a signature may show the author inside it: one who
// is not the outer one is told, and his domain compared with those we know.
func TestDuty_B6(t *testing.T) {
	const anna = "Anna <a@partner.example>"
	for _, c := range []struct {
		name, from, inner string
		want              *Protected
		reason            Reason
	}{
		{"the same author and subject", anna, "From: Anna <A@Partner.Example>\r\nSubject: a\r\n  b\r\n", nil, Clean},
		{"nothing inside", anna, "", nil, Clean},
		{"only a Subject, the same", anna, "Subject: =?utf-8?b?YSBi?=\r\n", nil, Clean},
		{"another subject", anna, "Subject: c\r\n", &Protected{Domains: []mail.Domain{}, Subject: true}, Clean},
		{"another author", anna, "From: x@other.example\r\n", &Protected{Domains: []mail.Domain{"other.example"}}, Clean},
		{"another author of the same domain", anna, "From: ceo@partner.example\r\n", &Protected{Domains: []mail.Domain{"partner.example"}}, Clean},
		{"a look-alike", anna, "From: a@he1se.de\r\n", &Protected{Domains: []mail.Domain{"he1se.de"}}, LookalikeDomain},
		{"a look-alike in U-labels", anna, "From: a@h\u0435ise.de\r\n", &Protected{Domains: []mail.Domain{"xn--hise-v4d.de"}}, LookalikeDomain},
		{"a look-alike in the name of the same author", anna, "From: \"a@he1se.de\" <a@partner.example>\r\n", &Protected{Domains: []mail.Domain{"he1se.de"}}, LookalikeDomain},
		{"a look-alike in a second field", anna, "From: a@partner.example\r\nfrom: a@he1se.de\r\n", &Protected{Domains: []mail.Domain{"partner.example", "he1se.de"}}, LookalikeDomain},
		{"a look-alike in an encoded word", anna, "From: =?utf-8?q?a=40he1se=2Ede?= <a@partner.example>\r\n", &Protected{Domains: []mail.Domain{"he1se.de"}}, LookalikeDomain},
		{"an author that cannot be read", anna, "From: Anna\r\n", nil, Clean},
		{"no single author outside", "a@partner.example, b@other.example", "From: a@partner.example\r\n", &Protected{Domains: []mail.Domain{"partner.example"}}, FromAmbiguous},
		{"more domains than can be compared", anna, "From: " + manyAddresses(maxHeaderDomains) + "a@he1se.de\r\n", nil, Unscannable},
		{"more than can be held", anna, "From: a@he1se.de\r\nSubject: " + strings.Repeat(strings.Repeat("x", 900)+"\r\n ", 20) + "\r\n", nil, Unscannable},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := protecting(c.from, c.inner)
			e, err := collector(t).collected(t.Context(), transaction(t, "192.0.2.10", "a@partner.example", text), viaProvider, Given{})
			if err != nil {
				t.Fatal(err)
			}
			v := decideAgain(t, Rules{}, e)
			if v.Reason != c.reason {
				t.Errorf("got %v %s: %s", v.Disposition, v.Reason, v.Sentence)
			}
			if c.reason != Unscannable && !reflect.DeepEqual(e.Author.Protected, c.want) {
				t.Errorf("protected: %+v, want %+v", e.Author.Protected, c.want)
			}
			if c.reason == LookalikeDomain && (len(e.Lookalike) != 1 || e.Lookalike[0].Where != "protected-from" || v.Disposition != Quarantine || !strings.Contains(v.Sentence, "From field inside the signed mail")) {
				t.Errorf("%+v: %v %s", e.Lookalike, v.Disposition, v.Sentence)
			}
			if e.Author.Address != "" && (e.Author.Domain != "partner.example" || !e.DMARC.SPFAligned) {
				t.Errorf("the inner author took the place of the outer one: %+v, %+v", e.Author, e.DMARC)
			}
			if c.want != nil {
				var b strings.Builder
				if err := Explain(&b, &e, v); err != nil || !strings.Contains(b.String(), "signed part") {
					t.Errorf("not explained: %s", b.String())
				}
			}
		})
	}
}

// What stands inside signed mail proves nothing: an own domain there is neither
// a proof nor, when the outer author is another, a spoof of ours.
func TestDuty_B6_ProvesNothing(t *testing.T) {
	plain, err := collector(t).collected(t.Context(), transaction(t, "203.0.113.5", "x@bulk.example", protecting("bob@example.com", "")), viaProvider, Given{})
	if err != nil {
		t.Fatal(err)
	}
	for _, inner := range []string{"From: a@partner.example\r\n", "From: bob@example.com\r\n"} {
		e, err := collector(t).collected(t.Context(), transaction(t, "203.0.113.5", "x@bulk.example", protecting("bob@example.com", inner)), viaProvider, Given{})
		if err != nil {
			t.Fatal(err)
		}
		e.Author.Protected = nil
		if fmt.Sprintf("%+v", e) != fmt.Sprintf("%+v", plain) {
			t.Errorf("%q changes the evidence:\n%+v\n%+v", inner, e, plain)
		}
	}
}
