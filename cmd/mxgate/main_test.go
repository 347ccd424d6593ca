package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain takes out of the environment what the commands read there.
func TestMain(m *testing.M) {
	for _, name := range []string{configVariable, "SUDO_USER", "DOAS_USER"} {
		os.Unsetenv(name)
	}
	os.Exit(m.Run())
}

// mx runs the program.
func mx(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, &o, &e)
	return code, o.String(), e.String()
}

// wantIn fails for each part that text lacks.
func wantIn(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is missing in:\n%s", p, text)
		}
	}
}

func TestMisuseIsOneLineThatNamesTheHelp(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"version x", `mxgate version: unexpected argument "x"; see mxgate version -h`},
		{"--version x", `mxgate version: unexpected argument "x"; see mxgate version -h`},
		{"demo x", `mxgate demo: unexpected argument "x"; see mxgate demo -h`},
		{"serve x", `mxgate serve: unexpected argument "x"; see mxgate serve -h`},
		{"check-config -nonsense", "mxgate check-config: flag provided but not defined: -nonsense; see mxgate check-config -h"},
		{"explain", "mxgate explain: expected FILE..., messages as .eml or mbox, or - for standard input; see mxgate explain -h"},
		{"explain -client nobody x", `mxgate explain: invalid value "nobody" for flag -client: expected an address such as 192.0.2.1 or 2001:db8::1; see mxgate explain -h`},
		{"explain -mail-from nobody x", `mxgate explain: invalid value "nobody" for flag -mail-from: expected an address such as bob@example.com; see mxgate explain -h`},
		{"explain -rcpt nobody x", `mxgate explain: invalid value "nobody" for flag -rcpt: expected an address such as bob@example.com; see mxgate explain -h`},
		{"journal -since 1week", `mxgate journal: invalid value "1week" for flag -since: expected how long ago, such as 12h, 7d or 2w, or a date such as 2026-11-22 or 2026-11-22T10:00; see mxgate journal -h`},
		{"journal -limit 0", `mxgate journal: invalid value "0" for flag -limit: expected a number from 1; see mxgate journal -h`},
		{"journal -disposition drop", `mxgate journal: invalid value "drop" for flag -disposition: expected one of relay, tag, defer, quarantine, reject; see mxgate journal -h`},
		{"strangers x", `mxgate strangers: unexpected argument "x"; see mxgate strangers -h`},
		{"quarantine list -by erika", "mxgate quarantine list: flag provided but not defined: -by; see mxgate quarantine list -h"},
		{"quarantine show -limit 3", "mxgate quarantine show: flag provided but not defined: -limit; see mxgate quarantine show -h"},
		{"quarantine release -json", "mxgate quarantine release: flag provided but not defined: -json; see mxgate quarantine release -h"},
		{"quarantine delete -raw", "mxgate quarantine delete: flag provided but not defined: -raw; see mxgate quarantine delete -h"},
		{"journal", "mxgate: -config FILE is missing, and MXGATE_CONFIG names none"},
		{"memory import x.csv", "mxgate: -config FILE is missing, and MXGATE_CONFIG names none"},
		{"memory stats -take x.example", "mxgate memory stats: flag provided but not defined: -take; see mxgate memory stats -h"},
		{"allow lookalike -expires soon", `mxgate allow lookalike: invalid value "soon" for flag -expires: expected a date such as 2027-12-31, or a number of days from 1 to 3650; see mxgate allow lookalike -h`},
		{"block lookalike a.example for b.example", "mxgate: -config FILE is missing, and MXGATE_CONFIG names none"},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, out, errOut := mx(t, strings.Fields(c.args)...)
			if code != exitUsage || out != "" || strings.TrimSpace(errOut) != c.want || strings.Count(errOut, "\n") != 1 {
				t.Errorf("%d, %q, %q, want %d and\n%s", code, out, errOut, exitUsage, c.want)
			}
		})
	}
}

func TestHelpTellsWhatACommandDoesAndItsFlags(t *testing.T) {
	for _, c := range []struct {
		args string
		want []string
	}{
		{"help", []string{"usage: mxgate COMMAND", "mxgate journal -config FILE", "mxgate strangers -config FILE", "exit codes: 0 fine"}},
		{"help help", []string{"usage: mxgate COMMAND"}},
		{"--help", []string{"usage: mxgate COMMAND"}},
		{"explain -h", []string{"mxgate explain: judge stored messages", "usage: mxgate explain [flags] FILE...", "-client IP", "microsoft365", "proofpoint-essentials"}},
		{"help explain", []string{"mxgate explain: judge stored messages", "-client IP"}},
		{"journal --help", []string{"mxgate journal: show what became of each message", "(default 1d)"}},
		{"strangers -h", []string{"mxgate strangers: show who tried to get around the provider", "(default 7d)"}},
		{"help version", []string{"mxgate version: print the version", "usage: mxgate version\n"}},
		{"quarantine -h", []string{"mxgate quarantine list -config", "mxgate quarantine release -config"}},
		{"help quarantine show", []string{"mxgate quarantine show: one message", "-raw"}},
		{"help", []string{"mxgate memory import|stats|show|forget|export -config FILE", "mxgate allow lookalike|list|revoke -config FILE", "mxgate block lookalike -config FILE"}},
		{"memory -h", []string{"mxgate memory import -config FILE", "mxgate memory forget -config FILE DOMAIN|MAILBOX... | -all -yes"}},
		{"help memory import", []string{"mxgate memory import: teach it a list of vendors", "-vouch", "-sent", "may be forged", "-take DOMAIN"}},
		{"allow lookalike -h", []string{"SENDER for TARGET -reason WHY", "nothing else is allowed", "(default 400d)"}},
		{"help block lookalike", []string{"mxgate block lookalike: mail of SENDER counts as an imitation of TARGET"}},
		{"version", []string{"mxgate " + version}},
		{"--version", []string{"mxgate " + version}},
		{"-version", []string{"mxgate " + version}},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, out, errOut := mx(t, strings.Fields(c.args)...)
			if code != exitFine || errOut != "" {
				t.Errorf("%d, %q", code, errOut)
			}
			wantIn(t, out, c.want...)
		})
	}
}

func TestAnUnknownCommandIsMisuse(t *testing.T) {
	for _, args := range [][]string{{}, {"nonsense"}, {"help", "nonsense"}, {"quarantine"}, {"quarantine", "nonsense"}, {"memory"}, {"allow"}, {"allow", "nonsense"}, {"block", "list"}} {
		if code, out, errOut := mx(t, args...); code != exitUsage || out != "" || !strings.Contains(errOut, "usage: mxgate ") {
			t.Errorf("%q: %d, %q, %q", args, code, out, errOut)
		}
	}
}

func TestSpan(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		text string
		want time.Duration // 0: refused
		back string
	}{
		{"7d", 7 * day, "7d"},
		{"24h", day, "1d"},
		{"1d12h", 36 * time.Hour, "36h"},
		{"90m", 90 * time.Minute, "1h30m"},
		{"10s", 10 * time.Second, "10s"},
		{"0d1s", time.Second, "1s"},
		{"40000d", 0, ""},
		{"99999999999999999999d", 0, ""},
		{"2000000h", 0, ""},
		{"0d", 0, ""},
		{"0", 0, ""},
		{"", 0, ""},
		{"d", 0, ""},
		{"-1d", 0, ""},
		{"1d-1h", 0, ""},
		{"7", 0, ""},
		{"1d2d", 0, ""},
	} {
		var s span
		err := s.Set(c.text)
		if (err == nil) != (c.want > 0) || time.Duration(s) != c.want {
			t.Errorf("%q: got %s, %v, want %s", c.text, time.Duration(s), err, c.want)
		}
		if c.want > 0 && s.String() != c.back {
			t.Errorf("%q is shown as %q, want %q", c.text, s.String(), c.back)
		}
	}
}

func TestATableAlignsCharactersAndWrapsNotes(t *testing.T) {
	var tab table
	tab.add("", "A", "LONG HEAD", "C")
	tab.add(strings.Repeat("word ", 30), "äöü", "x", "z")
	var b strings.Builder
	if err := tab.print(&b); err != nil {
		t.Fatal(err)
	}
	want := "A    LONG HEAD  C\näöü  x          z\n    " + strings.TrimSpace(strings.Repeat("word ", 19)) + "\n    " + strings.TrimSpace(strings.Repeat("word ", 11)) + "\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// A certificate that is broken or not to be read takes the gateway's place away, and not
// the quarantine from those who look into it.
func TestOnlyWhoListensNeedsTheCertificate(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	text, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(l.dir, "broken.pem")
	if err := os.WriteFile(broken, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	tls := fmt.Sprintf("[tls]\ncert_file = %q\nkey_file = %q\nclient_ca_file = %q\n", broken, filepath.Join(l.dir, "none"), broken)
	if err := os.WriteFile(l.config, append(text, tls...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"quarantine", "list"}, exitFine},
		{[]string{"journal"}, exitFine},
		{[]string{"strangers"}, exitFine},
		{[]string{"allow", "list"}, exitFine},
		{[]string{"firewall", "-format", "plain"}, exitFine},
		{[]string{"check-config", "-offline"}, exitFindings},
		{[]string{"serve"}, exitCouldNot},
	} {
		code, _, errOut := mx(t, append(c.args, "-config", l.config)...)
		for _, key := range []string{"tls.cert_file", "tls.key_file", "tls.client_ca_file"} {
			if code != c.want || strings.Contains(errOut, key) != (c.want != exitFine) {
				t.Errorf("%q: exit %d\n%s", c.args, code, errOut)
				break
			}
		}
	}
}
