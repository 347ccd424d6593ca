package relay

import (
	"net/netip"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// Whatever a client said, and whatever a next hop offers: what we send is one
// command with one path and known parameters, or nothing.
func FuzzCommands(f *testing.F) {
	f.Add("a", "example.com", "id", "SUCCESS,DELAY", "rfc822", "b@example.net", "mx.example.com", "XFORWARD ADDR HELO")
	f.Add(`a> b"`, "example.com", "a=b +", "NEVER", "utf-8", "\xc3\xa4", "a+b", "XCLIENT NAME ADDR\r\nX")
	f.Add("ä", "example.com> SIZE=1", "\r\nRSET", "NEVER RET=FULL", "x;y", "", "\x00", "DSN")
	f.Fuzz(func(t *testing.T, local, domain, envid, notify, kind, original, helo, offer string) {
		var caps Capabilities
		for line := range strings.Lines(offer) {
			caps.add(string(clean([]byte(line)))) // as readReply hands it over
		}
		a := mail.Address{Local: local, Domain: mail.Domain(domain)}
		for _, utf8 := range []bool{false, true} {
			if s, err := newSender(mail.Envelope{ReversePath: a, EnvelopeID: envid, UTF8: utf8, Body: mail.Body8BitMIME, SizeOctets: 1}); err == nil {
				if command, err := s.command(&caps); err == nil {
					mustBeCommand(t, command, "MAIL FROM:", a, caps.SMTPUTF8 && utf8, "SIZE", "BODY", "SMTPUTF8", "ENVID")
				}
			}
			if r, err := newRecipient(a, mail.RecipientDSN{Notify: notify, OriginalType: kind, Original: original}, utf8); err == nil {
				if command, err := r.command(&caps); err == nil {
					mustBeCommand(t, command, "RCPT TO:", a, caps.SMTPUTF8 && utf8, "NOTIFY", "ORCPT")
				}
			}
		}
		client := introduction{addr: netip.MustParseAddr("192.0.2.1"), helo: helo, proto: "ESMTP"}
		for _, command := range []string{client.forward(caps.XForward), client.replace(caps.XClient)} {
			if len(command) > 510 {
				t.Fatalf("%d octets", len(command))
			}
			mustBePrintable(t, command, 510)
			mustHave(t, strings.Fields(command)[min(1, len(strings.Fields(command))):], "NAME", "ADDR", "PORT", "PROTO", "HELO", "SOURCE")
		}
	})
}

// mustBeCommand fails unless command is verb, the path of a, and parameters of
// those names.
func mustBeCommand(t *testing.T, command, verb string, a mail.Address, utf8 bool, names ...string) {
	t.Helper()
	rest, ok := strings.CutPrefix(command, verb)
	back, params, err := mail.ParsePath(rest)
	if !ok || err != nil || back != a {
		t.Fatalf("%q: %+v, %v", command, back, err)
	}
	for _, c := range []byte(command) {
		if c < ' ' || c == 0x7f || c > 0x7f && !utf8 {
			t.Fatalf("%q", command)
		}
	}
	mustBePrintable(t, params, 1000)
	if params != "" && params[0] != ' ' {
		t.Fatalf("%q", command)
	}
	mustHave(t, strings.Fields(params), names...)
}

// mustHave fails unless each parameter has one of names, and none twice.
func mustHave(t *testing.T, params []string, names ...string) {
	t.Helper()
	left := map[string]bool{}
	for _, name := range names {
		left[name] = true
	}
	for _, param := range params {
		name, _, _ := strings.Cut(param, "=")
		if !left[name] {
			t.Fatalf("%q, want of %q", params, names)
		}
		left[name] = false
	}
}
