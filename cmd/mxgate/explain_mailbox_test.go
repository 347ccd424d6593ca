package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// mailboxLetter is letter as a mail server that has no gateway in front keeps it; the
// provider is mimecast.
var mailboxLetter = "Return-Path: <anna@partner.example>\nDelivered-To: bob@example.com\n" +
	"Received: from eu-smtp-delivery-1.mimecast.com (eu-smtp-delivery-1.mimecast.com [195.130.217.221])\n\tby mail.example.com (Postfix) with ESMTPS id CBD36CEC1F4\n\tfor <bob@example.com>; Sun, 22 Nov 2026 08:00:02 +0000 (UTC)\n" +
	strings.Replace(letter, "mx1.provider.example;", "relay.mimecast.com with ESMTP id uk-mta-1;", 1)

// The first command of README, on what everybody has: mail saved from a mailbox.
func TestExplainJudgesAMailFromAMailboxAsTheProviderHandedItOver(t *testing.T) {
	mbox := strings.Repeat("From anna@partner.example Sun Nov 22 08:00:02 2026\n"+mailboxLetter+"\n", 3)
	code, out, _ := explain(t, map[string]string{"a.eml": mailboxLetter, "in.mbox": mbox}, "-source", "mimecast", "a.eml", "in.mbox")
	if code != exitFine || strings.Contains(out, "dmarc-fail") || strings.Contains(out, "bypass-suspect") || strings.Contains(out, "\n  hint ") {
		t.Errorf("%d\n%s", code, out)
	}
	wantIn(t, strings.Join(strings.Fields(out), " "), "judged as it was handed to mail.example.com by 195.130.217.221 on 2026-11-22 ", ", 2 header fields above that left out: so says its Received field of mail.example.com, which could be forged in a file that is not from your mailboxes, or if that server sees the Internet through private addresses only.",
		"verdict: RELAY: clean", "origin 192.0.2.10,", "4 messages 4 RELAY clean")
}

// Where nothing shows the origin nothing is said of SPF: neither that it failed, nor that
// it would have passed.
func TestExplainLeavesOpenWhatHangsOnTheOrigin(t *testing.T) {
	past := strings.Replace(mailboxLetter, "eu-smtp-delivery-1.mimecast.com [195.130.217.221]", "unknown [203.0.113.66]", 1)
	mbox := strings.Repeat("From anna@partner.example Sun Nov 22 08:00:02 2026\n"+past+"\n", 2)
	files := map[string]string{"a.eml": past, "in.mbox": mbox}
	code, out, _ := explain(t, files, "-source", "mimecast", "in.mbox")
	if code != exitFindings || strings.Contains(out, "verdict: QUARANTINE") || strings.Contains(out, "\n  also ") {
		t.Errorf("%d\n%s", code, out)
	}
	wantIn(t, out, "\nverdict: OPEN: the origin was not found\n  why         The file does not show who handed the mail to the provider,")
	wantIn(t, strings.Join(strings.Fields(out), " "), "hint Received #1 of mail.example.com shows 203.0.113.66 for the client, which is not known to be the provider's: if it is, it belongs in `ranges` of its [[source]] in -config FILE; if not, the mail came past the provider. -client ADDRESS says",
		"RELAY (clean) if the provider handed it over and SPF passes, else QUARANTINE (dmarc-fail), as live mail with this trace is.", "neither SPF nor DKIM passed for an aligned domain; SPF had no address to judge", "2 messages 2 OPEN the origin was not found")
	_, out, _ = explain(t, files, "-source", "mimecast", "-json", "a.eml")
	var r struct {
		Disposition, Reason, Hint string
		Hangs                     struct {
			Passes struct{ Disposition, Reason string } `json:"spf_passes"`
			Else   struct{ Disposition, Reason string }
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Disposition != "defer" || r.Reason != "auth-unavailable" || r.Hint == "" || r.Hangs.Passes.Disposition != "relay" || r.Hangs.Else.Reason != "dmarc-fail" {
		t.Errorf("%+v, %v\n%s", r, err, out)
	}
	if code, out, _ = explain(t, files, "-source", "mimecast", "-client", "192.0.2.10", "a.eml"); code != exitFine || strings.Contains(out, "\n  hint ") {
		t.Errorf("the origin was given: %d\n%s", code, out)
	}
}

// Without Return-Path nobody knows for whom SPF is asked. If the client may send for the
// author, that is what the verdict hangs on; if not, it is none.
func TestExplainLeavesOpenWhatHangsOnTheReversePath(t *testing.T) {
	letter := "From: Anna <anna@partner.example>\r\nTo: bob@example.com\r\nSubject: x\r\n\r\nx\r\n"
	files := map[string]string{"a.eml": letter, "b.eml": "Return-Path: <x@bulk.example>\r\n" + letter}
	code, out, _ := explain(t, files, "-source", "mimecast", "-client", "192.0.2.10", "a.eml")
	wantIn(t, strings.Join(strings.Fields(out), " "), "verdict: OPEN: the reverse-path was not found why The file does not show the reverse-path, for which SPF is asked, and the verdict hangs on it: RELAY (clean) if it was of partner.example, for whom 192.0.2.10 may send, else QUARANTINE (dmarc-fail). -mail-from ADDRESS says it.")
	if code != exitFindings {
		t.Errorf("%d", code)
	}
	_, out, _ = explain(t, files, "-source", "mimecast", "-client", "192.0.2.10", "-json", "a.eml")
	wantIn(t, out, `"hangs":{"on":"reverse-path","spf_passes":{"disposition":"relay","reason":"clean"},"else":{"disposition":"quarantine","reason":"dmarc-fail"}}`)
	for _, args := range [][]string{{"-client", "192.0.2.10", "-mail-from", "anna@partner.example", "a.eml"}, {"-client", "203.0.113.66", "a.eml"}, {"-client", "192.0.2.10", "b.eml"}} {
		if _, out, _ := explain(t, files, append([]string{"-source", "mimecast"}, args...)...); strings.Contains(out, "OPEN") {
			t.Errorf("%q:\n%s", args, out)
		}
	}
}
