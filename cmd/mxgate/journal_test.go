package main

import (
	"strings"
	"testing"
	"time"

	"mxgate/gateway/store"
)

// A slip in a filter must not look like peace.
func TestJournalTellsOfASourceThatThereIsNot(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	if code, out, errOut := mx(t, "journal", "-config", l.config, "-source", "the-provider"); code != exitFine || out != "nothing in the last 1d\n" || errOut != "" {
		t.Errorf("%d, %q, %q", code, out, errOut)
	}
	if code, out, errOut := mx(t, "journal", "-config", l.config, "-source", "nosuch"); code != exitCouldNot || out != "" || !strings.Contains(errOut, `-source "nosuch": nothing came`) || !strings.Contains(errOut, `expected one of "the-provider"`) {
		t.Errorf("%d, %q, %q", code, out, errOut)
	}
	l.store.Journal(store.Entry{ID: "J", At: time.Now(), Source: "removed"}) // from the configuration, not from the journal
	if err := l.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, out, errOut := mx(t, "journal", "-config", l.config, "-source", "removed"); code != exitFine || !strings.Contains(out, "(J)") || errOut != "" {
		t.Errorf("%d, %q, %q", code, out, errOut)
	}
	for _, path := range []string{"direct", "via_old"} {
		if code, _, errOut := mx(t, "journal", "-config", l.config, "-path", path); code != exitUsage || !strings.Contains(errOut, "refused before there was a message: `mxgate strangers`") {
			t.Errorf("%s: %d, %q", path, code, errOut)
		}
	}
	if code, _, errOut := mx(t, "journal", "-config", l.config, "-path", "nosuch"); code != exitUsage || !strings.Contains(errOut, "expected one of via_current") {
		t.Errorf("%d, %q", code, errOut)
	}
}

// There is one message of an id: it is found whenever it came, and a slip is told.
func TestAnIDIsLookedForInTheWholeJournal(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.store.Journal(store.Entry{ID: "old", At: time.Now().AddDate(0, 0, -9), Sentence: "It came."})
	if err := l.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, out, errOut := mx(t, "journal", "-config", l.config, "-id", "old"); code != exitFine || !strings.Contains(out, "It came. (old)") || errOut != "" {
		t.Errorf("%d, %q, %q", code, out, errOut)
	}
	for _, c := range []struct{ args, want string }{
		{"-id nosuch", `-id "nosuch": there is no such message in the journal: expected an ID`},
		{"-id nosuch -json", `-id "nosuch": there is no such message in the journal: expected an ID`},
		{"-id old -since 2d", `-id "old": there is no such message in the last 2d: expected an ID`},
	} {
		if code, out, errOut := mx(t, append([]string{"journal", "-config", l.config}, strings.Fields(c.args)...)...); code != exitCouldNot || out != "" || !strings.Contains(errOut, c.want) {
			t.Errorf("%s: %d, %q, %q", c.args, code, out, errOut)
		}
	}
}

// An error of ours ends with the id; it is not said twice.
func TestTheIDOfAMessageIsShownOnce(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.store.Journal(store.Entry{ID: "J1", At: time.Now(), Sentence: "554 5.5.1 No valid recipients (J1)"})
	l.store.Journal(store.Entry{ID: "J2", At: time.Now(), Sentence: "It came."})
	if err := l.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, out, _ := mx(t, "journal", "-config", l.config)
	if strings.Count(out, "J1") != 1 || !strings.Contains(out, "It came. (J2)") {
		t.Errorf("got\n%s", out)
	}
}
