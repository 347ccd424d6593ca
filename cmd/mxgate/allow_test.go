package main

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/store"
	"mxgate/policy"
	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// words runs a command of allow or block on the lab's configuration.
func (l *lab) words(want int, args ...string) (out, errOut string) {
	l.t.Helper()
	args = append([]string{args[0], args[1], "-config", l.config}, args[2:]...)
	code, out, errOut := mx(l.t, args...)
	if code != want {
		l.t.Fatalf("%q: code %d, want %d\n%s%s", args, code, want, out, errOut)
	}
	return out, errOut
}

func TestAWordOnAPairIsSaidListedAndTakenBack(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	if out, _ := l.words(exitFine, "allow", "list"); out != "nothing was allowed or blocked\n" {
		t.Errorf("%q", out)
	}
	out, _ := l.words(exitFine, "allow", "lookalike", "mail.he1se.de", "for", "heise.de", "-reason", "their lab\x1b[2J", "-by", "erika")
	until := time.Now().AddDate(0, 0, 400).UTC().Format(time.DateOnly)
	wantIn(t, out, "allowed: he1se.de may resemble heise.de, until "+until+"; by erika on ", ": their lab?[2J\n",
		"\n  he‹1›se.de   no proven mail of it was delivered here\n  he‹i›se.de   no proven mail of it was delivered here\n", "likeness    he1se.de looks like heise.de: 1 for i",
		"is not tagged or held because it looks like", "does not    Its likeness to anybody else", "mxgate allow revoke -config ", " he1se.de for heise.de\n")
	last := time.Now().UTC().AddDate(0, 0, 40)
	end := last.AddDate(0, 0, 1).Format(time.DateOnly)
	out, _ = l.words(exitFine, "block", "lookalike", "heise-service.example", "for", "heise.de", "-reason", "fraud", "-expires", last.Format(time.DateOnly), "-recipient", "Bob@example.com", "-by", "max")
	wantIn(t, out, "blocked: heise-service.example imitates heise.de, for bob@example.com, until "+end+"; by max", "counts as an imitation", "-recipient bob@example.com\n")

	out, _ = l.words(exitFine, "allow", "list")
	wantIn(t, out, "WORD", "allowed  he1se.de", until, "\n    their lab?[2J\n", "blocked  heise-service.example  heise.de  bob@example.com  "+end)
	out, _ = l.words(exitFine, "allow", "list", "-json")
	var d policy.Decision
	if err := json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &d); err != nil || d.Sender != "heise-service.example" && d.Sender != "he1se.de" || strings.Count(out, "\n") != 2 {
		t.Errorf("%v, %+v: %s", err, d, out)
	}

	_, errOut := l.words(exitCouldNot, "allow", "revoke", "heise-service.example", "for", "heise.de")
	wantIn(t, errOut, "nothing was said of heise-service.example for heise.de and all recipients", "`mxgate allow list` shows")
	out, _ = l.words(exitFine, "allow", "revoke", "heise-service.example", "for", "heise.de", "-recipient", "bob@example.com")
	wantIn(t, out, "taken back: heise-service.example for heise.de\n", "was         blocked: heise-service.example imitates heise.de, for bob@example.com, until\n", "judged by the evidence alone again")
	l.words(exitFine, "allow", "revoke", "he1se.de", "for", "heise.de")
	if out, _ := l.words(exitFine, "allow", "list"); out != "nothing was allowed or blocked\n" {
		t.Errorf("%q", out)
	}
}

func TestAWordSaysWhatItReplacesAndWhatElseHolds(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	say := func(group string, more ...string) string {
		out, _ := l.words(exitFine, append([]string{group, "lookalike", "he1se.de", "for", "heise.de", "-by", "erika"}, more...)...)
		return strings.Join(strings.Fields(out), " ")
	}
	if out := say("block", "-reason", "fraud"); strings.Contains(out, "replaces") || strings.Contains(out, "besides") {
		t.Error(out)
	}
	wantIn(t, say("allow", "-reason", "asked Anna"), "replaces blocked: he1se.de imitates heise.de, until ", ": fraud")
	out := say("block", "-reason", "again", "-recipient", "bob@example.com")
	wantIn(t, out, "besides allowed: he1se.de may resemble heise.de, until ", ": asked Anna")
	if strings.Contains(out, "replaces") {
		t.Error(out)
	}
	out, _ = l.words(exitFine, "allow", "revoke", "he1se.de", "for", "heise.de")
	wantIn(t, out, "was         allowed: he1se.de may resemble heise.de", "still holds blocked: he1se.de imitates heise.de, for bob@example.com")
	if strings.Contains(out, "the evidence alone") || strings.Contains(out, "memory forget") {
		t.Error(out)
	}
}

// What was allowed has written here meanwhile; to take the word back does not undo that.
func TestTakingBackAWordTellsOfWhatWasLearnedByIt(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.words(exitFine, "allow", "lookalike", "he1se.de", "for", "heise.de", "-reason", "x")
	l.remember(exitFine, "import", "-vouch", "-as", "mail", l.file("a.eml", strings.ReplaceAll(memoryLetter, "partner.example", "he1se.de")))
	out, _ := l.words(exitFine, "allow", "revoke", "he1se.de", "for", "heise.de")
	wantIn(t, out, "What was learned of he1se.de while it was allowed stays", "\n              mxgate memory forget -config "+l.config+" he1se.de\n              mxgate block lookalike -config "+l.config+" he1se.de for heise.de -reason \"...\"\n")
}

func TestAWordThatDoesNotShowALikenessSaysSo(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	out, _ := l.words(exitFine, "allow", "lookalike", "unlike.example", "for", "heise.de", "-reason", "x")
	wantIn(t, out, "\n  unlike.example   no proven mail of it was delivered here\n  heise.de         no proven", "These two names do not look alike to mxgate.")
	wantIn(t, strings.Join(strings.Fields(out), " "), "It holds mail for such a pair only if a name below unlike.example bears that of heise.de;")

	out, _ = l.words(exitFine, "block", "lookalike", "unlike.example", "for", "heise.de", "-reason", "x") // which counts whatever the names
	text := strings.Join(strings.Fields(out), " ")
	wantIn(t, text, "These two names do not look alike to mxgate. The word counts all the same, by the points of `block`, which hold a message",
		"does From now on mail from unlike.example counts as an imitation of heise.de, whatever it proves; so does unlike.example in Reply-To or Cc.")
	if strings.Contains(text, "only if") {
		t.Error(out)
	}
	for group, everywhere := range map[string]string{"allow": "conversation ", "block": "conversation, and by this word everywhere "} {
		out, _ := l.words(exitFine, group, "lookalike", "castings-northwind.example", "for", "northwind-castings.example", "-reason", "x")
		wantIn(t, strings.Join(strings.Fields(out), " "), "its words are in another order: that counts within a "+everywhere+"does ")
	}
}

func TestAWordOnANameBelowADomainSaysThatItIsOnAllOfIt(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	out, _ := l.words(exitFine, "block", "lookalike", "heise.docs-share.com", "for", "www.heise.de", "-reason", "x")
	wantIn(t, out, "blocked: docs-share.com imitates heise.de", "\n  heise‹.docs-share", "of all      heise.docs-share.com lies below docs-share.com: this is on all of that, whoever writes",
		"of all      www.heise.de lies below heise.de")
	out, _ = l.words(exitFine, "allow", "revoke", "heise.docs-share.com", "for", "heise.de")
	wantIn(t, out, "taken back: docs-share.com for heise.de\n  of all      heise.docs-share.com lies below docs-share.com")
	out, _ = l.words(exitFine, "allow", "lookalike", "docs-share.com", "for", "heise.de", "-reason", "x")
	if wantIn(t, out, "It holds mail for such a pair only if a"); strings.Contains(out, "of all") {
		t.Error(out)
	}
}

// Who takes one for the other must not be told to forget the genuine one.
func TestAPairInTheWrongOrderIsNoticed(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.remember(exitFine, "import", l.file("v.csv", "domain,since\nheise.de,2019-03-01\n"))
	l.remember(exitFine, "import", "-vouch", "-as", "mail", l.file("a.eml", strings.ReplaceAll(memoryLetter, "partner.example", "heise.de")))
	out, _ := l.words(exitFine, "allow", "lookalike", "heise.de", "for", "he1se.de", "-reason", "x")
	wantIn(t, strings.Join(strings.Fields(out), " "), "heise.de is known here longer than he1se.de.", "take this back, and say mxgate allow lookalike -config "+l.config+" he1se.de for heise.de -reason")
	if out, _ = l.words(exitFine, "allow", "revoke", "heise.de", "for", "he1se.de"); strings.Contains(out, "forget") || strings.Contains(out, "block") {
		t.Error(out)
	}
	if out, _ = l.words(exitFine, "allow", "lookalike", "he1se.de", "for", "heise.de", "-reason", "x"); strings.Contains(out, "known here longer") {
		t.Error(out)
	}
}

// Who blocks a mail service blocks everybody who has a mailbox there.
func TestAMailServiceIsNotBlockedAndWhoAllowsItIsTold(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	_, errOut := l.words(exitUsage, "block", "lookalike", "gmail.com", "for", "example.com", "-reason", "x")
	wantIn(t, errOut, "gmail.com is a mail service: all who have a mailbox there would count as an imitation; protect.people is for")
	const everybody = "of all      gmail.com is a mail service: this holds for everybody who has a mailbox there."
	out, _ := l.words(exitFine, "allow", "lookalike", "gmail.com", "for", "gmai1.com", "-reason", "x")
	wantIn(t, out, everybody)
	out, _ = l.words(exitFine, "block", "lookalike", "gmai1.com", "for", "gmail.com", "-reason", "x")
	wantIn(t, out, "blocked: gmai1.com imitates gmail.com")

	e := theft()
	e.Thread.Added, e.Author.Domain, e.Thread.Similar[0].Domain = nil, "gmail.com", "gmail.com"
	for _, id := range []string{"", "m1"} {
		var b bytes.Buffer
		nextSteps(&b, "next", &e, policy.Decide(&policy.Rules{}, &e), "FILE", id)
		if wantIn(t, b.String(), "mxgate allow lookalike -config FILE gmail.com for heise.de"); strings.Contains(b.String(), "block") {
			t.Errorf("a step that is refused:\n%s", &b)
		}
	}
}

func TestWordsThatCannotBeSaidAreRefused(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	for args, want := range map[string]string{
		"he1se.de heise.de -reason x":                                     "expected SENDER for TARGET, two domains",
		"heise.de for www.heise.de -reason x":                             "heise.de and www.heise.de are one domain: mail that claims to be from it and proves nothing is never allowed here",
		"co.uk for heise.de -reason x":                                    `"co.uk": it is a public suffix`,
		"heise.de for nonsense! -reason x":                                `"nonsense!": expected a domain such as partner.example`,
		"anna@he1se.de for heise.de -reason x":                            `"anna@he1se.de": expected a domain, such as he1se.de`,
		"mail.example.com for heise.de -reason x":                         "example.com is yours: what claims to be from there must prove it",
		"he1se.de for heise.de":                                           "expected -reason WHY",
		"he1se.de for heise.de -reason x -expires 0":                      "expected a date such as 2027-12-31, or a number of days from 1 to 3650",
		"he1se.de for heise.de -reason x -expires 2020-01-01":             "-expires 2020-01-01: expected a day to come",
		"he1se.de for heise.de -reason x -expires 2099-01-01":             "-expires 2099-01-01: expected a day to come, at most 3650 days from now",
		"he1se.de for heise.de -reason x -recipient anna@partner.example": `-recipient "anna@partner.example": expected a mailbox or a domain of yours`,
	} {
		for _, group := range []string{"allow", "block"} {
			_, errOut := l.words(exitUsage, append([]string{group, "lookalike"}, strings.Fields(args)...)...)
			wantIn(t, errOut, "mxgate "+group+" lookalike: ", want, "; see mxgate "+group+" lookalike -h\n")
		}
	}
	if out, _ := l.words(exitFine, "allow", "list"); out != "nothing was allowed or blocked\n" {
		t.Errorf("%q", out)
	}
}

func TestWordsNeedAMemory(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	text, err := os.ReadFile(l.config)
	if err == nil {
		err = os.WriteFile(l.config, append(text, "[memory]\nenabled = false\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, errOut := l.words(exitCouldNot, "allow", "lookalike", "he1se.de", "for", "heise.de", "-reason", "x")
	wantIn(t, errOut, l.config+": memory.enabled = false: the gateway remembers nothing", "set it to true")
}

// theft is Evidence of a stolen conversation.
func theft() policy.Evidence {
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	since := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	return policy.Evidence{
		Source: "the-provider", Author: policy.Author{Address: "anna@he1se.de", Domain: "he1se.de"}, ReceivedAt: at, ForwardPaths: []string{"bob@example.com"},
		Origin: policy.Origin{IP: "203.0.113.66"}, SPF: policy.SPF{Result: mail.Pass, Domain: "he1se.de"}, DMARC: policy.DMARC{Result: mail.Pass, SPFAligned: true},
		Thread: policy.Thread{
			Reply: true, Personal: true, Cited: 1, MemorySince: since,
			Known:   &policy.Remembered{Cited: 1, First: since, Last: at, Messages: 7, Participants: []mail.Domain{"heise.de", "example.com"}},
			Parties: []policy.Party{{Domain: "partner.example", Where: []string{"cc"}, Joined: true}},
			Similar: []policy.Similar{{Domain: "he1se.de", Target: "heise.de", Where: "author", Relation: score.Thread, Class: "homoglyph", Confidence: 87,
				Why: "he1se.de looks like heise.de: 1 for i", TargetState: policy.TwoWay, TargetSince: since, Shown: []string{"quoted-from"}}},
			Added: []policy.Similar{{Domain: "xn--vlksbank-3jf.example\x1b[2J", Target: "volksbank.example", Where: "cc", Relation: score.Site, Class: "idn", Confidence: 90, Why: "x"}},
		},
	}
}

func (l *lab) holdThis(id string, e policy.Evidence) {
	l.t.Helper()
	evidence, err := json.Marshal(e)
	if err != nil {
		l.t.Fatal(err)
	}
	v := policy.Decide(&policy.Rules{}, &e)
	err = l.store.Quarantine(l.t.Context(), store.Held{ID: id, ReceivedAt: e.ReceivedAt, Client: netip.MustParseAddr("192.0.2.1"), Source: "the-provider",
		Envelope: mail.Envelope{ReversePath: anna, ForwardPaths: []mail.Address{bob}}, Reason: string(v.Reason), Sentence: v.Sentence, Author: e.Author.Address, Evidence: evidence}, strings.NewReader("x\r\n"))
	if err != nil {
		l.t.Fatal(err)
	}
}

func TestAHeldLookalikeIsShownSideBySideWithWhatCanBeDone(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.holdThis("m1", theft())
	_, out, _ := mx(t, "quarantine", "show", "-config", l.config, "m1")
	wantIn(t, out, "m1: held, for stolen-thread\n  why         The mail answers in a conversation with", "Added to the conversation: partner.example.",
		"\n  compare     he‹1›se.de", "   no proven mail of it was delivered here\n              he‹i›se.de", "   known well, and you write to it, since 2024-03-01\n", "   in Cc; no proven mail of it was delivered here\n",
		"\n              mxgate allow lookalike -config "+l.config+" he1se.de for heise.de -reason \"...\"\n",
		"\n              mxgate quarantine release -config "+l.config+" m1\n", "mxgate block lookalike -config "+l.config+" he1se.de for heise.de", "mxgate quarantine delete -config "+l.config+" m1\n")
	if strings.Contains(out, "\x1b") {
		t.Errorf("what a terminal obeys:\n%q", out)
	}
	if lines := strings.Count(out, "\n"); lines > 26 || strings.Count(out, "partner.example") != 1 || strings.Count(out, "next  ") != 1 {
		t.Errorf("%d lines; no page for a tired person:\n%s", lines, out)
	}
	for at, parts := 0, []string{"why ", "compare ", "from ", "next "}; len(parts) > 0; parts = parts[1:] {
		here := strings.Index(out, "\n  "+parts[0])
		if here < at {
			t.Errorf("%s is not behind what comes first:\n%s", parts[0], out)
		}
		at = here
	}
	_, out, _ = mx(t, "quarantine", "show", "-all", "-config", l.config, "m1")
	wantIn(t, out, "all evidence\n", "verdict: QUARANTINE: stolen-thread\n", "thread      one that we remember (7 messages since 2024-03-01), with heise.de, example.com", "added       partner.example")
	mx(t, "quarantine", "delete", "-config", l.config, "m1")
	if _, out, _ = mx(t, "quarantine", "show", "-config", l.config, "m1"); strings.Contains(out, "mxgate allow") {
		t.Errorf("steps for what is gone:\n%s", out)
	}
}

// A message that resembles nobody, or whose likeness is excused, has no such steps.
func TestStepsAreForLikenessesAlone(t *testing.T) {
	e := theft()
	e.Thread.Added = nil
	e.Thread.Decisions = []policy.Decision{{Sender: "he1se.de", Target: "heise.de", Allow: true, Who: "erika"}}
	for name, e := range map[string]policy.Evidence{"spoof": spoof(), "allowed": e} {
		var b bytes.Buffer
		nextSteps(&b, "next", &e, policy.Decide(&policy.Rules{}, &e), "mxgate.toml", "m1")
		if b.Len() > 0 {
			t.Errorf("%s: %s", name, &b)
		}
	}
	var b bytes.Buffer
	e.Thread.Added = []policy.Similar{{Domain: "vo1ksbank.example", Target: "volksbank.example", Where: "cc", Relation: score.Message, Class: "homoglyph", Confidence: 90, Why: "x: y"}}
	nextSteps(&b, "next", &e, policy.Decide(&policy.Rules{}, &e), "mxgate.toml", "m1")
	if text := b.String(); !strings.Contains(text, "vo1ksbank.example for volksbank.example") || strings.Contains(text, "he1se.de") {
		t.Errorf("what was allowed is to be allowed again:\n%s", text)
	}
	b.Reset()
	e = theft()
	nextSteps(&b, "next", &e, policy.Decide(&policy.Rules{}, &e), "FILE", "")
	wantIn(t, b.String(), "mxgate allow lookalike -config FILE he1se.de for heise.de")
	if strings.Contains(b.String(), "release") {
		t.Errorf("nothing is held:\n%s", &b)
	}
}

// Of a look-alike that is not the author nobody says who he is; what is to be known is
// whose the address is.
func TestStepsForALookalikeBesideTheAuthorAskWhoseItIs(t *testing.T) {
	steps := func(e policy.Evidence) string {
		var b bytes.Buffer
		nextSteps(&b, "next", &e, policy.Decide(&policy.Rules{}, &e), "FILE", "m1")
		return strings.Join(strings.Fields(b.String()), " ")
	}
	e := theft()
	e.Thread.Added = []policy.Similar{{Domain: "vo1ksbank.example", Target: "volksbank.example", Where: "cc", Relation: score.Message, Class: "homoglyph", Confidence: 90, Why: "x: y"}}
	const claim = "that the address in Cc (vo1ksbank.example) belongs to volksbank.example, too:"
	wantIn(t, steps(e), "next If you know, by another way than this mail, that they are who they say: mxgate allow lookalike -config FILE he1se.de for heise.de", `-reason "..." and `+claim+" mxgate allow lookalike -config FILE vo1ksbank.example for volksbank.example",
		"If it is fraud, so that all that comes from there is held: mxgate block lookalike -config FILE he1se.de for heise.de")
	e.Thread.Similar = nil
	text := steps(e)
	wantIn(t, text, "next If you know, by another way than this mail, "+claim+" mxgate allow lookalike -config FILE vo1ksbank.example for volksbank.example",
		"If it is fraud, so that all that comes from vo1ksbank.example is held, and vo1ksbank.example in Reply-To or Cc counts as a look-alike: mxgate block lookalike -config FILE vo1ksbank.example for volksbank.example")
	if strings.Contains(text, "they are who they say") {
		t.Error(text)
	}
}

// Every pair of a message is shown once, and not more than a screen holds.
func TestPairsAreShownOnceAndBounded(t *testing.T) {
	e := theft()
	e.Lookalike = []policy.Lookalike{{Domain: "mail.he1se.de", Target: "heise.de", Where: "author"}, {Domain: "exarnple.com", Target: "example.com", Where: "reply-to", Own: true}}
	e.Thread.ReplyTo = &policy.Diversion{Domain: "he1se.com", Target: "heise.de", Class: "tld", Kind: score.ReplyLookalike}
	var got []string
	for _, a := range alikes(&e) {
		got = append(got, string(a.domain+">"+a.target)+" "+a.targetKnown)
	}
	if want := []string{"he1se.de>heise.de known well, and you write to it, since 2024-03-01", "xn--vlksbank-3jf.example\x1b[2J>volksbank.example no proven mail of it was delivered here", "exarnple.com>example.com yours", "he1se.com>heise.de known well, and you write to it, since 2024-03-01"}; strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for len(e.Lookalike) < 50 {
		e.Lookalike = append(e.Lookalike, policy.Lookalike{Domain: mail.Domain(strings.Repeat("a", len(e.Lookalike)+1) + ".example"), Target: "heise.de"})
	}
	if n := len(alikes(&e)); n != maxCompared {
		t.Errorf("%d pairs", n)
	}
}

// A service lends its domain to many: a word on one name below it would be on all.
func TestStepsForANameBelowAServiceAreForTheRecipientAlone(t *testing.T) {
	e := theft()
	e.Thread.Added, e.Author.Domain, e.Thread.Similar[0].Domain, e.Thread.Similar[0].As = nil, "heise.docs-share.com", "docs-share.com", "heise.docs-share.com"
	steps := func() string {
		var b bytes.Buffer
		nextSteps(&b, "next", &e, policy.Decide(&policy.Rules{}, &e), "FILE", "m1")
		return b.String()
	}
	const pair = " lookalike -config FILE docs-share.com for heise.de"
	wantIn(t, steps(), "allow"+pair+" -recipient bob@example.com -reason", "block"+pair+" -recipient bob@example.com -reason", "quarantine release", "quarantine delete")
	wantIn(t, strings.Join(strings.Fields(steps()), " "), "A word on heise.docs-share.com is one on all of docs-share.com, whoever writes from there; with -recipient it is for mail to that mailbox alone. If you know", "If it is fraud, and nobody honest writes from docs-share.com or below it")
	var b bytes.Buffer
	compare(&b, &e)
	wantIn(t, b.String(), "  compare     heise‹.docs-share")
	e.ForwardPaths = []string{"bob@example.com", "erika@example.com"}
	wantIn(t, steps(), "allow"+pair+" -recipient bob@example.com -reason", "allow"+pair+" -recipient erika@example.com -reason")
	for _, to := range [][]string{nil, {"bob\x1b@example.com"}, {"a@example.com", "b@example.com", "c@example.com", "d@example.com"}} {
		e.ForwardPaths = to
		wantIn(t, steps(), "allow"+pair+" -reason")
	}
}

// Both sides of each pair are known or not, and the page says it.
func TestBothSidesOfAPairSayWhatIsKnown(t *testing.T) {
	since := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	e := theft()
	e.Thread.Similar, e.Thread.Added, e.Thread.Parties = nil, nil, nil
	e.Author.Domain, e.Thread.Author = "heise.de", policy.KnownDomain{Domain: "heise.de", State: policy.TwoWay, First: since}
	e.Thread.ReplyTo = &policy.Diversion{Domain: "he1se.de", Target: "heise.de", Class: "homoglyph", Kind: score.ReplyLookalike}
	shown := func() string {
		var b bytes.Buffer
		compare(&b, &e)
		return b.String()
	}
	wantIn(t, shown(), "he‹1›se.de   in Reply-To\n", "he‹i›se.de   known well, and you write to it, since 2024-03-01\n")
	e.Thread.Author = policy.KnownDomain{Domain: "volksbank.example"}
	e.Thread.Parties = []policy.Party{{Domain: "he1se.de", State: policy.Seen, Since: since}}
	wantIn(t, shown(), "he‹1›se.de   in Reply-To; wrote to us, not yet known well, since 2024-03-01\n", "he‹i›se.de   in the conversation that we remember\n")
	e.Thread.Parties = append(e.Thread.Parties, policy.Party{Domain: "heise.de", State: policy.Established, Since: since})
	wantIn(t, shown(), "he‹i›se.de   known well, since 2024-03-01\n")

	e = theft()
	e.Thread.Added, e.Thread.Similar[0].TargetState, e.Thread.Similar[0].TargetSince = nil, "", time.Time{}
	e.Thread.Similar[0].State, e.Thread.Similar[0].Since = policy.Shadow, since
	wantIn(t, shown(), "he‹1›se.de   in the shadow of an older one that it resembles, since 2024-03-01\n", "he‹i›se.de   in the conversation that we remember\n")
}
