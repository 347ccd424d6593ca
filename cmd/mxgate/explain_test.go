package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/policy/dns"
)

const (
	letter = "Received: from mail.partner.example (mail.partner.example [192.0.2.10]) by mx1.provider.example; Sun, 22 Nov 2026 08:00:00 +0000\n" +
		"Return-Path: <anna@partner.example>\nFrom: anna@partner.example\nTo: bob@example.com\nSubject: Hello\x1b[2J\nMessage-ID: <1@partner.example>\n\nx\n"
	letterZone = "partner.example         TXT \"v=spf1 ip4:192.0.2.10 -all\"\n_dmarc.partner.example  TXT \"v=DMARC1; p=reject\"\n"
	unchecked  = "mxgate explain: without -config FILE own domains, look-alikes and protected names were not checked\n"
)

// explain runs the command on files with these contents, in a directory of
// their own, with a resolver of the test.
func explain(t *testing.T, contents map[string]string, args ...string) (code int, out, errOut string) {
	t.Helper()
	server, err := dnstest.Serve("127.0.0.1:0", dns.MustSnapshot(t, letterZone))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	t.Chdir(t.TempDir())
	for name, text := range contents {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return mx(t, append([]string{"explain", "-dns", server.Addr().String()}, args...)...)
}

func TestExplainOneMessage(t *testing.T) {
	code, out, errOut := explain(t, map[string]string{"a.eml": letter}, "-client", "192.0.2.10", "a.eml")
	if code != exitFine || errOut != unchecked {
		t.Errorf("%d, %q", code, errOut)
	}
	if want := "a.eml\n  subject     Hello?[2J\n  to          bob@example.com\n  message-id  <1@partner.example>\nverdict: RELAY: clean\n"; !strings.HasPrefix(out, want) {
		t.Errorf("got\n%s\nwant first\n%s", out, want)
	}
	if strings.Contains(out, "1 messages") {
		t.Error("one message was counted")
	}
	for line := range strings.Lines(out) {
		if len([]rune(line)) > 101 {
			t.Errorf("a line is too long: %q", line)
		}
	}
}

// Most mail that people save has no Return-Path. What was not asked convicts nobody.
func TestExplainWithoutAReversePathDoesNotAskSPF(t *testing.T) {
	const flag = "-mail-from ADDRESS says the reverse-path"
	bare := strings.Replace(letter, "Return-Path: <anna@partner.example>\n", "", 1)
	for name, c := range map[string]struct{ text, why string }{
		"none":       {bare, "the file has no Return-Path"},
		"unreadable": {strings.Replace(letter, "<anna@partner.example>", "<anna", 1), "its Return-Path cannot be read"},
	} {
		_, out, _ := explain(t, map[string]string{"a.eml": c.text}, "-client", "192.0.2.10", "-helo", "mail.partner.example", "a.eml")
		text := strings.Join(strings.Fields(out), " ")
		wantIn(t, text, "not asked the reverse-path is not known: "+c.why+"; SPF was not asked for it, so that the mail itself may have been judged better: "+flag, "verdict: ",
			"SPF none (mailfrom none): not asked, the reverse-path is not known")
		if strings.Contains(text, "has no SPF") || strings.Contains(text, "mail.partner.example has") {
			t.Errorf("%s: told of a check that was not made:\n%s", name, out)
		}
	}
	_, out, _ := explain(t, map[string]string{"a.eml": bare}, "-client", "192.0.2.10", "-json", "a.eml")
	wantIn(t, out, `"unasked":"the reverse-path is not known: `)
	for name, args := range map[string][]string{
		"it is given":            {"-client", "192.0.2.10", "-mail-from", "anna@partner.example"},
		"HELO proves the author": {"-client", "192.0.2.10", "-helo", "partner.example"},
	} {
		if code, out, _ := explain(t, map[string]string{"a.eml": bare}, append(args, "a.eml")...); code != exitFine || strings.Contains(out, flag) {
			t.Errorf("%s: %d\n%s", name, code, out)
		}
	}
	bounce := strings.Replace(letter, "<anna@partner.example>", "<>", 1)
	if _, out, _ := explain(t, map[string]string{"a.eml": bounce}, "-client", "192.0.2.10", "a.eml"); strings.Contains(out, flag) {
		t.Errorf("the null reverse-path is known:\n%s", out)
	}
}

// A subject is shown as a reader sees it, less what a terminal obeys.
func TestExplainDecodesTheSubject(t *testing.T) {
	text := strings.Replace(letter, "Subject: Hello\x1b[2J", "Subject: =?utf-8?q?Gr=C3=BC=1B[2J?= =?utf-8?b?w59l?=", 1)
	if _, out, _ := explain(t, map[string]string{"a.eml": text}, "-client", "192.0.2.10", "a.eml"); !strings.HasPrefix(out, "a.eml\n  subject     Grü?[2Jße\n") {
		t.Errorf("got\n%s", out)
	}
}

func TestExplainSaysThatNoProviderWasNamed(t *testing.T) {
	const why = "no provider was named whose Received lines could be believed: name it with -source, or give the origin's address with -client"
	code, out, _ := explain(t, map[string]string{"a.eml": letter}, "a.eml", "-json")
	var r struct {
		Evidence struct {
			Origin struct{ Why string }
			SPF    struct{ Why string }
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if code != exitFindings || r.Evidence.Origin.Why != why || !strings.HasSuffix(r.Evidence.SPF.Why, why) {
		t.Errorf("%d, %+v", code, r)
	}
	_, out, _ = explain(t, map[string]string{"a.eml": letter}, "a.eml", "-source", "proofpoint")
	if strings.Contains(out, "no provider was named") {
		t.Errorf("proofpoint was named:\n%s", out)
	}
}

func TestExplainNumbersAllMessagesOfAnMboxAndCountsThem(t *testing.T) {
	mbox := "From a Mon\n" + letter + "\nFrom b Tue\n" + letter
	code, out, errOut := explain(t, map[string]string{"two": mbox, "one": "From a Mon\n" + letter, "a.eml": "From: x@news.example\n\n"}, "-client", "192.0.2.10", "two", "one", "a.eml")
	if code != exitFindings || errOut != unchecked {
		t.Errorf("%d, %q", code, errOut)
	}
	wantIn(t, "\n"+out, "\ntwo message 1\n", "\ntwo message 2\n", "\none message 1\n", "\na.eml\n",
		"\n4 messages\n      3  RELAY  clean\n      1  TAG    dmarc-none-weak\n")
}

func TestExplainGoesOnAfterWhatHoldsNoMessage(t *testing.T) {
	code, out, errOut := explain(t, map[string]string{"empty": "", "binary": "\x7fELF\x02\x01\n\x00\n\n", "mbox": "From a Mon\n\x01\n\nFrom b Tue\n" + letter},
		"-client", "192.0.2.10", "empty", "binary", "nosuch", "mbox")
	if code != exitCouldNot {
		t.Errorf("exit code %d", code)
	}
	wantIn(t, errOut, "mxgate: empty: holds no message\n", "mxgate: binary: holds no message: no header field can be read in it\n", "nosuch", "mxgate: mbox message 1: holds no message", unchecked)
	wantIn(t, out, "mbox message 2\n")
}

func TestExplainReadsStandardInput(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(file, []byte(letter), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer func(was *os.File) { os.Stdin = was }(os.Stdin)
	os.Stdin = in
	code, out, _ := explain(t, nil, "-client", "192.0.2.10", "-")
	if code != exitFine || !strings.HasPrefix(out, "standard input\n") {
		t.Errorf("%d, %s", code, out)
	}
}

// -v shows what was asked, each question once, with what anybody may publish quoted.
func TestExplainShowsEveryQuestion(t *testing.T) {
	code, out, _ := explain(t, map[string]string{"a.eml": letter}, "-client", "192.0.2.10", "-helo", "partner.example", "-v", "a.eml")
	if code != exitFine {
		t.Errorf("exit code %d", code)
	}
	wantIn(t, out, "\n  asked       TXT partner.example: \"v=spf1 ip4:192.0.2.10 -all\" (", "\n  asked       TXT _dmarc.partner.example: \"v=DMARC1; p=reject\" (")
	if n := strings.Count(out, "TXT partner.example:"); n != 1 { // SPF asks it for both identities
		t.Errorf("told %d times:\n%s", n, out)
	}
	_, out, _ = explain(t, map[string]string{"a.eml": letter}, "-client", "192.0.2.10", "-v", "-json", "a.eml")
	var r struct {
		Questions []struct {
			Type, Name, Error string
			Answer            []string
			Took              int64 `json:"took_ns"`
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Questions) == 0 || r.Questions[0].Type != "TXT" || len(r.Questions[0].Answer) != 1 || r.Questions[0].Took <= 0 {
		t.Errorf("%v: %+v", err, r)
	}
	for _, args := range [][]string{{"a.eml"}, {"-json", "a.eml"}} {
		if _, out, _ = explain(t, map[string]string{"a.eml": letter}, args...); strings.Contains(out, "asked") || strings.Contains(out, "questions") {
			t.Errorf("without -v:\n%s", out)
		}
	}
}

func TestWhatDNSDidNotSayIsInWords(t *testing.T) {
	server, err := dnstest.Serve("127.0.0.1:0", dns.MustSnapshot(t, letterZone+"fails.example TXT SERVFAIL\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("a.eml", []byte(letter), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(from string) string {
		_, out, _ := mx(t, "explain", "-dns", server.Addr().String(), "-client", "192.0.2.10", "-mail-from", "a@"+from, "-v", "a.eml")
		return strings.Join(strings.Fields(out), " ")
	}
	wantIn(t, ask("fails.example"), "asked TXT fails.example: no answer: ")
	wantIn(t, ask("partner.example.partner.example"), "asked TXT partner.example.partner.example: no such name (")
}

// Who reads of a look-alike sees both names, and what to do.
func TestExplainShowsLookalikesSideBySide(t *testing.T) {
	text := "From: Anna Schmidt <anna@he1se.de>\nTo: bob@example.com\nSubject: Re: Invoice\nMessage-ID: <2@he1se.de>\nReferences: <1@heise.de>\n\n" +
		"Our bank has changed, please use the new account: DE89 3704 0044 0532 0130 00.\n\nOn Monday, Anna Schmidt <anna@heise.de> wrote:\n> Thank you for the order.\n"
	code, out, _ := explain(t, map[string]string{"a.eml": text}, "-client", "192.0.2.10", "a.eml")
	if code != exitFindings {
		t.Errorf("exit code %d", code)
	}
	wantIn(t, out, "\n  compare     he‹1›se.de\n              he‹i›se.de\n", "mxgate allow lookalike -config FILE he1se.de for heise.de")
	_, out, _ = explain(t, map[string]string{"a.eml": letter}, "-client", "192.0.2.10", "a.eml")
	if strings.Contains(out, "compare") || strings.Contains(out, "next ") {
		t.Errorf("a letter without look-alikes:\n%s", out)
	}
}
