package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// Sender and Resent-From are nobody's author, but mail clients show them.
func TestSenderAndResentFrom(t *testing.T) {
	for _, c := range []struct {
		name, origin, path, text string
		reason                   Reason
		where                    string
	}{
		{"the author's own", "192.0.2.10", "a@partner.example", message("a@partner.example", "Sender: b@partner.example\r\n"), Clean, ""},
		{"a list's", "192.0.2.10", "a@partner.example", message("a@partner.example", "Sender: bounces@list.example\r\n"), Clean, ""},
		{"ours, not proven", "192.0.2.10", "a@partner.example", message("a@partner.example", "Sender: boss@example.com\r\n"), Impersonated, "sender"},
		{"ours, behind a name", "192.0.2.10", "a@partner.example", message("a@partner.example", "sender: \"boss@example.com\" <x@list.example>\r\n"), Impersonated, "sender"},
		{"a partner's, not proven", "192.0.2.10", "a@partner.example", message("a@partner.example", "Sender: x@heise.de\r\n"), Impersonated, "sender"},
		{"ours, resent", "192.0.2.10", "a@partner.example", message("a@partner.example", "Resent-From: boss@example.com\r\n"), Impersonated, "resent-from"},
		{"a look-alike", "192.0.2.10", "a@partner.example", message("a@partner.example", "Sender: a@he1se.de\r\n"), LookalikeDomain, ""},
		{"a look-alike, resent", "192.0.2.10", "a@partner.example", message("a@partner.example", "Resent-From: a@he1se.de\r\n"), LookalikeDomain, ""},
		{"above the author's", "203.0.113.5", "a@partner.example", message("a@news.heise.de", "Sender: x@heise.de\r\n"), DMARCNoneWeak, ""},
		{"ours, of nobody", "192.0.2.10", "a@partner.example", message("a@partner.example, b@other.example", "Sender: boss@example.com\r\n"), FromAmbiguous, ""},
		{"above the author's, inside", "203.0.113.5", "a@partner.example", protecting("a@news.heise.de", "From: x@heise.de\r\n"), DMARCNoneWeak, ""},
		{"ours, of nobody, inside", "192.0.2.10", "a@partner.example", protecting("a@partner.example, b@other.example", "From: boss@example.com\r\n"), FromAmbiguous, ""},
		{"proven by SPF", "192.0.2.20", "x@heise.de", signed(t, message("a@partner.example", "Sender: x@heise.de\r\n")), Clean, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			col := collector(t)
			z := zone(t)
			z.Add("heise.de", "TXT", "v=spf1 ip4:192.0.2.20 -all")
			col.Resolver = z
			e, err := col.collected(t.Context(), transaction(t, c.origin, c.path, c.text), viaProvider, Given{})
			if err != nil {
				t.Fatal(err)
			}
			v := decideAgain(t, Rules{}, e)
			if v.Reason != c.reason || c.reason == Impersonated && (v.Disposition != Tag || !strings.Contains(v.Sentence, whereWords[c.where])) {
				t.Errorf("got %v %s: %s", v.Disposition, v.Reason, v.Sentence)
			}
			if c.name == "a look-alike" && v.Disposition != Quarantine || c.name == "a look-alike, resent" && v.Disposition != Tag {
				t.Errorf("%s: %v", c.name, v.Disposition)
			}
			if i := e.Impersonated; c.where != "" && (i == nil || i.Where != c.where) {
				t.Errorf("got %+v", i)
			}
			if slices.Contains(e.Author.Sender, "partner.example") || c.where == "" && e.Impersonated != nil {
				t.Errorf("got %+v, %+v", e.Author, e.Impersonated)
			}
		})
	}
}

// Whom a mail client shows must not stand behind more than is read.
func TestMoreSendersThanAreReadAreUnscannable(t *testing.T) {
	for _, name := range []string{"Sender", "Resent-From", "Reply-To"} {
		tx := transaction(t, "192.0.2.10", "a@partner.example", message("a@partner.example", name+": "+strings.Repeat("x", 8<<10)+" boss@example.com\r\n"))
		e, err := collector(t).collected(t.Context(), tx, viaProvider, Given{})
		if err != nil {
			t.Fatal(err)
		}
		if v := decideAgain(t, Rules{}, e); v.Reason != Unscannable || !strings.Contains(v.Sentence, name) {
			t.Errorf("%s: %v %s: %s", name, v.Disposition, v.Reason, v.Sentence)
		}
	}
}

// Another author inside mail that the outer author's domain signed so is a
// finding; inside other mail it is only told, but one of ours always counts.
func TestDuty_B6_AnotherAuthorInsideSignedMail(t *testing.T) {
	for _, c := range []struct {
		name, text string
		reason     Reason
		sentence   string
	}{
		{"signed by the author's domain", signed(t, protecting("a@partner.example", "From: x@other.example\r\n")), Impersonated, "the part of it that is signed shows other.example as its author"},
		{"the same author", signed(t, protecting("a@partner.example", "From: a@partner.example\r\n")), Clean, ""},
		{"another subject only", signed(t, protecting("a@partner.example", "Subject: other\r\n")), Clean, ""},
		{"not signed", protecting("a@partner.example", "From: x@other.example\r\n"), Clean, ""},
		{"a signature that does not hold", signed(t, protecting("a@partner.example", "From: x@other.example\r\n")) + "x\r\n", Clean, ""},
		{"one of ours, not signed", protecting("a@partner.example", "From: boss@example.com\r\n"), Impersonated, "its From field inside the signed mail names example.com, and nothing proves that"},
		{"one of a partner", protecting("a@partner.example", "From: x@news.heise.de\r\n"), Impersonated, "news.heise.de"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := collector(t).collected(t.Context(), transaction(t, "192.0.2.10", "a@partner.example", c.text), viaProvider, Given{})
			if err != nil {
				t.Fatal(err)
			}
			v := decideAgain(t, Rules{}, e)
			if v.Reason != c.reason || !strings.Contains(v.Sentence, c.sentence) || c.reason == Impersonated && v.Disposition != Tag {
				t.Errorf("got %v %s: %s", v.Disposition, v.Reason, v.Sentence)
			}
			if c.reason == Impersonated && e.Impersonated == nil { // not to be made more than a warning
				if v := Decide(&Rules{Dispositions: map[Reason]Disposition{Impersonated: Reject}}, &e); v.Disposition != Tag {
					t.Errorf("got %v", v.Disposition)
				}
			}
		})
	}
}

// The HELO name is a fact beside the identity, on which nothing is decided.
func TestDuty_B1_TheHeloNameIsAFact(t *testing.T) {
	for _, c := range []struct {
		helo, path string
		want       Helo
	}{
		{"mail.partner.example", "a@other.example", Helo{Result: mail.Pass, Domain: "mail.partner.example"}},
		{"MAIL.Partner.Example.", "a@other.example", Helo{Result: mail.Pass, Domain: "mail.partner.example"}},
		{"nothing.example", "a@other.example", Helo{Result: mail.None, Domain: "nothing.example"}},
		{"mail.partner.example", "", Helo{}}, // the identity
		{"[192.0.2.10]", "a@other.example", Helo{}},
		{"", "a@other.example", Helo{}},
	} {
		z := zone(t)
		z.Add("mail.partner.example", "TXT", "v=spf1 ip4:192.0.2.10 -all")
		col := collector(t)
		col.Resolver = z
		tx := transaction(t, "", c.path, message("a@partner.example"))
		tx.Client.Origin, tx.Client.OriginHelo = netip.MustParseAddr("192.0.2.10"), c.helo
		e, err := col.collected(t.Context(), tx, viaProvider, Given{})
		if err != nil {
			t.Fatal(err)
		}
		got := e.SPF.Helo
		got.Why = ""
		if got != c.want {
			t.Errorf("%q from %q: got %+v", c.helo, c.path, e.SPF)
		}
		if c.path != "" && e.Aligned() {
			t.Errorf("%q: HELO proves the author: %+v", c.helo, e.DMARC)
		}
	}
}

// What an aggregate report would say is in the evidence.
func TestDuty_B7_WhatAReportWouldSay(t *testing.T) {
	col := collector(t)
	z := zone(t)
	z.Add("_dmarc.news.partner.example", "TXT", "v=DMARC1; p=quarantine; sp=none; aspf=s; rua=mailto:d@partner.example")
	col.Resolver = z
	e, err := col.collected(t.Context(), transaction(t, "192.0.2.10", "a@partner.example", signed(t, message("a@news.partner.example"))), viaProvider, Given{})
	if err != nil {
		t.Fatal(err)
	}
	want := Published{P: "quarantine", SP: "none", ADKIM: "r", ASPF: "s", T: "n", PSD: "u", FO: "0", RUA: "mailto:d@partner.example"}
	if d := e.DMARC; d.Published != want || d.DKIMDomain != "partner.example" || d.Organizational != "partner.example" || d.Evaluated != "pass" || d.SPFAligned {
		t.Errorf("got %+v", d)
	}
	if e := evidenceOf(t, "", "", message("a@partner.example")); e.DMARC.Evaluated != "reject" || e.DMARC.Published.P != "reject" || e.SPF.Term != "-all" {
		t.Errorf("got %+v, %+v", e.DMARC, e.SPF)
	}
	if e := evidenceOf(t, "", "", message("a@unknown.example")); e.DMARC.Evaluated != "" || e.DMARC.Published != (Published{}) {
		t.Errorf("got %+v", e.DMARC)
	}
}
