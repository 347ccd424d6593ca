package policy

import (
	"fmt"
	"strings"
	"testing"

	"mxgate/policy/mail"
	"mxgate/policy/thread"
)

func TestProvidersServeMailUnderTheSuffixesOfCountries(t *testing.T) {
	for _, d := range []mail.Domain{"hotmail.no", "hotmail.se", "hotmail.dk", "yahoo.no", "yahoo.se", "yahoo.ca", "live.se", "live.dk", "outlook.dk", "hotmail.co.uk", "yahoo.com.br", "outlook.com", "gmx.net", "gmx.ch", "aol.com", "mx.yahoo.co.jp"} {
		if !FreeMail(d) {
			t.Errorf("%s is no provider's", d)
		}
	}
	for _, d := range []mail.Domain{"hotmail.xyz", "yahoo.app", "live.email", "outlook.zip", "gmail.no", "web.com", "hotmail", "hotmai1.no", "yahoo.no.example", "co.uk"} {
		if FreeMail(d) {
			t.Errorf("%s is a provider's", d)
		}
	}
}

// A ticket system cites what it likes; what it does not cite it need not hide.
func TestManyIDsAloneAreNoReasonToDoubtAStranger(t *testing.T) {
	var cites strings.Builder
	for i := range 150 {
		fmt.Fprintf(&cites, "<%d@stein-kanzlei.net>\r\n ", i)
	}
	l := letter{from: "a@stein-kanzlei.net", cites: strings.TrimSpace(cites.String())}
	e := tell(t, l, with(correspondence()))
	if v := Decide(&Rules{}, &e); v.Reason != Clean || e.Thread.Unread != thread.MoreIDs || e.Thread.Cited != 100 {
		t.Errorf("%s: %s\n%+v", v.Reason, v.Sentence, e.Thread)
	}
	// What is cited among them may be a stolen conversation: beside money that counts.
	l.body = "Our bank has changed. Please use the new account from now on.\r\n"
	e = tell(t, l, with(correspondence()))
	if v := Decide(&Rules{}, &e); v.Reason != Unscannable || v.Disposition != Tag {
		t.Errorf("%s: %s\n%+v", v.Reason, v.Sentence, e.Thread)
	}
	l.body = strings.Repeat("All is well. ", 256<<10/10)
	e = tell(t, l, with(correspondence()))
	if v := Decide(&Rules{}, &e); v.Reason != Unscannable || e.Thread.Unread == thread.MoreIDs {
		t.Errorf("%s: %s\n%+v", v.Reason, v.Sentence, e.Thread)
	}
}

// Anybody may have a mailbox that differs in one letter from a partner's.
func TestAFreeMailboxIsNotTheOneBesideIt(t *testing.T) {
	const thread = "<q3@example.com>" // of mailboxes of gmail.com
	quoted := strings.ReplaceAll(pasted, "Anna Berg <anna@heise.de>", "Max Mint <max.mint@gmail.com>")
	try(t, []tried{
		{"in the conversation, with money", letter{from: "Max Mint <max.mintt@gmail.com>", cites: thread, body: paying + "IBAN " + otherAccount + "\r\n"}, correspondence(), Tag, Impersonated},
		{"in the conversation, with words alone", letter{from: "Max Mint <max.mintt@gmail.com>", cites: thread, body: paying}, correspondence(), Relay, Clean},
		{"quoted, with money, the same mailbox", letter{from: "Max Mint <maxmint+inv@gmail.com>", body: paying + quoted}, correspondence(), Relay, Clean},
		{"in the conversation", letter{from: "Max Mint <max.mintt@gmail.com>", cites: thread}, correspondence(), Relay, Clean},
		{"quoted, with money", letter{from: "Max Mint <max.mintt@gmail.com>", body: paying + quoted}, correspondence(), Tag, Impersonated},
		{"quoted", letter{from: "Max Mint <max.mintt@gmail.com>", body: quoted}, correspondence(), Relay, Clean},
		{"from the mailbox that is quoted, with money", letter{from: "Max Mint <Max.Mint@gmail.com>", body: paying + quoted}, correspondence(), Relay, Clean},
		{"of another name, with money", letter{from: "Eva Muster <eva@gmail.com>", body: paying + quoted}, correspondence(), Relay, Clean},
		{"in no conversation, with money", letter{from: "Max Mint <max.mintt@gmail.com>", body: paying}, correspondence(), Relay, Clean},
	})
}
