package main

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestWhoDecidesIsWhoCalledSudo(t *testing.T) {
	for _, c := range []struct{ sudo, doas, given, want string }{
		{"erika", "", "", "erika"},
		{"", "otto", "", "otto"},
		{"erika", "otto", "", "erika"},
		{"", "", "", whoami()},
		{"erika", "otto", "anna", "anna"},
	} {
		t.Setenv("SUDO_USER", c.sudo)
		t.Setenv("DOAS_USER", c.doas)
		var args []string
		if c.given != "" {
			args = []string{"-by", c.given}
		}
		q, a, p := quarantining{flags: flags("x", io.Discard)}, allowing{beside: &beside{flags: flags("x", io.Discard)}}, providing{flags: flags("x", io.Discard)}
		q.byFlags()
		a.revokeFlags()
		p.acceptFlags()
		for command, got := range map[*flag.FlagSet]*string{q.flags: &q.by, a.flags: &a.by, p.flags: &p.by} {
			if _, ok := parseOnly(command, args); !ok || *got != c.want {
				t.Errorf("%+v: recorded %q", c, *got)
			}
		}
	}
}

// Every command that takes -config takes the file from MXGATE_CONFIG, too.
func TestTheConfigurationMayBeNamedByTheEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "absent.toml")
	t.Setenv("MXGATE_CONFIG", file)
	for _, args := range [][]string{
		{"serve"}, {"check-config"}, {"check-config", "-offline"}, {"explain", "x.eml"}, {"trace", "x.eml"}, {"journal"}, {"strangers"},
		{"providers", "status"}, {"providers", "refresh"}, {"providers", "accept", "a:b"}, {"firewall", "-format", "nft"}, {"probe", "192.0.2.1"},
		{"quarantine", "list"}, {"quarantine", "show", "x"}, {"quarantine", "release", "x"}, {"memory", "stats"}, {"allow", "list"}, {"block", "lookalike", "a.example", "for", "b.example"},
	} {
		if code, _, errOut := mx(t, args...); code != exitCouldNot {
			t.Errorf("%q: %d, %s", args, code, errOut)
		} else {
			wantIn(t, errOut, file)
		}
	}
}

func TestAFileThatIsNamedCountsMoreThanTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	fine := filepath.Join(dir, "fine.toml")
	if err := os.WriteFile(fine, []byte(fineConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MXGATE_CONFIG", filepath.Join(dir, "absent.toml"))
	for _, args := range [][]string{{"-offline", "-config", fine}, {"-offline", fine}} {
		if code, out, errOut := mx(t, append([]string{"check-config"}, args...)...); code != exitFine {
			t.Errorf("%q: %d, %s, %s", args, code, out, errOut)
		}
	}
	if code, _, errOut := mx(t, "check-config", "-config", fine, fine); code != exitUsage {
		t.Errorf("two files: %d, %s", code, errOut)
	}
	_, out, _ := mx(t, "help", "journal")
	wantIn(t, out, "MXGATE_CONFIG")
	_, out, _ = mx(t, "help")
	wantIn(t, out, "MXGATE_CONFIG")
}

func TestAMissingConfigurationIsToldWithBothWaysToNameIt(t *testing.T) {
	for _, args := range [][]string{{"serve"}, {"journal"}, {"quarantine", "list"}} {
		code, _, errOut := mx(t, args...)
		if code != exitUsage {
			t.Errorf("%q: %d", args, code)
		}
		wantIn(t, errOut, "-config FILE", "MXGATE_CONFIG")
	}
}
