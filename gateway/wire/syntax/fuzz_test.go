package syntax

import (
	"strings"
	"testing"

	"mxgate/policy/mail"
)

func FuzzCommand(f *testing.F) {
	for _, seed := range []string{
		"MAIL FROM:<a@client.example> SIZE=1 BODY=8BITMIME", "MAIL FROM:<>", "mail from: <\"a b\"@client.example>",
		"RCPT TO:<postmaster>", "RCPT TO:<@a.example:b@example.com>", "RCPT TO:<\"v@o.example> X <q\"@example.com>",
		"EHLO client.example", "EHLO [IPv6:2001:db8::1]", "RCPT TO:<b@[192.0.2.1]>",
		"MAIL FROM:<ä@ö.example> SMTPUTF8 REQUIRETLS RET=HDRS ENVID=a+2Bb", "RCPT TO:<b@example.com> NOTIFY=DELAY,SUCCESS ORCPT=rfc822;a+2Bb@example.com",
		"RCPT TO:<b@example.com> NOTIFY=NEVER ORCPT=utf-8;\\x{4E00}@example.com", "RCPT TO:<ä@example.com> ORCPT=UTF-8;ä@example.com",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		verb, arg := CutVerb(line)
		all := Terms{Extended: true, EightBitMIME: true, SMTPUTF8: true, DSN: true, RequireTLS: true, MaxOctets: 1000}
		var cmd Command
		var refused error
		switch verb {
		case "EHLO", "HELO":
			if ValidHelo(arg) && !Printable(arg) {
				t.Fatalf("EHLO name %q", arg)
			}
			return
		case "MAIL":
			cmd, refused = all.ParseMail(arg)
		case "RCPT":
			cmd, refused = all.ParseRcpt(arg, true)
			none := Terms{MaxOctets: 1000}
			if plain, refused := none.ParseRcpt(arg, false); refused == nil && (!plain.Path.IsASCII() || plain.DSN != mail.RecipientDSN{}) {
				t.Fatalf("%q was taken as %+v without any extension", line, plain)
			}
		default:
			return
		}
		if refused != nil {
			return
		}
		if cmd.Size > 1000 || cmd.Size < 0 || verb == "MAIL" && !cmd.Path.IsASCII() && !cmd.UTF8 {
			t.Fatalf("%q was taken as %+v", line, cmd)
		}
		for _, value := range []string{cmd.EnvelopeID, string(cmd.Return), string(cmd.Body), cmd.DSN.Notify, cmd.DSN.OriginalType, cmd.DSN.Original} {
			if !Printable(value) {
				t.Fatalf("%q was taken as %+v", line, cmd)
			}
		}
		again, refused := all.ParseRcpt("TO:<"+cmd.Path.String()+">"+written(cmd.DSN), true)
		if !cmd.Path.IsNull() && (refused != nil || again.Path != cmd.Path || again.DSN != cmd.DSN) {
			t.Fatalf("%+v is written as %q%s, which is %+v", cmd, cmd.Path, written(cmd.DSN), again)
		}
	})
}

// written is what a next hop is sent of dsn.
func written(dsn mail.RecipientDSN) (params string) {
	if dsn.Notify != "" {
		params = " NOTIFY=" + dsn.Notify
	}
	if dsn.Original != "" {
		params += " ORCPT=" + dsn.OriginalType + ";" + mail.EncodeXtext(dsn.Original)
	}
	return params
}

func FuzzXclient(f *testing.F) {
	for _, seed := range []string{
		"NAME=a.example ADDR=192.0.2.1 PORT=25 PROTO=ESMTP HELO=a.example LOGIN=x DESTADDR=IPV6:2001:db8::1 DESTPORT=25",
		"ADDR=[UNAVAILABLE] HELO=[tempunavail]", "addr=ipv6:::ffff:192.0.2.1", "HELO=a+20b", "HELO=<script>", "ADDR=fe80::1%eth0",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		for _, names := range []string{XclientNames, XforwardNames} {
			before := Origin{Helo: "before.example"}
			o := before
			if !o.Read(arg, names) {
				continue
			}
			if o.Helo != "" && !ValidHelo(o.Helo) || o.Addr.Zone() != "" || o.Addr.Is4In6() {
				t.Fatalf("%q was taken as %+v", arg, o)
			}
			if strings.TrimSpace(arg) == "" {
				t.Fatal("no attribute is one")
			}
		}
	})
}
