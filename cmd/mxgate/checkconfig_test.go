package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const fineConfig = `hostname = "gate.example.com"
[[domain]]
name = "example.com"
next_hop = "mail.example.com:25"
[[source]]
name = "provider"
provider = "microsoft365"
ranges = ["192.0.2.0/24"]
`

func TestCheckConfigExitCodesTellFileAndFaultsApart(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	fine := strings.Replace(fineConfig, "microsoft365", "cisco-ces", 1) // whose ranges are of one customer alone
	for name, text := range map[string]string{
		"fine.toml":    fine,
		"shared.toml":  fineConfig,
		"faulty.toml":  fine + "range = 1\n",
		"ending.toml":  fine + "valid_until = 2020-01-31\n",
		"reserve.toml": "data_dir = " + strconv.Quote(path("data")) + "\n" + fine + "[dns]\nservers = [\"127.0.0.1:1\"]\ntimeout = \"1s\"\n",
		"nodata.toml":  "data_dir = \"/nonexistent/mxgate/data\"\n" + fine,
		"nothere.toml": "data_dir = " + strconv.Quote(path("new")) + "\n" + strings.Replace(fine, "mail.example.com:25", "127.0.0.1:1", 1) + "[dns]\nservers = [\"127.0.0.1:1\"]\ntimeout = \"1s\"\n",
	} {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(path("data/reserve"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		args     []string
		code     int
		out, err string
	}{
		{"-config", []string{"-offline", "-config", path("fine.toml")}, exitFine, path("fine.toml") + ": fine", ""},
		{"positional", []string{"-offline", path("fine.toml")}, exitFine, path("fine.toml") + ": fine", ""},
		{"positional before the flags", []string{path("fine.toml"), "-offline"}, exitFine, path("fine.toml") + ": fine", ""},
		{"a fault", []string{"-offline", path("faulty.toml")}, exitFindings, "", path("faulty.toml") + ":9: source[0].range: unknown key: did you mean ranges?"},
		{"a fault, and warnings count", []string{"-offline", "-strict", path("faulty.toml")}, exitFindings, "", "unknown key"},
		{"a warning", []string{"-offline", path("ending.toml")}, exitFine, "see the warnings", "warning: " + path("ending.toml") + ":9: source[0].valid_until = 2020-01-31: is over"},
		{"a warning, and warnings count", []string{"-offline", "-strict", path("ending.toml")}, exitFindings, "can be used, but see the warnings", "valid_until = 2020-01-31: is over"},
		{"no warning, and warnings count", []string{"-offline", "-strict", path("fine.toml")}, exitFine, path("fine.toml") + ": fine", ""},
		{"a provider for all", []string{"-offline", path("shared.toml")}, exitFine, "see the warnings", "warning: " + path("shared.toml") + ":7: source[0].provider: the ranges of Microsoft 365"},
		{"a resolver and a next hop that are not there", []string{path("nothere.toml")}, exitFine, "see the warnings\n  mode enforce", "warning: " + path("nothere.toml") + ":11: dns.servers"},
		{"the same, in the words for the next hop", []string{path("nothere.toml")}, exitFine, "next hop 127.0.0.1:1", "warning: " + path("nothere.toml") + ":5: domain[0].next_hop = \"127.0.0.1:1\""},
		{"the same, and warnings count", []string{"-strict", path("nothere.toml")}, exitFindings, "see the warnings", "warning: "},
		{"a data_dir that cannot be", []string{path("nodata.toml")}, exitFindings, "", path("nodata.toml") + ":1: data_dir = \"/nonexistent/mxgate/data\": neither it nor /nonexistent/mxgate exists"},
		{"a directory in the place of the reserve", []string{path("reserve.toml")}, exitFine, "see the warnings", "warning: " + path("reserve.toml") + ":1: data_dir = \"" + path("data") + "\": " + path("data/reserve") + " is a directory: expected a regular file"},
		{"the same, offline", []string{"-offline", path("reserve.toml")}, exitFine, path("reserve.toml") + ": fine", ""},
		{"an absent file", []string{"-offline", path("absent.toml")}, exitCouldNot, "", "no such file"},
		{"a directory", []string{"-offline", dir}, exitCouldNot, "", "directory"},
		{"no file", []string{"-offline"}, exitUsage, "", "expected one FILE"},
		{"two files", []string{path("fine.toml"), path("fine.toml")}, exitUsage, "", "expected one FILE"},
		{"two files in both ways", []string{"-config", path("fine.toml"), path("fine.toml")}, exitUsage, "", "expected one FILE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			code := runCheckConfig(context.Background(), c.args, &out, &errOut)
			if code != c.code || !strings.Contains(out.String(), c.out) || !strings.Contains(errOut.String(), c.err) {
				t.Errorf("exit %d, want %d\nout: %swant %q\nerr: %swant %q", code, c.code, &out, c.out, &errOut, c.err)
			}
			if c.err == "" && errOut.Len() > 0 {
				t.Errorf("unexpected: %s", &errOut)
			}
		})
	}
}
