package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReadGathersSuitesAndFailures(t *testing.T) {
	suites, failures, err := read(strings.NewReader(
		`{"Action":"output","Package":"p","Test":"T","Output":"    x_test.go:7: suite: spf | passed 188 | of 193 | argued 5\n"}` + "\n" +
			`{"Action":"output","Package":"p","Test":"T","Output":"    suite of nothing\n"}` + "\n" +
			`{"Action":"fail","Package":"p","Test":"T"}` + "\n" +
			`{"Action":"output","Package":"q","Output":"suite: arc | passed 3 | of 3 | argued 0"}` + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []suite{{"arc", 3, 3, 0}, {"spf", 188, 193, 5}}; !slices.Equal(suites, want) {
		t.Errorf("read %v, want %v", suites, want)
	}
	if failures != "p T" {
		t.Errorf("failures %q", failures)
	}
	if _, _, err := read(strings.NewReader("no JSON\n")); err == nil {
		t.Error("no error for what is no JSON")
	}
}

func TestCompareWantsTheSameTable(t *testing.T) {
	text := table([]suite{{"arc", 3, 3, 0}})
	file := filepath.Join(t.TempDir(), "conformance.md")
	for content, want := range map[string]string{
		"a\n" + begin + text + end + "b\n":                     "",
		"a\n" + begin + table([]suite{{"arc", 2, 3, 1}}) + end: "another table",
		"a\n" + begin + text:                                   "marks",
		"no table":                                             "marks",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		err := compare(file, text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", content, err, want)
		}
	}
}
