package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	attempt = `{"attempt": {"ReversePath": "a@a.example", "ForwardPaths": ["b@b.example"], "Content": "eA==", "Belong": "quarantine", "Answer": "250 2.0.0 OK"}}` + "\n"
	copied  = `{"copy": {"Place": "quarantine", "ReversePath": "a@a.example", "ForwardPaths": ["b@b.example"], "Content": "eA=="}}` + "\n"
)

func TestTheProgramSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name, lines string
		code        int
		want        string
	}{
		{"nothing", attempt + copied, 0, "nothing is wrong: 1 attempts, 1 copies, 0 rows\n"},
		{"a lost message", attempt, 1, "<a@a.example>: answered \"250 2.0.0 OK\" and lost\n"},
		{"two faults", attempt + strings.Replace(copied, "a@", "z@", 1), 1, "<z@a.example>: in quarantine, but nobody sent it\n<a@a.example>: answered \"250 2.0.0 OK\" and lost\n"},
		{"no books", "hello", 2, "ledger: line 1: invalid character 'h' looking for beginning of value\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "books")
			if err := os.WriteFile(file, []byte(c.lines), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, from := range []string{file, "-"} {
				var said strings.Builder
				if code := check([]string{from}, strings.NewReader(c.lines), &said, &said); code != c.code || said.String() != c.want {
					t.Errorf("%s: ends with %d and says %q; want %d, %q", from, code, said.String(), c.code, c.want)
				}
			}
		})
	}
	var said strings.Builder
	if code := check(nil, nil, &said, &said); code != 2 || !strings.HasPrefix(said.String(), "usage") {
		t.Errorf("without a file: %d, %q", code, said.String())
	}
	if code := check([]string{filepath.Join(t.TempDir(), "none")}, nil, &said, &said); code != 2 {
		t.Errorf("a file that is not there: %d", code)
	}
}
