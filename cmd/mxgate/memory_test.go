package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"mxgate/cmd/mxgate/internal/memory/bootstrap"
	"mxgate/cmd/mxgate/internal/memory/pair"
	"mxgate/gateway/config"
	"mxgate/gateway/memory"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// remember runs a command of memory on the lab's configuration.
func (l *lab) remember(want int, args ...string) (out, errOut string) {
	l.t.Helper()
	return l.words(want, append([]string{"memory"}, args...)...)
}

// file writes a file beside the configuration.
func (l *lab) file(name, text string) string {
	l.t.Helper()
	path := filepath.Join(filepath.Dir(l.config), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

const vendors = "\ufeffName;Domain;Since\r\nHeise;heise.de;1.3.2019\r\nLab;he1se.de;\r\nBank;mybank.example;2020\r\nus;mail.example.com;\r\nbad;not a domain;\r\n"

func TestAListIsImportedAndLookalikesInItAreAskedFor(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	path := l.file("v.csv", vendors)
	out, _ := l.remember(exitFindings, "import", "-dry-run", path)
	wantIn(t, out, "1 domain would be taken")
	out, _ = l.remember(exitFine, "stats")
	wantIn(t, out, "remembers nothing yet")
	out, errOut := l.remember(exitFindings, "import", path)
	wantIn(t, out, "These two resemble each other; which is yours?\n  he‹i›se.de   listed\n  he‹1›se.de   listed\n", "import again with -take DOMAIN",
		"4 domains in the 5 rows: 1 domain taken as known well\n", "      1 yours", "      2 left out, resembling others\n", "      1 that cannot be read")
	if want := path + `:6: "not a domain": expected a domain such as partner.example, or an address such as anna@partner.example` + "\n"; errOut != want {
		t.Errorf("got %q, want %q", errOut, want)
	}
	path = l.file("v.csv", strings.Replace(vendors, "bad;not a domain;\r\n", "", 1))
	out, _ = l.remember(exitFine, "import", "-take", "heise.de", path)
	wantIn(t, out, "2 domains taken", "      1 left out")
	if strings.Contains(out, "which is yours") {
		t.Errorf("asked again for what was answered:\n%s", out)
	}
	out, _ = l.remember(exitFine, "show", "heise.de", "www.he1se.de")
	wantIn(t, out, "heise.de: known well, since 2019-03-01\n  imported    Heise\n", "he1se.de: no proven mail of it was delivered here\n  note        www.he1se.de lies below he1se.de, which is remembered as a whole\n  resembles   he‹i›se.de   known well, since 2019-03-01\n")

	out, _ = l.remember(exitFindings, "import", l.file("w.csv", "he1se.de\n")) // known now, and older
	wantIn(t, out, "he1se.de resembles one that is known before it; is it really yours?", "if so: mxgate allow lookalike -config "+l.config+" he1se.de for heise.de", "0 domains taken")
	l.words(exitFine, "allow", "lookalike", "he1se.de", "for", "heise.de", "-reason", "their lab")
	out, _ = l.remember(exitFine, "import", l.file("w.csv", "he1se.de\n"))
	wantIn(t, out, "1 domain taken")
	out, _ = l.remember(exitFine, "show", "he1se.de")
	wantIn(t, out, "he1se.de: known well", "decision    allowed: he1se.de may resemble heise.de")
	out, _ = l.remember(exitFine, "import", path) // a list may be imported again
	wantIn(t, out, "3 domains taken")
}

// Whoever knows one mailbox of a mail service does not know the others.
func TestMailServicesAreNotTakenFromAList(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	out, _ := l.remember(exitFine, "import", l.file("people.vcf", "BEGIN:VCARD\nEMAIL:anna@partner.example\nEMAIL:anna.s@gmail.com\nEMAIL:a@yahoo.com\nEMAIL:a@yahoo.co.uk\nEND:VCARD\n"))
	wantIn(t, out, "4 domains in the 1 row: 1 domain taken", "      3 left out, as everybody may have a mailbox there: gmail.com, yahoo.com,\n        yahoo.co.uk\n")
	if strings.Contains(out, "resemble") {
		t.Errorf("asked whether a mail service imitates another:\n%s", out)
	}
	out, _ = l.remember(exitFine, "show", "gmail.com")
	wantIn(t, out, "gmail.com: no proven mail of it was delivered here\n  of all      everybody may have a mailbox there")
	mbox := l.file("archive", "From a Mon\n"+strings.ReplaceAll(memoryLetter, "partner.example", "yahoo.com")+"\nFrom b Tue\n"+strings.ReplaceAll(memoryLetter, "partner.example", "yahoo.co.uk"))
	if out, _ = l.remember(exitFine, "import", "-vouch", mbox); strings.Contains(out, "resemble") {
		t.Errorf("asked whether a mail service imitates another:\n%s", out)
	}
}

func TestShowGoesByWhatIsSaidOfOwnersAndFindsAddedWords(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.remember(exitFine, "import", l.file("v.csv", "nordwind-bau.de\n"))
	out, _ := l.remember(exitFine, "show", "nordwind-bau-gmbh.de", "nordwindbau.de")
	wantIn(t, out, "nordwind-bau-gmbh.de: no proven mail of it was delivered here\n  resembles   nordwind-bau.de   known well, from a list of yours\n", "nordwindbau.de: no proven mail of it was delivered here\n  resembles   nordwind‹-›bau.de   known well, from a list of yours\n")
	text, err := os.ReadFile(l.config)
	if err == nil {
		err = os.WriteFile(l.config, append(text, "[[group]]\nname = \"Nordwind\"\ndomains = [\"nordwind-bau.de\", \"nordwindbau.de\"]\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, errOut := l.remember(exitUsage, "show", "anna@x", "nordwindbau.de", "co.uk")
	if want := "nordwindbau.de: no proven mail of it was delivered here\n  one owner   Nordwind, by the configuration: nordwind-bau.de, nordwindbau.de\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
	wantIn(t, errOut, `"anna@x": expected a domain`, `"co.uk": it is a public suffix`)
}

func TestAnswersThatWereNotSeenAreNotCountedAsNone(t *testing.T) {
	r := remembered{Domain: &policy.KnownDomain{State: policy.TwoWay, Messages: 12, Last: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)}}
	if got := r.mailWords(); got != "12 messages of it, some in answer to yours, which mxgate did not see; the last contact was on 2026-11-02" {
		t.Error(got)
	}
	r.Domain.State = policy.Established
	if got := r.mailWords(); !strings.HasPrefix(got, "12 messages of it, none of yours to it that mxgate has seen;") {
		t.Error(got)
	}
	r.Sent = 3
	if got := r.mailWords(); !strings.HasPrefix(got, "12 messages of it, 3 of yours to it;") {
		t.Error(got)
	}
}

// An export is no list: of the decisions in it nothing would come back.
func TestAnExportIsNotTakenForAList(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.remember(exitFine, "import", l.file("v.csv", "heise.de\n"))
	out, _ := l.remember(exitFine, "export")
	l.words(exitFine, "allow", "lookalike", "he1se.de", "for", "heise.de", "-reason", "x")
	l.remember(exitFine, "forget", "-all", "-yes")
	decided, _ := l.remember(exitFine, "export")
	for _, text := range []string{out, decided} {
		_, errOut := l.remember(exitCouldNot, "import", l.file("x.jsonl", text))
		wantIn(t, errOut, "x.jsonl: is what `mxgate memory export` writes", "copy the whole directory memory/")
	}
}

// An honest house is told before its first answer in the other's place is held.
func TestNamesMadeOfOlderOnesAreToldWithTheLineThatFreesThem(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.remember(exitFine, "import", l.file("v.csv", "domain,since\nheise.de,2019-03-01\n"))
	letters := ""
	for i, day := range []string{"2 Sep", "12 Sep", "2 Oct", "20 Oct"} {
		letters += "From a Mon\n" + strings.NewReplacer("partner.example", "heise-group.de", "<1@", fmt.Sprintf("<%d@", i), "2 Nov", day).Replace(memoryLetter) + "\n"
	}
	archive := l.file("archive", letters)
	out, _ := l.remember(exitFine, "import", "-vouch", archive)
	wantIn(t, out, "\nimport it once: ", "These have names made of older ones.", "\n  heise‹-group", "\n  heise.de ", "   known well, since 2019-03-01\n  mxgate allow lookalike -config "+l.config+" heise-group.de for heise.de -reason \"...\"\n")
	if strings.Contains(out, "which is yours") {
		t.Error(out)
	}
	out, _ = l.remember(exitFine, "show", "heise-group.de")
	text := strings.Join(strings.Fields(out), " ")
	wantIn(t, text, "heise-group.de: known well, since 2026-09-02", "to some in the shadow of heise.de (known well, since 2019-03-01): where it writes to those who correspond with that one, or answers in its conversations, it is judged as a stranger.",
		"mxgate allow lookalike -config "+l.config+" heise-group.de for heise.de -reason")
	if out, _ = l.remember(exitFine, "show", "heise.de"); strings.Contains(out, "to some") {
		t.Error(out)
	}
	l.words(exitFine, "allow", "lookalike", "heise-group.de", "for", "heise.de", "-reason", "one house")
	if out, _ = l.remember(exitFine, "show", "heise-group.de"); strings.Contains(out, "to some") {
		t.Error(out)
	}
	if out, _ = l.remember(exitFine, "import", "-vouch", archive); strings.Contains(out, "names made of") {
		t.Error(out)
	}
}

// What is a stranger in conversations of one that is hardly known, `explain -memory` calls
// a shadow; who was first on that day decides.
func TestShowTellsInWhoseConversationsADomainIsAShadow(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	at := func(domain, id, clock string) string {
		return "From a Mon\n" + strings.NewReplacer("partner.example", domain, "<1@", "<"+id+"@", "10:00:00", clock).Replace(memoryLetter) + "\n"
	}
	l.remember(exitFindings, "import", "-vouch", l.file("archive", at("harbor-optics.example", "1", "10:00:00")+at("harb0r-optics.example", "2", "10:00:40")+at("harbor-opt1cs.example", "3", "10:00:50")))
	out, _ := l.remember(exitFine, "show", "harbor-opt1cs.example")
	wantIn(t, strings.Join(strings.Fields(out), " "), "harbor-opt1cs.example: wrote to us, not yet known well, since 2026-11-02",
		"to some in the shadow of harbor-optics.example (wrote to us, not yet known well, since 2026-11-02): in conversations of that one it is judged as a stranger."+
			" Of the two harbor-optics.example was first, on 2026-11-02 at 10:00:00 UTC; harbor-opt1cs.example came at 10:00:50 UTC. If both are of one house: mxgate allow lookalike -config "+l.config+" harbor-opt1cs.example for harbor-optics.example -reason",
		"and in conversations of others that it resembles and that came before it: harb0r-optics.example")
	wantIn(t, out, "  resembles   harbor-opt‹i›cs.example     wrote to us, not yet known well, since 2026-11-02, before it\n              harb‹0›r-opt‹i›cs.example   wrote to us, not yet known well, since 2026-11-02, before it\n")
	out, _ = l.remember(exitFine, "show", "harbor-optics.example")
	if wantIn(t, out, "harbor-opt‹1›cs.example   wrote to us, not yet known well, since 2026-11-02, after it\n"); strings.Contains(out, "to some") {
		t.Error(out)
	}
}

// Of a shadow to everybody the day of both is told; of an older one that has no day, none.
func TestShowTellsWhoOfTwoWasFirst(t *testing.T) {
	on := func(day, clock string) time.Time {
		at, err := time.Parse(time.DateTime, day+" "+clock)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	first := map[mail.Domain]time.Time{"heise.de": on("2024-03-01", "00:00:00"), "he1se.de": on("2026-11-02", "10:00:00"), "hei5e.de": on("2026-11-02", "09:59:59")}
	for pair, want := range map[[2]mail.Domain]string{
		{"he1se.de", "heise.de"}:  " Of the two heise.de was first, on 2024-03-01; he1se.de came on 2026-11-02.",
		{"he1se.de", "hei5e.de"}:  " Of the two hei5e.de was first, on 2026-11-02 at 09:59:59 UTC; he1se.de came at 10:00:00 UTC.",
		{"he1se.de", "listed.de"}: "",
	} {
		if got := whoFirst(pair[0], pair[1], first); got != want {
			t.Errorf("%v: got %q, want %q", pair, got, want)
		}
	}
	cfg, err := config.Load(newLab(t, "127.0.0.1:1").config)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	r := remembering{beside: &beside{cfg: cfg, out: &b}}
	heise := &policy.KnownDomain{Domain: "heise.de", State: policy.TwoWay, First: first["heise.de"]}
	r.showShades(known{domains: map[mail.Domain]remembered{"heise.de": {Domain: heise}}}, &policy.KnownDomain{Domain: "he1se.de", State: policy.Shadow, ShadowOf: "heise.de"}, &memory.Shadows{First: first})
	wantIn(t, strings.Join(strings.Fields(b.String()), " "), "shadow of heise.de (known well, and you write to it, since 2024-03-01): it is judged as a stranger, and becomes no more, however long it writes. Of the two heise.de was first, on 2024-03-01; he1se.de came on 2026-11-02.")
}

// What the gateway holds is in data_dir, frauds among it.
func TestWhatTheGatewayKeepsItselfIsNotImported(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	link := filepath.Join(t.TempDir(), "mail")
	if err := os.Symlink(filepath.Join(l.dir, "blobs"), link); err != nil {
		t.Fatal(err)
	}
	for path, does := range map[string]string{l.dir: "lies in", filepath.Join(l.dir, "blobs"): "lies in", link: "lies in", filepath.Dir(l.dir): "has in it"} {
		out, errOut := l.remember(exitCouldNot, "import", "-dry-run", path)
		if wantIn(t, errOut, path+": "+does+" the data_dir "+l.dir+", where messages are that were held"); out != "" {
			t.Errorf("%s: %s", path, out)
		}
	}
	l.remember(exitFine, "import", "-dry-run", "-vouch", l.file("a.eml", memoryLetter))
}

func TestADomainToTakeThatNoListHasIsTold(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	out, errOut := l.remember(exitFindings, "import", "-take", "nowhere.example", "-take", "heise.de", l.file("v.csv", "heise.de\nhe1se.de\n"))
	wantIn(t, out, "1 domain taken")
	if want := "mxgate memory import: -take nowhere.example: is in none of the lists, and not taken\n"; errOut != want {
		t.Errorf("got %q, want %q", errOut, want)
	}
}

func TestAnAddressBookIsImported(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	path := l.file("people.vcf", "BEGIN:VCARD\nORG:Partner\nEMAIL:anna@partner.example\nEND:VCARD\nBEGIN:VCARD\nFN:X\nEND:VCARD\n")
	out, _ := l.remember(exitFine, "import", path)
	wantIn(t, out, "1 domain in the 2 rows: 1 domain taken", "      1 without an address")
	out, _ = l.remember(exitFine, "show", "partner.example")
	wantIn(t, out, "partner.example: known well, from a list of yours\n  imported    Partner\n")
	l.remember(exitFine, "import", l.file("person.vcf", "BEGIN:VCARD\nFN:Carla Bergmann\nEMAIL:carla@bergmann.example\nEND:VCARD\n"))
	out, _ = l.remember(exitFine, "show", "bergmann.example")
	wantIn(t, out, "  imported    Carla Bergmann\n")
}

const (
	memoryLetter = "From: Anna <anna@partner.example>\nTo: bob@example.com\nMessage-ID: <1@partner.example>\nDate: Mon, 2 Nov 2026 10:00:00 +0000\nSubject: x\n\nHello\n"
	memorySent   = "From: bob@example.com\nTo: anna@partner.example\nMessage-ID: <2@example.com>\nDate: Tue, 3 Nov 2026 10:00:00 +0000\n\nHello\n"
)

func TestAnArchiveTeachesWhatItProves(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	mbox := l.file("archive", "From a Mon\n"+memoryLetter+"\nFrom b Tue\n"+memorySent)
	out, _ := l.remember(exitFine, "import", mbox)
	wantIn(t, out, "2 messages read, 1 learned from\n      1 with nothing that proves the author", "\n              1 no Authentication-Results: nobody noted who was proven\n", "      1 left out, from your own domains", "0 domains vouched for by that; 1 domain wrote without proof\n")
	out, _ = l.remember(exitFine, "show", "partner.example")
	wantIn(t, out, "partner.example: no proven mail of it was delivered here\n")
	out, _ = l.remember(exitFine, "import", "-sent", mbox)
	wantIn(t, out, "1 sent by you", "1 left out, not from your own domains", "1 domain vouched for")
	out, _ = l.remember(exitFine, "show", "partner.example")
	wantIn(t, out, "partner.example: you write to it, since 2026-11-03; no proven mail of it was delivered here\n", "0 messages of it, 1 of yours to it; the last contact was on 2026-11-03")
	out, _ = l.remember(exitFine, "stats")
	wantIn(t, out, "      1  seen         wrote to us, or you to them; not yet known well\n")
	out, _ = l.remember(exitFine, "import", "-vouch", mbox)
	wantIn(t, out, "1 that you vouch for")
	out, _ = l.remember(exitFine, "show", "partner.example")
	wantIn(t, out, "partner.example: wrote to us", "1 message of it, 1 of yours to it; the last contact was on 2026-11-03")
	out, _ = l.remember(exitFine, "stats", "-json")
	var s memoryStats
	if err := json.Unmarshal([]byte(out), &s); err != nil || s.Domains["seen"] != 1 || s.Since.IsZero() || s.Waiting != 0 || s.DiskOctets == 0 || s.MessageIDs != 2 || s.Conversations != 2 || s.Contacts != 1 || s.Names != 1 {
		t.Errorf("%v: %+v", err, s)
	}
	out, _ = l.remember(exitFine, "stats")
	wantIn(t, out, "  shadow       resembles an older one: a stranger to everybody, however long it writes\n", "\nOthers may be in the shadow of an older one to some, as in its conversations:\n`mxgate memory show -config "+l.config+" DOMAIN` tells.\n", "(`mxgate allow list -config "+l.config+"`)", "\n      2  conversations\n      2  message ids of conversations", "\n      1  contact: ", "\n      1  name ", "\n      0  decisions", " KB on disk\n")
}

// What is missing in the configuration is told, and what it does to what was learned.
func TestAnArchiveThatIsImportedTooEarlySaysWhatToDo(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	path := l.file("a.eml", "Authentication-Results: mx.other.example; dmarc=pass header.from=partner.example\n"+memoryLetter)
	const what, again = "Set what is missing in the [[source]]", "But a conversation keeps out whom the first import did not believe."
	for want, args := range map[string][]string{"before you import without -dry-run: a conversation keeps out": {"-dry-run"}, again: nil} {
		out, _ := l.remember(exitFine, slices.Concat([]string{"import"}, args, []string{path})...)
		if wantIn(t, strings.Join(strings.Fields(out), " "), what, want); strings.Contains(out, "import it once") {
			t.Errorf("to do it again and not to:\n%s", out)
		}
		for line := range strings.Lines(out) {
			if utf8.RuneCountInString(line) > outWidth+1 {
				t.Errorf("%d characters: %s", utf8.RuneCountInString(line), line)
			}
		}
	}
	if out, _ := l.remember(exitFine, "import", l.file("b.eml", memoryLetter)); strings.Contains(out, what) { // no key helps there
		t.Error(out)
	}
}

// What is no mail, such as a log, is told of as that.
func TestWhatIsNoMailIsSaidToBeNone(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	log := l.file("gate.log", "time=2026-11-22T21:11:48.498Z level=INFO msg=\"memory loaded\"\ntime=2026-11-22T21:11:48.500Z level=INFO msg=\"extensions offered\"\n")
	out, errOut := l.remember(exitFindings, "import", log, l.file("a.eml", memoryLetter))
	wantIn(t, out, "2 messages read, 1 learned from\n", "      1 left out, without a header of a mail\n")
	wantIn(t, errOut, "mxgate memory import: "+log+": is no mail: ")
}

// serveLater has a gateway take the lab's memory, which may not be empty, and look at
// what tools hand to it only after goOn was called.
func (l *lab) serveLater() (goOn func()) {
	l.t.Helper()
	loads, mayServe := make(chan bool), make(chan bool)
	once, atFirst := sync.OnceFunc(func() { close(mayServe) }), sync.OnceFunc(func() { close(loads); <-mayServe })
	var opening sync.WaitGroup
	opening.Go(func() { // ends when it serves
		defer atFirst() // where there is nothing to load
		server, err := memory.Open(memory.Config{Dir: filepath.Join(l.dir, "memory"), Own: []mail.Domain{"example.com"},
			Progress: func(int, int) { atFirst() }, OnError: func(err error) { l.t.Error(err) }})
		if err != nil {
			l.t.Error(err)
			return
		}
		l.t.Cleanup(func() { server.Close() })
	})
	l.t.Cleanup(func() { once(); opening.Wait() })
	<-loads
	return once
}

// A memory beside the gateway is as it was written last; both kinds of import say so.
func TestWhatTheGatewayHasStillToDoIsSaidInOneWay(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.remember(exitFine, "import", "-vouch", l.file("a.eml", memoryLetter)) // to have something to load
	goOn := l.serveLater()
	handed := "\nhanded to the gateway, done within a minute: see `mxgate memory stats -config " + l.config + "`\n"
	for want, args := range map[string][]string{
		"taken as known well":                     {"import", l.file("v.csv", "heise.de\n")},
		"1 message read, 1 learned from":          {"import", "-vouch", l.file("a.eml", memoryLetter)},
		"forgotten: everything but the decisions": {"forget", "-all", "-yes"},
	} {
		out, _ := l.remember(exitFine, args...)
		wantIn(t, out, want+handed)
	}
	l.remember(exitFine, "import", l.file("w.csv", "partner.example\n"))
	out, _ := l.remember(exitFine, "show", "nobody.example")
	wantIn(t, out, " that the gateway has not taken over yet: what was imported or forgotten by that does not show here\n")
	l.remember(exitFine, "forget", "-all", "-yes")
	goOn()
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		out, _ = l.remember(exitFine, "stats")
		if strings.Contains(out, "remembers nothing yet") && !strings.Contains(out, "not taken over") {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("not forgotten:\n%s", out)
		}
	}
	wantIn(t, out, "\n      0  conversations", "\n      0  message ids")
}

func TestStatsDoNotSayNothingAndCountSomething(t *testing.T) {
	var b bytes.Buffer
	r := remembering{beside: &beside{cfg: &config.Config{File: "mxgate.toml"}, out: &b}}
	if err := r.statsTable(memory.Stats{Waiting: 1, Threads: 4, IDs: 18}); err != nil || !strings.HasPrefix(b.String(), "remembers nothing soon: what is counted here was forgotten, and is not off the disk yet\n1 request that the gateway has not taken over yet") {
		t.Errorf("%v\n%s", err, &b)
	}
}

// Two that an archive vouches for and that resemble each other are told.
func TestLookalikesInAnArchiveAreTold(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	mbox := l.file("archive", "From a Mon\n"+strings.ReplaceAll(memoryLetter, "partner.example", "heise.de")+"\nFrom b Tue\n"+strings.ReplaceAll(memoryLetter, "partner.example", "he1se.de"))
	out, _ := l.remember(exitFindings, "import", "-vouch", mbox)
	wantIn(t, out, "These two resemble each other; which is yours?\n  he‹1›se.de", "  both:       mxgate allow lookalike -config "+l.config+" he1se.de for heise.de -reason \"...\"\n",
		"  the second: mxgate memory forget -config "+l.config+" he1se.de && mxgate block lookalike -config "+l.config+" he1se.de for heise.de -reason \"...\"\n")
}

// Of two, the later one is who may resemble the other, or who is blocked.
func TestOfTwoInAnArchiveTheLaterOneIsTheSender(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	later := strings.NewReplacer("partner.example", "heisse.de", "2 Nov", "9 Nov").Replace(memoryLetter)
	out, _ := l.remember(exitFindings, "import", "-vouch", l.file("archive", "From a Mon\n"+strings.ReplaceAll(memoryLetter, "partner.example", "heise.de")+"\nFrom b Tue\n"+later))
	wantIn(t, out, "mxgate allow lookalike -config "+l.config+" heisse.de for heise.de", "mxgate block lookalike -config "+l.config+" heisse.de for heise.de")
}

// The gateway takes over what an archive taught only after it was read.
func TestWhatAnArchiveVouchesForIsSaidBeforeTheGatewayKnows(t *testing.T) {
	cfg, err := config.Load(newLab(t, "127.0.0.1:1").config)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	r := remembering{beside: &beside{cfg: cfg, out: &b}}
	a := bootstrap.New(bootstrap.Config{})
	a.Taught["heise.de"] = 2
	r.showArchivePairs([]pair.Likeness{{Domain: "heise.de", Target: "he1se.de"}}, a, known{})
	wantIn(t, b.String(), "he‹i›se.de   vouched for by 2 messages of this archive\n", "he‹1›se.de   no proven mail of it was delivered here\n")
}

// The commands work while the gateway does: it takes over what they hand to it.
func TestMemoryCommandsWorkBesideTheGateway(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	server, err := memory.Open(memory.Config{Dir: filepath.Join(l.dir, "memory"), Own: []mail.Domain{"example.com"}, OnError: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	l.remember(exitFine, "import", l.file("v.csv", "heise.de\n"))
	l.words(exitFine, "allow", "lookalike", "he1se.de", "for", "heise.de", "-reason", "x")
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) { // it looks each half second
		r, err := server.Recall(t.Context(), policy.Question{At: time.Now(), Author: mail.Address{Local: "a", Domain: "he1se.de"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Near) == 1 && r.Near[0].Target == "heise.de" && len(r.Decisions) == 1 {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("the gateway knows %+v", r)
		}
	}
	if out, _ := l.remember(exitFine, "forget", "heise.de"); !strings.Contains(out, "forgotten: all that was known of heise.de") {
		t.Error(out)
	}
}

func TestForgettingAndExporting(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.remember(exitFine, "import", l.file("v.csv", "heise.de\npartner.example\n"))
	out, _ := l.remember(exitFine, "forget", "www.heise.de", "bob@example.com")
	if out != "forgotten: all that was known of heise.de (www.heise.de lies below heise.de)\nforgotten: with whom bob@example.com corresponds\n" {
		t.Errorf("%q", out)
	}
	out, errOut := l.remember(exitCouldNot, "forget", "nosuch.de", "other.example")
	if out != "" || strings.Count(errOut, ": nothing was known of it; ") != 2 {
		t.Errorf("%q, %q", out, errOut)
	}
	out, _ = l.remember(exitFine, "export")
	if strings.Contains(out, "heise.de") || !strings.Contains(out, `"partner.example"`) {
		t.Error(out)
	}
	to := filepath.Join(t.TempDir(), "out.json")
	l.remember(exitFine, "export", "-o", to)
	info, err := os.Stat(to)
	text, _ := os.ReadFile(to)
	if err != nil || info.Mode().Perm() != 0o600 || string(text) != out {
		t.Errorf("%v, %v, %q", err, info, text)
	}
	_, errOut = l.remember(exitCouldNot, "export", "-o", to)
	wantIn(t, errOut, "-o: open "+to, "expected a FILE that is not there yet")
	l.remember(exitFine, "forget", "-all", "-yes")
	if out, _ = l.remember(exitFine, "export"); out != "" {
		t.Error(out)
	}
}

func TestWhatMemoryCannotDoIsSaidInOneLine(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	list, mbox := l.file("v.csv", "heise.de\n"), l.file("a.mbox", "From a Mon\n"+memoryLetter)
	for _, c := range []struct {
		code       int
		args, want string
	}{
		{exitUsage, "import", "expected FILE...: a list (CSV), an address book (vCard, CSV) or an archive"},
		{exitUsage, "import -sent " + list, "-sent and -vouch are for archives"},
		{exitUsage, "import -sent -vouch " + mbox, "-sent and -vouch: expected one of them"},
		{exitUsage, "import -take heise.de " + mbox, "-take is for lists"},
		{exitUsage, "import -take co.uk " + list, `invalid value "co.uk" for flag -take: expected a domain such as partner.example, or all`},
		{exitUsage, "import -as xml " + list, `invalid value "xml" for flag -as: expected one of csv, vcard, mail`},
		{exitCouldNot, "import -", "standard input: expected -as csv, vcard or mail"},
		{exitCouldNot, "import nosuch.csv", "nosuch.csv: no such file or directory: expected a list, an address book or an archive\n"},
		{exitCouldNot, "import -as csv nosuch", "nosuch: no such file or directory: expected a list, an address book or an archive\n"},
		{exitCouldNot, "import " + l.file("bin.csv", "\x7fELF\x02\x01\x00"), "bin.csv: read as csv: it is no such list: it is no text; -as"},
		{exitCouldNot, "import -as vcard " + list, list + ": read as vcard: it is no such list: no line BEGIN:VCARD"},
		{exitCouldNot, "import " + l.file("x.csv", "name,street\nx,y\n"), `x.csv: read as csv: it is no such list: line 1: "name,street": expected a row that names a column domain or e-mail`},
		{exitUsage, "forget", "expected DOMAIN or MAILBOX, or -all"},
		{exitUsage, "forget -all", "-yes does it"},
		{exitUsage, "forget -all -yes heise.de", "expected DOMAIN or MAILBOX, or -all"},
		{exitUsage, "forget anna@partner.example", `"anna@partner.example": expected a mailbox of a domain of yours`},
		{exitUsage, "forget example.com", `"example.com": it is yours`},
		{exitUsage, "show", "expected DOMAIN..."},
		{exitUsage, "show co.uk", `"co.uk": it is a public suffix`},
		{exitUsage, "stats x", `unexpected argument "x"`},
	} {
		_, errOut := l.remember(c.code, strings.Fields(c.args)...)
		wantIn(t, errOut, c.want)
		if strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s: not one line: %q", c.args, errOut)
		}
	}
}
