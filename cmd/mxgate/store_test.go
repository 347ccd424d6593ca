package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mxgate/gateway/smtptest"
	"mxgate/gateway/store"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// lab is a data directory with something in it, and a configuration.
type lab struct {
	t      *testing.T
	config string
	dir    string
	store  *store.Store
}

// newLab makes a data directory; without a next hop nothing can be released.
func newLab(t *testing.T, nextHop string) *lab {
	t.Helper()
	dir := t.TempDir()
	l := &lab{t: t, config: filepath.Join(dir, "mxgate.toml"), dir: filepath.Join(dir, "data")}
	l.write(nextHop)
	var err error
	if l.store, err = store.Open(l.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *lab) write(nextHop string) {
	l.t.Helper()
	text := fmt.Sprintf(`hostname = "gate.example.com"
data_dir = %q
[[source]]
name = "the-provider"
ranges = ["192.0.2.0/24"]
received_by = ["provider.example"]
[[domain]]
name = "example.com"
next_hop = %q
`, l.dir, nextHop)
	if err := os.WriteFile(l.config, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

var (
	bob  = mail.Address{Local: "bob", Domain: "example.com"}
	anna = mail.Address{Local: "anna", Domain: "partner.example"}
)

// spoof is Evidence that Decide quarantines for own-domain-spoof.
func spoof() policy.Evidence {
	return policy.Evidence{
		Source: "the-provider", Author: policy.Author{Address: "ceo@example.com", Domain: "example.com"}, OwnDomain: "example.com",
		Origin: policy.Origin{IP: "198.51.100.7"}, SPF: policy.SPF{Result: mail.None, Domain: "bulk.example"}, DMARC: policy.DMARC{Result: mail.Fail},
	}
}

// hold puts a message into quarantine.
func (l *lab) hold(id string) {
	l.t.Helper()
	evidence, err := json.Marshal(spoof())
	if err != nil {
		l.t.Fatal(err)
	}
	content := "From: ceo@example.com\r\nSubject: Pay\r\n\r\nnow\r\n"
	err = l.store.Quarantine(l.t.Context(), store.Held{
		ID: id, ReceivedAt: time.Now(), Client: netip.MustParseAddr("192.0.2.1"), Source: "the-provider",
		Envelope: mail.Envelope{ReversePath: anna, ForwardPaths: []mail.Address{bob}}, Reason: "own-domain-spoof", Sentence: "It was so.",
		Author: "ceo@example.com", Subject: "=?utf-8?q?Z=C3=A4hlung?= Pay\x1b[2J", MessageID: "<1@bulk.example>", Evidence: evidence,
	}, strings.NewReader(content))
	if err != nil {
		l.t.Fatal(err)
	}
}

// journal fills the journal: three messages, an hour, a minute and ten days older
// than now.
func (l *lab) journal() (now time.Time) {
	l.t.Helper()
	now = time.Now()
	for _, e := range []store.Entry{
		{ID: "old", At: now.Add(-240 * time.Hour), Outcome: store.Relayed, Disposition: "relay", Reason: "clean", Sentence: "Old."},
		{ID: "held", At: now.Add(-time.Hour), Outcome: store.Quarantined, Disposition: "quarantine", Reason: "lookalike", Sentence: "It looks\x1b alike.",
			Author: "anna@partner.example", ForwardPaths: []mail.Address{bob, anna}, ReversePath: anna, Client: netip.MustParseAddr("192.0.2.1"),
			OriginIP: netip.MustParseAddr("198.51.100.7"), ReplyCode: 250, Enhanced: "2.0.0", Size: 42, Source: "the-provider", Path: "via_current", Evidence: []byte(`{"source":"x"}`)},
		{ID: "gone", At: now.Add(-time.Minute), Outcome: store.Aborted, Client: netip.MustParseAddr("192.0.2.1")},
	} {
		l.store.Journal(e)
	}
	if err := l.store.Flush(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	return now
}

func TestJournalShowsTheNewestLast(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	held := l.journal().Add(-time.Hour) // the zone may have been another one then
	code, out, errOut := mx(t, "journal", "-config", l.config)
	lines := strings.Split(out, "\n")
	if code != exitFine || errOut != "" || len(lines) != 6 {
		t.Fatalf("%d, %q\n%s", code, errOut, out)
	}
	wantIn(t, lines[0], "TIME", "CODE", "OUTCOME", "DISPOSITION", "REASON", "PATH", "AUTHOR", "TO", "ORIGIN VIA CLIENT")
	wantIn(t, lines[1], held.Local().Format(" MST "), " 250 ", "quarantined  quarantine", "lookalike  via_current  anna@partner.example  bob@example.com +1  198.51.100.7 via 192.0.2.1")
	if lines[2] != "    It looks? alike. (held)" {
		t.Errorf("the sentence is shown as %q", lines[2])
	}
	wantIn(t, lines[3], " -  ", "aborted", "- via 192.0.2.1")
	if lines[4] != "    (gone)" {
		t.Errorf("without a sentence: %q", lines[4])
	}
	if _, out, _ := mx(t, "journal", "-config", l.config, "-id", "held"); strings.Count(out, "\n") != 3 || !strings.Contains(out, "(held)") {
		t.Errorf("-id held shows\n%s", out)
	}
}

func TestJournalFilters(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.journal()
	for _, c := range []struct {
		args string
		want string // ids
		err  string
	}{
		{"", "held gone", ""},
		{"-since 30m", "gone", ""},
		{"-since 11d", "old held gone", ""},
		{"-since 11d -limit 2", "held gone", "there is more; these are the newest 2"},
		{"-since 11d -limit 3", "old held gone", ""},
		{"-outcome aborted", "gone", ""},
		{"-reason lookalike", "held", ""},
		{"-reason clean", "", ""},
		{"-reason clean -since 11d", "old", ""},
		{"-disposition quarantine", "held", ""},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, out, errOut := mx(t, append([]string{"journal", "-config", l.config, "-json"}, strings.Fields(c.args)...)...)
			var ids []string
			for line := range strings.Lines(out) {
				var one struct{ ID string }
				if err := json.Unmarshal([]byte(line), &one); err != nil {
					t.Fatal(err)
				}
				ids = append(ids, one.ID)
			}
			if got := strings.Join(ids, " "); code != exitFine || got != c.want || !strings.Contains(errOut, c.err) || c.err == "" && errOut != "" {
				t.Errorf("%d, %q, %q, want %q, %q", code, got, errOut, c.want, c.err)
			}
		})
	}
	if _, out, _ := mx(t, "journal", "-config", l.config, "-reason", "clean", "-since", "2d"); out != "nothing in the last 2d\n" {
		t.Errorf("got %q", out)
	}
}

// Where a message is now is asked of the journal, too.
func TestTheJournalTellsWhatBecameOfAHeldMessage(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.hold("held")
	l.journal()
	_, out, _ := mx(t, "journal", "-config", l.config, "-id", "held")
	if strings.Contains(out, "Since then") {
		t.Errorf("it is held still:\n%s", out)
	}
	if code, _, errOut := mx(t, "quarantine", "delete", "-config", l.config, "-by", "erika", "held"); code != exitFine {
		t.Fatal(errOut)
	}
	_, out, _ = mx(t, "journal", "-config", l.config, "-id", "held")
	wantIn(t, strings.Join(strings.Fields(out), " "), "Since then: deleted at 2", " by erika, only this record is left.")
	_, out, _ = mx(t, "journal", "-config", l.config, "-json", "-id", "held")
	wantIn(t, out, `"since_then":{"state":"deleted","at":"2`, `","by":"erika"}`)
}

func TestTheNamesOfJournalJSONAreStable(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.journal()
	_, out, _ := mx(t, "journal", "-config", l.config, "-json", "-reason", "lookalike")
	wantIn(t, out, `{"id":"held","received_at":"`, `"outcome":"quarantined","disposition":"quarantine","reason":"lookalike","sentence":"It looks\u001b alike.","author":"anna@partner.example",`+
		`"reverse_path":"anna@partner.example","forward_paths":["bob@example.com","anna@partner.example"],"refused_paths":[],"message_id":"","size_octets":42,"source":"the-provider","client_ip":"192.0.2.1",`+
		`"helo":"","origin_ip":"198.51.100.7","reply_code":250,"enhanced_code":"2.0.0","next_hop":"","duration_ns":0,"path":"via_current","evidence":{"source":"x"}}`)
}

func TestCommandsDoNotCreateAStore(t *testing.T) {
	l := &lab{t: t, config: filepath.Join(t.TempDir(), "mxgate.toml"), dir: filepath.Join(t.TempDir(), "none")}
	l.write("127.0.0.1:1")
	for _, command := range []string{"journal", "strangers", "quarantine list"} {
		code, _, errOut := mx(t, append(strings.Fields(command), "-config", l.config)...)
		if code != exitCouldNot {
			t.Errorf("%s: exit code %d", command, code)
		}
		wantIn(t, errOut, "no mxgate data in "+l.dir+": expected the data_dir of a gateway that has run")
		if _, err := os.Stat(l.dir); !os.IsNotExist(err) {
			t.Errorf("%s: the directory was created: %v", command, err)
		}
	}
}

// Whoever releases again what the next hop may have must hear of it.
func TestAReleaseAfterOneThatCameToNoEndSaysSo(t *testing.T) {
	var lost atomic.Bool
	lost.Store(true)
	sink, err := smtptest.Start("127.0.0.1:0", smtptest.Options{Reply: func(verb, _ string) (string, bool) {
		return smtptest.Hangup, verb == smtptest.Dot && lost.Load()
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	l := newLab(t, sink.Addr().String())
	l.hold("m1")
	if code, _, errOut := mx(t, "quarantine", "release", "-config", l.config, "m1"); code != exitCouldNot || !strings.Contains(errOut, "m1: uncertain, still held") {
		t.Errorf("%d: %s", code, errOut)
	}
	lost.Store(false)
	code, out, errOut := mx(t, "quarantine", "release", "-config", l.config, "m1")
	if code != exitFine || out != "m1 released to its next hop\n" || !strings.HasPrefix(errOut, "m1: it may have arrived twice: the release before, until 2") {
		t.Errorf("%d: %s%s", code, out, errOut)
	}
}

func TestQuarantineTellsTheHistoryOfAMessage(t *testing.T) {
	sink, err := smtptest.Start("127.0.0.1:0", smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	l := newLab(t, "127.0.0.1:1") // nobody listens there
	l.hold("m1")
	q := func(want int, args ...string) (out, errOut string) {
		t.Helper()
		code, out, errOut := mx(t, append([]string{"quarantine", args[0], "-config", l.config}, args[1:]...)...)
		if code != want {
			t.Errorf("%q: exit code %d, want %d: %s", args, code, want, errOut)
		}
		return out, errOut
	}
	out, _ := q(exitFine, "list")
	wantIn(t, out, time.Now().Local().Format(" MST "), "m1  ", "held", "own-domain-spoof", "Zählung Pay?[2J")
	out, _ = q(exitFine, "show", "m1")
	wantIn(t, out, "m1: held, for own-domain-spoof\n  why         It was so.\n", "If it is genuine:\n              mxgate quarantine release -config ", "quarantine delete -config ", "show -raw -config ", "show -all -config ")
	if lines := strings.Count(out, "\n"); lines > 18 || strings.Contains(out, "verdict:") || strings.Contains(out, "history  ") {
		t.Errorf("%d lines:\n%s", lines, out)
	}
	out, _ = q(exitFine, "show", "-all", "m1")
	wantIn(t, out, "m1: held, for own-domain-spoof\n", "\nall evidence\n", " quarantined by mxgate: own-domain-spoof", "\nverdict: QUARANTINE: own-domain-spoof\n")
	_, errOut := q(exitUsage, "show", "-all", "-raw", "m1")
	wantIn(t, errOut, "-all and -raw: expected one of them")

	_, errOut = q(exitCouldNot, "release", "-by", "erika", "m1")
	wantIn(t, errOut, "mxgate: m1: not released, still held: next hop 127.0.0.1:1:")
	l.write(sink.Addr().String())
	out, _ = q(exitFine, "release", "-by", "erika", "m1")
	if out != "m1 released to its next hop\n" || sink.Count() != 1 {
		t.Errorf("%q, %d at the next hop", out, sink.Count())
	}
	_, errOut = q(exitCouldNot, "release", "m1", "nosuch")
	wantIn(t, errOut, "m1: already released at 2", " by erika\n", `"nosuch": no such message`)
	out, _ = q(exitFine, "show", "m1")
	wantIn(t, out, "m1: released at 2", " by erika, was held for own-domain-spoof\n", " release failed by erika: next hop", " released by erika: ")
	if strings.Contains(out, "quarantine release") || strings.Contains(out, "quarantine delete") {
		t.Errorf("steps for what was decided:\n%s", out)
	}
	if out, _ = q(exitFine, "list"); out != "nothing is held\n" {
		t.Errorf("got %q", out)
	}
	out, _ = q(exitFine, "list", "-all")
	wantIn(t, out, "released")

	q(exitFine, "delete", "-by", "max", "m1")
	_, errOut = q(exitCouldNot, "delete", "m1")
	wantIn(t, errOut, "m1: already deleted at 2", " by max")
	_, errOut = q(exitCouldNot, "release", "m1")
	wantIn(t, errOut, "m1: already deleted at 2", " by max")
	out, _ = q(exitFine, "show", "m1")
	wantIn(t, out, "m1: deleted at 2", " deleted by max")
	_, errOut = q(exitCouldNot, "show", "-raw", "m1")
	wantIn(t, errOut, "m1: deleted at 2")
}

func TestShowSaysWhenTheRulesHaveChanged(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.hold("m1")
	text, err := os.ReadFile(l.config)
	if err == nil {
		err = os.WriteFile(l.config, append(text, "[policy.dispositions]\nown-domain-spoof = \"reject\"\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, out, _ := mx(t, "quarantine", "show", "-config", l.config, "m1")
	wantIn(t, out, "m1: held, for own-domain-spoof\n  why         It was so.\n", "\n  note        the rules have changed since: now it would be reject, own-domain-spoof. The mail\n")
}
