package firewall

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// path gives the test a PATH with these programs, each a shell script, and sh.
func path(t *testing.T, programs map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":/bin:/usr/bin")
}

func TestADryRunReadsTheRulesAndItsComplaintIsTold(t *testing.T) {
	l := example(t)
	path(t, map[string]string{
		"nft":              `[ "$*" = "-c -f -" ] && grep -q "table inet mxgate" && exit 0; echo no; exit 1`,
		"pfctl":            "cat >/dev/null; echo 'stdin:3: syntax error' >&2; exit 1",
		"iptables-restore": "grep -q MXGATE",
	})
	check := func(name string) (done, absent []string, err error) {
		t.Helper()
		f, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		return Check(t.Context(), f, l)
	}
	if done, absent, err := check("nft"); err != nil || len(done) != 1 || done[0] != "nft -c -f -" || absent != nil {
		t.Errorf("%q %q %v", done, absent, err)
	}
	if done, _, err := check("pf"); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "stdin:3: syntax error") || done != nil {
		t.Errorf("%q %v", done, err)
	}
	if done, absent, err := check("plain"); done != nil || absent != nil || err != nil {
		t.Errorf("%q %q %v", done, absent, err)
	}
	path(t, nil)
	if done, absent, err := check("pf"); err != nil || done != nil || len(absent) != 1 || absent[0] != "pfctl" {
		t.Errorf("%q %q %v", done, absent, err)
	}
}

// Every list, with every name, is one that the real tools read.
func TestTheRealToolsTakeTheRules(t *testing.T) {
	if os.Geteuid() != 0 && os.Getenv("MXGATE_CI") == "" {
		t.Skip("nft and iptables-restore ask the kernel: only as root")
	}
	for _, l := range []*List{
		example(t),
		build(t, source(hostile, "", "2027-01-31", "192.0.2.0/24"), source(hostile+"2", "", "2040-01-31", "2001:db8::/32")),
		build(t, source(strings.Repeat("ü", 300), "cloudflare-email-security", "2026-12-31", "192.0.2.0/24")),
	} {
		for _, f := range Formats() {
			if f.Name == "pf" {
				continue // its dry run needs a BSD, or nothing
			}
			done, absent, err := Check(t.Context(), f, l)
			switch {
			case err != nil:
				text, _ := f.Write(l)
				t.Errorf("%s: %v\n%s", f.Name, err, text)
			case len(absent) > 0 && os.Getenv("MXGATE_CI") != "":
				t.Errorf("%s: %s is not installed", f.Name, absent)
			case len(absent) > 0:
				t.Logf("%s: checked by %q, not by %q: not installed", f.Name, done, absent)
			}
		}
	}
}

func TestRulesThatAreBrokenFailTheDryRun(t *testing.T) {
	if os.Geteuid() != 0 || find("nft") == "" {
		t.Skip("needs root and nft")
	}
	broken := test{program: "nft", args: []string{"-c", "-f", "-"}, input: "table inet mxgate {\n\tset a { type ipv4_addr; elements = { 192.0.2.0/24 } }\n}\n"}
	if err := broken.run(t.Context(), find("nft")); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}

// script is the rules of a format for a shell, or the way back from the first.
func script(t *testing.T, name string, l *List, undo bool) string {
	t.Helper()
	f, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := f.Write(l)
	if err != nil {
		t.Fatal(err)
	}
	if undo {
		text = f.WriteUndo(l)
	}
	return text
}

// sh runs a script and returns what it said.
func sh(t *testing.T, text string) (said string, err error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh")
	c.Stdin = strings.NewReader(text)
	all, err := c.CombinedOutput()
	return string(all), err
}

// The script for Azure, against a program that writes down how it is called.
func TestAzureScriptTouchesOurRulesOnly(t *testing.T) {
	calls := filepath.Join(t.TempDir(), "calls")
	path(t, map[string]string{"az": `echo "az $*" >>` + calls})
	t.Setenv("GROUP", "the group")
	t.Setenv("NSG", "nsg")
	called := func(undo bool) string {
		t.Helper()
		if err := os.RemoveAll(calls); err != nil {
			t.Fatal(err)
		}
		if said, err := sh(t, script(t, "azure-cli", build(t, source("a", "", "", "192.0.2.0/24", "198.51.100.0/24")), undo)); err != nil {
			t.Fatal(err, said)
		}
		text, err := os.ReadFile(calls)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const nsg = " --resource-group the group --nsg-name nsg "
	const rule = "az network nsg rule create" + nsg + "--direction Inbound --protocol Tcp --destination-port-ranges 25 --output none --name "
	if got, want := called(false), rule+"mxgate-allow-v4 --priority 100 --access Allow --source-address-prefixes 192.0.2.0/24 198.51.100.0/24\n"+
		rule+"mxgate-deny --priority 102 --access Deny --source-address-prefixes Internet\n"+
		"az network nsg rule delete"+nsg+"--name mxgate-allow-v6\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := called(true); strings.Count(got, "rule delete") != 3 || strings.Contains(got, "create") {
		t.Error(got)
	}
}

// fakeAWS is EC2 as far as the script knows it. Its rules are the lines of $RULES.
const fakeAWS = `
tab=$(printf '\t')
port=$(printf '%s' "$6" | sed 's/.*"FromPort":\([0-9]*\).*/\1/')
range=$(printf '%s' "$6" | sed 's/.*"Cidr[^"]*":"\([^"]*\)".*/\1/')
description=$(printf '%s' "$6" | sed 's/.*"Description":"\([^"]*\)".*/\1/')
case $2 in
describe-*) cat "$RULES" ;;
authorize-*)
	if grep -q "$tab$port$tab$range$tab" "$RULES"; then echo InvalidPermission.Duplicate >&2; exit 254; fi
	if [ $(wc -l <"$RULES") -ge "$QUOTA" ]; then echo RulesPerSecurityGroupLimitExceeded >&2; exit 254; fi
	printf '%s\t%s\t%s\t%s\n' "sgr-$port-$range" "$port" "$range" "$description" >>"$RULES" ;;
update-*)
	line=$(grep "$tab$port$tab$range$tab" "$RULES") || exit 254
	grep -v "$tab$port$tab$range$tab" "$RULES" >"$RULES.new"
	printf '%s\t%s\t%s\t%s\n' "${line%%$tab*}" "$port" "$range" "$description" >>"$RULES.new"
	mv "$RULES.new" "$RULES" ;;
revoke-*)
	shift 5
	for id; do grep -v "^$id$tab" "$RULES" >"$RULES.new"; mv "$RULES.new" "$RULES"; done ;;
esac
`

// Behind each run the group is what the list says and what others made, and in
// between nobody on both lists was kept out.
func TestAWSScriptAdmitsBeforeItRevokes(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules")
	path(t, map[string]string{"aws": fakeAWS})
	t.Setenv("SG", "sg-1")
	t.Setenv("RULES", rules)
	const others = "sgr-1\t25\t203.0.113.0/24\tby hand\nsgr-2\t443\t0.0.0.0/0\tNone\n"
	if err := os.WriteFile(rules, []byte(others), 0o600); err != nil {
		t.Fatal(err)
	}
	one := build(t, source("a", "", "", "192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32", "203.0.113.0/24"))
	two := build(t, source("a", "", "2027-01-31", "192.0.2.0/24"), source("b", "", "", "198.51.100.0/25"))
	for _, step := range []struct {
		name, quota string
		list        *List
		undo, fails bool
		want        string
	}{
		{"the first list", "60", one, false, false, "25 192.0.2.0/24 a|25 198.51.100.0/24 a|25 2001:db8::/32 a|"},
		{"again", "60", one, false, false, "25 192.0.2.0/24 a|25 198.51.100.0/24 a|25 2001:db8::/32 a|"},
		{"beyond the quota", "5", two, false, true, "25 192.0.2.0/24 a, until 2027-01-31|25 198.51.100.0/24 a|25 2001:db8::/32 a|"},
		{"the second list", "60", two, false, false, "25 192.0.2.0/24 a, until 2027-01-31|25 198.51.100.0/25 b|"},
		{"taken back", "60", two, true, false, ""},
		{"taken back again", "60", two, true, false, ""},
	} {
		t.Setenv("QUOTA", step.quota)
		said, err := sh(t, script(t, "aws-cli", step.list, step.undo))
		if (err != nil) != step.fails {
			t.Errorf("%s: %v, %s", step.name, err, said)
		}
		text, err := os.ReadFile(rules)
		if err != nil || !strings.HasPrefix(string(text), others) {
			t.Errorf("%s: %v: rules of others were touched:\n%s", step.name, err, text)
		}
		var got []string
		for line := range strings.Lines(strings.TrimPrefix(string(text), others)) {
			cells := strings.Split(strings.TrimSpace(line), "\t")
			got = append(got, cells[1]+" "+cells[2]+" "+strings.NewReplacer(awsMark, "", ", written by hand", "").Replace(cells[3])+"|")
		}
		slices.Sort(got)
		if strings.Join(got, "") != step.want {
			t.Errorf("%s: %q, want %q\n%s", step.name, got, step.want, said)
		}
	}
}

func TestReplaceKeepsTheWayBack(t *testing.T) {
	f, err := Lookup("nft")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, back := filepath.Join(dir, "rules"), filepath.Join(dir, "rules.rollback")
	read := func(file string) string {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	texts := []string{f.mark + " one\n", f.mark + " two\n"}
	for i, step := range []struct {
		text    string
		changed bool
		back    string
	}{{texts[0], true, "undo"}, {texts[0], false, "undo"}, {texts[1], true, texts[0]}, {texts[1], false, texts[0]}} {
		earlier, err := f.Earlier(file)
		if err != nil {
			t.Fatal(err)
		}
		changed, err := Replace(file, back, earlier, step.text, "undo")
		if err != nil || changed != step.changed || read(file) != step.text || read(back) != step.back {
			t.Errorf("step %d: %v, %v, %q, back %q", i, changed, err, read(file), read(back))
		}
	}
	for name, text := range map[string]string{"a firewall's own": "flush ruleset\n", "another format's": "# mxgate firewall, pf: x\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Earlier(file); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.Earlier(dir); !errors.Is(err, ErrForeign) {
		t.Errorf("a directory: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".mxgate*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if _, err := Replace(filepath.Join(dir, "nowhere", "rules"), back, nil, "x", "undo"); err == nil {
		t.Error("wrote into a directory that is not there")
	}
}
