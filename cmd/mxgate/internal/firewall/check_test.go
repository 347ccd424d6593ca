package firewall

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
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

// The scripts for clouds, against programs that write down how they are called.
func TestCloudScriptsTouchOurRulesOnly(t *testing.T) {
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	path(t, map[string]string{
		"az":  `echo "az $*" >>` + calls,
		"aws": `echo "aws $*" >>` + calls + `; case $2 in describe-*) printf 'sgr-1\tsgr-2\n' ;; esac`,
	})
	t.Setenv("GROUP", "the group")
	t.Setenv("NSG", "nsg")
	t.Setenv("SG", "sg-1")
	run := func(name string, l *List, undo bool) string {
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
		if err := os.RemoveAll(calls); err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(t.Context(), "sh")
		c.Stdin = strings.NewReader(text)
		if said, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		called, err := os.ReadFile(calls)
		if err != nil {
			t.Fatal(err)
		}
		return string(called)
	}
	four := build(t, source("a", "", "", "192.0.2.0/24", "198.51.100.0/24"))
	const nsg = " --resource-group the group --nsg-name nsg "
	const rule = "az network nsg rule create" + nsg + "--direction Inbound --protocol Tcp --destination-port-ranges 25 --output none --name "
	if got, want := run("azure-cli", four, false), rule+"mxgate-allow-v4 --priority 100 --access Allow --source-address-prefixes 192.0.2.0/24 198.51.100.0/24\n"+
		rule+"mxgate-deny --priority 102 --access Deny --source-address-prefixes Internet\n"+
		"az network nsg rule delete"+nsg+"--name mxgate-allow-v6\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := run("azure-cli", four, true); strings.Count(got, "rule delete") != 3 || strings.Contains(got, "create") {
		t.Error(got)
	}
	const revoke = "aws ec2 revoke-security-group-ingress --group-id sg-1 --security-group-rule-ids sgr-1 sgr-2\n"
	got := run("aws-cli", four, false)
	if !strings.Contains(got, revoke+"aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions [\n") || !strings.Contains(got, "starts_with(Description, 'mxgate: ')") {
		t.Error(got)
	}
	if got := run("aws-cli", four, true); !strings.HasSuffix(got, revoke) {
		t.Error(got)
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
