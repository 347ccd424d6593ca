package main

import (
	"encoding/json"
	"strings"
	"testing"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/policy/dns"
)

// deliveredLetter is letter as it lies in a mailbox behind the lab's gateway.
const deliveredLetter = "Return-Path: <anna@partner.example>\nDelivered-To: bob@example.com\n" +
	"Received: from gate.example.com (unknown [10.0.0.2])\n\tby mail.example.com (Postfix) with ESMTP id 4XyZ;\n\tSun, 22 Nov 2026 08:00:03 +0000 (UTC)\n" +
	"Received: from mx1.provider.example (mx1.provider.example [192.0.2.7])\n\tby gate.example.com (mxgate) with ESMTPS tls TLS_AES_128_GCM_SHA256\n\tid 0a1b2c3d4e5f6g7h8i9j for <bob@example.com>;\n\tSun, 22 Nov 2026 08:00:02 +0000\n" +
	"Authentication-Results: gate.example.com; spf=pass smtp.mailfrom=partner.example\nX-Mxgate-Verdict: relay; reason=clean; mode=enforce; id=0a1b2c3d4e5f6g7h8i9j\nX-Mxgate-Path: via_current; source=\"the-provider\"\n"

// asked runs explain on the lab's configuration as an administrator would.
func (l *lab) asked(text string, args ...string) (code int, out string) {
	l.t.Helper()
	server, err := dnstest.Serve("127.0.0.1:0", dns.MustSnapshot(l.t, strings.ReplaceAll(letterZone, "192.0.2.10", "198.51.100.10")))
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(server.Close)
	text = strings.ReplaceAll(text, "192.0.2.10", "198.51.100.10") // the lab's provider has 192.0.2.0/24
	code, out, _ = mx(l.t, append([]string{"explain", "-config", l.config, "-dns", server.Addr().String(), l.file("d.eml", text)}, args...)...)
	return code, out
}

func TestExplainJudgesADeliveredMailAsItWasHandedToTheGateway(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	code, out := l.asked(deliveredLetter + letter)
	text := strings.Join(strings.Fields(out), " ")
	if code != exitFine {
		t.Errorf("%d\n%s", code, out)
	}
	wantIn(t, text, "judged as it was handed to gate.example.com by 192.0.2.7 on 2026-11-22 ", ", 3 header fields above that left out: so says its Received field of gate.example.com, which could be forged in a file that is not from your mailboxes, or if that server sees the Internet through private addresses only.",
		"verdict: RELAY: clean", "origin 198.51.100.10,")
	if strings.Contains(out, "\n  hint ") {
		t.Errorf("nothing is missing:\n%s", out)
	}
	_, block, _ := strings.Cut(deliveredLetter, "(UTC)\n")
	_, out = l.asked(block + letter)
	if strings.Contains(out, "left out") || !strings.Contains(out, "\n  judged      as it was handed to") {
		t.Errorf("nothing stands above:\n%s", out)
	}
	_, out = l.asked("Return-Path: <anna@partner.example>\n" + block + letter)
	wantIn(t, strings.Join(strings.Fields(out), " "), ", the header field above that left out: so says")
	told := strings.Replace(deliveredLetter, "from gate.example.com (unknown [10.0.0.2])", "from mx1.provider.example (unknown [192.0.2.7])", 1) // by XCLIENT
	if code, out = l.asked(told + letter); code != exitFine {
		t.Errorf("%d\n%s", code, out)
	}
	_, out = l.asked(deliveredLetter+letter, "-json")
	var r struct {
		Disposition string
		Hint        string
		Handed      struct {
			To, Client, Helo, At string
			LeftOut              int `json:"left_out"`
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Disposition != "relay" || r.Hint != "" || r.Handed.To != "gate.example.com" || r.Handed.Client != "192.0.2.7" ||
		r.Handed.Helo != "mx1.provider.example" || r.Handed.At != "2026-11-22T08:00:02Z" || r.Handed.LeftOut != 3 {
		t.Errorf("%+v, %v\n%s", r, err, out)
	}
}

func TestExplainSaysHowToJudgeAMailBelowALineOfOurs(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	ours, _, _ := strings.Cut(deliveredLetter, "Received: from mx1")
	for name, c := range map[string]struct{ text, want string }{
		"our mail server's":            {ours + letter, "hint the newest Received field is of mail.example.com, a host of yours, and none is of gate.example.com: take the lines above the provider's newest Received out of the file, or say with -client ADDRESS"},
		"past the gateway, and forged": {strings.Replace(deliveredLetter, "10.0.0.2", "203.0.113.66", 1) + letter, "hint the Received field of gate.example.com is not gone by: above it mail.example.com shows 203.0.113.66 for the client"},
	} {
		code, out := l.asked(c.text)
		if code != exitFindings || strings.Contains(out, "\n  judged ") {
			t.Errorf("%s: %d\n%s", name, code, out)
		}
		wantIn(t, strings.Join(strings.Fields(out), " "), c.want, "verdict: OPEN: the origin was not found", "RELAY (clean) if the provider handed it over and SPF passes, else QUARANTINE (dmarc-fail), as live mail with this trace is.")
		if _, out = l.asked(c.text, "-client", "198.51.100.10"); strings.Contains(out, "\n  hint ") {
			t.Errorf("%s: the origin was given:\n%s", name, out)
		}
	}
}
