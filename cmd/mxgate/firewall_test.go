package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxgate/cmd/mxgate/internal/firewall"
)

// firewallLab is a configuration, a directory for rules, and the command.
type firewallLab struct {
	t      *testing.T
	config string
	rules  string
}

func newFirewallLab(t *testing.T, text string) firewallLab {
	t.Helper()
	dir := t.TempDir()
	l := firewallLab{t, filepath.Join(dir, "mxgate.toml"), filepath.Join(dir, "rules")}
	l.configure(text)
	return l
}

func (l firewallLab) configure(text string) {
	l.t.Helper()
	if err := os.WriteFile(l.config, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func (l firewallLab) run(args ...string) (code int, out, errOut string) {
	l.t.Helper()
	var o, e bytes.Buffer
	code = runFirewall(l.t.Context(), append([]string{"-config", l.config}, args...), &o, &e)
	return code, o.String(), e.String()
}

func (l firewallLab) read(file string) string {
	l.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

const oldProvider = `[[source]]
name = "old-provider"
provider = "proofpoint"
ranges = ["198.51.100.0/24"]
valid_until = 2020-01-31
`

func TestFirewallWritesRulesToStandardOutput(t *testing.T) {
	l := newFirewallLab(t, fineConfig+oldProvider)
	code, out, errOut := l.run("-format", "nft")
	if code != exitFine {
		t.Fatal(code, errOut)
	}
	wantIn(t, out, "table inet mxgate", `192.0.2.0/24 comment "provider (microsoft365), not in the catalogue"`, "tcp dport { 25 }")
	if strings.Contains(out, "198.51.100") {
		t.Errorf("a source that is over is admitted:\n%s", out)
	}
	wantIn(t, errOut, `source "old-provider" is over since 2020-02-01 and not on the list`)
}

func TestFirewallFileKeepsTheWayBackAndTellsWhatChanges(t *testing.T) {
	l := newFirewallLab(t, fineConfig)
	code, out, errOut := l.run("-format", "plain", "-o", l.rules)
	if code != exitFine {
		t.Fatal(code, errOut)
	}
	wantIn(t, out, "+  192.0.2.0/24  provider (microsoft365), not in the catalogue\n", l.rules+": 1 range more, 0 fewer", "take back:")
	first := l.read(l.rules)
	if code, out, _ := l.run("-format", "plain", "-o", l.rules); code != exitFine || out != l.rules+": nothing has changed\n" {
		t.Errorf("%d, %q", code, out)
	}
	if l.read(l.rules) != first || strings.Contains(l.read(l.rules+".rollback"), "192.0.2") {
		t.Error("a second run changed the rules or the way back")
	}
	l.configure(strings.Replace(fineConfig, "192.0.2.0/24", "192.0.2.0/25", 1))
	code, out, _ = l.run("-format", "plain", "-o", l.rules)
	if code != exitFine || l.read(l.rules+".rollback") != first {
		t.Errorf("%d, %q", code, l.read(l.rules+".rollback"))
	}
	wantIn(t, out, "-  192.0.2.128/25  no source of the configuration\n", "0 ranges more, 1 fewer")
}

// Windows takes a script by the end of its name, the way back as well.
func TestFirewallFilesOfWindowsCanBeLoaded(t *testing.T) {
	l := newFirewallLab(t, fineConfig)
	for format, ending := range map[string]string{"netsh": ".cmd", "powershell": ".ps1", "exchange": ".ps1"} {
		if code, _, errOut := l.run("-format", format, "-o", l.rules); code != exitUsage || !strings.Contains(errOut, "a name that ends in "+ending) {
			t.Errorf("%s: %d, %q", format, code, errOut)
		}
		file := l.rules + " of " + format
		code, out, errOut := l.run("-format", format, "-o", file+ending)
		if code != exitFine {
			t.Fatal(code, errOut)
		}
		wantIn(t, out, "'"+file+ending+"'", "'"+file+".rollback"+ending+"'") // the names have spaces
		l.read(file + ".rollback" + ending)
	}
}

func TestFirewallComparesWithWhatAFirewallShows(t *testing.T) {
	l := newFirewallLab(t, fineConfig+oldProvider)
	if err := os.WriteFile(l.rules, []byte("Members:\n192.0.2.0/25\n192.0.2.128/25\n198.51.100.0/24\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := l.run("-against", l.rules)
	if code != exitFindings || errOut != "" {
		t.Errorf("%d, %q", code, errOut)
	}
	wantIn(t, out, "-  198.51.100.0/24  old-provider, over since 2020-02-01\n", "0 ranges more, 1 fewer")
	if err := os.WriteFile(l.rules, []byte("192.0.2.0/24"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := l.run("-against", l.rules); code != exitFine || out != l.rules+" admits the same addresses\n" {
		t.Errorf("%d, %q", code, out)
	}
	// Rules and comparison at once: standard output is for the rules alone.
	if code, out, errOut := l.run("-against", l.rules, "-format", "plain"); code != exitFine || strings.Contains(out, "admits") || !strings.Contains(errOut, "admits the same") {
		t.Errorf("%d, %q, %q", code, out, errOut)
	}
	// A file that is something else altogether must not pass for an empty list.
	if err := os.WriteFile(l.rules, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := l.run("-against", l.rules); code != exitFindings || !strings.Contains(errOut, "mxgate firewall: "+l.rules+": there is no address in it") {
		t.Errorf("%d, %q", code, errOut)
	}
	// A file is named as it was typed.
	if code, _, errOut := l.run("-against", "nosuch.txt"); code != exitCouldNot || errOut != "mxgate firewall: nosuch.txt: no such file or directory\n" {
		t.Errorf("%d, %q", code, errOut)
	}
	if code, _, errOut := l.run("-format", "plain", "-o", "/nonexistent/x.txt"); code != exitCouldNot || !strings.HasSuffix(errOut, "mxgate firewall: /nonexistent/x.txt: no such file or directory\n") {
		t.Errorf("%d, %q", code, errOut)
	}
	if err := os.WriteFile(l.rules, []byte("192.0.2.0/99"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := l.run("-against", l.rules); code != exitCouldNot || !strings.Contains(errOut, l.rules+": firewall: rules cannot be read: line 1") {
		t.Errorf("%d, %q", code, errOut)
	}
}

func TestFirewallRefusesAndThenWritesNothing(t *testing.T) {
	wide := strings.Replace(fineConfig, "192.0.2.0/24", "100.0.0.0/8", 1)
	own := "flush ruleset\ninclude \"/etc/mxgate/rules\"\n"
	for _, c := range []struct {
		name, config, there string
		args                []string
		code                int
		says                string
	}{
		{"nobody admitted", strings.Replace(fineConfig, `ranges =`, "valid_until = 2020-01-31\nranges =", 1), "", []string{"-force"}, exitCouldNot, "nobody would be admitted"},
		{"too wide", wide, "", nil, exitCouldNot, `100.0.0.0/8 of source "provider"`},
		{"somebody's own file", fineConfig, own, nil, exitCouldNot, "not a file of this format made here"},
		{"wide, by force", wide, "", []string{"-force"}, exitFine, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newFirewallLab(t, c.config)
			if c.there != "" {
				if err := os.WriteFile(l.rules, []byte(c.there), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			code, _, errOut := l.run(append([]string{"-format", "nft", "-o", l.rules}, c.args...)...)
			if code != c.code || !strings.Contains(errOut, c.says) {
				t.Errorf("%d, %q", code, errOut)
			}
			text, err := os.ReadFile(l.rules)
			if c.code != exitFine && (string(text) != c.there || c.there == "" && err == nil) {
				t.Errorf("wrote %q", text)
			}
		})
	}
}

func TestFirewallPortsAreThoseListenedOn(t *testing.T) {
	listen := func(addresses ...string) string {
		text := fineConfig
		for _, a := range addresses {
			text += "[[listener]]\naddress = \"" + a + "\"\n"
		}
		return text
	}
	for _, c := range []struct {
		name, config string
		args         []string
		want         string
		says         string // "": nothing of ports
	}{
		{"default", fineConfig, nil, "TCP port 25\n", ""},
		{"two, and one for this machine only", listen("192.0.2.1:25", "[::]:2525", "127.0.0.1:10025"), nil, "TCP port 25, 2525\n", ""},
		{"opened by systemd", listen("systemd:smtp"), nil, "TCP port 25\n", "the rules close TCP port 25, although systemd opens the port and the configuration does not say which; -ports names others"},
		{"for this machine only", listen("127.0.0.1:25", "[::1]:2525"), nil, "TCP port 25\n", "the rules close TCP port 25, although the gateway listens on 127.0.0.1:25, [::1]:2525 alone, where nobody else can connect; -ports names others"},
		{"another one only", listen(":2525"), nil, "TCP port 2525\n", "the rules close TCP port 2525, where the gateway listens, and not 25; -ports names others"},
		{"given", fineConfig, []string{"-ports", "465, 25"}, "TCP port 25, 465\n", ""},
		{"given, for this machine only", listen("127.0.0.1:25"), []string{"-ports", "25"}, "TCP port 25\n", ""},
	} {
		l := newFirewallLab(t, c.config)
		if code, out, errOut := l.run(append(c.args, "-format", "plain")...); code != exitFine || !strings.Contains(out, c.want) || !strings.Contains(errOut, c.says) || strings.Contains(errOut, "-ports") != (c.says != "") {
			t.Errorf("%s: %d, %q, %q", c.name, code, out, errOut)
		}
	}
	l := newFirewallLab(t, fineConfig+"[[listener]]\naddress = \":25\"\nproxy_protocol = [\"192.0.2.5\"]\n")
	if _, _, errOut := l.run("-format", "plain"); !strings.Contains(errOut, "listener :25: there, these rules belong in front of the balancers") {
		t.Error(errOut)
	}
}

func TestFirewallCheckSaysWhatWasChecked(t *testing.T) {
	l := newFirewallLab(t, fineConfig)
	for format, want := range map[string]string{"plain": "not checked: plain has no dry run", "azure-cli": "checked by sh -n"} {
		if code, _, errOut := l.run("-format", format, "-check"); code != exitFine || !strings.Contains(errOut, want) {
			t.Errorf("%s: %d, %q", format, code, errOut)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nft"), []byte("#!/bin/sh\necho syntax error; exit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/bin:/usr/bin")
	if code, out, errOut := l.run("-format", "nft", "-check", "-o", l.rules); code != exitCouldNot || out != "" || !strings.Contains(errOut, "syntax error") {
		t.Errorf("%d, %q, %q", code, out, errOut)
	}
	if _, err := os.Stat(l.rules); err == nil {
		t.Error("rules that the tool refuses were written")
	}
}

func TestFirewallMisuseIsOneLine(t *testing.T) {
	l := newFirewallLab(t, fineConfig)
	for _, c := range []struct{ args, want string }{
		{"", "expected -format FIREWALL, one of nft, "},
		{"-format cisco", `invalid value "cisco" for flag -format: expected one of nft, `},
		{"-against x -check", "-o and -check need -format FIREWALL"},
		{"-format netsh -o rules.txt", `-o "rules.txt": expected a name that ends in .cmd`},
		{"-format nft -ports 0", `invalid value "0" for flag -ports: expected ports from 1 to 65535`},
		{"-format nft x", `unexpected argument "x"`},
	} {
		code, out, errOut := l.run(strings.Fields(c.args)...)
		if code != exitUsage || out != "" || !strings.Contains(errOut, c.want) || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s: %d, %q, %q", c.args, code, out, errOut)
		}
	}
	for _, f := range firewall.Formats() { // all that help promises
		if code, _, errOut := l.run("-format", f.Name); code != exitFine {
			t.Errorf("%s: %d, %q", f.Name, code, errOut)
		}
	}
}
