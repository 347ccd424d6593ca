package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/store"
	"mxgate/policy/mail"
)

// found runs a listing with -json and returns the ids.
func (l *lab) found(command string, args ...string) (ids, errOut string) {
	l.t.Helper()
	code, out, errOut := mx(l.t, append(append(strings.Fields(command), "-config", l.config, "-json"), args...)...)
	if code != exitFine {
		l.t.Errorf("%s %q: %d, %s", command, args, code, errOut)
	}
	var all []string
	for line := range strings.Lines(out) {
		var one struct{ ID string }
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			l.t.Fatal(err)
		}
		all = append(all, one.ID)
	}
	return strings.Join(all, " "), errOut
}

// Where is Anna's mail to Bob?
func TestJournalFindsWhoWroteToWhom(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.journal() // "held" is of anna@partner.example to bob@example.com
	quoted := mail.Address{Local: `o" b`, Domain: "example.com"}
	for _, e := range []store.Entry{
		{ID: "bounce", At: time.Now(), ForwardPaths: []mail.Address{quoted}, MessageID: "<Dsn.1@example.com>"},
		{ID: "other", At: time.Now(), ReversePath: mail.Address{Local: "Anna", Domain: "sub.partner.example"}, Author: "anna@partner.example", ForwardPaths: []mail.Address{anna}},
		{ID: "partly", At: time.Now(), ForwardPaths: []mail.Address{anna}, RefusedPaths: []mail.Address{{Local: "gone", Domain: "gone.example"}}, Sentence: "Refused were <told@gone.example>: 550 No."},
		{ID: "before", At: time.Now().AddDate(0, 0, -9), ReversePath: anna, ForwardPaths: []mail.Address{bob}, MessageID: "<1@partner.example>"},
	} {
		l.store.Journal(e)
	}
	if err := l.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	const further = "-since WHEN looks further back"
	for _, c := range []struct {
		args string // with tabs between them
		want string
		err  string
	}{
		{"-from\tanna@partner.example", "held other", ""},
		{"-from\t<ANNA@partner.example>", "held other", ""},
		{"-from\tpartner.example", "held other", ""},
		{"-from\t@sub.partner.example", "other", ""},
		{"-from\t<>", "gone bounce partly", ""},
		{"-to\tGone@gone.example", "partly", ""},
		{"-to\tgone.example", "partly", ""},
		{"-to\ttold@gone.example", "", further},
		{"-to\tBob@Example.com", "held", ""},
		{"-to\texample.com", "held bounce", ""},
		{"-to\t\"o\\\" b\"@example.com", "bounce", ""},
		{"-from\tanna@partner.example\t-to\tbob@example.com", "held", ""},
		{"-from\tanna@partner.example\t-to\tbob@example.com\t-since\t2w", "before held", ""},
		{"-from\tanna@partner.example\t-to\tbob@example.com\t-since\t2w\t-limit\t1", "held", "there is more"},
		{"-from\tanna@partner.example\t-until\t7d", "before", ""},
		{"-from\tanna@partner.example\t-outcome\taborted", "", further},
		{"-from\tnobody@partner.example", "", further},
		{"-from\tnobody@partner.example\t-since\t2w", "", ""},
		{"-message-id\t<Dsn.1@example.com>", "bounce", ""},
		{"-message-id\tDsn.1@example.com", "bounce", ""},
		{"-message-id\tdsn.1@example.com", "", ""},
		{"-message-id\t1@partner.example", "before", ""}, // whenever it came
		{"-message-id\t1@partner.example\t-since\t1d", "", ""},
		{"-from\tnobody@partner.example\t-message-id\t1@partner.example", "", ""},
		{"-from\tnobody@partner.example\t-until\t1d", "", ""},
		{"-id\t(before)", "before", ""},
	} {
		got, errOut := l.found("journal", strings.Split(c.args, "\t")...)
		if got != c.want || !strings.Contains(errOut, c.err) || c.err == "" && errOut != "" {
			t.Errorf("%s: %q, %q; want %q, %q", c.args, got, errOut, c.want, c.err)
		}
	}
	for id, want := range map[string]string{"partly": `"forward_paths":["anna@partner.example"],"refused_paths":["gone@gone.example"],`, "bounce": `"refused_paths":[],`} {
		if code, out, _ := mx(t, "journal", "-config", l.config, "-json", "-id", id); code != exitFine || !strings.Contains(out, want) {
			t.Errorf("%s: %d, %q", id, code, out)
		}
	}
	for args, want := range map[string]string{
		"-from x@y.example -to z.example":   "nothing from x@y.example to z.example in the last 1d\n",
		"-message-id x@y.example":           "nothing in the journal\n",
		"-reason clean -since 3w -until 2w": "nothing in the last 21d, earlier than 14d ago\n",
	} {
		if code, out, _ := mx(t, append([]string{"journal", "-config", l.config}, strings.Fields(args)...)...); code != exitFine || out != want {
			t.Errorf("%s: %d, %q", args, code, out)
		}
	}
}

func TestJournalLooksAtADay(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	day := time.Date(2025, 11, 22, 0, 0, 0, 0, time.Local)
	for id, at := range map[string]time.Time{"eve": day.Add(-time.Second), "first": day, "ten": day.Add(10 * time.Hour), "last": day.AddDate(0, 0, 1).Add(-time.Second), "morrow": day.AddDate(0, 0, 1)} {
		l.store.Journal(store.Entry{ID: id, At: at})
	}
	if err := l.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"-since 2025-11-22 -until 2025-11-22":       "first ten last",
		"-since 2025-11-22T10:00 -until 2025-11-22": "ten last",
		"-until 2025-11-22T10:00":                   "eve first",
		"-since 2025-11-23":                         "morrow",
	} {
		if got, errOut := l.found("journal", strings.Fields(args)...); got != want || errOut != "" {
			t.Errorf("%s: %q, %q; want %q", args, got, errOut, want)
		}
	}
	stamped := day.Format(stamp)
	if _, out, _ := mx(t, "journal", "-config", l.config, "-since", "2025-11-22", "-until", "2025-11-22T00:00:00", "-reason", "clean"); out != "" {
		t.Errorf("got %q", out)
	}
	if _, out, _ := mx(t, "journal", "-config", l.config, "-since", "2025-11-22", "-until", "2025-11-22", "-reason", "clean"); out != fmt.Sprintf("nothing since %s, before %s\n", stamped, day.AddDate(0, 0, 1).Format(stamp)) {
		t.Errorf("got %q", out)
	}
}

func TestQuarantineListFindsWhoWroteToWhom(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.hold("h1") // of anna@partner.example, as ceo@example.com, to bob@example.com
	for _, c := range []struct{ args, want string }{
		{"-from anna@partner.example", "h1"},
		{"-from CEO@example.com", "h1"},
		{"-from @partner.example -to bob@example.com", "h1"},
		{"-from partner.example -to anna@partner.example", ""},
		{"-to example.com", "h1"},
		{"-from <>", ""},
		{"-from <> -all", ""},
	} {
		if got, errOut := l.found("quarantine list", strings.Fields(c.args)...); got != c.want || errOut != "" {
			t.Errorf("%s: %q, %q", c.args, got, errOut)
		}
	}
	if _, out, _ := mx(t, "quarantine", "list", "-config", l.config, "-reason", "lookalike", "-from", "<>", "-to", "bob@example.com"); out != "nothing is held for lookalike from <> to bob@example.com\n" {
		t.Errorf("got %q", out)
	}
	// An id may be as the SMTP reply shows it.
	if code, out, errOut := mx(t, "quarantine", "show", "-config", l.config, "(h1)"); code != exitFine || !strings.HasPrefix(out, "h1: held") {
		t.Errorf("%d, %q, %q", code, out, errOut)
	}
	if code, out, errOut := mx(t, "quarantine", "delete", "-config", l.config, "(h1)"); code != exitFine || out != "h1 deleted\n" {
		t.Errorf("%d, %q, %q", code, out, errOut)
	}
}

func TestAFilterThatCannotBeIsRefused(t *testing.T) {
	const address = "expected an address such as anna@example.com, or a domain such as example.com"
	for _, c := range []struct{ flag, value, want string }{
		{"-from", "", address + ", or <> for the null reverse-path; see"},
		{"-from", "anna", address},
		{"-from", "@", address},
		{"-from", "anna@", address},
		{"-from", "anna@ex ample.com", address},
		{"-from", " anna@example.com", address},
		{"-from", "Anna <anna@example.com>", address},
		{"-from", "anna@example.com,bob@example.com", address},
		{"-from", "%", address},
		{"-to", "", address + "; see"},
		{"-to", " ", address},
		{"-to", "<>", "a recipient is never null: " + strings.Replace(address, "anna", "bob", 1)},
	} {
		for _, command := range []string{"journal", "quarantine list"} {
			code, out, errOut := mx(t, append(strings.Fields(command), "-config", "x", c.flag, c.value)...)
			if code != exitUsage || out != "" || !strings.Contains(errOut, fmt.Sprintf("invalid value %q for flag %s: %s", c.value, c.flag, c.want)) || strings.Count(errOut, "\n") != 1 {
				t.Errorf("%s %s %q: %d, %q, %q", command, c.flag, c.value, code, out, errOut)
			}
		}
	}
	for _, c := range []struct{ flag, value, want string }{
		{"-message-id", "", "expected a Message-ID such as <4711@example.com>"},
		{"-message-id", "<>", "expected a Message-ID such as <4711@example.com>"},
		{"-message-id", "<4711@example.com> x", "expected a Message-ID such as <4711@example.com>"},
		{"-id", "", "expected an ID as it stands"},
		{"-id", "()", "expected an ID as it stands"},
	} {
		if code, out, errOut := mx(t, "journal", "-config", "x", c.flag, c.value); code != exitUsage || out != "" || !strings.Contains(errOut, c.want) {
			t.Errorf("%s %q: %d, %q, %q", c.flag, c.value, code, out, errOut)
		}
	}
	if code, _, errOut := mx(t, "journal", "-config", "x", "-since", "1d", "-until", "2d"); code != exitUsage || !strings.Contains(errOut, "-since 1d is not before -until 2d; see mxgate journal -h") {
		t.Errorf("%d, %q", code, errOut)
	}
}
